//! Chance as a function: every draw is a hash of (seed, tick, thing), so it does not matter who asks, when, or how often.

use super::state::Tick;

/// FNV-1a over the bytes: turns the name of a thing into a number.
#[must_use]
pub const fn fnv(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        hash = (hash ^ *first as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = tail;
    }
    hash
}

/// The finalizer of splitmix64: spreads every input bit over the whole word.
#[must_use]
pub const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// 64 bits that belong to this seed, tick and thing and to nothing else.
#[must_use]
pub const fn bits(seed: u64, tick: Tick, thing: u64) -> u64 {
    mix(mix(seed ^ mix(tick.cast_unsigned())) ^ thing)
}

/// A whole number in `low..=high`; `low` when the range is empty.
#[must_use]
pub fn between(seed: u64, tick: Tick, what: &str, thing: &str, low: i64, high: i64) -> i64 {
    let width = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
    let drawn = bits(seed, tick, fnv(what.as_bytes()) ^ mix(fnv(thing.as_bytes()))) % width;
    low.saturating_add(i64::try_from(drawn).unwrap_or(0))
}

/// A number with mean 0 and variance 1, never past ±3.5: four 16-bit uniforms added up.
#[must_use]
pub fn noise(seed: u64, tick: Tick, thing: u64) -> f64 {
    let word = bits(seed, tick, thing);
    let sum: u32 = [0, 16, 32, 48].iter().map(|shift| u32::from(u16::try_from((word >> shift) & 0xffff).unwrap_or(0))).sum();
    (f64::from(sum) / 65_535.0 - 2.0) * 3.0_f64.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_their_range_and_depend_on_every_part() {
        for tick in 0..500 {
            assert!((30..=60).contains(&between(7, tick, "launch", "i-1", 30, 60)));
        }
        assert_ne!(bits(1, 2, 3), bits(2, 2, 3));
        assert_ne!(bits(1, 2, 3), bits(1, 3, 3));
        assert_ne!(bits(1, 2, 3), bits(1, 2, 4));
        assert_eq!(between(1, 2, "a", "b", 5, 4), 5);
    }

    #[test]
    fn noise_has_the_mean_and_spread_it_says() {
        let drawn: Vec<f64> = (0..20_000).map(|tick| noise(9, tick, 1)).collect();
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        let variance = drawn.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}

//! Everything a seed draws comes out of one stream, so that a seed is all it takes to see a run again.

use quarterdeck::world::draw::mix;

pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// True once in `n` draws; never when `n` is 0.
    pub fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.next().is_multiple_of(n)
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let last = u64::try_from(of.len()).unwrap() - 1;
        of[usize::try_from(self.between(0, last)).unwrap()]
    }
}

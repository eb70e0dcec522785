//! Sizes of a server group, and the rule that sizes belong to roles, not to slots.

use serde::{Deserialize, Serialize};

/// What an Auto Scaling group is asked to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Never fewer.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// Wanted now.
    pub desired: u32,
}

impl Sizes {
    /// All three the same, as an idle slot has them, so that no policy can wake it.
    #[must_use]
    pub const fn all(size: u32) -> Self {
        Self { min: size, max: size, desired: size }
    }
}

/// What a group is at the moment; its sizes follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Stable, serves.
    Live,
    /// Being released.
    Candidate,
    /// The old group in its window.
    Standby,
    /// Nothing.
    Idle,
}

/// How many servers carry `weight_pct` of the traffic when `need` carry all of it, rounded up.
#[must_use]
pub fn share_of(need: u32, weight_pct: u32) -> u32 {
    let servers = (u64::from(need) * u64::from(weight_pct.min(100))).div_ceil(100);
    u32::try_from(servers).unwrap_or(u32::MAX)
}

/// How many servers make up `share_pct` of all that work where `need` others work beside them: rounded up, never more than `need`.
#[must_use]
pub fn beside(need: u32, share_pct: u32) -> u32 {
    let others_pct = u64::from(100_u32.saturating_sub(share_pct));
    let servers = if others_pct == 0 { u64::from(need) } else { (u64::from(need) * u64::from(share_pct)).div_ceil(others_pct) };
    u32::try_from(servers).unwrap_or(u32::MAX).min(need)
}

#[cfg(test)]
mod tests {
    use super::{beside, share_of};

    #[test]
    fn servers_beside_others_reach_their_share_unless_that_takes_more_than_all() {
        for need in 0..=20_u32 {
            for pct in 0..=100_u32 {
                let servers = beside(need, pct);
                assert!(servers <= need);
                let fewer_are_too_few = servers == 0 || (servers - 1) * 100 < pct * (servers - 1 + need);
                assert!(fewer_are_too_few, "{servers} beside {need} for {pct}%");
                assert!(servers == need || servers * 100 >= pct * (servers + need), "{servers} beside {need} for {pct}%");
            }
        }
        assert_eq!((beside(30, 5), beside(30, 25), beside(30, 50), beside(30, 100)), (2, 10, 30, 30));
    }

    #[test]
    fn a_share_is_rounded_up_and_never_exceeds_the_whole() {
        for need in 0..=20_u32 {
            for pct in 0..=100_u32 {
                let servers = share_of(need, pct);
                assert!(servers <= need);
                assert!(u64::from(servers) * 100 >= u64::from(need) * u64::from(pct));
            }
        }
        assert_eq!((share_of(12, 5), share_of(12, 25), share_of(12, 100)), (1, 3, 12));
    }
}

//! Canary analysis, pure: is the candidate worse than stable in the same interval?

pub mod counts;

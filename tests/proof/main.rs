//! Proofs beside the random simulation: what the rollout rules promise, tried over everything there is of it in small instead of drawn.
//!
//! The states are made by the real engine on the simulated world, cut at every look, decision and effect. `QD_PROOF_DEPTH` sets how many
//! faults and commands one path may hold; the default is what an ordinary test run can afford.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a test that cannot go on has failed"
)]

mod book;
mod key;
mod pairs;
mod reach;
mod search;
mod sizes;
mod stage;
mod table;
mod ways;

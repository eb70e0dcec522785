//! Bakes by the engine over the simulated world: every end leaves nothing behind, whatever dies or is lost on the way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

#[path = "../support/mod.rs"]
mod support;

mod double;
mod ends;
mod hand_out;
mod kills;
mod mill;
mod packer;
mod plans;
mod program;

//! What is left after crashes, damage and other hands: who says what is wrong, what goes on, and how everything borrowed comes back.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

#[path = "../support/mod.rs"]
mod support;

mod borrowed;
mod disk;
mod ground;
mod input;
mod records;

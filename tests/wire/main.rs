//! The real `qd` with real, detached drivers against AWS on loopback: what is asked on the command line, and what arrives at the endpoint.
//!
//! It shows that `qd` does what our reading of AWS asks for; it says nothing of AWS itself.

// A test that cannot go on has nothing to say but why; JSON is indexed as a test reads it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

#[path = "../simulation/chance.rs"]
mod chance;
#[path = "../support/mod.rs"]
mod support;

mod access;
mod again;
mod alarms;
mod bakes;
mod canary;
mod claims;
mod disk;
mod estate;
mod faults;
mod gone;
mod green;
mod images;
mod intents;
mod kills;
mod others;
mod packer;
mod proxy;
mod refusals;
mod rolling;
mod routes;
mod schema;
mod yard;

//! What the integration tests share.

// Each test binary compiles all of this and uses a part of it.
#![allow(dead_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

pub mod disk;
pub mod endpoint;
pub mod line;
pub mod processes;
pub mod proxy;
pub mod pty;
pub mod qd;
pub mod server;
pub mod sshd;
pub mod venv;
pub mod yard;

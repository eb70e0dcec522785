//! What the integration tests share.

// Each test binary compiles all of this and uses a part of it.
#![allow(dead_code)]

pub mod endpoint;
pub mod pty;
pub mod qd;
pub mod venv;
pub mod yard;

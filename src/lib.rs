//! Quarterdeck.

pub mod domain;
pub mod operation;
pub mod ports;

//! Quarterdeck.

pub mod app;
pub mod domain;
pub mod operation;
pub mod ports;
pub mod runtime;
pub mod terminal;
pub mod view;

//! Quarterdeck.

pub mod adapters;
pub mod config;
pub mod domain;
pub mod engine;
pub mod judge;
pub mod operation;
pub mod plan;
pub mod ports;
pub mod runtime;
pub mod world;

//! Quarterdeck.

pub mod adapters;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod judge;
pub mod operation;
pub mod plan;
pub mod ports;
pub mod world;

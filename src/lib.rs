//! Quarterdeck.

<<<<<<< HEAD
pub mod adapters;
pub mod config;
=======
pub mod app;
>>>>>>> screen
pub mod domain;
pub mod engine;
pub mod judge;
pub mod operation;
pub mod plan;
pub mod ports;
pub mod runtime;
<<<<<<< HEAD
pub mod world;
=======
pub mod terminal;
pub mod view;
>>>>>>> screen

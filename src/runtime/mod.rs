//! Tokio lives here.

pub mod ui;

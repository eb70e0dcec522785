//! Reading files and environment, with errors that name the line and what was expected.

mod adopt;
mod analysis;
mod error;
mod files;
mod fleets;
mod places;
mod reader;
pub mod recipe;
mod route;
#[cfg(test)]
mod tests;

pub use adopt::{adopt, section};
pub use error::ConfigError;
pub use files::{private_dir, read};
pub use fleets::{FleetsFile, Hooks, load, parse};
pub use places::{Places, StoreScope, Surroundings};

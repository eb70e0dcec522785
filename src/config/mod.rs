//! Reading files and environment, with errors that name the line and what was expected.

mod error;
mod files;

pub use error::ConfigError;
pub use files::private_dir;

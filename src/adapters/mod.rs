//! The ports made real: each adapter speaks to one outside thing.

#[cfg(feature = "aws")]
pub mod aws;
pub mod budget;
pub mod gate;
pub mod hook;
pub mod host;
pub mod owner_program;
pub mod packer;
pub mod prometheus;
pub mod sim;
pub mod store;
mod tls;

/// A file beside a store that is deleted on a full disk, so that what is under way can come to rest.
const RESERVE_NAME: &str = "reserve";

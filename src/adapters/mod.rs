//! The ports made real: each adapter speaks to one outside thing.

pub mod host;
pub mod sim;
pub mod store;

//! What is outside, behind the ports.

#[cfg(feature = "aws")]
pub mod aws;
pub mod budget;

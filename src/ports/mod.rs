//! What the program needs from outside, as traits in the domain's words.

pub mod bake;
pub mod budget;
pub mod cloud;
pub mod desk;
pub mod image;
pub mod image_desk;
pub mod metrics;
pub mod notify;
pub mod packer;
pub mod schema;

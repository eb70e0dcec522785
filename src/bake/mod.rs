//! What every bake engine shares: the content key, the builder's user data, and how what a builder or Packer prints becomes progress.

pub mod console;
pub mod join;
pub mod key;
pub mod log;
pub mod marker;
pub mod packages;
pub mod packer;
pub mod render;
pub mod signal;
pub mod tasks;

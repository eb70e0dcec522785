//! Where everything is wired: which cloud, which store, the desk in front of both, the screen's loop, and the driver behind.

pub mod cloud;
pub mod desk;
pub mod driver;
mod gather;
pub mod launch;
pub mod office;
mod records;
pub mod ui;

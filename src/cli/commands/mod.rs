//! The commands, one file each.

pub mod act;
pub mod alarms;
pub mod bake;
pub mod doctor;
pub mod fleet;
pub mod fleets;
pub mod freeze;
pub mod gc;
pub mod image;
pub mod images;
pub mod judge;
pub mod keys;
pub mod ledger;
pub mod ops;
pub mod recipe;
mod rehearse;
pub mod report;
mod several;
pub mod sim;
pub mod steer;
pub mod suspects;
pub mod watch;

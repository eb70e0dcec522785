//! Where everything is wired: which cloud, which store, the desk in front of both, the screen's loop, and the driver behind.

mod ages;
mod alarms;
#[cfg(feature = "aws")]
pub mod aws_desk;
mod bake_log;
mod bakery;
mod base_lag;
pub mod batch;
mod changes;
pub mod cloud;
pub mod desk;
pub mod driver;
mod examine;
mod eyes;
mod freezer;
mod gates;
mod gather;
mod gauges;
pub mod gc;
pub mod ground;
mod images;
mod keeper;
pub mod launch;
mod notifier;
pub mod office;
mod packer_run;
mod plain;
mod proofs;
mod records;
mod recover;
mod rehearse;
pub mod run;
mod schema;
mod time_scale;
pub mod ui;
pub mod wiring;

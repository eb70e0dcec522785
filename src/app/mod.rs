//! What the screen knows and how it changes: `update(&mut Model, Message) -> Vec<Effect>`.
//!
//! Nothing here draws, waits, reads a clock or asks anybody: time comes in with [`Model::look_up`], facts with
//! [`message::Message`], and what is wanted from outside leaves as [`effect::Effect`] values.

mod acting;
pub mod age;
pub mod alarms;
pub mod alert;
#[cfg(test)]
pub(crate) mod bake_fixture;
pub mod bake_lines;
pub mod bake_log;
pub mod bake_replies;
pub mod bake_sheet;
pub mod baking;
pub mod batch;
pub mod colours;
pub mod commands;
pub mod copying;
pub mod effect;
pub mod events;
pub mod field;
pub mod filters;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
pub(crate) mod fixture_slow;
pub mod freezing;
pub mod image;
#[cfg(test)]
pub(crate) mod image_fixture;
pub mod image_sheet;
pub mod judging;
pub mod key;
pub mod keymap;
mod keys;
pub mod life;
pub mod lines;
pub mod listing;
pub mod message;
pub mod model;
mod moving;
pub mod needs;
mod opening;
pub mod palette;
pub mod places;
pub mod polling;
pub mod prospects;
pub mod query;
mod replies;
pub mod report;
pub mod requests;
pub mod retention;
pub mod rows;
mod running;
pub mod sheet;
mod sheet_keys;
pub mod suspects;
pub mod timeline;
pub mod update;
pub mod views;

pub use effect::Effect;
pub use key::Key;
pub use message::Message;
pub use model::Model;
pub use update::{start, update};

//! Nouns and pure rules: what an image, a fleet, a server group and a route are, and nothing that does I/O.

pub mod age;
pub mod bake;
pub mod budget;
pub mod build_call;
pub mod call;
pub mod discovery;
pub mod fleet;
pub mod group;
pub mod ids;
pub mod image;
pub mod image_call;
pub mod image_use;
pub mod lineage;
pub mod mix;
pub mod observation;
pub mod reading;
pub mod recipe;
pub mod refresh;
pub mod release;
pub mod sizes;
pub mod suggest;
pub mod tags;
pub mod text;
pub mod time;
pub mod traffic;

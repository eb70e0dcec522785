//! Intent and facts in, a frozen plan or a refusal out; and what a fleet looks like from the same facts.

mod analysis;
pub mod bake;
pub mod behind;
pub mod changes;
pub mod deploy;
mod drift;
pub mod estate;
mod facts;
pub mod give_back;
mod guards;
mod image;
pub mod image_change;
pub mod live;
pub mod loans;
mod one_group;
pub mod permissions;
pub mod rehearsal;
mod relaunch;
pub mod retention;
pub mod rollback;
pub mod rolling;
mod schema;
mod target;
pub mod way_back;
pub mod work_list;

pub use drift::FirstSeen;
pub use facts::{Facts, ReleaseTemplate, Setting};
pub use image::{find_image, image_meant};

//! The terminal: taken over, given back after anything, and written to only when there is something to say.

pub mod backend;
pub mod capability;
pub mod guard;
pub mod input;

pub use backend::Screen;
pub use guard::{TerminalGuard, install_panic_hook, restore};

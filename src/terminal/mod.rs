//! The terminal: taken over, given back after anything, and written to only when there is something to say.

pub mod backend;
pub mod capability;
pub mod copy;
pub mod decode;
pub mod guard;
pub mod input;
mod pen;
pub mod tty;

pub use backend::Screen;
pub use guard::{TerminalGuard, install_panic_hook, restore};
pub use tty::Tty;

/// Columns and rows of the terminal; what every terminal had once, if it does not say.
#[must_use]
pub fn size() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
    size.ok().filter(|size| size.ws_col > 0 && size.ws_row > 0).map_or((80, 24), |size| (size.ws_col, size.ws_row))
}

//! Taking the terminal over and giving it back: when leaving, when dropped, when something panics, when nothing can be written any more.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::stdio::stdin;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::tty::{Tty, abandon};
use crate::domain::text::escape;

/// Alternate screen, bracketed paste, no cursor.
const WELCOME: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l";
/// All of that undone, and whatever a frame that was cut short left open: synchronised output, a colour.
const FAREWELL: &[u8] = b"\x1b[?2026l\x1b[0m\x1b[?2004l\x1b[?1049l\x1b[?25h";

/// Whether there is anything to give back.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// The line settings as they were found.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);

/// Holds the terminal; dropping it gives the terminal back.
#[derive(Debug)]
pub struct TerminalGuard(());

impl TerminalGuard {
    /// Raw mode, alternate screen, bracketed paste, no cursor.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub fn take() -> io::Result<Self> {
        enter()?;
        Ok(Self(()))
    }

    /// Takes it again after the shell had it.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub fn retake(&self) -> io::Result<()> {
        enter()
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

fn enter() -> io::Result<()> {
    let found = tcgetattr(stdin())?;
    let mut raw = found.clone();
    raw.make_raw();
    // A terminal that is still ours is raw already: what it was before is what counts.
    if !TAKEN.swap(true, Ordering::SeqCst) {
        *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }
    tcsetattr(stdin(), OptionalActions::Now, &raw)?;
    Tty.write_all(WELCOME)
}

/// Gives the terminal back, if it was taken. Errors are of no use here: the terminal may be gone.
pub fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = Tty.write_all(FAREWELL);
        restore_line();
    }
}

/// The same where a write may never return.
pub fn restore_without_waiting() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        restore_line();
        abandon(FAREWELL);
    }
}

fn restore_line() {
    if let Some(found) = FOUND.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        let _ = tcsetattr(stdin(), OptionalActions::Now, found);
    }
}

/// A panic gives the terminal back before it is reported, so that it can be read. On a worker's thread the screen goes on, and the failed
/// request says so: nothing is printed over the frame. What a panic says may quote anything: it is escaped like all text from outside.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(move |info| {
        let said = escape(&info.to_string().replace('\n', " "));
        tracing::error!("a fault of Quarterdeck: {said}");
        let on_worker = std::thread::current().name().is_some_and(|name| name == WORKER);
        if on_worker && TAKEN.load(Ordering::SeqCst) {
            return;
        }
        restore();
        let report =
            format!("qd: this is a fault of Quarterdeck: {said}\nhint: operations go on without this program, see `qd ops`; please report it\n");
        // With standard error gone there is nobody left to tell.
        let _ = io::stderr().write_all(report.as_bytes());
    }));
}

/// Name of the threads that do the screen's requests.
pub const WORKER: &str = "qd-worker";

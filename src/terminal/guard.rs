//! Taking the terminal over and giving it back: when leaving, when dropped, when something panics.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::terminal::{EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

/// Whether there is anything to give back.
static TAKEN: AtomicBool = AtomicBool::new(false);

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
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout().lock();
    queue!(out, EnterAlternateScreen, EnableBracketedPaste, Hide)?;
    out.flush()
}

/// Gives the terminal back, if it was taken. Errors are of no use here: the terminal may be gone.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout().lock();
    let _ = queue!(out, EndSynchronizedUpdate, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// A panic on the screen's own threads gives the terminal back before it is reported, so that it can be read. On a worker's thread the
/// screen goes on, and the failed request says so: nothing is printed over the frame.
pub fn install_panic_hook() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let on_worker = std::thread::current().name().is_some_and(|name| name == WORKER);
        if on_worker && TAKEN.load(Ordering::SeqCst) {
            tracing::error!("a worker failed: {info}");
            return;
        }
        restore();
        report(info);
    }));
}

/// Name of the threads that do the screen's requests.
pub const WORKER: &str = "qd-worker";

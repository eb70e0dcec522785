//! Writing to the terminal: without a lock, without a buffer, and never for ever.
//!
//! Whoever gives the terminal back must not wait for whoever draws on it. So the terminal is opened once more, and only that opening is made
//! not to block: the shell's own, which we were given, stays as it is. Where it cannot be opened again, what we were given has to do.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::stdio::stdout;
use rustix::termios::{QueueSelector, tcflush};

/// Nothing is written any more but the farewell.
static ABANDONED: AtomicBool = AtomicBool::new(false);
/// Between looks at that.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The terminal as something to write to.
#[derive(Clone, Copy, Debug)]
pub struct Tty;

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            while ABANDONED.load(Ordering::SeqCst) {
                // The process ends at once; what comes after the farewell would be on the shell's screen.
                std::thread::park();
            }
            match rustix::io::write(out(), bytes) {
                Err(Errno::AGAIN) => wait_for_room()?,
                Err(Errno::INTR) => {}
                written => return written.map_err(io::Error::from),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes for the last time: what was not sent yet is dropped, and this is sent as far as there is room.
pub fn abandon(farewell: &[u8]) {
    ABANDONED.store(true, Ordering::SeqCst);
    // Whoever waits for room looks up in between.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let _ = tcflush(stdout(), QueueSelector::OFlush);
    let _ = rustix::io::write(out(), farewell);
}

fn out() -> BorrowedFd<'static> {
    static OUT: OnceLock<Option<OwnedFd>> = OnceLock::new();
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    OUT.get_or_init(|| open("/proc/self/fd/1", flags, Mode::empty()).ok()).as_ref().map_or_else(stdout, AsFd::as_fd)
}

fn wait_for_room() -> io::Result<()> {
    let mut terminal = [PollFd::from_borrowed_fd(out(), PollFlags::OUT)];
    match poll(&mut terminal, Some(&LOOK)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

//! The keyboard, read on a thread of its own so that nothing else can delay a key.
//!
//! Our own reading and not the terminal library's: that one never returns once its terminal is gone, and takes a sequence that arrives in
//! pieces for the letters it is made of.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::decode::{Decoder, Input, Open};

/// A lone escape is the key if nothing follows for so long.
const AFTER_ESCAPE: Duration = Duration::from_millis(60);
/// Half a sequence is forgotten if its rest does not come for so long.
const AFTER_PART: Duration = Duration::from_secs(2);

/// Reads inputs and hands each to `take` until it says stop or the terminal is gone.
///
/// # Errors
/// The terminal cannot be read.
pub fn read_all(mut take: impl FnMut(Input) -> bool) -> io::Result<()> {
    let terminal = rustix::stdio::stdin();
    let (mut decoder, mut bytes) = (Decoder::new(), [0_u8; 4_096]);
    loop {
        if !is_ready(patience(decoder.open()))? {
            if decoder.quiet().is_some_and(|input| !take(input)) {
                return Ok(());
            }
            continue;
        }
        let read = match rustix::io::read(terminal, &mut bytes) {
            // The end of the file: whoever held the other side is gone.
            Ok(0) | Err(Errno::IO) => return Ok(()),
            Ok(read) => read,
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(error) => return Err(error.into()),
        };
        for input in decoder.feed(bytes.get(..read).unwrap_or_default()) {
            if !take(input) {
                return Ok(());
            }
        }
    }
}

const fn patience(open: Open) -> Option<Duration> {
    match open {
        Open::Nothing => None,
        Open::Escape => Some(AFTER_ESCAPE),
        Open::Rest => Some(AFTER_PART),
    }
}

/// Waits until there is something to read, or for so long.
fn is_ready(patience: Option<Duration>) -> io::Result<bool> {
    let limit =
        patience.map(|patience| Timespec { tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX), tv_nsec: patience.subsec_nanos().into() });
    let mut terminal = [PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)];
    match poll(&mut terminal, limit.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

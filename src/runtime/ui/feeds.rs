//! What comes in by itself: the keyboard, and news from the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;

use super::clock::boot_time;
use crate::app::Message;
use crate::domain::time::BootTime;
use crate::ports::desk::Desk;
use crate::terminal::decode::Input;
use crate::terminal::input;

/// Between looks at the store's version.
const STORE_PERIOD: Duration = Duration::from_millis(200);

/// What the terminal said, and when it was read: how long it then waits changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What.
    pub input: Input,
    /// When.
    pub at: BootTime,
}

/// Reads the keyboard on a thread of its own, until the terminal is gone.
pub fn keyboard(keys: Sender<Heard>) -> std::io::Result<()> {
    let read = move || {
        let ended = input::read_all(|input| keys.blocking_send(Heard { input, at: boot_time() }).is_ok());
        if let Err(error) = ended {
            tracing::warn!("the keyboard is gone: {error}");
        }
    };
    std::thread::Builder::new().name("qd-keys".to_owned()).spawn(read).map(drop)
}

/// Says when the store has something new.
pub fn store(workers: &Handle, desk: Arc<dyn Desk>, data: Sender<Message>) {
    workers.spawn(async move {
        let mut known = None;
        loop {
            // A version that cannot be read is no news: reading operations says what is wrong.
            if let Ok(version) = desk.store_version()
                && known.replace(version) != Some(version)
                && data.send(Message::StoreChanged(version)).await.is_err()
            {
                return;
            }
            tokio::time::sleep(STORE_PERIOD).await;
        }
    });
}

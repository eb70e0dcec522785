//! What the process is told from outside.

use std::io;
use std::process::exit;
use std::time::Duration;

use rustix::process::Signal;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::time::sleep;

use crate::terminal::guard::restore_without_waiting;

/// What asks a process to end.
const ENDINGS: [fn() -> SignalKind; 4] = [SignalKind::terminate, SignalKind::hangup, SignalKind::interrupt, SignalKind::quit];
/// How long the loop has to end by itself. It can only fail to where a write to the terminal does not return.
const PATIENCE: Duration = Duration::from_millis(1_600);

/// What came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// To end.
    End,
    /// To go on after a stop.
    GoOn,
    /// That the terminal has another size.
    Resized,
}

/// The signals the loop listens to.
pub struct Signals {
    endings: Vec<SignalStream>,
    go_on: SignalStream,
    resized: SignalStream,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> io::Result<Self> {
        let endings = ENDINGS.iter().map(|kind| signal(kind())).collect::<io::Result<_>>()?;
        Ok(Self { endings, go_on: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?, resized: signal(SignalKind::window_change())? })
    }

    /// The next one.
    pub async fn next(&mut self) -> Told {
        tokio::select! {
            () = any(&mut self.endings) => Told::End,
            _ = self.go_on.recv() => Told::GoOn,
            _ = self.resized.recv() => Told::Resized,
        }
    }

    /// Waits to be told to go on after a stop.
    pub async fn go_on(&mut self) {
        self.go_on.recv().await;
    }
}

async fn any(endings: &mut [SignalStream]) {
    std::future::poll_fn(|context| {
        let told = endings.iter_mut().any(|ending| ending.poll_recv(context).is_ready());
        if told { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Ends the process when the loop does not, because its terminal takes nothing any more: on a thread that never writes to it.
pub fn watch(workers: &Handle) {
    workers.spawn(async {
        let Ok(mut signals) = Signals::listen() else { return };
        any(&mut signals.endings).await;
        sleep(PATIENCE).await;
        restore_without_waiting();
        exit(1);
    });
}

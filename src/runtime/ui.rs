//! The screen's loop: keys first and drawn at once, everything else as it comes and at a capped rate.
//!
//! The loop's thread never waits for the store or the network: whatever may take time is asked for on worker threads, and its answer
//! comes back as a [`Message`](crate::app::Message). A key is therefore drawn within a frame, whatever is being read meanwhile.

mod ask;
mod clock;
mod feeds;
mod fence;
mod keep;
mod screen;
mod signals;

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::app::keymap::Keymap;
use crate::app::model::Look;
use crate::app::views::SavedViews;
use crate::app::{self, Model};
use crate::ports::desk::{Desk, DeskError};
use crate::terminal::{self, TerminalGuard};
use screen::Ui;

/// How the screen is to look, what it listens to, and where it may write.
#[derive(Clone, Debug)]
pub struct ScreenOptions {
    /// How it draws.
    pub look: Look,
    /// Which keys run what.
    pub keymap: Result<Keymap, DeskError>,
    /// Views the person wrote down.
    pub views: SavedViews,
    /// What is wrong with the person's own colours and views.
    pub mistakes: Vec<DeskError>,
    /// The directory of what is saved and copied.
    pub saved: PathBuf,
}

/// What to say after the screen is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExitNote {
    /// Operations that go on, as `web-prod canary (op-3)`.
    pub going_on: Vec<String>,
    /// A `y` whose answer did not arrive before the screen was left.
    pub unanswered: bool,
}

impl fmt::Display for ExitNote {
    /// The last line; empty when there is nothing to say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.going_on.is_empty() {
            write!(f, "These go on without the screen: {}. See them with qd ops.", self.going_on.join(", "))?;
        }
        if self.unanswered {
            let space = if self.going_on.is_empty() { "" } else { " " };
            write!(f, "{space}The answer to your last y had not arrived: look with qd ops.")?;
        }
        Ok(())
    }
}

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// Standard input or output is not a terminal.
    #[error("the screen needs a terminal")]
    NoTerminal,
    /// The terminal does not do what it is told, or is gone.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
}

impl ScreenError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoTerminal => "use a subcommand instead, for example `qd fleets`, or run it in a terminal",
            Self::Terminal(_) => "check TERM and the terminal; every action has a subcommand too, see `qd help`",
        }
    }
}

/// How long the first frame waits for the store's last snapshot: a frame without it is better than none for any longer.
const FIRST_FRAME_PATIENCE: Duration = Duration::from_millis(8);

/// Shows the screen until a person leaves it.
///
/// # Errors
/// Without a terminal, or when the terminal fails.
pub fn run(desk: Arc<dyn Desk>, options: ScreenOptions) -> Result<ExitNote, ScreenError> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(ScreenError::NoTerminal);
    }
    let workers = workers()?;
    let local = Builder::new_current_thread().enable_all().build()?;
    let size = terminal::size();
    let mut model = Model::new(options.look, desk.header(), clock::read(desk.as_ref()), size);
    app::keymap::take(&mut model, options.keymap);
    model.views = options.views;
    for mistake in options.mistakes {
        model.inbox.add(model.clock.world, mistake.to_string(), mistake.hint(), None);
    }
    let guard = TerminalGuard::take()?;
    let ended = local.block_on(Ui::open(desk, model, workers.handle().clone(), guard, options.saved)?.go_on());
    workers.shutdown_background();
    Ok(ended?)
}

/// Two threads for whatever may take time.
fn workers() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name(terminal::guard::WORKER).enable_all().build()
}

/// What to say after the screen is left.
fn exit_note(model: &Model, unanswered: bool) -> ExitNote {
    ExitNote { going_on: app::update::going_on(model), unanswered }
}

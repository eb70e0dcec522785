//! The loop itself.

use std::io::{self, Stdout};
use std::sync::Arc;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::layout::{Rect, Size};
use rustix::process::{Signal, kill_current_process_group};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::ask::Asker;
use super::{ExitNote, FIRST_FRAME_PATIENCE, clock, exit_note, feeds};
use crate::app::{self, Effect, Message, Model, update};
use crate::operation::status::Estate;
use crate::ports::desk::Desk;
use crate::terminal::{Screen, TerminalGuard, capability, restore};
use crate::view::view;

/// Between ticks: countdowns show seconds.
const TICK: Duration = Duration::from_millis(500);
/// Least time between frames caused by data, over SSH.
const FRAME_REMOTE: Duration = Duration::from_millis(100);
/// Least time between frames caused by data, locally.
const FRAME_LOCAL: Duration = Duration::from_millis(33);
/// How long leaving waits for the answer to a `y`.
const LAST_ANSWER: Duration = Duration::from_millis(1_500);
/// How long we wait to be stopped, or to be told that we go on.
const STOPPED: Duration = Duration::from_millis(500);

/// The screen while it is open.
pub struct Ui {
    desk: Arc<dyn Desk>,
    model: Model,
    asker: Asker,
    terminal: Terminal<Screen<Stdout>>,
    guard: TerminalGuard,
    keys: Receiver<Message>,
    data: Receiver<Message>,
    frame_gap: Duration,
    drawn_at: Instant,
    /// There is something new that is not drawn yet.
    dirty: bool,
    leaving: bool,
    /// Gives the last known estate once, for the first frame.
    remembered: Option<oneshot::Receiver<Estate>>,
}

/// What a process can be told from outside.
struct Signals {
    terminate: SignalStream,
    hang_up: SignalStream,
    go_on: SignalStream,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let go_on = SignalKind::from_raw(Signal::CONT.as_raw());
        Ok(Self { terminate: signal(SignalKind::terminate())?, hang_up: signal(SignalKind::hangup())?, go_on: signal(go_on)? })
    }
}

impl Ui {
    /// Takes everything over and starts what comes in by itself.
    pub fn open(desk: Arc<dyn Desk>, model: Model, workers: Handle, guard: TerminalGuard) -> io::Result<Self> {
        let ((keys_in, keys), (data_in, data)) = (channel(256), channel(64));
        let size = Size::new(model.size.0, model.size.1);
        let terminal = Terminal::new(Screen::new(io::stdout(), size))?;
        feeds::keyboard(keys_in)?;
        let remembered = Some(remember(&workers, Arc::clone(&desk), data_in.clone()));
        feeds::store(&workers, Arc::clone(&desk), data_in.clone());
        let asker = Asker::new(Arc::clone(&desk), workers, data_in);
        let frame_gap = if capability::is_remote() { FRAME_REMOTE } else { FRAME_LOCAL };
        Ok(Self { desk, model, asker, terminal, guard, keys, data, frame_gap, drawn_at: Instant::now(), dirty: true, leaving: false, remembered })
    }

    /// Runs until a person, a signal or a lost terminal ends it.
    pub async fn go_on(mut self) -> io::Result<ExitNote> {
        let mut signals = Signals::listen()?;
        self.first_frame().await?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !self.leaving {
            self.turn(&mut signals, &mut ticks).await?;
        }
        self.leave().await
    }

    /// Shows the last known state if the store gives it at once, and what is waited for if not. No network comes before it.
    async fn first_frame(&mut self) -> io::Result<()> {
        if let Some(remembered) = self.remembered.take()
            && let Ok(Ok(estate)) = timeout(FIRST_FRAME_PATIENCE, remembered).await
        {
            self.take(Message::LastKnown(Box::new(estate)))?;
        }
        self.draw()?;
        let effects = app::start(&mut self.model);
        self.perform(effects)
    }

    /// One thing that happens, keys before everything else.
    async fn turn(&mut self, signals: &mut Signals, ticks: &mut Interval) -> io::Result<()> {
        let next_frame = self.drawn_at + self.frame_gap;
        tokio::select! {
            biased;
            key = self.keys.recv() => return self.on_key(key),
            _ = signals.terminate.recv() => self.leaving = true,
            _ = signals.hang_up.recv() => self.leaving = true,
            _ = signals.go_on.recv() => return self.retake(),
            () = sleep_until(next_frame), if self.dirty => return self.draw(),
            Some(message) = self.data.recv() => self.take(message)?,
            _ = ticks.tick() => self.take(Message::Tick)?,
        }
        Ok(())
    }

    /// A key and all that wait behind it are taken in before one frame is drawn: a held-down key draws once.
    fn on_key(&mut self, key: Option<Message>) -> io::Result<()> {
        let Some(first) = key else {
            self.leaving = true;
            return Ok(());
        };
        self.take(first)?;
        while let Ok(next) = self.keys.try_recv() {
            self.take(next)?;
        }
        self.draw()
    }

    fn take(&mut self, message: Message) -> io::Result<()> {
        if let Message::Resized { width, height } = message {
            self.terminal.backend_mut().resized(Size::new(width, height));
        }
        self.model.look_up(self.desk.header(), clock::read(self.desk.as_ref()));
        let effects = update(&mut self.model, message);
        self.dirty = true;
        self.perform(effects)
    }

    fn perform(&mut self, effects: Vec<Effect>) -> io::Result<()> {
        for effect in effects {
            match effect {
                Effect::Quit => self.leaving = true,
                Effect::Bell => self.terminal.backend_mut().bell()?,
                Effect::Suspend => self.suspend()?,
                other => self.asker.ask(other),
            }
        }
        Ok(())
    }

    /// Draws what differs from the last frame; nothing is sent if nothing does.
    fn draw(&mut self) -> io::Result<()> {
        let Self { terminal, model, .. } = self;
        terminal.draw(|frame| view(model, frame))?;
        self.drawn_at = Instant::now();
        self.dirty = false;
        Ok(())
    }

    /// Gives the terminal to the shell and stops. `SIGCONT` takes it again, in [`Ui::turn`].
    fn suspend(&mut self) -> io::Result<()> {
        restore();
        kill_current_process_group(Signal::TSTP)?;
        // The stop takes effect in a moment; taking the terminal back before it would leave the shell with a raw one.
        std::thread::sleep(STOPPED);
        self.retake()
    }

    /// Takes the terminal and draws everything anew.
    fn retake(&mut self) -> io::Result<()> {
        self.guard.retake()?;
        let (width, height) = crossterm::terminal::size()?;
        self.take(Message::Resized { width, height })?;
        self.terminal.resize(Rect::new(0, 0, width, height))?;
        self.draw()
    }

    /// Leaves at once; only the answer to a `y` is waited for, and not for long.
    async fn leave(self) -> io::Result<ExitNote> {
        drop(self.guard);
        let mut data = self.data;
        let deadline = Instant::now() + LAST_ANSWER;
        while self.asker.unanswered() && Instant::now() < deadline {
            while data.try_recv().is_ok() {}
            sleep(Duration::from_millis(10)).await;
        }
        Ok(exit_note(&self.model, self.asker.unanswered()))
    }
}

/// Reads the last estate any process saw: for the first frame if it comes in time, else like any other news.
fn remember(workers: &Handle, desk: Arc<dyn Desk>, data: Sender<Message>) -> oneshot::Receiver<Estate> {
    let (first, remembered) = oneshot::channel();
    workers.spawn(async move {
        let Ok(Some(estate)) = desk.last_known() else { return };
        if let Err(late) = first.send(estate) {
            // Nobody listens any more when the screen is being left.
            let _ = data.send(Message::LastKnown(Box::new(late))).await;
        }
    });
    remembered
}

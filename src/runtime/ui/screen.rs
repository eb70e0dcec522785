//! The loop itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use rustix::process::{Signal, kill_current_process_group};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::ask::Asker;
use super::feeds::Heard;
use super::fence::Fence;
use super::signals::{Signals, Told};
use super::{ExitNote, FIRST_FRAME_PATIENCE, clock, exit_note, feeds, keep, signals};
use crate::app::{self, Effect, Message, Model, update};
use crate::domain::ids::{FleetName, ImageId};
use crate::operation::status::Estate;
use crate::ports::desk::Desk;
use crate::terminal::decode::{Input, QUESTION};
use crate::terminal::{self, Screen, TerminalGuard, Tty, capability, copy, restore};
use crate::view::{cursor_pane, view};

/// Between ticks: countdowns show seconds.
const TICK: Duration = Duration::from_millis(500);
/// Least time between frames caused by data, over SSH.
const FRAME_REMOTE: Duration = Duration::from_millis(100);
/// Least time between frames caused by data, locally.
const FRAME_LOCAL: Duration = Duration::from_millis(33);
/// How long what follows the cursor waits for the next key: a little longer than a held-down key takes to come again.
const FOLLOW: Duration = Duration::from_millis(36);
/// How long leaving waits for the answer to a `y`.
const LAST_ANSWER: Duration = Duration::from_millis(1_500);
/// How long leaving waits for the terminal's answer to a question.
const LAST_WORD: Duration = Duration::from_millis(700);
/// How long we wait to be stopped, or to be told that we go on.
const STOPPED: Duration = Duration::from_millis(500);

/// The screen while it is open.
pub struct Ui {
    desk: Arc<dyn Desk>,
    model: Model,
    asker: Asker,
    terminal: Terminal<Screen<Tty>>,
    guard: TerminalGuard,
    keys: Receiver<Heard>,
    data: Receiver<Message>,
    frame_gap: Duration,
    drawn_at: Instant,
    /// When to draw what follows the cursor.
    follow_at: Option<Instant>,
    /// The last frame.
    last: Buffer,
    /// There is something new that is not drawn yet.
    dirty: bool,
    leaving: bool,
    suspending: bool,
    fence: Fence,
    /// The directory of what is saved and copied.
    saved: PathBuf,
    /// Gives the last known estate once, for the first frame.
    remembered: Option<oneshot::Receiver<Estate>>,
}

impl Ui {
    /// Takes everything over and starts what comes in by itself.
    pub fn open(desk: Arc<dyn Desk>, model: Model, workers: Handle, guard: TerminalGuard, saved: PathBuf) -> io::Result<Self> {
        let ((keys_in, keys), (data_in, data)) = (channel(256), channel(64));
        let size = Size::new(model.size.0, model.size.1);
        let terminal = Terminal::new(Screen::new(Tty, size))?;
        feeds::keyboard(keys_in)?;
        signals::watch(&workers);
        let remembered = Some(remember(&workers, Arc::clone(&desk), data_in.clone()));
        feeds::store(&workers, Arc::clone(&desk), data_in.clone());
        let asker = Asker::new(Arc::clone(&desk), workers, data_in);
        let frame_gap = if capability::is_remote() { FRAME_REMOTE } else { FRAME_LOCAL };
        let (drawn_at, fence) = (Instant::now(), Fence::default());
        Ok(Self {
            desk,
            model,
            asker,
            terminal,
            guard,
            keys,
            data,
            frame_gap,
            drawn_at,
            follow_at: None,
            last: Buffer::default(),
            dirty: true,
            leaving: false,
            suspending: false,
            fence,
            saved,
            remembered,
        })
    }

    /// Runs until a person, a signal or a lost terminal ends it.
    pub async fn go_on(mut self) -> io::Result<ExitNote> {
        let mut signals = Signals::listen()?;
        self.first_frame().await?;
        self.ask_terminal()?;
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
        let next_frame = self.follow_at.unwrap_or(self.drawn_at + self.frame_gap);
        tokio::select! {
            biased;
            heard = self.keys.recv() => return self.on_key(heard, signals).await,
            told = signals.next() => return self.told(told),
            () = sleep_until(next_frame), if self.dirty => return self.draw(),
            Some(message) = self.data.recv() => self.take(message)?,
            _ = ticks.tick() => self.take(Message::Tick)?,
            // Last of all, and only after whatever else wants to happen had its turn.
            () = yield_now(), if app::update::has_work(&self.model) => self.take(Message::Work)?,
        }
        Ok(())
    }

    fn told(&mut self, told: Told) -> io::Result<()> {
        match told {
            Told::End => self.leaving = true,
            Told::GoOn => self.retake()?,
            Told::Resized => {
                let (width, height) = terminal::size();
                self.take(Message::Resized { width, height })?;
            }
        }
        Ok(())
    }

    /// A key and all that wait behind it are taken in before one frame is drawn: a held-down key draws once. Without a keyboard there is
    /// nobody any more.
    async fn on_key(&mut self, heard: Option<Heard>, signals: &mut Signals) -> io::Result<()> {
        let Some(first) = heard else {
            self.leaving = true;
            return Ok(());
        };
        let before = Cursor::of(&self.model);
        self.hear(first)?;
        while let Ok(next) = self.keys.try_recv() {
            self.hear(next)?;
        }
        if std::mem::take(&mut self.suspending) {
            return self.suspend(signals).await;
        }
        if before.only_moved(&Cursor::of(&self.model)) { self.draw_cursor() } else { self.draw() }
    }

    fn hear(&mut self, heard: Heard) -> io::Result<()> {
        match heard.input {
            Input::Answer => self.fence.answered(),
            Input::Paste(text) => self.take(Message::Paste(text))?,
            Input::Key { key, alone } if self.fence.lets_pass(&self.model, key, alone) => self.take(Message::Key { key, at: heard.at })?,
            Input::Key { .. } => {}
        }
        Ok(())
    }

    fn take(&mut self, message: Message) -> io::Result<()> {
        if let Message::Resized { width, height } = message {
            self.terminal.backend_mut().resized(Size::new(width, height));
        }
        self.model.look_up(self.desk.header(), clock::read(self.desk.as_ref()));
        provoked("update");
        let effects = update(&mut self.model, message);
        self.dirty = true;
        self.perform(effects)
    }

    fn perform(&mut self, effects: Vec<Effect>) -> io::Result<()> {
        for effect in effects {
            match effect {
                Effect::Quit => self.leaving = true,
                Effect::Bell => self.terminal.backend_mut().send(b"\x07")?,
                Effect::Suspend => self.suspending = true,
                Effect::Copy(text) => self.copy(text)?,
                Effect::Save => {
                    let (dir, model) = (self.saved.clone(), self.model.clone());
                    self.asker.tell(move || keep::screen(&dir, &model));
                }
                other => self.asker.ask(other),
            }
        }
        Ok(())
    }

    /// Puts a text into the clipboard in front of the terminal, and into a file: no terminal says whether it has a clipboard.
    fn copy(&mut self, text: String) -> io::Result<()> {
        let sequence = copy::sequence(&text);
        let (dir, is_sent) = (self.saved.clone(), sequence.is_some());
        self.asker.tell(move || keep::copied(&dir, &text, is_sent));
        sequence.map_or(Ok(()), |sequence| self.terminal.backend_mut().send(&sequence))
    }

    /// Draws what differs from the last frame; nothing is sent if nothing does.
    fn draw(&mut self) -> io::Result<()> {
        self.follow_at = None;
        self.draw_within(None)?;
        self.drawn_at = Instant::now();
        self.dirty = false;
        if self.fence.is_due(&self.model) { self.ask_terminal() } else { Ok(()) }
    }

    /// Draws the list whose cursor moved, at once; what follows the cursor elsewhere is drawn when no more keys come: once for a key held down.
    fn draw_cursor(&mut self) -> io::Result<()> {
        self.draw_within(cursor_pane(&self.model))?;
        self.follow_at = Some(Instant::now() + FOLLOW);
        self.dirty = true;
        Ok(())
    }

    fn draw_within(&mut self, pane: Option<Rect>) -> io::Result<()> {
        let Self { terminal, model, last, .. } = self;
        terminal.draw(|frame| {
            view(model, frame);
            let drawn = frame.buffer_mut();
            if let Some(pane) = pane.filter(|_| last.area == drawn.area) {
                keep_outside(pane, last, drawn);
            }
            last.clone_from(drawn);
            provoked("view");
        })?;
        Ok(())
    }

    /// Asks the terminal for an answer that comes after everything it was sent.
    fn ask_terminal(&mut self) -> io::Result<()> {
        self.fence.asked();
        self.terminal.backend_mut().send(QUESTION)
    }

    /// Gives the terminal to the shell and stops, until we are told to go on. Without a shell that could say so nothing stops us.
    async fn suspend(&mut self, signals: &mut Signals) -> io::Result<()> {
        restore();
        kill_current_process_group(Signal::TSTP)?;
        // The stop takes effect in a moment; taking the terminal back before it would leave the shell with a raw one.
        let _ = timeout(STOPPED, signals.go_on()).await;
        self.retake()
    }

    /// Takes the terminal and draws everything anew.
    fn retake(&mut self) -> io::Result<()> {
        self.guard.retake()?;
        let (width, height) = terminal::size();
        self.take(Message::Resized { width, height })?;
        self.terminal.resize(Rect::new(0, 0, width, height))?;
        self.draw()
    }

    /// Leaves at once. The answer to a `y` is waited for, and not for long; the terminal's, so that the shell does not take it for keys.
    async fn leave(mut self) -> io::Result<ExitNote> {
        let deadline = Instant::now() + LAST_WORD;
        while self.fence.waiting().is_some_and(|waited| waited < LAST_WORD) && Instant::now() < deadline {
            match timeout(LAST_WORD, self.keys.recv()).await {
                Ok(Some(Heard { input: Input::Answer, .. })) => self.fence.answered(),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
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

/// What a key may change for the list with the cursor to be all that is drawn at once.
#[derive(PartialEq, Eq)]
struct Cursor {
    at: (Option<FleetName>, Option<ImageId>),
    pane: Option<Rect>,
    notice: Option<String>,
}

impl Cursor {
    fn of(model: &Model) -> Self {
        Self { at: (model.fleet.clone(), model.image.clone()), pane: cursor_pane(model), notice: model.notice.clone() }
    }

    fn only_moved(&self, now: &Self) -> bool {
        self.at != now.at && now.pane.is_some() && (&self.pane, &self.notice) == (&now.pane, &now.notice)
    }
}

/// Takes every cell outside the pane from the last frame.
fn keep_outside(pane: Rect, last: &Buffer, drawn: &mut Buffer) {
    let columns = usize::from(drawn.area.width).max(1);
    let is_inside = |at: usize| {
        let (x, y) = (u16::try_from(at % columns), u16::try_from(at / columns));
        x.is_ok_and(|x| (pane.left()..pane.right()).contains(&x)) && y.is_ok_and(|y| (pane.top()..pane.bottom()).contains(&y))
    };
    for (at, (cell, before)) in drawn.content.iter_mut().zip(&last.content).enumerate() {
        if !is_inside(at) {
            cell.clone_from(before);
        }
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

/// A fault on purpose, for the test of what the terminal looks like afterwards. Nothing of this is in a release build.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "it is what is tested")]
fn provoked(place: &str) {
    if std::env::var("QD_TEST_FAULT").is_ok_and(|wanted| wanted == place) {
        panic!("provoked in {place}: \x1b]0;owned\x07 \u{202e}");
    }
}

#[cfg(not(debug_assertions))]
const fn provoked(_: &str) {}

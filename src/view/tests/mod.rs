//! The screen as a person uses it: press keys, read what is there.

mod alerts;
mod bakes;
mod big;
mod cursor;
mod finding;
mod flows;
mod frames;
mod ground;
mod hostile;
mod life;
mod looking;
mod modes;
mod sheets;
mod sizes;
mod ways;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::app::message::Reply;
use crate::app::update::has_work;
use crate::app::{Effect, Key, Message, Model, fixture, update};
use crate::domain::time::Millis;
use crate::operation::plan::Plan;
use crate::operation::record::OperationView;
use crate::ports::desk::DeskError;

/// A screen under the fingers of a test.
pub struct Session {
    pub model: Model,
    pub effects: Vec<Effect>,
}

impl Session {
    /// The estate, with this operation on web-prod.
    pub fn with(view: Option<OperationView>) -> Self {
        Self { model: fixture::model_with(view, 80, 24), effects: Vec::new() }
    }

    /// Presses keys one after the other, half a second apart: `j`, `enter`, `esc`, `ctrl-d`, `tab`.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ') {
            self.wait(Millis(500));
            self.press_now(key);
        }
        self
    }

    /// Presses a key without any time going by.
    pub fn press_now(&mut self, key: &str) -> &mut Self {
        let at = self.model.clock.boot;
        self.take(Message::Key { key: key_named(key), at })
    }

    /// Types a text.
    pub fn type_text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            let at = self.model.clock.boot;
            self.take(Message::Key { key: Key::Char(c), at });
        }
        self
    }

    pub fn wait(&mut self, span: Millis) -> &mut Self {
        self.model.clock.boot = self.model.clock.boot.plus(span);
        self.model.clock.world = self.model.clock.world.plus(span);
        self
    }

    pub fn take(&mut self, message: Message) -> &mut Self {
        let effects = update(&mut self.model, message);
        self.effects.extend(effects);
        self
    }

    /// Answers the newest open plan request.
    pub fn planned(&mut self, result: Result<Plan, DeskError>) -> &mut Self {
        let no = self.newest(|effect| if let Effect::MakePlan { no, .. } = effect { Some(*no) } else { None });
        self.take(Message::Reply { no, reply: Reply::Planned(result.map(Box::new)) })
    }

    /// The number of the newest effect that `pick` knows.
    pub fn newest(&self, pick: impl Fn(&Effect) -> Option<u64>) -> u64 {
        self.effects.iter().rev().find_map(pick).expect("the effect was asked for")
    }

    /// Whether anything was asked that changes production.
    pub fn changed(&self) -> bool {
        self.effects.iter().any(Effect::changes)
    }

    pub fn expect(&mut self, text: &str) -> &mut Self {
        let shown = self.screen();
        assert!(shown.contains(text), "expected {text:?} on\n{shown}");
        self
    }

    pub fn expect_not(&mut self, text: &str) -> &mut Self {
        let shown = self.screen();
        assert!(!shown.contains(text), "did not expect {text:?} on\n{shown}");
        self
    }

    /// Goes on with whatever is done in pieces, until it is over.
    pub fn finish_work(&mut self) -> &mut Self {
        while has_work(&self.model) {
            self.take(Message::Work);
        }
        self
    }

    pub fn clone_model(&self) -> Model {
        self.model.clone()
    }

    pub fn screen(&self) -> String {
        frame(&self.model, self.model.size.0, self.model.size.1)
    }
}

fn key_named(name: &str) -> Key {
    match name {
        "enter" => Key::Enter,
        "esc" => Key::Esc,
        "tab" => Key::Tab,
        "backspace" => Key::Backspace,
        "down" => Key::Down,
        "space" => Key::Char(' '),
        _ => match name.strip_prefix("ctrl-") {
            Some(c) => Key::Ctrl(c.chars().next().unwrap()),
            None => Key::Char(name.chars().next().unwrap()),
        },
    }
}

pub fn buffer(model: &Model, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| super::view(model, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// The screen as text.
pub fn frame(model: &Model, width: u16, height: u16) -> String {
    let buffer = buffer(model, width, height);
    let line = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect::<Vec<_>>().join("\n")
}

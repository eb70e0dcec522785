//! Bytes from a terminal into keys, pastes and answers, however the line cut them up.
//!
//! A lone escape is the key only after nothing followed it for a while: a sequence that arrives in pieces never turns into the letters it is
//! made of, which could open a plan sheet.

use vte::{Params, Parser, Perform};

use crate::app::key::Key;

/// What the terminal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key {
        /// Which.
        key: Key,
        /// Nothing else arrived with it. What a terminal without bracketed paste pastes arrives in one piece, as does what was typed ahead.
        alone: bool,
    },
    /// Pasted text.
    Paste(String),
    /// The terminal answers [`QUESTION`]: it has shown everything that was sent before, and sent every key pressed until then.
    Answer,
}

/// Asks the terminal for its state (device status report); all it says is that it is there.
pub const QUESTION: &[u8] = b"\x1b[5n";

/// What is still to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Open {
    /// Nothing: the next byte begins something.
    #[default]
    Nothing,
    /// An escape: a key by itself, or the beginning of a sequence.
    Escape,
    /// The rest of a sequence or of a character.
    Rest,
}

/// Most of a paste that is kept: a reason or a filter is a line.
const LONGEST_PASTE: usize = 4_096;
const ESCAPE: u8 = 0x1b;

/// Decodes a stream of bytes.
#[derive(Default)]
pub struct Decoder {
    parser: Parser,
    heard: Heard,
    open: Open,
}

impl Decoder {
    /// One that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is still to come.
    #[must_use]
    pub const fn open(&self) -> Open {
        self.open
    }

    /// Takes what arrived in one piece.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Input> {
        for byte in bytes {
            self.byte(*byte);
        }
        let mut inputs = std::mem::take(&mut self.heard.inputs);
        let keys = inputs.iter().filter(|input| matches!(input, Input::Key { .. })).count();
        for input in &mut inputs {
            if let Input::Key { alone, .. } = input {
                *alone = keys == 1;
            }
        }
        inputs
    }

    fn byte(&mut self, byte: u8) {
        match (self.open, byte) {
            (Open::Escape, ESCAPE) => return self.heard.key(Key::Esc),
            // Leaving is never lost, however fast the keys were.
            (Open::Escape, 0x03) => {
                self.begin_anew();
                return self.heard.execute(byte);
            }
            // Alt with enter, tab or a control key: never taken for the plain one.
            (Open::Escape, 0..0x20 | 0x7f) => return self.begin_anew(),
            _ => {}
        }
        self.heard.said = false;
        self.parser.advance(&mut self.heard, &[byte]);
        self.open = match byte {
            ESCAPE => Open::Escape,
            _ if self.heard.said && !self.heard.letter_of_sequence() => Open::Nothing,
            _ => Open::Rest,
        };
    }

    /// Nothing more comes: an escape was the key, and half a sequence is none.
    pub fn quiet(&mut self) -> Option<Input> {
        let open = self.open;
        self.begin_anew();
        (open == Open::Escape && self.heard.paste.is_none()).then_some(Input::Key { key: Key::Esc, alone: true })
    }

    fn begin_anew(&mut self) {
        self.parser = Parser::new();
        self.heard.next = Next::Plain;
        self.open = Open::Nothing;
    }
}

/// What the next letter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Plain,
    /// The last of `ESC O`: an arrow, home or end.
    Application,
    /// The last of the Linux console's `ESC [ [`: a function key.
    Console,
}

/// What the parser said so far.
#[derive(Default)]
struct Heard {
    inputs: Vec<Input>,
    /// The paste that is not over yet.
    paste: Option<String>,
    next: Next,
    /// The last byte was the end of something.
    said: bool,
}

impl Heard {
    fn key(&mut self, key: Key) {
        if self.paste.is_none() {
            self.inputs.push(Input::Key { key, alone: true });
        }
    }

    fn letter_of_sequence(&self) -> bool {
        self.next != Next::Plain
    }

    fn pasted(&mut self, c: char) {
        if let Some(text) = self.paste.as_mut().filter(|text| text.len() < LONGEST_PASTE) {
            text.push(c);
        }
    }

    fn end_paste(&mut self) {
        if let Some(text) = self.paste.take() {
            self.inputs.push(Input::Paste(text));
        }
    }
}

impl Perform for Heard {
    fn print(&mut self, c: char) {
        self.said = true;
        match std::mem::take(&mut self.next) {
            Next::Application => self.inputs.extend(arrow(c).filter(|_| self.paste.is_none()).map(|key| Input::Key { key, alone: true })),
            Next::Console => {}
            Next::Plain if self.paste.is_some() => self.pasted(c),
            Next::Plain if c == '\u{7f}' => self.key(Key::Backspace),
            Next::Plain => self.key(Key::Char(c)),
        }
    }

    fn execute(&mut self, byte: u8) {
        self.said = true;
        self.next = Next::Plain;
        // The way out of a paste whose end never came.
        if byte == 0x03 {
            self.paste = None;
        }
        match byte {
            b'\r' | b'\n' | b'\t' if self.paste.is_some() => self.pasted(char::from(byte)),
            b'\r' => self.key(Key::Enter),
            b'\t' => self.key(Key::Tab),
            0x08 | 0x7f => self.key(Key::Backspace),
            0 => self.key(Key::Ctrl(' ')),
            0x01..=0x1a => self.key(Key::Ctrl(char::from(byte - 1 + b'a'))),
            0x1c..=0x1f => self.key(Key::Ctrl(char::from(byte - 0x1c + b'4'))),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        self.said = true;
        if ignore || !intermediates.is_empty() {
            return;
        }
        let mut numbers = params.iter().map(|param| param.first().copied().unwrap_or(0));
        let (first, modifiers) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(1));
        match (action, first) {
            ('[', _) => self.next = Next::Console,
            ('n', 0) => self.inputs.push(Input::Answer),
            ('~', 200) => self.paste = Some(String::new()),
            ('~', 201) => self.end_paste(),
            _ if has_alt(modifiers) => {}
            _ => {
                if let Some(key) = named(action, first) {
                    self.key(key);
                }
            }
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.said = true;
        if byte == b'O' {
            self.next = Next::Application;
        }
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.said = true;
    }

    fn unhook(&mut self) {
        self.said = true;
    }
}

/// Whether anything but shift and control was held: a key with alt is never taken for the plain one.
const fn has_alt(modifiers: u16) -> bool {
    modifiers.saturating_sub(1) & !0b101 != 0
}

const fn arrow(letter: char) -> Option<Key> {
    Some(match letter {
        'A' => Key::Up,
        'B' => Key::Down,
        'C' => Key::Right,
        'D' => Key::Left,
        'H' => Key::Home,
        'F' => Key::End,
        _ => return None,
    })
}

const fn named(action: char, number: u16) -> Option<Key> {
    Some(match (action, number) {
        ('Z', _) => Key::BackTab,
        ('~', 1 | 7) => Key::Home,
        ('~', 3) => Key::Delete,
        ('~', 4 | 8) => Key::End,
        ('~', 5) => Key::PageUp,
        ('~', 6) => Key::PageDown,
        ('~', _) => return None,
        (letter, _) => return arrow(letter),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::new();
        let mut heard = decoder.feed(bytes);
        heard.extend(decoder.quiet());
        heard.into_iter().map(|input| if let Input::Key { key, .. } = input { key } else { panic!("{input:?}") }).collect()
    }

    #[test]
    fn keys_come_through_in_our_words() {
        assert_eq!(keys(b"D"), [Key::Char('D')]);
        assert_eq!(keys("é漢".as_bytes()), [Key::Char('é'), Key::Char('漢')]);
        assert_eq!(keys(b"\x04\x1a\x03"), [Key::Ctrl('d'), Key::Ctrl('z'), Key::Ctrl('c')]);
        assert_eq!(keys(b"\r\t\x7f\x1b[Z"), [Key::Enter, Key::Tab, Key::Backspace, Key::BackTab]);
        assert_eq!(
            keys(b"\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[1~\x1b[4~\x1b[3~"),
            [Key::Up, Key::Down, Key::PageUp, Key::PageDown, Key::Home, Key::End, Key::Delete]
        );
        assert_eq!(keys(b"\x1b"), [Key::Esc]);
        assert_eq!(keys(b"\x1b\x1b"), [Key::Esc, Key::Esc]);
        assert_eq!(keys(b"\x1b\x03"), [Key::Ctrl('c')]);
        assert_eq!(keys(b"\x1b[1;5A"), [Key::Up], "with control");
    }

    #[test]
    fn what_we_do_not_know_is_no_key() {
        for bytes in
            [b"\x1by".as_slice(), b"\x1b\r", b"\x1b[1;3A", b"\x1b[15~", b"\x1b[[A", b"\x1bOP", b"\x1b]0;yy\x07", b"\x1bPyy\x1b\\", b"\x1b[?1;2c"]
        {
            assert_eq!(keys(bytes), [], "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_sequence_in_pieces_is_the_same_sequence() {
        let mut decoder = Decoder::new();
        assert!(decoder.feed(b"\x1b").is_empty());
        assert_eq!(decoder.open(), Open::Escape);
        assert!(decoder.feed(b"[").is_empty());
        assert_eq!(decoder.open(), Open::Rest);
        assert_eq!(decoder.feed(b"A"), [Input::Key { key: Key::Up, alone: true }]);
        assert_eq!(decoder.open(), Open::Nothing);
        assert!(decoder.feed(b"\x1bO").is_empty());
        assert_eq!(decoder.open(), Open::Rest);
        assert_eq!(decoder.quiet(), None, "half a sequence is no key");
        assert_eq!(decoder.feed(b"A"), [Input::Key { key: Key::Char('A'), alone: true }]);
    }

    #[test]
    fn pastes_are_text_whatever_is_in_them() {
        let mut decoder = Decoder::new();
        assert!(decoder.feed(b"\x1b[200~y\x1b[A\r").is_empty());
        assert_eq!(decoder.quiet(), None);
        assert_eq!(decoder.feed(b"yy\x1b[201~"), [Input::Paste("y\ryy".to_owned())]);
        assert!(decoder.feed(b"\x1b[200~yyy").is_empty());
        assert_eq!(decoder.feed(b"\x03"), [Input::Key { key: Key::Ctrl('c'), alone: true }], "the way out");
    }

    #[test]
    fn what_arrives_together_is_not_alone() {
        let alone = |bytes: &[u8]| Decoder::new().feed(bytes).iter().all(|input| matches!(input, Input::Key { alone: true, .. }));
        assert!(alone(b"y") && !alone(b"yes") && !alone(b"\x1b[Ay"));
        assert_eq!(Decoder::new().feed(b"\x1b[0n"), [Input::Answer]);
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_says_the_same(bytes in proptest::collection::vec(prop_oneof![Just(0x1b_u8), Just(b'['), Just(b'O'), any::<u8>()], 0..40), cut in 0..40_usize) {
            let cut = cut.min(bytes.len());
            let (mut whole, mut parts) = (Decoder::new(), Decoder::new());
            let strip = |inputs: Vec<Input>| inputs.into_iter().map(|input| match input {
                Input::Key { key, .. } => Input::Key { key, alone: true },
                other => other,
            }).collect::<Vec<_>>();
            let together = strip(whole.feed(&bytes));
            let mut apart = strip(parts.feed(&bytes[..cut]));
            apart.extend(strip(parts.feed(&bytes[cut..])));
            prop_assert_eq!(together, apart);
        }
    }
}

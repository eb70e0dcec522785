//! Which keys run which command: the built-in map, changed by a person's own file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::commands::{COMMANDS, Command, CommandId, Group};
use super::key::Key;
use super::model::Model;
use super::places::Place;
use crate::domain::suggest::nearest;
use crate::domain::text::escape;
use crate::ports::desk::DeskError;

/// The map that is built in, in the form of a person's own file.
pub const BUILT_IN: &str = include_str!("../../assets/keymap.toml");

/// Control characters that something between us and the keyboard owns: terminal multiplexers, flow control, signals.
const RESERVED: [char; 5] = ['a', 'b', 'q', '\\', ' '];
/// Control characters that terminals send for another key.
const SAME_AS: [(char, &str); 5] = [('h', "backspace"), ('i', "tab"), ('j', "enter"), ('m', "enter"), ('[', "esc")];
/// Always understood, whatever a file says: a screen nobody can leave would be a trap.
const FIXED: [(char, &str); 2] = [('c', "quits"), ('z', "suspends")];

/// The keys of every command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    /// In the order of [`COMMANDS`].
    keys: Vec<Vec<Key>>,
}

impl Default for Keymap {
    /// The built-in map.
    fn default() -> Self {
        let none = Self { keys: vec![Vec::new(); COMMANDS.len()] };
        // A test holds that the built-in map is right; a wrong one would leave the fixed keys.
        Reading::of("keymap.toml", BUILT_IN, &none).map_or(none, |(map, _)| map)
    }
}

impl Keymap {
    /// The built-in map with what a person's file changes.
    ///
    /// # Errors
    /// Every mistake of the file, as `FILE:LINE: what`; nothing of the file is used then.
    pub fn with(file: &str, text: &str) -> Result<Self, Vec<String>> {
        let (map, mistakes) = Reading::of(file, text, &Self::default()).map_err(|mistake| vec![mistake])?;
        if mistakes.is_empty() { Ok(map) } else { Err(mistakes) }
    }

    /// The keys of a command.
    #[must_use]
    pub fn keys(&self, id: CommandId) -> &[Key] {
        let at = COMMANDS.iter().position(|command| command.id == id);
        at.and_then(|at| self.keys.get(at)).map_or(&[], Vec::as_slice)
    }

    /// The first key of a command, as the footer writes it; `-` where it has none.
    #[must_use]
    pub fn first(&self, id: CommandId) -> String {
        self.keys(id).first().map_or_else(|| "none".to_owned(), ToString::to_string)
    }

    /// All keys of a command, as the help writes them.
    #[must_use]
    pub fn shown(&self, id: CommandId) -> String {
        let keys: Vec<String> = self.keys(id).iter().map(ToString::to_string).collect();
        if keys.is_empty() { "none".to_owned() } else { keys.join(" ") }
    }

    /// The command a key runs in a place.
    #[must_use]
    pub fn find(&self, place: Place, key: Key) -> Option<&'static Command> {
        let bound = COMMANDS.iter().zip(&self.keys);
        bound.filter(|(command, _)| command.places.has(place)).find(|(_, keys)| keys.contains(&key)).map(|(command, _)| command)
    }

    /// The table of keys as Markdown: what `qd keys print` prints and the README shows.
    #[must_use]
    pub fn table(&self) -> String {
        let rows = COMMANDS.iter().map(|command| format!("| `{}` | {} |\n", self.shown(command.id), command.about));
        format!("| key | does |\n| --- | --- |\n{}", rows.collect::<String>())
    }

    /// The map as a file of one's own would have it.
    #[must_use]
    pub fn file(&self) -> String {
        let line = |command: &Command| {
            let keys: Vec<String> = self.keys(command.id).iter().map(|key| format!("{:?}", key.to_string())).collect();
            format!("{:<14} = [{}]\n", command.name, keys.join(", "))
        };
        COMMANDS.iter().map(line).collect()
    }
}

/// Gives a screen its keys. With mistakes in the file it keeps the built-in ones, and what is wrong waits in the inbox.
pub fn take(model: &mut Model, keymap: Result<Keymap, DeskError>) {
    match keymap {
        Ok(keymap) => model.keymap = keymap,
        Err(error) => {
            for line in error.to_string().lines() {
                model.inbox.add(model.clock.world, line, "the built-in keys are used until it is right", None);
            }
        }
    }
}

/// A file on its way to a map.
struct Reading<'t> {
    file: &'t str,
    text: &'t str,
    map: Keymap,
    /// The keys before the file.
    base: Vec<Vec<Key>>,
    /// Where the file names a command, by its position in [`COMMANDS`].
    named: Vec<Option<usize>>,
    mistakes: Vec<(usize, String)>,
}

impl<'t> Reading<'t> {
    /// The map, and the file's mistakes in the order of their lines.
    fn of(file: &'t str, text: &'t str, base: &Keymap) -> Result<(Keymap, Vec<String>), String> {
        let mut reading = Self { file, text, map: base.clone(), base: base.keys.clone(), named: vec![None; COMMANDS.len()], mistakes: Vec::new() };
        let table = DeTable::parse(text).map_err(|error| {
            let line = reading.line(&error.span().unwrap_or(0..0));
            format!("{file}:{line}: {}", escape(error.message()))
        })?;
        for (name, value) in table.get_ref() {
            reading.entry(name.get_ref(), &name.span(), value);
        }
        reading.conflicts();
        reading.mistakes.sort();
        let file = reading.file;
        Ok((reading.map, reading.mistakes.into_iter().map(|(line, what)| format!("{file}:{line}: {}", escape(&what))).collect()))
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1
    }

    fn mistake(&mut self, span: &Range<usize>, what: String) {
        self.mistakes.push((self.line(span), what));
    }

    fn entry(&mut self, name: &str, span: &Range<usize>, value: &Spanned<DeValue<'_>>) {
        let Some((at, command)) = COMMANDS.iter().enumerate().find(|(_, command)| command.name == name) else {
            let help = nearest(name, COMMANDS.iter().map(|command| command.name)).map(|near| format!("did you mean '{near}'?"));
            let help = help.unwrap_or_else(|| "`qd keys print --toml` lists them".to_owned());
            return self.mistake(span, format!("unknown command '{name}': {help}"));
        };
        let Some(words) = words(value) else {
            return self.mistake(&value.span(), format!("{name}: expected a key such as \"s\", or a list of keys"));
        };
        let mut keys = Vec::new();
        for (word, span) in words {
            match key_for(command, &word) {
                Ok(key) if self.is_known_for_another(command, key) => {
                    let what =
                        format!("{name}: '{key}' is what people know for something else that changes production: choose a letter nothing else had");
                    self.mistake(&span, what);
                }
                Ok(key) => keys.push(key),
                Err(why) => self.mistake(&span, format!("{name}: {why}")),
            }
        }
        let line = self.line(span);
        if let (Some(bound), Some(named)) = (self.map.keys.get_mut(at), self.named.get_mut(at)) {
            *bound = keys;
            *named = Some(line);
        }
    }

    /// A letter that rolls back on one desk must not deploy on the next, nor may a hint that names it lie.
    fn is_known_for_another(&self, command: &Command, key: Key) -> bool {
        let others = COMMANDS.iter().zip(&self.base).filter(|(other, _)| other.group == Group::Change && other.id != command.id);
        command.group == Group::Change && others.into_iter().any(|(_, keys)| keys.contains(&key))
    }

    /// In one place a key runs one command: the later line of two is the one reported.
    fn conflicts(&mut self) {
        let bound: Vec<(&Command, &Vec<Key>, Option<usize>)> =
            COMMANDS.iter().zip(&self.map.keys).zip(&self.named).map(|((command, keys), line)| (command, keys, *line)).collect();
        let mut found = Vec::new();
        for (at, (command, keys, line)) in bound.iter().enumerate() {
            for (other, other_keys, other_line) in bound.iter().skip(at + 1) {
                let shared = keys.iter().find(|key| other_keys.contains(key));
                if let Some(key) = shared.filter(|_| command.places.meets(other.places)) {
                    found.push(conflict(*key, (command, *line), (other, *other_line)));
                }
            }
        }
        self.mistakes.extend(found);
    }
}

type Side<'a> = (&'a Command, Option<usize>);

fn conflict(key: Key, one: Side<'_>, two: Side<'_>) -> (usize, String) {
    let ((later, line), (earlier, where_)) = if two.1 >= one.1 { (two, one) } else { (one, two) };
    let place = where_.map_or_else(|| "built in".to_owned(), |line| format!("line {line}"));
    let what = format!("{}: '{key}' runs {} already ({place}): choose another, or give {} one first", later.name, earlier.name, earlier.name);
    (line.unwrap_or(0), what)
}

type Word = (String, Range<usize>);

/// A key or a list of keys.
fn words(value: &Spanned<DeValue<'_>>) -> Option<Vec<Word>> {
    let word = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::String(text) => Some((text.as_ref().to_owned(), value.span())),
        _ => None,
    };
    match value.get_ref() {
        DeValue::Array(all) => all.iter().map(word).collect(),
        _ => Some(vec![word(value)?]),
    }
}

/// The key a word names, if this command may have it.
fn key_for(command: &Command, word: &str) -> Result<Key, String> {
    let key = Key::named(word).ok_or_else(|| format!("'{word}' is no key: expected a character, ctrl-x, enter, esc, tab, space, up, pgdn, …"))?;
    if let Key::Ctrl(c) = key {
        may_control(command, c)?;
    }
    let capital = matches!(key, Key::Char(c) if c.is_uppercase() && !matches!(c, 'N' | 'G'));
    if command.group == Group::Change && !capital {
        return Err(format!("'{word}' is no capital letter: what opens a plan sheet needs one (not N or G)"));
    }
    if command.group != Group::Change && capital {
        return Err(format!("'{word}' is a capital letter: those are for what opens a plan sheet"));
    }
    if command.id == CommandId::Confirm && !matches!(key, Key::Char(c) if c != ' ') {
        return Err(format!("'{word}' is pressed too easily to confirm with"));
    }
    Ok(key)
}

fn may_control(command: &Command, c: char) -> Result<(), String> {
    if RESERVED.contains(&c) {
        return Err(format!("'{}' belongs to tmux, screen or the terminal", Key::Ctrl(c)));
    }
    if let Some((_, key)) = SAME_AS.iter().find(|(sent, _)| *sent == c) {
        return Err(format!("'{}' is what terminals send for {key}", Key::Ctrl(c)));
    }
    let own = matches!((c, command.id), ('c', CommandId::Quit) | ('z', CommandId::Suspend));
    match FIXED.iter().find(|(fixed, _)| *fixed == c).filter(|_| !own) {
        Some((_, does)) => Err(format!("'{}' always {does}", Key::Ctrl(c))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        Keymap::with("keymap.toml", text).unwrap_err()
    }

    #[test]
    fn the_built_in_map_is_right_and_gives_every_command_a_key() {
        assert_eq!(Keymap::with("built-in", BUILT_IN), Ok(Keymap::default()));
        for command in COMMANDS {
            assert!(!Keymap::default().keys(command.id).is_empty(), "{} has no key", command.name);
        }
        assert_eq!(Keymap::with("its own file", &Keymap::default().file()), Ok(Keymap::default()));
    }

    #[test]
    fn every_command_can_have_another_key_and_the_old_one_is_free_then() {
        for command in COMMANDS {
            let key = if command.group == Group::Change { "Q" } else { "%" };
            let map = Keymap::with("keymap.toml", &format!("{} = \"{key}\"", command.name)).unwrap();
            assert_eq!(map.shown(command.id), key, "{}", command.name);
            let place = Place::ALL.into_iter().find(|place| command.places.has(*place)).unwrap();
            let old = Keymap::default().keys(command.id)[0];
            assert_eq!(map.find(place, old).map(|found| found.id), None, "{}", command.name);
            assert_eq!(map.find(place, Key::Char(key.chars().next().unwrap())).map(|found| found.id), Some(command.id));
        }
    }

    #[test]
    fn two_commands_on_one_key_are_reported_with_their_lines() {
        assert_eq!(mistakes("\nsort = \"j\""), ["keymap.toml:2: sort: 'j' runs down already (built in): choose another, or give down one first"]);
        let both = mistakes("mark = \"%\"\nsort = \"%\"");
        assert_eq!(both, ["keymap.toml:2: sort: '%' runs mark already (line 1): choose another, or give mark one first"]);
        assert!(Keymap::with("keymap.toml", "plan_again = \"%\"\nsort = \"%\"").is_ok(), "they are never on the screen together");
    }

    #[test]
    fn what_is_no_command_and_what_is_no_key_say_where_and_what_was_expected() {
        assert_eq!(mistakes("srt = \"o\""), ["keymap.toml:1: unknown command 'srt': did you mean 'sort'?"]);
        assert!(mistakes("sort = 3")[0].starts_with("keymap.toml:1: sort: expected a key such as"));
        assert!(mistakes("sort = \"meta-x\"")[0].contains("'meta-x' is no key"));
        assert!(mistakes("sort = ")[0].starts_with("keymap.toml:1: "));
        assert_eq!(mistakes("top = \"ctrl-a\"\nend = \"ctrl-m\"\nsort = \"ctrl-c\"").len(), 3);
    }

    #[test]
    fn capitals_stay_with_what_changes_production_and_confirming_stays_deliberate() {
        assert!(mistakes("deploy = \"d\"")[0].contains("needs one"));
        assert!(mistakes("sort = \"S\"")[0].contains("those are for what opens a plan sheet"));
        assert!(mistakes("confirm = \"enter\"")[0].contains("too easily"));
        assert!(mistakes("roll_back = \"N\"")[0].contains("needs one"));
        assert!(mistakes("roll_back = \"A\"\nback_out = \"R\"")[0].contains("something else that changes production"));
    }
}

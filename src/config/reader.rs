//! Walking a parsed file and collecting every mistake with its line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::error::ConfigError;
use super::files::shown;
use crate::domain::series::Finite;
use crate::domain::suggest::nearest;
use crate::domain::text::escape;
use crate::domain::time::Millis;

/// A text and where it stands.
pub(super) type Placed = (String, Range<usize>);

/// A value with where it stands.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// The mistakes of one file.
pub(super) struct Reader<'t> {
    file: String,
    text: &'t str,
    mistakes: Vec<(usize, String)>,
}

/// A table with what it is called in the file, and where it begins.
pub(super) struct Section<'s, 'i> {
    pub name: String,
    pub table: &'s DeTable<'i>,
    pub span: Range<usize>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(path: &Path, text: &'t str) -> Self {
        Self { file: shown(path), text, mistakes: Vec::new() }
    }

    /// The line, from 1, of a byte.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
    }

    /// The text as a document; none where it is no TOML, which is a mistake of its own.
    pub(super) fn document(&mut self) -> Option<Spanned<DeTable<'t>>> {
        let parsed = DeTable::parse(self.text);
        if let Err(error) = &parsed {
            let what = error.message().lines().collect::<Vec<_>>().join(", ");
            self.mistake(&error.span().unwrap_or(0..0), what);
        }
        parsed.ok()
    }

    /// One more mistake.
    pub(super) fn mistake(&mut self, span: &Range<usize>, what: impl AsRef<str>) {
        self.mistakes.push((self.line(span.start), escape(what.as_ref())));
    }

    /// Nothing, if nothing is wrong; else every mistake in the order of the lines.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        self.mistakes.sort();
        let lines: Vec<String> = self.mistakes.iter().map(|(line, what)| format!("{}:{line}: {what}", self.file)).collect();
        Err(ConfigError::new(lines.join("\n"), "nothing of this file is used until it is right"))
    }

    /// Keys nobody knows, with the nearest one that is known.
    pub(super) fn only(&mut self, section: &Section<'_, '_>, known: &[&str]) {
        for (key, value) in section.table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None if matches!(value.get_ref(), DeValue::Table(_)) => format!("expected {} (a name with dots has to be quoted)", known.join(", ")),
                None => format!("expected {}", known.join(", ")),
            };
            self.mistake(&key.span(), format!("{}: unknown key '{name}': {help}", section.name));
        }
    }

    fn wrong(&mut self, section: &Section<'_, '_>, key: &str, value: &Value<'_>, expected: &str) {
        let what = format!("{}: '{key}' is {}: expected {expected}", section.name, found(value.get_ref()));
        self.mistake(&value.span(), what);
    }

    /// A string that says something.
    pub(super) fn string(&mut self, section: &Section<'_, '_>, key: &str, expected: &str) -> Option<(String, Range<usize>)> {
        let value = section.table.get(key)?;
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Some((text.as_ref().to_owned(), value.span())),
            _ => {
                self.wrong(section, key, value, expected);
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, section: &Section<'_, '_>, key: &str, bounds: std::ops::RangeInclusive<u32>, expected: &str) -> Option<u32> {
        let value = section.table.get(key)?;
        let number = integer(value.get_ref()).and_then(|number| u32::try_from(number).ok()).filter(|number| bounds.contains(number));
        if number.is_none() {
            self.wrong(section, key, value, expected);
        }
        number
    }

    /// A number, whole or not.
    pub(super) fn decimal(&mut self, section: &Section<'_, '_>, key: &str, expected: &str) -> Option<Finite> {
        let value = section.table.get(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(_) => integer(value.get_ref()).and_then(|number| i32::try_from(number).ok()).map(f64::from),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let finite = number.and_then(Finite::new);
        if finite.is_none() {
            self.wrong(section, key, value, expected);
        }
        finite
    }

    /// True or false.
    pub(super) fn boolean(&mut self, section: &Section<'_, '_>, key: &str) -> Option<bool> {
        let value = section.table.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            _ => {
                self.wrong(section, key, value, "true or false");
                None
            }
        }
    }

    /// A duration of at least `least`.
    pub(super) fn duration(&mut self, section: &Section<'_, '_>, key: &str, least: Millis) -> Option<Millis> {
        let such = if least > Millis::mins(5) { "60m" } else { "5m" };
        let expected = format!("a duration of at least {least}, such as \"{such}\"");
        let (text, span) = self.string(section, key, &expected)?;
        match Millis::parse(&text) {
            Ok(read) if read >= least => Some(read),
            Ok(_) => {
                self.mistake(&span, format!("{}: '{key}' is \"{text}\": expected {expected}", section.name));
                None
            }
            Err(why) => {
                self.mistake(&span, format!("{}: '{key}': {why}", section.name));
                None
            }
        }
    }

    /// A list of strings that say something, each with where it stands.
    pub(super) fn strings(&mut self, section: &Section<'_, '_>, key: &str, expected: &str) -> Option<Vec<Placed>> {
        let value = section.table.get(key)?;
        let items = match value.get_ref() {
            DeValue::Array(items) => texts(items),
            _ => None,
        };
        if items.is_none() {
            self.wrong(section, key, value, expected);
        }
        items
    }

    /// A list of lists of texts, none of them empty.
    pub(super) fn lists(&mut self, section: &Section<'_, '_>, key: &str, expected: &str) -> Option<Vec<Vec<Placed>>> {
        let value = section.table.get(key)?;
        let inner = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::Array(items) => texts(items).filter(|texts| !texts.is_empty()),
            _ => None,
        };
        let lists = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(inner).collect(),
            _ => None,
        };
        if lists.is_none() {
            self.wrong(section, key, value, expected);
        }
        lists
    }

    /// A table of strings that say something.
    pub(super) fn texts(&mut self, section: &Section<'_, '_>, key: &str, expected: &str) -> Option<BTreeMap<String, Placed>> {
        let table = self.table(section, key, expected)?;
        let mut texts = BTreeMap::new();
        for (name, value) in table.table {
            match value.get_ref() {
                DeValue::String(text) => {
                    texts.insert(name.get_ref().as_ref().to_owned(), (text.as_ref().to_owned(), name.span()));
                }
                _ => self.wrong(&table, name.get_ref(), value, "a text in quotes"),
            }
        }
        Some(texts)
    }

    /// A table of any values, as JSON has them.
    pub(super) fn values(&mut self, section: &Section<'_, '_>, key: &str, expected: &str) -> Option<BTreeMap<String, serde_json::Value>> {
        let table = self.table(section, key, expected)?;
        let mut values = BTreeMap::new();
        for (name, value) in table.table {
            match json(value.get_ref()) {
                Some(read) => {
                    values.insert(name.get_ref().as_ref().to_owned(), read);
                }
                None => self.wrong(&table, name.get_ref(), value, "a text, a number, true or false, a list or a table of them"),
            }
        }
        Some(values)
    }

    /// A table inside another.
    pub(super) fn table<'s, 'i>(&mut self, section: &Section<'s, 'i>, key: &str, expected: &str) -> Option<Section<'s, 'i>> {
        let value = section.table.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Section { name: format!("{} {key}", section.name), table, span: value.span() }),
            _ => {
                self.wrong(section, key, value, expected);
                None
            }
        }
    }

    /// A list of tables.
    pub(super) fn tables<'s, 'i>(&mut self, section: &Section<'s, 'i>, key: &str, expected: &str) -> Option<Vec<Section<'s, 'i>>> {
        let value = section.table.get(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(section, key, value, expected);
            return None;
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.get_ref() {
                DeValue::Table(table) => sections.push(Section { name: format!("{} {key} {}", section.name, index + 1), table, span: item.span() }),
                _ => self.wrong(section, key, item, expected),
            }
        }
        (sections.len() == items.len()).then_some(sections)
    }
}

fn texts(items: &DeArray<'_>) -> Option<Vec<Placed>> {
    items
        .iter()
        .map(|item| match item.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Some((text.as_ref().to_owned(), item.span())),
            _ => None,
        })
        .collect()
}

/// The value as JSON has it; none for what JSON has not.
fn json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    match value {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Integer(_) => integer(value).map(Into::into),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Into::into),
        DeValue::Boolean(boolean) => Some((*boolean).into()),
        DeValue::Datetime(_) => None,
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let entry = |(name, value): (&Spanned<_>, &Value<'_>)| Some((AsRef::<str>::as_ref(name.get_ref()).to_owned(), json(value.get_ref())?));
            table.iter().map(entry).collect::<Option<serde_json::Map<_, _>>>().map(Into::into)
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    match value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}

fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.trim().is_empty() => "empty".to_owned(),
        DeValue::String(text) => format!("\"{}\"", text.as_ref()),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

//! JSON that is safe to print: every character a terminal or a reader could be misled by is written as `\uXXXX`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Number;
use serde_json::ser::Formatter;

use crate::domain::text::is_treacherous;
use crate::domain::time::{Millis, WorldTime};

/// The document on one line.
///
/// # Errors
/// When the document cannot be written as JSON, which would be a fault of this program.
pub fn to_string(document: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    document.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Safe))?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// Compact, with treacherous characters escaped.
struct Safe;

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if !fragment.chars().any(is_treacherous) {
            return writer.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if is_treacherous(c) {
                write_escaped(writer, c)?;
            } else {
                write!(writer, "{c}")?;
            }
        }
        Ok(())
    }
}

/// `\uXXXX`, twice for a character beyond the basic plane.
fn write_escaped<W: ?Sized + Write>(writer: &mut W, c: char) -> io::Result<()> {
    c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))
}

/// A duration in seconds: whole where it is, else with its fraction, so that little is never taken for nothing.
pub(super) fn secs(span: Millis) -> Number {
    let whole = Number::from(span.as_secs());
    if span.0.is_multiple_of(1_000) { whole } else { Number::from_f64(span.std().as_secs_f64()).unwrap_or(whole) }
}

/// A moment, RFC 3339 with its zone.
pub(super) fn moment(at: WorldTime) -> String {
    at.rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn treacherous_characters_are_escaped_and_come_back() {
        let text = "a\u{1b}[31m\u{202e}\u{e0041}é漢\"\\\n\u{7f}";
        let written = to_string(&text).unwrap();
        assert_eq!(written, "\"a\\u001b[31m\\u202e\\udb40\\udc41é漢\\\"\\\\\\n\\u007f\"");
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }

    #[test]
    fn a_short_time_is_not_no_time() {
        assert_eq!((secs(Millis::mins(1)).to_string(), secs(Millis(50)).to_string()), ("60".to_owned(), "0.05".to_owned()));
    }

    proptest! {
        #[test]
        fn nothing_treacherous_is_ever_written_and_nothing_is_lost(texts in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4)) {
            let written = to_string(&texts).unwrap();
            prop_assert!(!written.chars().any(is_treacherous));
            prop_assert_eq!(serde_json::from_str::<std::collections::BTreeMap<String, String>>(&written).unwrap(), texts);
        }
    }
}

//! Text from outside: compared on its raw bytes, shown only with everything a terminal would obey made visible.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// `1 server`, `2 servers`: a count with its noun, whose plural ends in `s`.
#[must_use]
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `1 server is`, `2 servers are`.
#[must_use]
pub fn there_are(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{} {}", counted(count, noun), if count == 1 { "is" } else { "are" })
}

/// A string that somebody else chose: a tag, a name, a log line, an error body.
///
/// There is no `Display`: the one way to a person's eyes is [`Untrusted::shown`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(CompactString);

impl Untrusted {
    /// Takes the text as it came.
    #[must_use]
    pub fn new(text: impl Into<CompactString>) -> Self {
        Self(text.into())
    }

    /// The text with control, bidirectional and zero-width characters as visible escapes.
    #[must_use]
    pub fn shown(&self) -> String {
        escape(&self.0)
    }

    /// The raw text, for comparing and for sending back to where it came from; never for a terminal.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({:?})", self.shown())
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Whether a terminal or a reader could be misled by this character: control characters (C0, C1), bidirectional
/// controls, zero-width and other invisible format characters, and the separators that break a line.
#[must_use]
pub const fn is_treacherous(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether the text can be shown as it is. What is plain ASCII, and most is, is told from its bytes.
#[must_use]
pub fn is_harmless(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_treacherous)
}

/// The text with every treacherous character written as `\u{…}`.
#[must_use]
pub fn escape(text: &str) -> String {
    if is_harmless(text) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_treacherous(c) {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A text as one word for a shell, its treacherous characters escaped.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let text = escape(text);
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':'));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        let told = |count: u32| (counted(count, "image"), there_are(count, "server"));
        assert_eq!(told(1), ("1 image".to_owned(), "1 server is".to_owned()));
        assert_eq!([told(0).0, told(0).1, told(2).1], ["0 images", "0 servers are", "2 servers are"]);
    }
    use proptest::prelude::*;

    #[test]
    fn escapes_bidi_and_zero_width_characters_become_visible() {
        assert_eq!(Untrusted::new("a\x1b[31mb\u{202e}c\u{200b}").shown(), "a\\u{1b}[31mb\\u{202e}c\\u{200b}");
        assert_eq!(Untrusted::new("wéb 2.14.0 漢").shown(), "wéb 2.14.0 漢");
    }

    proptest! {
        #[test]
        fn nothing_treacherous_is_ever_shown(text in any::<String>()) {
            prop_assert!(!Untrusted::new(text).shown().chars().any(is_treacherous));
        }
    }
}

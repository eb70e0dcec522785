//! One canonical form for the SDK's values, for digests and for seeing what a conversion lost.
//!
//! The SDK's types have no serialisation and may grow fields at any release, so neither serde nor a hand-written list of fields would be
//! complete. Their `Debug` is: it names every field there is. This module reads that form back into a tree, without what is absent or empty,
//! with maps sorted, so that a field nobody here has heard of still changes the digest.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};

use sha2::{Digest, Sha256};

/// What the SDK prints for a field it will not print; such fields are compared apart.
const REDACTED: &str = "*** Sensitive Data Redacted ***";

/// A value of the SDK as a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Canon {
    /// A string, a number, a flag or an enumeration's word.
    Leaf(String),
    /// In the order the cloud gave.
    List(Vec<Self>),
    /// By field name.
    Map(BTreeMap<String, Self>),
}

impl Canon {
    /// The canonical form of a value; a value that is absent altogether is an empty map.
    pub(super) fn of<T: Debug>(value: &T) -> Self {
        let text = format!("{value:?}");
        Reader { rest: &text }.value().unwrap_or_else(|| Self::Map(BTreeMap::new()))
    }

    /// The fields, if it has any.
    pub(super) fn fields(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Map(fields) => Some(fields),
            Self::Leaf(_) | Self::List(_) => None,
        }
    }

    /// Takes a field away.
    pub(super) fn remove(&mut self, field: &str) -> Option<Self> {
        match self {
            Self::Map(fields) => fields.remove(field),
            Self::Leaf(_) | Self::List(_) => None,
        }
    }

    /// Sets a field.
    pub(super) fn set(&mut self, field: &str, value: Self) {
        if let Self::Map(fields) = self {
            fields.insert(field.to_owned(), value);
        }
    }

    /// The value of a field, to change it.
    pub(super) fn get_mut(&mut self, field: &str) -> Option<&mut Self> {
        match self {
            Self::Map(fields) => fields.get_mut(field),
            Self::Leaf(_) | Self::List(_) => None,
        }
    }

    /// Takes these fields away wherever they are, and replaces these leaves.
    pub(super) fn neutral(self, fields: &[&str], leaves: &[(&str, &str)]) -> Self {
        match self {
            Self::Leaf(text) => {
                let replaced = leaves.iter().find(|(from, _)| *from == text).map(|(_, to)| (*to).to_owned());
                Self::Leaf(replaced.unwrap_or(text))
            }
            Self::List(items) => Self::List(items.into_iter().map(|item| item.neutral(fields, leaves)).collect()),
            Self::Map(map) => Self::Map(
                map.into_iter().filter(|(key, _)| !fields.contains(&key.as_str())).map(|(key, value)| (key, value.neutral(fields, leaves))).collect(),
            ),
        }
    }

    /// The form on one line.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// SHA-256 of the form.
    pub(super) fn digest(&self) -> String {
        digest(self.text().as_bytes())
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Leaf(text) => {
                let _ = write!(out, "{}", serde_json::Value::from(text.as_str()));
            }
            Self::List(items) => {
                out.push('[');
                for item in items {
                    item.write(out);
                    out.push(',');
                }
                out.push(']');
            }
            Self::Map(fields) => {
                out.push('{');
                for (key, value) in fields {
                    let _ = write!(out, "{}:", serde_json::Value::from(key.as_str()));
                    value.write(out);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::List(items) => items.is_empty(),
            Self::Map(fields) => fields.is_empty(),
        }
    }
}

/// The paths of `whole` that `part` lacks or has otherwise.
pub(super) fn lost(whole: &Canon, part: Option<&Canon>) -> Vec<String> {
    let mut paths = Vec::new();
    collect_lost(whole, part, String::new(), &mut paths);
    paths
}

fn collect_lost(whole: &Canon, part: Option<&Canon>, path: String, paths: &mut Vec<String>) {
    match (whole, part) {
        (Canon::Map(fields), Some(Canon::Map(others))) => {
            for (key, value) in fields {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect_lost(value, others.get(key), inner, paths);
            }
        }
        (Canon::List(items), Some(Canon::List(others))) if items.len() == others.len() => {
            for (item, other) in items.iter().zip(others) {
                collect_lost(item, Some(other), path.clone(), paths);
            }
        }
        (whole, Some(part)) if whole == part => {}
        _ => paths.push(path),
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads `Debug`'s one-line form.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// The next value; none if it is absent (`None`), redacted or empty.
    fn value(&mut self) -> Option<Canon> {
        self.skip_space();
        let value = match self.rest.chars().next()? {
            '"' => Canon::Leaf(self.string()),
            '[' => self.list('[', ']'),
            '(' => self.list('(', ')'),
            '{' => self.map(),
            _ => return self.named(),
        };
        let redacted = matches!(&value, Canon::Leaf(text) if text == REDACTED);
        (!redacted && !value.is_empty()).then_some(value)
    }

    /// A number, a word, `Name { … }` or `Name(…)`.
    fn named(&mut self) -> Option<Canon> {
        let word = self.word();
        self.skip_space();
        // An enumeration may have a word `None` of its own, which says something.
        if word == "Some" && self.rest.starts_with("(None)") {
            self.rest = self.rest.strip_prefix("(None)").unwrap_or_default();
            return Some(Canon::Leaf("None".to_owned()));
        }
        let value = match self.rest.chars().next() {
            Some('{') => self.map(),
            Some('(') => match self.list('(', ')') {
                // `Some(x)` and wrappers such as `Unknown(UnknownVariantValue("x"))` stand for what they hold.
                Canon::List(mut items) if items.len() == 1 => items.pop()?,
                other => other,
            },
            _ if word == "None" => return None,
            _ => Canon::Leaf(word),
        };
        (!value.is_empty()).then_some(value)
    }

    fn list(&mut self, open: char, close: char) -> Canon {
        let mut items = Vec::new();
        self.eat(open);
        while !self.ends(close) {
            items.extend(self.value());
            self.eat(',');
        }
        Canon::List(items)
    }

    fn map(&mut self) -> Canon {
        let mut fields = BTreeMap::new();
        self.eat('{');
        while !self.ends('}') {
            self.skip_space();
            let key = if self.rest.starts_with('"') { self.string() } else { self.word() };
            if self.eat(':') {
                if let Some(value) = self.value() {
                    fields.insert(key, value);
                }
            } else {
                // A set, or `..` of a type that shows only part of itself.
                fields.insert(key.clone(), Canon::Leaf(key));
            }
            self.eat(',');
        }
        Canon::Map(fields)
    }

    /// Whether the closing sign or the end of the text is next; eats it.
    fn ends(&mut self, close: char) -> bool {
        self.eat(close) || self.rest.is_empty()
    }

    fn eat(&mut self, sign: char) -> bool {
        self.skip_space();
        self.rest.strip_prefix(sign).map(|rest| self.rest = rest).is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Everything up to a sign; at least one character, so that nothing is read for ever.
    fn word(&mut self) -> String {
        let length = self.rest.find(|c: char| matches!(c, ',' | ':' | '{' | '}' | '(' | ')' | '[' | ']' | '"') || c.is_whitespace());
        let length = length.unwrap_or(self.rest.len()).max(self.rest.chars().next().map_or(0, char::len_utf8));
        let (word, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        word.to_owned()
    }

    fn string(&mut self) -> String {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return text;
                }
                // Escapes are kept as they are: the form is only ever compared with itself.
                '\\' => {
                    text.push(c);
                    text.extend(chars.next().map(|(_, escaped)| escaped));
                }
                _ => text.push(c),
            }
        }
        self.rest = "";
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{InstanceType, LaunchTemplatePlacement, ResponseLaunchTemplateData};

    #[test]
    fn absent_and_empty_fields_leave_no_trace() {
        let bare = ResponseLaunchTemplateData::builder().image_id("ami-1").build();
        let empty = ResponseLaunchTemplateData::builder().image_id("ami-1").set_security_group_ids(Some(Vec::new())).build();
        assert_eq!(Canon::of(&bare), Canon::of(&empty));
        assert_eq!(Canon::of(&bare).text(), r#"{"image_id":"ami-1",}"#);
    }

    #[test]
    fn a_word_the_sdk_does_not_know_is_kept() {
        let data = ResponseLaunchTemplateData::builder().instance_type(InstanceType::from("z99.huge")).build();
        assert_eq!(Canon::of(&data).text(), r#"{"instance_type":"z99.huge",}"#);
    }

    #[test]
    fn the_word_none_is_not_absence() {
        use aws_sdk_ec2::types::{CapacityReservationPreference, LaunchTemplateCapacityReservationSpecificationResponse as Spec};
        let spec = Spec::builder().capacity_reservation_preference(CapacityReservationPreference::None).build();
        assert_eq!(Canon::of(&spec).text(), r#"{"capacity_reservation_preference":"None",}"#);
    }

    #[test]
    fn hostile_strings_stay_strings() {
        for text in ["a\"b", "x, y: {", "\\", "]})", "line\nfeed", "None", ""] {
            let one = ResponseLaunchTemplateData::builder().key_name(text).ebs_optimized(true).build();
            let other = ResponseLaunchTemplateData::builder().key_name(format!("{text}!")).ebs_optimized(true).build();
            let (one, other) = (Canon::of(&one), Canon::of(&other));
            assert_eq!(one.fields().unwrap().len(), 2, "{text:?}");
            assert_eq!(one.fields().unwrap().get("ebs_optimized"), Some(&Canon::Leaf("true".to_owned())), "{text:?}");
            assert_ne!(one, other);
        }
    }

    #[test]
    fn what_was_lost_is_named_by_its_path() {
        let whole = ResponseLaunchTemplateData::builder()
            .key_name("k")
            .placement(LaunchTemplatePlacement::builder().group_name("g").tenancy("host".into()).build())
            .build();
        let part =
            ResponseLaunchTemplateData::builder().key_name("other").placement(LaunchTemplatePlacement::builder().group_name("g").build()).build();
        assert_eq!(lost(&Canon::of(&whole), Some(&Canon::of(&part))), ["key_name", "placement.tenancy"]);
        assert!(lost(&Canon::of(&whole), Some(&Canon::of(&whole))).is_empty());
    }
}

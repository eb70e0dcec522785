//! What a filter says: words that must all be there, `!word` for what must not, `state:canary` for one field.

/// A filter, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    not: bool,
    field: Option<String>,
    text: String,
}

/// Something that can be filtered.
pub trait Searchable {
    /// Fields that can be named, for reading a filter.
    const FIELDS: &'static [&'static str];

    /// Whether a field holds a text; without a field, whether what stands for the whole row does. The text is in lower case.
    fn holds(&self, field: Option<&str>, text: &str) -> bool;
}

impl Query {
    /// Reads a filter. A name before a colon counts as a field only if it is one of `fields`.
    #[must_use]
    pub fn read(text: &str, fields: &[&str]) -> Self {
        let term = |word: &str| {
            let (not, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
            let named = word.split_once(':').filter(|(name, _)| fields.contains(name));
            let (field, text) = named.map_or((None, word), |(name, text)| (Some(name.to_owned()), text));
            Term { not, field, text: text.to_owned() }
        };
        // A word of which only `!` or `state:` is typed yet says nothing.
        Self { terms: text.to_lowercase().split_whitespace().map(term).filter(|term| !term.text.is_empty()).collect() }
    }

    /// Whether it lets a row pass.
    pub fn passes<S: Searchable>(&self, row: &S) -> bool {
        self.terms.iter().all(|term| row.holds(term.field.as_deref(), &term.text) != term.not)
    }

    /// It says nothing: everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// Whether `text` holds `wanted`, which is in lower case.
#[must_use]
pub fn has(text: &str, wanted: &str) -> bool {
    if text.is_ascii() {
        let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
        return wanted.is_empty() || text.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted));
    }
    text.to_lowercase().contains(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row(&'static str, &'static str);

    impl Searchable for Row {
        const FIELDS: &'static [&'static str] = &["state"];

        fn holds(&self, field: Option<&str>, text: &str) -> bool {
            has(if field == Some("state") { self.1 } else { self.0 }, text)
        }
    }

    fn passing(filter: &str) -> Vec<&'static str> {
        let rows = [Row("web-prod", "canary"), Row("Web-Stage", "steady"), Row("api-prod", "steady")];
        let query = Query::read(filter, Row::FIELDS);
        rows.iter().filter(|row| query.passes(*row)).map(|row| row.0).collect()
    }

    #[test]
    fn words_narrow_a_bang_turns_them_round_and_a_field_is_looked_at_alone() {
        assert_eq!(passing("WEB"), ["web-prod", "Web-Stage"]);
        assert_eq!(passing("prod !web"), ["api-prod"]);
        assert_eq!(passing("state:steady !state:canary web"), ["Web-Stage"]);
        assert_eq!(passing("steady"), Vec::<&str>::new());
    }

    #[test]
    fn what_is_half_typed_says_nothing_yet_and_an_unknown_field_is_plain_text() {
        assert_eq!(passing("! state: !state:").len(), 3);
        assert!(passing("colour:red").is_empty());
    }
}

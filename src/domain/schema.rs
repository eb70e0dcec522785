//! Versions of a database's schema: which of them an image works with, which one is live, and whether the two go together (S16).

use serde::{Deserialize, Serialize};

use super::text::Untrusted;

/// The database schemas an image works with, both ends included; an open end is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaRange {
    /// The oldest schema.
    pub min: Option<u64>,
    /// The newest schema.
    pub max: Option<u64>,
    /// Why what the image says of its schemas cannot be read, in words: then nothing is known of either end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclear: Option<Untrusted>,
}

impl SchemaRange {
    /// From this schema to that one.
    #[must_use]
    pub const fn between(min: Option<u64>, max: Option<u64>) -> Self {
        Self { min, max, unclear: None }
    }

    /// What two tags say. A tag that is no number, and a range that is upside down, are not guessed at.
    #[must_use]
    pub fn of_tags(min: Option<&Untrusted>, max: Option<&Untrusted>) -> Self {
        let unclear = |why: String| Self { min: None, max: None, unclear: Some(why.into()) };
        let number = |name: &str, tag: Option<&Untrusted>| match tag.map(|tag| tag.raw().trim().parse::<u64>()) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => Err(format!("its {name} schema is tagged '{}', which is no number", tag.map_or("", Untrusted::raw))),
        };
        match (number("oldest", min), number("newest", max)) {
            (Err(why), _) | (_, Err(why)) => unclear(why),
            (Ok(Some(min)), Ok(Some(max))) if min > max => unclear(format!("its oldest schema is tagged {min} and its newest {max}")),
            (Ok(min), Ok(max)) => Self::between(min, max),
        }
    }

    /// The image says something of schemas.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.min.is_some() || self.max.is_some() || self.unclear.is_some()
    }

    /// For people: `41 to 43`, `from 41`, `up to 43`, `any`, `?`.
    #[must_use]
    pub fn words(&self) -> String {
        match (&self.unclear, self.min, self.max) {
            (Some(_), ..) => "?".to_owned(),
            (None, None, None) => "any".to_owned(),
            (None, Some(min), None) => format!("from {min}"),
            (None, None, Some(max)) => format!("up to {max}"),
            (None, Some(min), Some(max)) => format!("{min} to {max}"),
        }
    }

    /// Whether an image with this range runs on the live schema. One that says nothing of schemas runs on any.
    #[must_use]
    pub fn fit(&self, live: &LiveSchema) -> Fit {
        if !self.is_named() {
            return Fit::Fits;
        }
        if let Some(why) = &self.unclear {
            return Fit::Unknown(why.shown());
        }
        match live {
            LiveSchema::At(live) => self.fit_at(*live),
            LiveSchema::Unasked => Fit::Unknown(format!("it works with schema {}, and no program says which one is live", self.words())),
            LiveSchema::Unknown(why) => Fit::Unknown(format!("it works with schema {}, and the live one is unknown: {}", self.words(), why.shown())),
        }
    }

    fn fit_at(&self, live: u64) -> Fit {
        match (self.min, self.max) {
            (Some(min), _) if live < min => Fit::Excluded(format!("schema {live} < min {min}")),
            (_, Some(max)) if live > max => Fit::Excluded(format!("schema {live} > max {max}")),
            _ => Fit::Fits,
        }
    }
}

/// The schema a fleet's database has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveSchema {
    /// The fleet names no program that could say it, or nobody asked.
    #[default]
    Unasked,
    /// This one.
    At(u64),
    /// It was asked for and not told.
    Unknown(Untrusted),
}

impl LiveSchema {
    /// What a program printed: a whole number, or a JSON object that has it under `schema`.
    #[must_use]
    pub fn of_output(printed: &str) -> Self {
        let told: Option<serde_json::Value> = serde_json::from_str(printed.trim()).ok();
        let number = told.as_ref().and_then(|told| told.as_u64().or_else(|| told.get("schema")?.as_u64()));
        let beginning: String = printed.trim().chars().take(80).collect();
        match number {
            Some(number) => Self::At(number),
            None if beginning.is_empty() => Self::Unknown("it printed nothing, a whole number was expected".into()),
            None => Self::Unknown(format!("it printed '{beginning}', a whole number was expected").into()),
        }
    }

    /// For people: the number, or `?`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::At(schema) => schema.to_string(),
            Self::Unasked | Self::Unknown(_) => "?".to_owned(),
        }
    }

    /// The number, where it is known.
    #[must_use]
    pub const fn known(&self) -> Option<u64> {
        match self {
            Self::At(schema) => Some(*schema),
            Self::Unasked | Self::Unknown(_) => None,
        }
    }
}

/// Whether an image runs on the live schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Fits,
    /// It does not: `schema 7 > max 6`.
    Excluded(String),
    /// Nobody can say; why.
    Unknown(String),
}

impl Fit {
    /// Why it must not get traffic; none if it may. What nobody can say is not taken for a yes.
    #[must_use]
    pub fn against(self) -> Option<String> {
        match self {
            Self::Fits => None,
            Self::Excluded(why) | Self::Unknown(why) => Some(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(min: &str, max: &str) -> SchemaRange {
        SchemaRange::of_tags(Some(&min.into()), Some(&max.into()))
    }

    #[test]
    fn a_schema_outside_the_range_is_excluded_with_both_numbers() {
        let range = SchemaRange::between(Some(5), Some(6));
        assert_eq!(range.fit(&LiveSchema::At(7)), Fit::Excluded("schema 7 > max 6".to_owned()));
        assert_eq!(range.fit(&LiveSchema::At(4)), Fit::Excluded("schema 4 < min 5".to_owned()));
        assert_eq!([5, 6].map(|live| range.fit(&LiveSchema::At(live))), [Fit::Fits, Fit::Fits]);
        assert_eq!(SchemaRange::between(None, Some(6)).fit(&LiveSchema::At(1)), Fit::Fits);
    }

    #[test]
    fn what_is_not_known_fits_only_an_image_that_names_no_schema() {
        for live in [LiveSchema::Unasked, LiveSchema::Unknown("it hangs".into())] {
            assert!(matches!(SchemaRange::between(Some(5), None).fit(&live), Fit::Unknown(_)), "{live:?}");
            assert_eq!(SchemaRange::default().fit(&live), Fit::Fits);
        }
    }

    #[test]
    fn tags_that_are_no_range_are_unknown_and_never_guessed() {
        assert_eq!(tags("41", " 43 "), SchemaRange::between(Some(41), Some(43)));
        assert_eq!(SchemaRange::of_tags(None, None), SchemaRange::default());
        for (min, max, said) in [("41", "none", "'none', which is no number"), ("-1", "3", "'-1'"), ("", "3", "''"), ("9", "3", "9 and its newest 3")]
        {
            let range = tags(min, max);
            let Fit::Unknown(why) = range.fit(&LiveSchema::At(3)) else { panic!("{range:?}") };
            assert!(why.contains(said), "{why}");
            assert_eq!((range.words().as_str(), range.is_named()), ("?", true));
        }
        let hostile = tags("\u{1b}[2J", "3").fit(&LiveSchema::At(3)).against().unwrap();
        assert!(!hostile.contains('\u{1b}') && hostile.contains("\\u{1b}"), "{hostile}");
    }

    #[test]
    fn a_number_is_a_number_and_nothing_else_is() {
        assert_eq!(["7", " 7\n", "{\"schema\": 7, \"by\": \"alembic\"}"].map(LiveSchema::of_output), [7, 7, 7].map(LiveSchema::At));
        for lie in ["", "seven", "7.5", "-7", "7 8", "null", "{\"schema\": \"7\"}", "[7]", "\u{1b}[31m7"] {
            assert!(matches!(LiveSchema::of_output(lie), LiveSchema::Unknown(_)), "{lie}");
        }
    }
}

//! What a plan changes besides the version: the image that is gone to against the one that is left.

use serde::{Deserialize, Serialize};

use crate::domain::packages::PackageChange;

/// So many packages are kept in a plan by name; the rest are counted.
const MOST_PACKAGES: usize = 150;

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// What differs besides packages, what is risky first.
    pub fields: Vec<FieldChange>,
    /// What differs in what is installed.
    pub packages: PackageDifference,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// What it is.
    pub what: String,
    /// Before; none where it is not said.
    pub from: Option<String>,
    /// Afterwards; none where it is not said.
    pub to: Option<String>,
    /// It deserves a second look.
    pub risky: bool,
}

/// What differs in what is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageDifference {
    /// A list is missing: nobody can say.
    Unknown {
        /// Whose, and why.
        why: String,
    },
    /// Both lists are there.
    Known {
        /// The packages that differ, what is risky first.
        changed: Vec<PackageChange>,
        /// So many more differ.
        left_out: usize,
    },
}

impl PackageDifference {
    /// Both lists are there.
    #[must_use]
    pub fn known(mut changed: Vec<PackageChange>) -> Self {
        let left_out = changed.len().saturating_sub(MOST_PACKAGES);
        changed.truncate(MOST_PACKAGES);
        Self::Known { changed, left_out }
    }

    /// In one line: how many, and the names of the risky ones.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Unknown { why } => format!("packages: nobody can say: {why}"),
            Self::Known { changed, .. } if changed.is_empty() => "packages: the same".to_owned(),
            Self::Known { changed, left_out } => {
                let count = |test: fn(&PackageChange) -> bool| changed.iter().filter(|change| test(change)).count();
                let (added, removed) = (count(|change| change.from.is_none()), count(|change| change.to.is_none()));
                format!("packages: {} differ, {added} of them new, {removed} gone", changed.len() + left_out)
            }
        }
    }
}

impl FieldChange {
    /// `base: ami-1 becomes ami-2`.
    #[must_use]
    pub fn words(&self) -> String {
        words(&self.what, self.from.as_deref(), self.to.as_deref())
    }
}

/// `openssl: 3.0.13 becomes 3.0.14`.
#[must_use]
pub fn package_words(change: &PackageChange) -> String {
    words(&change.name.shown(), change.from.as_deref(), change.to.as_deref())
}

fn words(what: &str, from: Option<&str>, to: Option<&str>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("{what}: {from} becomes {to}"),
        (None, Some(to)) => format!("{what}: new, {to}"),
        (Some(from), None) => format!("{what}: {from}, not any more"),
        (None, None) => what.to_owned(),
    }
}

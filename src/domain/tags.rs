//! Which tags mean what: people name them differently, so each meaning has a list of keys and the first that is set wins.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text::Untrusted;

/// The tag keys of each meaning, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TagKeys {
    /// The application an image holds or a group runs.
    pub app: Vec<String>,
    /// What people call an image.
    pub version: Vec<String>,
    /// The environment of a group.
    pub env: Vec<String>,
    /// Where an image is in its life.
    pub stage: Vec<String>,
    /// The image an image was baked from.
    pub base: Vec<String>,
    /// The oldest database schema an image works with.
    pub schema_min: Vec<String>,
    /// The newest database schema an image works with.
    pub schema_max: Vec<String>,
    /// Why an image must not be deployed; set at all, it blocks.
    pub blocked: Vec<String>,
    /// Who blocked it.
    pub blocked_by: Vec<String>,
    /// When it was blocked, RFC 3339.
    pub blocked_at: Vec<String>,
    /// The fleet of a group.
    pub fleet: Vec<String>,
    /// The slot of a group: `a` or `b`.
    pub slot: Vec<String>,
}

impl Default for TagKeys {
    fn default() -> Self {
        let keys = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            app: keys(&["qd:app", "app"]),
            version: keys(&["qd:version", "version"]),
            env: keys(&["qd:env", "env"]),
            stage: keys(&["qd:stage"]),
            base: keys(&["qd:base"]),
            schema_min: keys(&["qd:schema-min"]),
            schema_max: keys(&["qd:schema-max"]),
            blocked: keys(&["qd:blocked"]),
            blocked_by: keys(&["qd:blocked-by"]),
            blocked_at: keys(&["qd:blocked-at"]),
            fleet: keys(&["qd:fleet"]),
            slot: keys(&["qd:slot"]),
        }
    }
}

/// The value of the first of these keys that is set.
#[must_use]
pub fn first<'a>(keys: &[String], tags: &'a BTreeMap<String, Untrusted>) -> Option<&'a Untrusted> {
    keys.iter().find_map(|key| tags.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_that_is_set_wins() {
        let tags = BTreeMap::from([("app".to_owned(), Untrusted::from("old")), ("qd:app".to_owned(), Untrusted::from("web"))]);
        let keys = TagKeys::default();
        assert_eq!(first(&keys.app, &tags), Some(&Untrusted::from("web")));
        assert_eq!(first(&keys.version, &tags), None);
    }

    #[test]
    fn a_file_that_maps_one_meaning_leaves_the_others_alone() {
        let keys: TagKeys = toml::from_str("app = [\"Service\"]").unwrap();
        assert_eq!(keys, TagKeys { app: vec!["Service".to_owned()], ..TagKeys::default() });
        assert!(toml::from_str::<TagKeys>("ap = [\"Service\"]").is_err());
    }
}

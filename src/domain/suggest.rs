//! "Did you mean": the nearest known name to one that was mistyped.

/// The known name nearest to `typed`, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::jaro_winkler(typed, name), name))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typing_mistake_finds_its_name_and_nonsense_finds_none() {
        let fleets = ["web-prod", "api-prod", "worker-prod"];
        assert_eq!(nearest("web-prd", fleets.into_iter()), Some("web-prod"));
        assert_eq!(nearest("zzz", fleets.into_iter()), None);
    }
}

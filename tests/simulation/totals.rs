//! What a run consisted of, so that "no failure" can be told from "nothing happened".

use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, Default)]
pub struct Totals(BTreeMap<String, u64>);

impl Totals {
    pub fn add(&mut self, what: &str, times: u64) {
        if let Some(count) = self.0.get_mut(what) {
            *count += times;
        } else {
            self.0.insert(what.to_owned(), times);
        }
    }

    pub fn one(&mut self, what: &str) {
        self.add(what, 1);
    }

    pub fn get(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }

    /// All but those whose name begins so.
    pub fn without(&self, beginning: &str) -> Self {
        Self(self.0.iter().filter(|(what, _)| !what.starts_with(beginning)).map(|(what, times)| (what.clone(), *times)).collect())
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, times)| writeln!(f, "{times:>10}  {what}"))
    }
}

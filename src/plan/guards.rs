//! What keeps a plan from going forward, and what a way back lists as skipped.

use super::facts::Facts;
use crate::operation::plan::{Check, CheckLevel, Refusal};

/// Nothing new goes forward in a frozen fleet.
pub(super) fn not_frozen(facts: &Facts<'_>) -> Result<(), Refusal> {
    match facts.freezes.iter().find(|freeze| freeze.until > facts.now) {
        Some(freeze) => Err(Refusal::new(format!("{} is not changed now: {}", facts.spec.name, freeze.described()), freeze.remedy())),
        None => Ok(()),
    }
}

/// A way back passes a freeze and says so.
pub(super) fn skipped_freezes(facts: &Facts<'_>) -> Vec<Check> {
    let held = facts.freezes.iter().filter(|freeze| freeze.until > facts.now);
    held.map(|freeze| Check::new(CheckLevel::Warning, format!("skips the freeze: {}", freeze.described()))).collect()
}

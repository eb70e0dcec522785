//! The call budget shared by all processes of a store.

use crate::domain::time::Millis;

pub use crate::domain::budget::{BudgetKey, Priority};

/// Asked before every call to the cloud, and told when the cloud throttles.
pub trait CallBudget: Send + Sync {
    /// How long to wait before the call, or zero to go; only zero takes anything, so ask again after waiting.
    fn take(&self, api: BudgetKey, priority: Priority) -> Millis;

    /// The cloud answered that there were too many calls.
    fn throttled(&self, api: BudgetKey);
}

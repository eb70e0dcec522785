//! A call budget of one process alone, for tests and for reading without a store.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::domain::budget::{Bucket, take};
use crate::domain::time::{BootTime, Millis};
use crate::ports::budget::{BudgetKey, CallBudget, Priority};

/// Token buckets in memory.
#[derive(Debug)]
pub struct MemoryBudget {
    begun: Instant,
    buckets: Mutex<BTreeMap<BudgetKey, Bucket>>,
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self { begun: Instant::now(), buckets: Mutex::default() }
    }
}

impl MemoryBudget {
    fn now(&self) -> BootTime {
        BootTime(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

impl CallBudget for MemoryBudget {
    fn take(&self, api: BudgetKey, priority: Priority) -> Millis {
        let now = self.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut drawn: Vec<_> =
            api.drawn_from().iter().map(|key| (*key, buckets.get(key).copied().unwrap_or_else(|| Bucket::full(*key, now)))).collect();
        let wait = take(&mut drawn, now, priority);
        buckets.extend(drawn);
        wait
    }

    fn throttled(&self, api: BudgetKey) {
        let now = self.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for key in api.drawn_from() {
            let bucket = buckets.get(key).copied().unwrap_or_else(|| Bucket::full(*key, now));
            buckets.insert(*key, bucket.throttled(*key, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_runs_dry_before_a_driver_does() {
        let budget = MemoryBudget::default();
        while budget.take(BudgetKey::Elb, Priority::Rest) == Millis::ZERO {}
        assert_eq!(budget.take(BudgetKey::Elb, Priority::DriverRead), Millis::ZERO);
        budget.throttled(BudgetKey::Elb);
        assert!(budget.take(BudgetKey::Elb, Priority::OpenedFleet) > Millis::ZERO);
        assert_eq!(budget.take(BudgetKey::ElbWrite, Priority::Write), Millis::ZERO);
    }
}

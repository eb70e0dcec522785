//! The call budget as rows, so that ten screens cost the account as much as one.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::operations::{parse, to_json};
use super::{Store, StoreError};
use crate::adapters::host;
use crate::domain::budget::{self, Bucket};
use crate::domain::time::{BootTime, Millis};
use crate::ports::budget::{BudgetKey, CallBudget, Priority};
use crate::ports::desk::BudgetLevel;

/// The budget of a store.
pub struct StoreBudget {
    store: Arc<Store>,
    time_scale: u32,
}

impl StoreBudget {
    /// The budget of `store`. With a time scale above 1 (tests, on loopback only) its clock runs that much faster, as every other wait does.
    #[must_use]
    pub const fn new(store: Arc<Store>, time_scale: u32) -> Self {
        Self { store, time_scale }
    }

    fn now(&self) -> BootTime {
        BootTime(host::boot_now().0.saturating_mul(u64::from(self.time_scale.max(1))))
    }
}

impl CallBudget for StoreBudget {
    fn take(&self, api: BudgetKey, priority: Priority) -> Millis {
        let taken = self.store.change_buckets(api, self.now(), |buckets| budget::take(buckets, self.now(), priority));
        // A store that cannot be written must not stop a rollback; the cloud's own throttling is the second line.
        taken.map_or(Millis::ZERO, |wait| wait.scaled(self.time_scale))
    }

    fn throttled(&self, api: BudgetKey) {
        let now = self.now();
        let told = self.store.change_buckets(api, now, |buckets| {
            for (key, bucket) in buckets {
                *bucket = bucket.throttled(*key, now);
            }
        });
        if let Err(error) = told {
            tracing::warn!("throttling was not recorded: {error}");
        }
    }
}

impl Store {
    /// What is left of each part of the budget that was ever used since this host booted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn budget_left(&self) -> Result<Vec<BudgetLevel>, StoreError> {
        let (boot, now) = (host::boot_id(), host::boot_now());
        let connection = self.lock();
        let level = |key| {
            let known = self.known_bucket(&connection, key, &boot).transpose()?;
            Some(known.map(|bucket| BudgetLevel { key, left: bucket.refilled(key, now).tokens }))
        };
        BudgetKey::ALL.into_iter().filter_map(level).collect()
    }

    fn change_buckets<T>(&self, api: BudgetKey, now: BootTime, change: impl Fn(&mut [(BudgetKey, Bucket)]) -> T) -> Result<T, StoreError> {
        let boot = host::boot_id();
        self.transact(&|transaction: &Transaction<'_>| {
            let mut buckets = Vec::new();
            for key in api.drawn_from() {
                buckets.push((*key, self.bucket(transaction, *key, &boot, now)?));
            }
            let done = change(&mut buckets);
            for (key, bucket) in &buckets {
                self.put_bucket(transaction, *key, &boot, bucket)?;
            }
            Ok(done)
        })
    }

    /// Boot times of another boot say nothing: the bucket is full again.
    fn bucket(&self, transaction: &Transaction<'_>, key: BudgetKey, boot: &str, now: BootTime) -> Result<Bucket, StoreError> {
        Ok(self.known_bucket(transaction, key, boot)?.unwrap_or_else(|| Bucket::full(key, now)))
    }

    fn known_bucket(&self, connection: &Connection, key: BudgetKey, boot: &str) -> Result<Option<Bucket>, StoreError> {
        let row: Option<String> = connection
            .query_row("SELECT body FROM budget WHERE bucket = ?1 AND boot = ?2", params![key.word(), boot], |row| row.get(0))
            .optional()
            .map_err(|error| self.sql(error))?;
        row.map(|body| parse(&body)).transpose()
    }

    fn put_bucket(&self, transaction: &Transaction<'_>, key: BudgetKey, boot: &str, bucket: &Bucket) -> Result<(), StoreError> {
        let body = to_json(bucket)?;
        transaction
            .execute(
                "INSERT INTO budget (bucket, boot, body) VALUES (?1, ?2, ?3) ON CONFLICT (bucket) DO UPDATE SET boot = excluded.boot, body = excluded.body",
                params![key.word(), boot, body],
            )
            .map(|_| ())
            .map_err(|error| self.sql(error))
    }
}

//! The ledger's rows: append-only.

use rusqlite::{Transaction, params};

use super::operations::to_json;
use super::{Store, StoreError};
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::release::Release;
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::WorldTime;
use crate::operation::ledger::{LedgerBody, LedgerEntry};

/// An entry before it has its number.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// The fleet.
    pub fleet: FleetName,
    /// When, in world time.
    pub at: WorldTime,
    /// The release.
    pub release: Release,
    /// What is said of it.
    pub body: LedgerBody,
    /// Who says so.
    pub by: Untrusted,
    /// Why.
    pub reason: Option<Untrusted>,
    /// The operation it came with.
    pub operation: Option<OperationId>,
}

impl Store {
    /// The ledger of a fleet, oldest entry first. Entries that cannot be read are left out: see [`Self::whole_ledger`].
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn ledger(&self, fleet: &FleetName) -> Result<Vec<LedgerEntry>, StoreError> {
        Ok(self.whole_ledger(fleet)?.0)
    }

    /// The ledger of a fleet, and what is wrong with entries of it that cannot be read.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn whole_ledger(&self, fleet: &FleetName) -> Result<(Vec<LedgerEntry>, Vec<String>), StoreError> {
        let rows: Vec<(i64, String)> = self.read(|connection| {
            connection
                .prepare_cached("SELECT seq, body FROM ledger WHERE fleet = ?1 ORDER BY seq")?
                .query_map([fleet.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let entry = |(seq, body): (i64, String)| {
            let damage = |why| format!("entry {seq} of the ledger of {fleet} cannot be read ({why})");
            let read = serde_json::from_str::<LedgerEntry>(&body).map_err(|error| damage(escape(&error.to_string())));
            read.map(|entry| LedgerEntry { seq: u64::try_from(seq).unwrap_or(0), ..entry })
        };
        let (mut entries, mut damage) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            match entry(row) {
                Ok(entry) => entries.push(entry),
                Err(why) => damage.push(why),
            }
        }
        Ok((entries, damage))
    }

    /// Whether nothing was ever recorded: no ledger, no operation. What was removed counts as recorded.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn is_new(&self) -> Result<bool, StoreError> {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name IN ('ledger', 'operations'))";
        self.read(|connection| connection.query_row(sql, [], |row| row.get(0)))
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn add_to_ledger(&self, entry: &NewEntry) -> Result<(), StoreError> {
        self.write(|transaction| put(self, transaction, entry))
    }
}

pub(super) fn put(store: &Store, transaction: &Transaction<'_>, new: &NewEntry) -> Result<(), StoreError> {
    let entry = LedgerEntry {
        seq: 0,
        fleet: new.fleet.clone(),
        at: new.at,
        release: new.release.clone(),
        body: new.body.clone(),
        by: new.by.clone(),
        reason: new.reason.clone(),
        operation: new.operation.clone(),
    };
    let body = to_json(&entry)?;
    transaction
        .execute("INSERT INTO ledger (fleet, body) VALUES (?1, ?2)", params![new.fleet.as_str(), body])
        .map(|_| ())
        .map_err(|error| store.sql(error))
}

//! The record of freezes: entries are only ever added.

use rusqlite::{Connection, Transaction};

use super::operations::{parse, to_json};
use super::{Store, StoreError};
use crate::domain::ids::FleetName;
use crate::domain::time::WorldTime;
use crate::operation::freeze::{Freeze, FreezeEntry, in_force};

impl Store {
    /// The freezes in force, the one that ends last first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn freezes(&self, now: WorldTime) -> Result<Vec<Freeze>, StoreError> {
        Ok(in_force(&entries(self.read(rows)?)?, now))
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn add_freeze(&self, entry: &FreezeEntry) -> Result<(), StoreError> {
        let body = to_json(entry)?;
        self.write(|transaction| transaction.execute("INSERT INTO freezes (body) VALUES (?1)", [&body]).map(|_| ()).map_err(|error| self.sql(error)))
    }
}

/// In the transaction that begins something new: no freeze holds for its fleet.
pub(super) fn none_holds(store: &Store, transaction: &Transaction<'_>, fleet: &FleetName, now: WorldTime) -> Result<(), StoreError> {
    let entries = entries(rows(transaction).map_err(|error| store.sql(error))?)?;
    match in_force(&entries, now).into_iter().find(|freeze| freeze.covers(fleet)) {
        Some(freeze) => Err(StoreError::Frozen { fleet: fleet.clone(), freeze: Box::new(freeze) }),
        None => Ok(()),
    }
}

fn rows(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare_cached("SELECT body FROM freezes ORDER BY seq")?.query_map([], |row| row.get(0))?.collect()
}

fn entries(bodies: Vec<String>) -> Result<Vec<FreezeEntry>, StoreError> {
    bodies.iter().map(|body| parse(body)).collect()
}

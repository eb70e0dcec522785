//! Leases: one driver an operation, by epoch and deadline.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::operations::{number, parse, to_json};
use super::{Store, StoreError};
use crate::adapters::host;
use crate::domain::ids::OperationId;
use crate::domain::time::BootTime;
use crate::operation::lease::{Holder, HolderProcess, LEASE_LIFE, Lease};

impl Store {
    /// The lease of an operation; none if no driver ever took it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn lease(&self, id: &OperationId) -> Result<Option<Lease>, StoreError> {
        let row = self.read(|connection| find(connection, id))?;
        Ok(row.map(RawLease::parse))
    }

    /// Takes the lease for this process, if it is free.
    ///
    /// # Errors
    /// Another process drives the operation, or it is finished.
    pub fn take_lease(&self, id: &OperationId) -> Result<Lease, StoreError> {
        let us = host::this_process();
        self.write(|transaction| {
            not_finished(self, transaction, id)?;
            let now = host::boot_now();
            let old = find(transaction, id).map_err(|error| self.sql(error))?.map(RawLease::parse);
            if let Some(old) = &old {
                let process = old.holder.as_ref().map_or(HolderProcess::Gone, host::holder_process);
                if !old.is_free(now, &us.boot_id, process) {
                    return Err(StoreError::HasDriver(id.clone()));
                }
            }
            let last = old.map_or(0, |old| old.epoch).max(last_written_epoch(transaction, id).map_err(|error| self.sql(error))?);
            let lease = Lease { epoch: last + 1, holder: Some(us.clone()), deadline: now.plus(LEASE_LIFE) };
            put(self, transaction, id, &lease)?;
            Ok(lease)
        })
    }

    /// Keeps the lease for another while.
    ///
    /// # Errors
    /// It is not ours any more.
    pub fn renew_lease(&self, id: &OperationId, epoch: u64) -> Result<BootTime, StoreError> {
        self.write_quietly(|transaction| {
            check(self, transaction, id, epoch)?;
            let deadline = host::boot_now().plus(LEASE_LIFE);
            transaction
                .execute("UPDATE leases SET deadline = ?2 WHERE operation = ?1", params![id.as_str(), number(deadline.0)])
                .map_err(|error| self.sql(error))?;
            Ok(deadline)
        })
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// The store cannot be written. A lease that is not ours any more is left alone.
    pub fn release_lease(&self, id: &OperationId, epoch: u64) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction
                .execute("UPDATE leases SET holder = NULL WHERE operation = ?1 AND epoch = ?2", params![id.as_str(), number(epoch)])
                .map(|_| ())
                .map_err(|error| self.sql(error))
        })
    }
}

struct RawLease {
    epoch: i64,
    holder: Option<String>,
    deadline: i64,
}

impl RawLease {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { epoch: row.get(0)?, holder: row.get(1)?, deadline: row.get(2)? })
    }

    fn parse(self) -> Lease {
        Lease {
            epoch: u64::try_from(self.epoch).unwrap_or(0),
            holder: self.holder.as_deref().map(|holder| parse(holder).unwrap_or_else(|_| unreadable())),
            deadline: BootTime(u64::try_from(self.deadline).unwrap_or(0)),
        }
    }
}

/// A holder whose record is damaged: only its deadline can tell when it is gone.
fn unreadable() -> Holder {
    Holder { host: "?".into(), boot_id: "?".to_owned(), pid: 0, started_ticks: 0 }
}

/// The newest lease an event was written under: epochs rise even where the lease's own row was lost.
fn last_written_epoch(connection: &Connection, id: &OperationId) -> rusqlite::Result<u64> {
    let last: i64 = connection.query_row("SELECT coalesce(max(epoch), 0) FROM events WHERE operation = ?1", [id.as_str()], |row| row.get(0))?;
    Ok(u64::try_from(last).unwrap_or(0))
}

fn find(connection: &Connection, id: &OperationId) -> rusqlite::Result<Option<RawLease>> {
    connection.query_row("SELECT epoch, holder, deadline FROM leases WHERE operation = ?1", [id.as_str()], RawLease::read).optional()
}

fn not_finished(store: &Store, transaction: &Transaction<'_>, id: &OperationId) -> Result<(), StoreError> {
    let finished: Option<bool> = transaction
        .query_row("SELECT final FROM operations WHERE id = ?1", [id.as_str()], |row| row.get(0))
        .optional()
        .map_err(|error| store.sql(error))?;
    match finished {
        None => Err(StoreError::NoOperation(id.clone())),
        Some(true) => Err(StoreError::Finished(id.clone())),
        Some(false) => Ok(()),
    }
}

fn put(store: &Store, transaction: &Transaction<'_>, id: &OperationId, lease: &Lease) -> Result<(), StoreError> {
    let holder = lease.holder.as_ref().map(to_json).transpose()?;
    transaction
        .execute(
            "INSERT INTO leases (operation, epoch, holder, deadline) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (operation) DO UPDATE SET epoch = excluded.epoch, holder = excluded.holder, deadline = excluded.deadline",
            params![id.as_str(), number(lease.epoch), holder, number(lease.deadline.0)],
        )
        .map(|_| ())
        .map_err(|error| store.sql(error))
}

/// In the transaction of every write of a driver: its epoch is still the current one.
pub(super) fn check(store: &Store, transaction: &Transaction<'_>, id: &OperationId, epoch: u64) -> Result<(), StoreError> {
    let current: Option<i64> = transaction
        .query_row("SELECT epoch FROM leases WHERE operation = ?1 AND holder IS NOT NULL", [id.as_str()], |row| row.get(0))
        .optional()
        .map_err(|error| store.sql(error))?;
    if current == Some(number(epoch)) { Ok(()) } else { Err(StoreError::LeaseLost) }
}

/// Every lease somebody holds: its operation, its holder as it was written, its deadline.
pub(super) fn held(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<(String, String, BootTime)>> {
    let mut statement = transaction.prepare("SELECT operation, holder, deadline FROM leases WHERE holder IS NOT NULL")?;
    let deadline = |millis: i64| BootTime(u64::try_from(millis).unwrap_or(0));
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, deadline(row.get(2)?))))?.collect()
}

/// Whether the holder of a lease still drives.
pub(super) fn drives(holder: &Holder, deadline: BootTime) -> bool {
    match host::holder_process(holder) {
        HolderProcess::Alive => true,
        HolderProcess::Gone => false,
        HolderProcess::Elsewhere => deadline > host::boot_now(),
    }
}

/// Takes the lease from whoever has it; the new epoch.
pub(super) fn revoke(transaction: &Transaction<'_>, id: &OperationId) -> rusqlite::Result<u64> {
    let epoch: i64 = transaction.query_row(
        "INSERT INTO leases (operation, epoch, holder, deadline) VALUES (?1, (SELECT coalesce(max(epoch), 0) + 1 FROM events WHERE operation = ?1), NULL, 0)
         ON CONFLICT (operation) DO UPDATE SET epoch = epoch + 1, holder = NULL RETURNING epoch",
        [id.as_str()],
        |row| row.get(0),
    )?;
    Ok(u64::try_from(epoch).unwrap_or(0))
}

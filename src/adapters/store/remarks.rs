//! What readers of the cloud noted about fleets: kept beside the snapshots, so that all processes of a store share it. Never an authority for a write.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::operations::{parse, to_json};
use super::{Store, StoreError};
use crate::domain::time::WorldTime;

impl Store {
    /// Keeps a remark under its name, unless a newer one is there.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn keep_remark<T: Serialize>(&self, name: &str, at: WorldTime, remark: &T) -> Result<(), StoreError> {
        let body = to_json(remark)?;
        self.transact(&|transaction: &Transaction<'_>| {
            transaction
                .execute(
                    "INSERT INTO snapshots (source, as_of, body) VALUES (?1, ?2, ?3)
                     ON CONFLICT (source) DO UPDATE SET as_of = excluded.as_of, body = excluded.body WHERE excluded.as_of >= as_of",
                    params![name, at.0, body],
                )
                .map(|_| ())
                .map_err(|error| self.sql(error))
        })
    }

    /// A remark with the moment it was made. What another version kept and cannot be read is as good as none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn remark<T: DeserializeOwned>(&self, name: &str) -> Result<Option<(WorldTime, T)>, StoreError> {
        let row: Option<(i64, String)> = self.read(|connection| {
            connection
                .prepare_cached("SELECT as_of, body FROM snapshots WHERE source = ?1")?
                .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })?;
        Ok(row.and_then(|(at, body)| Some((WorldTime(at), parse(&body).ok()?))))
    }
}

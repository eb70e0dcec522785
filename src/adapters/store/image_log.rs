//! The record of images: entries are only ever added. An image is taken away only if nothing written down here names it.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction, params};

use super::operations::to_json;
use super::{Store, StoreError};
use crate::domain::ids::{ImageId, OperationId};
use crate::domain::image_use::mentioned;
use crate::domain::text::escape;
use crate::operation::image_log::{ImageEntry, channels, is_being_removed, pins};

/// What of a store names images, each with a word for it. Texts are searched, not read: a damaged record still holds what it names.
const NAMED_BY: [(&str, &str); 3] = [
    ("a ledger", "SELECT body FROM ledger"),
    ("the plan of an unfinished operation", "SELECT body FROM operations WHERE final = 0"),
    ("an unfinished operation", "SELECT body FROM events WHERE operation IN (SELECT id FROM operations WHERE final = 0)"),
];

/// What is recorded of images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageLog {
    /// The entries that can be read, oldest first.
    pub entries: Vec<ImageEntry>,
    /// What is wrong with the others.
    pub damage: Vec<String>,
}

impl Store {
    /// Everything that was asked for images, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn image_log(&self) -> Result<ImageLog, StoreError> {
        self.read(rows).map(log)
    }

    /// Adds an entry; the answer is its number.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn add_image_entry(&self, entry: &ImageEntry) -> Result<u64, StoreError> {
        self.write(|transaction| put(self, transaction, entry))
    }

    /// Adds the intent to remove an image, if in the same transaction nothing in this store needs it.
    ///
    /// # Errors
    /// Something names it, the record of images is damaged, or the store cannot be written.
    pub fn begin_removal(&self, entry: &ImageEntry) -> Result<u64, StoreError> {
        self.write(|transaction| {
            let log = log(rows(transaction).map_err(|error| self.sql(error))?);
            if let Some(damage) = log.damage.first() {
                return Err(StoreError::Damaged(damage.clone()));
            }
            let held = |by: &str| StoreError::ImageHeld { image: entry.image.clone(), by: by.to_owned() };
            let bakes = bakes(transaction).map_err(|error| self.sql(error))?;
            if let Some(bake) = bakes.first() {
                return Err(held(&format!("bake {} runs", OperationId::new(bake))));
            }
            if pins(&log.entries).contains_key(&entry.image) {
                return Err(held("it is pinned"));
            }
            if channels(&log.entries).iter().any(|pointer| pointer.image == entry.image) {
                return Err(held("a channel points to it"));
            }
            for (by, sql) in NAMED_BY {
                if named(transaction, sql).map_err(|error| self.sql(error))?.contains(&entry.image) {
                    return Err(held(&format!("{by} names it")));
                }
            }
            put(self, transaction, entry)
        })
    }

    /// Every image that a ledger or an unfinished operation names, each with what does.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn named_images(&self) -> Result<Vec<(ImageId, &'static str)>, StoreError> {
        self.read(|connection| {
            let mut all = Vec::new();
            for (by, sql) in NAMED_BY {
                all.extend(named(connection, sql)?.into_iter().map(|image| (image, by)));
            }
            Ok(all)
        })
    }

    /// The unfinished operations that make an image.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn running_bakes(&self) -> Result<Vec<String>, StoreError> {
        self.read(bakes)
    }
}

/// In the transaction that begins something with an image: nobody is removing it.
pub(super) fn nobody_removes(store: &Store, transaction: &Transaction<'_>, image: &ImageId) -> Result<(), StoreError> {
    let entries = log(rows(transaction).map_err(|error| store.sql(error))?).entries;
    if is_being_removed(&entries, image) { Err(StoreError::ImageGoes(image.clone())) } else { Ok(()) }
}

fn rows(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    connection.prepare_cached("SELECT seq, body FROM image_log ORDER BY seq")?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn log(rows: Vec<(i64, String)>) -> ImageLog {
    let mut log = ImageLog::default();
    for (seq, body) in rows {
        match serde_json::from_str::<ImageEntry>(&body) {
            Ok(entry) => log.entries.push(ImageEntry { seq: u64::try_from(seq).unwrap_or(0), ..entry }),
            Err(error) => log.damage.push(format!("entry {seq} of the record of images cannot be read ({})", escape(&error.to_string()))),
        }
    }
    log
}

fn bakes(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT id FROM operations WHERE kind = 'bake' AND final = 0 ORDER BY no";
    connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn named(connection: &Connection, sql: &str) -> rusqlite::Result<BTreeSet<ImageId>> {
    let mut statement = connection.prepare_cached(sql)?;
    let bodies = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut all = BTreeSet::new();
    for body in bodies {
        all.extend(mentioned(&body?));
    }
    Ok(all)
}

fn put(store: &Store, transaction: &Transaction<'_>, entry: &ImageEntry) -> Result<u64, StoreError> {
    let body = to_json(entry)?;
    let added = transaction.execute("INSERT INTO image_log (image, body) VALUES (?1, ?2)", params![entry.image.as_str(), body]);
    added.map_err(|error| store.sql(error))?;
    Ok(u64::try_from(transaction.last_insert_rowid()).unwrap_or(0))
}

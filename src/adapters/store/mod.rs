//! The store: operations, events, commands, leases, ledger and snapshots in one SQLite file, shared by all processes of a host.

mod budget;
mod check;
mod commands;
mod error;
mod freezes;
mod image_log;
mod leases;
mod ledger;
mod operations;
mod place;
mod remarks;
mod schema;
mod snapshots;
mod views;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RESERVE_NAME;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub use budget::StoreBudget;
pub use commands::CommandAnswer;
pub use error::StoreError;
pub use image_log::ImageLog;
pub use ledger::NewEntry;
pub use operations::NewOperation;
pub use place::trust_root;
pub use views::Listed;

/// Deleted when the disk is full, so that an operation can write its way to rest.
const RESERVE_BYTES: u64 = 4 * 1024 * 1024;

/// A handle on one store.
pub struct Store {
    connection: Mutex<Connection>,
    dir: PathBuf,
    /// The file that is open, which may not be the one in `dir` any more.
    opened: Option<place::FileId>,
    id: String,
    shared: bool,
}

impl Store {
    /// Opens the store in `dir`, making both if they are missing.
    ///
    /// # Errors
    /// The place cannot be trusted, is full or read-only, or the store is damaged or from a newer version.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        place::prepare(dir)?;
        let path = dir.join("store.sqlite");
        if std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            return Err(StoreError::place(&path, "is a symbolic link", "name the real state directory"));
        }
        let shared = std::fs::metadata(dir).is_ok_and(|found| place::is_shared(&found));
        if path.exists() {
            if let Err(error) = refill_reserve(dir) {
                // Looking, coming to rest and going back stay possible on a full disk; a deploy is refused, see `create`.
                tracing::warn!("{error}");
            }
        } else {
            keep_reserve(dir)?;
        }
        keep_private(&path, shared)?;
        let (connection, id) = match connect(&path) {
            // SQLite needs room for its own files before it can even read: a rollback must not fail at that.
            Err(error) if has_no_room(dir) => {
                std::fs::remove_file(dir.join(RESERVE_NAME)).map_err(|_| error)?;
                connect(&path)?
            }
            other => other?,
        };
        Ok(Self { connection: Mutex::new(connection), dir: dir.to_owned(), opened: place::file_id(&path), id, shared })
    }

    /// The store's id, as claims name it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether a group shares it.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Rises when this or another process wrote something a viewer would want to see; budget and snapshots do not count.
    ///
    /// # Errors
    /// The store cannot be read, or is not there any more.
    pub fn version(&self) -> Result<u64, StoreError> {
        self.is_there()?;
        let changes: i64 = self.read(|connection| connection.prepare_cached("SELECT changes FROM version")?.query_row([], |row| row.get(0)))?;
        Ok(u64::try_from(changes).unwrap_or(0))
    }

    /// Forgets everything it ever recorded, as a new simulated world asks for. Drivers that are alive lose their leases and leave.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn forget_everything(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            for table in [
                "operations",
                "events",
                "commands",
                "leases",
                "ledger",
                "snapshots",
                "last_round",
                "budget",
                "history",
                "freezes",
                "image_log",
                "sqlite_sequence",
            ] {
                transaction.execute(&format!("DELETE FROM {table}"), []).map_err(|error| self.sql(error))?;
            }
            Ok(())
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic in another thread left no half transaction behind: SQLite rolled it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(&self.lock()).map_err(|error| self.sql(error))
    }

    /// Runs `work` in one transaction. On a full disk the reserve is given up once, so that what is under way can come to rest.
    fn write<T>(&self, work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let counted = |transaction: &Transaction<'_>| {
            transaction.execute("UPDATE version SET changes = changes + 1", []).map_err(|error| self.sql(error))?;
            work(transaction)
        };
        self.write_quietly(counted)
    }

    /// The same for what no viewer would want to see.
    fn write_quietly<T>(&self, work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.transact(&work) {
            Err(error) if error.is_disk_full() && self.give_up_reserve() => self.transact(&work),
            other => other,
        }
    }

    /// Whether the file that is open is still the one people find. An open file can be written for as long as one likes after it was deleted, or
    /// another one put in its place: nobody else would ever read what is written there, and whoever opens the store anew would drive the same
    /// fleets beside this process.
    ///
    /// # Errors
    /// It was deleted or replaced.
    pub fn is_there(&self) -> Result<(), StoreError> {
        let path = self.dir.join("store.sqlite");
        if place::file_id(&path) == self.opened { Ok(()) } else { Err(StoreError::Swept(path)) }
    }

    fn transact<T>(&self, work: &impl Fn(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.is_there()?;
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| self.sql(error))?;
        let done = work(&transaction)?;
        transaction.commit().map_err(|error| self.sql(error))?;
        Ok(done)
    }

    fn give_up_reserve(&self) -> bool {
        std::fs::remove_file(self.dir.join(RESERVE_NAME)).is_ok()
    }

    fn sql(&self, error: rusqlite::Error) -> StoreError {
        StoreError::sql(&self.dir.join("store.sqlite"), error)
    }
}

fn connect(path: &Path) -> Result<(Connection, String), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| StoreError::sql(path, error))?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(|error| StoreError::sql(path, error))?;
    let id = schema::prepare(&mut connection, path)?;
    Ok((connection, id))
}

/// Less than SQLite's own files need to begin with.
fn has_no_room(dir: &Path) -> bool {
    rustix::fs::statvfs(dir).is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) < 1024 * 1024)
}

/// The file is made before SQLite does, with nobody else's permissions.
fn keep_private(path: &Path, shared: bool) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    if path.exists() {
        return Ok(());
    }
    let mode = if shared { 0o660 } else { 0o600 };
    let made = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(mode).open(path);
    made.map(|_| ()).map_err(|error| StoreError::io(path, "cannot be made", &error))
}

/// Fills a reserve that was given up, if that leaves as much room again: what is under way must not lose it to a new reserve.
fn refill_reserve(dir: &Path) -> Result<(), StoreError> {
    let room = rustix::fs::statvfs(dir).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize));
    let is_there = dir.join(RESERVE_NAME).exists();
    if is_there || room >= 2 * RESERVE_BYTES { keep_reserve(dir) } else { Err(no_reserve(dir)) }
}

fn no_reserve(dir: &Path) -> StoreError {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    StoreError::io(&dir.join(RESERVE_NAME), "is missing: operations need room to come to rest", &full)
}

fn keep_reserve(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(RESERVE_NAME);
    if std::fs::metadata(&path).is_ok_and(|found| found.len() == RESERVE_BYTES) {
        return Ok(());
    }
    fill(&path).map_err(|error| {
        // A half reserve would be taken for a whole one by nobody, but it takes the space that is left.
        let _ = std::fs::remove_file(&path);
        StoreError::io(&path, "cannot be filled: operations need room to come to rest", &error)
    })
}

fn fill(path: &Path) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&vec![0_u8; usize::try_from(RESERVE_BYTES).unwrap_or(0)])?;
    file.sync_all()
}

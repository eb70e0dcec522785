//! The tables, their version, and how a store of an older version is brought up to it.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::operations::parse;
use super::{StoreError, leases};

/// Rises with every change of the tables.
const VERSION: i64 = 5;

/// The tables of the first version.
const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE version (changes INTEGER NOT NULL) STRICT;
INSERT INTO version VALUES (0);
CREATE TABLE operations (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    fleet TEXT NOT NULL,
    kind TEXT NOT NULL,
    holds INTEGER NOT NULL,
    final INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_operation_holds_a_fleet ON operations (fleet) WHERE holds = 1;
CREATE INDEX operations_of_a_fleet ON operations (fleet, no);
CREATE TABLE events (
    operation TEXT NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (operation, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation TEXT NOT NULL,
    body TEXT NOT NULL,
    accepted INTEGER,
    answer TEXT
) STRICT;
CREATE TABLE leases (
    operation TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT, deadline INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE ledger (seq INTEGER PRIMARY KEY AUTOINCREMENT, fleet TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE snapshots (source TEXT PRIMARY KEY, as_of INTEGER NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE budget (bucket TEXT PRIMARY KEY, boot TEXT NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE history (fleet TEXT NOT NULL, kind TEXT NOT NULL, millis INTEGER NOT NULL) STRICT;
";

/// What each later version added, with its number.
const ADDED: [(i64, &str); 4] = [
    (2, "CREATE TABLE freezes (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT;"),
    // How many events an operation has: nothing else tells that its last ones were removed.
    (
        3,
        "ALTER TABLE operations ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
         UPDATE operations SET events = (SELECT count(*) FROM events WHERE operation = operations.id);",
    ),
    (4, "CREATE TABLE image_log (seq INTEGER PRIMARY KEY AUTOINCREMENT, image TEXT NOT NULL, body TEXT NOT NULL) STRICT;"),
    // The last round has megabytes. Among the remarks it was read by whoever looked one of those up: a table without row numbers compares rows.
    (
        5,
        "DELETE FROM snapshots WHERE source = 'estate';
         CREATE TABLE last_round (one INTEGER PRIMARY KEY CHECK (one = 1), as_of INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
         CREATE INDEX ledger_of_a_fleet ON ledger (fleet, seq);
         CREATE INDEX history_of_a_fleet ON history (fleet, kind);
         CREATE INDEX history_of_a_kind ON history (kind);",
    ),
];

/// How much of the file is kept in memory, as SQLite counts it: below zero in KiB. What is asked for often is small.
const CACHE_KIB: i32 = -512;

/// Brings a connection to our settings and tables; the answer is the store's id.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<String, StoreError> {
    let sql = |error| StoreError::sql(path, error);
    connection.pragma_update(None, "journal_mode", "WAL").map_err(sql)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(sql)?;
    connection.pragma_update(None, "foreign_keys", "ON").map_err(sql)?;
    // The log stays far smaller than the reserve: it is written before room is made by it.
    connection.pragma_update(None, "wal_autocheckpoint", 200).map_err(sql)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB).map_err(sql)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql)?;
    if found > VERSION {
        return Err(StoreError::place(
            path,
            &format!("was made by a newer version of Quarterdeck (store version {found}, this one knows {VERSION})"),
            "use that version, or another --state-dir",
        ));
    }
    if found < VERSION {
        bring_up_to_date(connection, path)?;
    }
    let id: Option<String> = connection.query_row("SELECT value FROM meta WHERE key = 'id'", [], |row| row.get(0)).optional().map_err(sql)?;
    id.ok_or_else(|| StoreError::Damaged(format!("{} has no id", crate::domain::text::escape(&path.display().to_string()))))
}

/// Two processes may come here at once: the second finds the tables made.
fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let sql = |error| StoreError::sql(path, error);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(sql)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql)?;
    if found == 0 {
        transaction.execute_batch(TABLES).map_err(sql)?;
        transaction.execute("INSERT INTO meta (key, value) VALUES ('id', lower(hex(randomblob(6))))", []).map_err(sql)?;
    } else if found < VERSION {
        nobody_drives(&transaction, path)?;
    }
    for (_, tables) in ADDED.iter().filter(|(version, _)| *version > found) {
        transaction.execute_batch(tables).map_err(sql)?;
    }
    transaction.pragma_update(None, "user_version", VERSION.max(found)).map_err(sql)?;
    transaction.commit().map_err(sql)
}

/// A driver of an older version would not see what it does not know: its store stays as it is until it is gone.
fn nobody_drives(transaction: &Transaction<'_>, path: &Path) -> Result<(), StoreError> {
    let held = leases::held(transaction).map_err(|error| StoreError::sql(path, error))?;
    for (operation, holder, deadline) in held {
        if leases::drives(&parse(&holder)?, deadline) {
            return Err(StoreError::place(
                path,
                &format!("was made by an older version of Quarterdeck, and operation {operation} is driven by it now"),
                "use that version until the operation is over; the store is brought up to date as soon as nobody drives anything",
            ));
        }
    }
    Ok(())
}

//! The tables, and their version.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;

/// Rises with every change of the tables.
const VERSION: i64 = 1;

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

/// Brings a connection to our settings and tables; the answer is the store's id.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<String, StoreError> {
    let sql = |error| StoreError::sql(path, error);
    connection.pragma_update(None, "journal_mode", "WAL").map_err(sql)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(sql)?;
    connection.pragma_update(None, "foreign_keys", "ON").map_err(sql)?;
    // The log stays far smaller than the reserve: it is written before room is made by it.
    connection.pragma_update(None, "wal_autocheckpoint", 200).map_err(sql)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql)?;
    if found > VERSION {
        return Err(StoreError::place(
            path,
            &format!("was made by a newer version of Quarterdeck (store version {found}, this one knows {VERSION})"),
            "use that version, or another --state-dir",
        ));
    }
    if found < VERSION {
        create(connection).map_err(sql)?;
    }
    let id: Option<String> = connection.query_row("SELECT value FROM meta WHERE key = 'id'", [], |row| row.get(0)).optional().map_err(sql)?;
    id.ok_or_else(|| StoreError::Damaged(format!("{} has no id", crate::domain::text::escape(&path.display().to_string()))))
}

/// Two processes may come here at once: the second finds the tables made.
fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found < VERSION {
        transaction.execute_batch(TABLES)?;
        transaction.execute("INSERT INTO meta (key, value) VALUES ('id', lower(hex(randomblob(6))))", [])?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

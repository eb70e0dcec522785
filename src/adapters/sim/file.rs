//! The file a world lives in: one SQLite database that every process on it opens.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::error::SimError;
use crate::domain::time::{Millis, WorldTime};
use crate::world::{LoggedCall, Scenario, World};

/// `QDSW`: marks the file as a simulated world.
const APPLICATION_ID: i32 = 0x5144_5357;
/// The form of the tables and of the world in them.
const FORMAT: i32 = 1;
/// How much of the file is kept in memory, as SQLite counts it: below zero in KiB.
const CACHE_KIB: i32 = -128;
/// How much world time a gap in real time may bring, before the speed: with no process the world stands still.
const LONGEST_GAP: i64 = 10_000;
/// How long a watcher counts after its last sign of life.
const WATCHER_LIFE: i64 = 10_000;

const TABLES: &str = "
CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), scenario TEXT NOT NULL, seed INTEGER NOT NULL, speed REAL NOT NULL,
    anchor_world REAL NOT NULL, anchor_wall INTEGER NOT NULL, generation INTEGER NOT NULL);
CREATE TABLE world (one INTEGER PRIMARY KEY CHECK (one = 1), body BLOB NOT NULL);
CREATE TABLE calls (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE watchers (name TEXT PRIMARY KEY, seen INTEGER NOT NULL, beat INTEGER NOT NULL) WITHOUT ROWID;
";

/// What the clock row says: enough to know what time it is without reading the world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    pub speed: f64,
    /// World time at the anchor, in milliseconds since the epoch, with its fraction.
    pub anchor_world: f64,
    /// Wall time at the anchor, in milliseconds since the epoch.
    pub anchor_wall: i64,
    /// Rises with every world written.
    pub generation: i64,
}

impl Clock {
    /// World time now: the anchor plus the wall's gap times the speed; a wall that went back brings nothing.
    pub fn at(&self, wall: i64) -> f64 {
        let gap = wall.saturating_sub(self.anchor_wall).clamp(0, LONGEST_GAP);
        self.anchor_world + to_f64(gap) * self.speed
    }

    /// Whether the anchor should move: so that the longest gap never cuts the time of those who look now and then.
    pub fn is_stale(&self, wall: i64) -> bool {
        wall.saturating_sub(self.anchor_wall).abs() >= 1_000
    }
}

/// Wall time, in milliseconds since the epoch.
pub(super) fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The file in a directory.
pub(super) fn path_in(dir: &Path) -> PathBuf {
    dir.join("world.sqlite")
}

/// Opens the file of a directory, whatever scenario it holds, and makes the world in it if there is none.
pub(super) fn open(dir: &Path, scenario: Scenario, seed: u64, speed: f64) -> Result<Connection, SimError> {
    let path = path_in(dir);
    refuse_odd_files(&path)?;
    std::fs::create_dir_all(dir).map_err(|error| SimError::Io(dir.to_owned(), error))?;
    make_private(&path)?;
    let of = |error: rusqlite::Error| SimError::of(&path, &error);
    let mut connection = Connection::open(&path).map_err(of)?;
    connection.busy_handler(Some(wait_for_the_lock)).map_err(of)?;
    let made = set_up(&mut connection, &path, scenario, seed, speed);
    made.map(|()| connection)
}

/// Waits for the write lock, some 5 s in all. SQLite's own waits grow to 100 ms, by which a process that writes all the time shuts others out.
fn wait_for_the_lock(tries: i32) -> bool {
    std::thread::sleep(Duration::from_millis(1));
    tries < 5_000
}

/// Makes the empty file, for its owner alone, if there is none; SQLite's other files follow it.
fn make_private(path: &Path) -> Result<(), SimError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(SimError::Io(path.to_owned(), error)),
        _ => Ok(()),
    }
}

/// Symbolic links and things that are no file are refused before SQLite touches them.
fn refuse_odd_files(path: &Path) -> Result<(), SimError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_symlink() => Err(SimError::Symlink(path.to_owned())),
        Ok(found) if !found.is_file() => Err(SimError::Foreign(path.to_owned(), "it is no plain file".to_owned())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SimError::Io(path.to_owned(), error)),
    }
}

fn set_up(connection: &mut Connection, path: &Path, scenario: Scenario, seed: u64, speed: f64) -> Result<(), SimError> {
    let of = |error: rusqlite::Error| SimError::of(path, &error);
    // The log stays small: on a full disk it has to make do with what the store beside it gives up.
    connection.pragma_update(None, "wal_autocheckpoint", 200).map_err(of)?;
    // The world is read whole and seldom: pages of it are of no use afterwards.
    connection.pragma_update(None, "cache_size", CACHE_KIB).map_err(of)?;
    if is_ours(connection, path)? {
        return connection.pragma_update(None, "synchronous", "NORMAL").map_err(of);
    }
    use_wal(connection).map_err(of)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(of)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(of)?;
    if is_ours(&tx, path)? {
        return Ok(());
    }
    tx.execute_batch(TABLES).map_err(of)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(of)?;
    tx.pragma_update(None, "user_version", FORMAT).map_err(of)?;
    begin_anew(&tx, path, scenario, seed, speed)?;
    tx.commit().map_err(of)
}

/// Changing the journal needs the file alone for a moment, and SQLite does not wait for that by itself.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if tries < 200 && error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => tries += 1,
            done => return done,
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A new world in the same file.
pub(super) fn reset(connection: &mut Connection, path: &Path, scenario: Scenario, seed: u64, speed: f64) -> Result<(), SimError> {
    let of = |error: rusqlite::Error| SimError::of(path, &error);
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(of)?;
    begin_anew(&tx, path, scenario, seed, speed)?;
    tx.commit().map_err(of)
}

/// Removes a file that cannot be used, with what SQLite keeps beside it.
pub(super) fn remove(dir: &Path) -> Result<(), SimError> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let path = dir.join(format!("world.sqlite{end}"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(SimError::Io(path, error)),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the database is a world; false when it is empty, an error when it is anything else.
fn is_ours(connection: &Connection, path: &Path) -> Result<bool, SimError> {
    let of = |error: rusqlite::Error| SimError::of(path, &error);
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(of);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(of)?;
    match (number("application_id")?, number("user_version")?, tables) {
        (0, 0, 0) => Ok(false),
        (APPLICATION_ID, FORMAT, _) => Ok(true),
        (APPLICATION_ID, format, _) => Err(SimError::Damaged(path.to_owned(), format!("its format is {format}, this program knows {FORMAT}"))),
        _ => Err(SimError::Foreign(path.to_owned(), "another program's database".to_owned())),
    }
}

/// Refuses the world of another scenario.
pub(super) fn check_scenario(connection: &Connection, path: &Path, scenario: Scenario) -> Result<(), SimError> {
    let of = |error: rusqlite::Error| SimError::of(path, &error);
    let held: Option<String> = connection.query_row("SELECT scenario FROM clock", [], |row| row.get(0)).optional().map_err(of)?;
    match held {
        Some(held) if held == scenario.name() => Ok(()),
        Some(held) => Err(SimError::OtherScenario(path.to_owned(), crate::domain::text::escape(&held), scenario.name().to_owned())),
        None => Err(SimError::Damaged(path.to_owned(), "it has no clock".to_owned())),
    }
}

/// A new world in place of whatever is there; it begins at the wall's time.
pub(super) fn begin_anew(tx: &Transaction<'_>, path: &Path, scenario: Scenario, seed: u64, speed: f64) -> Result<(), SimError> {
    let of = |error: rusqlite::Error| SimError::of(path, &error);
    let wall = wall();
    let generation: i64 = tx.query_row("SELECT generation FROM clock", [], |row| row.get(0)).optional().map_err(of)?.unwrap_or(0) + 1;
    tx.execute_batch("DELETE FROM clock; DELETE FROM world; DELETE FROM calls; DELETE FROM watchers;").map_err(of)?;
    let world = World::new(scenario, seed, WorldTime(wall));
    tx.execute(
        "INSERT INTO clock VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
        params![scenario.name(), seed.cast_signed(), speed, to_f64(wall), wall, generation],
    )
    .map_err(of)?;
    tx.execute("INSERT INTO world VALUES (1, ?1)", [body(path, &world)?]).map_err(of)?;
    Ok(())
}

pub(super) fn body<T: serde::Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, SimError> {
    serde_json::to_vec(value).map_err(|error| SimError::Damaged(path.to_owned(), error.to_string()))
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, body: &[u8]) -> Result<T, SimError> {
    serde_json::from_slice(body).map_err(|error| SimError::Damaged(path.to_owned(), error.to_string()))
}

pub(super) fn read_clock(connection: &Connection, path: &Path) -> Result<Clock, SimError> {
    let mut statement =
        connection.prepare_cached("SELECT speed, anchor_world, anchor_wall, generation FROM clock").map_err(|error| SimError::of(path, &error))?;
    let row =
        |row: &rusqlite::Row<'_>| Ok(Clock { speed: row.get(0)?, anchor_world: row.get(1)?, anchor_wall: row.get(2)?, generation: row.get(3)? });
    statement.query_row([], row).map_err(|error| SimError::of(path, &error))
}

pub(super) fn write_clock(tx: &Transaction<'_>, path: &Path, clock: &Clock) -> Result<(), SimError> {
    let run = || {
        tx.prepare_cached("UPDATE clock SET speed = ?1, anchor_world = ?2, anchor_wall = ?3, generation = ?4")?.execute(params![
            clock.speed,
            clock.anchor_world,
            clock.anchor_wall,
            clock.generation
        ])
    };
    run().map(drop).map_err(|error| SimError::of(path, &error))
}

pub(super) fn read_world(connection: &Connection, path: &Path) -> Result<World, SimError> {
    // Read where SQLite has it: a copy of a large world would be the largest piece of memory there is.
    let read = connection.query_row("SELECT body FROM world", [], |row| Ok(parse(path, row.get_ref(0)?.as_bytes()?)));
    read.map_err(|error| SimError::of(path, &error))?
}

/// Writes the world; its calls go to their own table, so that the world does not grow with them.
pub(super) fn write_world(tx: &Transaction<'_>, path: &Path, world: &World, calls: &[LoggedCall]) -> Result<(), SimError> {
    let of = |error: rusqlite::Error| SimError::of(path, &error);
    for call in calls {
        tx.execute("INSERT INTO calls (body) VALUES (?1)", [body(path, call)?]).map_err(of)?;
    }
    let body = body(path, world)?;
    tx.prepare_cached("UPDATE world SET body = ?1").and_then(|mut update| update.execute([body])).map(drop).map_err(of)
}

pub(super) fn read_calls(connection: &Connection, path: &Path) -> Result<Vec<LoggedCall>, SimError> {
    let read = || {
        let mut statement = connection.prepare_cached("SELECT body FROM calls ORDER BY number")?;
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        rows.collect::<Result<Vec<_>, _>>()
    };
    read().map_err(|error| SimError::of(path, &error))?.iter().map(|body| parse(path, body)).collect()
}

/// A watcher says which moment it has seen.
pub(super) fn note_watcher(connection: &Connection, path: &Path, watcher: &str, at: WorldTime) -> Result<(), SimError> {
    let upsert = "INSERT INTO watchers VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET seen = max(seen, excluded.seen), beat = excluded.beat";
    let run = || connection.prepare_cached(upsert)?.execute(params![watcher, at.0, wall()]);
    run().map(drop).map_err(|error| SimError::of(path, &error))
}

pub(super) fn forget_watcher(connection: &Connection, path: &Path, watcher: &str) -> Result<(), SimError> {
    let run = || connection.execute("DELETE FROM watchers WHERE name = ?1", [watcher]);
    run().map(drop).map_err(|error| SimError::of(path, &error))
}

/// Whether every live watcher has seen `at`.
pub(super) fn all_have_seen(connection: &Connection, path: &Path, at: WorldTime) -> Result<bool, SimError> {
    let behind = "SELECT NOT EXISTS (SELECT 1 FROM watchers WHERE seen < ?1 AND beat > ?2)";
    let run = || connection.prepare_cached(behind)?.query_row(params![at.0, wall() - WATCHER_LIFE], |row| row.get(0));
    run().map_err(|error| SimError::of(path, &error))
}

/// Milliseconds as a number with a fraction: exact up to 2^53, some 285,000 years.
#[expect(clippy::cast_precision_loss, reason = "times of this world are far below 2^53")]
pub(super) const fn to_f64(millis: i64) -> f64 {
    millis as f64
}

/// The whole milliseconds of a world time.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is meant")]
pub(super) const fn world_time(millis: f64) -> WorldTime {
    WorldTime(millis as i64)
}

/// `from` plus a span, as the clock row keeps it.
pub(super) fn later(from: f64, span: Millis) -> f64 {
    from + to_f64(i64::try_from(span.0).unwrap_or(i64::MAX))
}

//! The log of a bake, kept in a file as its consoles are joined.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::adapters::store::Store;
use crate::bake::join::Joined;
use crate::bake::log::Log;
use crate::domain::bake::Console;
use crate::domain::ids::{InstanceId, OperationId};
use crate::ports::desk::DeskError;

/// The most of a log that is given at once: who takes it in must not be kept from keys by it.
const MOST: u64 = 256 * 1024;

/// The log of one bake.
pub(super) struct BakeLog {
    path: PathBuf,
    /// What the log holds; none until it is first needed.
    joined: Option<Joined>,
    /// What could not be written yet.
    unwritten: Vec<u8>,
}

impl BakeLog {
    /// Where a bake of this store has its log.
    pub(super) fn path(dir: &Path, id: &OperationId) -> PathBuf {
        dir.join("bakes").join(format!("{}.log", id.as_str()))
    }

    /// The log of a bake, gone on with by a driver that takes over.
    pub(super) fn open(dir: &Path, id: &OperationId) -> Self {
        Self { path: Self::path(dir, id), joined: None, unwritten: Vec::new() }
    }

    /// Keeps what is new of a console; what the log holds of it that was not heard yet, in bytes of the log.
    ///
    /// # Errors
    /// What is kept cannot be read: where things stand in it is not known then.
    pub(super) fn keep(&mut self, instance: &InstanceId, console: &Console, heard: u64) -> std::io::Result<Console> {
        if self.joined.is_none() {
            self.joined = Some(Joined::after(&kept(&self.path)?));
        }
        let joined = self.joined.get_or_insert_default();
        self.unwritten.extend(joined.take(instance, &console.bytes));
        let unheard = joined.since(heard);
        // What is heard is recorded all the same; the rest is written when it can be.
        if let Err(error) = self.write() {
            tracing::warn!("the bake's log cannot be written: {error}");
        }
        Ok(unheard)
    }

    /// The log of an engine that tells all of it each time: what the file lacks of it is added.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn mirror(&mut self, whole: &Log) -> std::io::Result<()> {
        let there = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        self.unwritten = whole.since(there).to_vec();
        self.write()
    }

    fn write(&mut self) -> std::io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        if let Some(dir) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
        let before = file.metadata()?.len();
        // Half of it would move all that comes after.
        file.write_all(&self.unwritten).or_else(|error| file.set_len(before).and(Err(error)))?;
        self.unwritten.clear();
        Ok(())
    }
}

fn kept(path: &Path) -> std::io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// The log of a bake from this byte on, as far as its driver kept it in this store.
pub(super) fn kept_log(store: &Store, id: &OperationId, from: u64) -> Result<Vec<u8>, DeskError> {
    let path = BakeLog::path(store.dir(), id);
    read_from(&path, from).map_err(|error| DeskError::other(format!("the log of {id} cannot be read: {error}"), "check its permissions"))
}

/// A log from this byte on, at most [`MOST`] of it; nothing where there is none yet.
fn read_from(path: &Path, from: u64) -> std::io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the waves that were begun last said of what went wrong; none if nothing did so far, or if there never were any.
///
/// # Errors
/// Their log is there and cannot be read.
pub(super) fn waves_said(store: &Store) -> Result<Option<String>, DeskError> {
    let path = waves_log(store.dir());
    let log = kept(&path).map_err(|error| DeskError::other(format!("{} cannot be read: {error}", path.display()), "see who may read it"))?;
    Ok(troubles(&String::from_utf8_lossy(&log)))
}

/// Where the waves of this store say what they do.
pub(super) fn waves_log(dir: &Path) -> PathBuf {
    dir.join("bakes").join("behind.log")
}

/// The sentences about what went wrong since the last table of what is behind: each run begins with one.
fn troubles(log: &str) -> Option<String> {
    let newest = log.rfind("RECIPE ").and_then(|at| log.get(at..)).unwrap_or(log);
    let said: Vec<&str> = newest.lines().filter_map(|line| line.strip_prefix("qd: ")).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(text: &str) -> Console {
        Console { bytes: text.as_bytes().to_vec(), offset: 0 }
    }

    #[test]
    fn what_went_wrong_with_the_newest_waves_is_told_and_nothing_of_earlier_ones() {
        let run = |said: &str| format!("RECIPE  IMAGE\nweb     2.16.0\n{said}");
        let (bad, good) =
            (run("web: op-1 bakes it\nqd: api: no such base\nhint: look\nqd: this wave did not end well\n"), run("web: op-2 bakes it\n"));
        assert_eq!(troubles(&format!("{good}{bad}")).as_deref(), Some("api: no such base; this wave did not end well"));
        assert_eq!((troubles(&format!("{bad}{good}")), troubles("")), (None, None));
    }

    #[test]
    fn a_successor_goes_on_with_the_log_and_its_bytes_stay_where_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let id = OperationId::new("op-1");
        let (builder, gate) = (InstanceId::new("i-1"), InstanceId::new("i-2"));
        let path = BakeLog::path(dir.path(), &id);
        let mut log = BakeLog::open(dir.path(), &id);
        let told = log.keep(&builder, &console("one\ntwo\n"), 0).unwrap();
        assert_eq!((told.bytes.as_slice(), read_from(&path, told.offset).unwrap().as_slice()), (b"one\ntwo\n".as_slice(), b"one\ntwo\n".as_slice()));
        let mut successor = BakeLog::open(dir.path(), &id);
        let told = successor.keep(&builder, &console("one\ntwo\nthree\n"), 0).unwrap();
        assert_eq!(told.bytes, b"one\ntwo\nthree\n");
        let told = successor.keep(&gate, &console("boot\n"), 0).unwrap();
        assert_eq!((told.bytes.as_slice(), read_from(&path, told.offset).unwrap()), (b"boot\n".as_slice(), b"boot\n".to_vec()));
    }

    #[test]
    fn what_an_engine_tells_whole_is_kept_once_and_a_console_goes_on_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let id = OperationId::new("op-1");
        let mut log = BakeLog::open(dir.path(), &id);
        let mut told = Log::default();
        told.append(b"one\n");
        log.mirror(&told).unwrap();
        told.append(b"two\n");
        BakeLog::open(dir.path(), &id).mirror(&told).unwrap();
        log.keep(&InstanceId::new("i-2"), &console("boot\n"), 0).unwrap();
        let text = String::from_utf8(std::fs::read(BakeLog::path(dir.path(), &id)).unwrap()).unwrap();
        assert_eq!(text, "one\ntwo\n… console of i-2 …\nboot\n");
    }

    #[test]
    fn what_could_not_be_written_is_written_later() {
        let dir = tempfile::tempdir().unwrap();
        let id = OperationId::new("op-1");
        let instance = InstanceId::new("i-1");
        std::fs::write(dir.path().join("bakes"), "in the way").unwrap();
        let mut log = BakeLog { joined: Some(Joined::default()), ..BakeLog::open(dir.path(), &id) };
        assert_eq!(log.keep(&instance, &console("one\n"), 0).unwrap().bytes, b"one\n");
        std::fs::remove_file(dir.path().join("bakes")).unwrap();
        log.keep(&instance, &console("one\ntwo\n"), 0).unwrap();
        let text = String::from_utf8(std::fs::read(BakeLog::path(dir.path(), &id)).unwrap()).unwrap();
        assert_eq!(text, "… console of i-1 …\none\ntwo\n");
    }
}

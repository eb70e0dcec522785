//! The log of a bake: what its instances' consoles printed, one after the other in one file, as far as their rings told it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::domain::ids::{InstanceId, OperationId};

/// So much of what was kept is looked for in what a console holds now.
const OVERLAP: usize = 256;
/// What stands where lines were lost.
const LOST: &str = "\n… lost …\n";
/// The most of a log that is given at once.
const MOST: u64 = 1024 * 1024;

/// The log of one bake.
pub(super) struct BakeLog {
    path: PathBuf,
    instance: Option<InstanceId>,
    /// The end of what the instance's console held when it was last kept.
    tail: String,
}

impl BakeLog {
    /// Where a bake of this store has its log.
    pub(super) fn path(dir: &Path, id: &OperationId) -> PathBuf {
        dir.join("bakes").join(format!("{}.log", id.as_str()))
    }

    /// The log of a bake, gone on with by a driver that takes over.
    pub(super) fn open(dir: &Path, id: &OperationId) -> Self {
        Self { path: Self::path(dir, id), instance: None, tail: String::new() }
    }

    /// Keeps what is new of a console; where its text begins in the log, in bytes.
    pub(super) fn keep(&mut self, instance: &InstanceId, text: &str) -> u64 {
        self.append(instance, text).unwrap_or_else(|error| {
            tracing::warn!("the bake's log cannot be written: {error}");
            0
        })
    }

    fn append(&mut self, instance: &InstanceId, text: &str) -> std::io::Result<u64> {
        if let Some(dir) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&self.path)?;
        let before = file.metadata()?.len();
        if self.instance.as_ref() != Some(instance) {
            // A driver that takes over finds the end of what its predecessor kept of this console.
            let kept = if self.instance.is_none() { end_of(&mut file, before)? } else { String::new() };
            (self.instance, self.tail) = (Some(instance.clone()), kept);
        }
        let known = overlap(&self.tail, text);
        let (from, gap) = known.map_or((0, if self.tail.is_empty() { "" } else { LOST }), |end| (end, ""));
        let new = text.get(from..).unwrap_or_default();
        if !new.is_empty() {
            file.write_all(gap.as_bytes())?;
            file.write_all(new.as_bytes())?;
            self.tail = last(text, OVERLAP).to_owned();
        }
        Ok((before + gap.len() as u64).saturating_sub(from as u64))
    }
}

/// Where in `text` what was kept ends; none if it is not in it any more.
fn overlap(tail: &str, text: &str) -> Option<usize> {
    if tail.is_empty() { None } else { text.rfind(tail).map(|at| at + tail.len()) }
}

fn end_of(file: &mut File, length: u64) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(length.saturating_sub(OVERLAP as u64)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last(text: &str, bytes: usize) -> &str {
    let from = text.len().saturating_sub(bytes);
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text.get(from..).unwrap_or_default()
}

/// A log from this byte on; nothing where there is none yet.
pub(super) fn read_from(path: &Path, from: u64) -> std::io::Result<String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_kept_once_and_what_its_ring_lost_is_marked() {
        let dir = tempfile::tempdir().unwrap();
        let id = OperationId::new("op-1");
        let (builder, gate) = (InstanceId::new("i-1"), InstanceId::new("i-2"));
        let kept = || read_from(&BakeLog::path(dir.path(), &id), 0).unwrap();
        let mut log = BakeLog::open(dir.path(), &id);
        assert_eq!(log.keep(&builder, "one\ntwo\n"), 0);
        assert_eq!(log.keep(&builder, "one\ntwo\nthree\n"), 0);
        assert_eq!(kept(), "one\ntwo\nthree\n");
        let mut successor = BakeLog::open(dir.path(), &id);
        assert_eq!(successor.keep(&builder, "one\ntwo\nthree\nfour\n"), 0);
        assert_eq!(kept(), "one\ntwo\nthree\nfour\n");
        let begins = successor.keep(&builder, "nine\n");
        assert_eq!(kept(), "one\ntwo\nthree\nfour\n\n… lost …\nnine\n");
        assert_eq!(read_from(&BakeLog::path(dir.path(), &id), begins).unwrap(), "nine\n");
        let begins = successor.keep(&gate, "boot\n");
        assert_eq!(read_from(&BakeLog::path(dir.path(), &id), begins).unwrap(), "boot\n");
    }
}

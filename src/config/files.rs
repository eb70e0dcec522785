//! Files and directories that are ours: of this user (or root), no links, not for everybody to write.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::error::ConfigError;
use crate::domain::text::escape;

/// A configuration longer than this is none.
const LONGEST: u64 = 1024 * 1024;
/// Everybody may write.
const WORLD_WRITABLE: u32 = 0o002;
/// The owner may execute.
const EXECUTABLE: u32 = 0o100;
/// New files take the directory's group, and that group may write: a store shared on purpose.
const SHARED: u32 = 0o2020;
/// Only owners may remove or rename what is in the directory.
const STICKY: u32 = 0o1000;

/// A path for people.
pub(super) fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// The text of a file of ours; none if there is no such file.
///
/// # Errors
/// It cannot be read, or cannot be trusted.
pub fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let Some((bytes, _)) = read_bytes(path)? else { return Ok(None) };
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| ConfigError::new(format!("{} is not UTF-8 text", shown(path)), "save it as UTF-8"))
}

/// What is in a file of ours, and whether its owner may execute it; none if there is no such file.
///
/// # Errors
/// It cannot be read, or cannot be trusted.
pub(super) fn read_bytes(path: &Path) -> Result<Option<(Vec<u8>, bool)>, ConfigError> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let found = file.metadata().map_err(|error| unreadable(path, &error))?;
    refuse_odd_file(path, &found)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(Some((bytes, found.mode() & EXECUTABLE != 0)))
}

/// Without following a link at the end and without waiting for a pipe.
fn open(path: &Path) -> Result<Option<File>, ConfigError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if is_link(path) => {
            drop(error);
            Err(link(path))
        }
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.file_type().is_symlink())
}

fn link(path: &Path) -> ConfigError {
    ConfigError::new(
        format!("{} is a symbolic link: it is not followed", shown(path)),
        "put the file itself there, or name another with --config or --state-dir",
    )
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::new(format!("{} cannot be read: {error}", shown(path)), "check the path and who may read it")
}

fn refuse_odd_file(path: &Path, found: &Metadata) -> Result<(), ConfigError> {
    if !found.is_file() {
        return Err(ConfigError::new(format!("{} is no plain file", shown(path)), "name a file"));
    }
    if found.len() > LONGEST {
        return Err(ConfigError::new(
            format!("{} is longer than {LONGEST} bytes", shown(path)),
            "a configuration is a few pages: is it the right file?",
        ));
    }
    refuse_foreign(path, found)?;
    if found.mode() & WORLD_WRITABLE != 0 {
        return Err(ConfigError::new(format!("{} can be written by everybody", shown(path)), format!("take that away: chmod o-w {}", shown(path))));
    }
    Ok(())
}

/// Of this user, or of root, who could do anything anyway; or a directory that was shared on purpose with a group of ours.
fn refuse_foreign(path: &Path, found: &Metadata) -> Result<(), ConfigError> {
    let us = rustix::process::geteuid().as_raw();
    if found.uid() == us || found.uid() == 0 || found.is_dir() && found.mode() & SHARED == SHARED {
        return Ok(());
    }
    let message = format!("{} belongs to another user (uid {}, we are uid {us})", shown(path), found.uid());
    Err(ConfigError::new(message, "use a file of your own, or have its owner changed"))
}

/// Makes the directory for its owner alone if it is missing, and refuses one that is a link, another user's or everybody's.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn private_dir(path: &Path) -> Result<(), ConfigError> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| {
            ConfigError::new(format!("{} cannot be made: {error}", shown(path)), "choose another place with --state-dir or --config")
        })?;
    }
    let found = path.symlink_metadata().map_err(|error| unreadable(path, &error))?;
    if found.file_type().is_symlink() {
        return Err(link(path));
    }
    if !found.is_dir() {
        return Err(ConfigError::new(format!("{} is no directory", shown(path)), "name a directory"));
    }
    refuse_foreign(path, &found)?;
    if found.mode() & WORLD_WRITABLE != 0 && found.mode() & STICKY == 0 {
        return Err(ConfigError::new(format!("everybody can write into {}", shown(path)), format!("take that away: chmod o-w {}", shown(path))));
    }
    Ok(())
}

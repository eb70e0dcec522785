//! Where a store may be: a directory of ours that nobody else can swap under us, on a local disk.

use std::fs::{DirBuilder, Metadata};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::StoreError;

/// File systems on which SQLite's write-ahead log does not work between hosts: NFS, SMB, CIFS, AFS, Ceph, Lustre.
const NETWORK_FILE_SYSTEMS: [u64; 7] = [0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x517B, 0x5346_414F, 0x00C3_6400, 0x0BD0_0BD0];

/// A file, whatever its name: its device and its number there.
pub(super) type FileId = (u64, u64);

/// The file that has this name now; none if there is none.
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Makes the directory if it is missing, and refuses one that cannot be trusted.
pub(super) fn prepare(dir: &Path) -> Result<(), StoreError> {
    refuse_symlink(dir)?;
    if !dir.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| StoreError::io(dir, "cannot be made", &error))?;
    }
    let found = std::fs::metadata(dir).map_err(|error| StoreError::io(dir, "cannot be read", &error))?;
    if !found.is_dir() {
        return Err(StoreError::place(dir, "is not a directory", "choose another --state-dir"));
    }
    refuse_strangers(dir, &found)?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        refuse_open_parent(parent)?;
    }
    refuse_network(dir)
}

/// Refuses a state directory, above its stores, that cannot be trusted. One that is not there yet will be made.
///
/// # Errors
/// A symbolic link, somebody else's, or in a place where anybody could swap it.
pub fn trust_root(root: &Path) -> Result<(), StoreError> {
    refuse_symlink(root)?;
    if let Ok(found) = std::fs::metadata(root) {
        if !found.is_dir() {
            return Err(StoreError::place(root, "is not a directory", "choose another --state-dir"));
        }
        refuse_strangers(root, &found)?;
    }
    match root.parent().filter(|parent| !parent.as_os_str().is_empty() && parent.exists()) {
        Some(parent) => refuse_open_parent(parent),
        None => Ok(()),
    }
}

fn refuse_symlink(dir: &Path) -> Result<(), StoreError> {
    match std::fs::symlink_metadata(dir) {
        Ok(found) if found.is_symlink() => Err(StoreError::place(dir, "is a symbolic link", "name the directory itself")),
        _ => Ok(()),
    }
}

/// Ours, or root's with the set-group-id bit and writable by our group: the shared store of a bastion.
fn refuse_strangers(dir: &Path, found: &Metadata) -> Result<(), StoreError> {
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    if !ours && !is_shared(found) {
        return Err(StoreError::place(
            dir,
            "belongs to somebody else",
            "choose another --state-dir, or have it shared (mode 2770, a group of yours)",
        ));
    }
    if found.mode() & 0o002 != 0 {
        return Err(StoreError::place(dir, "can be written by everybody", "take the write permission from others (chmod o-w)"));
    }
    Ok(())
}

/// Whether a group shares the directory.
pub(super) fn is_shared(found: &Metadata) -> bool {
    found.mode() & 0o2020 == 0o2020
}

/// A parent that everybody may write (and that is not sticky, as /tmp is) lets others swap the directory.
fn refuse_open_parent(parent: &Path) -> Result<(), StoreError> {
    let found = std::fs::metadata(parent).map_err(|error| StoreError::io(parent, "cannot be read", &error))?;
    if found.mode() & 0o1002 == 0o002 {
        return Err(StoreError::place(parent, "can be written by everybody, who could swap the state directory in it", "choose another --state-dir"));
    }
    Ok(())
}

fn refuse_network(dir: &Path) -> Result<(), StoreError> {
    let found = rustix::fs::statfs(dir).map_err(|error| StoreError::io(dir, "cannot be read", &error.into()))?;
    let kind = u64::try_from(found.f_type).unwrap_or(0) & 0xFFFF_FFFF;
    if NETWORK_FILE_SYSTEMS.contains(&kind) {
        return Err(StoreError::place(
            dir,
            "is on a network file system, where two hosts would damage the store",
            "choose a --state-dir on a local disk",
        ));
    }
    Ok(())
}

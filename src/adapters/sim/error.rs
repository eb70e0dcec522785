//! What can go wrong with a world's file, in words that say what to do.

use std::path::PathBuf;

use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::text::escape;

/// Why a simulated world could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The file is a symbolic link.
    #[error("{} is a symbolic link", shown(.0))]
    Symlink(PathBuf),
    /// The file is something else.
    #[error("{} is not a simulated world ({})", shown(.0), escape(.1))]
    Foreign(PathBuf, String),
    /// The file is a world that cannot be read.
    #[error("the simulated world in {} is damaged ({})", shown(.0), escape(.1))]
    Damaged(PathBuf, String),
    /// The file holds the world of another scenario.
    #[error("{} holds scenario '{}', not '{}'", shown(.0), .1, .2)]
    OtherScenario(PathBuf, String, String),
    /// The directory or the file cannot be used.
    #[error("{}: {}", shown(.0), .1)]
    Io(PathBuf, std::io::Error),
    /// There is no room left on its disk.
    #[error("{}: No space left on device", shown(.0))]
    Full(PathBuf),
    /// Another process holds the file for too long.
    #[error("the simulated world in {} is busy: another process has held it for 5 s", shown(.0))]
    Busy(PathBuf),
    /// The speed is not a number from 0 up.
    #[error("speed {0} is not a number from 0 to 100000")]
    Speed(f64),
    /// The span is longer than anybody needs.
    #[error("{0} is too long: a world is moved on by at most a year at a time")]
    Span(crate::domain::time::Millis),
}

fn shown(path: &std::path::Path) -> String {
    escape(&path.display().to_string())
}

/// SQLite cannot say why it could not make its files: less room than they need to begin with is why.
fn has_no_room(path: &std::path::Path) -> bool {
    let dir = path.parent().unwrap_or(path);
    rustix::fs::statvfs(dir).is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) < 1024 * 1024)
}

impl SimError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Symlink(_) => "a world is only kept in a plain file: remove the link",
            Self::Foreign(..) | Self::Damaged(..) | Self::OtherScenario(..) => "`qd sim reset` makes a new world in its place",
            Self::Io(..) => "check its permissions and the room on its disk, or choose another --state-dir",
            Self::Full(_) => "make room, or choose another --state-dir",
            Self::Busy(_) => "try again",
            Self::Speed(_) | Self::Span(_) => "`qd sim --help` says what is expected",
        }
    }

    /// What SQLite said about the file at `path`, told apart by what a person can do about it.
    pub(super) fn of(path: &std::path::Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(ErrorCode::NotADatabase) => Self::Foreign(path, error.to_string()),
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) if has_no_room(&path) => Self::Full(path),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure | ErrorCode::PermissionDenied) => {
                Self::Io(path, std::io::Error::other(error.to_string()))
            }
            _ => Self::Damaged(path, error.to_string()),
        }
    }

    /// The same as a call to the cloud would fail. Nothing was changed: a transaction that fails leaves the file as it was.
    pub(super) fn as_cloud(&self, api: &str) -> CloudError {
        let kind = match self {
            Self::Busy(_) => CloudErrorKind::Throttled,
            Self::Io(..) | Self::Full(_) => CloudErrorKind::Network,
            Self::Symlink(_) | Self::Foreign(..) | Self::Damaged(..) | Self::OtherScenario(..) | Self::Speed(_) | Self::Span(_) => {
                CloudErrorKind::Unsupported
            }
        };
        CloudError::new(kind, api, self.to_string())
    }
}

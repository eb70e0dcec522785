//! What can go wrong with a store, as a sentence and a hint.

use std::path::{Path, PathBuf};

use crate::domain::ids::{FleetName, ImageId, OperationId};
use crate::domain::text::escape;
use crate::operation::damage::DamagedOperation;
use crate::operation::freeze::Freeze;
use crate::operation::plan::Refusal;
use crate::ports::desk::DeskError;

/// How to go on when a store cannot be used any more: what is needed of it is in the cloud.
const START_ANEW: &str = "print what can still be read (`qd ops --all --json`), move the file away, and take its fleets over from the cloud: `qd fleet adopt NAME` \
     begins a new ledger, `qd rollback NAME` works without one";

/// The same where there is nothing left to read.
const START_WITHOUT: &str = "put the file back from a copy, or take its fleets over from the cloud: `qd fleet adopt NAME` begins a new ledger, \
     `qd rollback NAME` works without one";

/// A store that did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The place or the file: the sentence and a hint.
    #[error("{message}")]
    Place {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
        /// There is no room left.
        full: bool,
    },
    /// The file that is open was deleted, or another one is in its place.
    #[error("{} was deleted or replaced while it was in use: nothing more is written, and nothing more is done", escape(&.0.display().to_string()))]
    Swept(PathBuf),
    /// Another operation holds the fleet.
    #[error("the fleet is held by operation {0}")]
    Held(OperationId),
    /// The same is being done already.
    #[error("operation {0} does the same already")]
    Under(OperationId),
    /// Nothing goes forward in the fleet for now.
    #[error("{fleet} is not changed now: {}", freeze.described())]
    Frozen {
        /// The fleet.
        fleet: FleetName,
        /// The freeze.
        freeze: Box<Freeze>,
    },
    /// Something that is written down needs the image.
    #[error("{image} is not removed: {by}")]
    ImageHeld {
        /// The image.
        image: ImageId,
        /// Why, in words.
        by: String,
    },
    /// The image is being removed, or was.
    #[error("{0} is being removed by `qd gc`")]
    ImageGoes(ImageId),
    /// The lease is not ours any more.
    #[error("the lease was lost to another process")]
    LeaseLost,
    /// Somebody drives it already.
    #[error("operation {0} has a driver already")]
    HasDriver(OperationId),
    /// It is over.
    #[error("operation {0} is finished")]
    Finished(OperationId),
    /// There is no such operation.
    #[error("there is no operation '{0}'")]
    NoOperation(OperationId),
    /// The record of one operation cannot be trusted.
    #[error("{}", .0.sentence())]
    Record(Box<DamagedOperation>),
    /// A record cannot be read.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

impl StoreError {
    pub(super) fn place(path: &Path, what: &str, hint: &str) -> Self {
        Self::Place { message: format!("{} {what}", escape(&path.display().to_string())), hint: hint.to_owned(), full: false }
    }

    pub(super) fn io(path: &Path, what: &str, error: &std::io::Error) -> Self {
        let full = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        let hint = if full { "make room, or choose another --state-dir" } else { "check its permissions, or choose another --state-dir" };
        Self::Place { message: format!("{} {what}: {error}", escape(&path.display().to_string())), hint: hint.to_owned(), full }
    }

    pub(super) fn sql(path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let shown = escape(&path.display().to_string());
        let (what, hint, full) = match error.sqlite_error_code() {
            Some(Code::DiskFull) => ("has no room left on its disk", "make room, or choose another --state-dir", true),
            Some(Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen) => {
                ("cannot be written", "check its permissions, or choose another --state-dir", false)
            }
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => ("is kept busy by another process", "try again", false),
            Some(Code::NotADatabase | Code::DatabaseCorrupt) => ("is damaged or no store at all", START_ANEW, false),
            _ => {
                return Self::Place {
                    message: format!("{shown}: {error}"),
                    hint: "try again; if it stays, move the file away and start with a new one".to_owned(),
                    full: false,
                };
            }
        };
        Self::Place { message: format!("{shown} {what}"), hint: hint.to_owned(), full }
    }

    /// There is no room left.
    #[must_use]
    pub const fn is_disk_full(&self) -> bool {
        matches!(self, Self::Place { full: true, .. })
    }
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        let refused = matches!(
            error,
            StoreError::Held(_)
                | StoreError::Under(_)
                | StoreError::Frozen { .. }
                | StoreError::ImageHeld { .. }
                | StoreError::ImageGoes(_)
                | StoreError::HasDriver(_)
                | StoreError::Finished(_)
        );
        let hint = match &error {
            StoreError::Place { hint, .. } => hint.clone(),
            StoreError::Swept(_) => START_WITHOUT.to_owned(),
            StoreError::Held(id) => format!("look at it: `qd op {id}`"),
            StoreError::Under(id) => format!("watch it: `qd watch {id}`"),
            StoreError::Frozen { freeze, .. } => freeze.remedy(),
            StoreError::ImageHeld { image, .. } => format!("`qd image show {image}` says what needs it"),
            StoreError::ImageGoes(image) => format!("choose another image; `qd image pin {image} --reason TEXT` keeps it if it is still there"),
            StoreError::LeaseLost => "another driver goes on with it: `qd ops` shows it".to_owned(),
            StoreError::HasDriver(id) => format!("watch it: `qd watch {id}`"),
            StoreError::Finished(id) => format!("look at it: `qd op {id}`"),
            StoreError::NoOperation(_) => "`qd ops --all` lists them".to_owned(),
            StoreError::Record(damaged) => damaged.remedy(),
            StoreError::Damaged(_) => START_ANEW.to_owned(),
        };
        if refused { Refusal::new(error.to_string(), hint).into() } else { Self::other(error.to_string(), hint) }
    }
}

//! Running an operator's Packer template.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// One run of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackerOrder {
    /// The template, a whole path.
    pub template: PathBuf,
    /// Where Packer runs: paths in the template are relative to it.
    pub directory: PathBuf,
    /// The template's variables.
    pub variables: BTreeMap<String, String>,
    /// What is put into its environment besides this process's own.
    pub environment: BTreeMap<String, String>,
}

/// More of Packer's stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackerReading {
    /// What it printed from the byte that was asked for.
    pub bytes: Vec<u8>,
    /// How it ended, once all was read; none while it runs.
    pub end: Option<PackerEnd>,
}

/// How Packer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackerEnd {
    /// By itself, with this status.
    Exited(i32),
    /// It was killed: what it had made is left where it was.
    Killed,
}

impl PackerEnd {
    /// Its status; none where it was killed.
    #[must_use]
    pub const fn status(self) -> Option<i32> {
        match self {
            Self::Exited(status) => Some(status),
            Self::Killed => None,
        }
    }
}

/// One run of Packer, which goes on when its driver dies and can be taken over by the next. Errors are sentences.
pub trait PackerRun: Send {
    /// Starts it. Where it was started already, by whichever driver, nothing is started again.
    ///
    /// # Errors
    /// It cannot be started.
    fn start(&mut self, order: &PackerOrder) -> Result<(), String>;

    /// What it printed from this byte on.
    ///
    /// # Errors
    /// It was never started, or its stream cannot be read.
    fn read(&mut self, from: u64) -> Result<PackerReading, String>;

    /// Asks it to stop and to remove what it made. Its stream tells of that, and ends.
    fn abort(&mut self);

    /// Ends it at once. What it made is left, and has to be swept by its tags.
    fn kill(&mut self);
}

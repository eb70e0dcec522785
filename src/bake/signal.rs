//! What a bake's output says of its progress: the same words from a builder's console and from Packer's stream.

use serde::{Deserialize, Serialize};

use crate::domain::bake::LeftoverKind;
use crate::domain::ids::ImageId;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// One thing the output said, and where it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Where its line begins in the bake's log, in bytes: where a screen jumps to.
    pub offset: u64,
    /// When, by the clock of who said it; none where its line tells no time.
    pub at: Option<WorldTime>,
    /// What.
    pub said: Said,
}

/// What a line of output says. Every one can be lost with its line, and the same can come again: each means the same whatever came before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// A part of the work has begun; parts before it are over.
    Began {
        /// Which.
        part: Part,
    },
    /// A part of the work is over.
    Ended {
        /// Which.
        part: Part,
        /// How.
        outcome: Outcome,
        /// The exit status of its program, where it had one.
        exit: Option<i32>,
        /// How long it took by the clock of who did it.
        took: Option<Millis>,
    },
    /// A task inside the part that runs, as the provisioner's own output names it.
    Task {
        /// Its name.
        name: Untrusted,
        /// How it ended; none when it has only begun.
        outcome: Option<TaskOutcome>,
    },
    /// Why a part could not be done, in a sentence of ours.
    Reason {
        /// Which part.
        part: Part,
        /// Why.
        why: Untrusted,
    },
    /// A line that warns.
    Warning,
    /// A line of an error, of which it is not said that it ends anything.
    Error,
    /// Cloud-init has finished on the instance: it has booted.
    Booted,
    /// The builder's instance is known.
    Instance {
        /// Its id.
        id: Untrusted,
    },
    /// The finished image is known.
    Image {
        /// Its id.
        id: ImageId,
        /// Its region; empty where it is not told.
        region: String,
    },
    /// Something besides instances was made for the bake, and may have no tags.
    Made {
        /// What it is.
        kind: LeftoverKind,
        /// Its name.
        name: String,
    },
    /// Lines that were numbered did not arrive: what they said is not known.
    Lost {
        /// How many.
        lines: u64,
    },
    /// So many more lines named tasks or warned, each like the ones around it; they stand in the log.
    More {
        /// Lines that named a task.
        tasks: u64,
        /// Lines that warned.
        warnings: u64,
    },
    /// All is over: nothing more comes. Each part's outcome is told again, for what was lost.
    Done {
        /// Whether every part succeeded.
        outcome: Outcome,
        /// The parts, in order; empty where the engine does not tell.
        parts: Vec<(Part, Outcome)>,
    },
}

/// A part of the work that reports on itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The base image is looked up and checked.
    ResolveBase,
    /// The builder is launched.
    Launch,
    /// The application's artifact is downloaded and compared with its sum.
    Artifact,
    /// A provisioner, by its number from 0.
    Provisioner(u16),
    /// Everything that Packer's template does on the builder: how many provisioners it has is not known beforehand.
    Provision,
    /// What must not be in an image is removed.
    Seal,
    /// The snapshot is taken.
    Snapshot,
    /// The image is registered, tagged, shared and copied.
    Register,
    /// What was made for the bake is removed.
    CleanUp,
    /// A gate, by its number from 0.
    Gate(u16),
}

/// How a part ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should.
    Succeeded,
    /// It failed, and with it all that comes after.
    Failed,
    /// It ran into its time limit, and with it all that comes after.
    TimedOut,
    /// It was not run, as something before it failed.
    Skipped,
}

/// How a provisioner's own task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskOutcome {
    /// All was as it should be already.
    Ok,
    /// It changed something.
    Changed,
    /// It was not needed.
    Skipped,
    /// It failed.
    Failed,
    /// It failed, and the provisioner was told to go on.
    Ignored,
}

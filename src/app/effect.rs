//! What the screen wants from outside, as values. Nothing happens until the runtime does it.

use std::path::PathBuf;

use super::sheet::Errand;
use crate::domain::ids::{FleetName, ImageId, OperationId};
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::operation::bake::BakePlan;
use crate::operation::command::CommandKind;
use crate::operation::image_plan::ImageWish;
use crate::operation::intent::Intent;
use crate::operation::plan::Plan;
use crate::ports::desk::Seen;

/// One thing to do. `no` numbers the request: only the newest answer of its kind is believed.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Read fleets and images.
    ReadEstate {
        /// The request.
        no: u64,
    },
    /// Read the alarms of all fleets.
    ReadAlarms {
        /// The request.
        no: u64,
    },
    /// Read one fleet closely.
    ReadFleet {
        /// The request.
        no: u64,
        /// The fleet.
        fleet: FleetName,
    },
    /// Read operations and their events from the store.
    ReadOperations {
        /// The request.
        no: u64,
    },
    /// Read bakes and their events from the store.
    ReadBakes {
        /// The request.
        no: u64,
    },
    /// Read what the log of a bake has from this byte on.
    ReadBakeLog {
        /// The request.
        no: u64,
        /// The bake.
        id: OperationId,
        /// From here, in bytes.
        from: u64,
    },
    /// Read the recipes, and which images are behind their base.
    ReadRecipes {
        /// The request.
        no: u64,
    },
    /// Make the plan of a bake; changes nothing.
    PlanBake {
        /// The request.
        no: u64,
        /// The recipe.
        file: PathBuf,
        /// Also if there is an image of the same inputs.
        force: bool,
    },
    /// Confirm the plan of a bake. Only `y` on a sheet makes this.
    BeginBake {
        /// The request.
        no: u64,
        /// The plan the person read.
        plan: Box<BakePlan>,
        /// Why.
        reason: Option<Untrusted>,
    },
    /// Bake what is behind its base anew, in waves. Only `y` on a sheet makes this.
    Rebake {
        /// The request.
        no: u64,
        /// The recipes.
        recipes: Vec<PathBuf>,
        /// So many at once.
        wave: u16,
        /// Why.
        reason: Option<Untrusted>,
    },
    /// Read what is known of an image: what it was made from and what from it, who said what of it, what there is to do if it is blocked.
    ReadStory {
        /// The request.
        no: u64,
        /// The image.
        image: ImageId,
    },
    /// Find the images nobody needs; changes nothing.
    ReadRetention {
        /// The request.
        no: u64,
    },
    /// Make the plan of a change of an image; changes nothing.
    PlanImage {
        /// The request.
        no: u64,
        /// What is wanted.
        wish: ImageWish,
    },
    /// Change what is said of an image. Only `y` on a sheet makes this.
    ChangeImage {
        /// The request.
        no: u64,
        /// What is wanted.
        wish: ImageWish,
    },
    /// Read what the screen stands on: files, environment, the call budget.
    ReadSources {
        /// The request.
        no: u64,
    },
    /// Make a plan; changes nothing.
    MakePlan {
        /// The request.
        no: u64,
        /// What is wanted.
        intent: Intent,
    },
    /// Confirm a plan. Only `y` on a sheet makes this.
    Execute {
        /// The request.
        no: u64,
        /// What is wanted.
        intent: Intent,
        /// The plan the person read.
        plan: Box<Plan>,
        /// Why.
        reason: Option<Untrusted>,
        /// The fleet's name as typed, where the plan asks for it.
        typed: Option<Untrusted>,
    },
    /// Ask something of a running operation. Only `y` on a sheet makes this.
    Command {
        /// The request.
        no: u64,
        /// The operation.
        operation: OperationId,
        /// What is asked.
        kind: CommandKind,
        /// What the sender saw when the sheet opened.
        seen: Seen,
        /// Why.
        reason: Option<Untrusted>,
        /// The fleet's name as typed, where the risk asks for it.
        typed: Option<Untrusted>,
    },
    /// Start a driver for an operation that has none. Only `y` on a sheet makes this.
    TakeOver {
        /// The request.
        no: u64,
        /// The operation.
        operation: OperationId,
    },
    /// Make a plan for each of several fleets; changes nothing.
    PlanMany {
        /// The request.
        no: u64,
        /// What is wanted.
        intents: Vec<Intent>,
    },
    /// Confirm the plans of several fleets. Only `y` on a sheet makes this.
    ExecuteMany {
        /// The request.
        no: u64,
        /// What is wanted, with the plan the person read.
        orders: Vec<(Intent, Box<Plan>)>,
        /// So many at once.
        size: usize,
        /// Why.
        reason: Option<Untrusted>,
    },
    /// Ask something of several running operations. Only `y` on a sheet makes this.
    CommandMany {
        /// The request.
        no: u64,
        /// The commands.
        errands: Vec<Errand>,
        /// Why.
        reason: Option<Untrusted>,
    },
    /// Let nothing new go forward for a while. Only `y` on a sheet makes this.
    Freeze {
        /// The request.
        no: u64,
        /// The fleet; none for all of them.
        fleet: Option<FleetName>,
        /// How long.
        length: Millis,
        /// Why.
        reason: Untrusted,
    },
    /// Lift a freeze. Only `y` on a sheet makes this.
    Unfreeze {
        /// The request.
        no: u64,
        /// The fleet; none for the freeze of all of them.
        fleet: Option<FleetName>,
        /// Why.
        reason: Option<Untrusted>,
    },
    /// Try a rollback out up to its first write; changes nothing.
    Rehearse {
        /// The request.
        no: u64,
        /// What is wanted.
        intent: Intent,
    },
    /// Put a text where the person's own clipboard is.
    Copy(String),
    /// Save what is on the screen as text, and what it knows as JSON.
    Save,
    /// Ring: a person is needed, something failed or finished.
    Bell,
    /// Give the terminal back to the shell until it brings us to the front again.
    Suspend,
    /// Leave, at once.
    Quit,
}

impl Effect {
    /// Whether it can change production.
    #[must_use]
    pub const fn changes(&self) -> bool {
        matches!(
            self,
            Self::Execute { .. }
                | Self::Command { .. }
                | Self::TakeOver { .. }
                | Self::ExecuteMany { .. }
                | Self::CommandMany { .. }
                | Self::Freeze { .. }
                | Self::Unfreeze { .. }
                | Self::BeginBake { .. }
                | Self::Rebake { .. }
                | Self::ChangeImage { .. }
        )
    }
}

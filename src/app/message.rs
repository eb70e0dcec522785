//! Everything that can happen to the screen.

use super::baking::Lane;
use super::key::Key;
use crate::domain::alarms::FleetAlarms;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::time::BootTime;
use crate::operation::bake::{BakeAnswer, BakeView};
use crate::operation::gc::GcPlan;
use crate::operation::image_plan::{ImagePlan, ImageStory};
use crate::operation::plan::Plan;
use crate::operation::proof::Rehearsal;
use crate::operation::record::OperationView;
use crate::operation::status::Estate;
use crate::ports::desk::{DeskError, FleetDetail, Sources};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A key, with the moment it was read: a plan sheet ignores keys that were pressed before a person could have read it.
    Key {
        /// The key.
        key: Key,
        /// When it was read.
        at: BootTime,
    },
    /// Pasted text.
    Paste(String),
    /// The terminal has another size.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// Time passed.
    Tick,
    /// Nothing else happens: what can be done in small pieces goes on.
    Work,
    /// What became of something the person asked for and nothing waits for.
    Told(String),
    /// The store has something new.
    StoreChanged(u64),
    /// The last estate any process saw, from the store: shown until there is a newer one.
    LastKnown(Box<Estate>),
    /// An answer.
    Reply {
        /// The request it answers.
        no: u64,
        /// The answer.
        reply: Reply,
    },
}

/// An answer from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Fleets and images.
    Estate(Result<Box<Estate>, DeskError>),
    /// The alarms of all fleets.
    Alarms(Result<Box<FleetAlarms>, DeskError>),
    /// One fleet.
    Fleet(FleetName, Result<Box<FleetDetail>, DeskError>),
    /// Operations, newest first.
    Operations(Result<Vec<OperationView>, DeskError>),
    /// Bakes, newest first.
    Bakes(Result<Vec<BakeView>, DeskError>),
    /// What the log of a bake has from this byte on.
    BakeLog(OperationId, u64, Result<Vec<u8>, DeskError>),
    /// Recipes, and which images are behind their base.
    Recipes(Result<Box<Lane>, DeskError>),
    /// The plan of a bake, or what makes one needless.
    BakePlanned(Result<BakeAnswer, DeskError>),
    /// A confirmed bake's operation.
    BakeBegun(Result<OperationId, DeskError>),
    /// What is known of one image.
    Story(Result<Box<ImageStory>, DeskError>),
    /// Images nobody needs, and why each other stays.
    Retention(Result<Box<GcPlan>, DeskError>),
    /// What a change of an image comes to.
    ImagePlanned(Result<Box<ImagePlan>, DeskError>),
    /// What the screen stands on.
    Sources(Result<Box<Sources>, DeskError>),
    /// A plan.
    Planned(Result<Box<Plan>, DeskError>),
    /// A confirmed plan's operation.
    Executed(Result<OperationId, DeskError>),
    /// What an operation answered.
    Commanded(Result<String, DeskError>),
    /// The plan of one of several fleets.
    PlannedOne(FleetName, Result<Box<Plan>, DeskError>),
    /// The operation of one of several fleets.
    ExecutedOne(FleetName, Result<OperationId, DeskError>),
    /// What the operation of one of several fleets answered.
    CommandedOne(FleetName, Result<String, DeskError>),
    /// What a rehearsal found.
    Rehearsed(FleetName, Result<Box<Rehearsal>, DeskError>),
}

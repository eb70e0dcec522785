//! The JSON documents of `qd image`: stable fields, unknown is null and never 0.

use serde::Serialize;

use super::documents::ImageDoc;
use super::json::moment;
use crate::domain::ids::{FleetName, GroupName, ImageId, OperationId};
use crate::domain::lineage::{Relative, Told};
use crate::domain::text::Untrusted;
use crate::operation::image_log::{Asked, Channel, Pointer, asked};
use crate::operation::image_plan::{ImagePlan, ImageStory, LifeStage};
use crate::operation::work_list::{Near, Work, WorkList};

/// `image show --json`.
#[derive(Serialize)]
pub(super) struct StoryDoc<'a> {
    as_of: String,
    image: ImageDoc<'a>,
    stage: LifeStage,
    owner: Option<&'a Untrusted>,
    ledgers: Vec<LedgerDoc<'a>>,
    channels: Vec<PointerDoc<'a>>,
    pin: Option<SaidDoc<'a>>,
    marked_at: Option<String>,
    lineage: LineageDoc<'a>,
    history: Vec<EntryDoc<'a>>,
    work: Option<WorkDoc<'a>>,
    gaps: &'a [String],
}

#[derive(Serialize)]
struct LedgerDoc<'a> {
    fleet: &'a FleetName,
    stable_at: String,
    marked: bool,
}

#[derive(Serialize)]
struct SaidDoc<'a> {
    by: String,
    at: String,
    reason: Option<&'a Untrusted>,
}

#[derive(Serialize)]
struct LineageDoc<'a> {
    ancestors: Vec<RelativeDoc<'a>>,
    descendants: Vec<RelativeDoc<'a>>,
    problems: &'a [String],
}

#[derive(Serialize)]
struct RelativeDoc<'a> {
    id: &'a ImageId,
    label: Option<&'a str>,
    distance: usize,
    through: &'a ImageId,
    told_by: Told,
    listed: bool,
    blocked: Option<bool>,
}

#[derive(Serialize)]
struct EntryDoc<'a> {
    at: String,
    by: String,
    reason: Option<&'a Untrusted>,
    change: &'static str,
    done: bool,
    text: String,
}

#[derive(Serialize)]
struct PointerDoc<'a> {
    app: &'a Untrusted,
    channel: Channel,
    image: &'a ImageId,
    at: String,
    by: String,
    reason: Option<&'a Untrusted>,
}

/// `image … --plan --json`.
#[derive(Serialize)]
pub(super) struct ChangeDoc<'a> {
    as_of: String,
    image: &'a ImageId,
    version: Option<&'a Untrusted>,
    change: Option<&'static str>,
    reason: Option<&'a Untrusted>,
    notes: &'a [String],
    calls: Vec<CallDoc>,
    work: Option<WorkDoc<'a>>,
}

#[derive(Serialize)]
struct CallDoc {
    api: &'static str,
    summary: String,
}

/// What came of a change.
#[derive(Serialize)]
pub(super) struct DoneDoc<'a> {
    pub(super) image: &'a ImageId,
    pub(super) changed: bool,
    pub(super) text: &'a str,
}

#[derive(Serialize)]
struct WorkDoc<'a> {
    images: &'a [ImageId],
    fleets: Vec<FleetWorkDoc<'a>>,
    gaps: &'a [String],
}

#[derive(Serialize)]
struct FleetWorkDoc<'a> {
    fleet: &'a FleetName,
    images: &'a [ImageId],
    servers: Option<u32>,
    launches: &'a [GroupName],
    way_back: bool,
    operation: Option<&'a OperationId>,
    nearest_good: Option<GoodDoc<'a>>,
    command: Option<String>,
}

#[derive(Serialize)]
struct GoodDoc<'a> {
    image: &'a ImageId,
    version: Option<&'a Untrusted>,
    because: Near,
}

/// `image channels --json`.
#[derive(Serialize)]
pub(super) struct ChannelsDoc<'a> {
    channels: Vec<PointerDoc<'a>>,
    moves: Vec<PointerDoc<'a>>,
}

impl<'a> StoryDoc<'a> {
    pub(super) fn new(story: &'a ImageStory) -> Self {
        let marked = |known: &crate::operation::ledger::KnownRelease| known.marked.is_some();
        Self {
            as_of: moment(story.as_of),
            image: ImageDoc::of(&story.image, &story.fleets, story.servers, story.live),
            stage: story.stage,
            owner: story.image.origin.owner.as_ref(),
            ledgers: story
                .ledgers
                .iter()
                .map(|(fleet, known)| LedgerDoc { fleet, stable_at: moment(known.stable_at), marked: marked(known) })
                .collect(),
            channels: story.channels.iter().map(PointerDoc::new).collect(),
            pin: story.pin.as_ref().map(|pin| SaidDoc { by: pin.by.short(), at: moment(pin.at), reason: pin.reason.as_ref() }),
            marked_at: story.marked.map(moment),
            lineage: LineageDoc {
                ancestors: story.ancestors.iter().map(|relative| RelativeDoc::new(story, relative)).collect(),
                descendants: story.descendants.iter().map(|relative| RelativeDoc::new(story, relative)).collect(),
                problems: &story.problems,
            },
            history: asked(&story.history).iter().map(EntryDoc::new).collect(),
            work: story.work.as_ref().map(WorkDoc::new),
            gaps: &story.gaps,
        }
    }
}

impl<'a> RelativeDoc<'a> {
    fn new(story: &'a ImageStory, relative: &'a Relative) -> Self {
        let known = story.labels.get(&relative.image);
        Self {
            id: &relative.image,
            label: known.map(|(label, _)| label.as_str()),
            distance: relative.distance,
            through: &relative.through,
            told_by: relative.told,
            listed: relative.listed,
            blocked: known.map(|(_, blocked)| *blocked),
        }
    }
}

impl<'a> EntryDoc<'a> {
    fn new(asked: &Asked<'a>) -> Self {
        let entry = asked.entry;
        Self {
            at: moment(entry.at),
            by: entry.by.short(),
            reason: entry.reason.as_ref(),
            change: asked.change.word(),
            done: asked.is_done(),
            text: asked.words(),
        }
    }
}

impl<'a> PointerDoc<'a> {
    fn new(pointer: &'a Pointer) -> Self {
        Self {
            app: &pointer.app,
            channel: pointer.channel,
            image: &pointer.image,
            at: moment(pointer.at),
            by: pointer.by.short(),
            reason: pointer.reason.as_ref(),
        }
    }
}

impl<'a> ChangeDoc<'a> {
    pub(super) fn new(plan: &'a ImagePlan) -> Self {
        Self {
            as_of: moment(plan.as_of),
            image: &plan.image.id,
            version: plan.image.version.as_ref(),
            change: plan.change.as_ref().map(crate::operation::image_log::ImageChange::word),
            reason: plan.reason.as_ref(),
            notes: &plan.notes,
            calls: plan.calls.iter().map(|call| CallDoc { api: call.aws_name(), summary: call.summary() }).collect(),
            work: plan.work.as_ref().map(WorkDoc::new),
        }
    }
}

impl<'a> WorkDoc<'a> {
    fn new(work: &'a WorkList) -> Self {
        Self { images: &work.images, fleets: work.fleets.iter().map(FleetWorkDoc::new).collect(), gaps: &work.gaps }
    }
}

impl<'a> FleetWorkDoc<'a> {
    fn new(work: &'a Work) -> Self {
        Self {
            fleet: &work.fleet,
            images: &work.images,
            servers: work.servers,
            launches: &work.launches,
            way_back: work.way_back,
            operation: work.operation.as_ref(),
            nearest_good: work.good.as_ref().map(|good| GoodDoc { image: &good.image, version: good.version.as_ref(), because: good.near }),
            command: work.command(),
        }
    }
}

impl<'a> ChannelsDoc<'a> {
    pub(super) fn new(moves: &'a [Pointer]) -> Self {
        let is_last =
            |at: usize, pointer: &Pointer| !moves.iter().skip(at + 1).any(|later| later.app == pointer.app && later.channel == pointer.channel);
        let now = moves.iter().enumerate().filter(|(at, pointer)| is_last(*at, pointer)).map(|(_, pointer)| PointerDoc::new(pointer));
        Self { channels: now.collect(), moves: moves.iter().map(PointerDoc::new).collect() }
    }
}

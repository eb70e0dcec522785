//! A bake as an operation: its frozen plan, and what only a bake's events tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::Who;
use super::event::{Event, EventBody};
use super::gate::Gate;
use super::packer::PackerPlan;
use super::plan::{Check, hex_digest};
use super::record::OperationView;
use super::work::Work;
use crate::bake::signal::{Part, Signal};
use crate::domain::bake::{BaseImage, Leftover, Machine, MachineRole};
use crate::domain::ids::{ImageId, InstanceId, OperationId, PlanId};
use crate::domain::image::Image;
use crate::domain::recipe::{Builder, GateCheck, ImageGate, ProvisionerKind, Recipe, RecipeFiles};
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::{Millis, WorldTime};

pub use super::bake_progress::BakeProgress;

/// A bake with everything that is known of it.
pub type BakeView = OperationView<BakePlan>;

/// What somebody wants baked.
#[derive(Clone, Debug)]
pub struct BakeWish {
    /// The recipe.
    pub recipe: Recipe,
    /// The files it names.
    pub files: RecipeFiles,
    /// Another version than the recipe's own.
    pub version: Option<String>,
    /// Also if there is an image of the same inputs.
    pub force: bool,
    /// How long a builder on which something fails is kept.
    pub keep_on_failure: Option<Millis>,
}

/// What a wish comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum BakeAnswer {
    /// An image of the same inputs is there.
    Reuse {
        /// It.
        image: Box<Image>,
        /// Why it is taken, a sentence without its full stop.
        why: String,
    },
    /// This is what will be done.
    Bake(Box<BakePlan>),
}

/// An image whose base is not the newest of its line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// The recipe that makes such images.
    pub recipe: String,
    /// The newest image of it; none if there is none.
    pub image: Option<ImageId>,
    /// Its version.
    pub version: Option<Untrusted>,
    /// The base it was baked from.
    pub base: Option<Untrusted>,
    /// The newest base that the recipe's query finds.
    pub newest: ImageId,
    /// How many days its base is behind; none where nobody can tell. Zero: it is the newest.
    pub days: Option<u64>,
}

/// What a step of a bake does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BakeStepKind {
    /// What other bakes left past its time to live is removed.
    Sweep,
    /// The base image is still there and can be launched.
    ResolveBase,
    /// The builder is launched from it.
    Launch,
    /// It provisions itself, and its console tells of it.
    Provision,
    /// It is stopped, with what must not be in an image removed.
    Seal,
    /// The image is made of it.
    Snapshot,
    /// The image says what it is; the builder is removed.
    Register,
    /// A fresh instance of the finished image passes every gate.
    Gates,
    /// The image says that it passed, and nothing of the bake is left.
    Verify,
    /// Other accounts may launch it.
    Share,
    /// Other regions get a copy.
    Copy,
}

impl BakeStepKind {
    /// How people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::ResolveBase => "resolve base",
            Self::Launch => "launch builder",
            Self::Provision => "provision",
            Self::Seal => "clean and seal",
            Self::Snapshot => "snapshot",
            Self::Register => "register and tag",
            Self::Gates => "gates",
            Self::Verify => "verified",
            Self::Share => "share",
            Self::Copy => "copy",
        }
    }

    /// How long it takes where this installation has no history yet.
    #[must_use]
    pub const fn guess(self) -> Millis {
        match self {
            Self::Sweep | Self::ResolveBase => Millis::secs(2),
            Self::Launch => Millis::secs(45),
            Self::Share => Millis::secs(15),
            Self::Provision | Self::Copy => Millis::mins(5),
            Self::Seal => Millis::secs(40),
            Self::Snapshot => Millis::mins(3),
            Self::Register => Millis::secs(15),
            Self::Gates => Millis::mins(2),
            Self::Verify => Millis::secs(30),
        }
    }
}

/// Every step there is, in order.
pub const ALL_STEPS: [BakeStepKind; 11] = [
    BakeStepKind::Sweep,
    BakeStepKind::ResolveBase,
    BakeStepKind::Launch,
    BakeStepKind::Provision,
    BakeStepKind::Seal,
    BakeStepKind::Snapshot,
    BakeStepKind::Register,
    BakeStepKind::Gates,
    BakeStepKind::Verify,
    BakeStepKind::Share,
    BakeStepKind::Copy,
];

/// The longest value of a tag.
const LONGEST_TAG: usize = 256;

/// What an image's tag says of the accounts or regions it was handed to: their names, or where those are too many for a tag, a digest of them.
#[must_use]
pub fn handed_out(to: &[String]) -> String {
    let mut to = to.to_vec();
    to.sort();
    let names = to.join(" ");
    if names.len() <= LONGEST_TAG { names } else { format!("{} of them, {}", to.len(), hex_digest(names.as_bytes(), 8)) }
}

/// One step of a bake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BakeStep {
    /// What it does.
    pub kind: BakeStepKind,
    /// How people call it.
    pub title: String,
    /// How long it is expected to take.
    pub expected: Millis,
}

/// Every wait of a bake. `QD_TIME_SCALE` divides them all when the plan is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BakeTiming {
    /// Between two looks: two or three calls each, so at most six a minute.
    pub period: Millis,
    /// Between two looks while something is about to change that takes seconds.
    pub period_short: Millis,
    /// From the first event until the image is asked for.
    pub limit: Millis,
    /// How long an instance may take to run.
    pub launch_limit: Millis,
    /// How long a builder may say nothing at all.
    pub silence_limit: Millis,
    /// How long a call without an answer is given to show, before it is made again with the same token or taken for not made.
    pub unseen: Millis,
    /// How long what the bake makes may live at most, after the limit: the sweep removes what is older.
    pub spare_life: Millis,
}

impl Default for BakeTiming {
    fn default() -> Self {
        Self {
            period: Millis::secs(30),
            period_short: Millis::secs(10),
            limit: Millis::mins(60),
            launch_limit: Millis::mins(5),
            silence_limit: Millis::mins(15),
            unseen: Millis::secs(60),
            spare_life: Millis::mins(60),
        }
    }
}

impl BakeTiming {
    /// Every wait divided by `scale`. How long things may live is for people and stays.
    #[must_use]
    pub fn scaled(&self, scale: u32) -> Self {
        Self {
            period: self.period.scaled(scale),
            period_short: self.period_short.scaled(scale),
            limit: self.limit.scaled(scale),
            launch_limit: self.launch_limit.scaled(scale),
            silence_limit: self.silence_limit.scaled(scale),
            unseen: self.unseen.scaled(scale),
            spare_life: self.spare_life,
        }
    }
}

/// The frozen plan of a bake, or of a sweep of what bakes left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BakePlan {
    /// Digest of the plan's identity.
    pub id: PlanId,
    /// The build that made it.
    pub build: String,
    /// The recipe's name; empty for a sweep.
    pub recipe: String,
    /// The application.
    pub app: String,
    /// The version that is baked.
    pub version: String,
    /// Digest of everything that goes into the image: the same key, the same image.
    pub key: String,
    /// What the markers on its consoles name: no other bake has the same.
    pub mark: String,
    /// What the image will be called in the cloud.
    pub image_name: String,
    /// The image it starts from; none for a sweep.
    pub base: Option<BaseImage>,
    /// The instance it is made on.
    pub builder: Builder,
    /// The builder's user data, as it is sent: base64.
    pub user_data: String,
    /// The user data of the instance that the gates look at, base64; none where no gate needs any.
    pub self_test: Option<String>,
    /// What the parts of the builder's work are called, in order.
    pub provisioners: Vec<String>,
    /// The kinds of its provisioners, in order: their output is read by them.
    pub kinds: Vec<ProvisionerKind>,
    /// What a fresh instance of the image must pass.
    pub gates: Vec<ImageGate>,
    /// The image's tags, but for those that tell how it came out.
    pub tags: BTreeMap<String, String>,
    /// The steps, in order.
    pub steps: Vec<BakeStep>,
    /// Every wait.
    pub timing: BakeTiming,
    /// How long a builder on which something failed is kept to be looked at; none: it is removed like any other.
    pub keep_on_failure: Option<Millis>,
    /// Accounts that may launch it once it is verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub share_with: Vec<String>,
    /// Regions that get a copy once it is verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copy_to: Vec<String>,
    /// Packer's template, where that does the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packer: Option<PackerPlan>,
    /// An image of these inputs that another bake left unfinished: it is gone on with.
    pub adopted: Option<ImageId>,
    /// Why it is baked although there may be an image: for people.
    pub because: String,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// When the facts were read.
    pub as_of: WorldTime,
    /// The account and region.
    pub place: String,
}

impl BakePlan {
    /// The plan with its id: a digest of what it makes and from what.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        let base = self.base.as_ref().map_or("", |base| base.id.as_str());
        let adopted = self.adopted.as_ref().map_or("", ImageId::as_str);
        let parts = [&self.build, &self.recipe, &self.version, &self.key, &self.image_name, base, &self.user_data, adopted, &self.place];
        self.id = PlanId::new(hex_digest(parts.join("|").as_bytes(), 4));
        self
    }

    /// It removes what bakes left, and bakes nothing.
    #[must_use]
    pub const fn is_sweep(&self) -> bool {
        self.base.is_none()
    }

    /// The region it is made in.
    #[must_use]
    pub fn region(&self) -> &str {
        self.place.split_whitespace().last().unwrap_or_default()
    }

    /// The index of a step.
    #[must_use]
    pub fn step_of(&self, kind: BakeStepKind) -> Option<usize> {
        self.steps.iter().position(|step| step.kind == kind)
    }

    /// How much of the work is done, in percent: by the time steps took before, and inside a step by what it tells itself.
    #[must_use]
    pub fn percent(&self, progress: &BakeProgress, now: WorldTime) -> u8 {
        let total: u64 = self.steps.iter().map(|step| step.expected.0).sum();
        let done: u64 = self.steps.iter().take(progress.current).map(|step| step.expected.0).sum();
        let within = self.steps.get(progress.current).map_or(0, |step| self.within(step, progress, now));
        u8::try_from(((done + within) * 100).checked_div(total).unwrap_or(0).min(100)).unwrap_or(100)
    }

    /// How long it will still take, by what steps took before; none once it is over.
    #[must_use]
    pub fn eta(&self, progress: &BakeProgress, now: WorldTime) -> Option<Millis> {
        let left: u64 = self.steps.iter().skip(progress.current).map(|step| step.expected.0).sum();
        let within = self.steps.get(progress.current).map_or(0, |step| self.within(step, progress, now));
        (!progress.state.is_final()).then(|| Millis(left.saturating_sub(within)))
    }

    /// What of a step's expected time is behind it: never all of it before it is over.
    fn within(&self, step: &BakeStep, progress: &BakeProgress, now: WorldTime) -> u64 {
        if step.kind == BakeStepKind::Snapshot
            && let Some(percent) = progress.image_percent
        {
            return step.expected.0 * u64::from(percent.min(99)) / 100;
        }
        let since = progress.step_started_at.map_or(0, |at| now.since(at).0);
        since.min(step.expected.0 * 95 / 100)
    }
}

/// What only a bake tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum BakeEvent {
    /// An instance of the bake was seen in another state than before.
    MachineSeen {
        /// It.
        machine: Machine,
    },
    /// An instance that the bake made is not there any more.
    MachineGone {
        /// Its id.
        id: InstanceId,
        /// What it was for.
        role: MachineRole,
    },
    /// The console of an instance said something new.
    Said {
        /// What it was for.
        role: MachineRole,
        /// What, in order.
        signals: Vec<Signal>,
        /// The end of the line that said the last of it, in bytes of the bake's log.
        until: u64,
        /// The number of the last marker that was heard.
        number: u64,
    },
    /// The image was seen in another state than before.
    ImageSeen {
        /// It.
        image: ImageId,
        /// How much of its snapshot is there, where that is told.
        percent: Option<u8>,
        /// It can be launched.
        available: bool,
    },
    /// What other bakes left past its time to live was found.
    Swept {
        /// What is removed.
        found: Vec<Leftover>,
    },
    /// The work failed: what follows is only removing what it made.
    Failing {
        /// Why, a sentence without its full stop.
        why: String,
        /// The last lines the builder printed.
        last_lines: Vec<Untrusted>,
    },
    /// The builder is left running to be looked at.
    Kept {
        /// It.
        id: InstanceId,
        /// Until when; the sweep removes it after that.
        until: WorldTime,
    },
}

impl Work for BakePlan {
    type Progress = BakeProgress;

    fn kind_word(&self) -> &'static str {
        "bake"
    }

    fn subject(&self) -> &str {
        &self.key
    }

    fn holds(&self) -> bool {
        true
    }

    fn build(&self) -> &str {
        &self.build
    }

    fn is_sealed(&self) -> bool {
        self.clone().sealed().id == self.id
    }

    fn again(&self, _id: &OperationId) -> String {
        "bake again: `qd bake` with the same recipe removes what this one left past its time to live".to_owned()
    }

    fn step_count(&self) -> usize {
        self.steps.len()
    }

    fn step_title(&self, step: usize) -> Option<&str> {
        self.steps.get(step).map(|step| step.title.as_str())
    }

    fn gate_name(&self, gate: usize) -> Option<String> {
        self.gates.get(gate).map(|gate| escape(&gate.name))
    }

    fn part_name(&self, part: Part) -> Option<String> {
        Some(match part {
            Part::ResolveBase => "resolve base".to_owned(),
            Part::Launch => "launch".to_owned(),
            Part::Artifact => "artifact".to_owned(),
            Part::Provisioner(number) => {
                let name = self.provisioners.get(usize::from(number)).map(|name| escape(name));
                name.unwrap_or_else(|| format!("provisioner {}", number.saturating_add(1)))
            }
            Part::Provision => "provision".to_owned(),
            Part::Seal => "clean and seal".to_owned(),
            Part::Snapshot => "snapshot".to_owned(),
            Part::Register => "register".to_owned(),
            Part::CleanUp => "clean up".to_owned(),
            Part::Gate(number) => format!("gate {}", self.gate_name(usize::from(number)).unwrap_or_else(|| "?".to_owned())),
        })
    }

    fn target(&self) -> String {
        escape(&self.version)
    }

    fn headline(&self) -> String {
        if self.is_sweep() { "what bakes left".to_owned() } else { format!("{} {}", escape(&self.recipe), escape(&self.version)) }
    }

    fn history_of(&self, step: usize) -> Option<(String, String)> {
        let kind = self.steps.get(step)?.kind;
        Some((format!("recipe {}", self.recipe), format!("bake {}", kind.title())))
    }

    fn planned(&self, by: &Who, reason: Option<&Untrusted>) -> EventBody {
        EventBody::BakePlanned { plan: Box::new(self.clone()), by: by.clone(), reason: reason.cloned() }
    }

    fn confirmed(first: &EventBody) -> Option<&Self> {
        match first {
            EventBody::BakePlanned { plan, .. } => Some(plan),
            _ => None,
        }
    }

    fn start(&self, at: WorldTime) -> BakeProgress {
        BakeProgress::new(self, at)
    }

    fn fold(&self, events: &[Event], created_at: WorldTime) -> BakeProgress {
        let mut progress = self.start(events.first().map_or(created_at, |event| event.at));
        events.iter().for_each(|event| progress.apply(event));
        progress
    }
}

/// The hook of a gate as a program to be run; none for gates that look at the instance themselves.
#[must_use]
pub fn hook_of(gate: &ImageGate) -> Option<Gate> {
    match &gate.check {
        GateCheck::Hook { argv } => Some(Gate(argv.clone())),
        GateCheck::Boot | GateCheck::Http(_) | GateCheck::Command { .. } => None,
    }
}

//! Everything a plan is made from, read just before, and the checks every plan begins with.

use super::live::{leaning_slot, live_slot};
use crate::domain::call::Identity;
use crate::domain::fleet::{FleetSource, FleetSpec, Groups, Route, Slot};
use crate::domain::group::ServerGroup;
use crate::domain::ids::{ImageId, TemplateId};
use crate::domain::image::Image;
use crate::domain::observation::{FleetObservation, GroupPolicies, TargetGroupFacts, TemplateData};
use crate::domain::release::Release;
use crate::domain::schema::LiveSchema;
use crate::domain::sizes::Sizes;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::domain::traffic::Counts;
use crate::operation::damage::FleetDamage;
use crate::operation::event::OperationState;
use crate::operation::freeze::Freeze;
use crate::operation::history::FleetHistory;
use crate::operation::ledger::LedgerEntry;
use crate::operation::plan::{Check, CheckLevel, OperationKind, Plan, Refusal, Side, Timing};
use crate::operation::record::OperationView;

/// What does not change from plan to plan.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The build of this program.
    pub build: String,
    /// This store's id, as claims name it.
    pub store: String,
    /// Every wait is divided by it; 1 but in tests.
    pub time_scale: u32,
    /// Somebody counts requests and errors here.
    pub judged: bool,
}

/// The template version a release ran with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReleaseTemplate {
    /// Nobody asked, or the answer did not come: what was recorded is believed.
    #[default]
    NotRead,
    /// It is there.
    There(TemplateData),
    /// It was deleted.
    Gone,
}

impl Setting {
    /// Every wait of an operation planned here.
    #[must_use]
    pub fn timing(&self) -> Timing {
        Timing::default().scaled(self.time_scale)
    }
}

/// Facts about one A/B fleet.
pub struct Facts<'a> {
    /// What does not change.
    pub setting: &'a Setting,
    /// Who we are.
    pub identity: &'a Identity,
    /// The fleet.
    pub spec: &'a FleetSpec,
    /// One look at it.
    pub seen: &'a FleetObservation,
    /// Images that could be meant, the whole listing.
    pub images: &'a [Image],
    /// Why the listing of images is incomplete, if it is.
    pub images_missing: Option<String>,
    /// The fleet's ledger.
    pub ledger: &'a [LedgerEntry],
    /// The fleet's operations, newest first.
    pub operations: &'a [OperationView],
    /// What of its records cannot be read.
    pub damage: &'a FleetDamage,
    /// The data of the live group's template version, where it could be read.
    pub live_template: Option<TemplateData>,
    /// The data of the other slot's template version, where it could be read.
    pub other_template: Option<TemplateData>,
    /// The data of the template version a rollback's target ran with, where no group launches it any more.
    pub release_template: ReleaseTemplate,
    /// Attributes of both target groups; empty where they could not be read.
    pub target_groups: Vec<TargetGroupFacts>,
    /// Policies of both groups; none where they could not be read.
    pub policies: Option<Vec<GroupPolicies>>,
    /// How long things took before.
    pub history: FleetHistory,
    /// The freezes that hold for it.
    pub freezes: &'a [Freeze],
    /// The schema of its database, as the program that knows said just now.
    pub live_schema: LiveSchema,
    /// World time.
    pub now: WorldTime,
}

impl Facts<'_> {
    /// Whether the fleet may be changed at all.
    pub(super) fn changeable(&self) -> Result<(), Refusal> {
        self.adopted()?;
        self.right_place()?;
        if let Some(problem) = self.spec.problems.first() {
            return Err(Refusal::new(format!("{}: {problem}", self.spec.name), "put that right first"));
        }
        Ok(())
    }

    /// Whether this program can drive the fleet from one group to another.
    pub(super) fn drivable(&self) -> Result<(), Refusal> {
        self.changeable()?;
        match self.spec.groups {
            Groups::Two(_) => self.idle_means_idle(),
            Groups::One(_) => Err(Refusal::new(
                format!("{} has one server group, which only a rolling deploy can change", self.spec.name),
                "leave out --strategy, or give the fleet a second group",
            )),
        }
    }

    /// Without weights every server of a group serves, so one kept in the idle slot would serve the old release for ever.
    fn idle_means_idle(&self) -> Result<(), Refusal> {
        if matches!(self.spec.route, Route::Weighted { .. }) || self.spec.idle_size == 0 {
            return Ok(());
        }
        Err(Refusal::new(
            format!(
                "{} has no weights and keeps {} servers in its idle group: they would serve the old release",
                self.spec.name, self.spec.idle_size
            ),
            "set `idle_size = 0` for this fleet",
        ))
    }

    fn adopted(&self) -> Result<(), Refusal> {
        if self.spec.source == FleetSource::Adopted {
            return Ok(());
        }
        let name = &self.spec.name;
        Err(Refusal::new(
            format!("{name} is not adopted: it was only found, nobody wrote down that it may be changed"),
            format!("run `qd fleet adopt {name}`"),
        ))
    }

    fn right_place(&self) -> Result<(), Refusal> {
        let differs = |written: &Option<String>, actual: &str| written.as_ref().is_some_and(|written| written != actual);
        if differs(&self.spec.account, &self.identity.account) || differs(&self.spec.region, &self.identity.region) {
            let at = |account: &str, region: &str| format!("account {account} in {region}");
            let written = at(self.spec.account.as_deref().unwrap_or("?"), self.spec.region.as_deref().unwrap_or("?"));
            return Err(Refusal::new(
                format!("{} lives in {written}, these credentials are for {}", self.spec.name, at(&self.identity.account, &self.identity.region)),
                "choose the right --profile and --region",
            ));
        }
        Ok(())
    }

    /// Both groups, if they could be read.
    pub(super) fn group(&self, slot: Slot) -> Result<&ServerGroup, Refusal> {
        self.seen.group(slot).ok_or_else(|| {
            let why = self.seen.unknowns().join("; ");
            Refusal::new(
                format!("group {} of {} cannot be read ({why})", slot.letter(), self.spec.name),
                "try again when it can be seen: nothing is changed blindly",
            )
        })
    }

    /// The one slot that serves; none if both or neither do and no operation explains it.
    pub(super) fn serving_slot(&self) -> Option<Slot> {
        live_slot(self.seen, self.operations)
    }

    /// The slot that serves most.
    pub(super) fn leaning_slot(&self) -> Option<Slot> {
        leaning_slot(self.seen, self.operations)
    }

    /// The operation that holds the fleet now.
    pub(super) fn holder(&self) -> Option<&OperationView> {
        self.operations.iter().find(|view| !view.state().is_final() && view.operation.plan.kind != OperationKind::Retire)
    }

    /// The plan of the operation that holds the fleet now, also where the rest of its record is damaged.
    pub(super) fn held_plan(&self) -> Option<&Plan> {
        let damaged = || self.damage.holder().and_then(|damaged| damaged.plan.as_deref());
        self.holder().map(|view| &view.operation.plan).or_else(damaged)
    }

    /// The retire that waits for its window.
    pub(super) fn waiting_retire(&self) -> Option<&OperationView> {
        self.operations.iter().find(|view| !view.state().is_final() && view.operation.plan.kind == OperationKind::Retire)
    }

    /// The last operation, if it has not given back what it borrowed.
    fn borrower(&self) -> Option<&OperationView> {
        self.operations.first().filter(|view| !matches!(view.state(), OperationState::Succeeded | OperationState::BackedOut))
    }

    /// The live role's sizes without any operation's pins: those frozen by the last operation if it has not given everything back, else what is read.
    pub(super) fn live_sizes(&self, read: Sizes) -> Sizes {
        let damaged = self.damage.holder().or_else(|| self.damage.retire()).and_then(|damaged| damaged.plan.as_deref());
        if let Some(plan) = damaged {
            return Sizes { desired: read.desired, ..plan.live_sizes };
        }
        self.borrower().map_or(read, |view| Sizes { desired: read.desired, ..view.operation.plan.live_sizes })
    }

    /// Groups whose scheduled actions the operation before suspended and has not given back: whoever goes on gives them back.
    pub(super) fn suspended_by_us(&self) -> Vec<crate::domain::ids::GroupName> {
        let borrowed = self.operations.first().filter(|view| !matches!(view.state(), OperationState::Succeeded | OperationState::BackedOut));
        borrowed.map_or_else(Vec::new, |view| view.operation.plan.suspends.clone())
    }

    /// A group as one side of a plan.
    pub(super) fn side(&self, slot: Slot) -> Result<Side, Refusal> {
        let group = self.group(slot)?;
        let pin = group.template.as_ref().filter(|_| group.unsupported.is_empty()).ok_or_else(|| {
            let what = if group.unsupported.is_empty() { "no launch template".to_owned() } else { group.unsupported.join(", ") };
            Refusal::new(
                format!("{} uses what this program does not drive: {what}", group.name),
                "give it a plain launch template, pinned to a numbered version",
            )
        })?;
        let version = pin.number().ok_or_else(|| {
            Refusal::new(
                format!("{} launches $Latest or $Default, so what it launches can change without anybody deploying", group.name),
                "pin the group to a numbered template version",
            )
        })?;
        let image = pin.image.clone().or_else(|| self.recorded_image(&pin.id, version)).ok_or_else(|| {
            Refusal::new(format!("the image of {} could not be looked up", group.name), "check that its launch template can be read")
        })?;
        self.registers(slot, group)?;
        Ok(Side {
            slot,
            group: group.name.clone(),
            target_group: self.spec.route.target_group(slot).cloned(),
            attached: self.seen.is_attached(slot).unwrap_or(false),
            served: self.seen.serves(slot).unwrap_or(false),
            template: pin.id.clone(),
            template_version: Some(version),
            version: self.version_of(&image),
            image,
            digest: pin.digest.clone(),
        })
    }

    /// A group is attached to its target group. One that shares it with the other group may be off it: that is for each plan to judge.
    fn registers(&self, slot: Slot, group: &ServerGroup) -> Result<(), Refusal> {
        let missing = self.spec.route.target_group(slot).filter(|arn| !group.target_groups.contains(arn) && !self.shares_targets());
        missing.map_or(Ok(()), |arn| {
            Err(Refusal::new(format!("{} is not attached to target group {}", group.name, arn.short()), "attach it, at weight 0"))
        })
    }

    /// Two groups in one target group.
    fn shares_targets(&self) -> bool {
        matches!((&self.spec.groups, &self.spec.route), (Groups::Two(_), Route::Attached { .. }))
    }

    /// A group that nobody's operation took off the shared target group is off it by another hand.
    pub(super) fn is_where_we_left_it(&self, side: &Side) -> Result<(), Refusal> {
        if side.attached || !self.shares_targets() || self.borrower().is_some() {
            return Ok(());
        }
        Err(Refusal::new(
            format!("{} is not attached to the target group it shares, and no operation took it off", side.group),
            "attach it while it has no servers",
        ))
    }

    /// What a numbered template version launches never changes, so what was recorded of it is as good as looking it up.
    pub(super) fn recorded_image(&self, template: &TemplateId, version: u64) -> Option<ImageId> {
        let of_release = |release: &Release| release.template == *template && release.template_version == version;
        let in_ledger = self.ledger.iter().map(|entry| &entry.release).find(|release| of_release(release)).map(|release| release.image.clone());
        let in_operations = || {
            let of_candidate =
                |view: &&OperationView| view.operation.plan.to.template == *template && view.progress.candidate_version == Some(version);
            self.operations.iter().find(of_candidate).map(|view| view.operation.plan.to.image.clone())
        };
        in_ledger.or_else(in_operations)
    }

    fn version_of(&self, image: &ImageId) -> Option<Untrusted> {
        let listed = self.images.iter().find(|found| found.id == *image).and_then(|found| found.version.clone());
        listed.or_else(|| self.ledger.iter().map(|entry| &entry.release).find(|release| release.image == *image)?.version.clone())
    }

    /// The side a rollback leaves: whatever was done to it, it stands in nobody's way.
    pub(super) fn side_going_away(&self, slot: Slot) -> Result<Side, Refusal> {
        self.side(slot).or_else(|_| {
            let group = self.group(slot)?;
            let pin = group.template.as_ref();
            Ok(Side {
                slot,
                group: group.name.clone(),
                target_group: self.spec.route.target_group(slot).cloned(),
                template: pin.map(|pin| pin.id.clone()).unwrap_or_default(),
                template_version: pin.and_then(crate::domain::group::TemplatePin::number),
                image: pin.and_then(|pin| pin.image.clone()).unwrap_or_else(|| "?".into()),
                version: None,
                digest: None,
                attached: self.seen.is_attached(slot).unwrap_or(false),
                served: self.seen.serves(slot).unwrap_or(false),
            })
        })
    }

    /// Requests and errors of a slot so far.
    pub(super) fn counts(&self, slot: Slot) -> Option<Counts> {
        *self.seen.counts.get(slot)
    }

    /// The operation a new one takes the wheel from.
    pub(super) fn superseded(&self) -> Option<crate::domain::ids::OperationId> {
        let damaged = || self.damage.holder().or_else(|| self.damage.retire()).map(|damaged| damaged.id.clone());
        self.holder().or_else(|| self.waiting_retire()).map(|view| view.operation.id.clone()).or_else(damaged)
    }

    /// `account in region`.
    pub(super) fn place(&self) -> String {
        format!("{} {}", self.identity.account, self.identity.region)
    }
}

/// Waits that are not what the plan's words usually mean are said on the sheet.
pub(super) fn hurried(facts: &Facts<'_>) -> Option<Check> {
    let scale = facts.setting.time_scale;
    (scale != 1).then(|| Check::new(CheckLevel::Warning, format!("a test: every wait is divided by {scale} (QD_TIME_SCALE)")))
}

/// A plan with everything two kinds of plans have in common.
pub(super) fn draft(facts: &Facts<'_>, kind: OperationKind, from: Side, to: Side) -> Plan {
    let analysis = super::analysis::of(facts);
    Plan {
        id: crate::domain::ids::PlanId::default(),
        build: facts.setting.build.clone(),
        kind,
        fleet: facts.spec.name.clone(),
        production: facts.spec.is_production(),
        scope: facts.spec.scope(),
        from,
        to,
        strategy: facts.spec.strategy,
        actions: facts.seen.route.value().cloned().unwrap_or_default(),
        live_sizes: Sizes::default(),
        idle_size: facts.spec.idle_size,
        need: facts.spec.floor,
        floor: facts.spec.floor,
        steps: Vec::new(),
        timing: facts.setting.timing(),
        window: facts.spec.window.scaled(facts.setting.time_scale),
        suspends: facts.suspended_by_us(),
        gates: Vec::new(),
        schema: None,
        judged: analysis.is_some(),
        analysis: analysis.unwrap_or_default(),
        baseline: None,
        refresh: None,
        friction: crate::operation::plan::Friction::Confirm,
        checks: Vec::new(),
        supersedes: None,
        level: None,
        leaves_bad: false,
        differences: Vec::new(),
        changes: None,
        source: None,
        as_of: facts.seen.at,
        place: facts.place(),
    }
}

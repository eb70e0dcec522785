//! People: what they want, when, and what that does to the store.

use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::observation::Depth;
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::{BootTime, Millis};
use quarterdeck::operation::command::{Command, CommandKind, Who};
use quarterdeck::operation::damage::FleetDamage;
use quarterdeck::operation::history::FleetHistory;
use quarterdeck::operation::plan::{OperationKind, Plan, Refusal};
use quarterdeck::plan::{Facts, ReleaseTemplate};

use crate::aimed::Want;
use crate::cloud::Flight;
use crate::fault::Fault;
use crate::planted::{Hook, Lapse};
use crate::sim::{Broke, Sim};
use crate::store::{Gone, NotCreated};
use crate::strike::Relief;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Somebody wants a new release, or back.
    Wish,
    /// Somebody wants back.
    RollBack,
    /// Somebody wants fresh servers.
    Recycle,
    /// Somebody asks something of the operation that is at work.
    Command(CommandKind),
    /// Somebody promotes what waits for it, with everything that takes.
    Consent,
    /// A fault strikes.
    Strike(Fault),
    /// A lasting fault is over.
    Relieve(Relief),
    /// A call arrives that was sent a while ago.
    Arrive(Box<Flight>),
    /// A driver is started for this operation.
    Recover(usize),
}

impl Act {
    /// Whether it keeps things from settling.
    pub const fn is_trouble(&self) -> bool {
        !matches!(self, Self::Wish | Self::RollBack | Self::Recycle)
    }
}

impl Sim {
    /// After an operation ended: sometimes within the window, sometimes after it.
    pub fn wish_again(&mut self) {
        if self.wishes > 0 && !self.is_planned(|act| matches!(act, Act::Wish)) {
            let window = self.spec.window.as_secs();
            let soon = self.script.course.wants.front().map(|(_, soon)| *soon);
            if soon.unwrap_or_else(|| self.chance.one_in(2)) {
                self.plan_act(Act::Wish, 1, window);
            } else {
                self.plan_act(Act::Wish, window + 600, window + 3_000);
            }
        } else if self.wishes == 0 && std::mem::take(&mut self.recycles_last) {
            // Nothing is drawn for it: what came before means what it meant.
            self.plan_later(Act::Recycle, self.spec.window.plus(Millis::mins(60)));
        }
    }

    pub fn act(&mut self, act: Act) -> Result<(), Broke> {
        match act {
            Act::Wish => self.wish(),
            Act::RollBack => self.roll_back(false),
            Act::Recycle => self.recycle(),
            Act::Command(kind) => {
                self.command(kind, false);
                Ok(())
            }
            Act::Consent => {
                self.consent();
                Ok(())
            }
            Act::Strike(fault) => self.strike(fault),
            Act::Relieve(relief) => {
                self.relieve(&relief);
                Ok(())
            }
            Act::Arrive(flight) => self.arrive_late(&flight),
            Act::Recover(at) => {
                self.recover(at);
                Ok(())
            }
        }
    }

    /// `qd drive --recover`, or the screen's T: whoever finds an operation without a driver starts one.
    fn recover(&mut self, at: usize) {
        if self.store.records[at].is_final() || self.is_driven(at) {
            return;
        }
        let pid = self.pid();
        match self.start_driver(at, pid) {
            Ok(()) | Err(Gone::Finished) => {}
            Err(Gone::HasDriver | Gone::LeaseLost) => self.plan_act(Act::Recover(at), 5, 15),
            Err(Gone::DiskFull) => self.plan_act(Act::Recover(at), 20, 60),
        }
    }

    fn wish(&mut self) -> Result<(), Broke> {
        self.wishes = self.wishes.saturating_sub(1);
        if let Some((want, _)) = self.script.course.wants.pop_front() {
            return match want {
                Want::Deploy(image) => self.deploy_image(image, false),
                Want::RollBack => self.roll_back(false),
                Want::Recycle => self.recycle(),
            };
        }
        let way_back = self.store.ledger.len() > 1;
        match way_back && self.chance.one_in(2) {
            true => self.roll_back(false),
            false if self.script.recycles && self.chance.one_in(3) => self.recycle(),
            false => self.deploy(false),
        }
    }

    pub fn deploy(&mut self, twice: bool) -> Result<(), Broke> {
        let images = self.script.images;
        let (image, _) = self.chance.pick(images);
        self.deploy_image(image, twice)
    }

    fn deploy_image(&mut self, image: &str, twice: bool) -> Result<(), Broke> {
        let strategy = self.script.strategy;
        let planned = self.with_facts(OperationKind::Deploy, |facts| quarterdeck::plan::deploy::plan(facts, image, Some(strategy)));
        self.confirmed("deploy", planned, twice)
    }

    fn recycle(&mut self) -> Result<(), Broke> {
        let planned = self.with_facts(OperationKind::Recycle, quarterdeck::plan::rolling::recycle);
        self.confirmed("recycle", planned, false)
    }

    pub fn roll_back(&mut self, twice: bool) -> Result<(), Broke> {
        let planned = self.with_facts(OperationKind::Rollback, |facts| quarterdeck::plan::rollback::plan(facts, None));
        planned.as_ref().map_or(Ok(()), |plan| self.rehearse(plan))?;
        self.confirmed("rollback", planned, twice)
    }

    fn confirmed(&mut self, what: &str, planned: Result<Plan, Refusal>, twice: bool) -> Result<(), Broke> {
        let planned = planned.map(|mut plan| {
            if let Some(Hook::Plans(falsify)) = self.planted.map(|bug| bug.hook) {
                falsify(&mut plan);
            }
            plan
        });
        match planned {
            Ok(plan) if twice => {
                self.confirm(plan.clone())?;
                self.second_confirm(plan)
            }
            Ok(plan) => self.confirm(plan),
            Err(refusal) => {
                self.reads_listing_right(&refusal.reason, None)?;
                let short: String = refusal.reason.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
                self.totals.one(&format!("refused {what}: {short}"));
                if self.store.active().is_none() {
                    self.wish_again();
                }
                Ok(())
            }
        }
    }

    /// S14: of two people who confirm the same, the second is told who was first.
    fn second_confirm(&mut self, plan: Plan) -> Result<(), Broke> {
        let first = self.store.records.last().ok_or("S14: nobody was first")?.operation.id.clone();
        match self.store.create(plan, self.clock) {
            Err(NotCreated::Held(by)) if by == first => Ok(()),
            Err(NotCreated::NoReserve) => Ok(()),
            other => Err(format!("S14: the second of two people is told {other:?}, {first} was first")),
        }
    }

    pub fn with_facts<T>(&mut self, kind: OperationKind, plan: impl Fn(&Facts<'_>) -> T) -> T {
        let refreshes = self.ground.is_one_group() || kind == OperationKind::Recycle;
        let depth = if refreshes { Depth::WithRefreshes(self.checker.stable) } else { Depth::Full };
        let mut seen = self.world.observe(&self.spec.scope(), depth);
        if self.is_spelled(Fault::Credentials) {
            seen = quarterdeck::domain::observation::FleetObservation::blind(&self.spec.scope(), self.clock, "credentials are not accepted");
        }
        let freezes = self.freezes();
        let mut images_missing = self.is_spelled(Fault::Unreadable).then(|| "a page is missing".to_owned());
        let live_schema = self.told_schema();
        let mut images = self.with_ranges(kind, self.world.images());
        if images_missing.is_some() {
            let kept = self.chance.between(0, images.len() as u64);
            images.truncate(kept as usize);
        }
        self.listing_cut = images_missing.is_some();
        if self.store.lapse == Some(Lapse::ListingTakenForWhole) {
            images_missing = None;
        }
        let operations = self.store.views();
        let template = |slot| {
            let pin = self.world.group(self.ground.slots().contains(&slot).then(|| self.ground.group(slot))?)?.template?;
            self.world.template(&pin.id, pin.number()?).ok()
        };
        let live = if seen.serves(Slot::A) == Some(false) && !self.ground.is_one_group() { Slot::B } else { Slot::A };
        let groups: Vec<_> = self.ground.slots().iter().map(|slot| self.ground.group(*slot).clone()).collect();
        let target_groups = self.ground.target_groups();
        let mut ledger = self.store.ledger.clone();
        if let Some(Hook::Ledger(falsify)) = self.planted.map(|bug| bug.hook) {
            falsify(&mut ledger);
        }
        let mut facts = Facts {
            setting: &self.setting,
            identity: &self.world.identity(),
            spec: &self.spec,
            seen: &seen,
            images: &images,
            images_missing,
            ledger: &ledger,
            operations: &operations,
            damage: &FleetDamage::default(),
            live_template: template(live),
            other_template: template(live.other()),
            release_template: ReleaseTemplate::NotRead,
            target_groups: self.world.target_group_facts(&target_groups).unwrap(),
            policies: self.world.group_policies(&groups).ok(),
            history: FleetHistory::default(),
            freezes: &freezes,
            live_schema,
            now: self.clock,
        };
        if let Some(release) = quarterdeck::plan::rollback::launched_anew(&facts, None) {
            let found = self.world.template(&release.template, release.template_version);
            facts.release_template = found.map_or(ReleaseTemplate::Gone, ReleaseTemplate::There);
        }
        plan(&facts)
    }

    fn confirm(&mut self, plan: Plan) -> Result<(), Broke> {
        self.not_frozen(&plan)?;
        self.reads_listing_right("", Some(&plan))?;
        let level = plan.level.map_or("", quarterdeck::operation::status::WayBackLevel::word);
        self.totals.one(&format!("confirmed: {} {level}", plan.kind.word()));
        let before = self.store.active();
        let kind = plan.kind;
        let at = match self.store.create(plan, self.clock) {
            Ok(at) => at,
            Err(error) => {
                self.totals.one(&format!("not created: {}", if matches!(error, NotCreated::NoReserve) { "no reserve" } else { "held" }));
                if self.store.active().is_none() {
                    self.wish_again();
                }
                return Ok(());
            }
        };
        if let Some(before) = before {
            self.totals.one(&format!("superseded: {}", self.store.records[before].operation.word()));
            self.wake_nappers(before);
        }
        self.store.records[at].disturbed = self.born_into_trouble();
        self.lay_trap(at);
        self.checker.begins(&self.world, &self.store.records[at])?;
        self.witness.begins(&self.world, &self.store.records[at].operation.plan, &self.store.ledger)?;
        self.store.check()?;
        self.plan_act(Act::Recover(at), 0, 2);
        self.draw_strikes(kind);
        Ok(())
    }

    fn draw_strikes(&mut self, kind: OperationKind) {
        if self.script.swarm.kinds.is_empty() {
            return;
        }
        let kinds = self.script.swarm.kinds.clone();
        let span = if kind == OperationKind::Deploy { self.chance.pick(&[300, 1_500, 4_000]) } else { 400 };
        for _ in 0..self.script.swarm.strikes {
            let fault = self.chance.pick(&kinds);
            self.plan_act(Act::Strike(fault), 0, span);
        }
    }

    /// Somebody who has just looked promotes.
    fn consent(&mut self) {
        let Some(at) = self.store.active() else { return };
        let (typed, sent_at) = (Some(Untrusted::new(self.spec.name.as_str())), self.boot());
        let record = &self.store.records[at];
        let (step, last_event) = (record.progress.current, record.events.last().map_or(0, |event| event.seq));
        let (kind, reason, by) = (CommandKind::Promote, Some("it looks good".into()), Who::default());
        self.store.send_command(at, Command { id: 0, kind, step, last_event, by, reason, typed, sent_at, boot_id: "boot".to_owned() });
        self.totals.one("somebody promotes what waits for it");
        self.wake_nappers(at);
    }

    /// A person at a screen; `old`: one that shows what was ten minutes ago.
    pub fn command(&mut self, kind: CommandKind, old: bool) {
        let Some(at) = self.store.active() else { return };
        let age = if old { Millis::mins(10) } else { Millis::ZERO };
        let sent_at = BootTime(self.boot().0.saturating_sub(age.0));
        let typed = self.chance.one_in(2).then(|| Untrusted::new(self.spec.name.as_str()));
        let reason = (!self.chance.one_in(4)).then(|| Untrusted::new("because"));
        let other_step = old || self.chance.one_in(5);
        let record = &mut self.store.records[at];
        let step = if other_step { record.progress.current.saturating_sub(1) } else { record.progress.current };
        let last_event = record.events.last().map_or(0, |event| event.seq);
        record.disturbed = true;
        let command = Command { id: 0, kind, step, last_event, by: Who::default(), reason, typed, sent_at, boot_id: "boot".to_owned() };
        self.store.send_command(at, command);
        self.totals.one(&format!("command: {}", kind.word()));
        self.wake_nappers(at);
        // With no driver alive, these start one.
        if matches!(kind, CommandKind::BackOut | CommandKind::Resume) && !self.is_driven(at) {
            self.plan_act(Act::Recover(at), 0, 1);
        }
        if kind == CommandKind::Pause {
            self.plan_act(Act::Command(CommandKind::Resume), 60, 2_400);
        }
    }
}

//! People and accidents: what they want, when, and what it does to the world or the store.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::operation::command::{Command, CommandKind, Who};
use quarterdeck::operation::damage::FleetDamage;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::history::FleetHistory;
use quarterdeck::operation::plan::{OperationKind, Plan, Refusal};
use quarterdeck::plan::Facts;
use quarterdeck::world::Disturbance;

use crate::sim::{Broke, Sim};
use crate::store::Record;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Somebody wants a new release, or back.
    Wish,
    /// Somebody rolls back whatever is going on.
    RollBack,
    /// Somebody asks something of the operation that is at work.
    Command(CommandKind),
    /// A server is gone.
    Kill(Slot),
    /// A policy or a person changes what the stable group wants.
    Scale(u32),
    /// The health of a slot's targets cannot be read for so many seconds.
    Hide(Slot, u64),
    /// Somebody puts this percentage on slot A in a console.
    Weights(u32),
    /// A call whose driver died arrives, within the call timeout.
    Late(CloudCall),
}

impl Sim {
    fn soon(&mut self, low_secs: u64, high_secs: u64) -> WorldTime {
        let secs = self.chance.between(low_secs, high_secs);
        self.now().plus(Millis::secs(secs))
    }

    fn plan_act(&mut self, act: Act, low_secs: u64, high_secs: u64) {
        let at = self.soon(low_secs, high_secs);
        self.quiet_at = self.quiet_at.max(at);
        self.agenda.push((at, act));
    }

    /// After an operation ended: sometimes within the window, sometimes after it.
    pub fn wish_again(&mut self) {
        if self.wishes > 0 {
            let window = self.spec.window.as_secs();
            if self.chance.one_in(2) {
                self.plan_act(Act::Wish, 1, window);
            } else {
                self.plan_act(Act::Wish, window + 600, window + 3_000);
            }
        }
    }

    pub fn due_acts(&mut self) -> Result<(), Broke> {
        while let Some(next) = (0..self.agenda.len()).filter(|at| self.agenda[*at].0 <= self.now()).min_by_key(|at| self.agenda[*at].0) {
            let (_, act) = self.agenda.remove(next);
            self.act(act)?;
        }
        Ok(())
    }

    fn act(&mut self, act: Act) -> Result<(), Broke> {
        match act {
            Act::Wish => self.wish(),
            Act::RollBack => self.roll_back(),
            Act::Command(kind) => self.command(kind),
            Act::Kill(slot) => self.kill(slot),
            Act::Scale(desired) => self.scale(desired),
            Act::Hide(slot, secs) => {
                let target_group = self.pair.target_groups.get(slot).clone();
                self.disturb("accident: health hidden", Disturbance::UnreadableHealth { target_group, span: Millis::secs(secs) });
                Ok(())
            }
            Act::Weights(pct) => self.foreign_weights(pct),
            Act::Late(call) => self.arrives_late(&call),
        }
    }

    fn disturb(&mut self, what: &str, disturbance: Disturbance) {
        if self.world.disturb(disturbance) {
            self.totals.one(what);
            self.disturbed();
        }
    }

    pub fn disturbed(&mut self) {
        if let Some(at) = self.store.active() {
            self.store.records[at].disturbed = true;
        }
    }

    fn wish(&mut self) -> Result<(), Broke> {
        self.wishes = self.wishes.saturating_sub(1);
        let way_back = self.store.ledger.len() > 1;
        if way_back && self.chance.one_in(2) { self.roll_back() } else { self.deploy() }
    }

    fn deploy(&mut self) -> Result<(), Broke> {
        let images = self.script.images;
        let (image, _) = self.chance.pick(images);
        let strategy = self.script.strategy;
        match self.with_facts(|facts| quarterdeck::plan::deploy::plan(facts, image, Some(strategy))) {
            Ok(plan) => self.confirm(plan),
            Err(refusal) => self.refused("deploy", &refusal),
        }
    }

    fn roll_back(&mut self) -> Result<(), Broke> {
        match self.with_facts(|facts| quarterdeck::plan::rollback::plan(facts, None)) {
            Ok(plan) => self.confirm(plan),
            Err(refusal) => self.refused("rollback", &refusal),
        }
    }

    fn refused(&mut self, what: &str, refusal: &Refusal) -> Result<(), Broke> {
        let short: String = refusal.reason.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
        self.totals.one(&format!("refused {what}: {short}"));
        if self.store.active().is_none() {
            self.wish_again();
        }
        Ok(())
    }

    fn with_facts<T>(&self, plan: impl FnOnce(&Facts<'_>) -> T) -> T {
        let (seen, images) = (self.world.observe(&self.spec.scope(), quarterdeck::domain::observation::Depth::Full), self.world.images());
        let operations = self.store.views();
        let template = |slot| {
            let pin = self.world.group(self.pair.groups.get(slot))?.template?;
            self.world.template(&pin.id, pin.number()?).ok()
        };
        let live = if seen.weight(Slot::A) == Some(0) { Slot::B } else { Slot::A };
        let groups = Slot::BOTH.map(|slot| self.pair.groups.get(slot).clone());
        let target_groups = Slot::BOTH.map(|slot| self.pair.target_groups.get(slot).clone());
        plan(&Facts {
            setting: &self.setting,
            identity: &self.world.identity(),
            spec: &self.spec,
            seen: &seen,
            images: &images,
            images_missing: None,
            ledger: &self.store.ledger,
            operations: &operations,
            damage: &FleetDamage::default(),
            live_template: template(live),
            other_template: template(live.other()),
            release_template: quarterdeck::plan::ReleaseTemplate::NotRead,
            target_groups: self.world.target_group_facts(&target_groups).unwrap(),
            policies: self.world.group_policies(&groups).ok(),
            history: FleetHistory::default(),
            freezes: &[],
            now: self.now(),
        })
    }

    /// One transaction: the old operation is superseded, its driver's epoch is over, the new one is there.
    fn confirm(&mut self, plan: Plan) -> Result<(), Broke> {
        let now = self.now();
        let level = plan.level.map_or("", quarterdeck::operation::status::WayBackLevel::word);
        self.totals.one(&format!("confirmed: {} {level}", plan.kind.word()));
        if let Some(id) = &plan.supersedes {
            let at = self.store.records.iter().position(|record| record.operation.id == *id).ok_or("a plan supersedes what is not there")?;
            let state = self.store.records[at].progress.state.word();
            let step = self.store.records[at].progress.current;
            self.totals.one(&format!("superseded: {} in {state}", self.store.records[at].operation.word()));
            self.totals.one(&format!("superseded: {} at step {step}", self.store.records[at].operation.word()));
            let operation = format!("op-{}", self.store.records.len() + 1);
            self.store.append(at, EventBody::SupersededBy { operation: operation.as_str().into() }, now)?;
        }
        let kind = plan.kind;
        let boot = self.boot();
        let at = self.store.create(plan, now, Some(boot));
        self.checker.begins(&self.world, &self.store.records[at])?;
        self.store.check()?;
        self.dead_until = now;
        self.quiet_at = self.quiet_at.max(now.plus(Millis::mins(45)));
        self.draw_acts(kind);
        Ok(())
    }

    fn draw_acts(&mut self, kind: OperationKind) {
        let faults = self.script.faults;
        if kind == OperationKind::Deploy && self.chance.one_in(faults.superseded) {
            let span = self.chance.pick(&[60, 600, 3_000]);
            self.plan_act(Act::RollBack, 1, span);
        }
        if self.chance.one_in(faults.commands) {
            for _ in 0..self.chance.between(1, 4) {
                let kind =
                    self.chance.pick(&[CommandKind::Pause, CommandKind::Resume, CommandKind::Promote, CommandKind::Promote, CommandKind::BackOut]);
                let span = self.chance.pick(&[60, 600, 3_000]);
                self.plan_act(Act::Command(kind), 0, span);
            }
        }
        if self.chance.one_in(faults.accidents) {
            for _ in 0..self.chance.between(1, 5) {
                let slot = self.chance.pick(&Slot::BOTH);
                let desired = u32::try_from(self.chance.between(10, 24)).unwrap();
                let secs = self.chance.pick(&[5, 40, 300, 900]);
                let act = match self.chance.between(0, 3) {
                    0 => Act::Scale(desired),
                    1 => Act::Hide(slot, secs),
                    _ => Act::Kill(slot),
                };
                self.plan_act(act, 1, 4_000);
            }
        }
        if kind == OperationKind::Deploy && self.chance.one_in(faults.foreign) {
            let pct = self.chance.pick(&[100, 90, 60, 50]);
            self.plan_act(Act::Weights(pct), 60, 2_400);
        }
    }

    /// The console of somebody who does not know that a deploy is going on. Not while it goes back already, and only onto groups that serve.
    fn foreign_weights(&mut self, pct: u32) -> Result<(), Broke> {
        let busy = self.store.active().map(|at| &self.store.records[at]);
        let forward = |record: &Record| record.kind() == OperationKind::Deploy && record.progress.state != OperationState::BackingOut;
        let healthy = |slot| self.world.healthy_targets(self.pair.target_groups.get(slot)) > 0;
        if !busy.is_some_and(forward) || !Slot::BOTH.into_iter().all(healthy) {
            return Ok(());
        }
        let weights = vec![(self.pair.target_groups.a.clone(), pct), (self.pair.target_groups.b.clone(), 100 - pct)];
        self.disturb("foreign weights", Disturbance::SetWeights { place: self.pair.place.arn().clone(), weights });
        self.checker.foreign = true;
        Ok(())
    }

    fn kill(&mut self, slot: Slot) -> Result<(), Broke> {
        let group = self.world.group(self.pair.groups.get(slot)).unwrap();
        if group.instances.is_empty() {
            return Ok(());
        }
        let nth = usize::try_from(self.chance.next()).unwrap() % group.instances.len();
        self.disturb("accident: server killed", Disturbance::KillInstance { group: group.name, instance: group.instances[nth].id.clone() });
        Ok(())
    }

    /// A policy lets the stable group grow, or shrink as far as its pin allows. Where nothing is pinned yet the twin world would shrink too.
    fn scale(&mut self, desired: u32) -> Result<(), Broke> {
        let stable = self.checker.stable;
        let group = self.pair.groups.get(stable).clone();
        let other = self.world.actions(self.pair.place.arn()).and_then(|actions| actions.weight(self.pair.target_groups.get(stable.other())));
        self.disturb("accident: stable group scaled", Disturbance::SetDesired { group, desired });
        if other == Some(0) {
            let now = self.now();
            self.checker.excuse(stable, now);
        }
        Ok(())
    }

    pub fn command(&mut self, kind: CommandKind) -> Result<(), Broke> {
        let Some(at) = self.store.active() else { return Ok(()) };
        let (sent_at, boot_id) = (self.boot(), "boot".to_owned());
        let typed = self.chance.one_in(2).then(|| Untrusted::new(self.spec.name.as_str()));
        let reason = (!self.chance.one_in(4)).then(|| Untrusted::new("because"));
        let record = &mut self.store.records[at];
        let step = if self.chance.one_in(5) { record.progress.current.saturating_sub(1) } else { record.progress.current };
        let last_event = record.events.last().map_or(0, |event| event.seq);
        let id = u64::try_from(record.commands.len()).unwrap();
        record.commands.push(Command { id, kind, step, last_event, by: Who::default(), reason, typed, sent_at, boot_id });
        record.disturbed = true;
        self.totals.one(&format!("command: {}", kind.word()));
        // With no driver alive, these start one.
        if matches!(kind, CommandKind::BackOut | CommandKind::Resume) && record.driver.is_none() {
            self.dead_until = self.now();
        }
        if kind == CommandKind::Pause {
            self.plan_act(Act::Command(CommandKind::Resume), 60, 2_400);
        }
        Ok(())
    }
}

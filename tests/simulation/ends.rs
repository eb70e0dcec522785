//! What an operation promises about how it ends.

use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::event::{EventBody, OperationState, VerdictWord};
use quarterdeck::operation::plan::OperationKind;
use quarterdeck::operation::status::WayBackLevel;

use crate::checks::refreshed_twice;
use crate::script::{API, Kind, WEB};
use crate::sim::{Broke, Sim};
use crate::store::Record;

/// How the totals call a good image that was backed out by chance.
pub const FALSE_ALARM: &str = "false alarms of the judge";
/// And one that was backed out because what it was judged by did not tell the truth.
pub const MISLED: &str = "good images backed out by a source that misleads";

impl Sim {
    pub fn promise_kept(&mut self, at: usize) -> Result<(), Broke> {
        let record = &self.store.records[at];
        // A source that does not tell the truth may keep a good image from going on: that is a promise too, and no fault of the judge.
        let misled = self.script.course.series.is_some_and(|source| source != crate::series::Source::True);
        if misled && record.kind() == OperationKind::Deploy && record.progress.state == OperationState::BackedOut {
            if self.kind_of(record) == Kind::Good {
                self.totals.one(MISLED);
            }
            return Ok(());
        }
        if self.is_false_alarm(record) {
            self.totals.one(FALSE_ALARM);
            return Ok(());
        }
        match record.kind() {
            OperationKind::Deploy => self.standby_kept(at).and_then(|()| self.deploy_kept(record)),
            // Somebody migrated the database under it: nobody may let its target in any more, and what it went away from is what there is.
            OperationKind::Rollback if record.progress.state == OperationState::Failed && self.is_shut_out(&record.operation.plan.to.image) => {
                let (from, to) = (record.operation.plan.from.slot, record.operation.plan.to.slot);
                if self.ground.share(&self.world, to) == 0.0 {
                    self.checker.goes_on_with(from);
                }
                Ok(())
            }
            OperationKind::Rollback if self.gave_up_early(record) || self.gave_up_on_another_hand(record) => Ok(()),
            OperationKind::Rollback => self.rollback_kept(record),
            OperationKind::Recycle => self.recycle_kept(record),
            OperationKind::Retire if matches!(record.progress.state, OperationState::Succeeded | OperationState::Superseded) => Ok(()),
            OperationKind::Retire => Err(format!("a retire ended {}", record.progress.state.word())),
        }
    }

    /// It held until a deadline that has not come yet, by a clock that was set forward.
    pub fn gave_up_early(&self, record: &Record) -> bool {
        let held = record.progress.state == OperationState::Failed && record.progress.reason.starts_with("held until its deadline");
        let deadline = record.events.iter().rev().find_map(|event| match &event.body {
            EventBody::StateChanged { to: OperationState::Holding, deadline, .. } => *deadline,
            _ => None,
        });
        held && deadline.is_some_and(|deadline| deadline > self.clock)
    }

    /// What its target launches another hand changed, and nobody has put that right; or one did so again and again.
    fn gave_up_on_another_hand(&self, record: &Record) -> bool {
        let words = ["held until its deadline", "did not get anywhere"];
        let gave_up = record.progress.state == OperationState::Failed && words.iter().any(|words| record.progress.reason.contains(words));
        gave_up && self.checker.launches_foreign()
    }

    /// S5: undisturbed, a way back by one weight change takes a look and a call, and any other one no longer than launches may take.
    fn there_in_time(&self, record: &Record) -> Result<(), Broke> {
        let timing = &record.operation.plan.timing;
        // Where the target served already nothing is written, and what was read is believed once it had time to settle.
        let settles = if record.progress.written_at.is_none() { timing.settle.plus(timing.period_moving) } else { Millis::ZERO };
        let bound = settles.plus(match record.operation.plan.level {
            _ if record.operation.plan.refresh.is_some() => refreshed_twice(&record.operation.plan),
            Some(WayBackLevel::R0) => timing.period_moving.times(2),
            _ => timing.launch_limit,
        });
        let began = record.operation.created_at;
        let took = record.progress.traffic_on_target_at.map(|at| at.since(began));
        if record.disturbed || took.is_some_and(|took| took <= bound) {
            return Ok(());
        }
        Err(format!("S5: {} was on its target after {took:?}, the bound is {bound}", record.operation.id))
    }

    /// A deploy that ended before it touched the standby leaves it its window.
    fn standby_kept(&self, at: usize) -> Result<(), Broke> {
        let record = &self.store.records[at];
        let untouched = record.progress.steps.iter().skip(1).all(|step| step.started_at.is_none());
        if record.progress.state != OperationState::BackedOut || record.operation.plan.supersedes.is_none() || !untouched {
            return Ok(());
        }
        let again = self.store.records.get(at + 1).is_some_and(|next| next.kind() == OperationKind::Retire);
        if again { Ok(()) } else { Err("a deploy that touched nothing took the standby's window with it".to_owned()) }
    }

    fn kind_of(&self, record: &Record) -> Kind {
        let version = record.operation.plan.to.version.as_ref().map(quarterdeck::domain::text::Untrusted::raw);
        self.script.images.iter().chain(&WEB).chain(&API).find(|(image, _)| Some(*image) == version).unwrap().1
    }

    fn deploy_kept(&self, record: &Record) -> Result<(), Broke> {
        let (progress, kind) = (&record.progress, self.kind_of(record));
        let state = progress.state;
        let ended = format!("a deploy of a {kind:?} image ended {}: {}", state.word(), progress.reason);
        if state == OperationState::Superseded {
            return Ok(());
        }
        let timed = !self.script.judged;
        let right = match kind {
            _ if self.found_a_claim(record) => true,
            _ if self.script.guards.stop() && record.operation.plan.refresh.is_none() => self.went_back(state),
            Kind::Good | Kind::Errors if record.disturbed && self.waits_for_yes(record) => {
                self.went_back(state) || state == OperationState::Succeeded
            }
            Kind::Good | Kind::Errors if self.waits_for_yes(record) && !record.promoted => self.went_back(state),
            Kind::Good if record.disturbed => self.went_back(state) || state == OperationState::Succeeded,
            // A timed canary waits for somebody to promote it; nobody does.
            Kind::Good if timed && !record.promoted && self.waits_for_promote(record) => state == OperationState::BackedOut,
            Kind::Good => state == OperationState::Succeeded || self.lost_its_only_server(record),
            Kind::NeverHealthy => self.went_back(state) && (self.ground.pair().is_none() || self.never_had_weight(record)),
            Kind::Errors if timed || record.promoted => matches!(state, OperationState::Succeeded | OperationState::BackedOut),
            Kind::Errors if record.disturbed => state == OperationState::BackedOut,
            Kind::Errors => state == OperationState::BackedOut && progress.reason.contains("stable serves") && self.was_judged(record),
        };
        if right { Ok(()) } else { Err(ended) }
    }

    /// An unfinished deploy went back: by itself, or the cloud's own engine did.
    fn went_back(&self, state: OperationState) -> bool {
        state == OperationState::BackedOut || state == OperationState::RolledBack && self.ground.is_one_group()
    }

    /// After a recycle every server is younger than the operation.
    fn recycle_kept(&self, record: &Record) -> Result<(), Broke> {
        let state = record.progress.state;
        let ended = format!("a recycle ended {}: {}", state.word(), record.progress.reason);
        match state {
            OperationState::Superseded => Ok(()),
            OperationState::Succeeded => {
                let began = record.operation.created_at;
                let servers = self.world.group(&record.operation.plan.to.group).into_iter().flat_map(|group| group.instances);
                let old = servers.filter(|server| server.serves() && server.launched_at.is_some_and(|at| at < began)).count();
                if old == 0 { Ok(()) } else { Err(format!("{old} servers are older than the recycle that succeeded")) }
            }
            OperationState::BackedOut if record.disturbed || self.found_a_claim(record) => Ok(()),
            // What serves errors turns alarms red, on which the cloud's engine stops.
            OperationState::BackedOut if !self.is_sound(&record.operation.plan.to.image) => Ok(()),
            OperationState::Failed if self.found_a_claim(record) => Ok(()),
            _ => Err(ended),
        }
    }

    /// The judge fails a good image now and then: its level is one rollout in a hundred, which the totals are held to.
    fn is_false_alarm(&self, record: &Record) -> bool {
        record.kind() == OperationKind::Deploy && self.kind_of(record) == Kind::Good && self.was_judged(record)
    }

    /// Another store claimed the fleet between the plan and the first look.
    fn found_a_claim(&self, record: &Record) -> bool {
        record.progress.state == OperationState::Failed && record.progress.reason.starts_with("the fleet is claimed")
    }

    /// After some hours the world breaks servers by itself, and a small canary may have just one.
    fn lost_its_only_server(&self, record: &Record) -> bool {
        record.events.iter().any(|event| matches!(&event.body, EventBody::StepEnded { note, .. } if note.contains("is healthy any more")))
    }

    /// Somebody has to say yes before the switch.
    fn waits_for_yes(&self, record: &Record) -> bool {
        record.operation.plan.steps.iter().any(|step| step.kind == quarterdeck::operation::plan::StepKind::Approve)
    }

    fn waits_for_promote(&self, record: &Record) -> bool {
        let weights = |kind| matches!(kind, quarterdeck::operation::plan::StepKind::Weight(_));
        record.operation.plan.steps.iter().filter(|step| weights(step.kind)).count() > 1
    }

    fn was_judged(&self, record: &Record) -> bool {
        record.events.iter().any(|event| matches!(&event.body, EventBody::Judged { verdict, .. } if verdict.word == VerdictWord::Fail))
    }

    /// Not on the way forward. Going back it may keep, for a while, some of what another hand gave it: that it never gets more is checked there
    /// and then, at every call.
    fn never_had_weight(&self, record: &Record) -> bool {
        use quarterdeck::domain::call::CloudCall;
        let arn = record.operation.plan.to.target_group.as_ref().unwrap();
        let forward = |body: &EventBody| !matches!(body, EventBody::StateChanged { to: OperationState::BackingOut, .. });
        !record.events.iter().take_while(|event| forward(&event.body)).any(|event| match &event.body {
            EventBody::CallIntended { call: CloudCall::SetWeights { actions, .. }, .. } => actions.weight(arn) != Some(0),
            _ => false,
        })
    }

    /// By the weights, or because no server of the other side works.
    fn has_everything(&self, slot: Slot) -> bool {
        match self.ground.pair() {
            _ if self.ground.is_one_group() => true,
            Some(_) => self.ground.share(&self.world, slot) == 1.0,
            None => self.ground.working(&self.world, slot.other()) == 0,
        }
    }

    fn rollback_kept(&self, record: &Record) -> Result<(), Broke> {
        if record.progress.state == OperationState::Superseded {
            return Ok(());
        }
        self.there_in_time(record)?;
        let to = record.operation.plan.to.slot;
        let serves = self.ground.working(&self.world, to) > 0;
        // Whatever struck may have struck just now.
        let there = self.has_everything(to) && (serves || record.disturbed) || self.checker.is_foreign();
        if record.progress.state == OperationState::Succeeded && there {
            Ok(())
        } else {
            Err(format!("a rollback ended {}: {}", record.progress.state.word(), record.progress.reason))
        }
    }
}

//! The way back from any moment: planned by the real plan, driven by the real engine, and held to its bound.

use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::claim::claim_on;
use quarterdeck::operation::command::Who;
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::lease::CALL_TIMEOUT;
use quarterdeck::operation::ledger::last_known_good;
use quarterdeck::operation::plan::{OperationKind, Plan, Refusal};

use crate::stage::{Fate, Stage};

/// Longest boot and warm-up of a server of the simulated world.
const LAUNCH: Millis = Millis::secs(100);
/// How long a target of the simulated world drains.
const DRAIN: Millis = Millis::secs(120);

/// How a wish to go back ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A new rollback brought it back: until the traffic was there, and until it was at rest.
    Back { traffic: Millis, rest: Millis },
    /// One was running already, and came to its end.
    Joined { rest: Millis },
    /// There is nothing to go back from.
    Stable,
}

/// Waits + 3 × launch + drain + 20 periods. The settling time is waited again where a late call undid the weights.
pub fn bound(plan: &Plan) -> Millis {
    let timing = &plan.timing;
    let waits = timing.settle.times(2).plus(timing.lower_gap).plus(timing.unknown_health).plus(CALL_TIMEOUT.times(2));
    waits.plus(LAUNCH.times(3)).plus(DRAIN).plus(timing.period_moving.times(20))
}

/// Somebody asks for the way back now, and again a minute later where it only is about to begin.
pub fn go_back(stage: &Stage) -> Result<Ended, String> {
    let mut stage = stage.clone();
    let joined = |refusal: &Refusal| refusal.reason.contains("already");
    let mut asked = stage.rollback(None);
    if let Some(at) = stage.book.active().filter(|at| stage.book.records[*at].driver.is_none())
        && asked.as_ref().is_err_and(joined)
    {
        stage.advance(Millis::mins(1));
        asked = stage.rollback(None);
        if asked.as_ref().is_err_and(joined) {
            return Err(format!("{} is joined and nobody drives it", stage.book.records[at].operation.id));
        }
    }
    match asked {
        Ok(plan) => {
            let (began, bound) = (stage.now(), bound(&plan));
            let at = stage.confirm(plan, &Who::default())?;
            let rest = run(&mut stage, at, bound)?;
            let traffic = stage.book.records[at].progress.traffic_on_target_at.ok_or("a rollback ended and never had the traffic")?;
            Ok(Ended::Back { traffic: traffic.since(began), rest })
        }
        Err(refusal) => match stage.book.active() {
            Some(at) if joined(&refusal) => {
                let bound = bound(stage.book.records[at].plan());
                Ok(Ended::Joined { rest: run(&mut stage, at, bound)? })
            }
            Some(at) if stage.book.records[at].kind() != OperationKind::Retire => Err(format!("no way back: {refusal}")),
            _ => nothing_to_leave(&stage).map(|()| Ended::Stable).map_err(|why| format!("{refusal}: {why}")),
        },
    }
}

/// Drives an operation to its end.
fn run(stage: &mut Stage, at: usize, bound: Millis) -> Result<Millis, String> {
    let began = stage.now();
    while !stage.book.records[at].is_final() {
        stage.turn(at, Fate::Well)?;
        let spent = stage.now().since(began);
        if spent > bound {
            let progress = &stage.book.records[at].progress;
            return Err(format!("after {spent} it is {} at step {}, the bound is {bound}", progress.state.word(), progress.current));
        }
    }
    came_back(stage, at)?;
    Ok(stage.now().since(began))
}

/// All traffic on a group that carries it, everything borrowed given back.
fn came_back(stage: &Stage, at: usize) -> Result<(), String> {
    let record = &stage.book.records[at];
    let (plan, progress) = (record.plan(), &record.progress);
    let (ends, to, from) = match record.kind() {
        OperationKind::Deploy => (OperationState::BackedOut, &plan.from, &plan.to),
        _ => (OperationState::Succeeded, &plan.to, &plan.from),
    };
    if progress.state != ends {
        return Err(format!("it ended {}: {}", progress.state.word(), progress.reason));
    }
    let (healthy, share) = (stage.healthy(to.slot), stage.share_pct(to.slot));
    if share < 100.0 || healthy < progress.need {
        return Err(format!("the target has {share}% with {healthy} of {} healthy", progress.need));
    }
    if let Some(retire) = stage.book.active().map(|at| &stage.book.records[at]) {
        // A deploy that touched nothing leaves the standby its window.
        return if retire.kind() == OperationKind::Retire { Ok(()) } else { Err("S13: something is still going on".to_owned()) };
    }
    let sizes = |slot: Slot| stage.world.sizes(stage.ground.pair.groups.get(slot)).unwrap();
    let (live, idle) = (sizes(to.slot), sizes(from.slot));
    if idle != Sizes::all(plan.idle_size) || (live.min, live.max) != (plan.live_sizes.min, plan.live_sizes.max) {
        return Err(format!("S12: the groups rest at {live:?} and {idle:?}"));
    }
    unclaimed(stage)
}

/// No claim of ours is left, unless the cloud refused to take it off.
pub fn unclaimed(stage: &Stage) -> Result<(), String> {
    let groups = Slot::BOTH.into_iter().filter_map(|slot| stage.world.group(stage.ground.pair.groups.get(slot)));
    match groups.into_iter().find_map(|group| claim_on(&group)).filter(|_| !stage.claim_may_remain) {
        Some(claim) => Err(format!("S12: still claimed: {}", claim.described())),
        None => Ok(()),
    }
}

/// Nothing is going on, one group has everything, and it is not marked bad.
pub fn nothing_to_leave(stage: &Stage) -> Result<(), String> {
    let serving = Slot::BOTH.into_iter().find(|slot| stage.share_pct(*slot) >= 100.0).ok_or("the traffic is split")?;
    let group = stage.world.group(stage.ground.pair.groups.get(serving)).unwrap();
    let pin = group.template.ok_or("it launches nothing")?;
    let good = last_known_good(&stage.book.ledger, |_| false).ok_or("nothing is known to be good")?;
    if good.release.template != pin.id || Some(good.release.template_version) != pin.number() {
        return Err(format!("{} is good and does not serve", good.release.label()));
    }
    if stage.healthy(serving) == 0 { Err("nobody serves".to_owned()) } else { Ok(()) }
}

//! Rolling and recycle: AWS's own engine replaces the servers of one group; we ask, watch, and turn it round.
//!
//! There is no pause: AWS's engine has none. Whatever happens to us, it goes on.

use super::alarms::gated;
use super::credentials;
use super::deploy::{blind, claim, make_version};
use super::refresh::Standing;
use super::situation::{Situation, threshold};
use super::{Move, Step, schema};
use crate::domain::call::CloudCall;
use crate::domain::refresh::{InstanceRefresh, RefreshStatus};
use crate::operation::claim::{STABLE_KEY, stable_value};
use crate::operation::event::EventBody;
use crate::operation::plan::{OperationKind, StepKind};
use crate::operation::refreshing::aws_drives;

/// Complete and healthy observations in a row before it is stable.
const HEALTHY_OBSERVATIONS: u32 = 3;

/// Forward: a deploy of a fleet of one group, or a recycle.
pub(super) fn next(situation: &Situation<'_>, step: StepKind) -> Step {
    let held = situation.progress.promoted;
    if let Some(why) = meddled(situation, step).filter(|_| !held) {
        return Move::hold(why).into();
    }
    let forward = taken(situation, step);
    // While a refresh runs, its alarms are AWS's to watch, and it goes on without our credentials.
    if aws_drives(situation.plan, situation.progress) { forward } else { credentials::tempered(situation, gated(situation, forward)) }
}

fn taken(situation: &Situation<'_>, step: StepKind) -> Step {
    match step {
        StepKind::Claim if situation.seen.is_complete() => claim(situation),
        StepKind::Version if situation.seen.is_complete() => version(situation).into(),
        StepKind::Migrate if situation.seen.is_complete() => schema::migrate(situation),
        StepKind::Claim | StepKind::Version | StepKind::Migrate => blind(situation),
        StepKind::Refresh => refresh(situation),
        StepKind::Bake => bake(situation),
        StepKind::Stable => stable(situation),
        _ => Move::Fail { why: "a rolling deploy has no such step".to_owned() }.into(),
    }
}

/// Back to the last known good release, by AWS's rollback or by another refresh.
pub(super) fn back(situation: &Situation<'_>, step: StepKind) -> Step {
    match step {
        StepKind::Version => version(situation).into(),
        StepKind::Refresh => match situation.to_version() {
            Some(good) => claimed(situation, situation.restore(good).unwrap_or_else(|| restored(situation))),
            None => Move::Fail { why: "there is no template version to go back to".to_owned() }.into(),
        },
        StepKind::Settle => settle(situation),
        StepKind::GiveBack => unclaimed(situation, "nothing borrowed is left").into(),
        _ => Move::Fail { why: "a rollback has no such step".to_owned() }.into(),
    }
}

/// AWS is asked first, people with another store are told after that.
fn claimed(situation: &Situation<'_>, step: Step) -> Step {
    let asked = situation.progress.calls.intended > 0 && situation.progress.claimed_at.is_none() && situation.may_claim();
    match step.then {
        Move::Wait { .. } if asked => Step { then: Move::Call(situation.claim_call("people with another store are told")), ..step },
        _ => step,
    }
}

/// An unfinished rolling deploy goes back to what ran before; an unfinished recycle stops, for both ends are the same image.
pub(super) fn back_out(situation: &Situation<'_>) -> Step {
    let Some(good) = situation.from().template_version else {
        return Move::Fail { why: "there is no numbered template version to go back to".to_owned() }.into();
    };
    if let Some(wait) = schema::still_runs(situation) {
        return wait.into();
    }
    if situation.plan.kind == OperationKind::Recycle {
        let stopped = situation.stop_refresh(good);
        return stopped.unwrap_or_else(|| unclaimed(situation, "AWS stopped; fresh servers stay").into());
    }
    if let Some(step) = situation.restore(good) {
        return step;
    }
    if let Some(wait) = short(situation) {
        return wait.into();
    }
    unclaimed(situation, "every server runs what it ran before").into()
}

/// Somebody else changed what the group launches: AWS could not go back to what ran before.
fn meddled(situation: &Situation<'_>, step: StepKind) -> Option<String> {
    let group = situation.group(situation.to().slot)?;
    let pin = group.template.as_ref();
    let is = |version: Option<u64>| version.is_some() && pin.is_some_and(|pin| pin.id == situation.to().template && pin.number() == version);
    let replaced = matches!(step, StepKind::Bake | StepKind::Stable) || refreshed(situation);
    let expected = is(situation.from().template_version) || replaced && is(situation.to_version());
    (!expected).then(|| format!("another hand changed what {} launches", group.name))
}

/// AWS says that everything is replaced: it changes what the group launches in the same moment.
fn refreshed(situation: &Situation<'_>) -> bool {
    let over = |refresh: &InstanceRefresh| matches!(refresh.status, RefreshStatus::Baking | RefreshStatus::Successful);
    let (Some(version), Some(refreshes)) = (situation.to_version(), situation.seen.refreshes()) else { return false };
    matches!(situation.standing(refreshes, version), Standing::Ours(refresh) if over(refresh) || refresh.percent == Some(100))
}

/// The version is made or adopted; the group is not told.
fn version(situation: &Situation<'_>) -> Move {
    if let Some(version) = situation.to_version() {
        return Move::done(format!("version {version} launches {}", situation.to().label()));
    }
    make_version(situation)
}

fn refresh(situation: &Situation<'_>) -> Step {
    let period = situation.plan.timing.period_moving;
    let (Some(version), Some(preferences)) = (situation.to_version(), situation.plan.refresh.clone()) else {
        return Move::Fail { why: "the plan names no template version to replace servers by".to_owned() }.into();
    };
    let Some(refreshes) = situation.seen.refreshes() else {
        return Move::wait("the instance refreshes cannot be read; AWS's engine goes on", period).into();
    };
    match situation.standing(refreshes, version) {
        // Whether another hand changed what the group launches nobody could see: AWS could not go back to it.
        Standing::None if situation.group(situation.to().slot).is_none() => {
            Move::wait(format!("{} cannot be read", situation.to().group), period).into()
        }
        Standing::None => {
            let why = format!("AWS's engine replaces every server of {} by {}", situation.to().group, situation.to().label());
            situation.start_refresh(version, preferences, why).into()
        }
        Standing::Foreign(other) => Move::hold(format!("another hand's instance refresh {} is {}", other.id, other.words())).into(),
        Standing::Ours(refresh) => watch(situation, refresh, version),
    }
}

fn watch(situation: &Situation<'_>, refresh: &InstanceRefresh, version: u64) -> Step {
    let mut events = situation.noticed(refresh);
    let turned = situation.progress.refresh.turned_at.is_some();
    let then = match &refresh.status {
        // One that another hand cancels waits for what it launched last, which may never get well.
        RefreshStatus::Cancelling if turned => ended(situation, refresh, version),
        RefreshStatus::Pending | RefreshStatus::InProgress | RefreshStatus::Cancelling => {
            events.extend(launched(situation, version));
            crash_loop(situation).unwrap_or_else(|| going_on(situation, refresh))
        }
        RefreshStatus::Baking | RefreshStatus::Successful => Move::done("every server is replaced"),
        _ => ended(situation, refresh, version),
    };
    Step { events, then }
}

fn going_on(situation: &Situation<'_>, refresh: &InstanceRefresh) -> Move {
    Move::wait(format!("AWS: {}; it goes on without us", refresh.words()), situation.plan.timing.period_moving)
}

/// Every way in which a refresh stops going forward.
fn ended(situation: &Situation<'_>, refresh: &InstanceRefresh, version: u64) -> Move {
    let why = refresh.rollback_reason.as_ref().or(refresh.reason.as_ref()).map_or_else(|| "no reason told".to_owned(), |why| why.shown());
    match &refresh.status {
        RefreshStatus::RollbackSuccessful => rolled_back(situation, &why),
        RefreshStatus::Failed => Move::BackOut { why: format!("the instance refresh failed: {why}") },
        RefreshStatus::RollbackFailed => Move::BackOut { why: format!("AWS's own rollback failed: {why}") },
        RefreshStatus::Cancelled if situation.progress.promoted => match situation.plan.refresh.clone() {
            Some(preferences) => situation.start_refresh(version, preferences, "the refresh that was cancelled begins again".to_owned()),
            None => Move::Fail { why: "the plan does not say how servers are replaced".to_owned() },
        },
        // What had no way back was stopped at least; by now there may be one.
        RefreshStatus::Cancelled | RefreshStatus::Cancelling if situation.progress.refresh.turned_at.is_some() && !situation.progress.promoted => {
            Move::BackOut { why: "the instance refresh was stopped".to_owned() }
        }
        RefreshStatus::Cancelled => Move::hold(format!("another hand cancelled the instance refresh at {}", refresh.words())),
        _ => going_on(situation, refresh),
    }
}

/// AWS goes back to what the group launches at that moment. Another hand may have changed that meanwhile, and put it right since.
fn rolled_back(situation: &Situation<'_>, why: &str) -> Move {
    let good = situation.from().template_version;
    let strangers = good.and_then(|good| Some(situation.seen.strangers(situation.to().slot, good)?.len()));
    match strangers {
        None if good.is_some() => Move::wait("what the servers run cannot be read", situation.plan.timing.period_moving),
        Some(1..) => Move::BackOut { why: format!("AWS rolled the refresh back ({why}), and servers run something else than before") },
        _ => match unclaimed(situation, "") {
            Move::Done { .. } => Move::RolledBack { why: format!("AWS rolled the refresh back by itself: {why}") },
            other => other,
        },
    }
}

/// Servers of the new version, seen for the first time.
fn launched(situation: &Situation<'_>, version: u64) -> Option<EventBody> {
    let group = situation.group(situation.to().slot)?;
    let fresh = group.instances.iter().filter(|server| server.template_version == Some(version));
    let new: Vec<_> = fresh.map(|server| server.id.clone()).filter(|id| !situation.progress.launched.contains(id)).collect();
    (situation.plan.kind == OperationKind::Deploy && !new.is_empty()).then_some(EventBody::Launched { instances: new })
}

/// More than twice what is wanted plus two: servers die as fast as they come, and AWS's engine would try for an hour, or for ever once its refresh
/// is over. Policies may want more by now than when it began.
fn crash_loop(situation: &Situation<'_>) -> Option<Move> {
    let (launched, wanted) = (situation.progress.launched.len(), situation.progress.need.max(wanted(situation)));
    let loops = launched > 2 * wanted as usize + 2;
    loops.then(|| Move::BackOut { why: format!("{launched} servers were launched to get {wanted}: they do not stay") })
}

/// AWS's engine watches for its bake time and may still go back; then the group launches the new version.
fn bake(situation: &Situation<'_>) -> Step {
    let period = situation.plan.timing.period_soak;
    let (Some(version), Some(refreshes)) = (situation.to_version(), situation.seen.refreshes()) else {
        return Move::wait("the instance refreshes cannot be read; AWS's engine goes on", period).into();
    };
    match situation.standing(refreshes, version) {
        Standing::Ours(refresh) => {
            let then = match refresh.status {
                RefreshStatus::Successful => Move::done("AWS's bake time is over"),
                RefreshStatus::Baking | RefreshStatus::InProgress | RefreshStatus::Pending => {
                    let wait = || Move::wait(format!("AWS bakes; it goes back by itself at trouble: {}", refresh.words()), period);
                    fails(situation).unwrap_or_else(wait)
                }
                _ => ended(situation, refresh, version),
            };
            Step { events: situation.noticed(refresh).into_iter().chain(launched(situation, version)).collect(), then }
        }
        Standing::Foreign(other) => Move::hold(format!("another hand's instance refresh {} is {}", other.id, other.words())).into(),
        Standing::None => Move::wait("the instance refresh is not read back", period).into(),
    }
}

/// What was released does not stay, or serves nothing: AWS's engine, which is done with it or nearly so, would let it. Where there is but one server
/// it may be gone for a moment, and is launched anew.
fn fails(situation: &Situation<'_>) -> Option<Move> {
    let slot = situation.to().slot;
    let dead = situation.plan.kind == OperationKind::Deploy && situation.healthy(slot) == Some(0) && wanted(situation) > 1;
    let of_dead = || dead.then(|| Move::BackOut { why: format!("no server of {} is healthy any more", situation.to().group) });
    crash_loop(situation).or_else(of_dead)
}

/// Servers the group is asked to keep: AWS's engine keeps them, whatever a policy makes of that number meanwhile.
fn wanted(situation: &Situation<'_>) -> u32 {
    situation.group(situation.to().slot).map_or(situation.plan.floor, |group| group.sizes.desired)
}

/// Why not enough servers are healthy; none if enough are.
fn short(situation: &Situation<'_>) -> Option<Move> {
    let (slot, wanted) = (situation.to().slot, wanted(situation));
    let healthy = situation.healthy(slot);
    if healthy.is_some_and(|healthy| healthy >= threshold(wanted)) {
        return None;
    }
    let told = healthy.map_or_else(|| "?".to_owned(), |healthy| healthy.to_string());
    Some(Move::wait(format!("{told} of {wanted} servers are healthy"), situation.plan.timing.period_moving))
}

/// Three complete observations a minute apart in which every server runs the new version, healthy; then the tags.
fn stable(situation: &Situation<'_>) -> Step {
    let timing = &situation.plan.timing;
    let good = is_good(situation);
    if situation.progress.streak < HEALTHY_OBSERVATIONS || !good {
        let new = situation.to_version().and_then(|version| launched(situation, version));
        let events = new.into_iter().chain(situation.count_apart(timing.stable_gap, good)).collect();
        let then = if good {
            Move::wait(format!("all healthy, seen {} of {HEALTHY_OBSERVATIONS} times", situation.progress.streak), timing.period_soak)
        } else if let Some(out) = fails(situation) {
            out
        } else if situation.bad_for().is_some_and(|span| span >= timing.launch_limit) {
            Move::hold(unsettled(situation))
        } else {
            Move::wait(unsettled(situation), timing.period_soak)
        };
        return Step { events, then };
    }
    if situation.plan.kind == OperationKind::Deploy && !situation.progress.mirrored {
        let to = situation.to();
        let value = stable_value(&to.image, &to.template, situation.to_version().unwrap_or(0));
        let call = CloudCall::Tag { groups: vec![to.group.clone()], tags: vec![(STABLE_KEY.to_owned(), value)] };
        return Move::call(call, "the release is mirrored as a tag").into();
    }
    unclaimed(situation, "every server is healthy").into()
}

fn is_good(situation: &Situation<'_>) -> bool {
    let slot = situation.to().slot;
    let pin = situation.group(slot).and_then(|group| group.template.as_ref()?.number());
    situation.seen.is_complete()
        && pin.is_some()
        && pin == situation.to_version()
        && situation.strangers(slot) == Some(0)
        && situation.healthy(slot).is_some_and(|healthy| healthy >= wanted(situation).max(situation.plan.floor.min(situation.progress.need)))
}

fn unsettled(situation: &Situation<'_>) -> String {
    let strangers = situation.strangers(situation.to().slot).map_or_else(|| "?".to_owned(), |strangers| strangers.to_string());
    let healthy = situation.healthy(situation.to().slot).map_or_else(|| "?".to_owned(), |healthy| healthy.to_string());
    format!("{healthy} of {} servers are healthy, {strangers} run another release", wanted(situation))
}

/// Traffic follows healthy servers: it is on the target once every one of them runs it.
fn restored(situation: &Situation<'_>) -> Step {
    if let Some(wait) = short(situation) {
        return wait.into();
    }
    let events = if situation.progress.traffic_on_target_at.is_none() { vec![EventBody::TrafficOnTarget] } else { Vec::new() };
    Step { events, then: Move::done(format!("every server runs {}", situation.to().label())) }
}

/// The claim is not needed any more where nothing else moves; a late refresh of another hand would show here.
fn settle(situation: &Situation<'_>) -> Step {
    let again = situation.to_version().and_then(|good| situation.restore(good));
    if let Some(step) = again {
        return step;
    }
    if let Some(wait) = short(situation) {
        return wait.into();
    }
    if situation.waited() < situation.plan.timing.settle {
        return Move::wait("it is looked at once more", situation.plan.timing.period_moving).into();
    }
    Move::done("every server is healthy").into()
}

/// A claim that was taken off without an answer may be there still: it is looked for before it is believed to be gone.
fn unclaimed(situation: &Situation<'_>, note: &str) -> Move {
    match situation.unclaim() {
        Some(call) => Move::Call(call),
        None if situation.progress.calls.intended > 0 && situation.group(situation.to().slot).is_none() => {
            Move::wait("whether the claim is given back cannot be read", situation.plan.timing.period_moving)
        }
        None => Move::done(note),
    }
}

//! S16: no traffic for an image that does not run on the live schema; and the migration that comes before the first server of a release.

use super::deploy;
use super::situation::Situation;
use super::{Broken, Decision, Move, Step, WantedCall};
use crate::domain::call::CloudCall;
use crate::domain::fleet::Route;
use crate::domain::schema::{Fit, LiveSchema};
use crate::domain::time::Millis;
use crate::operation::event::{EventBody, OperationState, StepOutcome};
use crate::operation::plan::OperationKind;
use crate::operation::schema::{
    HookKind, HookOutcome, HookRun, MigrationEnd, MigrationOutcome, SchemaPlan, SchemaReading, migration_run, no_way_out_of, schema_question,
};

/// What is known of the live schema where something depends on it.
enum Known {
    /// The release may get traffic.
    Good,
    /// It has to be asked for first.
    Ask(HookRun),
    /// It may not; why.
    Bad(String),
}

/// A call that lets the new release in waits until the live schema is known and allows it. What cannot go back any more does not try. This is the last
/// word on what is wanted: what is asked for is asked for right before the call, and not before a wait.
pub(super) fn guarded(situation: &Situation<'_>, then: Move) -> Move {
    match allowed(situation, then) {
        // A hold ends at its deadline, whatever is asked meanwhile.
        Move::Hook { .. } if situation.progress.deadline.is_some_and(|deadline| situation.now >= deadline) => {
            held(situation, situation.progress.reason.clone(), None)
        }
        other => other,
    }
}

fn allowed(situation: &Situation<'_>, then: Move) -> Move {
    match then {
        // The traffic is on the candidate: a person says how it goes on.
        Move::Call(wanted) if lets_left_in(situation, &wanted.call) => {
            let why = format!("{} would get traffic again", situation.from().label());
            standing(situation, &why, None).unwrap_or(Move::Call(wanted))
        }
        Move::Call(wanted) if lets_in(situation, &wanted.call) => match known(situation) {
            Known::Good => Move::Call(wanted),
            Known::Ask(run) => asking(situation, run),
            Known::Bad(why) => held(situation, format!("{} gets no traffic: {why}", situation.to().label()), None),
        },
        Move::BackOut { why } => standing(situation, &why, situation.launches_no_more()).unwrap_or(Move::BackOut { why }),
        Move::Hold { why, meanwhile } => match tried_on(situation, meanwhile) {
            Ok(meanwhile) => held(situation, why, meanwhile),
            Err(run) => asking(situation, run),
        },
        Move::Stand { why, meanwhile } => match tried_on(situation, meanwhile) {
            Ok(meanwhile) => Move::Stand { why, meanwhile },
            Err(run) => asking(situation, run),
        },
        other => other,
    }
}

fn held(situation: &Situation<'_>, why: String, meanwhile: Option<WantedCall>) -> Move {
    standing(situation, &why, meanwhile.clone()).unwrap_or(Move::Hold { why, meanwhile })
}

/// What is tried while it holds, as far as the live schema allows it.
fn tried_on(situation: &Situation<'_>, meanwhile: Option<WantedCall>) -> Result<Option<WantedCall>, HookRun> {
    let holds = situation.progress.state == OperationState::Holding;
    let Some(wanted) = meanwhile.filter(|_| holds) else { return Ok(None) };
    if lets_left_in(situation, &wanted.call) {
        return Ok(None);
    }
    if !lets_in(situation, &wanted.call) {
        return Ok(Some(wanted));
    }
    match known(situation) {
        Known::Good => Ok(Some(wanted)),
        Known::Ask(run) => Err(run),
        Known::Bad(_) => Ok(None),
    }
}

/// Something else is done first than what the live schema was asked for: from then on its age counts.
pub(super) fn passed_over(situation: &Situation<'_>, decision: &Decision) -> Option<EventBody> {
    let acts = decision.call.is_some() || decision.hook.is_some() || decision.wait == Millis::ZERO;
    let unused = situation.progress.schema.as_ref().is_some_and(|reading| reading.fresh && !reading.used);
    (unused && !acts).then_some(EventBody::SchemaPassedOver)
}

/// Why this deploy cannot go back by itself any more.
pub(super) fn no_way_out(situation: &Situation<'_>) -> Option<String> {
    no_way_out_of(situation.plan, situation.progress, left_out(situation).unwrap_or(situation.progress.left_out))
}

/// Whether what is left gets no traffic, as it is seen now; where AWS's engine would go back, whether it would launch any of it. None if that cannot
/// be told.
fn left_out(situation: &Situation<'_>) -> Option<bool> {
    let from = situation.from();
    let Some(good) = from.template_version.filter(|_| situation.plan.refresh.is_some()) else {
        return situation.seen.serves(from.slot).map(|serves| !serves);
    };
    let pinned = situation.group(from.slot)?.template.as_ref().is_some_and(|pin| pin.id == from.template && pin.number() == Some(good));
    Some(!pinned || !situation.seen.strangers(from.slot, good)?.is_empty())
}

/// The event that says so, where it matters and changed.
pub(super) fn left_out_noted(situation: &Situation<'_>) -> Option<EventBody> {
    let out = left_out(situation).filter(|out| *out != situation.progress.left_out)?;
    let matters = situation.progress.left_out || no_way_out_of(situation.plan, situation.progress, true).is_some();
    matters.then_some(EventBody::LeftOut { out })
}

/// Nothing is backed out that has no way out: a person has to find one. What serves meanwhile stays able to carry what it has.
fn standing(situation: &Situation<'_>, why: &str, meanwhile: Option<WantedCall>) -> Option<Move> {
    let shut = no_way_out(situation)?;
    let pins = || deploy::pins(situation).filter(|_| situation.plan.refresh.is_none());
    let meanwhile = meanwhile.or_else(pins);
    Some(Move::Stand { why: format!("{why}; it does not back out: {shut}"), meanwhile })
}

/// The engine's own guard, on the call it decided on.
pub(super) fn check(situation: &Situation<'_>, call: &CloudCall) -> Result<(), Broken> {
    if lets_left_in(situation, call) {
        let what = format!("{} would get traffic again and does not run on the live schema", situation.from().label());
        return Err(Broken { id: "S16", what });
    }
    if !lets_in(situation, call) {
        return Ok(());
    }
    match known(situation) {
        Known::Good => Ok(()),
        Known::Ask(_) => {
            Err(Broken { id: "S16", what: format!("{} would get traffic and nobody asked for the live schema", situation.to().label()) })
        }
        Known::Bad(why) => Err(Broken { id: "S16", what: format!("{} would get traffic: {why}", situation.to().label()) }),
    }
}

fn asking(situation: &Situation<'_>, run: HookRun) -> Move {
    Move::Hook { run, period: situation.plan.timing.period_moving }
}

/// The side that is gone to gets traffic by this call, or work where there is no load balancer. Going back to what served until a moment ago is
/// nobody's to ask.
fn lets_in(situation: &Situation<'_>, call: &CloudCall) -> bool {
    let forward = matches!(situation.plan.kind, OperationKind::Deploy | OperationKind::Rollback);
    if !forward || situation.progress.state == OperationState::BackingOut || !depends(situation) {
        return false;
    }
    let to = situation.to();
    match call {
        CloudCall::SetWeights { actions, .. } => {
            let after = situation.plan.scope.target_group(to.slot).and_then(|arn| actions.share(arn)).unwrap_or(0.0);
            after > situation.seen.share(to.slot).unwrap_or(0.0)
        }
        CloudCall::AttachTargetGroup { group, .. } => *group == to.group,
        CloudCall::RaiseMin { group, .. } => {
            let is_first = situation.group(to.slot).is_none_or(|group| group.total() == 0);
            *situation.route() == Route::None && *group == to.group && is_first
        }
        CloudCall::StartInstanceRefresh { .. } | CloudCall::RollbackInstanceRefresh { .. } => true,
        _ => false,
    }
}

/// A deploy on its way forward lets in again what it leaves, which another hand took out of the traffic and which does not run any more.
fn lets_left_in(situation: &Situation<'_>, call: &CloudCall) -> bool {
    let from = situation.from();
    let rises = match call {
        CloudCall::SetWeights { actions, .. } => {
            let after = situation.plan.scope.target_group(from.slot).and_then(|arn| actions.share(arn)).unwrap_or(0.0);
            after > 0.0 && situation.seen.share(from.slot) == Some(0.0)
        }
        CloudCall::AttachTargetGroup { group, .. } => *group == from.group && situation.seen.serves(from.slot) == Some(false),
        _ => false,
    };
    rises && no_way_out(situation).is_some()
}

/// The image that is gone to names schemas.
fn depends(situation: &Situation<'_>) -> bool {
    situation.plan.schema.as_ref().is_some_and(|schema| schema.to.is_named())
}

fn known(situation: &Situation<'_>) -> Known {
    let Some(schema) = situation.plan.schema.as_ref().filter(|schema| schema.to.is_named()) else { return Known::Good };
    let Some(reading) = reading(situation, schema) else { return question(situation, schema) };
    match schema.to.fit(&reading.live) {
        Fit::Fits => Known::Good,
        Fit::Excluded(why) | Fit::Unknown(why) => {
            let held = situation.progress.state == OperationState::Holding;
            let due = held && situation.now.since(reading.at) >= situation.plan.timing.period_window && !schema.hook.is_empty();
            if due { question(situation, schema) } else { Known::Bad(why) }
        }
    }
}

fn question(situation: &Situation<'_>, schema: &SchemaPlan) -> Known {
    if schema.hook.is_empty() {
        return schema.to.fit(&LiveSchema::Unasked).against().map_or(Known::Good, Known::Bad);
    }
    Known::Ask(schema_question(&schema.hook, &situation.plan.fleet, &situation.plan.place))
}

/// What was read in this step. A rollback does not wait for what its plan read a moment ago.
fn reading(situation: &Situation<'_>, schema: &SchemaPlan) -> Option<SchemaReading> {
    let young = |reading: &SchemaReading| situation.now.since(reading.at) < situation.plan.timing.settle.times(2);
    let read = situation.progress.schema.clone();
    // What was just read counts, however fast time passes here; what calls were made on, or something else was done first, grows old.
    if read.as_ref().is_some_and(|read| read.fresh && (!read.used || young(read))) {
        return read;
    }
    let planned = SchemaReading { at: situation.plan.as_of, live: schema.live.clone(), fresh: false, used: false };
    let lately = |reading: &SchemaReading| situation.plan.kind == OperationKind::Rollback && young(reading) && reading.live.known().is_some();
    read.or(Some(planned)).filter(lately)
}

/// Migrates the database: once, and never again by this operation, whatever became of it.
pub(super) fn migrate(situation: &Situation<'_>) -> Step {
    let Some(schema) = &situation.plan.schema else { return Move::done("there is nothing to migrate").into() };
    let Some(status) = &situation.progress.migration else { return begin(situation, schema).into() };
    match &status.outcome {
        None if status.lost => lost(situation, schema).into(),
        None => running(situation, schema).into(),
        Some(outcome) => match outcome.end {
            MigrationEnd::NotStarted => begin(situation, schema).into(),
            MigrationEnd::Failed => Move::BackOut { why: format!("the migration failed: {}", last_line(&outcome.said.shown())) }.into(),
            MigrationEnd::Succeeded => ended(situation, schema).into(),
        },
    }
}

/// The last line of an escaped text.
fn last_line(shown: &str) -> &str {
    shown.rsplit("\\u{a}").find(|line| !line.trim().is_empty()).unwrap_or(shown)
}

/// What is live is asked for first: it may be there already, and whoever goes on after a crash has to know what it was before.
fn begin(situation: &Situation<'_>, schema: &SchemaPlan) -> Move {
    match live(situation, schema) {
        Err(run) => asking(situation, run),
        Ok(live) if live.known().is_some() && live.known() == schema.to.max => {
            Move::Done { outcome: StepOutcome::Skipped, note: format!("schema {} is live already", live.words()) }
        }
        Ok(live) => match schema.to.fit(&live) {
            Fit::Unknown(why) if schema.to.is_named() => Move::hold(format!("no migration while nobody knows what is there: {why}")),
            Fit::Excluded(why) if live.known() > schema.to.max && schema.to.max.is_some() => {
                Move::BackOut { why: format!("{why}: no migration helps") }
            }
            _ => run(situation, &live),
        },
    }
}

fn run(situation: &Situation<'_>, live: &LiveSchema) -> Move {
    match migration_run(&situation.claimant.operation, situation.plan, live) {
        Some(run) => Move::Hook { run, period: situation.plan.timing.period_moving },
        None => Move::hold("the migration of the plan cannot be run"),
    }
}

fn running(situation: &Situation<'_>, schema: &SchemaPlan) -> Move {
    let before = situation.progress.schema.as_ref().map_or_else(|| schema.live.clone(), |reading| reading.live.clone());
    run(situation, &before)
}

/// It says that it is done: what is live now is asked for, and has to be what the new release works with.
fn ended(situation: &Situation<'_>, schema: &SchemaPlan) -> Move {
    match live(situation, schema) {
        Err(run) => asking(situation, run),
        Ok(live) => match schema.to.fit(&live) {
            Fit::Fits if schema.hook.is_empty() => Move::done("migrated"),
            Fit::Fits => Move::done(format!("migrated, schema {} is live", live.words())),
            Fit::Excluded(why) => Move::BackOut { why: format!("the migration ended and {} still does not run: {why}", situation.to().label()) },
            Fit::Unknown(why) => Move::hold(format!("the migration ended, and what is live now is unknown: {why}")),
        },
    }
}

/// The driver that began it is gone. It may still run, or have ended in any way: it is not run again. What is live now says whether it is done;
/// where that says nothing, a person has to.
fn lost(situation: &Situation<'_>, schema: &SchemaPlan) -> Move {
    if situation.progress.promoted {
        return Move::Done { outcome: StepOutcome::Warning, note: "a person says that the migration is done".to_owned() };
    }
    let why = "the driver that began the migration is gone, and it is not run twice";
    let person = "promote once it is done, or back out";
    if schema.hook.is_empty() || schema.to.max.is_none() {
        return Move::Stand { why: format!("{why}: {person}"), meanwhile: None };
    }
    match live(situation, schema) {
        Err(run) => asking(situation, run),
        Ok(live) if live.known() == schema.to.max => Move::Done {
            outcome: StepOutcome::Warning,
            note: format!("schema {} is live: the migration did its work before its driver was gone", live.words()),
        },
        Ok(LiveSchema::Unknown(told)) => {
            Move::Stand { why: format!("{why}; the live schema is unknown ({}): {person}", told.shown()), meanwhile: None }
        }
        Ok(live) => {
            Move::Stand { why: format!("{why}; schema {} is live, it leads to {}: {person}", live.words(), schema.to.words()), meanwhile: None }
        }
    }
}

/// What was read in this step, and after the migration where there was one; what does not lead on is read again while it holds.
fn live(situation: &Situation<'_>, schema: &SchemaPlan) -> Result<LiveSchema, HookRun> {
    if schema.hook.is_empty() {
        return Ok(LiveSchema::Unasked);
    }
    let held = situation.progress.state == OperationState::Holding;
    let stale = |reading: &SchemaReading| held && situation.now.since(reading.at) >= situation.plan.timing.period_window;
    let read = situation.progress.schema.as_ref().filter(|reading| reading.fresh && !stale(reading));
    read.map(|reading| reading.live.clone()).ok_or_else(|| schema_question(&schema.hook, &situation.plan.fleet, &situation.plan.place))
}

/// A migration that this driver runs is waited for before anything is taken back: nobody ends it half-way.
pub(super) fn still_runs(situation: &Situation<'_>) -> Option<Move> {
    situation.progress.migration.as_ref().filter(|status| status.is_open() && !status.lost)?;
    let schema = situation.plan.schema.as_ref()?;
    match running(situation, schema) {
        Move::Hook { run, period } => Some(Move::Hook { run, period }),
        _ => None,
    }
}

/// The event that records how a program that was run ended.
#[must_use]
pub fn recorded(kind: HookKind, outcome: &HookOutcome) -> EventBody {
    match kind {
        HookKind::Schema => EventBody::SchemaRead { live: outcome.live_schema() },
        HookKind::Migration => {
            let end = if outcome.succeeded { MigrationEnd::Succeeded } else { MigrationEnd::Failed };
            EventBody::MigrationEnded { outcome: MigrationOutcome { end, said: outcome.said.clone() } }
        }
    }
}

//! Mistakes in fleets of the other shapes: two groups in one target group, workers, and one group.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::{Slot, Strategy};
use quarterdeck::domain::ids::AlarmName;
use quarterdeck::domain::observation::{AlarmReading, AlarmState};
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::refresh::RefreshPreferences;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::engine::{Decision, Situation, WantedCall};
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::{OperationKind, StepKind};

use super::bugs::{bug, quiet};
use super::eyes::{no_verdict_yet_is_health, one_server_short};
use super::mind::{back_out_ends_before_the_weights, instead, is_forward, step, waits, weighs};
use super::{Bug, Eyes, Hook, Lapse, Slip};
use crate::fault::Fault;
use crate::guarded::Fate;
use crate::script::{LEGACY, SEARCH, Script, Swarm, WORKER};
use crate::shape::Shape;

use Hook::{Decides, Sees};

fn attached(script: &mut Script) {
    quiet(script);
    (script.shape, script.fleet, script.images) = (Shape::Attached, "search-prod", &SEARCH[..1]);
    (script.judged, script.promotes) = (false, true);
}

fn workers(script: &mut Script) {
    attached(script);
    (script.shape, script.fleet, script.images) = (Shape::Workers, "worker-prod", &WORKER[..1]);
}

fn one_group(script: &mut Script) {
    attached(script);
    (script.shape, script.fleet, script.images, script.strategy) = (Shape::OneGroup, "legacy-prod", &LEGACY, Strategy::Rolling);
    script.recycles = true;
}

fn alarmed(script: &mut Script, fault: Fault) {
    attached(script);
    script.guards.alarm = true;
    struck(script, &[fault]);
}

fn vetoes_pass(eyes: &mut Eyes) {
    eyes.progress.gates.values_mut().for_each(|outcome| outcome.passed = true);
}

fn yes_said_by_nobody(eyes: &mut Eyes) {
    eyes.progress.promoted |= eyes.step() == Some(StepKind::Approve);
}

fn alarms_green(eyes: &mut Eyes) {
    let green = |name: &AlarmName| AlarmReading { name: name.clone(), state: AlarmState::Ok, since: None };
    eyes.seen.alarms = Reading::known(eyes.plan.scope.alarms.iter().map(green).collect(), eyes.now);
}

fn tags_noted(situation: &Situation<'_>, decision: &mut Decision) {
    if let Some(group) = situation.seen.group(situation.plan.to.slot).filter(|_| decision.call.is_some()) {
        decision.events.push(EventBody::Noted { text: format!("{:?}", group.tags) });
    }
}

fn struck(script: &mut Script, faults: &[Fault]) {
    script.swarm = Swarm { kinds: faults.to_vec(), strikes: 10, aims: Vec::new() };
}

pub const SHAPED: &[Bug] = &[
    bug("attached is taken for healthy", "S17", Sees(no_verdict_yet_is_health), attached),
    bug("stable is taken off before the candidate carries everything", "S4", Decides(stable_taken_off_early), attached),
    bug("a candidate is attached before its servers are healthy", "S17", Decides(attached_early), attached),
    bug("a candidate is attached before its turn", "S15", Decides(attached_before_its_turn), attached),
    bug("the candidate has more servers than its share", "S15", Decides(more_than_the_share), attached),
    bug("on the way back the good side is taken off", "S4", Decides(good_side_taken_off), attached),
    bug("what was taken off stays off", "S12", Sees(all_look_attached), attached),
    bug("another target group is written", "S11", Decides(another_target_group), attached),
    bug("what another hand took off is attached again", "S20", Sees(any_attachment_is_ours), |script| {
        attached(script);
        struck(script, &[Fault::ForeignWeights]);
    }),
    bug("bad workers end before the good ones work", "S4", Decides(bad_workers_end_first), workers),
    bug("workers of stable end on the way forward", "S4", Decides(stable_workers_end), workers),
    bug("a soak begins with one worker less", "S17", Sees(one_server_short), workers),
    bug("there are more workers than the share", "S15", Decides(more_than_the_share), workers),
    bug("servers end before new ones serve", "S1", Decides(half_is_enough), one_group),
    bug("all servers are replaced at once", "S15", Decides(all_at_once), one_group),
    bug("a refresh launches another version", "S11", Decides(another_version), one_group),
    bug("the group is pointed at the new version first", "S4", Decides(pinned_first), one_group),
    bug("a recycle leaves what runs the same version", "recycle", Decides(matching_skipped), one_group),
    bug("another hand's refresh is stopped", "S20", Decides(others_refresh_stopped), |script| {
        one_group(script);
        struck(script, &[Fault::ForeignRefresh]);
    }),
    bug("a veto is not heeded", "S21", Sees(vetoes_pass), |script| {
        attached(script);
        script.guards.gates = vec![Fate::Passes, Fate::Vetoes];
    }),
    bug("a gate that says nothing passes", "S21", Hook::Hands(Slip::SilentGatePasses), |script| {
        attached(script);
        script.guards.gates = vec![Fate::Hangs];
    }),
    bug("nobody has to say yes", "S21", Sees(yes_said_by_nobody), |script| {
        attached(script);
        (script.strategy, script.guards.hold) = (Strategy::BlueGreen, true);
    }),
    bug("a red alarm is not seen", "S21", Sees(alarms_green), |script| alarmed(script, Fault::AlarmRed)),
    bug("an alarm without data is green", "S21", Sees(alarms_green), |script| alarmed(script, Fault::AlarmSilent)),
    bug("freezes are not read", "freeze", Hook::Store(Lapse::FreezeNotRead), |script| {
        attached(script);
        struck(script, &[Fault::Frozen]);
    }),
    bug("a listing that is not whole is taken for one that is", "S6", Hook::Store(Lapse::ListingTakenForWhole), |script| {
        attached(script);
        struck(script, &[Fault::Unreadable, Fault::RolledBack]);
    }),
    bug("the image of what is parked is deregistered", "S6", Hook::Hands(Slip::DeregistersWhatItParks), attached),
    bug("tags are noted", "S19", Decides(tags_noted), attached),
    bug("a back out ends while servers are still new", "S12", Decides(back_out_ends_before_the_weights), |script| {
        one_group(script);
        struck(script, &[Fault::BackedOut]);
    }),
];

/// The group of a slot, attached or taken off.
fn move_group(situation: &Situation<'_>, slot: Slot, on: bool) -> Option<CloudCall> {
    let group = situation.seen.group(slot)?.name.clone();
    let target_group = situation.plan.scope.target_group(slot)?.clone();
    Some(if on { CloudCall::AttachTargetGroup { group, target_group } } else { CloudCall::DetachTargetGroup { group, target_group } })
}

fn move_instead(situation: &Situation<'_>, decision: &mut Decision, slot: Slot, on: bool) {
    if situation.seen.is_attached(slot) == Some(!on)
        && let Some(call) = move_group(situation, slot, on)
    {
        instead(decision, call);
    }
}

fn stable_taken_off_early(situation: &Situation<'_>, decision: &mut Decision) {
    let to = situation.plan.to.slot;
    if weighs(situation).is_some_and(|weight| weight.weight_pct == 100) && waits(decision) && situation.seen.serves(to) == Some(true) {
        move_instead(situation, decision, to.other(), false);
    }
}

fn attached_early(situation: &Situation<'_>, decision: &mut Decision) {
    if weighs(situation).is_some() && waits(decision) {
        move_instead(situation, decision, situation.plan.to.slot, true);
    }
}

fn attached_before_its_turn(situation: &Situation<'_>, decision: &mut Decision) {
    if is_forward(situation) && step(situation) == Some(StepKind::OneBox) && waits(decision) {
        move_instead(situation, decision, situation.plan.to.slot, true);
    }
}

fn more_than_the_share(situation: &Situation<'_>, decision: &mut Decision) {
    if weighs(situation).is_some_and(|weight| weight.weight_pct < 50)
        && let Some(WantedCall { call: CloudCall::RaiseMin { group, min, .. }, .. }) = &mut decision.call
        && *group == situation.plan.to.group
    {
        *min = situation.plan.need;
    }
}

fn good_side_taken_off(situation: &Situation<'_>, decision: &mut Decision) {
    if situation.plan.kind == OperationKind::Rollback && step(situation) == Some(StepKind::Settle) && waits(decision) {
        move_instead(situation, decision, situation.plan.to.slot, false);
    }
}

/// Groups that are parked look attached.
fn all_look_attached(eyes: &mut Eyes) {
    if eyes.step() != Some(StepKind::GiveBack) && eyes.progress.state != OperationState::BackingOut {
        return;
    }
    for slot in Slot::BOTH {
        let target_group = eyes.plan.scope.target_group(slot).cloned();
        if let Some(group) = eyes.group(slot).filter(|group| group.total() == 0) {
            group.target_groups = target_group.into_iter().collect();
        }
    }
}

fn another_target_group(_: &Situation<'_>, decision: &mut Decision) {
    if let Some(WantedCall { call: CloudCall::DetachTargetGroup { target_group, .. }, .. }) = &mut decision.call {
        let world = quarterdeck::world::World::new(quarterdeck::world::Scenario::Default, 1, quarterdeck::domain::time::WorldTime(0));
        let legacy = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "legacy-prod").unwrap();
        *target_group = legacy.route.target_group(Slot::A).unwrap().clone();
    }
}

fn any_attachment_is_ours(eyes: &mut Eyes) {
    for group in eyes.plan.groups() {
        eyes.progress.attached.insert(group, vec![true, false]);
    }
}

fn end_instead(situation: &Situation<'_>, decision: &mut Decision, slot: Slot) {
    if let Some(group) = situation.seen.group(slot).filter(|group| group.sizes != Sizes::all(0)) {
        instead(decision, CloudCall::Park { group: group.name.clone(), sizes: Sizes::all(0) });
    }
}

fn bad_workers_end_first(situation: &Situation<'_>, decision: &mut Decision) {
    if situation.plan.kind == OperationKind::Rollback && step(situation) == Some(StepKind::GrowTarget) && waits(decision) {
        end_instead(situation, decision, situation.plan.from.slot);
    }
}

fn stable_workers_end(situation: &Situation<'_>, decision: &mut Decision) {
    if weighs(situation).is_some() && situation.progress.soak_counts.is_some() && waits(decision) {
        end_instead(situation, decision, situation.plan.from.slot);
    }
}

fn asked_of_the_engine(decision: &mut Decision, change: impl FnOnce(&mut u64, &mut RefreshPreferences)) {
    if let Some(WantedCall { call: CloudCall::StartInstanceRefresh { version, preferences, .. }, .. }) = &mut decision.call {
        change(version, preferences);
    }
}

fn half_is_enough(_: &Situation<'_>, decision: &mut Decision) {
    asked_of_the_engine(decision, |_, preferences| preferences.min_healthy_pct = 50);
}

fn all_at_once(_: &Situation<'_>, decision: &mut Decision) {
    asked_of_the_engine(decision, |_, preferences| preferences.max_healthy_pct = 200);
}

fn another_version(_: &Situation<'_>, decision: &mut Decision) {
    asked_of_the_engine(decision, |version, _| *version = 1);
}

fn matching_skipped(situation: &Situation<'_>, decision: &mut Decision) {
    if situation.plan.kind == OperationKind::Recycle {
        asked_of_the_engine(decision, |_, preferences| preferences.skip_matching = true);
    }
}

fn pinned_first(situation: &Situation<'_>, decision: &mut Decision) {
    let starts = matches!(&decision.call, Some(WantedCall { call: CloudCall::StartInstanceRefresh { .. }, .. }));
    let (to, version) = (&situation.plan.to, situation.progress.candidate_version);
    if let (true, OperationKind::Deploy, Some(version)) = (starts, situation.plan.kind, version) {
        instead(decision, CloudCall::PinTemplate { group: to.group.clone(), template: to.template.clone(), version });
    }
}

fn others_refresh_stopped(situation: &Situation<'_>, decision: &mut Decision) {
    let to = &situation.plan.to;
    let ours = [situation.progress.candidate_version, situation.plan.from.template_version];
    let running = situation.seen.refreshes().unwrap_or_default().iter().find(|refresh| refresh.status.goes_forward());
    let foreign = running.is_some_and(|refresh| !ours.into_iter().flatten().any(|version| refresh.launches(&to.template, version)));
    if foreign && situation.plan.kind != OperationKind::Rollback {
        instead(decision, CloudCall::CancelInstanceRefresh { group: to.group.clone() });
    }
}

//! Forward: claim, template, one box or full size, weights step by step, stable.

use super::situation::Situation;
use super::soak::soak;
use super::{Move, Step, WantedCall};
use super::{foreign, gates, schema};
use crate::domain::call::CloudCall;
use crate::domain::fleet::WeightStep;
use crate::domain::ids::InstanceId;
use crate::domain::sizes::share_of;
use crate::domain::time::Millis;
use crate::operation::claim::{STABLE_KEY, stable_value};
use crate::operation::event::{EventBody, OperationState};
use crate::operation::plan::StepKind;

/// Complete and healthy observations in a row before servers are believed healthy.
const HEALTHY_OBSERVATIONS: u32 = 3;
/// So many claims were accepted in a row and none could be read back: something takes them off.
const CLAIM_TRIES: u32 = 5;

pub(super) fn next(situation: &Situation<'_>, step: StepKind) -> Step {
    if !situation.seen.is_complete() {
        return blind(situation);
    }
    let raised = raised_need(situation);
    let mut next = match step {
        StepKind::Claim => claim(situation),
        StepKind::EmptySlot => empty(situation),
        StepKind::Detach => detach(situation).into(),
        StepKind::Template => match situation.suspend_scheduled() {
            Some(call) => Move::call(call, "scheduled actions would change sizes in the middle of this").into(),
            None => template(situation).into(),
        },
        StepKind::Migrate => schema::migrate(situation),
        StepKind::OneBox => launched(situation, 1).unwrap_or_else(|| Move::done(format!("one server is healthy {}", situation.apart())).into()),
        StepKind::FullSize => {
            let (need, apart) = (situation.progress.need, situation.apart());
            launched(situation, need).unwrap_or_else(|| Move::done(format!("{need} servers are healthy {apart}")).into())
        }
        StepKind::Gates => watched(situation, gates::next(situation)),
        StepKind::Approve => watched(situation, approve(situation).into()),
        StepKind::Weight(weight) => weigh(situation, weight),
        StepKind::Stable => stable(situation),
        _ => Move::Fail { why: "a deploy has no such step".to_owned() }.into(),
    };
    if !raised.is_empty() && matches!(next.then, Move::Call(_)) {
        next.then = Move::wait("more servers are needed than a moment ago", Millis::ZERO);
    }
    next.events.splice(0..0, raised);
    next
}

/// Held for what another hand changed: nothing goes forward, but a candidate that fails its share is still taken out of the traffic. What is
/// needed is still re-read, and both groups stay able to carry what they have.
pub(super) fn held(situation: &Situation<'_>, hold: Move) -> Step {
    let mut events = raised_need(situation);
    events.extend(share_carried(situation));
    let then = fails_its_share(situation).or_else(|| cannot_grow(situation)).unwrap_or(hold);
    let then = match then {
        Move::Hold { why, meanwhile: None } => Move::Hold { why, meanwhile: pins(situation) },
        other => other,
    };
    Step { events, then }
}

/// Servers of the candidate are missing and none can come, because its group launches something else by now: waiting for them is no use.
fn cannot_grow(situation: &Situation<'_>) -> Option<Move> {
    let share = Some(situation.given_pct()).filter(|share| *share > 0 && foreign::in_candidate(situation).is_some())?;
    let (healthy, wanted) = (situation.healthy(situation.to().slot)?, situation.size_for(share));
    let group = &situation.to().group;
    let why = format!("only {healthy} of {wanted} servers of {group} are healthy, and another hand changed what it launches");
    (healthy < wanted).then_some(Move::BackOut { why })
}

/// Whether the candidate carries what it gets, recorded where it changed: since when it does not is counted from there.
fn share_carried(situation: &Situation<'_>) -> Option<EventBody> {
    let share = Some(situation.given_pct()).filter(|share| *share > 0)?;
    let good = situation.healthy(situation.to().slot)? >= situation.size_for(share);
    let looked = situation.count_observation(situation.plan.timing.period_soak, good);
    looked.filter(|_| !good || situation.progress.streak == 0)
}

/// What is needed is re-read, and both groups stay able to carry what they have.
pub(super) fn kept_up(situation: &Situation<'_>, otherwise: Move) -> Step {
    let raised = raised_need(situation);
    if !raised.is_empty() {
        return Step { events: raised, then: otherwise };
    }
    pins(situation).map_or(otherwise, Move::Call).into()
}

/// The call that keeps a group that serves, or may have to, able to carry what it has. Servers of something else are not launched for that.
pub(super) fn pins(situation: &Situation<'_>) -> Option<WantedCall> {
    let (share, need) = (Some(situation.given_pct()).filter(|share| *share > 0)?, situation.progress.need);
    let of_candidate = || situation.raise(situation.to().slot, situation.size_for(share)).filter(|_| foreign::in_candidate(situation).is_none());
    let call = situation.raise(situation.from().slot, need).or_else(of_candidate)?;
    Some(WantedCall { call, why: format!("{need} servers are needed now") })
}

/// Nothing goes forward on an incomplete observation; if it lasts, the operation holds. What holds already holds on. A group that can be seen still
/// grows to what is needed, where sizes are ours: that takes nothing from anybody.
pub(super) fn blind(situation: &Situation<'_>) -> Step {
    let (progress, timing) = (situation.progress, &situation.plan.timing);
    let is_ours = situation.plan.refresh.is_none();
    let mut events = if is_ours { raised_need(situation) } else { Vec::new() };
    let pinned = pins(situation).filter(|_| is_ours);
    if progress.state == OperationState::Holding {
        return Step { events, then: Move::Hold { why: progress.reason.clone(), meanwhile: pinned } };
    }
    let why = format!("not everything can be seen ({})", situation.seen.unknowns().join("; "));
    let last = progress.last_observed_at.or(progress.step_started_at).unwrap_or(situation.now);
    if situation.now.since(last) >= timing.launch_limit {
        return Step { events, then: Move::Hold { why, meanwhile: pinned } };
    }
    events.extend(situation.count_observation(timing.period_moving, false).filter(|_| progress.streak > 0));
    let then = pinned.filter(|_| events.is_empty()).map_or_else(|| Move::wait(why, timing.period_moving), Move::Call);
    Step { events, then }
}

/// `need` is re-read each period and only rises: the stable group may have scaled out meanwhile.
fn raised_need(situation: &Situation<'_>) -> Vec<EventBody> {
    let desired = situation.group(situation.from().slot).map_or(0, |group| group.sizes.desired);
    let need = desired.min(situation.plan.live_sizes.max.max(situation.progress.need));
    if need > situation.progress.need { vec![EventBody::NeedRaised { need }] } else { Vec::new() }
}

pub(super) fn claim(situation: &Situation<'_>) -> Step {
    if let Some(claim) = situation.claim_of_others() {
        return Move::Fail { why: format!("the fleet is claimed: {}", claim.described()) }.into();
    }
    let Some(claimed_at) = situation.progress.claimed_at else {
        return Move::Call(situation.claim_call("people with another store are told")).into();
    };
    let left = situation.plan.timing.claim_wait.minus(situation.now.since(claimed_at));
    if left > Millis::ZERO {
        return Move::wait("somebody else's claim may still appear", left).into();
    }
    if situation.groups_claimed(|claim| claim.operation.raw() == situation.claimant.operation.as_str()) == situation.plan.groups().len() {
        return Move::done("claimed").into();
    }
    if situation.now.since(claimed_at) >= situation.plan.timing.settle {
        if situation.progress.claims >= CLAIM_TRIES {
            return Move::Fail { why: "the claim could not be read back".to_owned() }.into();
        }
        return Move::Call(situation.claim_call("the claim was not read back")).into();
    }
    Move::wait("the claim is not read back yet", situation.plan.timing.period_moving).into()
}

/// Only a slot without traffic is emptied: one that another hand gave some is not waited for without end.
fn empty(situation: &Situation<'_>) -> Step {
    let to = situation.to();
    if situation.is_let_in(to.slot) {
        let then = Move::hold(format!("another hand gave {} traffic: it is emptied once that is taken back", to.group));
        return Step { events: situation.no_evidence(), then };
    }
    situation.park(to.slot, situation.from().slot, 0)
}

/// Being off the shared target group is a candidate's weight 0.
fn detach(situation: &Situation<'_>) -> Move {
    let to = situation.to();
    match (situation.seen.is_attached(to.slot), situation.seen.serves(to.slot)) {
        (Some(false), _) => Move::done(format!("{} is off the target group", to.group)),
        (Some(true), Some(false)) => situation.attach(to.slot, false, "its servers get no traffic until they are wanted"),
        (Some(true), _) => Move::hold(format!("{} is not empty any more", to.group)),
        (None, _) => Move::wait(format!("{} cannot be read", to.group), situation.plan.timing.period_moving),
    }
}

fn template(situation: &Situation<'_>) -> Move {
    let Some(group) = situation.group(situation.to().slot) else { return make_and_pin(situation) };
    if situation.to_version().is_some() && !is_pinned(situation) && group.total() > situation.plan.idle_size {
        return Move::hold(format!("{} is not empty any more", group.name));
    }
    make_and_pin(situation)
}

/// The group launches the version that was made for it.
fn is_pinned(situation: &Situation<'_>) -> bool {
    let pin = situation.group(situation.to().slot).and_then(|group| group.template.as_ref());
    pin.is_some_and(|pin| pin.id == situation.to().template && pin.number().is_some() && pin.number() == situation.to_version())
}

/// The version is made, or adopted if it is there, and the group pinned to it.
pub(super) fn make_and_pin(situation: &Situation<'_>) -> Move {
    let to = situation.to();
    let Some(version) = situation.to_version() else { return make_version(situation) };
    if is_pinned(situation) {
        return Move::done(format!("{} launches version {version}", to.group));
    }
    let call = CloudCall::PinTemplate { group: to.group.clone(), template: to.template.clone(), version };
    Move::call(call, format!("{} launches {}", to.group, to.label()))
}

pub(super) fn make_version(situation: &Situation<'_>) -> Move {
    let to = situation.to();
    let Some(source) = situation.plan.template_source() else {
        return Move::Fail { why: format!("{} launches no numbered template version", situation.from().group) };
    };
    let why = format!("what {} version {} launches, with {}", source.template, source.version, to.label());
    let call = CloudCall::CreateTemplateVersion {
        template: to.template.clone(),
        source_template: source.template,
        source_version: source.version,
        image: to.image.clone(),
        content_hash: situation.plan.content_hash(),
    };
    Move::call(call, why)
}

/// Grows the candidate to `wanted` servers and waits until they are healthy; none once they are.
fn launched(situation: &Situation<'_>, wanted: u32) -> Option<Step> {
    let slot = situation.to().slot;
    let events = seen_for_the_first_time(situation);
    if let Some(why) = crash_loop(situation, wanted) {
        return Some(Step { events, then: Move::BackOut { why } });
    }
    if let Some(call) = situation.raise(slot, wanted) {
        return Some(Step { events, then: Move::call(call, format!("{} grows to {wanted}", situation.to().group)) });
    }
    let healthy = situation.healthy(slot).unwrap_or(0);
    let strangers = situation.strangers(slot).unwrap_or(usize::MAX);
    let good = healthy >= wanted && strangers == 0;
    if good && situation.progress.streak >= HEALTHY_OBSERVATIONS {
        return None;
    }
    Some(wait_for_health(situation, wanted, healthy, strangers, events))
}

fn wait_for_health(situation: &Situation<'_>, wanted: u32, healthy: u32, strangers: usize, mut events: Vec<EventBody>) -> Step {
    let timing = &situation.plan.timing;
    let good = healthy >= wanted && strangers == 0;
    events.extend(situation.count_observation(timing.period_moving, good));
    let why = match strangers {
        0 if good => format!("{healthy} of {wanted} healthy, seen {} of {HEALTHY_OBSERVATIONS} times", situation.progress.streak + 1),
        0 => format!("{healthy} of {wanted} servers of {} are healthy{}", situation.to().group, situation.for_want_of()),
        _ => format!("{strangers} servers of {} run another release", situation.to().group),
    };
    let then = if !good && situation.stays_short(timing.launch_limit) {
        Move::hold(format!("{why} after {}", timing.launch_limit))
    } else {
        Move::wait(why, timing.period_moving)
    };
    Step { events, then }
}

fn seen_for_the_first_time(situation: &Situation<'_>) -> Vec<EventBody> {
    let new = new_servers(situation);
    if new.is_empty() { Vec::new() } else { vec![EventBody::Launched { instances: new }] }
}

/// Servers of the candidate that no look in this step showed before.
fn new_servers(situation: &Situation<'_>) -> Vec<InstanceId> {
    let group = situation.group(situation.to().slot);
    let servers = group.into_iter().flat_map(|group| &group.instances).map(|instance| &instance.id);
    servers.filter(|id| !situation.progress.launched.contains(id)).cloned().collect()
}

/// More than twice what is wanted plus two in one step: servers die as fast as they come. Those seen for the first time now count as well: the
/// driver before may have been gone for long.
fn crash_loop(situation: &Situation<'_>, wanted: u32) -> Option<String> {
    let launched = situation.progress.launched.len() + new_servers(situation).len();
    let bound = 2 * wanted as usize + 2;
    (launched > bound).then(|| format!("{launched} servers were launched to get {wanted}: they do not stay"))
}

/// A candidate that is ready waits for gates or a person: it is left if its servers do not stay meanwhile.
fn watched(situation: &Situation<'_>, step: Step) -> Step {
    let mut events = seen_for_the_first_time(situation);
    if let Some(why) = crash_loop(situation, situation.progress.need) {
        return Step { events, then: Move::BackOut { why } };
    }
    events.extend(step.events);
    Step { events, then: step.then }
}

fn approve(situation: &Situation<'_>) -> Move {
    if situation.progress.promoted {
        return Move::done("a person said yes");
    }
    Move::hold(format!("{} is ready {}: promote to send it all traffic", situation.to().label(), situation.apart()))
}

fn weigh(situation: &Situation<'_>, step: WeightStep) -> Step {
    let need = situation.progress.need;
    if let Some(out) = fails_its_share(situation) {
        return out.into();
    }
    if !situation.is_in_place(step.weight_pct) {
        return approach(situation, step, need);
    }
    if let Some(call) = situation.raise(situation.from().slot, need) {
        return Move::call(call, format!("{} stays able to carry everything", situation.from().group)).into();
    }
    if let Some(call) = situation.raise(situation.to().slot, situation.size_for(step.weight_pct)) {
        return Move::call(call, format!("{} keeps up with what is needed", situation.to().group)).into();
    }
    let new = seen_for_the_first_time(situation);
    // Its policies may ask for more than the step does.
    let asked = situation.group(situation.to().slot).map_or(0, |group| group.sizes.desired);
    if let Some(why) = crash_loop(situation, situation.size_for(step.weight_pct).max(asked)) {
        return Step { events: new, then: Move::BackOut { why } };
    }
    let mut soaked = soak(situation, step);
    soaked.events.splice(0..0, new);
    soaked
}

/// The candidate gets traffic that it cannot serve, while stable stands by with all its servers: at once if none of its own is healthy, after
/// the time a launch may take if they are too few.
fn fails_its_share(situation: &Situation<'_>) -> Option<Move> {
    let slot = situation.to().slot;
    let share = Some(situation.given_pct()).filter(|share| *share > 0)?;
    let healthy = situation.healthy(slot)?;
    let group = &situation.to().group;
    if healthy == 0 {
        return Some(Move::BackOut { why: format!("no server of {group} is healthy any more{}", situation.for_want_of()) });
    }
    let wanted = situation.size_for(share);
    let long = situation.bad_for().is_some_and(|span| span >= situation.plan.timing.launch_limit);
    (healthy < wanted && long)
        .then(|| Move::BackOut { why: format!("only {healthy} of {wanted} servers of {group} stay healthy{}", situation.for_want_of()) })
}

/// Size before weight: stable pinned, candidate grown and healthy, then its traffic. Where the servers are the share, that is all of it.
fn approach(situation: &Situation<'_>, step: WeightStep, need: u32) -> Step {
    if let Some(call) = situation.raise(situation.from().slot, need) {
        return Move::call(call, format!("{} is pinned: it may have to carry everything again", situation.from().group)).into();
    }
    if let Some(wait) = launched(situation, situation.size_for(step.weight_pct)) {
        return wait;
    }
    if let Some(wait) = gives_back_too_much(situation, step, need) {
        return wait.into();
    }
    let why = format!("{}% of the traffic to {}", step.weight_pct, situation.to().label());
    situation.ask_for(step.weight_pct, &why).map_or_else(|| soak(situation, step), Step::from)
}

/// After another hand took traffic away from stable, it gets its share again only once it can carry it.
fn gives_back_too_much(situation: &Situation<'_>, step: WeightStep, need: u32) -> Option<Move> {
    if !situation.plan.scope.is_weighted() {
        return None;
    }
    let (slot, wanted) = (situation.from().slot, share_of(need, 100_u32.saturating_sub(step.weight_pct)));
    let rises = situation.share_pct(slot).is_some_and(|share| share < 100_u32.saturating_sub(step.weight_pct));
    let healthy = situation.healthy(slot).unwrap_or(0);
    let why = format!("{healthy} of {wanted} servers of {} are healthy", situation.from().group);
    (rises && healthy < wanted).then(|| Move::wait(why, situation.plan.timing.period_moving))
}

/// Three complete observations a minute apart at 100 %, then the tags: the release is mirrored, the claim given back.
fn stable(situation: &Situation<'_>) -> Step {
    let timing = &situation.plan.timing;
    let (slot, need) = (situation.to().slot, situation.progress.need);
    if let Some(call) = situation.raise(situation.from().slot, need).or_else(|| situation.raise(slot, need)) {
        return Move::call(call, format!("{need} servers are needed now")).into();
    }
    if let Some(out) = fails_its_share(situation) {
        return out.into();
    }
    if situation.progress.promoted && !situation.is_asked(100) {
        let again = || situation.ask_for(100, "a person says that it goes on");
        return launched(situation, need).or_else(|| again().map(Step::from)).unwrap_or_else(|| wait_for_stable(situation, false));
    }
    let good = situation.is_asked(100) && situation.healthy(slot).is_some_and(|healthy| healthy >= need) && situation.strangers(slot) == Some(0);
    if situation.progress.streak < HEALTHY_OBSERVATIONS || !good {
        return wait_for_stable(situation, good);
    }
    if !situation.progress.mirrored {
        let value = stable_value(&situation.to().image, &situation.to().template, situation.to_version().unwrap_or(0));
        let call = CloudCall::Tag { groups: vec![situation.to().group.clone()], tags: vec![(STABLE_KEY.to_owned(), value)] };
        return Move::call(call, "the release is mirrored as a tag").into();
    }
    if let Some(call) = situation.unclaim() {
        return Move::Call(call).into();
    }
    Move::done(format!("{} healthy for {} at 100%", situation.healthy(slot).unwrap_or(0), timing.stable_gap.times(2))).into()
}

fn wait_for_stable(situation: &Situation<'_>, good: bool) -> Step {
    let timing = &situation.plan.timing;
    let events: Vec<_> = situation.count_apart(timing.stable_gap, good).into_iter().collect();
    let why = if good {
        format!("healthy at 100%, seen {} of {HEALTHY_OBSERVATIONS} times", situation.progress.streak)
    } else {
        let healthy = situation.healthy(situation.to().slot).unwrap_or(0);
        format!("{healthy} of {} servers are healthy at 100%{}", situation.progress.need, situation.for_want_of())
    };
    if !good && situation.bad_for().is_some_and(|span| span >= timing.launch_limit) {
        return Step { events, then: Move::hold(why) };
    }
    Step { events, then: Move::wait(why, timing.period_soak) }
}

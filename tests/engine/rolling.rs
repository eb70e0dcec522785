//! AWS's own engine in the simulated cloud, and ours that asks, watches, turns it round and dies in between.

use quarterdeck::domain::call::{CloudCall, CloudErrorKind};
use quarterdeck::domain::fleet::{Slot, Strategy};
use quarterdeck::domain::group::PinnedVersion;
use quarterdeck::domain::ids::InstanceId;
use quarterdeck::domain::observation::Depth;
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::refresh::{RefreshStatus, RefreshStrategy};
use quarterdeck::domain::schema::{LiveSchema, SchemaRange};
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::{BootTime, Millis};
use quarterdeck::engine::answer::{Reading as Read, answer};
use quarterdeck::operation::command::{Command, CommandKind, Who};
use quarterdeck::operation::event::{CallOutcome, EventBody, OperationState};
use quarterdeck::operation::ledger::{How, LedgerBody, LedgerEntry};
use quarterdeck::operation::plan::StepKind;
use quarterdeck::operation::record::OperationView;
use quarterdeck::operation::schema::SchemaPlan;
use quarterdeck::plan::Facts;
use quarterdeck::world::Disturbance;
use quarterdeck::world::state::Vigour;

use crate::other_tools::foreign;
use crate::stage::{Lost, Stage};

#[test]
fn a_rolling_deploy_ends_with_every_server_new_and_nothing_borrowed() {
    let mut stage = Stage::deploy();
    stage.until_state(OperationState::Succeeded);
    assert!(stage.progress.stable && stage.progress.mirrored && stage.is_unclaimed());
    assert_eq!((stage.versions(), stage.pinned()), (vec![3; 6], PinnedVersion::Number(3)));
    assert_eq!((stage.count("StartInstanceRefresh"), stage.count("UpdateAutoScalingGroup")), (1, 0), "the group itself is not touched");
    let Some(CloudCall::StartInstanceRefresh { preferences, .. }) = stage.calls.iter().find(|call| call.aws_name() == "StartInstanceRefresh") else {
        panic!("no refresh")
    };
    assert_eq!((preferences.min_healthy_pct, preferences.max_healthy_pct), (100, 117));
    assert!(preferences.skip_matching && preferences.auto_rollback && preferences.bake_secs > 0);
}

#[test]
fn a_start_without_an_answer_is_looked_for_and_not_sent_again() {
    let mut stage = Stage::deploy();
    stage.lose = Some(("StartInstanceRefresh", Lost::AfterItHappened));
    stage.until_state(OperationState::Succeeded);
    assert_eq!(stage.count("StartInstanceRefresh"), 1);
}

#[test]
fn a_start_that_never_arrived_is_sent_again_only_after_looking_for_a_minute() {
    let mut stage = Stage::deploy();
    stage.lose = Some(("StartInstanceRefresh", Lost::BeforeItHappened));
    stage.until("sent", |stage| stage.count("StartInstanceRefresh") == 1);
    let sent = stage.world.now();
    stage.until("sent again", |stage| stage.count("StartInstanceRefresh") == 2);
    assert!(stage.world.now().since(sent) >= Millis::secs(60));
    stage.until_state(OperationState::Succeeded);
    assert_eq!(stage.count("StartInstanceRefresh"), 2);
}

#[test]
fn starts_that_never_arrive_are_not_refreshes_that_got_nowhere() {
    let mut stage = Stage::deploy();
    for sent in 1..=7 {
        stage.lose = Some(("StartInstanceRefresh", Lost::BeforeItHappened));
        stage.until("sent", |stage| stage.count("StartInstanceRefresh") == sent);
    }
    stage.until_state(OperationState::Succeeded);
    assert_eq!((stage.count("StartInstanceRefresh"), stage.progress.refresh.starts), (8, 1));
}

#[test]
fn what_never_arrives_is_held_for_and_backed_out_in_the_end() {
    let mut stage = Stage::deploy();
    stage.until("at it", |stage| stage.plan.steps[stage.progress.current].kind == StepKind::Refresh);
    while stage.progress.state != OperationState::Holding {
        stage.lose = Some(("StartInstanceRefresh", Lost::BeforeItHappened));
        stage.turn();
    }
    assert!(stage.progress.reason.contains("nowhere to be found"), "{}", stage.progress.reason);
    while !stage.progress.state.is_final() {
        stage.lose = Some(("StartInstanceRefresh", Lost::BeforeItHappened));
        stage.turn();
    }
    assert_eq!((stage.progress.state, stage.versions()), (OperationState::BackedOut, vec![2; 6]));
}

#[test]
fn a_refresh_whose_servers_do_not_stay_is_stopped_where_nothing_leads_back() {
    let mut stage = Stage::deploy();
    let schemas = |min| SchemaRange::between(Some(min), Some(min + 1));
    let live = LiveSchema::At(13);
    stage.plan.schema =
        Some(SchemaPlan { hook: Vec::new(), live: live.clone(), from: schemas(10), to: SchemaRange::default(), migration: None, one_way: None });
    stage.happens(EventBody::SchemaRead { live });
    stage.half_way();
    let instances = (0..20).map(|nth| InstanceId::new(format!("i-{nth}"))).collect();
    stage.happens(EventBody::Launched { instances });
    stage.until("stopped", |stage| stage.count("CancelInstanceRefresh") == 1);
    assert!(stage.progress.reason.contains("they do not stay; it does not back out: 0.9.8 cannot run any more"), "{}", stage.progress.reason);
    for _ in 0..50 {
        stage.turn();
    }
    assert_eq!((stage.progress.state, stage.progress.deadline), (OperationState::Holding, None), "a person has to decide");
    assert_eq!((stage.count("CancelInstanceRefresh"), stage.count("StartInstanceRefresh")), (1, 1));
}

#[test]
fn of_an_image_that_is_not_listed_counts_what_an_earlier_plan_read() {
    let mut stage = Stage::deploy();
    stage.until_state(OperationState::Succeeded);
    stage.spec.schema = vec!["/usr/local/bin/schema".to_owned()];
    let back = |stage: &Stage, live: u64| {
        let unlisted = |facts: &mut Facts<'_>| {
            (facts.images, facts.images_missing, facts.live_schema) = (&[], Some("a page is missing".to_owned()), LiveSchema::At(live));
        };
        stage.other_facts(unlisted, |facts| quarterdeck::plan::rollback::plan(facts, None))
    };
    let unknown = back(&stage, 11).unwrap_err();
    assert!(unknown.reason.contains("nobody can say whether") && unknown.reason.contains("is not listed"), "{unknown:?}");

    let schemas = |min| SchemaRange::between(Some(min), Some(min + 1));
    let hook = stage.spec.schema.clone();
    stage.plan.schema = Some(SchemaPlan { hook, live: LiveSchema::At(11), from: schemas(10), to: schemas(12), migration: None, one_way: None });
    stage.operations = vec![OperationView { driver_alive: false, ..stage.view() }];
    assert_eq!(back(&stage, 11).unwrap().schema.unwrap().to, schemas(10));
    let forbidden = back(&stage, 13).unwrap_err();
    assert!(forbidden.reason.contains("schema 13 > max 11"), "{forbidden:?}");
}

#[test]
fn it_goes_on_while_nobody_watches() {
    let mut stage = Stage::deploy();
    stage.half_way();
    stage.world.advance(stage.world.now().plus(Millis::mins(60)));
    assert_eq!((stage.versions(), stage.pinned()), (vec![3; 6], PinnedVersion::Number(3)), "AWS's engine went on");
    stage.until_state(OperationState::Succeeded);
    assert_eq!(stage.count("StartInstanceRefresh"), 1, "the new driver attached as a watcher");
}

#[test]
fn backing_out_turns_the_running_refresh_round() {
    let mut stage = Stage::deploy();
    stage.half_way();
    stage.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    stage.until_state(OperationState::BackedOut);
    assert_eq!((stage.versions(), stage.pinned(), stage.is_unclaimed()), (vec![2; 6], PinnedVersion::Number(2), true));
    assert_eq!((stage.count("RollbackInstanceRefresh"), stage.count("StartInstanceRefresh")), (1, 1));
}

#[test]
fn a_rollback_without_an_answer_is_not_asked_for_twice() {
    let mut stage = Stage::deploy();
    stage.half_way();
    stage.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    stage.lose = Some(("RollbackInstanceRefresh", Lost::AfterItHappened));
    stage.until_state(OperationState::BackedOut);
    assert_eq!((stage.count("RollbackInstanceRefresh"), stage.versions()), (1, vec![2; 6]));
}

#[test]
fn backing_out_after_aws_is_done_replaces_every_server_once_more() {
    let mut stage = Stage::deploy();
    stage.until("at its last step", |stage| stage.plan.steps[stage.progress.current].kind == StepKind::Stable);
    stage.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    stage.until_state(OperationState::BackedOut);
    assert_eq!((stage.versions(), stage.pinned()), (vec![2; 6], PinnedVersion::Number(2)));
    assert_eq!((stage.count("RollbackInstanceRefresh"), stage.count("StartInstanceRefresh")), (0, 2));
}

#[test]
fn backing_out_before_anything_was_asked_only_gives_the_claim_back() {
    let mut stage = Stage::deploy();
    stage.until("claimed", |stage| stage.progress.claimed_at.is_some());
    stage.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    stage.until_state(OperationState::BackedOut);
    assert_eq!((stage.count("StartInstanceRefresh"), stage.is_unclaimed()), (0, true));
}

#[test]
fn when_aws_rolls_back_by_itself_that_is_where_it_ends() {
    let mut stage = Stage::deploy();
    stage.half_way();
    assert!(stage.world.disturb(Disturbance::RefreshAlarm { group: "legacy-prod".into(), why: "alarm legacy-5xx".to_owned() }));
    stage.until_state(OperationState::RolledBack);
    assert!(stage.progress.reason.contains("alarm legacy-5xx"), "{}", stage.progress.reason);
    assert_eq!((stage.versions(), stage.is_unclaimed(), stage.progress.stable), (vec![2; 6], true, false));
}

#[test]
fn a_bake_that_goes_red_ends_rolled_back() {
    let mut stage = Stage::deploy();
    stage.until("baking", |stage| stage.progress.refresh.seen.as_ref().is_some_and(|refresh| refresh.status == RefreshStatus::Baking));
    assert!(stage.world.disturb(Disturbance::RefreshAlarm { group: "legacy-prod".into(), why: "alarm legacy-p99".to_owned() }));
    stage.until_state(OperationState::RolledBack);
    assert_eq!(stage.versions(), [2; 6]);
}

/// Somebody has the group launch this version.
fn launches(stage: &mut Stage, version: PinnedVersion) {
    assert!(stage.world.disturb(Disturbance::ChangeTemplate { group: "legacy-prod".into(), version }));
}

#[test]
fn what_aws_rolled_back_to_something_else_is_brought_back_to_what_ran_before() {
    let mut stage = Stage::deploy();
    stage.until("baking", |stage| stage.progress.refresh.seen.as_ref().is_some_and(|refresh| refresh.status == RefreshStatus::Baking));
    assert!(stage.world.disturb(Disturbance::RefreshAlarm { group: "legacy-prod".into(), why: "alarm legacy-5xx".to_owned() }));
    stage.until("turned round", |stage| stage.versions().contains(&2));
    launches(&mut stage, PinnedVersion::Number(1));
    stage.until("rolled back by AWS", |stage| {
        stage.world.refreshes(&"legacy-prod".into()).unwrap().iter().all(|refresh| refresh.status == RefreshStatus::RollbackSuccessful)
    });
    assert!(stage.versions().contains(&1), "servers of what the group launched at that moment");
    launches(&mut stage, PinnedVersion::Number(2));
    stage.until_state(OperationState::BackedOut);
    assert_eq!((stage.versions(), stage.pinned(), stage.is_unclaimed()), (vec![2; 6], PinnedVersion::Number(2), true));
}

/// The deployed image behaves like this from now on.
fn turns(stage: &mut Stage, vigour: Vigour) {
    let image = stage.plan.to.image.clone();
    assert!(stage.world.disturb(Disturbance::ChangeVigour { image, vigour }));
}

#[test]
fn a_release_of_which_nothing_works_any_more_is_backed_out_at_once_also_while_aws_bakes_and_after_that() {
    let bakes = |stage: &Stage| stage.plan.steps[stage.progress.current].kind == StepKind::Bake;
    let settles = |stage: &Stage| stage.plan.steps[stage.progress.current].kind == StepKind::Stable;
    for (what, is_there) in [("baking", &bakes as &dyn Fn(&Stage) -> bool), ("settling", &settles)] {
        let mut stage = Stage::deploy();
        stage.until(what, is_there);
        turns(&mut stage, Vigour::NeverHealthy);
        let began = stage.world.now();
        stage.until_state(OperationState::BackingOut);
        let took = stage.world.now().since(began);
        assert!(took < Millis::mins(3), "{what}: it took {took}: {}", stage.progress.reason);
        stage.until_state(OperationState::BackedOut);
        assert_eq!((stage.versions(), stage.pinned()), (vec![2; 6], PinnedVersion::Number(2)), "{what}");
    }
}

#[test]
fn one_server_that_is_lost_after_ten_minutes_calls_nobody() {
    let mut stage = Stage::deploy();
    stage.until("settling", |stage| stage.plan.steps[stage.progress.current].kind == StepKind::Stable);
    stage.progress.step_started_at = Some(stage.world.now().minus(Millis::mins(20)));
    let server = stage.world.group(&"legacy-prod".into()).unwrap().instances[0].id.clone();
    assert!(stage.world.disturb(Disturbance::KillInstance { group: "legacy-prod".into(), instance: server }));
    stage.until("it is replaced and stable", |stage| {
        assert_ne!(stage.progress.state, OperationState::Holding, "{}", stage.progress.reason);
        stage.progress.state == OperationState::Succeeded
    });
}

#[test]
fn one_of_ours_that_runs_is_adopted_by_the_next_plan() {
    let mut stage = Stage::deploy();
    stage.half_way();
    let mut died = stage.view();
    died.progress.state = OperationState::Failed;
    stage.operations = vec![died];
    let plan = stage.facts(|facts| quarterdeck::plan::deploy::plan(facts, "0.9.9", None)).unwrap();
    assert!(plan.checks.iter().any(|check| check.text.contains("adopts the instance refresh")));
    stage.calls.clear();
    stage.begin(plan);
    stage.until_state(OperationState::Succeeded);
    assert_eq!((stage.count("StartInstanceRefresh"), stage.versions()), (0, vec![3; 6]));
}

#[test]
fn a_rollback_turns_round_what_runs_and_replaces_what_is_done() {
    for (done, api) in [(false, "RollbackInstanceRefresh"), (true, "StartInstanceRefresh")] {
        let mut stage = Stage::deploy();
        if done {
            stage.until_state(OperationState::Succeeded);
            let release = stage.plan.to.release(3);
            let body = LedgerBody::Stable { how: How::Deployed };
            let entry = LedgerEntry { seq: 2, release, body, ..stage.ledger[0].clone() };
            stage.ledger.push(entry);
        } else {
            stage.half_way();
        }
        stage.operations = vec![stage.view()];
        let plan = stage.facts(|facts| quarterdeck::plan::rollback::plan(facts, None)).unwrap();
        assert_eq!(plan.level.unwrap().word(), if done { "R2" } else { "R0" });
        assert_eq!((plan.from.template_version, plan.to.template_version), (Some(3), Some(2)));
        stage.calls.clear();
        stage.begin(plan);
        stage.until_state(OperationState::Succeeded);
        assert!(stage.progress.traffic_on_target_at.is_some());
        assert_eq!((stage.versions(), stage.pinned(), stage.is_unclaimed()), (vec![2; 6], PinnedVersion::Number(2), true));
        assert_eq!(stage.count(api), 1, "{:?}", stage.calls);
    }
}

#[test]
fn an_old_read_of_the_deploys_refresh_turns_no_way_back_round() {
    let mut stage = Stage::deploy();
    stage.half_way();
    let old = stage.look(Depth::WithRefreshes(Slot::A));
    stage.until_state(OperationState::Succeeded);
    let release = stage.plan.to.release(3);
    stage.ledger.push(LedgerEntry { seq: 2, release, body: LedgerBody::Stable { how: How::Deployed }, ..stage.ledger[0].clone() });
    stage.operations = vec![stage.view()];
    let plan = stage.facts(|facts| quarterdeck::plan::rollback::plan(facts, None)).unwrap();
    stage.calls.clear();
    stage.begin(plan);
    stage.until("started and claimed", |stage| stage.count("StartInstanceRefresh") * stage.count("CreateOrUpdateTags") > 0);
    let decision = stage.decides(&old).unwrap();
    assert_eq!((decision.call.map(|wanted| wanted.call), decision.waiting_for.as_str()), (None, "the instance refresh is not read back yet"));
}

#[test]
fn nobody_pauses_or_hurries_aws() {
    let mut stage = Stage::deploy();
    stage.half_way();
    let command = |kind| Command {
        id: 1,
        kind,
        step: 2,
        last_event: 0,
        by: Who::default(),
        reason: Some("because".into()),
        typed: Some(Untrusted::from("legacy-prod")),
        sent_at: BootTime(0),
        boot_id: "boot".to_owned(),
    };
    let reading = Read { now: BootTime(0), boot_id: "boot", lease_since: BootTime(0) };
    for kind in [CommandKind::Pause, CommandKind::Promote] {
        let answered = answer(&stage.plan, &stage.progress, &command(kind), &reading);
        assert!(!answered.accepted && answered.text.contains("AWS's engine"), "{}", answered.text);
    }
    assert!(answer(&stage.plan, &stage.progress, &command(CommandKind::BackOut), &reading).accepted);
}

#[test]
fn what_cannot_roll_is_refused_with_its_reason() {
    let refuses = |change: fn(&mut Stage)| {
        let mut stage = Stage::fleet("legacy-prod");
        change(&mut stage);
        stage.refuses("0.9.9", None).reason
    };
    let group = || "legacy-prod".into();
    let latest =
        refuses(|stage| assert!(stage.world.disturb(Disturbance::ChangeTemplate { group: "legacy-prod".into(), version: PinnedVersion::Latest })));
    assert!(latest.contains("$Latest"), "{latest}");
    let full = refuses(|stage| assert!(stage.world.disturb(Disturbance::SetBounds { group: "legacy-prod".into(), min: 4, max: 6 })));
    assert!(full.contains("no room for a new one"), "{full}");
    let stuck = refuses(|stage| assert!(stage.world.disturb(Disturbance::Suspend { group: "legacy-prod".into(), process: "Launch".to_owned() })));
    assert!(stuck.contains("Launch of legacy-prod is suspended"), "{stuck}");
    let others = refuses(|stage| assert!(stage.world.disturb(foreign(1, RefreshStrategy::Rolling))));
    assert!(others.contains("not ours"), "{others}");
    let stage = Stage::fleet("legacy-prod");
    assert!(stage.refuses("0.9.9", Some(Strategy::Canary)).reason.contains("one server group"));
    assert!(stage.refuses("0.9.8", None).remedy.contains("qd recycle legacy-prod"));
    let mut stage = Stage::fleet("legacy-prod");
    assert!(stage.world.disturb(Disturbance::ChangeTemplate { group: group(), version: PinnedVersion::Number(1) }));
    assert!(stage.refuses("0.9.9", None).reason.contains("do not run what the group launches"));
}

#[test]
fn a_recycle_replaces_every_server_by_one_of_the_same_version() {
    let mut stage = Stage::fleet("legacy-prod");
    let before: Vec<_> = stage.world.group(&"legacy-prod".into()).unwrap().instances.into_iter().map(|server| server.id).collect();
    let plan = stage.facts(quarterdeck::plan::rolling::recycle).unwrap();
    assert!(!plan.refresh.as_ref().unwrap().skip_matching);
    stage.begin(plan);
    stage.until_state(OperationState::Succeeded);
    assert!(!stage.progress.stable, "nothing new enters the ledger");
    let after = stage.world.group(&"legacy-prod".into()).unwrap();
    assert!(after.instances.iter().all(|server| !before.contains(&server.id)));
    assert_eq!((stage.versions(), stage.is_unclaimed()), (vec![2; 6], true));
}

#[test]
fn a_recycle_that_backs_out_stops_aws_and_keeps_what_is_fresh() {
    let mut stage = Stage::fleet("legacy-prod");
    let plan = stage.facts(quarterdeck::plan::rolling::recycle).unwrap();
    stage.begin(plan);
    let some_done = |stage: &Stage| stage.progress.refresh.seen.as_ref().is_some_and(|refresh| refresh.to_update == Some(4));
    stage.until("two are fresh", some_done);
    stage.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    stage.until_state(OperationState::BackedOut);
    assert_eq!((stage.count("CancelInstanceRefresh"), stage.count("RollbackInstanceRefresh"), stage.is_unclaimed()), (1, 0, true));
    assert_eq!(stage.world.refreshes(&"legacy-prod".into()).unwrap()[0].status, RefreshStatus::Cancelled);
}

#[test]
fn unreadable_refreshes_are_waited_for_and_nothing_is_asked_meanwhile() {
    let mut stage = Stage::deploy();
    stage.half_way();
    let mut seen = stage.look(Depth::WithRefreshes(Slot::A));
    seen.refreshes = Some(Reading::unknown("throttled"));
    for state in [OperationState::Running, OperationState::BackingOut] {
        stage.progress.state = state;
        let decision = stage.decides(&seen).unwrap();
        assert!(decision.call.is_none() && decision.wait > Millis::ZERO, "{decision:?}");
    }
}

#[test]
fn no_refresh_begins_while_what_the_group_launches_cannot_be_read() {
    let mut stage = Stage::deploy();
    stage.until("about to ask", |stage| stage.plan.steps[stage.progress.current].kind == StepKind::Refresh);
    let mut seen = stage.look(Depth::WithRefreshes(Slot::A));
    assert!(matches!(stage.decides(&seen).unwrap().call.map(|wanted| wanted.call), Some(CloudCall::StartInstanceRefresh { .. })));
    *seen.groups.get_mut(Slot::A) = Reading::unknown("throttled");
    let blind = stage.decides(&seen).unwrap();
    assert!(blind.call.is_none() && blind.wait > Millis::ZERO, "another hand may have changed what AWS would go back to: {blind:?}");
}

#[test]
fn a_claim_taken_off_without_an_answer_is_looked_for_before_it_is_believed_to_be_gone() {
    let mut stage = Stage::deploy();
    stage.half_way();
    stage.operations = vec![stage.view()];
    let plan = stage.facts(|facts| quarterdeck::plan::rollback::plan(facts, None)).unwrap();
    stage.begin(plan);
    stage.lose = Some(("DeleteTags", Lost::BeforeItHappened));
    stage.until("the claim was to be taken off", |stage| stage.count("DeleteTags") == 1);
    let mut seen = stage.look(Depth::WithRefreshes(Slot::A));
    *seen.groups.get_mut(Slot::A) = Reading::unknown("throttled");
    let blind = stage.decides(&seen).unwrap();
    assert!(blind.events.is_empty() && blind.wait > Millis::ZERO, "{blind:?}");
    stage.until_state(OperationState::Succeeded);
    assert!(stage.is_unclaimed());
}

#[test]
fn a_refresh_that_would_serve_with_fewer_servers_breaks_an_invariant() {
    let mut stage = Stage::deploy();
    stage.until("the version is made", |stage| stage.progress.candidate_version.is_some());
    stage.plan.refresh.as_mut().unwrap().min_healthy_pct = 50;
    stage.until("at the refresh", |stage| stage.plan.steps[stage.progress.current].kind == StepKind::Refresh);
    let seen = stage.look(Depth::WithRefreshes(Slot::A));
    assert_eq!(stage.decides(&seen).unwrap_err().id, "S1");
}

#[test]
fn a_refused_rollback_is_followed_by_a_stop_and_another_refresh() {
    let mut stage = Stage::deploy();
    stage.half_way();
    stage.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    let call = CloudCall::RollbackInstanceRefresh { group: "legacy-prod".into() };
    for call_no in 100..103 {
        stage.happens(EventBody::CallIntended { call_no, call: call.clone(), why: String::new() });
        let outcome = CallOutcome::Refused { kind: CloudErrorKind::Conflict, message: "irreversible".into() };
        stage.happens(EventBody::CallEnded { call_no, outcome });
    }
    stage.until_state(OperationState::BackedOut);
    assert_eq!((stage.count("RollbackInstanceRefresh"), stage.count("CancelInstanceRefresh"), stage.count("StartInstanceRefresh")), (0, 1, 2));
    assert_eq!(stage.versions(), [2; 6]);
}

//! S16 in the engine: what is asked of the database before a release is let in, and what does not go back to what cannot run any more.

use quarterdeck::domain::call::{CloudCall, CloudErrorKind};
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::schema::{LiveSchema, SchemaRange};
use quarterdeck::engine::Decision;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::StepKind;
use quarterdeck::operation::schema::{HookKind, SchemaPlan};

use crate::bench::Bench;

/// What runs works with schemas 12 and 13, the candidate with 14 and 15; 15 is live: nothing leads back to what runs once it serves no more.
fn one_way() -> Bench {
    let mut bench = Bench::canary(true);
    let schemas = |min| SchemaRange::between(Some(min), Some(min + 1));
    let hook = vec!["/usr/local/bin/schema".to_owned()];
    bench.plan.schema = Some(SchemaPlan { hook, live: LiveSchema::At(15), from: schemas(12), to: schemas(14), migration: None, one_way: None });
    bench.launches(Slot::B, 2);
    bench
}

/// Its candidate is ready for the first weight, and nobody asked for the schema yet.
fn ready() -> Bench {
    let mut bench = one_way();
    bench.at_step(|kind| matches!(kind, StepKind::Weight(_)));
    bench.pinned(Slot::A, 12);
    bench.servers_in(Slot::B, 1, 2);
    bench.pinned(Slot::B, 1);
    for _ in 0..3 {
        bench.turn();
        bench.later(5);
    }
    bench
}

fn told(bench: &mut Bench, schema: u64) {
    bench.happens(EventBody::SchemaRead { live: LiveSchema::At(schema) });
}

fn asks(decision: &Decision) -> bool {
    decision.hook.as_ref().is_some_and(|run| run.kind == HookKind::Schema)
}

/// The call of the next turn, before which it asks for the schema, as it has to.
fn call_after_asking(bench: &mut Bench) -> CloudCall {
    let asked = bench.turn();
    assert!(asks(&asked), "{asked:?}");
    told(bench, 15);
    bench.call().unwrap()
}

#[test]
fn what_was_refused_is_not_tried_again_on_what_was_asked_before_the_wait() {
    let mut bench = ready();
    let call = call_after_asking(&mut bench);
    bench.refused(call, CloudErrorKind::Throttled);
    bench.later(200);
    let call = call_after_asking(&mut bench);
    bench.refused(call, CloudErrorKind::Throttled);
    let waits = bench.turn();
    assert!(waits.call.is_none() && waits.hook.is_none() && waits.waiting_for.contains("was refused 2 times"), "{}", waits.waiting_for);
}

#[test]
fn what_was_told_and_not_acted_on_at_once_grows_old() {
    let mut bench = ready();
    assert!(asks(&bench.turn()));
    told(&mut bench, 15);
    let health = bench.seen.health.clone();
    bench.hide_health();
    let blind = bench.turn();
    assert!(blind.events.contains(&EventBody::SchemaPassedOver), "{blind:?}");
    bench.seen.health = health;
    let mut soon = bench.clone();
    bench.later(200);
    let (soon, later) = (ask_or_call(&mut soon), ask_or_call(&mut bench));
    assert!(soon.call.is_some(), "what was told some seconds ago is believed: {soon:?}");
    assert!(asks(&later), "what was told minutes ago is asked for again: {later:?}");
}

/// Looks until it asks or calls.
fn ask_or_call(bench: &mut Bench) -> Decision {
    for _ in 0..10 {
        let decision = bench.turn();
        if decision.call.is_some() || decision.hook.is_some() {
            return decision;
        }
        bench.later(5);
    }
    panic!("it neither asks nor calls")
}

#[test]
fn a_driver_asks_again_whatever_the_one_before_was_told() {
    let mut bench = ready();
    assert!(asks(&bench.turn()));
    told(&mut bench, 15);
    bench.happens(EventBody::DriverStarted { epoch: 2, host: "bastion".into(), pid: 7 });
    bench.later(1_000);
    assert!(asks(&ask_or_call(&mut bench)));
}

#[test]
fn what_is_tried_on_while_it_holds_is_asked_for_as_well() {
    let mut bench = ready();
    for _ in 0..3 {
        let call = call_after_asking(&mut bench);
        bench.refused(call, CloudErrorKind::Throttled);
        bench.later(200);
    }
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
    bench.later(200);
    let tries = bench.turn();
    assert!(asks(&tries) && tries.call.is_none(), "{tries:?}");
    assert_eq!(bench.state(), OperationState::Holding, "asking ends no hold");
    told(&mut bench, 16);
    let held = bench.turn();
    assert!(held.call.is_none(), "16 is newer than it works with: {held:?}");
}

#[test]
fn what_another_hand_took_out_of_the_traffic_is_not_let_in_again_where_it_does_not_run() {
    let mut bench = one_way();
    told(&mut bench, 15);
    bench.at_step(|kind| matches!(kind, StepKind::Weight(_)));
    bench.servers_in(Slot::B, 12, 2);
    bench.weights(0, 100);
    let mut served = bench.clone();
    bench.targets_of(Slot::B, Some(quarterdeck::domain::traffic::TargetState::Unhealthy));
    bench.turn();
    assert_eq!((bench.state(), bench.progress.deadline), (OperationState::Holding, None), "a person has to decide");
    assert!(bench.progress.reason.contains("it does not back out: 2.13.2 cannot run any more: schema 15 > max 13"), "{}", bench.progress.reason);
    assert!(bench.progress.left_out, "commands and sheets know it as well");

    served.weights(95, 5);
    served.targets_of(Slot::B, Some(quarterdeck::domain::traffic::TargetState::Unhealthy));
    served.turn();
    assert_eq!(served.state(), OperationState::BackingOut, "what serves goes on serving");
}

#[test]
fn no_step_lets_in_again_what_another_hand_took_out_and_what_serves_grows() {
    let mut bench = ready();
    told(&mut bench, 15);
    bench.weights(0, 100);
    bench.happens(EventBody::Promoted { step: bench.progress.current });
    bench.turn();
    assert_eq!((bench.state(), bench.progress.deadline), (OperationState::Holding, None), "a person has to decide");
    assert!(bench.progress.reason.contains("2.13.2 would get traffic again; it does not back out"), "{}", bench.progress.reason);
    let grows = CloudCall::RaiseMin { group: "web-prod-b".into(), min: 12, max: None };
    assert_eq!(bench.call(), Ok(grows), "the candidate has everything");
}

#[test]
fn a_person_who_promotes_at_the_last_step_has_its_traffic_put_right() {
    let mut bench = one_way();
    told(&mut bench, 15);
    bench.at_step(|kind| kind == StepKind::Stable);
    bench.pinned(Slot::A, 12);
    bench.servers_in(Slot::B, 12, 2);
    bench.pinned(Slot::B, 12);
    bench.weights(90, 10);
    bench.happens(EventBody::Promoted { step: bench.progress.current });
    let mut asked = ask_or_call(&mut bench);
    if asks(&asked) {
        told(&mut bench, 15);
        asked = ask_or_call(&mut bench);
    }
    assert_eq!(bench.shares(&asked.call.unwrap().call), Some((0, 100)));
}

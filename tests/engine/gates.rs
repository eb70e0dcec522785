//! Gates before the first weight, and the hold before a switch.

use quarterdeck::domain::fleet::{Slot, Strategy};
use quarterdeck::domain::ids::ImageId;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::gate::{Gate, GateOutcome};
use quarterdeck::operation::plan::StepKind;

use crate::bench::Bench;

fn gated() -> Bench {
    let mut bench = Bench::of_spec(Strategy::BlueGreen, |spec| {
        spec.gates = vec![vec!["/usr/bin/smoke".to_owned(), "--quick".to_owned()], vec!["/usr/bin/schema".to_owned()]];
        spec.hold = true;
    });
    bench.at_step(|kind| kind == StepKind::Gates);
    bench.launches(Slot::B, 2);
    bench.servers_in(Slot::B, 12, 2);
    bench
}

fn ended(gate: usize, passed: bool) -> EventBody {
    EventBody::GateEnded { gate, outcome: GateOutcome { passed, said: "as it said".into() } }
}

#[test]
fn gates_run_one_after_the_other_and_see_the_candidate() {
    let mut bench = gated();
    let first = bench.turn().gate.unwrap();
    assert_eq!((first.number, first.gate.name()), (0, "smoke".to_owned()));
    let document: serde_json::Value = serde_json::from_str(&first.document).unwrap();
    assert_eq!(document["servers"].as_array().unwrap().len(), 12);
    assert_eq!(document["to"]["version"], "2.14.0");
    assert_eq!(document["to"]["image"], ImageId::as_str(&bench.plan.to.image));
    bench.happens(ended(0, true));
    assert_eq!(bench.turn().gate.unwrap().gate, Gate(vec!["/usr/bin/schema".to_owned()]));
    bench.happens(ended(1, true));
    let next = bench.turn();
    assert!(next.events.iter().any(|event| matches!(event, EventBody::StepEnded { note, .. } if note == "2 of 2 gates passed")));
}

#[test]
fn one_veto_and_the_deploy_backs_out_with_the_gates_words() {
    let mut bench = gated();
    bench.turn();
    bench.happens(ended(0, false));
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut);
    assert!(bench.progress.reason.contains("smoke does not let 2.14.0 pass: as it said"), "{}", bench.progress.reason);
}

#[test]
fn the_switch_waits_for_a_person_and_backs_out_without_one() {
    let mut bench = gated();
    bench.at_step(|kind| kind == StepKind::Approve);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
    let mut promoted = bench.clone();
    promoted.happens(EventBody::Promoted { step: promoted.progress.current });
    promoted.happens(EventBody::StateChanged { to: OperationState::Running, reason: String::new(), deadline: None });
    assert!(promoted.turn().events.iter().any(|event| matches!(event, EventBody::StepStarted { .. })));
    bench.later(31 * 60);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut);
}

#[test]
fn a_candidate_whose_servers_do_not_stay_is_left_while_it_waits_for_a_person() {
    let mut bench = gated();
    bench.at_step(|kind| kind == StepKind::Approve);
    bench.launches(Slot::B, 2);
    for _ in 0..2 {
        bench.servers_in(Slot::B, 12, 2);
        bench.turn();
        assert_eq!(bench.state(), OperationState::Holding, "{}", bench.progress.reason);
    }
    bench.servers_in(Slot::B, 12, 2);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut, "{}", bench.progress.reason);
    assert!(bench.progress.reason.contains("they do not stay"), "{}", bench.progress.reason);
}

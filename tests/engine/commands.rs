//! The table of states and commands, and what a command has to bring along.

use quarterdeck::domain::fleet::WeightStep;
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::BootTime;
use quarterdeck::engine::answer::{Answer, Reading, answer};
use quarterdeck::operation::command::{Command, CommandKind, Who};
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::StepKind;

use crate::bench::Bench;

const NOW: BootTime = BootTime(1_000_000);

fn command(bench: &Bench, kind: CommandKind) -> Command {
    let reason = Some(Untrusted::from("it is fine"));
    let step = bench.progress.current;
    Command { id: 1, kind, step, last_event: 0, by: Who::default(), reason, typed: None, sent_at: NOW, boot_id: "one".to_owned() }
}

fn ask(bench: &mut Bench, command: &Command) -> Answer {
    let answered = answer(&bench.plan, &bench.progress, command, &Reading { now: NOW, boot_id: "one", lease_since: BootTime(0) });
    answered.events.iter().cloned().for_each(|body| bench.happens(body));
    answered
}

fn running() -> Bench {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| matches!(kind, StepKind::Weight(WeightStep { weight_pct: 25, .. })));
    bench
}

#[test]
fn every_state_answers_as_the_rules_say() {
    use CommandKind::{BackOut, Pause, Promote, Resume};
    use OperationState as S;
    let table = [
        (S::Planned, [false, false, false, true]),
        (S::Running, [true, false, true, true]),
        (S::Holding, [true, true, true, true]),
        (S::Paused, [true, true, false, true]),
        (S::BackingOut, [false, false, false, true]),
        (S::Succeeded, [false; 4]),
        (S::BackedOut, [false; 4]),
        (S::Failed, [false; 4]),
        (S::Superseded, [false; 4]),
    ];
    for (state, expected) in table {
        for (kind, accepted) in [Pause, Resume, Promote, BackOut].into_iter().zip(expected) {
            let mut bench = running();
            bench.progress.state = state;
            let asked = command(&bench, kind);
            assert_eq!(ask(&mut bench, &asked).accepted, accepted, "{kind:?} while {state:?}");
        }
    }
}

#[test]
fn pause_and_back_out_joined_change_nothing() {
    let mut bench = running();
    for (kind, state) in [(CommandKind::Pause, OperationState::Paused), (CommandKind::BackOut, OperationState::BackingOut)] {
        let asked = command(&bench, kind);
        ask(&mut bench, &asked);
        assert_eq!(bench.state(), state);
        assert_eq!(ask(&mut bench, &asked).events.len(), 1, "only the answer itself");
    }
}

#[test]
fn a_promote_of_a_step_that_is_over_is_refused() {
    let mut bench = running();
    let mut stale = command(&bench, CommandKind::Promote);
    stale.step -= 1;
    let answered = ask(&mut bench, &stale);
    assert!(!answered.accepted && answered.text.contains("look again"), "{}", answered.text);
    assert!(!bench.progress.promoted);
}

#[test]
fn a_promote_in_production_needs_a_reason() {
    let mut bench = running();
    let mut bare = command(&bench, CommandKind::Promote);
    bare.reason = None;
    assert!(!ask(&mut bench, &bare).accepted);
}

#[test]
fn commands_that_waited_too_long_or_were_meant_for_an_earlier_driver_are_refused() {
    let bench = running();
    let asked = command(&bench, CommandKind::BackOut);
    let at = |now, boot_id, lease_since| answer(&bench.plan, &bench.progress, &asked, &Reading { now, boot_id, lease_since }).accepted;
    assert!(at(BootTime(1_060_000), "one", BootTime(0)));
    assert!(!at(BootTime(1_060_001), "one", BootTime(0)), "after a minute");
    assert!(!at(NOW, "two", BootTime(0)), "from before a reboot");
    assert!(at(BootTime(1_020_000), "one", BootTime(1_015_000)), "it started this driver");
    assert!(!at(BootTime(1_020_000), "one", BootTime(1_015_001)), "it was sent to the driver before");
}

#[test]
fn a_window_is_ended_early_only_by_the_typed_name() {
    let mut bench = running();
    bench.progress.state = OperationState::Waiting;
    let mut asked = command(&bench, CommandKind::Promote);
    assert!(!ask(&mut bench, &asked).accepted);
    asked.typed = Some("web-prod".into());
    let answered = ask(&mut bench, &asked);
    assert!(matches!(answered.events[1], EventBody::Promoted { .. }));
}

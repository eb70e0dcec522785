//! How bakes end, and that nothing of them is left.

use quarterdeck::bake::join::LOST_LINE;
use quarterdeck::domain::bake::{Leftover, LeftoverKind, MachineRole, MachineState};
use quarterdeck::domain::ids::ImageId;
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::bake::BakeAnswer;
use quarterdeck::operation::event::{EventBody, OperationState, StepOutcome};
use quarterdeck::plan::bake::sweep;
use quarterdeck::world::{BakeFaults, Disturbance};

use crate::mill::{Mill, START, answer, recipe, setting, wish};

fn faults(change: impl FnOnce(&mut BakeFaults)) -> BakeFaults {
    let mut faults = BakeFaults::default();
    change(&mut faults);
    faults
}

#[test]
fn a_bake_ends_with_a_verified_image_and_nothing_else() {
    let mut mill = Mill::new(BakeFaults::default()).ended();
    assert_eq!(mill.progress.state, OperationState::Succeeded, "{}", mill.progress.reason);
    assert_eq!(mill.tag("qd:stage").as_deref(), Some("verified"));
    assert_eq!(mill.tag("qd:gates").as_deref(), Some("passed: boot, http, smoke"));
    assert_eq!((mill.tag("qd:app").as_deref(), mill.tag("qd:base").as_deref()), (Some("web"), Some("ami-0ba5e00000000024")));
    assert_eq!((mill.tag("team").as_deref(), mill.tag("qd:operation").as_deref()), (Some("web"), Some("st0re/op-1")));
    assert!(mill.progress.steps.iter().all(|step| step.outcome == Some(StepOutcome::Success)), "{:#?}", mill.progress.steps);
    assert_eq!((mill.calls("RunInstances"), mill.calls("CreateImage"), mill.calls("TerminateInstances")), (2, 1, 2));
    mill.leaves_nothing();
}

#[test]
fn watching_a_bake_costs_at_most_six_calls_a_minute() {
    let mut mill = Mill::new(faults(|faults| faults.slow_snapshots = true));
    mill.run_to("provision");
    let (began, reads) = (mill.world.now(), mill.reads);
    mill.run_to("clean and seal");
    let minutes = mill.world.now().since(began).as_secs().max(60) / 60;
    assert!((mill.reads - reads) as u64 <= 6 * (minutes + 1), "{} calls in {minutes} minutes", mill.reads - reads);
    mill.run_to("snapshot");
    mill.one_turn();
    let (began, reads) = (mill.world.now(), mill.reads);
    (0..20).for_each(|_| mill.one_turn());
    let minutes = mill.world.now().since(began).as_secs() / 60;
    assert!((mill.reads - reads) as u64 <= 6 * minutes, "{} calls in {minutes} minutes", mill.reads - reads);
}

#[test]
fn watching_gates_costs_at_most_six_calls_a_minute_and_what_is_left_is_listed_twice() {
    let mut mill = Mill::new(BakeFaults::default());
    mill.run_to("gates");
    while mill.progress.machine(MachineRole::Gate).is_none_or(|gate| gate.state() != Some(MachineState::Running)) {
        mill.one_turn();
    }
    let (began, reads) = (mill.world.now(), mill.reads);
    mill.run_to("verified");
    let secs = mill.world.now().since(began).as_secs();
    // Each gate that ends is followed by a look at once.
    let after_gates = 2 * (mill.plan.gates.len() as u64 + 1);
    let spent = (mill.reads - reads) as u64;
    assert!(spent <= 6 * secs / 60 + after_gates, "{spent} calls in {secs} seconds");
    let mut mill = mill.ended();
    assert_eq!(mill.listings, 2, "at its beginning and at its end");
    mill.leaves_nothing();
}

#[test]
fn a_provisioner_that_fails_shows_its_last_lines_and_its_builder_goes() {
    let mut mill = Mill::new(faults(|faults| faults.failing = Some(1))).ended();
    assert_eq!(mill.progress.state, OperationState::Failed);
    assert!(mill.progress.reason.starts_with("site failed with exit status 1"), "{}", mill.progress.reason);
    assert!(mill.progress.last_lines.iter().any(|line| line.raw().contains("this part was made to fail")), "{:?}", mill.progress.last_lines);
    assert_eq!((mill.calls("CreateImage"), mill.progress.image.is_none()), (0, true));
    mill.leaves_nothing();
}

#[test]
fn a_builder_is_kept_on_failure_until_its_time_is_over_and_then_swept() {
    let mut wanted = wish(recipe());
    wanted.keep_on_failure = Some(Millis::mins(30));
    let mill = Mill::with(&wanted, faults(|faults| faults.failing = Some(0))).ended();
    assert!(mill.progress.reason.contains("is kept until"), "{}", mill.progress.reason);
    let (_, until) = mill.progress.kept.clone().unwrap();
    assert_eq!(mill.world.leftovers().iter().map(|left| left.until).collect::<Vec<_>>(), [Some(until)]);

    let early = Mill::of(mill.world.clone(), sweep(&setting(), "sim", mill.world.now()), "op-2").ended();
    assert_eq!((early.progress.state, early.world.leftovers().len()), (OperationState::Succeeded, 1), "its time is not over");
    let mut world = early.world;
    world.advance(until.plus(Millis::secs(1)));
    let mut late = Mill::of(world, sweep(&setting(), "sim", until), "op-3");
    late.pass(Millis::mins(31));
    let mut late = late.ended();
    assert_eq!(late.progress.swept.len(), 1);
    late.leaves_nothing();
}

#[test]
fn nothing_is_swept_on_an_incomplete_listing() {
    let mut world = Mill::new(BakeFaults::default()).world;
    let left =
        Leftover { kind: LeftoverKind::Volume, id: "vol-1".to_owned(), operation: "old/op-9".into(), until: Some(START.minus(Millis::mins(1))) };
    world.disturb(Disturbance::LeaveBehind(left.clone()));
    world.disturb(Disturbance::SpoilBakes(faults(|faults| faults.incomplete = true)));
    let blind = Mill::of(world.clone(), sweep(&setting(), "sim", START), "op-2").ended();
    assert_eq!((blind.calls("DeleteVolume"), blind.progress.steps[0].outcome), (0, Some(StepOutcome::Warning)));
    world.disturb(Disturbance::SpoilBakes(BakeFaults::default()));
    world.disturb(Disturbance::LeaveBehind(Leftover { until: None, id: "vol-2".to_owned(), ..left }));
    let seeing = Mill::of(world, sweep(&setting(), "sim", START), "op-2").ended();
    assert_eq!((seeing.calls("DeleteVolume"), seeing.world.leftovers().len()), (1, 1), "what tells no time is nobody's to remove");
}

#[test]
fn a_builder_that_never_answers_is_given_up_and_removed() {
    let mut mill = Mill::new(faults(|faults| faults.silent = true)).ended();
    assert!(mill.progress.reason.contains("never said anything in 15m"), "{}", mill.progress.reason);
    mill.leaves_nothing();
}

#[test]
fn lines_the_console_lost_are_counted_and_lose_no_outcome() {
    let mut mill = Mill::new(faults(|faults| faults.noise = 900)).ended();
    assert_eq!(mill.progress.state, OperationState::Succeeded, "{}", mill.progress.reason);
    let told = mill.progress.told_by(MachineRole::Builder).unwrap();
    assert!(String::from_utf8_lossy(&mill.log).contains(LOST_LINE));
    assert!(told.parts.iter().any(|(_, part)| part.task.as_ref().is_some_and(|task| task.raw().starts_with("sleep "))), "{told:?}");
    assert!(told.lost_lines > 0 && told.parts.values().all(|part| part.outcome.is_some()), "{told:?}");
    mill.leaves_nothing();
}

#[test]
fn an_image_that_turns_up_after_the_time_limit_is_adopted() {
    let mut mill = Mill::new(faults(|faults| faults.slow_snapshots = true)).ended();
    assert_eq!(mill.progress.state, OperationState::Succeeded, "{}", mill.progress.reason);
    assert!(mill.world.now().since(START) > Millis::mins(40));
    mill.leaves_nothing();
}

#[test]
fn an_unfinished_image_of_the_same_inputs_is_gone_on_with() {
    let mut mill = Mill::new(BakeFaults::default());
    mill.run_to("gates");
    mill.record(vec![EventBody::StateChanged { to: OperationState::BackingOut, reason: "aborted by ada".to_owned(), deadline: None }]);
    let mut first = mill.ended();
    first.leaves_nothing();
    let image = first.progress.image.clone().unwrap();
    let BakeAnswer::Bake(plan) = answer(&first.world, &wish(recipe())).unwrap() else { panic!("it has no gate records") };
    assert_eq!((plan.adopted.as_ref(), plan.steps.len()), (Some(&image), 5));
    let mut second = Mill::of(first.world, *plan, "op-2").ended();
    assert_eq!((second.progress.state, second.progress.image.as_ref()), (OperationState::Succeeded, Some(&image)), "{}", second.progress.reason);
    assert_eq!((second.calls("CreateImage"), second.tag("qd:stage").as_deref()), (0, Some("verified")));
    second.leaves_nothing();
}

#[test]
fn a_base_deregistered_in_between_ends_it_before_anything_is_launched() {
    let mut mill = Mill::new(BakeFaults::default());
    mill.world.disturb(Disturbance::LoseBase { image: ImageId::new("ami-0ba5e00000000024") });
    let mut mill = mill.ended();
    assert!(mill.progress.reason.contains("was deregistered since the plan was made"), "{}", mill.progress.reason);
    assert_eq!(mill.calls("RunInstances"), 0);
    mill.leaves_nothing();
}

#[test]
fn an_image_the_cloud_cannot_make_fails_the_bake_cleanly() {
    let mut mill = Mill::new(faults(|faults| faults.failing_images = true)).ended();
    assert!(mill.progress.reason.contains("could not make image"), "{}", mill.progress.reason);
    mill.leaves_nothing();
}

#[test]
fn a_failed_gate_stays_with_the_image_and_the_rest_goes() {
    let mut mill = Mill::new(faults(|faults| faults.failing_gate = Some(1))).ended();
    assert_eq!(mill.progress.state, OperationState::Failed);
    assert_eq!((mill.tag("qd:gates").as_deref(), mill.tag("qd:stage").as_deref()), (Some("failed: http"), Some("baked")));
    mill.leaves_nothing();
}

#[test]
fn volumes_that_stay_when_their_instance_goes_are_removed() {
    let mut mill = Mill::new(faults(|faults| faults.volumes_stay = true)).ended();
    assert_eq!((mill.progress.state, mill.calls("DeleteVolume")), (OperationState::Succeeded, 2), "{}", mill.progress.reason);
    mill.leaves_nothing();
}

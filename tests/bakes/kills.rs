//! kill -9 at every step, answers lost at every call, aborts at every step: one builder, one image, and nothing left.

use std::collections::BTreeSet;

use quarterdeck::bake::join::LOST_LINE;
use quarterdeck::domain::bake::{Leftover, LeftoverKind};
use quarterdeck::domain::recipe::{GateCheck, ImageGate};
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::plan::bake::sweep;
use quarterdeck::world::{BakeFaults, Disturbance};

use crate::mill::{Death, Mill, START, recipe, setting, wish};

fn moments() -> usize {
    with_hook().ended().moments
}

const DEATHS: [Death; 4] = [Death::Recorded, Death::BeforeCall, Death::AfterCall, Death::InGate];

/// A bake with a gate of each kind.
fn with_hook() -> Mill {
    let hook = ImageGate { name: "ask".to_owned(), within: Millis::mins(2), check: GateCheck::Hook { argv: vec!["/usr/bin/ask".to_owned()] } };
    let mut recipe = recipe();
    recipe.gates.push(hook);
    let mut mill = Mill::with(&wish(recipe), BakeFaults::default());
    mill.world.disturb(left_by_another());
    mill
}

/// A volume past its time to live, so that the sweep has something to do.
pub fn left_by_another() -> Disturbance {
    let until = Some(START.minus(Millis::mins(1)));
    Disturbance::LeaveBehind(Leftover { kind: LeftoverKind::Volume, id: "vol-1".to_owned(), operation: "old/op-9".into(), until })
}

#[test]
fn a_driver_killed_at_any_moment_is_followed_by_one_that_finishes() {
    let moments = moments();
    let (mut died, mut steps) = (0, BTreeSet::new());
    for at in 0..moments {
        for death in DEATHS {
            let mut mill = with_hook();
            if !mill.run(Some((at, death))) {
                continue;
            }
            died += 1;
            steps.insert(mill.progress.current);
            mill.take_over();
            let mut mill = mill.ended();
            assert_eq!(mill.progress.state, OperationState::Succeeded, "killed at {at} {death:?}: {}", mill.progress.reason);
            let made = mill.world.call_log().iter().filter(|logged| logged.call.aws_name() == "CreateImage" && logged.outcome.is_ok()).count();
            assert_eq!(made, 1, "killed at {at} {death:?}");
            let log = String::from_utf8(mill.log.clone()).unwrap();
            let told = (log.matches("Linux version").count(), log.matches(" done ok ").count(), log.matches(LOST_LINE).count());
            assert_eq!(told, (2, 2, 0), "each console stands in the log once, killed at {at} {death:?}:\n{log}");
            assert!(mill.progress.told.values().all(|told| told.lost_lines == 0), "killed at {at} {death:?}");
            mill.leaves_nothing();
        }
    }
    assert!(died > moments, "{died} deaths in {moments} moments");
    assert_eq!(steps, (0..=with_hook().plan.steps.len()).collect(), "it died in every step, and after the last");
}

#[test]
fn what_nobody_takes_over_is_swept_once_its_time_is_over() {
    for at in 0..moments() {
        for death in DEATHS {
            let mut mill = with_hook();
            if !mill.run(Some((at, death))) || mill.progress.state.is_final() {
                continue;
            }
            let early = Mill::of(mill.world.clone(), sweep(&setting(), "sim", mill.world.now()), "op-2").ended();
            assert_eq!(early.calls("TerminateInstances"), 0, "killed at {at} {death:?}: its time is not over");
            mill.pass(Millis::mins(60 * 24));
            let now = mill.world.now();
            let late = Mill::of(mill.world, sweep(&setting(), "sim", now), "op-2").ended();
            assert_eq!(late.world.leftovers(), [], "killed at {at} {death:?}");
        }
    }
}

#[test]
fn a_bake_aborted_after_a_kill_at_any_moment_leaves_nothing() {
    for at in 0..moments() {
        for death in DEATHS {
            let mut mill = with_hook();
            if !mill.run(Some((at, death))) || mill.progress.state.is_final() {
                continue;
            }
            mill.take_over();
            mill.record(vec![EventBody::StateChanged { to: OperationState::BackingOut, reason: "aborted".to_owned(), deadline: None }]);
            mill.ended().leaves_nothing();
        }
    }
}

#[test]
fn an_answer_lost_after_its_effect_makes_no_second_thing() {
    for call in ["RunInstances", "CreateImage", "CreateTags", "TerminateInstances"] {
        let mut mill = Mill::new(BakeFaults::default());
        mill.lose = vec![call, call];
        let mut mill = mill.ended();
        assert_eq!(mill.progress.state, OperationState::Succeeded, "{call}: {}", mill.progress.reason);
        let launched: BTreeSet<_> = mill.world.call_log().iter().filter_map(|logged| logged.outcome.clone().ok()?.instance).collect();
        assert_eq!(launched.len(), 2, "{call}: a builder and an instance for the gates");
        mill.leaves_nothing();
    }
}

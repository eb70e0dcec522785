//! kill -9 at every step, answers lost at every call, aborts at every step: one builder, one image, and nothing left.

use quarterdeck::bake::join::LOST_LINE;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::world::BakeFaults;

use crate::mill::{Death, Mill};

fn moments() -> usize {
    Mill::new(BakeFaults::default()).ended().moments
}

#[test]
fn a_driver_killed_at_any_moment_is_followed_by_one_that_finishes() {
    let moments = moments();
    let mut died = 0;
    for at in 0..moments {
        for death in [Death::Recorded, Death::BeforeCall, Death::AfterCall] {
            let mut mill = Mill::new(BakeFaults::default());
            if !mill.run(Some((at, death))) {
                continue;
            }
            died += 1;
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
}

#[test]
fn a_bake_aborted_after_a_kill_at_any_moment_leaves_nothing() {
    for at in 0..moments() {
        for death in [Death::Recorded, Death::BeforeCall, Death::AfterCall] {
            let mut mill = Mill::new(BakeFaults::default());
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
        let launched: std::collections::BTreeSet<_> =
            mill.world.call_log().iter().filter_map(|logged| logged.outcome.clone().ok()?.instance).collect();
        assert_eq!(launched.len(), 2, "{call}: a builder and an instance for the gates");
        mill.leaves_nothing();
    }
}

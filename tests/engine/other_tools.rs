//! What other hands and other tools do to a fleet that AWS's own engine replaces: held for, never adopted and never overwritten unseen.

use quarterdeck::domain::group::PinnedVersion;
use quarterdeck::domain::refresh::{DesiredTemplate, RefreshPreferences, RefreshStrategy};
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::ledger::{How, LedgerBody, LedgerEntry};
use quarterdeck::world::Disturbance;

use crate::stage::Stage;

/// Another tool's refresh of legacy-prod to this version.
pub fn foreign(version: u64, strategy: RefreshStrategy) -> Disturbance {
    Disturbance::StartRefresh {
        group: "legacy-prod".into(),
        template: DesiredTemplate::numbered("lt-legacy-prod".into(), version),
        preferences: Box::new(RefreshPreferences { skip_matching: false, ..RefreshPreferences::careful() }),
        strategy,
    }
}

#[test]
fn a_refresh_somebody_cancels_holds_and_goes_on_when_a_person_promotes() {
    let mut stage = Stage::deploy();
    stage.half_way();
    assert!(stage.world.disturb(Disturbance::CancelRefresh { group: "legacy-prod".into() }));
    stage.until_state(OperationState::Holding);
    assert!(stage.progress.reason.contains("cancelled"), "{}", stage.progress.reason);
    stage.happens(EventBody::Promoted { step: stage.progress.current });
    stage.until_state(OperationState::Succeeded);
    assert_eq!((stage.count("StartInstanceRefresh"), stage.versions()), (2, vec![3; 6]));
}

#[test]
fn a_refresh_somebody_cancels_and_nobody_answers_for_is_backed_out() {
    let mut stage = Stage::deploy();
    stage.half_way();
    assert!(stage.world.disturb(Disturbance::CancelRefresh { group: "legacy-prod".into() }));
    stage.until_state(OperationState::BackedOut);
    assert_eq!((stage.versions(), stage.pinned()), (vec![2; 6], PinnedVersion::Number(2)));
}

#[test]
fn another_template_pinned_by_hand_stops_it_before_aws_could_go_back_to_the_wrong_one() {
    let mut stage = Stage::deploy();
    stage.half_way();
    assert!(stage.world.disturb(Disturbance::ChangeTemplate { group: "legacy-prod".into(), version: PinnedVersion::Number(1) }));
    stage.until_state(OperationState::Holding);
    assert!(stage.progress.reason.contains("another hand changed what legacy-prod launches"), "{}", stage.progress.reason);
}

#[test]
fn another_hands_refresh_is_never_adopted_and_never_stopped_by_a_deploy() {
    let mut stage = Stage::deploy();
    stage.until("the version is made", |stage| stage.progress.candidate_version.is_some());
    assert!(stage.world.disturb(foreign(1, RefreshStrategy::Rolling)));
    stage.until_state(OperationState::Holding);
    assert!(stage.progress.reason.contains("another hand's instance refresh"), "{}", stage.progress.reason);
    assert_eq!(stage.count("StartInstanceRefresh") + stage.count("CancelInstanceRefresh"), 0);
}

#[test]
fn replacing_root_volumes_is_refused_even_with_our_version() {
    let mut stage = Stage::deploy();
    stage.until("the version is made", |stage| stage.progress.candidate_version.is_some());
    assert!(stage.world.disturb(foreign(3, RefreshStrategy::ReplaceRootVolume)));
    stage.until_state(OperationState::Holding);
    assert_eq!(stage.count("StartInstanceRefresh"), 0);
    let stage = Stage { operations: Vec::new(), ..stage };
    let refused = stage.refuses("0.9.9", None);
    assert!(refused.reason.contains("changes servers instead of replacing them"), "{refused}");
}

#[test]
fn a_rollback_stops_another_hands_refresh_only_for_a_typed_name() {
    let mut stage = Stage::deploy();
    stage.until_state(OperationState::Succeeded);
    let entry = LedgerEntry { seq: 2, release: stage.plan.to.release(3), body: LedgerBody::Stable { how: How::Deployed }, ..stage.ledger[0].clone() };
    stage.ledger.push(entry);
    assert!(stage.world.disturb(foreign(1, RefreshStrategy::Rolling)));
    stage.world.advance(stage.world.now().plus(Millis::mins(3)));
    let plan = stage.facts(|facts| quarterdeck::plan::rollback::plan(facts, Some("0.9.8"))).unwrap();
    assert!(matches!(&plan.friction, quarterdeck::operation::plan::Friction::Typed { because } if because.contains("another hand's")));
    stage.calls.clear();
    stage.begin(plan);
    stage.until_state(OperationState::Succeeded);
    assert_eq!((stage.count("CancelInstanceRefresh"), stage.count("StartInstanceRefresh"), stage.versions()), (1, 1, vec![2; 6]));
}

//! Sharing and copying a verified image: done once, told of on the image, and gone on with where it stopped.

use quarterdeck::domain::recipe::Recipe;
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::bake::{BakeAnswer, BakePlan};
use quarterdeck::operation::event::{OperationState, StepOutcome};
use quarterdeck::world::{BakeFaults, Disturbance, World};

use crate::mill::{Death, Mill, answer, recipe, wish};

const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
const REGIONS: [&str; 2] = ["eu-west-1", "us-west-2"];

fn shared_recipe() -> Recipe {
    Recipe { share_with: ACCOUNTS.map(str::to_owned).to_vec(), copy_to: REGIONS.map(str::to_owned).to_vec(), ..recipe() }
}

fn mill(faults: BakeFaults) -> Mill {
    Mill::with(&wish(shared_recipe()), faults)
}

fn titles(plan: &BakePlan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.title.as_str()).collect()
}

fn planned(world: &World) -> BakeAnswer {
    answer(world, &wish(shared_recipe())).unwrap()
}

fn handed_out(mill: &Mill) {
    let image = mill.progress.image.clone().unwrap();
    assert_eq!(mill.world.shared_with(&image).iter().map(|account| account.raw()).collect::<Vec<_>>(), ACCOUNTS);
    assert_eq!(mill.tag("qd:shared").as_deref(), Some("111122223333 444455556666"));
    assert_eq!(mill.tag("qd:copied").as_deref(), Some("eu-west-1 us-west-2"));
}

#[test]
fn a_verified_image_is_shared_and_copied_as_steps_of_its_bake() {
    let mut mill = mill(BakeFaults::default());
    assert_eq!(titles(&mill.plan)[8..], ["verified", "share", "copy"]);
    mill.run_to("share");
    assert_eq!((mill.tag("qd:stage").as_deref(), mill.calls("ModifyImageAttribute")), (Some("verified"), 0));
    let mut mill = mill.ended();
    assert_eq!(mill.progress.state, OperationState::Succeeded, "{}", mill.progress.reason);
    assert!(mill.progress.steps.iter().all(|step| step.outcome == Some(StepOutcome::Success)), "{:#?}", mill.progress.steps);
    assert_eq!((mill.calls("ModifyImageAttribute"), mill.calls("CopyImage")), (1, 2));
    handed_out(&mill);
    mill.leaves_nothing();
    assert!(matches!(planned(&mill.world), BakeAnswer::Reuse { .. }), "nothing is missing");
}

#[test]
fn a_recipe_that_hands_nothing_out_has_no_such_steps() {
    assert_eq!(titles(&Mill::new(BakeFaults::default()).plan).last(), Some(&"verified"));
}

#[test]
fn a_driver_killed_while_it_hands_out_is_followed_by_one_that_copies_nothing_twice() {
    let mut first = mill(BakeFaults::default());
    first.run_to("share");
    let (from, to) = (first.moments, mill(BakeFaults::default()).ended().moments);
    assert!(to > from + 5, "{from} to {to}");
    for at in from..to {
        for death in [Death::Recorded, Death::BeforeCall, Death::AfterCall] {
            let mut mill = mill(BakeFaults::default());
            if !mill.run(Some((at, death))) || mill.progress.state.is_final() {
                continue;
            }
            mill.take_over();
            let mut mill = mill.ended();
            assert_eq!(mill.progress.state, OperationState::Succeeded, "killed at {at} {death:?}: {}", mill.progress.reason);
            handed_out(&mill);
            mill.leaves_nothing();
        }
    }
}

#[test]
fn a_copy_that_fails_leaves_the_image_verified_and_the_next_bake_does_only_what_is_missing() {
    let failed = mill(BakeFaults { failing_copies: true, ..BakeFaults::default() }).ended();
    let reason = &failed.progress.reason;
    assert!(reason.contains("could not make its copy") && reason.contains("is kept, and verified"), "{reason}");
    let mut world = failed.world.clone();
    // Whoever was told so deregistered the copies that failed.
    world.disturb(Disturbance::LoseCopies);
    world.disturb(Disturbance::SpoilBakes(BakeFaults::default()));
    let BakeAnswer::Bake(plan) = planned(&world) else { panic!("the copies are missing") };
    assert_eq!(titles(&plan), ["sweep", "share", "copy"]);
    assert!(plan.because.contains("not everybody the recipe names has it yet"), "{}", plan.because);
    let mut second = Mill::of(world, *plan, "op-2");
    second.pass(Millis::secs(1));
    let mut second = second.ended();
    assert_eq!((second.progress.state, second.calls("RunInstances")), (OperationState::Succeeded, 0), "{}", second.progress.reason);
    assert_eq!((second.calls("ModifyImageAttribute"), second.calls("CopyImage")), (0, 2), "it was shared already");
    handed_out(&second);
    second.leaves_nothing();
}

#[test]
fn an_image_that_did_not_pass_is_given_to_nobody() {
    let mill = mill(BakeFaults { failing_gate: Some(1), ..BakeFaults::default() }).ended();
    assert_eq!((mill.calls("ModifyImageAttribute"), mill.calls("CopyImage")), (0, 0), "{}", mill.progress.reason);
    assert!(matches!(planned(&mill.world), BakeAnswer::Reuse { .. }), "as without anybody to share with");
}

#[test]
fn the_region_it_is_made_in_needs_no_copy() {
    let mut wanted = wish(shared_recipe());
    wanted.recipe.copy_to.push("sim".to_owned());
    assert!(answer(&mill(BakeFaults::default()).world, &wanted).unwrap_err().contains("copy_to names sim, where the image is made"));
}

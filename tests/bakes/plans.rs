//! What a recipe and facts come to before anything is done.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::image_call::ImageCall;
use quarterdeck::domain::recipe::{Architecture, Base, BaseQuery};
use quarterdeck::operation::bake::{BakeAnswer, BakeWish};
use quarterdeck::world::{BakeFaults, Scenario, World};

use crate::mill::{Mill, START, answer, recipe, wish};

fn newest(owner: &str, name: &str) -> Base {
    Base::Newest(BaseQuery { owner: owner.to_owned(), name: name.to_owned(), architecture: Architecture::Arm64 })
}

#[test]
fn a_base_that_matches_nothing_or_two_owners_is_refused() {
    let world = World::new(Scenario::Default, 7, START);
    let mut wanted = wish(recipe());
    wanted.recipe.base = newest("099720109477", "debian-13-*");
    assert!(answer(&world, &wanted).unwrap_err().starts_with("no base image is found: owner 099720109477, name debian-13-*, arm64"));
    wanted.recipe.base = newest("amazon", "al2023-*");
    let refused = answer(&world, &wanted).unwrap_err();
    assert!(refused.contains("several owners: 137112412989, 591542846629"), "{refused}");
}

#[test]
fn an_image_of_that_name_which_is_not_of_these_inputs_is_in_the_way_and_force_goes_round_it() {
    let mut mill = Mill::new(BakeFaults::default()).ended();
    let image = mill.progress.image.clone().unwrap();
    let untag = ImageCall::Untag { image: image.clone(), keys: vec!["qd:key".to_owned()] };
    let now = mill.world.now();
    mill.world.apply(&CloudCall::Image { what: Box::new(untag) }, now).unwrap();
    let refused = answer(&mill.world, &wish(recipe())).unwrap_err();
    let name = &mill.plan.image_name;
    assert_eq!(
        refused,
        format!("an image named {name} exists already: {image}; bake another version, or with --force, which adds the time to the name")
    );
    let forced = answer(&mill.world, &BakeWish { force: true, ..wish(recipe()) }).unwrap();
    assert!(matches!(forced, BakeAnswer::Bake(plan) if plan.image_name.starts_with(name.as_str()) && plan.image_name != *name));
}

#[test]
fn the_same_inputs_reuse_the_finished_image_and_force_bakes_again() {
    let mill = Mill::new(BakeFaults::default()).ended();
    let BakeAnswer::Reuse { image, why } = answer(&mill.world, &wish(recipe())).unwrap() else { panic!("it was baked already") };
    assert_eq!(Some(&image.id), mill.progress.image.as_ref());
    assert!(why.contains("from the same inputs") && why.contains("passed: boot, http, smoke"), "{why}");
    let mut again = wish(recipe());
    again.force = true;
    let BakeAnswer::Bake(plan) = answer(&mill.world, &again).unwrap() else { panic!("it was forced") };
    assert!(plan.because.starts_with("--force") && plan.image_name != mill.plan.image_name, "{}", plan.because);
    let mut other = wish(recipe());
    other.recipe.provisioners[1].name = "pages".to_owned();
    other.version = Some("2.18.1".to_owned());
    let BakeAnswer::Bake(plan) = answer(&mill.world, &other).unwrap() else { panic!("it is another version") };
    assert!(plan.because.starts_with("nothing was baked"), "{}", plan.because);
}

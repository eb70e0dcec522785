//! Bakes by Packer: the same steps, the same end, and nothing left, whoever dies on the way: the driver, Packer, or both.

use std::collections::BTreeSet;

use quarterdeck::domain::recipe::{Engine, GateCheck, ImageGate, PackerTemplate, Recipe, RecipeFile};
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::bake::{BakeAnswer, BakeWish};
use quarterdeck::operation::event::{EventBody, OperationState, StepOutcome};
use quarterdeck::plan::bake::sweep;
use quarterdeck::world::BakeFaults;

use crate::kills::left_by_another;
use crate::mill::{Death, Mill, answer, recipe, setting, wish};

const TEMPLATE: &str =
    r#"{"builders": [{"type": "amazon-ebs", "run_tags": {"qd:operation": "{{user `operation`}}", "qd:until": "{{user `expires_at`}}"}}]}"#;

fn packer_recipe() -> Recipe {
    let told = ["base", "image_name", "operation", "expires_at", "version", "region"];
    let variables = told.map(|name| (name.to_owned(), format!("{{{name}}}"))).into();
    let engine = Engine::Packer(PackerTemplate { template: "web.json".to_owned(), files: vec![], variables });
    let mut gates = recipe().gates;
    gates.push(ImageGate { name: "ask".to_owned(), within: Millis::mins(2), check: GateCheck::Hook { argv: vec!["/usr/bin/ask".to_owned()] } });
    Recipe { engine, provisioners: vec![], gates, ..recipe() }
}

fn packer_wish() -> BakeWish {
    let mut wish = wish(packer_recipe());
    wish.files.insert("web.json".to_owned(), RecipeFile { bytes: TEMPLATE.as_bytes().to_vec(), executable: false });
    wish
}

fn mill() -> Mill {
    let mut mill = Mill::with(&packer_wish(), BakeFaults::default());
    mill.world.disturb(left_by_another());
    mill
}

/// Its snapshot takes an hour.
fn slow() -> Mill {
    Mill::with(&packer_wish(), BakeFaults { slow_snapshots: true, ..BakeFaults::default() })
}

fn abort(mill: &mut Mill) {
    mill.record(vec![EventBody::StateChanged { to: OperationState::BackingOut, reason: "aborted".to_owned(), deadline: None }]);
}

#[test]
fn a_bake_by_packer_ends_with_a_verified_image_and_nothing_else() {
    let mut mill = mill().ended();
    assert_eq!(mill.progress.state, OperationState::Succeeded, "{}", mill.progress.reason);
    assert_eq!(mill.tag("qd:gates").as_deref(), Some("passed: boot, http, smoke, ask"));
    assert_eq!((mill.tag("qd:stage").as_deref(), mill.tag("qd:operation").as_deref()), (Some("verified"), Some("st0re/op-1")));
    let titles: Vec<&str> = mill.plan.steps.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(titles, ["sweep", "resolve base", "launch builder", "provision", "snapshot", "register and tag", "gates", "verified"]);
    assert!(mill.progress.steps.iter().all(|step| step.outcome == Some(StepOutcome::Success)), "{:#?}", mill.progress.steps);
    assert_eq!((mill.packer.runs, mill.calls("packer build"), mill.calls("packer stop")), (1, 1, 0));
    assert_eq!(mill.calls("CreateTags"), 4, "a key pair, a security group, and the image twice");
    mill.leaves_nothing();
    let again = answer(&mill.world, &packer_wish()).unwrap();
    assert!(matches!(again, BakeAnswer::Reuse { .. }), "the same template and files are the same key: {again:?}");
}

#[test]
fn listening_to_packer_costs_at_most_six_calls_a_minute() {
    let mut mill = mill();
    mill.run_to("provision");
    let (began, reads) = (mill.world.now(), mill.reads);
    mill.run_to("register and tag");
    let minutes = mill.world.now().since(began).as_secs().max(60) / 60;
    assert!((mill.reads - reads) as u64 <= 6 * (minutes + 1), "{} calls in {minutes} minutes", mill.reads - reads);
}

#[test]
fn a_template_that_fails_shows_why_and_leaves_nothing() {
    let mut mill = mill();
    mill.packer.fails = true;
    let mut mill = mill.ended();
    assert_eq!(mill.progress.state, OperationState::Failed);
    let why = "packer: provision failed: Script exited with non-zero exit status: 3";
    assert!(mill.progress.reason.starts_with(why), "{}", mill.progress.reason);
    assert!(mill.progress.last_lines.iter().any(|line| line.raw().contains("exit status: 3")), "{:?}", mill.progress.last_lines);
    mill.leaves_nothing();
}

#[test]
fn a_driver_killed_at_any_moment_is_followed_by_one_that_goes_on_listening() {
    let moments = mill().ended().moments;
    let (mut died, mut steps) = (0, BTreeSet::new());
    for at in 0..moments {
        for death in [Death::Recorded, Death::BeforeCall, Death::AfterCall, Death::InGate] {
            let mut mill = mill();
            if !mill.run(Some((at, death))) {
                continue;
            }
            died += 1;
            steps.insert(mill.progress.current);
            // Packer goes on meanwhile.
            mill.pass(Millis::mins(1));
            mill.take_over();
            let mut mill = mill.ended();
            assert_eq!(mill.progress.state, OperationState::Succeeded, "killed at {at} {death:?}: {}", mill.progress.reason);
            assert_eq!(mill.packer.runs, 1, "killed at {at} {death:?}");
            mill.leaves_nothing();
        }
    }
    assert!(died > moments, "{died} deaths in {moments} moments");
    assert_eq!(steps, (0..=mill().plan.steps.len()).collect(), "it died in every step, and after the last");
}

#[test]
fn packer_and_its_driver_killed_at_any_moment_leave_nothing_once_somebody_takes_over() {
    let moments = mill().ended().moments;
    let mut failed = 0;
    for at in 0..moments {
        for (death, aborts) in [(Death::Recorded, false), (Death::BeforeCall, true), (Death::AfterCall, false), (Death::AfterCall, true)] {
            let mut mill = mill();
            if !mill.run(Some((at, death))) || mill.progress.state.is_final() {
                continue;
            }
            mill.packer.kill();
            mill.pass(Millis::mins(1));
            mill.take_over();
            if aborts {
                abort(&mut mill);
            }
            let mut mill = mill.ended();
            let ended = (mill.progress.state, mill.progress.reason.clone());
            assert!(ended.0 == OperationState::Succeeded || ended.0 == OperationState::Failed, "killed at {at} {death:?}: {ended:?}");
            failed += usize::from(ended.1.contains("it was killed"));
            mill.leaves_nothing();
        }
    }
    assert!(failed > 5, "{failed} of {moments}");
}

#[test]
fn what_nobody_takes_over_is_swept_once_its_time_is_over() {
    let moments = mill().ended().moments;
    for at in 0..moments {
        for death in [Death::Recorded, Death::AfterCall, Death::InGate] {
            let mut mill = mill();
            if !mill.run(Some((at, death))) || mill.progress.state.is_final() {
                continue;
            }
            mill.packer.kill();
            mill.pass(Millis::mins(60 * 24));
            let now = mill.world.now();
            let packer = std::mem::take(&mut mill.packer);
            let mut late = Mill::of(mill.world, sweep(&setting(), "sim", now), "op-2");
            late.packer = packer;
            let late = late.ended();
            assert_eq!((late.world.leftovers(), late.packer.tagged()), (vec![], vec![]), "killed at {at} {death:?}");
        }
    }
}

#[test]
fn an_abort_at_any_moment_lets_packer_remove_what_it_made() {
    for at in 0..mill().ended().moments {
        let mut mill = mill();
        if !mill.run(Some((at, Death::Recorded))) || mill.progress.state.is_final() {
            continue;
        }
        mill.take_over();
        abort(&mut mill);
        let mut mill = mill.ended();
        assert!(mill.calls("packer stop") <= 1, "{:?}", mill.progress.packer);
        mill.leaves_nothing();
    }
}

#[test]
fn one_that_takes_no_notice_is_ended_at_once_and_what_it_made_removed_by_its_tags() {
    let mut mill = slow();
    mill.packer.deaf = true;
    mill.run_to("snapshot");
    mill.one_turn();
    abort(&mut mill);
    let mut mill = mill.ended();
    assert_eq!(mill.calls("packer stop"), 2, "{}", mill.progress.reason);
    assert!(mill.calls("TerminateInstances") >= 1 && mill.calls("DeleteKeyPair") == 1, "{:#?}", mill.progress);
    mill.leaves_nothing();
}

#[test]
fn an_image_that_a_killed_packer_left_is_gone_on_with() {
    let mut mill = slow();
    mill.run_to("snapshot");
    (0..4).for_each(|_| mill.one_turn());
    mill.packer.kill();
    let mut mill = mill.ended();
    assert!(mill.progress.reason.contains("it was killed") && mill.progress.reason.contains("is kept"), "{}", mill.progress.reason);
    mill.leaves_nothing();
    let image = mill.progress.image.clone().unwrap();
    mill.pass(Millis::mins(90));
    let BakeAnswer::Bake(plan) = answer(&mill.world, &packer_wish()).unwrap() else { panic!("it has no gate records") };
    assert_eq!(plan.adopted.as_ref(), Some(&image));
    let second = Mill::of(mill.world, *plan, "op-2").ended();
    assert_eq!((second.progress.state, second.packer.runs), (OperationState::Succeeded, 0), "{}", second.progress.reason);
}

#[test]
fn a_template_that_is_not_told_what_it_needs_is_refused() {
    let world = mill().world;
    let refused = |change: &dyn Fn(&mut BakeWish)| {
        let mut wanted = packer_wish();
        change(&mut wanted);
        answer(&world, &wanted).unwrap_err()
    };
    let forget = |name: &'static str| {
        move |wanted: &mut BakeWish| {
            let Engine::Packer(template) = &mut wanted.recipe.engine else { panic!("it is Packer's") };
            template.variables.remove(name);
        }
    };
    for name in ["base", "image_name", "operation", "expires_at"] {
        let why = refused(&forget(name));
        assert!(why.contains(&format!("web.json is not told {{{name}}}")) && why.contains("[packer.variables]"), "{why}");
    }
    let why = refused(&|wanted| {
        let bare = TEMPLATE.replace("qd:until", "until").into_bytes();
        wanted.files.insert("web.json".to_owned(), RecipeFile { bytes: bare, executable: false });
    });
    assert!(why.contains("gives nothing the tag qd:until") && why.contains("run_tags"), "{why}");
    let why = refused(&|wanted| wanted.recipe.builder.instance_type.clear());
    assert!(why.contains("gates of this recipe need an instance") && why.contains("[builder]"), "{why}");
    let why = refused(&|wanted| wanted.keep_on_failure = Some(Millis::mins(5)));
    assert!(why.contains("--keep-on-failure is for recipes with provisioners"), "{why}");
}

//! Fleets written down, tagged and inferred, and the problems each is listed with.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::group::HealthCheck;
use crate::domain::ids::PlaceArn;
use crate::domain::sizes::Sizes;
use crate::domain::time::WorldTime;
use crate::domain::traffic::{RouteAction, RouteActions};

const AT: WorldTime = WorldTime(1_000);

fn tg(name: &str) -> TargetGroupArn {
    TargetGroupArn::new(format!("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/{name}/0"))
}

fn group(name: &str, target_groups: &[&str], tags: &[(&str, &str)]) -> ServerGroup {
    ServerGroup {
        name: name.into(),
        template: None,
        sizes: Sizes::default(),
        instances: Vec::new(),
        health_check: HealthCheck::Elb,
        target_groups: target_groups.iter().map(|name| tg(name)).collect(),
        suspended: Vec::new(),
        unsupported: Vec::new(),
        warmup_secs: None,
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), Untrusted::from(*value))).collect::<BTreeMap<_, _>>(),
    }
}

fn rule(arn: &str, target_groups: &[&str]) -> RouteReading {
    let weights = target_groups.iter().map(|name| (tg(name), 1)).collect();
    RouteReading {
        place: RoutePlace::Rule(PlaceArn::from(arn)),
        actions: RouteActions(vec![RouteAction::Forward { weights, stickiness_secs: None, fingerprint: String::new() }]),
        load_balancer: "edge".into(),
    }
}

fn complete<T>(items: Vec<T>) -> Listing<T> {
    Listing::Complete { items, as_of: AT }
}

fn find(configured: &[FleetSpec], groups: Vec<ServerGroup>, routes: Vec<RouteReading>) -> Vec<FleetSpec> {
    find_fleets(configured, &complete(groups), &complete(routes), &TagKeys::default())
}

fn weighted(arn: &str, a: &str, b: &str) -> Route {
    Route::Weighted { place: RoutePlace::Rule(arn.into()), target_groups: BySlot { a: tg(a), b: tg(b) } }
}

#[test]
fn a_place_with_two_target_groups_is_an_a_b_fleet_and_the_rest_are_fleets_of_one() {
    let groups = vec![
        group("shop-prod-green", &["green"], &[("env", "prod"), ("app", "shop")]),
        group("shop-prod-blue", &["blue"], &[]),
        group("worker", &[], &[]),
        group("legacy", &["legacy"], &[]),
    ];
    let fleets = find(&[], groups, vec![rule("r1", &["green", "blue"]), rule("r2", &["legacy"])]);
    let names: Vec<_> = fleets.iter().map(|fleet| fleet.name.as_str()).collect();
    assert_eq!(names, ["legacy", "shop-prod", "worker"]);
    assert_eq!(fleets[1].groups, Groups::Two(BySlot { a: "shop-prod-blue".into(), b: "shop-prod-green".into() }));
    assert_eq!(fleets[1].route, weighted("r1", "blue", "green"));
    assert_eq!((fleets[1].app.clone(), fleets[1].env.clone()), (Some("shop".into()), Some("prod".into())));
    assert_eq!(fleets[0].route, Route::Attached { target_group: tg("legacy") });
    assert_eq!(fleets[2].route, Route::None);
    assert!(fleets.iter().all(|fleet| fleet.problems.is_empty() && fleet.source == FleetSource::Inferred));
}

#[test]
fn tags_say_which_slot_is_which_and_come_before_inference() {
    let groups =
        vec![group("x", &["x"], &[("qd:fleet", "web-prod"), ("qd:slot", "b")]), group("y", &["y"], &[("qd:fleet", "web-prod"), ("qd:slot", "a")])];
    let fleets = find(&[], groups, vec![rule("r1", &["x", "y"])]);
    assert_eq!(fleets.len(), 1);
    assert_eq!(fleets[0].groups, Groups::Two(BySlot { a: "y".into(), b: "x".into() }));
    assert_eq!((fleets[0].route.clone(), fleets[0].source), (weighted("r1", "y", "x"), FleetSource::Tagged));
    assert!(fleets[0].problems.is_empty());
}

#[test]
fn two_tagged_groups_on_one_target_group_are_attached() {
    let tags = [("qd:fleet", "search-prod")];
    let fleets = find(&[], vec![group("s-a", &["s"], &tags), group("s-b", &["s"], &tags)], vec![rule("r1", &["s"])]);
    assert_eq!(fleets[0].route, Route::Attached { target_group: tg("s") });
    assert_eq!(fleets[0].problems, ["the slots of its server groups are not tagged a and b: taken in the order of their names"]);
}

#[test]
fn a_third_group_is_listed_by_itself_and_named_in_both() {
    let tags = [("qd:fleet", "web")];
    let groups = vec![group("web-a", &[], &tags), group("web-b", &[], &tags), group("web-c", &[], &tags)];
    let fleets = find(&[], groups, Vec::new());
    assert_eq!(fleets.iter().map(|fleet| fleet.name.as_str()).collect::<Vec<_>>(), ["web", "web-c"]);
    assert!(fleets[0].problems.iter().any(|problem| problem.contains("web-c")));
    assert!(fleets[1].problems.iter().any(|problem| problem.contains("fleet web")));
}

#[test]
fn more_than_one_place_and_a_third_target_group_are_named() {
    let groups = || vec![group("web-a", &["a"], &[]), group("web-b", &["b"], &[])];
    let fleets = find(&[], groups(), vec![rule("r2", &["a", "b"]), rule("r1", &["a", "b"])]);
    assert_eq!(fleets[0].route, weighted("r1", "a", "b"));
    assert_eq!(fleets[0].problems, ["rule r2 forwards to its target groups too"]);

    let fleets = find(&[], groups(), vec![rule("r1", &["a", "b", "c"])]);
    assert_eq!(fleets.len(), 2);
    assert!(fleets.iter().all(|fleet| fleet.problems[0].contains("r1 forwards to 3 target groups") && fleet.problems[0].contains("targetgroup/c/0")));
}

#[test]
fn a_written_down_fleet_says_what_is_not_there_and_what_is_near() {
    let groups = Groups::Two(BySlot { a: "web-prod-a".into(), b: "web-prd-b".into() });
    let mut spec = FleetSpec::bare("web-prod".into(), groups, weighted("r9", "web-a", "web-bb"), FleetSource::Adopted);
    spec.env = Some("prod".into());
    let found = vec![group("web-prod-a", &["web-a"], &[("env", "test"), ("app", "web")]), group("web-prod-b", &["web-b"], &[])];
    let fleets = find(&[spec.clone()], found.clone(), vec![rule("r1", &["web-a", "web-b"])]);
    assert_eq!(fleets.len(), 2, "web-prod-b is a fleet of its own");
    let fleet = &fleets[0];
    assert_eq!((fleet.app.clone(), fleet.env.clone(), fleet.source), (Some("web".into()), Some("prod".into()), FleetSource::Adopted));
    let problems = fleet.problems.join("\n");
    for part in [
        "server group web-prd-b does not exist: the nearest is web-prod-",
        "rule r9 does not exist",
        "the nearest is arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web-b/0",
        "rule r1 forwards to its target groups too",
    ] {
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }

    let incomplete = Listing::Incomplete { items: found, as_of: AT, why: "page 2: throttled".into() };
    let fleets = find_fleets(&[spec], &incomplete, &complete(Vec::new()), &TagKeys::default());
    let problems = fleets[0].problems.join("\n");
    assert!(!problems.contains("web-prd-b does not exist"), "absence is not believed on an incomplete listing:\n{problems}");
    assert!(problems.contains("incomplete (page 2: throttled)"));
}

#[test]
fn fleets_never_share_a_name() {
    let spec = FleetSpec::bare("web".into(), Groups::One("other".into()), Route::None, FleetSource::Adopted);
    let fleets = find(&[spec], vec![group("other", &[], &[]), group("web", &[], &[])], Vec::new());
    assert_eq!(fleets.iter().map(|fleet| fleet.name.as_str()).collect::<Vec<_>>(), ["web", "web~2"]);
}

fn any_group() -> impl Strategy<Value = ServerGroup> {
    let tags = prop::option::of((0_u8..3, prop::option::of(0_u8..3)));
    (0_u8..12, prop::collection::vec(0_u8..6, 0..3), tags).prop_map(|(name, target_groups, tags)| {
        let mut tagged = Vec::new();
        let words = tags.map(|(fleet, slot)| (format!("f{fleet}"), slot.map(|slot| ["a", "b", "x"][usize::from(slot)])));
        if let Some((fleet, slot)) = &words {
            tagged.push(("qd:fleet", fleet.as_str()));
            tagged.extend(slot.map(|slot| ("qd:slot", slot)));
        }
        let arns: Vec<String> = target_groups.iter().map(|number| format!("t{number}")).collect();
        group(&format!("g{name}"), &arns.iter().map(String::as_str).collect::<Vec<_>>(), &tagged)
    })
}

proptest! {
    #[test]
    fn every_group_is_in_exactly_one_fleet_and_names_are_unique(
        groups in prop::collection::vec(any_group(), 0..12),
        places in prop::collection::vec(prop::collection::vec(0_u8..6, 1..4), 0..6),
        written in prop::option::of((0_u8..12, 0_u8..12)),
    ) {
        let by_name: BTreeMap<_, _> = groups.into_iter().map(|group| (group.name.clone(), group)).collect();
        let routes: Vec<_> = places.iter().enumerate().map(|(number, arns)| {
            let arns: Vec<String> = arns.iter().map(|arn| format!("t{arn}")).collect();
            rule(&format!("r{number}"), &arns.iter().map(String::as_str).collect::<Vec<_>>())
        }).collect();
        let configured: Vec<_> = written.filter(|(a, b)| a != b).map(|(a, b)| {
            let groups = Groups::Two(BySlot { a: format!("g{a}").as_str().into(), b: format!("g{b}").as_str().into() });
            FleetSpec::bare("written".into(), groups, Route::None, FleetSource::Adopted)
        }).into_iter().collect();
        let fleets = find(&configured, by_name.values().cloned().collect(), routes);
        for name in by_name.keys() {
            prop_assert_eq!(fleets.iter().flat_map(|fleet| fleet.groups.all()).filter(|(_, group)| *group == name).count(), 1);
        }
        let names: BTreeSet<_> = fleets.iter().map(|fleet| fleet.name.clone()).collect();
        prop_assert_eq!(names.len(), fleets.len());
        prop_assert!(fleets.is_sorted_by_key(|fleet| fleet.name.clone()));
    }
}

//! A simulated cloud whose store is edited behind everybody's back.

use quarterdeck::adapters::sim::SimCloud;
use quarterdeck::domain::fleet::{FleetSpec, Route, Slot};
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::world::{DEFAULT_SEED, Disturbance, Scenario};
use rusqlite::Connection;
use serde_json::Value;

use crate::support::yard::Yard;

/// The store's file, for somebody with an editor.
pub fn store(yard: &Yard) -> Connection {
    let connection = Connection::open(yard.world_dir().join("store.sqlite")).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection
}

/// Runs one statement on the store; how many rows it changed.
pub fn edit(yard: &Yard, sql: &str) -> usize {
    store(yard).execute(sql, []).unwrap()
}

/// The world itself, for what people and accidents do to it.
pub fn world(yard: &Yard) -> SimCloud {
    SimCloud::open(&yard.world_dir(), Scenario::Default, DEFAULT_SEED, None).unwrap()
}

/// Lets something happen in it.
pub fn disturb(yard: &Yard, what: Disturbance) {
    assert!(world(yard).disturb(what.clone()).unwrap(), "{what:?}");
}

/// web-prod as the world declares it.
pub fn web(yard: &Yard) -> FleetSpec {
    world(yard).fleet_specs().unwrap().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap()
}

/// The shares of web-prod's two slots in the world, where its rule still exists.
pub fn shares(yard: &Yard) -> Option<[u32; 2]> {
    let Route::Weighted { place, target_groups } = web(yard).route else { panic!("web-prod has weights") };
    let weight = |slot| world(yard).with_world(|world| world.actions(place.arn())?.weight(target_groups.get(slot))).unwrap();
    Some([weight(Slot::A)?, weight(Slot::B)?])
}

/// The sizes of a group in the world; none if it does not exist.
pub fn sizes(yard: &Yard, group: &str) -> Option<Sizes> {
    world(yard).with_world(|world| world.sizes(&group.into())).unwrap()
}

/// A deploy of 2.14.0 that had reached its first weight when its driver was killed.
pub fn killed_deploy(yard: &Yard) -> String {
    let id = yard.deploy("web-prod", "2.14.0");
    yard.wait_op(&id, "its first weight", |op| op["step"]["index"].as_u64() >= Some(4) && weights(yard) != [100, 0]);
    yard.kill_driver(&id);
    id
}

/// The same with its driver at work.
pub fn serving_deploy(yard: &Yard) -> String {
    let id = yard.deploy("web-prod", "2.14.0");
    yard.wait_op(&id, "its first weight", |op| op["step"]["index"].as_u64() >= Some(4) && shares(yard) != Some([100, 0]));
    id
}

/// The weights of web-prod's two groups.
pub fn weights(yard: &Yard) -> [u64; 2] {
    group_numbers(yard, "weight")
}

/// The least sizes of web-prod's two groups.
pub fn minimums(yard: &Yard) -> [u64; 2] {
    group_numbers(yard, "min")
}

fn group_numbers(yard: &Yard, field: &str) -> [u64; 2] {
    let fleet = yard.run(&["fleet", "web-prod", "--json"]).code(0).json();
    let groups = fleet["server_groups"].as_array().unwrap_or_else(|| panic!("no groups in {fleet:#}"));
    [0, 1].map(|at| groups[at][field].as_u64().unwrap_or_else(|| panic!("no {field} in {fleet:#}")))
}

/// Everything is back where it was before anybody deployed.
pub fn is_at_rest_on_the_old_release(yard: &Yard) {
    assert_eq!((weights(yard), minimums(yard)), ([100, 0], [10, 0]));
}

/// Rolls web-prod back and waits until nothing is left to do.
pub fn roll_back(yard: &Yard, more: &[&str]) -> Value {
    yard.speed(100);
    let ran = yard.run(&[&["rollback", "web-prod", "--yes", "--detach", "--json"], more].concat()).code(0);
    let id = ran.json()["id"].as_str().unwrap().to_owned();
    yard.wait_op(&id, "its end", |op| op["state"] == "succeeded")
}

//! The simulated cloud from outside: fast over long spans, and whole after a process that moved it was killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quarterdeck::adapters::sim::SimCloud;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::world::{DEFAULT_SEED, Scenario, World};

#[test]
fn thirty_quiet_days_are_thousands_of_moments_and_not_millions_of_seconds() {
    let start = WorldTime(1_780_000_000_000);
    let end = start.plus(Millis::mins(60 * 24 * 30));
    let mut world = World::new(Scenario::Default, DEFAULT_SEED, start);
    let mut at_once = world.clone();
    let mut moments = 0;
    while world.next_change() < end {
        world.advance(world.next_change());
        moments += 1;
    }
    world.advance(end);
    println!("{moments} moments");
    assert!((720..10_000).contains(&moments), "every hour is one, a server that breaks is a few: {moments}");
    assert!(world.groups().iter().all(|group| group.serving() + 1 >= group.sizes.desired));
    at_once.advance(end);
    assert!(at_once == world, "how often it is advanced does not matter");
}

/// Where the process that is going to be killed finds its world.
const DIR: &str = "QD_TEST_WORLD_DIR";

/// Not a test by itself: the process that the next test starts and kills.
#[test]
fn moves_the_world_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let cloud = SimCloud::open(Path::new(&dir), Scenario::Default, 1, Some(0.0)).unwrap();
    loop {
        cloud.advance(Millis::secs(7)).unwrap();
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn mover(dir: &Path) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", "moves_the_world_until_it_is_killed"]).env(DIR, dir).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn()
}

#[test]
fn a_process_killed_while_it_moves_the_world_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = SimCloud::open(dir.path(), Scenario::Default, 1, Some(0.0)).unwrap();
    let start = cloud.with_world(World::start).unwrap();
    for round in 0..12 {
        let before = cloud.with_world(World::tick).unwrap();
        let mut movers = [mover(dir.path()).unwrap(), mover(dir.path()).unwrap()];
        let patience = Instant::now();
        while cloud.with_world(World::tick).unwrap() == before && patience.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(round * 3));
        for mover in &mut movers {
            mover.kill().unwrap();
            mover.wait().unwrap();
        }
        let mut expected = World::new(Scenario::Default, 1, start);
        let (found, tick, now) = cloud.with_world(|world| (world.digest().unwrap(), world.tick(), world.now())).unwrap();
        expected.advance(now);
        assert!(tick > before && tick % 7 == 0, "{tick} after {before}");
        assert_eq!(expected.digest().unwrap(), found);
    }
}

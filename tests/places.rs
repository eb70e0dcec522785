//! Places and files that cannot be used: one sentence with a hint, the right exit code, and nothing started.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::yard::{PATIENCE, Yard};

/// A file system in memory, for as long as the test runs.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, options: &str) -> Self {
        std::fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output().unwrap();
        let why = String::from_utf8_lossy(&mounted.stderr).into_owned();
        assert!(mounted.status.success(), "this test mounts a small disk: it needs root, or the capability CAP_SYS_ADMIN ({why})");
        Self(at.to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Drivers of the test may still hold it for a moment.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

const DEPLOY: [&str; 7] = ["deploy", "web-prod", "--image", "2.14.0", "--yes", "--reason", "a test"];

#[test]
fn a_disk_without_room_or_rights_is_refused_before_anything_starts() {
    let small = Yard::empty();
    let _small = Disk::mount(&small.state_dir(), "size=1m,mode=700");
    let ran = small.run(&DEPLOY).refuses(1, &["No space left", "make room"]);
    assert!(ran.out.is_empty());
    assert!(!small.world_dir().join("drivers").exists());
    let mut screen = small.terminal(80, 24, &[]);
    screen.wait_for(&["No space left"]);
    screen.send("q");
    assert_eq!(screen.ends().0, 1);

    let fixed = Yard::empty();
    let _fixed = Disk::mount(&fixed.state_dir(), "ro,mode=700");
    fixed.run(&DEPLOY).refuses(1, &["Read-only file system", "check its permissions"]);
}

#[test]
fn a_disk_that_becomes_full_stops_nothing_that_is_under_way() {
    let yard = Yard::empty();
    let disk = Disk::mount(&yard.state_dir(), "size=8m,mode=700");
    yard.speed(100);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.wait_op(&id, "its first weight", |op| op["step"]["index"].as_u64() >= Some(4));
    let filler = disk.0.join("filler");
    let filled = Command::new("dd").args(["if=/dev/zero", "bs=4k", "status=none"]).arg(format!("of={}", filler.display())).output().unwrap();
    assert!(String::from_utf8_lossy(&filled.stderr).contains("No space left"));
    let reserve = yard.world_dir().join("reserve");
    let began = std::time::Instant::now();
    while reserve.exists() {
        assert!(began.elapsed() < PATIENCE, "the reserve is never given up");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    yard.run(&["deploy", "api-prod", "--image", "5.2.0", "--yes", "--reason", "a test"]).refuses(1, &["reserve is missing", "make room"]);
    yard.speed(400);
    yard.run(&["wait", &id, "--timeout", "3m"]).code(0);
    let op = yard.op(&id);
    let numbers: Vec<u64> = op["events"].as_array().unwrap().iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    yard.run(&["rollback", "web-prod", "--yes"]).code(0);
}

#[test]
fn a_state_directory_that_others_could_swap_is_refused() {
    let yard = Yard::empty();
    let root = rustix::process::geteuid().is_root();
    let theirs = if root { yard.path().join("theirs") } else { PathBuf::from("/usr") };
    if root {
        std::fs::create_dir(&theirs).unwrap();
        std::os::unix::fs::chown(&theirs, Some(65_534), Some(65_534)).unwrap();
    }
    std::fs::create_dir_all(yard.path().join("open/real")).unwrap();
    std::fs::set_permissions(yard.path().join("open"), Permissions::from_mode(0o777)).unwrap();
    std::os::unix::fs::symlink(yard.path().join("real"), yard.path().join("link")).unwrap();
    std::fs::write(yard.path().join("file"), "no directory").unwrap();
    let cases = [
        (theirs, "belongs to somebody else"),
        (yard.path().join("link"), "is a symbolic link"),
        (yard.path().join("open/new"), "can be written by everybody"),
        (yard.path().join("open/real"), "can be written by everybody"),
        (yard.path().join("open"), "can be written by everybody"),
        (yard.path().join("file"), "is not a directory"),
    ];
    for (dir, why) in cases {
        yard.run_bare(&["--sim", "--state-dir", dir.to_str().unwrap(), "fleets"]).refuses(1, &[why]);
    }
}

#[test]
fn records_that_cannot_be_read_are_never_half_used() {
    let newer = Yard::at_speed(10);
    rusqlite::Connection::open(newer.world_dir().join("store.sqlite")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    newer.run(&["fleets"]).refuses(1, &["newer version", "use that version"]);
    let screen = newer.terminal(80, 24, &[]);
    screen.wait_for(&["newer version"]);
    assert_eq!(screen.ends().0, 1);

    for (file, why) in [("store.sqlite", "damaged"), ("world.sqlite", "not a simulated world")] {
        let yard = Yard::at_speed(10);
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(yard.world_dir().join(format!("{file}{end}")));
        }
        std::fs::write(yard.world_dir().join(file), vec![0x5a; 40_000]).unwrap();
        yard.run(&["fleets"]).refuses(1, &[why]);
        yard.run(&DEPLOY).refuses(1, &[why]);
    }
}

#[test]
fn the_screen_shows_a_damaged_record_beside_everything_else() {
    let yard = Yard::at_speed(20);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.kill_driver(&id);
    let store = rusqlite::Connection::open(yard.world_dir().join("store.sqlite")).unwrap();
    store.execute("DELETE FROM events WHERE seq = 1", []).unwrap();
    let mut screen = yard.terminal(160, 45, &[]);
    screen.wait_for(&["record of op-1", "is damaged: event 1 is missing", "api-prod", "steady"]);
    screen.send("q");
    assert_eq!(screen.ends().0, 0);
}

#[test]
fn a_wrong_name_is_answered_with_the_nearest_one() {
    let yard = Yard::at_speed(10);
    yard.run(&["fleet", "web-prd"]).refuses(1, &["did you mean web-prod?"]);
    yard.run(&["rollback", "web-prd", "--yes"]).refuses(1, &["did you mean web-prod?"]);
    yard.run(&["deploy", "web-prod", "--image", "2.41.0", "--plan"]).refuses(3, &["did you mean 2.14.0?"]);
    yard.deploy("web-prod", "2.14.0");
    yard.run(&["op", "op-l"]).refuses(1, &["did you mean op-1?"]);
    let scenario = yard.run_bare(&["--sim=nonsense", "fleets"]).code(2);
    assert!(scenario.err.contains("there is no scenario 'nonsense'"), "{}", scenario.err);
    let config = yard.path().join("fleets.toml");
    std::fs::write(&config, "[fleet.web-prod]\nslots = [\"web-prod-a\", \"web-prod-b\"]\nflor = 8\n").unwrap();
    let named = format!("--config={}", config.display());
    yard.run(&[&named, "fleets"]).refuses(1, &["fleets.toml:3", "did you mean 'floor'?"]);
}

#[test]
fn read_only_looks_and_changes_nothing() {
    let yard = Yard::at_speed(40);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.kill_driver(&id);
    let before = yard.op(&id);
    let read_only = |args: &[&str]| yard.run(&[&["--read-only"], args].concat());
    read_only(&["deploy", "api-prod", "--image", "5.2.0", "--yes", "--reason", "a test"]).refuses(3, &["read-only"]);
    read_only(&["rollback", "api-prod", "--yes"]).refuses(3, &["read-only"]);
    for steer in ["pause", "resume", "back-out"] {
        read_only(&[steer, &id]).refuses(3, &["read-only"]);
    }
    read_only(&["drive", &id]).refuses(3, &["read-only"]);
    read_only(&["drive", &id, "--take-over"]).refuses(3, &["read-only"]);
    read_only(&["sim", "advance", "5m"]).refuses(3, &["read-only"]);
    let mut screen = yard.terminal(80, 24, &["--read-only"]);
    screen.wait_for(&["RO", "web-prod", "no driver"]);
    for key in ["D", "R", "A", "Z"] {
        screen.send(key);
        screen.wait_for(&["Not now: this screen is read-only"]);
        screen.send("j");
        screen.wait_until("the notice to go", |shown| !shown.contains("Not now"));
    }
    screen.send("q");
    assert_eq!(screen.ends().0, 0);
    let after = yard.op(&id);
    assert_eq!((&before["events"], &after["driver"]["alive"]), (&after["events"], &Value::from(false)));
    assert_eq!(yard.run(&["ops", "--all", "--json"]).code(0).json()["operations"].as_array().unwrap().len(), 1);
}

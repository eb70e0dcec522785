//! A full disk, on a small one that is mounted for the test: what is under way comes to rest, looking and going back work.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ground::{is_at_rest_on_the_old_release, killed_deploy, shares};
use crate::support::yard::Yard;

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

    /// Takes all the room that is left.
    fn fill(&self, name: &str) {
        let file = format!("of={}", self.0.join(name).display());
        let filled = Command::new("dd").args(["if=/dev/zero", "bs=4k", "status=none", &file]).output().unwrap();
        assert!(String::from_utf8_lossy(&filled.stderr).contains("No space left"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Drivers of the test may still hold it for a moment.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn small() -> (Yard, Disk) {
    let yard = Yard::empty();
    let disk = Disk::mount(&yard.state_dir(), "size=10m,mode=700");
    yard.speed(100);
    (yard, disk)
}

#[test]
fn a_full_disk_before_anybody_opens_the_store_still_lets_people_look_and_go_back() {
    let (yard, disk) = small();
    let id = killed_deploy(&yard);
    // The last one to close the store takes its log away: the next one has to make it again.
    yard.run(&["ops"]).code(0);
    disk.fill("filler");
    assert!(yard.run(&["fleets"]).code(0).out.contains("web-prod"));
    assert!(yard.run(&["op", &id]).code(0).out.contains("is gone: `qd drive"));
    yard.run(&["deploy", "api-prod", "--image", "5.2.0", "--yes", "--reason", "a test"]).refuses(1, &["reserve is missing", "make room"]);
    yard.run(&["rollback", "web-prod", "--yes"]).code(0);
    assert_eq!(shares(&yard), Some([100, 0]));
    yard.run(&["ops"]).code(0);
}

#[test]
fn a_screen_opens_on_a_full_disk_and_rolls_back_by_key() {
    let (yard, disk) = small();
    killed_deploy(&yard);
    disk.fill("filler");
    let mut screen = yard.terminal(100, 30, &[]);
    screen.wait_for(&["web-prod", "no driver"]);
    screen.send("R");
    screen.wait_for(&["2.13.2", "y "]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    screen.send("y");
    screen.wait_for(&["op-2 started"]);
    screen.send("q");
    assert_eq!(screen.ends().0, 0);
    yard.speed(400);
    yard.run(&["wait", "op-2", "--timeout", "3m"]).code(0);
    yard.wait_op("op-2", "its end", |op| op["state"] == "succeeded");
    is_at_rest_on_the_old_release(&yard);
}

#[test]
fn a_disk_that_fills_under_a_rollback_does_not_stop_it() {
    let (yard, disk) = small();
    let _deploy = killed_deploy(&yard);
    yard.speed(5);
    let back = yard.run(&["rollback", "web-prod", "--yes", "--detach", "--json"]).code(0).json()["id"].as_str().unwrap().to_owned();
    disk.fill("filler");
    yard.speed(400);
    yard.wait_op(&back, "its end", |op| op["state"] == "succeeded");
    is_at_rest_on_the_old_release(&yard);
}

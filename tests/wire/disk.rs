//! A disk that is full in the middle of an operation.

use std::time::Duration;

use crate::canary::at_25_pct;
use crate::yard::Yard;

/// The store's directory on the small disk.
const STORE: &str = "aws-123456789012-us-east-1";

#[test]
fn a_full_disk_changes_nothing_without_a_record_and_the_reserve_brings_to_rest() {
    let (yard, disk) = Yard::on_small_disk(24);
    yard.adopt(&["web-prod"]);
    let id = at_25_pct(&yard, "2.14.0");
    let reserve = format!("{STORE}/reserve");
    assert!(disk.has(&reserve));

    disk.fill();
    disk.remove(&reserve);
    disk.fill();
    yard.aws.clear_calls();
    let told = yard.qd.run(&["promote", &id, "--reason", "nobody can write this down"]);
    told.refused(1, &["full"]);
    std::thread::sleep(Duration::from_secs(2));
    assert!(yard.aws.writes().is_empty() && yard.weights("web-prod") == (75, 25), "no call without its intent on disk");

    disk.free();
    yard.qd.run(&["drive", "--recover"]).ok();
    assert!(disk.has(&reserve), "the reserve is filled again where there is room for two");
    disk.fill();
    yard.qd.run(&["promote", &id, "--reason", "the reserve is for this"]).ok();
    yard.qd.await_state(&id, "succeeded");
    assert_eq!(yard.weights("web-prod"), (0, 100));
    assert!(!disk.has(&reserve), "it came to rest by the reserve");
    yard.qd.run(&["deploy", "web-prod", "--image", "2.15.0", "--reason", "x", "--yes"]).refused(1, &["reserve is missing", "make room"]);

    let told = yard.qd.run(&["rollback", "web-prod", "--yes"]).ok();
    assert!(told.out.contains("traffic is on 2.13.2"), "{}", told.out);
    let rollback = yard.qd.newest("rollback").unwrap();
    yard.qd.await_state(&rollback, "succeeded");
    yard.at_rest("web-prod", "a");
    disk.free();
    yard.qd.start(&["deploy", "web-prod", "--image", "2.15.0", "--reason", "there is room again"]);
}

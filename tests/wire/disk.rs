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

    // Without even the reserve there is room in the store's own files at most: the driver goes as far as it can write down, and stands.
    disk.fill();
    disk.remove(&reserve);
    disk.fill();
    let _maybe = yard.qd.run(&["promote", &id, "--reason", "this may or may not be written down"]);
    let quiet = || {
        let before = yard.aws.writes().len();
        std::thread::sleep(Duration::from_secs(3));
        yard.aws.writes().len() == before
    };
    assert!((0..20).any(|_| quiet()), "it never stands still");

    disk.free();
    yard.qd.run(&["drive", "--recover"]).ok();
    assert!(disk.has(&reserve), "the reserve is filled again where there is room for two");
    yard.calls_are_intents();
    disk.fill();
    yard.succeed(&id);
    assert_eq!(yard.weights("web-prod"), (0, 100));
    // What a deploy writes may fit into the store's files as they are; what people write in addition does not for ever.
    let mark = |word| yard.qd.run(&["ledger", "web-prod", word, "2.13.2", "--reason", &"a long reason ".repeat(20)]).ok();
    assert!((0..200).any(|at| (!disk.has(&reserve), mark(if at % 2 == 0 { "mark" } else { "unmark" })).0), "the reserve is never given up");
    mark("unmark");
    yard.qd.run(&["deploy", "web-prod", "--image", "2.15.0", "--reason", "x", "--yes"]).refused(1, &["reserve is missing", "make room"]);

    let told = yard.qd.run(&["rollback", "web-prod", "--yes"]).ok();
    assert!(told.out.contains("traffic is on 2.13.2"), "{}", told.out);
    let rollback = yard.qd.newest("rollback").unwrap();
    yard.qd.await_state(&rollback, "succeeded");
    yard.at_rest("web-prod", "a");
    disk.free();
    yard.qd.start(&["deploy", "web-prod", "--image", "2.15.0", "--reason", "there is room again"]);
}

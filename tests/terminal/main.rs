//! The whole program on a terminal, over the simulated cloud: what a person does with it, and what must not happen by accident.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod outsiders;
mod ssh;

use rustix::process::Signal;
use serde_json::Value;
use support::yard::Yard;

/// A speed at which a person still sees the steps of a canary.
const WATCHABLE: u32 = 40;
/// A speed at which nobody waits for the end.
const FAST: u32 = 600;

/// Opens the screen and waits for the first fleets.
fn open(yard: &Yard, args: &[&str]) -> support::pty::Terminal {
    let screen = yard.terminal(80, 24, args);
    screen.wait_for(&["FLEETS", "web-prod", "12/12", "Nothing needs you"]);
    screen
}

/// Opens the sheet of a deploy of web 2.14.0.
fn open_deploy_sheet(screen: &mut support::pty::Terminal) {
    screen.send("D");
    screen.wait_for(&["DEPLOY WHICH IMAGE", "> 2.16.0"]);
    screen.send("jj");
    screen.wait_for(&["> 2.14.0"]);
    screen.send("\r");
    screen.wait_for(&["DEPLOY TO web-prod", "reason", "(y  deploy now)"]);
}

/// Deploys web 2.14.0 for that reason.
fn begin_deploy(screen: &mut support::pty::Terminal, why: &str) {
    open_deploy_sheet(screen);
    screen.send_after_reading("i");
    screen.wait_for(&["enter done"]);
    screen.send(&format!("{why}\r"));
    screen.wait_for(&[why, " y  deploy now"]);
    screen.send_after_reading("y");
}

fn weight(op: &Value) -> u64 {
    op["step"]["index"].as_u64().unwrap()
}

#[test]
fn a_deploy_outlives_its_terminal_and_is_rolled_back_with_two_keys() {
    let yard = Yard::with_long_windows(WATCHABLE);
    let mut screen = open(&yard, &[]);
    begin_deploy(&mut screen, "cart badge");
    screen.wait_for(&["op-1", "weight 5%", "RUNNING"]);
    screen.hang_up();
    let left_at = weight(&yard.op("op-1"));

    let screen = yard.terminal(80, 24, &[]);
    screen.wait_for(&["▶ canary", "▶ web-prod canary"]);
    let op = yard.wait_op("op-1", "a later step", |op| weight(op) > left_at);
    assert_eq!((op["driver"]["alive"].as_bool(), op["reason"].as_str()), (Some(true), Some("cart badge")));
    yard.speed(FAST);
    yard.run(&["wait", "op-1", "--timeout", "3m"]).code(0);
    screen.wait_for(&["2.14.0"]);

    let mut screen = screen;
    yard.speed(WATCHABLE);
    screen.wait_for(&["R0 "]);
    screen.send("R");
    let sheet = screen.wait_for(&["ROLL BACK web-prod", " y  roll back now", "2.14.0 100%"]);
    assert!(sheet.contains("R0: the old group is warm"), "{sheet}");
    screen.send_after_reading("y");
    screen.wait_for(&["rollback op-3", "all traffic to 2.13.2"]);
    yard.speed(FAST);
    screen.wait_for(&["SUCCEEDED"]);
    let fleet = yard.run(&["fleet", "web-prod", "--json"]).code(0).json();
    let live: Vec<&Value> = fleet["server_groups"].as_array().unwrap().iter().filter(|group| group["weight"] != 0).collect();
    assert_eq!((live.len(), &live[0]["version"]), (1, &Value::from("2.13.2")));
    screen.send("\x03");
    let (code, _) = screen.ends();
    assert_eq!(code, 0);
}

#[test]
fn only_y_confirms_and_only_what_was_read() {
    let yard = Yard::at_speed(WATCHABLE);
    let mut screen = open(&yard, &[]);
    // Typed ahead: the sheet is not there yet when these arrive.
    screen.send("Ryyyy");
    screen.wait_for(&["ROLL BACK web-prod", " y  roll back now"]);
    screen.send_after_reading("\r\r\n");
    screen.send("\x1b[200~y\ry\x1b[201~");
    screen.send("\x1b[200~n\x1b[201~");
    // Keys are taken in order: once the cursor keys have moved the text, those before them were taken too.
    screen.send("jjj");
    screen.wait_until("the text to move", |shown| !shown.contains("2.13.2 100%"));
    screen.wait_for(&["ROLL BACK web-prod", " y  roll back now"]);
    screen.send("n");
    screen.wait_for(&["IMAGES web", "OPS"]);
    assert_eq!(yard.run(&["ops", "--all", "--json"]).code(0).json()["operations"], Value::Array(Vec::new()));
    screen.send("q");
    assert_eq!(screen.ends().0, 0);
}

#[test]
fn the_terminal_comes_back_however_the_screen_ends() {
    let yard = Yard::at_speed(WATCHABLE);
    for end in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let screen = open(&yard, &[]);
        screen.signal(end);
        assert_eq!(screen.ends().0, 0);
    }
    for place in ["update", "view"] {
        let (code, left) = yard.terminal_with(&[], &[("QD_TEST_FAULT", place)]).ends();
        assert_eq!(code, 101, "{left}");
        assert!(left.contains(&format!("provoked in {place}: \\u{{1b}}]0;owned\\u{{7}} \\u{{202e}}")), "{left}");
        assert!(left.contains("hint: operations go on"), "{left}");
    }
    let mut screen = open(&yard, &[]);
    screen.send("?");
    screen.wait_for(&["Change production"]);
    // There is no shell that could bring it back: it stays.
    screen.send("\x1a");
    screen.send("\x1b");
    screen.wait_for(&["FLEETS"]);
    screen.send("\x03");
    assert_eq!(screen.ends().0, 0);
}

#[test]
fn a_shell_finds_its_terminal_as_it_was_after_a_stop_and_after_a_kill() {
    let yard = Yard::at_speed(WATCHABLE);
    let (mut shell, line) = (yard.shell(&["--noprofile", "--norc", "-i"]), yard.line());
    let settings = |shell: &mut support::pty::Terminal, name: &str| {
        shell.send(&format!("stty -a >{name}; echo {name} is there\r"));
        shell.wait_until(name, |shown| shown.lines().any(|line| line.starts_with(&format!("{name} is there"))));
        std::fs::read_to_string(yard.path().join(name)).unwrap()
    };
    shell.wait_for(&["ready>"]);
    let before = settings(&mut shell, "before");
    shell.send(&format!("{line}\r"));
    shell.wait_for(&["FLEETS", "12/12"]);
    shell.send("\x1a");
    shell.wait_for(&["Stopped", "ready>"]);
    assert_eq!(settings(&mut shell, "stopped"), before);
    shell.send("jobs -p >pid; fg\r");
    shell.wait_for(&["FLEETS", "12/12"]);
    let pid = std::fs::read_to_string(yard.path().join("pid")).unwrap().trim().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    // The line settings are back with the shell's next prompt; the frame that was on the screen stays until the next program that clears it.
    shell.wait_for(&["Killed"]);
    assert_eq!(settings(&mut shell, "killed"), before);
    shell.send(&format!("{line}\r"));
    shell.wait_for(&["FLEETS", "12/12"]);
    shell.send("q");
    shell.wait_for(&["stopped is there"]);
    assert_eq!(settings(&mut shell, "after"), before);
    shell.send("exit\r");
    assert_eq!(shell.ends().0, 0);
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    let yard = Yard::at_speed(WATCHABLE);
    for (columns, rows) in [(10, 3), (1, 1), (44, 4)] {
        let mut screen = yard.terminal(columns, rows, &[]);
        screen.wait_until("anything", |shown| !shown.trim().is_empty());
        screen.send("DRA?y\r");
        screen.send("\x03");
        let (code, left) = screen.ends();
        assert!(code == 0 && !left.contains("panic"), "{columns}x{rows}: {left}");
    }
    let screen = yard.terminal(10, 3, &[]);
    screen.wait_for(&["44x4"]);
}

#[test]
fn a_driver_that_was_killed_is_missed_and_replaced() {
    let yard = Yard::at_speed(WATCHABLE);
    let mut screen = open(&yard, &[]);
    let id = yard.deploy("web-prod", "2.14.0");
    let second = yard.run(&["drive", &id]);
    assert_eq!(second.refuses(3, &["has a driver already"]).out, "");
    yard.wait_op(&id, "its first weight", |op| weight(op) >= 4);
    yard.kill_driver(&id);
    screen.wait_for(&["‖ no driver", "canary has no driver", "canary 4/8, no driver"]);
    let listed = yard.run(&["ops"]).code(0);
    assert!(listed.out.contains("no driver"), "{}", listed.out);
    screen.send("\r");
    screen.wait_for(&["Nobody drives it, nothing goes on: T takes it over"]);
    screen.send("T");
    screen.wait_for(&["TAKE OVER web-prod", " y  take over now"]);
    screen.send_after_reading("y");
    screen.wait_for(&["drives it", "op-1 has a driver again"]);
    let again = yard.run(&["drive", &id, "--take-over"]).refuses(3, &["has a driver"]);
    assert!(again.out.is_empty());
    yard.speed(FAST);
    yard.run(&["wait", &id, "--timeout", "3m"]).code(0);
    assert_eq!(yard.op(&id)["state"], "succeeded");
}

#[test]
fn a_screen_whose_program_was_replaced_still_rolls_back() {
    let yard = Yard::at_speed(WATCHABLE);
    let program = yard.copied_program();
    let mut screen = yard.terminal_of(&program, 80, 24, &[]);
    screen.wait_for(&["web-prod", "12/12"]);
    std::fs::remove_file(&program).unwrap();
    screen.send("R");
    screen.wait_for(&["ROLL BACK web-prod", " y  roll back now"]);
    screen.send_after_reading("y");
    screen.wait_for(&["rollback op-1", "all traffic to 2.13.1"]);
    yard.speed(FAST);
    let op = yard.wait_op("op-1", "its end", |op| op["state"] == "succeeded");
    assert_eq!(op["to"], "2.13.1");
}

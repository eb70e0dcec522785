//! Over a real `sshd`: connections that break, lines that are slow, output that nobody takes, and `qd` as all there is behind a login.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::line::Line;
use crate::support::processes::{busy, screens, wait_for_no_screen};
use crate::support::pty::Terminal;
use crate::support::sshd::Sshd;
use crate::support::yard::Yard;
use crate::{WATCHABLE, begin_deploy, open, weight};

fn attached(sshd: &Sshd, line: &Line, yard: &Yard) -> Terminal {
    let screen = Terminal::start(sshd.client(line.door(), &yard.line()), 80, 24);
    screen.wait_for(&["FLEETS", "web-prod"]);
    screen
}

#[test]
fn a_deploy_outlives_every_way_a_connection_ends() {
    let (yard, sshd) = (Yard::at_speed(WATCHABLE), Sshd::with("SetEnv LANG=C.UTF-8"));
    let line = Line::to(sshd.address(), Duration::ZERO);
    let mut screen = attached(&sshd, &line, &yard);
    screen.wait_for(&["Nothing needs you"]);
    begin_deploy(&mut screen, "over ssh");
    screen.wait_for(&["op-1", "weight 5%"]);
    // From here on slowly: each of what follows takes its time, and a dead connection is only missed by a server that has nothing to send.
    yard.speed(1);
    let begun = yard.op("op-1");

    screen.kill();
    wait_for_no_screen(&yard.state_dir());

    let screen = attached(&sshd, &line, &yard);
    screen.wait_for(&["▶ canary"]);
    screen.hang_up();
    wait_for_no_screen(&yard.state_dir());

    let screen = attached(&sshd, &line, &yard);
    screen.wait_for(&["▶ canary"]);
    line.go_silent();
    wait_for_no_screen(&yard.state_dir());

    let line = Line::to(sshd.address(), Duration::ZERO);
    let mut screen = attached(&sshd, &line, &yard);
    screen.wait_for(&["▶ canary", "▶ web-prod canary"]);
    let now = yard.op("op-1");
    assert_eq!((now["driver"]["alive"].as_bool(), &now["driver"]["pid"]), (Some(true), &begun["driver"]["pid"]), "one driver all the way");
    yard.speed(WATCHABLE);
    yard.wait_op("op-1", "a later step", |op| weight(op) > weight(&begun));
    screen.send("q");
    screen.wait_until("its end", |_| screens(&yard.state_dir()).is_empty());
}

#[test]
fn on_a_slow_line_only_what_was_read_is_confirmed() {
    let (yard, sshd) = (Yard::at_speed(WATCHABLE), Sshd::with("SetEnv LANG=C.UTF-8"));
    for round_trip in [Duration::from_millis(300), Duration::from_secs(2)] {
        let line = Line::to(sshd.address(), round_trip / 2);
        let mut screen = attached(&sshd, &line, &yard);
        screen.wait_for(&["Nothing needs you", "12/12"]);
        // The terminal's answer to the first question has to be back before anybody types.
        std::thread::sleep(round_trip);
        screen.send("R");
        // Typed before the sheet could be seen, but long after it was opened at the far end.
        let until = Instant::now() + round_trip;
        while Instant::now() < until {
            screen.send("y");
            std::thread::sleep(Duration::from_millis(40));
        }
        screen.wait_for(&["ROLL BACK web-prod", " y  roll back now"]);
        screen.send_after_reading("\x1b[200~y\ry\x1b[201~");
        screen.send_after_reading("yes, please");
        screen.send_after_reading("jjj");
        screen.wait_until("the text to move", |shown| !shown.contains("2.13.2 100%"));
        screen.send("n");
        screen.wait_for(&["IMAGES web"]);
        assert_eq!(yard.run(&["ops", "--all", "--json"]).code(0).json()["operations"], Value::Array(Vec::new()), "{round_trip:?}");
        screen.send("q");
        screen.wait_until("its end", |_| screens(&yard.state_dir()).is_empty());
    }
}

#[test]
fn a_terminal_that_takes_nothing_costs_nothing_and_can_be_left() {
    let yard = Yard::at_speed(WATCHABLE);
    for comes_back in [true, false] {
        let mut screen = open(&yard, &[]);
        screen.hold();
        // Far more than fits between the program and a terminal that does not read.
        for _ in 0..40 {
            screen.send("?");
            std::thread::sleep(Duration::from_millis(30));
        }
        let (pid, began) = (screen.pid(), Instant::now());
        let before = busy(pid).unwrap();
        std::thread::sleep(Duration::from_secs(5));
        let spent = busy(pid).unwrap() - before;
        assert!(spent < began.elapsed() / 4, "blocked, it used {spent:?} of {:?}", began.elapsed());
        if comes_back {
            screen.read_on();
            screen.send("!");
            screen.wait_for(&["alerts"]);
            screen.send("\x03");
            assert_eq!(screen.ends().0, 0);
        } else {
            screen.signal(rustix::process::Signal::TERM);
            wait_for_no_screen(&yard.state_dir());
            screen.read_on();
            screen.ends();
        }
    }
}

#[test]
fn a_terminal_that_is_gone_is_noticed_without_a_signal() {
    let yard = Yard::at_speed(WATCHABLE);
    let screen = yard.shell(&["-c", &format!("trap '' HUP; {}; true", yard.line())]);
    screen.wait_for(&["FLEETS", "12/12"]);
    screen.hang_up();
    assert_eq!(screens(&yard.state_dir()), Vec::<u32>::new());
}

/// The recipe as it is shipped, for whoever runs the tests and the program under test.
fn recipe(yard: &Yard) -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/ssh/quarterdeck.conf")).unwrap();
    let changed =
        text.replace("Match Group quarterdeck", "Match all").replace("ForceCommand /usr/local/bin/qd", &format!("ForceCommand {}", yard.line()));
    assert!(changed.contains("Match all") && changed.contains(&yard.line()), "{changed}");
    changed
}

#[test]
fn behind_a_login_there_is_qd_and_nothing_else() {
    let yard = Yard::at_speed(WATCHABLE);
    let sshd = Sshd::with(&recipe(&yard));
    let fleets = sshd.ask("fleets --json").code(0).json();
    assert_eq!(fleets["fleets"][0]["name"], "web-prod");
    for refused in ["--config", "--state-dir", "--endpoint-url", "--profile"] {
        let told = sshd.ask(&format!("fleets {refused} /tmp/x")).code(2);
        assert!(told.err.contains(refused) && told.err.contains("not for a login"), "{}", told.err);
    }
    for words in ["sh", "fleets; id", "fleets $(id)", "fleet `id`", "/usr/lib/openssh/sftp-server"] {
        let told = sshd.ask(words);
        assert!(told.code != 0 && !format!("{}{}", told.out, told.err).contains("uid="), "{words}: {}{}", told.out, told.err);
    }
    let told = sshd.ask("deploy web-prod --image 2.14.0").code(2);
    assert!(told.err.contains("--yes"), "{}", told.err);

    let mut screen = Terminal::start(sshd.client(sshd.address(), ""), 80, 24);
    screen.wait_for(&["FLEETS", "12/12", "Nothing needs you"]);
    // There is no shell to stop to, and none to be had.
    screen.send("\x1a");
    screen.send_after_reading("?");
    screen.wait_for(&["Change production"]);
    screen.send("\x1b");
    screen.wait_for(&["FLEETS"]);
    screen.send_after_reading("q");
    let (code, left) = screen.ends();
    assert!(code == 0 && !left.contains('$') && !left.contains('#'), "{code}: {left}");
}

//! Nothing an outsider can name drives the terminal: every byte the program writes is read as a terminal would, and only what is ours may be there.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use vte::{Params, Parser, Perform};

use crate::support::pty::Terminal;
use crate::support::yard::Yard;

/// Sets a title, clears the screen, asks for an answer, turns the line round, hides, breaks the line: what a tag may hold.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[5n\u{9b}31m\u{202e}\u{200b}\u{2066}\u{feff}\u{e0041}\r\n\t\u{8}\u{1b}P+q\u{1b}\\";
/// Everything that others choose in the simulated cloud: names of fleets, groups, templates and load balancers, versions, image ids, tags,
/// policies, reasons.
const NAMED_BY_OTHERS: [&str; 13] = [
    "web-prod",
    "api-prod",
    "edge-prod",
    "web-5xx",
    "2.13.2",
    "2.13.1",
    "2.14.0",
    "2.15.0",
    "ami-",
    "m7g.large",
    "target tracking",
    "openssl of",
    r#""verified"#,
];

/// Who may write what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// The screen: what it draws with.
    Screen,
    /// Lines of text.
    Lines,
}

/// Reads bytes as a terminal does and keeps what must not be among them.
struct Listener {
    voice: Voice,
    wrong: Vec<String>,
    letters: usize,
}

impl Perform for Listener {
    fn print(&mut self, c: char) {
        self.letters += 1;
        let misleads = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
        if c.is_control() || misleads || c == '\u{fffd}' {
            self.wrong.push(format!("character {c:?}"));
        }
    }

    fn execute(&mut self, byte: u8) {
        let ours = match self.voice {
            Voice::Screen => b"\r\n\x07".contains(&byte),
            Voice::Lines => b"\r\n".contains(&byte),
        };
        if !ours {
            self.wrong.push(format!("control {byte:#x}"));
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        let numbers: Vec<u16> = params.iter().flatten().copied().collect();
        let ours = match (intermediates, action) {
            (b"", 'H' | 'C' | 'm') => true,
            (b"", 'J') => numbers == [2],
            (b"", 'n') => numbers == [5],
            (b"?", 'h' | 'l') => numbers.len() == 1 && [25, 1049, 2004, 2026].contains(&numbers[0]),
            _ => false,
        };
        if self.voice == Voice::Lines || !ours {
            self.wrong.push(format!("CSI {numbers:?} {action}"));
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.wrong.push(format!("ESC {}", char::from(byte)));
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        self.wrong.push(format!("OSC {params:?}"));
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, action: char) {
        self.wrong.push(format!("DCS {action}"));
    }
}

/// Fails if there is anything in it that is not ours; the number of letters.
#[track_caller]
fn only_ours(what: &str, voice: Voice, bytes: &[u8]) -> usize {
    let mut listener = Listener { voice, wrong: Vec::new(), letters: 0 };
    Parser::new().advance(&mut listener, bytes);
    assert!(listener.wrong.is_empty(), "{what}: {:?} in\n{}", listener.wrong, String::from_utf8_lossy(bytes).escape_debug());
    listener.letters
}

/// Renames everything in the world.
fn spoil(yard: &Yard) {
    let world = Connection::open(yard.world_dir().join("world.sqlite")).unwrap();
    let body: Vec<u8> = world.query_row("SELECT body FROM world", [], |row| row.get(0)).unwrap();
    let mut text = String::from_utf8(body).unwrap();
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    for name in NAMED_BY_OTHERS {
        assert!(text.contains(name), "the world has no {name} any more");
        text = text.replace(name, &format!("{name}{}", hostile.trim_matches('"')));
    }
    let gate = serde_json::to_string(&["/bin/sh", "-c", &format!("printf '%s' '{HOSTILE}'; exit 1")]).unwrap();
    text = text.replace(r#""gates":[]"#, &format!(r#""gates":[{gate}]"#));
    world.execute("UPDATE world SET body = ?1", [text.into_bytes()]).unwrap();
    world.execute("UPDATE clock SET generation = generation + 1", []).unwrap();
}

fn all_of(bytes: &Arc<Mutex<Vec<u8>>>) -> Vec<u8> {
    bytes.lock().unwrap().clone()
}

/// Presses a key until the screen holds a text: a sheet takes no key before it was seen.
fn press_until(screen: &mut Terminal, key: &str, text: &str) {
    for _ in 0..40 {
        screen.send_after_reading(key);
        if screen.text().contains(text) {
            return;
        }
    }
    panic!("{key:?} does not lead to {text} on\n{}", screen.text());
}

/// Looks at every screen there is, and leaves.
fn look_around(mut screen: Terminal, fleet: &str) -> Vec<u8> {
    let written = screen.written();
    screen.wait_for(&["FLEETS", fleet]);
    for keys in
        ["j", "k", "\t", "2", "w", "w", "d", "m", "l", "\x1b", "\x1b", "\r", "w", "w", "\x1b", ";", "w", "w", "\x1b", "!", "\x1b", "?", "\x1b"]
    {
        screen.send_after_reading(keys);
    }
    press_until(&mut screen, "\x1b", "OK/ALL");
    for (key, text) in [("o", "WHAT BECOMES OF IT"), ("\x1b", "OK/ALL"), ("1", "OK/ALL"), ("\r", "this one"), ("d", "owner"), ("X", "reaches")] {
        screen.send_after_reading(key);
        screen.wait_for(&[text]);
    }
    press_until(&mut screen, "\x1b", "OK/ALL");
    screen.send_after_reading("2");
    press_until(&mut screen, "D", "DEPLOY");
    press_until(&mut screen, "\x1b", "FLEETS");
    press_until(&mut screen, "R", "ROLL BACK");
    screen.send_after_reading("i");
    screen.send_after_reading(&format!("\x1b[200~{HOSTILE}\x1b[201~"));
    press_until(&mut screen, "\x1b", "FLEETS");
    screen.send("\x03");
    assert_eq!(screen.ends().0, 0);
    all_of(&written)
}

fn logs_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { logs_below(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect()
}

/// What only one piece of it would do, planted where everything else is ours: heard by the same ears, through the same terminal.
#[test]
fn a_leak_is_heard_whatever_it_is() {
    let pieces = [
        "\u{1b}]0;owned\u{7}",
        "\u{1b}]52;c;eA==\u{1b}\\",
        "\u{1b}[2K",
        "\u{1b}[6n",
        "\u{1b}[?1000h",
        "\u{1b}[1;5H\u{202e}",
        "\u{9b}31m",
        "\u{200b}",
        "\u{2066}",
        "\u{feff}",
        "\u{e0041}",
        "\u{8}",
        "\t",
        "\u{1b}P+q\u{1b}\\",
        "\u{1b}c",
        "\u{5}",
    ];
    for piece in pieces {
        let mut command = portable_pty::CommandBuilder::new("printf");
        command.args(["%s", &format!("\u{1b}[1;1Hours {piece} ours")]);
        let program = crate::support::pty::Terminal::start(command, 80, 24);
        let written = program.written();
        program.ends();
        let mut listener = Listener { voice: Voice::Screen, wrong: Vec::new(), letters: 0 };
        Parser::new().advance(&mut listener, &all_of(&written));
        assert!(listener.letters >= 8, "{piece:?}: the rest was read");
        assert!(!listener.wrong.is_empty(), "{piece:?} went by unheard");
    }
}

#[test]
fn nothing_an_outsider_can_name_drives_the_terminal() {
    let yard = Yard::at_speed(600);
    spoil(&yard);
    let (fleet, image) = (format!("web-prod{HOSTILE}"), format!("2.14.0{HOSTILE}"));
    let environment = [("USER", HOSTILE), ("SUDO_USER", HOSTILE), ("SSH_CONNECTION", HOSTILE)];

    let lines = |args: &[&str], code: i32| {
        let mut command = yard.command(args);
        command.envs(environment);
        let ran = crate::support::yard::ran(command).code(code);
        let letters = only_ours(&format!("{args:?}"), Voice::Lines, format!("{}{}", ran.out, ran.err).as_bytes());
        assert!(letters > 20, "{args:?} says nothing: {}{}", ran.out, ran.err);
        ran
    };
    lines(&["deploy", &fleet, "--image", &image, "--reason", HOSTILE, "--plan"], 0);
    let started = lines(&["deploy", &fleet, "--image", &image, "--yes", "--reason", HOSTILE, "--detach", "--json"], 0).json();
    let id = started["id"].as_str().unwrap();
    let ended = yard.wait_op(id, "its end", |op| op["state"] == "backed_out");
    assert!(ended.to_string().contains("owned"), "the gate's words are in the record: {ended:#}");
    let freeze = || drop(lines(&["freeze", &fleet, "--for", "29d", "--reason", HOSTILE], 0));
    freeze();
    for args in
        [vec!["fleets"], vec!["images"], vec!["fleet", &fleet], vec!["ops", "--all"], vec!["op", id], vec!["ledger", &fleet], vec!["doctor", &fleet]]
    {
        lines(&args, 0);
        if args[0] != "doctor" {
            lines(&[args.as_slice(), &["--json"]].concat(), 0);
        }
    }
    lines(&["watch", id], 4);
    for (args, code) in [(vec!["fleet", HOSTILE], 1), (vec!["op", HOSTILE], 1), (vec![HOSTILE], 2), (vec!["fleets", "--config", HOSTILE], 0)] {
        lines(&args, code);
    }
    let mistaken = yard.path().join("mistaken.toml");
    std::fs::write(&mistaken, format!("[fleet.web]\n\"{}\" = 1\n", HOSTILE.escape_unicode().to_string().replace("\\u{", "\\U").replace('}', "")))
        .unwrap();
    lines(&["fleets", "--config", mistaken.to_str().unwrap()], 1);

    // Of a frozen fleet no deploy's sheet opens.
    lines(&["unfreeze", &fleet], 0);
    let seen = look_around(yard.terminal_with(&[], &environment), "web-prod\\u{1b}");
    only_ours("the screen", Voice::Screen, &seen);
    let fault = yard.terminal_with(&[], &[environment.as_slice(), &[("QD_TEST_FAULT", "update")]].concat());
    let written = fault.written();
    assert_eq!(fault.ends().0, 101);
    only_ours("what is said after a fault", Voice::Screen, &all_of(&written));
    freeze();
    let mut plain = yard.terminal_with(&["--plain"], &environment);
    let written = plain.written();
    plain.wait_for(&["FLEET", "frozen"]);
    plain.send("\x03");
    plain.ends();
    only_ours("--plain", Voice::Lines, &all_of(&written));

    let logs = logs_below(&yard.state_dir());
    assert!(!logs.is_empty());
    for log in logs {
        only_ours(&log.display().to_string(), Voice::Lines, &std::fs::read(&log).unwrap());
    }
}

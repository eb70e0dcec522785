//! A simulated cloud with a state directory of its own, and the program on it.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::pty::Terminal;

/// How long a test waits for what takes a few seconds on an idle host.
pub const PATIENCE: Duration = Duration::from_secs(120);
const PROGRAM: &str = env!("CARGO_BIN_EXE_qd");
/// What would let an environment decide where things are.
const FOREIGN: [&str; 7] = ["QD_STATE_DIR", "QD_CONFIG", "QD_TIME_SCALE", "AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "NO_COLOR"];

/// What a run came to.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// It ended with this code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out:\n{}\nerr:\n{}", self.out, self.err);
        self
    }

    /// It failed with this code, a sentence with these words, and a hint.
    #[track_caller]
    pub fn refuses(self, code: i32, words: &[&str]) -> Self {
        let ran = self.code(code);
        let sentences = ran.err.lines().filter(|line| line.starts_with("qd: ")).count();
        let hints = ran.err.lines().filter(|line| line.starts_with("hint: ")).count();
        assert_eq!((sentences, hints), (1, 1), "one sentence and one hint expected:\n{}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{word:?} is not in:\n{}", ran.err);
        }
        ran
    }

    /// Its one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// A simulated cloud.
pub struct Yard {
    dir: tempfile::TempDir,
}

impl Yard {
    /// A directory in which nothing is yet.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A new world that goes `speed` times as fast as the clock.
    pub fn at_speed(speed: u32) -> Self {
        let yard = Self::empty();
        yard.speed(speed);
        yard
    }

    /// The same with windows of ten hours on web-prod and api-prod: at a speed at which nobody waits for a deploy, the usual one may be over
    /// before the next process has started.
    pub fn with_long_windows(speed: u32) -> Self {
        let yard = Self::empty();
        let dir = yard.dir.path().join("quarterdeck");
        std::fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
        let section = |fleet: &str, floor: u32, strategy: &str| {
            format!("[fleet.{fleet}]\nslots = [\"{fleet}-a\", \"{fleet}-b\"]\nfloor = {floor}\nstrategy = \"{strategy}\"\nwindow = \"10h\"\n")
        };
        std::fs::write(dir.join("fleets.toml"), section("web-prod", 8, "canary") + &section("api-prod", 13, "blue-green")).unwrap();
        yard.speed(speed);
        yard
    }

    /// Changes the world's speed, for every process on it.
    pub fn speed(&self, speed: u32) {
        self.run(&["--sim-speed", &speed.to_string(), "ops"]).code(0);
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Where store and world are.
    pub fn world_dir(&self) -> PathBuf {
        self.state_dir().join("sim-default")
    }

    fn arguments(&self, args: &[&str]) -> Vec<String> {
        let state = format!("--state-dir={}", self.state_dir().display());
        let own = ["--sim".to_owned(), state];
        own.into_iter().chain(args.iter().map(|arg| (*arg).to_owned())).collect()
    }

    /// The program on this world, with nobody at the keyboard.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bare();
        command.args(self.arguments(args));
        command
    }

    /// The program without any argument.
    fn bare(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env("XDG_CONFIG_HOME", self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args))
    }

    /// The program with these arguments alone.
    pub fn run_bare(&self, args: &[&str]) -> Ran {
        let mut command = self.bare();
        command.args(args);
        ran(command)
    }

    /// A terminal with the program on this world.
    pub fn terminal(&self, columns: u16, rows: u16, args: &[&str]) -> Terminal {
        self.terminal_of(Path::new(PROGRAM), columns, rows, args)
    }

    /// A copy of the program that can be taken away.
    pub fn copied_program(&self) -> PathBuf {
        let copy = self.dir.path().join("qd");
        std::fs::copy(PROGRAM, &copy).unwrap();
        copy
    }

    /// A terminal with a program on this world.
    pub fn terminal_of(&self, program: &Path, columns: u16, rows: u16, args: &[&str]) -> Terminal {
        let mut command = self.for_terminal(program);
        command.args(self.arguments(args));
        Terminal::start(command, columns, rows)
    }

    /// A terminal with the program and more in its environment.
    pub fn terminal_with(&self, args: &[&str], env: &[(&str, &str)]) -> Terminal {
        let mut command = self.for_terminal(Path::new(PROGRAM));
        command.args(self.arguments(args));
        for (name, value) in env {
            command.env(name, value);
        }
        Terminal::start(command, 80, 24)
    }

    /// A terminal with a shell on it.
    pub fn shell(&self, args: &[&str]) -> Terminal {
        let mut command = self.for_terminal(Path::new("/bin/bash"));
        command.args(args);
        command.env("PS1", "ready> ");
        Terminal::start(command, 80, 24)
    }

    /// The line that starts the program on this world in a shell.
    pub fn line(&self) -> String {
        format!("{PROGRAM} {}", self.arguments(&[]).join(" "))
    }

    fn for_terminal(&self, program: &Path) -> CommandBuilder {
        let mut command = CommandBuilder::new(program);
        command.cwd(self.dir.path());
        command.env("XDG_CONFIG_HOME", self.dir.path());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
    }

    /// Starts a deploy and returns its id.
    pub fn deploy(&self, fleet: &str, image: &str) -> String {
        let ran = self.run(&["deploy", fleet, "--image", image, "--yes", "--reason", "a test", "--detach", "--json"]).code(0);
        ran.json()["id"].as_str().unwrap().to_owned()
    }

    pub fn op(&self, id: &str) -> Value {
        self.run(&["op", id, "--json"]).code(0).json()
    }

    /// Waits until the operation's document is as wanted.
    pub fn wait_op(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let op = self.op(id);
            if wanted(&op) {
                return op;
            }
            assert!(began.elapsed() < PATIENCE, "{id} does not come to {what}: {op:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills the driver of an operation as a crash would.
    pub fn kill_driver(&self, id: &str) {
        let pid = self.op(id)["driver"]["pid"].as_i64().unwrap();
        kill(pid);
    }
}

impl Drop for Yard {
    /// Drivers outlive whoever started them; those of a test must not.
    fn drop(&mut self) {
        let Ok(listed) = self.command(&["--read-only", "ops", "--all", "--json"]).output() else { return };
        let document: Value = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        for op in document["operations"].as_array().into_iter().flatten() {
            if op["driver"]["alive"] == true {
                kill(op["driver"]["pid"].as_i64().unwrap_or(0));
            }
        }
    }
}

fn kill(pid: i64) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    let _ = kill_process(pid, Signal::KILL);
}

/// Runs a command to its end.
pub fn ran(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

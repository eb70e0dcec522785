//! The real `qd` against an endpoint: every process with dummy credentials, its own state and its own `fleets.toml`.

// A test that cannot go on has nothing to say but why; JSON is indexed as a test reads it.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::disk::SmallDisk;
use super::endpoint::Endpoint;
use super::proxy::Proxy;

/// How much faster than real time every wait of an operation passes.
pub const TIME_SCALE: &str = "100";
/// How long a test waits for what takes a second or two.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// One person's `qd`: a state directory, a `fleets.toml` and an environment.
pub struct Qd {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
    /// For the test's own looks at the store, which must not fail with what is between `qd` and its endpoint.
    looks_through: Option<String>,
    /// What brings a command to where it sees the disk.
    enter: Vec<String>,
    /// Where the test itself sees it.
    seen_state: Option<PathBuf>,
}

/// What a finished `qd` said.
#[derive(Debug)]
pub struct Told {
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Told {
    fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The same, once it is known to have ended well.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// The document on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why} in {}{}", self.out, self.err))
    }

    /// It failed with this code, and its standard error has all of these words and a hint.
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{words:?}: {}{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "no '{word}' in: {}", self.err);
        }
        assert!(self.err.lines().any(|line| line.starts_with("qd: ")), "no sentence: {}", self.err);
        assert!(self.err.lines().any(|line| line.starts_with("hint: ") && line.len() > 10), "no hint: {}", self.err);
    }
}

impl Qd {
    /// Somebody who may do everything at this endpoint.
    pub fn new(endpoint: &Endpoint) -> Self {
        Self::with_env(endpoint.env())
    }

    /// Somebody with this environment for AWS.
    pub fn with_env(env: Vec<(String, String)>) -> Self {
        let mut qd = Self::unhurried(env);
        qd.env.push(("QD_TIME_SCALE".to_owned(), TIME_SCALE.to_owned()));
        qd
    }

    /// Somebody behind a proxy; what the test itself asks goes past it.
    pub fn behind(proxy: &Proxy, endpoint: &Endpoint) -> Self {
        let mut qd = Self::with_env(proxy.env());
        qd.looks_through = Some(endpoint.url());
        qd
    }

    /// The same at the speed of real life.
    pub fn unhurried(env: Vec<(String, String)>) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), env, looks_through: None, enter: Vec::new(), seen_state: None }
    }

    /// From now on all that is recorded lies on a disk of so many MiB.
    pub fn move_to_small_disk(&mut self, mib: u32) -> SmallDisk {
        std::fs::create_dir_all(self.state_dir()).unwrap();
        let disk = SmallDisk::mounted(&self.state_dir(), mib);
        self.enter = disk.enter();
        self.seen_state = Some(disk.seen_from_outside());
        disk
    }

    /// The access key its calls are signed with.
    pub fn access_key(&self) -> &str {
        self.env.iter().find(|(name, _)| name == "AWS_ACCESS_KEY_ID").map_or("", |(_, key)| key)
    }

    /// The written-down fleets.
    pub fn fleets_file(&self) -> PathBuf {
        self.dir.path().join("config").join("fleets.toml")
    }

    /// Where everything that is recorded lies.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The records, for a test that reads them behind the program's back.
    pub fn records(&self) -> Connection {
        let stores = |dir: &Path| -> Vec<PathBuf> {
            let found = std::fs::read_dir(dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display()));
            found.flatten().map(|entry| entry.path()).filter(|dir| dir.join("store.sqlite").exists()).collect()
        };
        let file = match &self.seen_state {
            None => stores(&self.state_dir()).pop().unwrap().join("store.sqlite"),
            Some(state) => self.copied(&stores(state).pop().unwrap()),
        };
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
    }

    /// SQLite does not find its way into another namespace, so a store there is copied: again, until nobody wrote meanwhile.
    fn copied(&self, store: &Path) -> PathBuf {
        let to = self.dir.path().join("copy");
        std::fs::create_dir_all(&to).unwrap();
        let all = || ["store.sqlite", "store.sqlite-wal"].map(|name| std::fs::read(store.join(name)).unwrap_or_default());
        let still = || {
            let before = all();
            (before == all()).then_some(before)
        };
        let [file, log] = (0..100).find_map(|_| still()).unwrap_or_else(|| panic!("somebody writes to {} all the time", store.display()));
        std::fs::write(to.join("store.sqlite"), file).unwrap();
        std::fs::write(to.join("store.sqlite-wal"), log).unwrap();
        to.join("store.sqlite")
    }

    /// Changes the written-down fleets as an editor would.
    pub fn edit_fleets(&self, change: impl FnOnce(String) -> String) {
        let old = std::fs::read_to_string(self.fleets_file()).unwrap_or_default();
        std::fs::create_dir_all(self.fleets_file().parent().unwrap()).unwrap();
        std::fs::write(self.fleets_file(), change(old)).unwrap();
    }

    /// A `qd` that is ready to start. Nothing of the developer's environment reaches it.
    pub fn command(&self, args: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_qd").to_owned();
        let mut line = self.enter.iter().chain([&program]);
        let mut command = Command::new(line.next().unwrap());
        command.args(line);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.dir.path()).env("USER", "tester");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.arg("--state-dir").arg(self.state_dir()).arg("--config").arg(self.fleets_file());
        command.args(args).stdin(Stdio::null());
        command
    }

    /// Its screen, ready for a terminal.
    pub fn screen(&self) -> CommandBuilder {
        let command = self.command(&[]);
        let mut screen = CommandBuilder::new(command.get_program());
        screen.args(command.get_args());
        screen.env_clear();
        for (name, value) in command.get_envs() {
            screen.env(name, value.unwrap());
        }
        screen.env("TERM", "xterm-256color");
        screen.env("LANG", "C.UTF-8");
        screen
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str]) -> Told {
        Told::new(&self.command(args).output().unwrap())
    }

    /// Runs it to its end with another value of a variable; none takes the variable away.
    pub fn run_with(&self, changes: &[(&str, Option<&str>)], args: &[&str]) -> Told {
        let mut command = self.command(args);
        for (name, value) in changes {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Told::new(&command.output().unwrap())
    }

    /// The document a command answers with `--json`.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        self.look(&all).ok().json()
    }

    /// Runs it past whatever is between `qd` and its endpoint.
    fn look(&self, args: &[&str]) -> Told {
        let past: Vec<_> = self.looks_through.iter().map(|url| ("AWS_ENDPOINT_URL", Some(url.as_str()))).collect();
        self.run_with(&past, args)
    }

    /// Starts an operation and returns its id; its driver goes on by itself.
    pub fn start(&self, args: &[&str]) -> String {
        let mut all = args.to_vec();
        all.extend(["--yes", "--detach", "--json"]);
        let id = self.run(&all).ok().json()["id"].as_str().map(str::to_owned);
        id.unwrap_or_else(|| panic!("{args:?} gave no id"))
    }

    /// The operation now, with its events.
    pub fn op(&self, id: &str) -> Value {
        self.json(&["op", id])
    }

    /// Waits until the operation is as wanted.
    pub fn await_op(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let asked = Instant::now();
        loop {
            let op = self.op(id);
            if wanted(&op) {
                return op;
            }
            let over = matches!(op["state"].as_str(), Some("failed" | "backed_out" | "superseded"));
            assert!(asked.elapsed() < PATIENCE && !over, "{id} does not become {what}: {op:#}\n{}", self.driver_log(id));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the operation is in this state.
    pub fn await_state(&self, id: &str, state: &str) -> Value {
        self.await_op(id, state, |op| op["state"] == state)
    }

    /// All operations of the store, newest first.
    pub fn ops(&self) -> Vec<Value> {
        self.json(&["ops", "--all"])["operations"].as_array().cloned().unwrap_or_default()
    }

    /// The newest operation of a kind, if there is one.
    pub fn newest(&self, kind: &str) -> Option<String> {
        self.ops().into_iter().find(|op| op["kind"] == kind).and_then(|op| op["id"].as_str().map(str::to_owned))
    }

    /// What a driver wrote.
    pub fn driver_log(&self, id: &str) -> String {
        logs(&self.state_dir()).into_iter().filter(|path| path.ends_with(format!("{id}.log"))).map(|path| read(&path)).collect()
    }

    /// Whether any driver was ever started here.
    pub fn had_drivers(&self) -> bool {
        !logs(&self.state_dir()).is_empty()
    }

    /// Kills the driver of an operation, as the kernel does: it cannot say good-bye.
    pub fn kill_driver(&self, id: &str) {
        self.kill_pid(&self.op(id));
    }

    /// The same, as the operation was when it was looked at: its driver may be gone by now.
    pub fn kill_pid(&self, op: &Value) {
        kill(op["driver"]["pid"].as_u64().unwrap_or_else(|| panic!("no driver: {op:#}")));
    }
}

impl Drop for Qd {
    /// Drivers outlive their terminal, and would outlive the test: each is ended by its own number.
    fn drop(&mut self) {
        let ops: Value = serde_json::from_str(&self.look(&["ops", "--json"]).out).unwrap_or_default();
        for op in ops["operations"].as_array().into_iter().flatten().filter(|op| op["driver"]["alive"] == true) {
            if let Some(pid) = op["driver"]["pid"].as_u64() {
                kill(pid);
            }
        }
    }
}

fn kill(pid: u64) {
    let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The logs of all drivers under a state directory.
fn logs(state: &Path) -> Vec<PathBuf> {
    let list = |dir: &Path| -> Vec<PathBuf> { std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect() };
    list(state).iter().flat_map(|store| list(&store.join("drivers"))).collect()
}

//! People's own programs as processes, with a time limit. Notify hooks run one at a time on a thread of their own; nothing waits for them but the
//! end of the driver.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::domain::text::{Untrusted, escape};
use crate::ports::notify::{Hook, Notify};

/// How long a hook may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// So much of what it prints is kept for the log.
const KEPT_OUTPUT: u64 = 4_096;
/// All of this process's environment that a hook gets: nothing in it is a secret. What else it needs it reads from a file of its own.
const PASSED_ON: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Runs hooks one after the other, in the order in which they were told.
pub struct HookRunner {
    queue: Option<Sender<(Hook, String)>>,
    thread: Option<JoinHandle<()>>,
}

impl HookRunner {
    /// A runner with the time limit every hook has.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new() -> std::io::Result<Self> {
        Self::with_limit(TIME_LIMIT)
    }

    /// The same with another time limit, for tests.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn with_limit(limit: Duration) -> std::io::Result<Self> {
        let (queue, waiting) = channel();
        let thread = std::thread::Builder::new().name("notify".to_owned()).spawn(move || run_all(&waiting, limit))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }
}

impl Notify for HookRunner {
    fn tell(&self, hook: &Hook, document: String) {
        let sent = self.queue.as_ref().is_some_and(|queue| queue.send((hook.clone(), document)).is_ok());
        if !sent {
            tracing::warn!("notify: nobody runs hooks any more");
        }
    }
}

impl Drop for HookRunner {
    /// A driver that is done gives its last notices time to be told: no longer than their limits.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("notify: the thread that runs hooks ended early");
        }
    }
}

fn run_all(waiting: &Receiver<(Hook, String)>, limit: Duration) {
    while let Ok((hook, document)) = waiting.recv() {
        let name = hook.0.first().map(|program| escape(program)).unwrap_or_default();
        match run(&hook.0, &document, limit, &AtomicBool::new(false)) {
            Ok(told) => tracing::info!("notify: {name}: {}{}", told.end, printed(&told.output)),
            Err(why) => tracing::warn!("notify: {name}: {why}"),
        }
    }
}

fn printed(output: &Untrusted) -> String {
    if output.raw().trim().is_empty() { String::new() } else { format!(", it said: {}", output.shown()) }
}

/// What became of a program that ended well.
pub(super) struct Told {
    end: String,
    /// The beginning of what it printed.
    pub(super) output: Untrusted,
    /// The beginning of what it printed on its standard output alone.
    pub(super) stdout: Untrusted,
}

/// Runs a program to its end, or to `limit`, or until it is not wanted any more. An error says how it failed and what it printed.
pub(super) fn run(arguments: &[String], document: &str, limit: Duration, unwanted: &AtomicBool) -> Result<Told, String> {
    let mut child = spawn(command(arguments)?.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let output = collected(&mut child);
    feed(&mut child, document);
    let ended = wait(&mut child, limit, unwanted);
    // Whatever it left behind goes with it: a hook that starts something of its own has to detach it.
    end_group(&child);
    let [stdout, stderr] = output.recv_timeout(Duration::from_millis(500)).unwrap_or_default();
    let both: Vec<&str> = [stdout.as_str(), stderr.as_str()].into_iter().filter(|text| !text.is_empty()).collect();
    let output = Untrusted::new(both.join("\n"));
    match verdict(ended, limit) {
        None => Ok(Told { end: "told".to_owned(), output, stdout: stdout.into() }),
        Some(failed) => Err(format!("{failed}{}", printed(&output))),
    }
}

/// The same for a program whose output goes to a log, both ends of it, and which stays as it is when nobody waits for it any more.
pub(super) fn run_logged(arguments: &[String], document: &str, limit: Duration, log: &File) -> Result<(), String> {
    let end = || log.try_clone().map(Stdio::from).map_err(|error| format!("its log cannot be written ({error})"));
    let mut child = spawn(command(arguments)?.stdout(end()?).stderr(end()?))?;
    feed(&mut child, document);
    let ended = wait(&mut child, limit, &AtomicBool::new(false));
    verdict(ended, limit).map_or(Ok(()), Err)
}

/// How it failed; none if it did not.
fn verdict(ended: Option<ExitStatus>, limit: Duration) -> Option<String> {
    match ended {
        Some(status) if status.success() => None,
        Some(status) => Some(format!("it failed ({status})")),
        None => Some(format!("it did not end in {}s and was ended", limit.as_secs_f32())),
    }
}

fn command(arguments: &[String]) -> Result<Command, String> {
    let (program, arguments) = arguments.split_first().ok_or("it names no program")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/").process_group(0);
    command.envs(PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::piped());
    Ok(command)
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    command.spawn().map_err(|error| format!("it cannot be started ({error})"))
}

/// A hook that does not read its input, or closes it early, is told all the same.
fn feed(child: &mut Child, document: &str) {
    let Some(mut input) = child.stdin.take() else { return };
    let document = format!("{document}\n");
    // A thread of its own: a hook that does not read a long document must not hold up its time limit.
    let fed = std::thread::Builder::new().name("notify-in".to_owned()).spawn(move || input.write_all(document.as_bytes()));
    if let Err(error) = fed {
        tracing::warn!("notify: its input could not be written: {error}");
    }
}

/// The beginning of what it prints, once both ends are closed; the rest is read and dropped.
fn collected(child: &mut Child) -> Receiver<[String; 2]> {
    let (done, output) = channel();
    let ends: [Option<Box<dyn Read + Send>>; 2] =
        [child.stdout.take().map(|end| Box::new(end) as _), child.stderr.take().map(|end| Box::new(end) as _)];
    let threads = ends.map(|end| end.map(|end| std::thread::spawn(move || beginning(end))));
    std::thread::spawn(move || done.send(threads.map(|thread| thread.and_then(|thread| thread.join().ok()).unwrap_or_default())));
    output
}

fn beginning(mut end: Box<dyn Read + Send>) -> String {
    let mut kept = Vec::new();
    let read = end.by_ref().take(KEPT_OUTPUT).read_to_end(&mut kept).and_then(|_| std::io::copy(&mut end, &mut std::io::sink()));
    if let Err(error) = read {
        tracing::debug!("notify: its output broke off: {error}");
    }
    String::from_utf8_lossy(&kept).trim_end().to_owned()
}

/// How it ended; none if it had not by its limit.
fn wait(child: &mut Child, limit: Duration, unwanted: &AtomicBool) -> Option<ExitStatus> {
    let began = Instant::now();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if began.elapsed() >= limit || unwanted.load(Ordering::Relaxed) {
            end_group(child);
            let _ended = child.wait();
            return None;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn end_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It fails where nothing of the group is left, which is what is wanted.
        let _gone = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn shell(script: &str) -> Hook {
        Hook(vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()])
    }

    fn ran(hook: &Hook, document: &str, limit: Duration) -> Result<Told, String> {
        run(&hook.0, document, limit, &AtomicBool::new(false))
    }

    fn written(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn every_document_is_told_in_order_before_the_runner_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("told");
        let hook = shell(&format!("cat >> {}", file.display()));
        let runner = HookRunner::new().unwrap();
        for number in 0..5 {
            runner.tell(&hook, format!("{{\"n\":{number}}}"));
        }
        drop(runner);
        assert_eq!(written(&file), "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n");
    }

    #[test]
    fn a_hook_sees_no_secret_of_this_process() {
        let told = ran(&shell("env"), "{}", TIME_LIMIT).ok().unwrap();
        let names: Vec<&str> = told.output.raw().lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        let harmless = |name: &&str| PASSED_ON.contains(name) || matches!(*name, "PWD" | "SHLVL" | "_" | "OLDPWD");
        assert!(names.iter().all(harmless), "{names:?}");
        assert!(names.contains(&"PATH"), "{names:?}");
    }

    #[test]
    fn a_hook_that_hangs_is_ended_with_everything_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("late");
        let began = Instant::now();
        let why = ran(&shell(&format!("(sleep 2; echo late > {}) & sleep 60", file.display())), "{}", Duration::from_millis(200)).err().unwrap();
        assert!(why.contains("did not end"), "{why}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        std::thread::sleep(Duration::from_millis(2_300));
        assert!(!file.exists(), "what it started went on");
    }

    #[test]
    fn a_hook_that_reads_nothing_and_prints_much_is_no_trouble() {
        let told = ran(&shell("yes | head -c 1000000"), &"x".repeat(1_000_000), TIME_LIMIT).ok().unwrap();
        assert!(told.output.raw().len() <= 4_096);
    }

    #[test]
    fn a_hook_that_fails_or_is_not_there_is_said_with_its_words() {
        let why = ran(&shell("echo no pager today >&2; exit 3"), "{}", TIME_LIMIT).err().unwrap();
        assert!(why.contains("exit status: 3") && why.contains("no pager today"), "{why}");
        let why = ran(&Hook(vec!["/nowhere/page".to_owned()]), "{}", TIME_LIMIT).err().unwrap();
        assert!(why.contains("cannot be started"), "{why}");
        let why = ran(&Hook(Vec::new()), "{}", TIME_LIMIT).err().unwrap();
        assert!(why.contains("no program"), "{why}");
    }
}

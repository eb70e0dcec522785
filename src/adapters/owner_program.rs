//! Programs of a fleet's owner about its database, as processes: the one that says which schema is live, and the one that migrates it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::JoinHandle;

use async_trait::async_trait;

use super::hook;
use crate::domain::ids::OperationId;
use crate::domain::schema::LiveSchema;
use crate::domain::text::Untrusted;
use crate::operation::schema::{HookKind, HookOutcome, HookRun};
use crate::ports::schema::SchemaSource;

/// So much of the end of a migration's log goes into the record.
const KEPT_LOG: u64 = 4_096;

/// Asks the program itself, each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SchemaProgram;

#[async_trait]
impl SchemaSource for SchemaProgram {
    async fn live(&self, question: &HookRun) -> LiveSchema {
        let question = question.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&question)).await;
        asked.unwrap_or_else(|_| LiveSchema::Unknown("the thread that asked ended early".into()))
    }
}

/// What the program says, once it has ended or its time is over.
#[must_use]
pub fn ask(question: &HookRun) -> LiveSchema {
    asked(question, &AtomicBool::new(false)).live_schema()
}

fn asked(question: &HookRun, unwanted: &AtomicBool) -> HookOutcome {
    match hook::run(&question.run, &question.document, question.limit.std(), unwanted) {
        Ok(told) => HookOutcome { succeeded: true, told: told.stdout, said: told.output },
        Err(why) => HookOutcome { succeeded: false, told: Untrusted::default(), said: why.into() },
    }
}

/// Where the log of an operation's migration is kept in the directory of a store.
#[must_use]
pub fn migration_log(dir: &Path, operation: &OperationId) -> PathBuf {
    dir.join("migrations").join(format!("{}.log", operation.as_str()))
}

/// A program that was started.
pub struct OwnerProgram {
    ended: Receiver<HookOutcome>,
    /// How it is ended with whoever started it. A migration is not: half of one is worse than one that nobody waits for.
    end: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl OwnerProgram {
    /// Starts it; what a migration prints goes to `log`. One that cannot be started has failed.
    #[must_use]
    pub fn start(run: &HookRun, log: &Path) -> Self {
        let (told, ended) = channel();
        let unwanted = Arc::new(AtomicBool::new(false));
        let (program, stop, log) = (run.clone(), unwanted.clone(), log.to_owned());
        let thread = std::thread::spawn(move || {
            let outcome = match program.kind {
                HookKind::Schema => asked(&program, &stop),
                HookKind::Migration => migrated(&program, &log),
            };
            if told.send(outcome).is_err() {
                tracing::warn!("a program about the database ended when nobody wanted to know any more");
            }
        });
        Self { ended, end: (run.kind == HookKind::Schema).then_some((unwanted, thread)) }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<HookOutcome> {
        match self.ended.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(HookOutcome { succeeded: false, told: Untrusted::default(), said: "nobody watches it any more".into() })
            }
        }
    }
}

impl Drop for OwnerProgram {
    fn drop(&mut self) {
        let Some((unwanted, thread)) = self.end.take() else { return };
        unwanted.store(true, Ordering::Relaxed);
        if thread.join().is_err() {
            tracing::warn!("the thread of a program about the database ended early");
        }
    }
}

fn migrated(run: &HookRun, log: &Path) -> HookOutcome {
    let outcome = |succeeded, said: String| HookOutcome { succeeded, told: Untrusted::default(), said: said.into() };
    let mut file = match opened(log) {
        Ok(file) => file,
        Err(error) => return outcome(false, format!("it was not started: its log cannot be written ({error})")),
    };
    let began = file.stream_position().unwrap_or(0);
    match hook::run_logged(&run.run, &run.document, run.limit.std(), &file) {
        Ok(()) => outcome(true, end_of(log, began)),
        Err(why) => outcome(false, [end_of(log, began), why].join("\n").trim_start().to_owned()),
    }
}

/// The log, at its end.
fn opened(log: &Path) -> std::io::Result<File> {
    if let Some(dir) = log.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(log)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// The end of what was printed since `began`.
fn end_of(log: &Path, began: u64) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let from = file.metadata()?.len().saturating_sub(KEPT_LOG).max(began);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(KEPT_LOG).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    };
    read().unwrap_or_else(|error| format!("its log cannot be read ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;
    use std::time::Duration;

    fn shell(kind: HookKind, script: &str, limit: Millis) -> HookRun {
        let run = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        HookRun { kind, run, document: "{\"fleet\":\"web-prod\"}".to_owned(), limit }
    }

    fn schema(script: &str, limit: Millis) -> LiveSchema {
        ask(&shell(HookKind::Schema, script, limit))
    }

    fn why(live: LiveSchema) -> String {
        match live {
            LiveSchema::Unknown(why) => why.shown(),
            other => panic!("{other:?}"),
        }
    }

    fn outcome(program: &OwnerProgram) -> HookOutcome {
        loop {
            if let Some(outcome) = program.ended() {
                return outcome;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_number_on_its_standard_output_is_the_schema_whatever_else_it_prints() {
        assert_eq!(schema("grep -q web-prod && echo 7; echo connecting >&2", Millis::secs(20)), LiveSchema::At(7));
        assert_eq!(schema("echo '{\"schema\": 12}'", Millis::secs(20)), LiveSchema::At(12));
    }

    #[test]
    fn a_program_that_hangs_lies_fails_or_prints_escapes_says_nothing_and_why() {
        assert!(why(schema("sleep 60", Millis(100))).contains("did not end in 0.1s"));
        assert!(why(schema("echo seven", Millis::secs(20))).contains("it printed 'seven', a whole number was expected"));
        assert!(why(schema("echo 7; echo no database >&2; exit 3", Millis::secs(20))).contains("exit status: 3"));
        let escapes = why(schema("printf '\\033[2J7'", Millis::secs(20)));
        assert!(escapes.contains("\\u{1b}[2J7") && !escapes.contains('\u{1b}'), "{escapes}");
        assert!(why(schema("yes 7", Millis(200))).contains("did not end"));
        let nowhere = HookRun { run: vec!["/nowhere/schema".to_owned()], ..shell(HookKind::Schema, "", Millis::secs(20)) };
        assert!(why(ask(&nowhere)).contains("cannot be started"));
    }

    #[test]
    fn what_a_migration_prints_is_logged_and_its_end_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let log = migration_log(dir.path(), &"op-1".into());
        let told = outcome(&OwnerProgram::start(&shell(HookKind::Migration, "cat >&2; echo; echo step one; echo step two", Millis::secs(20)), &log));
        assert!(told.succeeded && told.said.raw().ends_with("step one\nstep two") && told.said.raw().contains("web-prod"), "{told:?}");
        let failed = outcome(&OwnerProgram::start(&shell(HookKind::Migration, "echo no such table; exit 1", Millis::secs(20)), &log));
        assert!(!failed.succeeded && failed.said.raw() == "no such table\nit failed (exit status: 1)", "{failed:?}");
        assert!(std::fs::read_to_string(&log).unwrap().contains("step one"), "the log goes on");
        let slow = outcome(&OwnerProgram::start(&shell(HookKind::Migration, "echo begun; sleep 60", Millis(200)), &log));
        assert!(!slow.succeeded && slow.said.raw().starts_with("begun\nit did not end in 0.2s"), "{slow:?}");
    }

    #[test]
    fn a_migration_goes_on_without_whoever_started_it() {
        let dir = tempfile::tempdir().unwrap();
        let (log, done) = (migration_log(dir.path(), &"op-1".into()), dir.path().join("done"));
        let script = format!("sleep 0.3; echo still here; touch {}", done.display());
        drop(OwnerProgram::start(&shell(HookKind::Migration, &script, Millis::secs(20)), &log));
        let began = std::time::Instant::now();
        while !done.exists() {
            assert!(began.elapsed() < Duration::from_secs(20), "it was ended with its driver");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

//! A gate of a deploy as a process: it runs on a thread of its own and is ended with whoever started it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::hook;
use crate::operation::gate::{GateOutcome, GateRun};

/// A gate that was started.
pub struct GateProcess {
    ended: Receiver<GateOutcome>,
    unwanted: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl GateProcess {
    /// Starts it; one that cannot be started has not passed.
    #[must_use]
    pub fn start(run: &GateRun) -> Self {
        Self::with_limit(run, run.limit.std())
    }

    fn with_limit(run: &GateRun, limit: Duration) -> Self {
        let (told, ended) = channel();
        let unwanted = Arc::new(AtomicBool::new(false));
        let (run, stop) = (run.clone(), unwanted.clone());
        let thread = std::thread::spawn(move || {
            let outcome = match hook::run(&run.gate.0, &run.document, limit, &stop) {
                Ok(told) => GateOutcome { passed: true, said: told.output },
                Err(why) => GateOutcome { passed: false, said: why.into() },
            };
            if told.send(outcome).is_err() {
                tracing::debug!("gate {} ended when nobody wanted to know any more", run.gate.name());
            }
        });
        Self { ended, unwanted, thread: Some(thread) }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<GateOutcome> {
        match self.ended.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(GateOutcome { passed: false, said: "nobody watches it any more".into() }),
        }
    }
}

impl Drop for GateProcess {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread of a gate ended early");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::gate::{GATE_LIMIT, Gate};

    fn shell(script: &str) -> GateRun {
        let gate = Gate(["/bin/sh", "-c", script].map(str::to_owned).to_vec());
        GateRun { number: 0, gate, document: r#"{"fleet":"web-prod"}"#.to_owned(), limit: GATE_LIMIT }
    }

    fn outcome(script: &str, limit: Duration) -> GateOutcome {
        let process = GateProcess::with_limit(&shell(script), limit);
        loop {
            if let Some(outcome) = process.ended() {
                return outcome;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_gate_reads_what_it_looks_at_and_passes_by_its_exit_status() {
        let passed = outcome("grep -o web-prod", Duration::from_secs(20));
        assert_eq!(passed, GateOutcome { passed: true, said: "web-prod".into() });
        let vetoed = outcome("echo smoke; exit 1", Duration::from_secs(20));
        assert!(!vetoed.passed && vetoed.said.raw().contains("smoke"), "{vetoed:?}");
    }

    #[test]
    fn a_gate_that_says_nothing_in_time_has_not_passed() {
        let outcome = outcome("sleep 60", Duration::from_millis(100));
        assert!(!outcome.passed && outcome.said.raw().contains("did not end"), "{outcome:?}");
    }

    #[test]
    fn a_gate_ends_with_whoever_started_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("late");
        let began = std::time::Instant::now();
        drop(GateProcess::start(&shell(&format!("sleep 30; echo > {}", file.display()))));
        assert!(began.elapsed() < Duration::from_secs(10) && !file.exists());
    }
}

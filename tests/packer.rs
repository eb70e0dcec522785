//! The real Packer: its stream, its end, and how it is stopped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

#[cfg(feature = "aws")]
mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quarterdeck::adapters::packer::PackerProcess;
use quarterdeck::bake::packer::PackerStream;
use quarterdeck::bake::signal::{Outcome, Said, Signal};
use quarterdeck::ports::packer::{PackerEnd, PackerOrder, PackerReading, PackerRun};

const PATIENCE: Duration = Duration::from_secs(120);

/// A template that needs no cloud: its one provisioner is a script on this machine.
fn template(dir: &Path, script: &str) -> PathBuf {
    let path = dir.join("template.json");
    let builder = serde_json::json!({"type": "null", "communicator": "none"});
    let provisioner = serde_json::json!({"type": "shell-local", "inline": [script]});
    std::fs::write(&path, serde_json::json!({"builders": [builder], "provisioners": [provisioner]}).to_string()).unwrap();
    path
}

fn order(template: PathBuf) -> PackerOrder {
    PackerOrder { directory: template.parent().unwrap().to_owned(), template, variables: [].into() }
}

fn packer(dir: &Path) -> PackerProcess {
    assert!(Path::new("/usr/bin/packer").exists(), "this test needs packer: apt-get install packer");
    PackerProcess::new(dir, "/usr/bin/packer")
}

/// Reads until Packer has ended, or has printed what is waited for.
fn read(run: &mut PackerProcess, stream: &mut PackerStream, from: &mut u64, until: &str) -> (Vec<Signal>, Option<PackerEnd>) {
    let (began, mut signals) = (Instant::now(), Vec::new());
    loop {
        let PackerReading { bytes, end } = run.read(*from).unwrap();
        *from += bytes.len() as u64;
        signals.extend(stream.read(&bytes));
        let log = String::from_utf8_lossy(stream.log().bytes()).into_owned();
        if end.is_some() || !until.is_empty() && log.contains(until) {
            return (signals, end);
        }
        assert!(began.elapsed() < PATIENCE, "packer said nothing of '{until}':\n{log}");
        std::thread::yield_now();
    }
}

fn whole(run: &mut PackerProcess) -> (Vec<Said>, String, PackerEnd) {
    let (mut stream, mut from) = (PackerStream::default(), 0);
    let (mut signals, end) = read(run, &mut stream, &mut from, "");
    let end = end.unwrap();
    signals.extend(stream.end(end.is_success()));
    (signals.into_iter().map(|signal| signal.said).collect(), String::from_utf8_lossy(stream.log().bytes()).into_owned(), end)
}

fn done(outcome: Outcome) -> Said {
    Said::Done { outcome, parts: Vec::new() }
}

#[test]
fn a_run_is_read_to_its_end_and_a_second_driver_reads_the_same_and_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let order = order(template(dir.path(), "echo started >> ran; echo 'Warning: old'"));
    let mut run = packer(dir.path());
    run.start(&order).unwrap();
    let first = whole(&mut run);
    assert_eq!((first.2, first.0.last()), (PackerEnd::Exited(0), Some(&done(Outcome::Succeeded))), "{}", first.1);
    assert!(first.1.contains("null: Warning: old") && first.0.contains(&Said::Warning), "{first:?}");
    let mut other = packer(dir.path());
    other.start(&order).unwrap();
    assert_eq!(whole(&mut other), first);
    assert_eq!(std::fs::read_to_string(dir.path().join("ran")).unwrap(), "started\n");
}

#[test]
fn a_template_that_fails_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = packer(dir.path());
    run.start(&order(template(dir.path(), "echo this is why >&2; exit 3"))).unwrap();
    let (said, log, end) = whole(&mut run);
    assert_eq!((end, said.last()), (PackerEnd::Exited(1), Some(&done(Outcome::Failed))), "{log}");
    assert!(log.contains("this is why") && said.contains(&Said::Error), "{log}");
}

#[test]
fn an_abort_ends_packer_and_everything_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = packer(dir.path());
    run.start(&order(template(dir.path(), "echo begun; sleep 300; echo late >> late"))).unwrap();
    let (mut stream, mut from) = (PackerStream::default(), 0);
    assert_eq!(read(&mut run, &mut stream, &mut from, "begun").1, None);
    // Whoever takes over can stop it as well as whoever started it.
    packer(dir.path()).abort();
    let (_, end) = read(&mut run, &mut stream, &mut from, "");
    assert!(matches!(end, Some(PackerEnd::Exited(status)) if status != 0), "{end:?}");
    assert!(!dir.path().join("late").exists());
}

#[test]
fn one_that_was_killed_is_known_to_have_been() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = packer(dir.path());
    run.start(&order(template(dir.path(), "echo begun; sleep 300"))).unwrap();
    assert_eq!(read(&mut run, &mut PackerStream::default(), &mut 0, "begun").1, None);
    run.kill();
    assert_eq!(whole(&mut run).2, PackerEnd::Killed);
}

#[test]
fn what_cannot_be_started_is_said_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = PackerProcess::new(dir.path(), "packer-that-is-not-there");
    assert_eq!(run.read(0), Err("packer was not started".to_owned()));
    let why = run.start(&order(template(dir.path(), "true"))).unwrap_err();
    assert_eq!(why, "packer-that-is-not-there is not on this host: install Packer, or take [packer] out of the recipe");
}

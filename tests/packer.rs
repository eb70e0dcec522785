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
    PackerOrder { directory: template.parent().unwrap().to_owned(), template, variables: [].into(), environment: [].into() }
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
    signals.extend(stream.end(end.status()));
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

/// The example's template against the AWS test endpoint: the endpoint checks our reading of Packer, as it plays EC2, not EC2 itself.
#[cfg(feature = "aws")]
mod amazon {
    use super::*;

    use std::collections::BTreeMap;
    use std::process::Command;

    use quarterdeck::bake::signal::Part;

    use crate::support::endpoint::{Endpoint, Fault, credentials};

    /// Set in the process that a test runs its body in, whose environment has dummy credentials and nothing real.
    const INSIDE: &str = "QD_TEST_PACKER_INSIDE";

    fn inside(name: &str, body: impl FnOnce(&Endpoint, &Path)) {
        if std::env::var_os(INSIDE).is_some() {
            let (endpoint, dir) = (Endpoint::start(), tempfile::tempdir().unwrap());
            body(&endpoint, dir.path());
            assert_eq!(endpoint.log().matches("Traceback").count(), 0, "the endpoint failed:\n{}", endpoint.log());
            return;
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("amazon::{name}"), "--nocapture"]).env(INSIDE, "1");
        for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(key);
        }
        command.envs(credentials("testing")).env("AWS_POLL_DELAY_SECONDS", "1");
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }

    /// The example without its provisioners, which would need a builder that listens: Packer's communicator is `none`.
    fn example(endpoint: &Endpoint, dir: &Path) -> PackerOrder {
        let loaded = quarterdeck::config::recipe::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/recipes/packer.toml")).unwrap();
        let mut template: serde_json::Value = serde_json::from_slice(&loaded.files["packer/web.json"].bytes).unwrap();
        template.as_object_mut().unwrap().remove("provisioners");
        let path = dir.join("web.json");
        std::fs::write(&path, template.to_string()).unwrap();
        let (_, images) = endpoint.aws("ec2", "DescribeImages", &[]);
        let base = images.split("<imageId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let variables = [
            ("endpoint", endpoint.url()),
            ("communicator", "none".to_owned()),
            ("base", base),
            ("image_name", "web-packer-2.15.0".to_owned()),
            ("operation", "op-1".to_owned()),
            ("expires_at", "2030-01-01T00:00:00Z".to_owned()),
        ];
        let variables: BTreeMap<String, String> = variables.map(|(name, value)| (name.to_owned(), value)).into();
        PackerOrder { variables, ..order(path) }
    }

    fn began(said: &[Said]) -> Vec<Part> {
        said.iter().filter_map(|said| if let Said::Began { part } = said { Some(*part) } else { None }).collect()
    }

    /// What there is of Packer's: instances that run, and groups and keys with its names.
    fn left(endpoint: &Endpoint) -> String {
        let running = [("Filter.1.Name", "tag:qd:operation"), ("Filter.1.Value.1", "op-1"), ("Filter.2.Name", "instance-state-name")];
        let states = [("Filter.2.Value.1", "running"), ("Filter.2.Value.2", "pending"), ("Filter.2.Value.3", "stopped")];
        let (_, instances) = endpoint.aws("ec2", "DescribeInstances", &[running.as_slice(), &states].concat());
        let (_, groups) = endpoint.aws("ec2", "DescribeSecurityGroups", &[]);
        let (_, keys) = endpoint.aws("ec2", "DescribeKeyPairs", &[]);
        let count = |text: &str, word: &str| text.matches(word).count();
        format!(
            "{} instances, {} groups, {} keys",
            count(&instances, "<instanceId>"),
            count(&groups, "<groupName>packer_"),
            count(&keys, "<keyName>packer_")
        )
    }

    #[test]
    fn the_example_becomes_an_image_and_leaves_nothing_else() {
        inside("the_example_becomes_an_image_and_leaves_nothing_else", |endpoint, dir| {
            let mut run = packer(dir);
            run.start(&example(endpoint, dir)).unwrap();
            let (said, log, end) = whole(&mut run);
            assert_eq!((end, said.last()), (PackerEnd::Exited(0), Some(&done(Outcome::Succeeded))), "{log}\n{}", endpoint.log());
            assert_eq!(began(&said), [Part::ResolveBase, Part::Launch, Part::Snapshot, Part::CleanUp], "{log}");
            // It is told when it is asked for, and with its region once it is there.
            let image =
                said.iter().rev().find_map(|said| if let Said::Image { id, region } = said { Some((id.clone(), region.clone())) } else { None });
            let (id, region) = image.unwrap();
            let (_, found) = endpoint.aws("ec2", "DescribeImages", &[("ImageId.1", id.as_str())]);
            assert!(region == "us-east-1" && found.contains("<name>web-packer-2.15.0</name>"), "{found}");
            assert!(said.iter().any(|said| matches!(said, Said::Instance { .. })), "{log}");
            assert_eq!(left(endpoint), "0 instances, 0 groups, 0 keys");
        });
    }

    #[test]
    fn a_builder_that_cannot_be_launched_is_said_and_leaves_nothing() {
        inside("a_builder_that_cannot_be_launched_is_said_and_leaves_nothing", |endpoint, dir| {
            endpoint.fault(Fault::error("ec2", "RunInstances", 400, "InvalidSubnetID.NotFound").times(20));
            let mut run = packer(dir);
            run.start(&example(endpoint, dir)).unwrap();
            let (said, log, end) = whole(&mut run);
            assert_eq!((end, said.last()), (PackerEnd::Exited(1), Some(&done(Outcome::Failed))), "{log}");
            let failed = Said::Ended { part: Part::Launch, outcome: Outcome::Failed, exit: Some(1), took: None };
            assert!(said.contains(&failed) && log.contains("InvalidSubnetID.NotFound"), "{said:?}\n{log}");
            assert_eq!(left(endpoint), "0 instances, 0 groups, 0 keys");
        });
    }

    #[test]
    fn an_abort_while_the_image_is_made_leaves_nothing() {
        inside("an_abort_while_the_image_is_made_leaves_nothing", |endpoint, dir| {
            endpoint.settings(serde_json::json!({"image_pending_seconds": 300}));
            let mut run = packer(dir);
            run.start(&example(endpoint, dir)).unwrap();
            let (mut stream, mut from) = (PackerStream::default(), 0);
            assert_eq!(read(&mut run, &mut stream, &mut from, "Waiting for AMI to become ready").1, None);
            assert_eq!(left(endpoint), "1 instances, 1 groups, 1 keys");
            run.abort();
            let (signals, end) = read(&mut run, &mut stream, &mut from, "");
            assert!(matches!(end, Some(PackerEnd::Exited(status)) if status != 0), "{end:?}");
            assert!(began(&signals.into_iter().map(|signal| signal.said).collect::<Vec<_>>()).contains(&Part::CleanUp));
            assert_eq!(left(endpoint), "0 instances, 0 groups, 0 keys");
        });
    }
}

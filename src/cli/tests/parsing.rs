//! What arguments mean, and which of them contradict each other.

use super::super::commands::sim::SimCommand;
use super::super::{Command, Exit, Work, parse_from};
use super::super::{GlobalOptions, Invocation};
use crate::domain::fleet::Strategy;
use crate::domain::time::Millis;
use crate::world::Scenario;

fn parse(words: &str) -> Invocation {
    parse_from(std::iter::once("qd").chain(words.split_whitespace())).unwrap()
}

/// How it ends, and what is said about it.
fn refused(words: &str) -> (Exit, String) {
    let early = parse_from(std::iter::once("qd").chain(words.split_whitespace())).unwrap_err();
    let debug = format!("{early:?}");
    let exit = early.report(&mut super::super::Output::new(Box::new(std::io::sink()), Box::new(std::io::sink()), None, None));
    (exit, debug)
}

#[test]
fn global_options_count_before_and_after_the_command() {
    let before = parse("--sim --sim-speed 20 --state-dir /s --read-only fleets --json");
    let after = parse("fleets --json --sim=default --sim-speed=20 --state-dir=/s --read-only");
    assert_eq!(before, after);
    assert_eq!((before.global.sim, before.global.sim_speed, before.global.read_only), (Some(Scenario::Default), Some(20.0), true));
    assert_eq!(parse("--sim=flapping deploy web --image 1").global.sim, Some(Scenario::Flapping));
    assert_eq!(parse("--sim").work(), Work::Screen);
    assert_eq!(parse(""), Invocation { global: GlobalOptions::default(), command: None });
}

#[test]
fn deploys_and_rollbacks_are_read() {
    let Some(Command::Deploy(deploy)) = parse("deploy web-prod --image 2.14.0 --strategy blue-green --yes --reason fix --detach").command else {
        panic!()
    };
    assert_eq!((deploy.fleet.as_str(), deploy.image.as_str(), deploy.strategy), ("web-prod", "2.14.0", Some(Strategy::BlueGreen)));
    assert!(deploy.act.yes && deploy.act.detach && deploy.act.reason.as_deref() == Some("fix"));
    let Some(Command::Rollback(rollback)) = parse("rollback web-prod --to ami-1 --plan --json").command else { panic!() };
    assert!(rollback.to.as_deref() == Some("ami-1") && rollback.act.plan && rollback.act.json);
    let Some(Command::Wait(wait)) = parse("wait op-1 --timeout 30m").command else { panic!() };
    assert_eq!(wait.timeout, Some(Millis::mins(30)));
}

#[test]
fn a_driver_a_world_and_a_question_go_different_ways() {
    assert_eq!(parse("drive op-7 --sim").work(), Work::Driver("op-7".into()));
    assert!(matches!(parse("drive --recover").work(), Work::Ask(Command::Drive(_))));
    assert!(matches!(parse("drive op-7 --take-over").work(), Work::Ask(Command::Drive(_))));
    let Work::Sim(command) = parse("sim advance 5m --sim=flapping").work() else { panic!() };
    assert!(matches!(command, SimCommand::Advance(_)));
    assert_eq!(command.scenario(&parse("--sim=flapping").global), Scenario::Flapping);
    let Work::Sim(reset) = parse("sim reset no-capacity --sim-speed 0").work() else { panic!() };
    assert_eq!(reset.scenario(&GlobalOptions::default()), Scenario::NoCapacity);
}

#[test]
fn fleets_and_ledgers_have_verbs_after_their_names() {
    for words in
        ["fleet web-prod", "fleet adopt web-prod --live b", "ledger web-prod", "ledger web-prod mark 2.1 --reason bad", "back-out op-1", "doctor"]
    {
        parse(words);
    }
}

#[test]
fn mistakes_end_with_2_and_say_what_there_is() {
    for (words, said) in [
        ("fleetz", "similar subcommand"),
        ("thaw web-prod", "unrecognized subcommand"),
        ("deploy web-prod", "--image"),
        ("deploy web-prod --image 1 --detach --follow", "cannot be used with"),
        ("deploy web-prod --image 1 --plan --yes", "cannot be used with"),
        ("deploy web-prod --image 1 --strategy fast", "expected canary, blue-green or rolling"),
        ("deploy web-prod --image 1 --reason=", "an empty reason explains nothing"),
        ("wait op-1 --timeout soon", "is not a duration"),
        ("drive", "drive"),
        ("drive op-1 --recover", "cannot be used with"),
        ("--sim=nowhere fleets", "there is no scenario 'nowhere': there are default, no-capacity, flapping"),
        ("fleets --sim --region us-east-1", "--sim has no account"),
        ("--sim fleets --endpoint-url http://127.0.0.1", "--sim has no account"),
        ("fleets --sim-speed 3", "--sim-speed needs --sim"),
        ("--sim --sim-speed fast fleets", "expected a number from 0 to 100000"),
        ("ledger web-prod unmark 2.1", "--reason"),
    ] {
        let (exit, text) = refused(words);
        assert_eq!(exit, Exit::Usage, "{words}");
        assert!(text.contains(said), "{words}: {text}");
    }
    assert_eq!(refused("--help").0, Exit::Done);
    assert_eq!(refused("--version").0, Exit::Done);
    let help = refused("--help").1;
    assert!(help.contains("  drive        Pick up operations whose driver is gone"), "{help}");
}

#[test]
fn the_manual_and_completions_know_every_command() {
    let commands = <Invocation as clap::CommandFactory>::command();
    let (exit, page) = refused("man");
    assert_eq!(exit, Exit::Done);
    for command in commands.get_subcommands() {
        let name = command.get_name();
        assert!(page.contains(&format!("qd\\\\-{}", name.replace('-', "\\\\-"))), "{name} is not in {page}");
        assert_eq!(refused(&format!("man {name}")).0, Exit::Done);
        assert!(refused("completions bash").1.contains(name), "{name}");
    }
    let (exit, said) = refused("man depoly");
    assert_eq!(exit, Exit::Usage);
    assert!(said.contains("there is no command `depoly`"), "{said}");
}

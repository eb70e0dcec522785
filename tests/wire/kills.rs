//! Drivers killed at random moments, round after round, each picked up by another: whatever was interrupted ends succeeded or with all
//! traffic back where it was, and nothing is done twice or stays borrowed.
//!
//! What becomes of a round is drawn too: a person lets it succeed, backs it out or rolls it back at any moment, or the image is bad.
//!
//! `QD_KILL_ROUNDS` sets how many rounds (20), `QD_KILL_SEED` repeats the draws of a run; what the processes make of them is up to the host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::chance::Chance;
use crate::support::endpoint::{Call, Endpoint};
use crate::yard::Yard;

/// The fleets whose rounds run side by side, each with a store of its own, and what they are given in turn.
const FLEETS: [(&str, [&str; 3]); 3] = [
    ("web-prod", ["web 2.14.0", "web 2.15.0", "web 2.18.0 first"]),
    ("api-prod", ["api 5.2.0", "api 5.1.0", "web 2.14.0"]),
    ("shop-prod", ["shop 1.5.0", "shop 1.4.0", "web 2.15.0"]),
];
/// An image whose servers never become healthy.
const BAD: &str = "web 2.16.0";
/// From so many rounds on every ending has had its turn.
const ALL_ENDINGS: u64 = 12;
/// A look costs the host a process; a kill between two looks comes at its own moment all the same.
const LOOK: Duration = Duration::from_millis(250);
/// How long a round may take on a busy host.
const ROUND: Duration = Duration::from_secs(300);

/// A whole number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is to be a whole number, not {text:?}")))
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into()
}

#[test]
fn whatever_driver_is_killed_its_operation_ends_well() {
    let (rounds, seed) = (number("QD_KILL_ROUNDS").unwrap_or(20), number("QD_KILL_SEED").unwrap_or_else(now));
    eprintln!("QD_KILL_SEED={seed} QD_KILL_ROUNDS={rounds}");
    let aws = Arc::new(Endpoint::start());
    let began = Instant::now();
    let share = |at: u64| rounds / 3 + u64::from(at < rounds % 3);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let run = |(at, (fleet, images))| {
            let aws = &aws;
            scope.spawn(move || Rounds::new(aws, fleet, images, Chance::new(seed ^ at)).run(share(at)))
        };
        let threads: Vec<_> = (0..).zip(FLEETS).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panic!("failed with QD_KILL_SEED={seed}"))).collect()
    });
    let total = tallies.iter().fold(Tally::default(), |sum, one| sum.plus(one));
    eprintln!("{rounds} rounds in {:?}: {total:?}", began.elapsed());
    let varied = total.succeeded > 0 && total.rolled_back > 0 && total.backed_out > 0;
    assert!(rounds < ALL_ENDINGS || varied, "an ending never came: {total:?}");
    assert!(total.kills >= rounds && total.succeeded + total.rolled_back + total.backed_out == rounds, "{total:?}");
    assert_eq!(aws.log().matches("Traceback").count(), 0, "{}", aws.log());
}

/// What came of the rounds.
#[derive(Debug, Default)]
struct Tally {
    succeeded: u64,
    rolled_back: u64,
    backed_out: u64,
    kills: u64,
}

impl Tally {
    fn plus(self, other: &Self) -> Self {
        Self {
            succeeded: self.succeeded + other.succeeded,
            rolled_back: self.rolled_back + other.rolled_back,
            backed_out: self.backed_out + other.backed_out,
            kills: self.kills + other.kills,
        }
    }
}

/// What a person wants of a round.
#[derive(Clone, Copy, PartialEq)]
enum Wish {
    /// It is to succeed.
    Success,
    /// The image is bad, and whatever holds for it is backed out.
    Bad,
    /// It is backed out at some moment.
    BackOut,
    /// The fleet is rolled back at some moment.
    Rollback,
}

/// Each fleet's rounds in turn, so that a short run has them all.
const WISHES: [Wish; 6] = [Wish::Success, Wish::BackOut, Wish::Success, Wish::Rollback, Wish::Success, Wish::Bad];

/// The rounds of one fleet.
struct Rounds {
    yard: Yard,
    fleet: &'static str,
    images: [&'static str; 3],
    chance: Chance,
    live: &'static str,
    /// What the live slot runs, and what it ran before.
    runs: String,
    before: String,
    sizes: [u64; 4],
    tally: Tally,
}

impl Rounds {
    fn new(aws: &Arc<Endpoint>, fleet: &'static str, images: [&'static str; 3], chance: Chance) -> Self {
        let yard = Yard::sharing(aws, fleet);
        yard.adopt(&[fleet]);
        yard.shorten_windows();
        let group = yard.group(fleet, "a");
        let runs = aws.state()["groups"][&group]["instances"][0]["image"].as_str().unwrap().to_owned();
        let sizes = yard.sizes(&group);
        Self { yard, fleet, images, chance, live: "a", before: runs.clone(), runs, sizes, tally: Tally::default() }
    }

    fn run(mut self, rounds: u64) -> Tally {
        let first = self.chance.between(0, WISHES.len() as u64 - 1) as usize;
        for round in 0..rounds as usize {
            self.round(WISHES[(first + round) % WISHES.len()]);
        }
        // The window of the last success may have been ended by a deploy that did not succeed.
        if let Some(retire) = self.yard.qd.newest("retire").filter(|retire| self.yard.qd.op(retire)["state"] != "superseded") {
            self.drive(&retire, 1, Wish::Success);
        }
        self.nothing_borrowed();
        assert_eq!(self.yard.sizes(&self.yard.group(self.fleet, self.idle())), [0, 0, 0, 0]);
        nothing_twice(&self.yard.own_writes(), self.fleet);
        self.yard.calls_are_intents();
        self.tally
    }

    fn idle(&self) -> &'static str {
        if self.live == "a" { "b" } else { "a" }
    }

    /// One deploy, and maybe its rollback, with one to three kills.
    fn round(&mut self, wish: Wish) {
        let image = if wish == Wish::Bad { self.yard.image(BAD) } else { self.image() };
        let strategy = self.chance.pick(&["canary", "blue-green"]);
        let kills = self.chance.between(1, 3);
        let id = self.start(&["deploy", self.fleet, "--image", &image, "--strategy", strategy, "--reason", "a round", "--yes", "--detach", "--json"]);
        let state = self.drive(&id, kills, wish);
        match state.as_str() {
            "succeeded" if self.rolled_back_after(&id) => {}
            "succeeded" => {
                assert!(wish != Wish::Bad, "{id} succeeded with a bad image: {:#}", self.yard.qd.op(&id));
                (self.live, self.before) = (self.idle(), std::mem::replace(&mut self.runs, image.clone()));
                self.tally.succeeded += 1;
            }
            "superseded" => self.rolled_back(&self.yard.qd.newest("rollback").unwrap()),
            "backed_out" => self.tally.backed_out += 1,
            other => panic!("{id} is {other}: {:#}\n{}", self.yard.qd.op(&id), self.yard.qd.driver_log(&id)),
        }
        self.nothing_borrowed();
        eprintln!("{} {id} {image} {state}: {:?}", self.fleet, self.tally);
    }

    /// A rollback ended well. One that came before its deploy had touched anything goes back from what served, and not only to it.
    fn rolled_back(&mut self, id: &str) {
        let to = self.yard.qd.op(id)["to_image"].as_str().unwrap().to_owned();
        if to != self.runs {
            (self.live, self.before, self.runs) = (self.idle(), to.clone(), to);
        }
        self.tally.rolled_back += 1;
    }

    /// Whether the person's rollback came when the deploy was stable already; it has ended well by then.
    fn rolled_back_after(&mut self, id: &str) -> bool {
        let number = |id: &str| id.trim_start_matches("op-").parse::<u64>().unwrap();
        let Some(rollback) = self.yard.qd.newest("rollback").filter(|rollback| number(rollback) > number(id)) else { return false };
        assert_eq!(self.drive(&rollback, 0, Wish::Success), "succeeded");
        self.rolled_back(&rollback);
        true
    }

    /// Starts an operation; where the window of the one before ended between plan and confirmation, a person confirms the new plan.
    fn start(&self, args: &[&str]) -> String {
        let told = (0..5).map(|_| self.yard.qd.run(args)).find(|told| !told.err.contains("the fleet changed since this plan was made"));
        told.expect("five windows ended in a row").ok().json()["id"].as_str().unwrap().to_owned()
    }

    /// An image that is neither live nor the last known good one.
    fn image(&mut self) -> String {
        let ids: Vec<String> = self.images.iter().map(|name| self.yard.image(name)).collect();
        let free: Vec<&String> = ids.iter().filter(|id| **id != self.runs && **id != self.before).collect();
        self.chance.pick(&free).clone()
    }

    /// Follows an operation to its end, killing its drivers and having others pick it up; its state then.
    ///
    /// Where a rollback supersedes it, that is followed too, and must succeed.
    fn drive(&mut self, id: &str, mut kills: u64, wish: Wish) -> String {
        let began = Instant::now();
        let mut next = began + self.moment();
        let mut turns = Some(began + self.moment()).filter(|_| matches!(wish, Wish::BackOut | Wish::Rollback));
        loop {
            let op = self.yard.qd.op(id);
            match op["state"].as_str().unwrap() {
                "superseded" => {
                    let by = op["superseded_by"].as_str().unwrap().to_owned();
                    assert_eq!(self.drive(&by, kills, Wish::Success), "succeeded");
                    return "superseded".to_owned();
                }
                state @ ("succeeded" | "backed_out" | "failed" | "rolled_back") => return state.to_owned(),
                _ => {}
            }
            assert!(began.elapsed() < ROUND, "{id} does not end: {op:#}\n{}", self.yard.qd.driver_log(id));
            let now = Instant::now();
            if op["driver"]["alive"] != true {
                self.pick_up(id);
            } else if kills > 0 && now + LOOK >= next {
                std::thread::sleep(next.saturating_duration_since(now));
                self.yard.qd.kill_pid(&op);
                (kills, next) = (kills - 1, Instant::now() + self.moment());
                self.tally.kills += 1;
            } else if turns.is_some_and(|turns| now >= turns) {
                turns = None;
                self.command(id, wish);
            } else if op["state"] == "holding" && (wish != Wish::Success || op["state_reason"].to_string().contains("promote")) {
                self.command(id, wish);
            } else {
                std::thread::sleep(LOOK);
            }
        }
    }

    fn moment(&mut self) -> Duration {
        Duration::from_millis(self.chance.between(0, 2500))
    }

    fn pick_up(&mut self, id: &str) {
        // Between the look and this, it may have ended or been picked up by the recovery of another operation.
        let told = if self.chance.one_in(2) { self.yard.qd.run(&["drive", "--recover"]) } else { self.yard.qd.run(&["drive", id, "--take-over"]) };
        assert!(told.code == 0 || told.code == 3, "{}{}", told.out, told.err);
    }

    /// What a person does; the driver may be dead or past it, and then the next look shows what to do.
    fn command(&self, id: &str, wish: Wish) {
        let told = match wish {
            Wish::Success => self.yard.qd.run(&["promote", id, "--reason", "it looks good"]),
            Wish::BackOut | Wish::Bad => self.yard.qd.run(&["back-out", id, "--reason", "it does not"]),
            Wish::Rollback => self.yard.qd.run(&["rollback", self.fleet, "--yes", "--detach"]),
        };
        assert!(told.code == 0 || told.code == 3, "{}{}", told.out, told.err);
    }

    /// All traffic on the live slot, which has its sizes and one release; no claim, nothing suspended.
    fn nothing_borrowed(&self) {
        let (yard, fleet) = (&self.yard, self.fleet);
        let (a, b) = yard.weights(fleet);
        assert_eq!((a > 0, b > 0), (self.live == "a", self.live == "b"), "{fleet}: {a}/{b}");
        let live = yard.group(fleet, self.live);
        assert_eq!(yard.sizes(&live), self.sizes, "{live}");
        let state = yard.aws.state();
        let servers = state["groups"][&live]["instances"].as_array().unwrap();
        assert!(servers.iter().all(|server| server["image"] == self.runs.as_str()), "{live} is to run {}: {servers:#?}", self.runs);
        for slot in ["a", "b"] {
            let group = &state["groups"][&yard.group(fleet, slot)];
            assert!(group["tags"].get("qd:claim").is_none() && group["suspended"] == json!([]), "{fleet} {slot}: {group:#}");
        }
    }
}

/// S8: the same write of the same thing never follows itself, and no version of a template is made twice.
fn nothing_twice(writes: &[Call], fleet: &str) {
    let mut last = BTreeMap::<&str, &Call>::new();
    let mut tokens = BTreeSet::new();
    for call in writes.iter().filter(|call| call.error.is_none()) {
        if let Some(token) = call.params.get("ClientToken") {
            assert!(tokens.insert(token), "{fleet}: {} twice: {:?}", call.action, call.params);
        }
        let thing = ["AutoScalingGroupName", "RuleArn", "ListenerArn", "Tags.member.1.Key"].iter().find_map(|name| call.params.get(*name));
        let before = last.insert(thing.map_or("", String::as_str), call);
        let again = before.is_some_and(|before| (&before.action, &before.params) == (&call.action, &call.params));
        assert!(!again, "{fleet}: {} twice: {:?}", call.action, call.params);
    }
}

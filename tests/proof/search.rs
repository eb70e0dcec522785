//! Everything that can be reached from a beginning by so many faults and commands, each state once.

use std::collections::BTreeMap;

use quarterdeck::domain::time::Millis;
use quarterdeck::operation::command::{CommandKind, Who};
use quarterdeck::operation::event::OperationState;

use crate::key::Key;
use crate::stage::{Fate, Stage};
use crate::ways::{Ended, go_back};

/// What may become of a call.
const OF_A_CALL: [Fate; 7] =
    [Fate::DiesAfterRecording, Fate::DiesUnsent, Fate::DiesSent, Fate::DiesSending, Fate::LostUnsent, Fate::LostSent, Fate::Refused];

#[derive(Default)]
pub struct Search {
    /// Each state with the faults that were left when it was gone on from.
    seen: BTreeMap<Key, u32>,
    phases: BTreeMap<String, u32>,
    /// A driven moment of each phase.
    pub moments: BTreeMap<String, Stage>,
    endings: BTreeMap<&'static str, u32>,
    /// The longest until the traffic was back, and until all was at rest.
    longest: (Millis, Millis),
}

/// A moment to go on from.
struct Path {
    stage: Stage,
    faults: u32,
    /// What happened so far, for whoever has to find out why.
    story: Vec<String>,
}

impl Search {
    pub fn states(&self) -> usize {
        self.seen.len()
    }

    pub fn print(&self) {
        for (phase, states) in &self.phases {
            println!("{states:>6}  {phase}");
        }
        let (traffic, rest) = self.longest;
        println!("endings {:?}; the longest way back had the traffic after {traffic} and was at rest after {rest}", self.endings);
    }

    /// Follows every path from here.
    pub fn explore(&mut self, stage: Stage, faults: u32) {
        let mut open = vec![Path { stage, faults, story: Vec::new() }];
        let mut first = true;
        while let Some(path) = open.pop() {
            self.follow(path, std::mem::take(&mut first), &mut open);
        }
    }

    /// Goes on until everything is at rest, or where another path went on already.
    fn follow(&mut self, mut path: Path, to_the_end: bool, open: &mut Vec<Path>) {
        let mut last = None;
        loop {
            let key = path.stage.key();
            let known = self.seen.get(&key).copied();
            if known.is_none() {
                self.prove(&path);
            }
            let moved = last.as_ref() != Some(&key);
            if known.is_none_or(|left| left < path.faults) {
                self.seen.insert(key.clone(), path.faults);
                branches(&path, open);
            } else if moved && last.is_some() && !to_the_end {
                return;
            }
            last = Some(key);
            if !path.goes_on() {
                return;
            }
        }
    }

    fn prove(&mut self, path: &Path) {
        let ended = go_back(&path.stage).unwrap_or_else(|broke| panic!("{} servers, {}\nafter {:#?}", path.stage.servers(), broke, path.story));
        let phase = path.stage.phase();
        if path.stage.is_driven() {
            self.moments.entry(phase.clone()).or_insert_with(|| path.stage.clone());
        }
        *self.phases.entry(phase).or_default() += 1;
        let (word, times) = match ended {
            Ended::Back { traffic, rest } => ("back", (traffic, rest)),
            Ended::Joined { rest } => ("joined", (Millis::ZERO, rest)),
            Ended::Stable => ("stable already", (Millis::ZERO, Millis::ZERO)),
        };
        *self.endings.entry(word).or_default() += 1;
        self.longest = (self.longest.0.max(times.0), self.longest.1.max(times.1));
    }
}

impl Path {
    /// One more turn, or a new driver; false when there is nothing to go on with.
    fn goes_on(&mut self) -> bool {
        let Some(at) = self.stage.book.active() else { return false };
        let record = &self.stage.book.records[at];
        if record.progress.state == OperationState::Paused {
            return false;
        }
        if record.driver.is_none() { self.stage.take_over(at) } else { self.stage.turn(at, Fate::Well) }
            .unwrap_or_else(|broke| panic!("{broke}\nafter {:#?}", self.story));
        true
    }

    fn branch(&self, what: String, make: impl FnOnce(&mut Stage)) -> Self {
        let mut stage = self.stage.clone();
        make(&mut stage);
        let moment = format!("{what}, {} {}", stage.world.tick(), self.stage.phase());
        Self { stage, faults: self.faults.saturating_sub(1), story: self.story.iter().cloned().chain([moment]).collect() }
    }
}

/// Everything else that may happen now.
fn branches(path: &Path, open: &mut Vec<Path>) {
    let Some(at) = path.stage.book.active() else { return };
    let record = &path.stage.book.records[at];
    if record.progress.state == OperationState::Paused {
        let resumed = path.branch("resumed".to_owned(), |stage| asked(stage, at, CommandKind::Resume));
        open.push(Path { faults: path.faults, ..resumed });
    }
    if path.faults == 0 || record.driver.is_none() {
        return;
    }
    let mut next = path.stage.clone();
    next.turn(at, Fate::Well).unwrap();
    let after = &next.book.records[at].progress;
    let fates: &[Fate] = if after.calls.intended > record.progress.calls.intended {
        &OF_A_CALL
    } else if *after != record.progress {
        &[Fate::DiesAfterRecording]
    } else {
        &[]
    };
    open.push(path.branch("dies before it looks".to_owned(), |stage| stage.dies(at)));
    open.extend(fates.iter().map(|fate| path.branch(format!("{fate:?}"), |stage| stage.turn(at, *fate).unwrap())));
    if let Ok(plan) = path.stage.rollback(None) {
        let confirm = |stage: &mut Stage| {
            stage.confirm(plan, &Who::default()).unwrap();
        };
        open.push(path.branch("rollback".to_owned(), confirm));
    }
    for kind in [CommandKind::Pause, CommandKind::Promote, CommandKind::BackOut] {
        let commanded = path.branch(kind.word().to_owned(), |stage| asked(stage, at, kind));
        if commanded.stage.book.records[at].progress != record.progress {
            open.push(commanded);
        }
    }
}

fn asked(stage: &mut Stage, at: usize, kind: CommandKind) {
    let command = stage.command(at, kind, &Who::default());
    stage.ask(at, &command).unwrap();
}

//! What a simulated builder would do by its user data, and what it prints of that.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;

use super::super::World;
use super::super::packages::installed;
use super::super::state::Tick;
use super::{BOOT, BakeMachine};
use crate::bake::marker::{Marker, MarkerSays, part_word};
use crate::bake::packages::lines;
use crate::bake::signal::{Outcome, Part};
use crate::domain::ids::OperationId;
use crate::domain::time::Millis;

/// A console keeps this much of what was printed last.
const CONSOLE_BYTES: usize = 64 * 1024;

/// What a machine's console holds at a moment.
pub(super) fn printed(world: &World, machine: &BakeMachine, until: Tick) -> Vec<u8> {
    let mut page = Page { world, machine, until, text: String::new(), number: 0 };
    page.print();
    let cut = page.text.len().saturating_sub(CONSOLE_BYTES);
    page.text.into_bytes().split_off(cut)
}

/// The console of a machine while it is written.
struct Page<'a> {
    world: &'a World,
    machine: &'a BakeMachine,
    until: Tick,
    text: String,
    number: u64,
}

impl Page<'_> {
    fn print(&mut self) {
        let mut at = self.machine.launched + 5;
        self.line(at, "[    0.000000] Linux version 6.8.0-1020-aws");
        at = self.machine.launched + BOOT;
        self.line(
            at,
            "cloud-init[901]: Cloud-init v. 24.1.3 finished at Wed, 01 Jan 2025 03:00:25 +0000. Datasource DataSourceEc2Local. Up 25 seconds",
        );
        if !self.machine.parts.is_empty() {
            self.mark(at, MarkerSays::Booted);
        }
        let mut failed = false;
        let mut ends = Vec::new();
        for (part, length, fails) in &self.machine.parts {
            if failed {
                self.mark(at, MarkerSays::Ended { part: *part, outcome: Outcome::Skipped, exit: None, took: Millis::ZERO });
                ends.push((*part, Outcome::Skipped));
                continue;
            }
            self.mark(at, MarkerSays::Began(*part));
            if *part == Part::Seal {
                self.packages(at);
            }
            self.chatter(at, *length, *part, *fails);
            at += length;
            failed = *fails;
            let outcome = if *fails { Outcome::Failed } else { Outcome::Succeeded };
            let took = Millis::secs(length.unsigned_abs());
            self.mark(at, MarkerSays::Ended { part: *part, outcome, exit: Some(i32::from(*fails)), took });
            ends.push((*part, outcome));
        }
        if !self.machine.parts.is_empty() {
            let outcome = if failed { Outcome::Failed } else { Outcome::Succeeded };
            self.mark(at + 1, MarkerSays::Done { outcome, parts: ends });
        }
    }

    /// What is installed, before it is sealed.
    fn packages(&mut self, at: Tick) {
        let app = self.machine.app.as_ref().map(|(app, version)| (app.as_str(), version.as_str()));
        let list = installed(self.world.moment(self.machine.launched), app);
        for line in lines(&OperationId::new(self.machine.mark.clone()), &list) {
            self.line(at, &line);
        }
    }

    /// What the part's own program prints.
    fn chatter(&mut self, from: Tick, length: Tick, part: Part, fails: bool) {
        let word = part_word(part).unwrap_or_default();
        if matches!(part, Part::Provisioner(_)) {
            // As `sh -x` tells of the only command that a simulated builder knows.
            self.line(from, &format!("+ sleep {length}"));
        }
        for second in (0..length).step_by(4) {
            self.line(from + second, &format!("{word}: working, {second} of {length} s"));
        }
        for number in 0..self.machine.noise {
            self.line(from + length - 1, &format!("{word}: line {number} of much that is printed and of no use to anybody who looks for a marker"));
        }
        if fails {
            self.line(from + length - 1, &format!("{word}: ERROR: this part was made to fail"));
        }
    }

    fn line(&mut self, at: Tick, text: &str) {
        if at <= self.until {
            self.text.push_str(text);
            self.text.push_str("\r\n");
        }
    }

    fn mark(&mut self, at: Tick, said: MarkerSays) {
        self.number += 1;
        let operation = OperationId::new(self.machine.mark.clone());
        let marker = Marker { operation, number: self.number, at: self.world.moment(at), said };
        self.line(at, &marker.line());
    }
}

/// User data as text, also where it is compressed.
pub(super) fn decoded(user_data: &str) -> String {
    let bytes = STANDARD.decode(user_data).unwrap_or_default();
    let mut document = String::new();
    match GzDecoder::new(bytes.as_slice()).read_to_string(&mut document) {
        Ok(_) => document,
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// What the markers of a rendered script name.
pub(super) fn mark_of(document: &str) -> String {
    let after = document.split_once("QD_OPERATION=").map_or("", |(_, after)| after);
    after.chars().take_while(|c| !c.is_whitespace()).collect()
}

/// The application a rendered script tells of, and its version.
pub(super) fn app_of(document: &str) -> Option<(String, String)> {
    let told = |name: &str| {
        let after = document.split_once(name)?.1;
        let word: String = after.chars().take_while(|c| !c.is_whitespace()).filter(|c| *c != '\'').collect();
        (!word.is_empty()).then_some(word)
    };
    Some((told(" QD_APP=")?, told(" QD_VERSION=")?))
}

/// The parts a rendered script runs, in order. A shell part whose command is only `false` fails.
pub(super) fn parts_of(document: &str) -> Vec<(Part, bool)> {
    let all = [Part::Artifact, Part::Seal].into_iter().chain((0..64).map(Part::Provisioner)).chain((0..64).map(Part::Gate));
    let words: BTreeMap<String, Part> = all.filter_map(|part| Some((part_word(part)?, part))).collect();
    let lines = document.lines().filter_map(|line| line.trim().strip_prefix("qd_part "));
    let named = lines.filter_map(|line| words.get(line.split(' ').next()?).copied());
    let fails = document.lines().any(|line| line.trim() == "false");
    let mut parts: Vec<(Part, bool)> = named.map(|part| (part, false)).collect();
    let first = parts.iter_mut().find(|(part, _)| matches!(part, Part::Provisioner(_)));
    if let Some((_, failing)) = first {
        *failing = fails;
    }
    parts
}

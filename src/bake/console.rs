//! An instance's console: readings of a ring are joined to one log, and its lines are read for what they say of progress.

use super::log::Log;
use super::marker::{Marker, MarkerSays};
use super::signal::{Part, Said, Signal};
use super::tasks::TaskReader;
use crate::domain::ids::OperationId;
use crate::domain::recipe::ProvisionerKind;

/// How much of a console EC2 keeps: the newest so many bytes.
pub const RING_BYTES: usize = 64 * 1_024;
/// A reading as long as this may have lost its beginning. Less than the ring, as a console's bytes are told as text, which can be shorter.
const MAYBE_WRAPPED: usize = RING_BYTES - 4 * 1_024;
/// A reading that may have lost its beginning and shares less than this with the log is taken to follow a gap: so little can be alike by chance,
/// and what is shown twice does less harm than a gap that is hidden.
const SURE_OVERLAP: usize = 256;

/// One instance's console as far as it was read.
#[derive(Clone, Debug)]
pub struct Console {
    operation: OperationId,
    kinds: Vec<ProvisionerKind>,
    log: Log,
    /// The line that is looked at next.
    next_line: usize,
    /// The number of the newest marker.
    newest: u64,
    tasks: Option<TaskReader>,
}

impl Console {
    /// The console of an instance that runs this operation's user data. `kinds` are the kinds of the recipe's provisioners, in order; none for an
    /// instance of the gates.
    #[must_use]
    pub fn new(operation: OperationId, kinds: Vec<ProvisionerKind>) -> Self {
        Self { operation, kinds, log: Log::default(), next_line: 0, newest: 0, tasks: None }
    }

    /// What was read so far.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Takes a reading, which is the whole console as EC2 has it now or had it a while ago, and tells what is new in it.
    pub fn read(&mut self, reading: &[u8]) -> Vec<Signal> {
        match join(self.log.bytes(), reading) {
            Join::Nothing => {}
            Join::New(from) => self.log.append(reading.get(from..).unwrap_or_default()),
            Join::Gap => {
                self.log.lose();
                self.log.append(reading);
            }
        }
        self.signals()
    }

    /// What the lines say that have ended since the last reading.
    fn signals(&mut self) -> Vec<Signal> {
        let mut signals = Vec::new();
        while self.next_line < self.log.whole_lines() {
            let line = self.next_line;
            self.next_line += 1;
            let (Some(raw), Some(offset)) = (self.log.raw(line), self.log.offset_of(line)) else { continue };
            let text = String::from_utf8_lossy(raw).into_owned();
            self.line(&text, offset, &mut signals);
        }
        signals
    }

    fn line(&mut self, text: &str, offset: u64, signals: &mut Vec<Signal>) {
        if let Some(marker) = Marker::find(text, &self.operation) {
            self.marker(marker, offset, signals);
            return;
        }
        let text = text.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
        if let Some((name, outcome)) = self.tasks.as_mut().and_then(|tasks| tasks.read(text)) {
            signals.push(Signal { offset, at: None, said: Said::Task { name: name.into(), outcome } });
        }
        if let Some(said) = remark(text) {
            signals.push(Signal { offset, at: None, said });
        }
    }

    /// A marker that was read before is read again where readings were joined with a gap: it says nothing new.
    fn marker(&mut self, marker: Marker, offset: u64, signals: &mut Vec<Signal>) {
        if marker.number <= self.newest {
            return;
        }
        let lines = marker.number - self.newest - 1;
        self.newest = marker.number;
        if lines > 0 {
            signals.push(Signal { offset, at: None, said: Said::Lost { lines } });
        }
        match &marker.said {
            MarkerSays::Began(Part::Provisioner(number)) => self.tasks = self.kinds.get(usize::from(*number)).copied().map(TaskReader::new),
            MarkerSays::Began(_) | MarkerSays::Ended { .. } | MarkerSays::Done { .. } => self.tasks = None,
            MarkerSays::Booted | MarkerSays::Reason { .. } => {}
        }
        signals.push(Signal { offset, at: Some(marker.at), said: marker.said.into() });
    }
}

/// What a line says by itself, whoever printed it.
pub(super) fn remark(line: &str) -> Option<Said> {
    let text = line.trim_start();
    if line.contains("Cloud-init v. ") && line.contains(" finished at ") {
        return Some(Said::Booted);
    }
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    if begins(&["[WARNING]", "WARNING", "Warning:", "warning:", "WARN ", "W: ", "[WARN"]) {
        return Some(Said::Warning);
    }
    begins(&["[ERROR", "ERROR", "Error:", "error:", "E: ", "fatal:", "FATAL", "qd: "]).then_some(Said::Error)
}

/// How a reading goes on from what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    /// There is nothing new in it.
    Nothing,
    /// What is new begins here.
    New(usize),
    /// Something between is missing.
    Gap,
}

fn join(known: &[u8], reading: &[u8]) -> Join {
    if reading.is_empty() {
        return Join::Nothing;
    }
    // Twice the ring, as an older reading can come after a newer one.
    let tail = known.get(known.len().saturating_sub(2 * RING_BYTES)..).unwrap_or_default();
    let overlap = match overlap(tail, reading) {
        // All of it is known: it is an older reading, or the same again.
        None => return Join::Nothing,
        Some(overlap) => overlap,
    };
    let sure = overlap >= SURE_OVERLAP || overlap == known.len() && reading.len() < MAYBE_WRAPPED;
    if sure || known.is_empty() { Join::New(overlap) } else { Join::Gap }
}

/// How many bytes of the reading's beginning are the end of what is known, as many as can be; none if the whole reading stands in it.
///
/// Knuth, Morris and Pratt: one pass over each.
fn overlap(known: &[u8], reading: &[u8]) -> Option<usize> {
    let borders = borders(reading);
    let at = |index: usize| reading.get(index).copied();
    let mut matched = 0;
    for byte in known {
        while matched > 0 && at(matched) != Some(*byte) {
            matched = borders.get(matched - 1).copied().unwrap_or(0);
        }
        if at(matched) == Some(*byte) {
            matched += 1;
        }
        if matched == reading.len() {
            return None;
        }
    }
    Some(matched)
}

/// For each beginning of the text, the longest shorter one with which it also ends.
fn borders(text: &[u8]) -> Vec<usize> {
    let mut borders: Vec<usize> = Vec::with_capacity(text.len());
    let mut border = 0;
    for (index, byte) in text.iter().enumerate() {
        if index == 0 {
            borders.push(0);
            continue;
        }
        while border > 0 && text.get(border) != Some(byte) {
            border = borders.get(border - 1).copied().unwrap_or(0);
        }
        if text.get(border) == Some(byte) {
            border += 1;
        }
        borders.push(border);
    }
    borders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bake::signal::{Outcome, TaskOutcome};
    use crate::domain::time::{Millis, WorldTime};
    use proptest::prelude::*;

    fn console() -> Console {
        Console::new("op-1".into(), vec![ProvisionerKind::Ansible, ProvisionerKind::Shell])
    }

    fn marker(number: u64, said: MarkerSays) -> String {
        Marker { operation: "op-1".into(), number, at: WorldTime(1_700_000_000_000), said }.line() + "\r\n"
    }

    /// The newest bytes, as EC2 has them.
    fn ring(all: &[u8]) -> &[u8] {
        &all[all.len().saturating_sub(RING_BYTES)..]
    }

    fn said(signals: Vec<Signal>) -> Vec<Said> {
        signals.into_iter().map(|signal| signal.said).collect()
    }

    #[test]
    fn a_console_tells_its_parts_and_their_tasks_as_they_come() {
        let mut all = String::from("[    0.0] Linux\r\n");
        let mut console = console();
        assert_eq!(console.read(all.as_bytes()), []);
        all += &marker(1, MarkerSays::Booted);
        all += &marker(2, MarkerSays::Began(Part::Provisioner(0)));
        all += "TASK [Install nginx] ****\r\nchanged: [loc";
        let first = console.read(all.as_bytes());
        assert_eq!(first[1].offset, 17 + marker(1, MarkerSays::Booted).len() as u64);
        let name = || "Install nginx".into();
        assert_eq!(said(first), [Said::Booted, Said::Began { part: Part::Provisioner(0) }, Said::Task { name: name(), outcome: None }]);
        all += "alhost]\r\n[WARNING]: old syntax\r\n";
        let ended = MarkerSays::Ended { part: Part::Provisioner(0), outcome: Outcome::Succeeded, exit: Some(0), took: Millis(10) };
        all += &marker(3, ended.clone());
        let more = said(console.read(all.as_bytes()));
        assert_eq!(more, [Said::Task { name: name(), outcome: Some(TaskOutcome::Changed) }, Said::Warning, ended.into()]);
        assert_eq!(console.read(all.as_bytes()), []);
    }

    #[test]
    fn a_gap_is_kept_and_lost_markers_are_counted() {
        let mut console = console();
        let mut all = marker(1, MarkerSays::Booted);
        console.read(all.as_bytes());
        all += &marker(2, MarkerSays::Began(Part::Provisioner(1)));
        for line in 0..3_000 {
            all += &format!("line {line} of much output\n");
        }
        all += &marker(3, MarkerSays::Done { outcome: Outcome::Succeeded, parts: vec![(Part::Provisioner(1), Outcome::Succeeded)] });
        let told = said(console.read(ring(all.as_bytes())));
        assert!(matches!(told.as_slice(), [Said::Lost { lines: 1 }, Said::Done { outcome: Outcome::Succeeded, .. }]), "{told:?}");
        assert_eq!(console.log().lost(), [1]);
    }

    #[test]
    fn an_older_reading_that_comes_late_changes_nothing() {
        let mut console = console();
        let old = marker(1, MarkerSays::Booted);
        let new = old.clone() + "more\n";
        assert_eq!(console.read(new.as_bytes()).len(), 1);
        assert_eq!(console.read(old.as_bytes()), []);
        assert_eq!(console.log().bytes(), new.as_bytes());
    }

    #[test]
    fn a_little_that_is_alike_by_chance_hides_no_gap() {
        let mut console = console();
        let line = |number: usize| format!("{number:06}\n");
        let all: String = (0..20_000).map(line).collect();
        console.read(&all.as_bytes()[..RING_BYTES]);
        // The newest reading begins with the very bytes the log ends with, and what was between is gone.
        let mut late = all.as_bytes()[RING_BYTES - 100..RING_BYTES].to_vec();
        late.extend_from_slice(&ring(all.as_bytes())[100..]);
        console.read(&late);
        assert_eq!(console.log().lost().len(), 1);
    }

    #[test]
    fn cloud_init_s_last_line_says_that_the_instance_has_booted() {
        let mut console = Console::new("op-1".into(), Vec::new());
        let line = "[   21.1] cloud-init[810]: Cloud-init v. 22.4.2 finished at Mon, 23 Nov 2026 12:00:00 +0000. Datasource DataSourceEc2Local\r\n";
        assert_eq!(said(console.read(line.as_bytes())), [Said::Booted]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
        #[test]
        fn numbered_lines_are_joined_as_they_were_however_often_the_ring_is_read(steps in proptest::collection::vec(1_usize..3_000, 1..40)) {
            let (mut console, mut all, mut number) = (console(), Vec::new(), 0);
            let mut gaps = 0;
            for step in steps {
                let before = all.len();
                for _ in 0..step {
                    number += 1;
                    all.extend_from_slice(format!("{number} of many lines on the console\n").as_bytes());
                }
                // What was printed since the last reading does not fit into the ring with what joins it to the log.
                gaps += usize::from(before > 0 && all.len() - before > RING_BYTES - SURE_OVERLAP);
                console.read(ring(&all));
            }
            prop_assert_eq!(console.log().lost().len(), gaps);
            if gaps == 0 && all.len() <= RING_BYTES {
                prop_assert_eq!(console.log().bytes(), all.as_slice());
            }
            prop_assert!(console.log().bytes().ends_with(ring(&all)));
            // Each whole line that was read stands there once, in order, unless it is at the seam of a gap.
            let numbers: Vec<usize> = (0..console.log().lines()).filter_map(|line| console.log().line(line)?.raw().split(' ').next()?.parse().ok()).collect();
            let turned = numbers.windows(2).filter(|pair| pair[0] >= pair[1]).count();
            prop_assert!(turned <= gaps, "{turned} {gaps}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_a_console_and_none_of_the_newest_are_missed(readings in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let mut console = console();
            for reading in &readings {
                console.read(reading);
                let known = console.log().bytes();
                prop_assert!(reading.is_empty() || known.windows(reading.len()).any(|window| window == reading.as_slice()));
            }
        }
    }
}

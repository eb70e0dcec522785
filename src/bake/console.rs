//! What the lines of an instance's console say of progress.

use memchr::memchr;

use super::marker::{Marker, MarkerSays};
use super::signal::{Part, Said, Signal};
use super::tasks::TaskReader;
use crate::domain::ids::OperationId;
use crate::domain::recipe::ProvisionerKind;

/// What is known of a console's lines so far: enough to go on reading after the line of the last signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Where the line after the last signal begins in the log, in bytes.
    pub until: u64,
    /// The number of the newest marker.
    pub number: u64,
    /// The instance said that it has booted.
    pub booted: bool,
    /// The provisioner that runs, with its newest task.
    pub running: Option<(u16, Option<String>)>,
}

/// Reads the lines of one instance's console.
#[derive(Clone, Debug)]
pub struct Reader {
    operation: OperationId,
    kinds: Vec<ProvisionerKind>,
    tasks: Option<TaskReader>,
    heard: Heard,
}

impl Reader {
    /// Reads the console of an instance that runs this operation's user data. `kinds` are the kinds of the recipe's provisioners, in order; none for
    /// an instance of the gates.
    #[must_use]
    pub fn new(operation: OperationId, kinds: Vec<ProvisionerKind>, heard: Heard) -> Self {
        let running = heard.running.as_ref().and_then(|(number, task)| Some((kinds.get(usize::from(*number))?, task)));
        let tasks = running.map(|(kind, task)| TaskReader::new(*kind).at(task.clone()));
        Self { operation, kinds, tasks, heard }
    }

    /// What is known by now; `until` and `number` are all that is not in the signals.
    #[must_use]
    pub const fn heard(&self) -> &Heard {
        &self.heard
    }

    /// What a piece of the log says that was not heard yet. `offset` is where it begins in the log. Its last line counts once it has ended, or if it
    /// is a whole marker.
    pub fn read(&mut self, piece: &[u8], offset: u64) -> Vec<Signal> {
        let skip = usize::try_from(self.heard.until.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (mut rest, mut at) = (piece.get(skip..).unwrap_or_default(), offset.max(self.heard.until));
        let mut signals = Vec::new();
        while !rest.is_empty() {
            let (line, ended) = memchr(b'\n', rest).map_or((rest, false), |end| (rest.get(..=end).unwrap_or(rest), true));
            let before = signals.len();
            let text = String::from_utf8_lossy(line);
            self.line(text.trim_end_matches(['\n', '\r']), ended, at, &mut signals);
            at += line.len() as u64;
            if signals.len() > before {
                self.heard.until = at;
            }
            rest = rest.get(line.len()..).unwrap_or_default();
        }
        signals
    }

    fn line(&mut self, text: &str, ended: bool, offset: u64, signals: &mut Vec<Signal>) {
        if let Some(marker) = Marker::find(text, &self.operation) {
            self.marker(marker, offset, signals);
            return;
        }
        if !ended {
            return;
        }
        let text = text.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
        if let Some((name, outcome)) = self.tasks.as_mut().and_then(|tasks| tasks.read(text)) {
            signals.push(Signal { offset, at: None, said: Said::Task { name: name.into(), outcome } });
        }
        if let Some(said) = remark(text).filter(|said| !(self.heard.booted && *said == Said::Booted)) {
            self.heard.booted |= said == Said::Booted;
            signals.push(Signal { offset, at: None, said });
        }
    }

    /// A marker that was read before is read again where readings were joined with a gap: it says nothing new.
    fn marker(&mut self, marker: Marker, offset: u64, signals: &mut Vec<Signal>) {
        if marker.number <= self.heard.number {
            return;
        }
        let lines = marker.number - self.heard.number - 1;
        self.heard.number = marker.number;
        if lines > 0 {
            signals.push(Signal { offset, at: None, said: Said::Lost { lines } });
        }
        match &marker.said {
            MarkerSays::Began(Part::Provisioner(number)) => self.tasks = self.kinds.get(usize::from(*number)).copied().map(TaskReader::new),
            MarkerSays::Began(_) | MarkerSays::Ended { .. } | MarkerSays::Done { .. } => self.tasks = None,
            MarkerSays::Booted if self.heard.booted => return,
            MarkerSays::Booted => self.heard.booted = true,
            MarkerSays::Reason { .. } => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bake::signal::{Outcome, TaskOutcome};
    use crate::domain::time::{Millis, WorldTime};
    use proptest::prelude::*;

    fn reader() -> Reader {
        Reader::new("op-1".into(), vec![ProvisionerKind::Ansible, ProvisionerKind::Shell], Heard::default())
    }

    fn marker(number: u64, said: MarkerSays) -> String {
        Marker { operation: "op-1".into(), number, at: WorldTime(1_700_000_000_000), said }.line() + "\r\n"
    }

    fn said(signals: Vec<Signal>) -> Vec<Said> {
        signals.into_iter().map(|signal| signal.said).collect()
    }

    fn task(name: &str, outcome: Option<TaskOutcome>) -> Said {
        Said::Task { name: name.into(), outcome }
    }

    #[test]
    fn a_console_tells_its_parts_and_their_tasks_as_they_come() {
        let mut all = String::from("[    0.0] Linux\r\n");
        let mut reader = reader();
        assert_eq!(reader.read(all.as_bytes(), 0), []);
        all += &marker(1, MarkerSays::Booted);
        all += &marker(2, MarkerSays::Began(Part::Provisioner(0)));
        all += "TASK [Install nginx] ****\r\nchanged: [loc";
        let first = reader.read(all.as_bytes(), 0);
        assert_eq!(first[1].offset, 17 + marker(1, MarkerSays::Booted).len() as u64);
        assert_eq!(said(first), [Said::Booted, Said::Began { part: Part::Provisioner(0) }, task("Install nginx", None)]);
        // Another driver knows what was recorded, and reads on.
        let heard = Heard { running: Some((0, Some("Install nginx".to_owned()))), ..reader.heard().clone() };
        let mut reader = Reader::new("op-1".into(), vec![ProvisionerKind::Ansible], heard);
        all += "alhost]\r\n[WARNING]: old syntax\r\n";
        let ended = MarkerSays::Ended { part: Part::Provisioner(0), outcome: Outcome::Succeeded, exit: Some(0), took: Millis(10) };
        all += &marker(3, ended.clone());
        let more = said(reader.read(all.as_bytes(), 0));
        assert_eq!(more, [task("Install nginx", Some(TaskOutcome::Changed)), Said::Warning, ended.into()]);
        assert_eq!(reader.read(all.as_bytes(), 0), []);
    }

    #[test]
    fn markers_that_were_lost_are_counted() {
        let mut reader = reader();
        let done = MarkerSays::Done { outcome: Outcome::Succeeded, parts: vec![(Part::Provisioner(1), Outcome::Succeeded)] };
        let all = marker(1, MarkerSays::Booted) + "… lost …\n" + &marker(1, MarkerSays::Booted) + &marker(3, done.clone());
        assert_eq!(said(reader.read(all.as_bytes(), 0)), [Said::Booted, Said::Lost { lines: 1 }, done.into()]);
    }

    #[test]
    fn a_whole_marker_is_heard_though_its_line_has_not_ended() {
        let mut reader = reader();
        let line = marker(1, MarkerSays::Began(Part::Seal));
        assert_eq!(reader.read(&line.as_bytes()[..line.len() - 3], 0), []);
        assert_eq!(said(reader.read(&line.as_bytes()[..line.len() - 2], 0)), [Said::Began { part: Part::Seal }]);
        assert_eq!(reader.read(line.as_bytes(), 0), []);
    }

    #[test]
    fn cloud_init_s_last_line_says_that_the_instance_has_booted() {
        let mut reader = Reader::new("op-1".into(), Vec::new(), Heard::default());
        let line = "[   21.1] cloud-init[810]: Cloud-init v. 22.4.2 finished at Mon, 23 Nov 2026 12:00:00 +0000. Datasource DataSourceEc2Local\r\n";
        assert_eq!(said(reader.read(line.as_bytes(), 0)), [Said::Booted]);
        assert_eq!(said(reader.read(format!("{line}{line}").as_bytes(), 0)), []);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(pieces in proptest::collection::vec(any::<Vec<u8>>(), 0..8), offset in any::<u32>()) {
            let mut reader = reader();
            for piece in &pieces {
                reader.read(piece, u64::from(offset));
            }
        }
    }
}

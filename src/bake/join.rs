//! What readings of a console's ring are joined to: one log of all instances of a bake, with what was lost between said in it.

use memchr::memmem;

use crate::domain::bake::Console;
use crate::domain::ids::InstanceId;

/// How much of a console EC2 keeps: the newest so many bytes.
pub const RING_BYTES: usize = 64 * 1_024;
/// A reading as long as this may have lost its beginning. Less than the ring, as a console's bytes are told as text, which can be shorter.
const MAYBE_WRAPPED: usize = RING_BYTES - 4 * 1_024;
/// A reading that may have lost its beginning and shares less than this with the log is taken to follow a gap: so little can be alike by chance,
/// and what is shown twice does less harm than a gap that is hidden.
const SURE_OVERLAP: usize = 256;
/// So much of the log's end is kept in memory: an older reading can come after a newer one, and what is not heard yet must be in it.
const TAIL_BYTES: usize = 4 * RING_BYTES;
/// So much before what is new is told with it, for who wants the last lines.
const LEAD_BYTES: u64 = 8 * 1_024;
/// The line that stands where something is missing.
pub const LOST_LINE: &str = "… lost …";
/// What the line begins with after which an instance's console stands.
const HEADING: &str = "… console of ";
/// What that line ends with.
const HEADING_END: &str = " …";

/// A bake's log as its driver knows it. What was kept by another driver is enough to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The end of the log.
    tail: Vec<u8>,
    /// Where that begins in the log, in bytes.
    tail_at: u64,
    /// The instance whose console is at the log's end, and where that begins in the log.
    section: Option<(InstanceId, u64)>,
}

impl Joined {
    /// Goes on with a log of which this is kept.
    #[must_use]
    pub fn after(kept: &[u8]) -> Self {
        let mut joined = Self { section: section(kept), ..Self::default() };
        joined.append(kept);
        joined
    }

    /// What the log gets of a reading, which is all that the instance's console holds now or held a while ago.
    pub fn take(&mut self, instance: &InstanceId, reading: &[u8]) -> Vec<u8> {
        let mut new = Vec::new();
        if self.section.as_ref().is_none_or(|(current, _)| current != instance) {
            self.end_line(&mut new);
            new.extend_from_slice(format!("{HEADING}{instance}{HEADING_END}\n").as_bytes());
            self.section = Some((instance.clone(), self.end() + new.len() as u64));
            self.append(&new);
        }
        let mut more = Vec::new();
        match join(self.known(), reading) {
            Join::Nothing => {}
            Join::New(from) => more.extend_from_slice(reading.get(from..).unwrap_or_default()),
            Join::Gap => {
                self.end_line(&mut more);
                more.extend_from_slice(format!("{LOST_LINE}\n").as_bytes());
                more.extend_from_slice(reading);
            }
        }
        self.append(&more);
        new.extend_from_slice(&more);
        new
    }

    /// What the log holds of this instance's console from here on, in bytes of the log, with a few lines before it.
    #[must_use]
    pub fn since(&self, heard: u64) -> Console {
        let begins = self.section.as_ref().map_or(0, |(_, begins)| *begins);
        let offset = heard.min(self.end().saturating_sub(LEAD_BYTES)).max(begins).max(self.tail_at);
        Console { bytes: self.after_offset(offset).to_vec(), offset }
    }

    fn known(&self) -> &[u8] {
        self.after_offset(self.section.as_ref().map_or(0, |(_, begins)| *begins))
    }

    fn after_offset(&self, offset: u64) -> &[u8] {
        let from = usize::try_from(offset.saturating_sub(self.tail_at)).unwrap_or(usize::MAX);
        self.tail.get(from..).unwrap_or_default()
    }

    fn end(&self) -> u64 {
        self.tail_at + self.tail.len() as u64
    }

    /// A line that was broken off ends here.
    fn end_line(&self, new: &mut Vec<u8>) {
        if self.tail.last().is_some_and(|last| *last != b'\n') {
            new.push(b'\n');
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let over = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
        self.tail_at += over as u64;
    }
}

/// The last instance a log names, and where its console begins.
fn section(log: &[u8]) -> Option<(InstanceId, u64)> {
    let at = memmem::rfind_iter(log, HEADING).find(|at| *at == 0 || log.get(at - 1) == Some(&b'\n'))?;
    let rest = log.get(at + HEADING.len()..)?;
    let length = memchr::memchr(b'\n', rest)?;
    let id = std::str::from_utf8(rest.get(..length)?).ok()?.strip_suffix(HEADING_END)?;
    Some((InstanceId::new(id), (at + HEADING.len() + length + 1) as u64))
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
    let overlap = match overlap(known, reading) {
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
    use proptest::prelude::*;

    fn id(name: &str) -> InstanceId {
        InstanceId::new(name)
    }

    /// What a log holds after these readings of one console, taken by a driver that dies between any two of them if `dies`.
    fn log(readings: &[&[u8]], dies: bool) -> String {
        let (mut joined, mut kept) = (Joined::default(), Vec::new());
        for reading in readings {
            kept.extend(joined.take(&id("i-1"), reading));
            if dies {
                joined = Joined::after(&kept);
            }
        }
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// The newest bytes, as EC2 has them.
    fn ring(all: &[u8]) -> &[u8] {
        &all[all.len().saturating_sub(RING_BYTES)..]
    }

    #[test]
    fn consoles_stand_one_after_the_other_each_once() {
        let mut joined = Joined::default();
        let mut kept = joined.take(&id("i-1"), b"one\ntw");
        kept.extend(joined.take(&id("i-1"), b"one\ntwo\nthr"));
        let mut successor = Joined::after(&kept);
        assert_eq!(successor, joined);
        assert!(successor.take(&id("i-1"), b"one\n").is_empty(), "an older reading that comes late");
        kept.extend(successor.take(&id("i-2"), b"one\n"));
        assert_eq!(String::from_utf8(kept).unwrap(), "… console of i-1 …\none\ntwo\nthr\n… console of i-2 …\none\n");
        assert_eq!(successor.since(0).bytes, b"one\n", "of the instance that is looked at, and no other");
    }

    #[test]
    fn a_gap_is_said_and_ends_the_line_that_was_broken_off() {
        let late = "nine\n".repeat(20_000);
        for dies in [false, true] {
            let kept = log(&[b"one\ntw", ring(late.as_bytes())], dies);
            assert!(kept.starts_with("… console of i-1 …\none\ntw\n… lost …\n"), "{}", &kept[..60]);
            assert!(kept.ends_with("nine\n"));
        }
    }

    #[test]
    fn a_little_that_is_alike_by_chance_hides_no_gap() {
        let all: String = (0..20_000).map(|number| format!("{number:06}\n")).collect();
        // The newest reading begins with the very bytes the log ends with, and what was between is gone.
        let mut late = all.as_bytes()[RING_BYTES - 100..RING_BYTES].to_vec();
        late.extend_from_slice(&ring(all.as_bytes())[100..]);
        assert_eq!(log(&[&all.as_bytes()[..RING_BYTES], &late], false).matches(LOST_LINE).count(), 1);
    }

    #[test]
    fn what_is_new_comes_with_a_few_lines_before_it() {
        let mut joined = Joined::default();
        let all: String = (0..4_000).map(|number| format!("line {number}\n")).collect();
        joined.take(&id("i-1"), all.as_bytes());
        let told = joined.since(u64::MAX);
        assert_eq!((told.bytes.len() as u64, told.offset + LEAD_BYTES), (LEAD_BYTES, joined.end()));
        assert_eq!(joined.since(100).offset, 100);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
        #[test]
        fn numbered_lines_are_joined_as_they_were_however_often_the_ring_is_read_and_whoever_reads(
            steps in proptest::collection::vec(1_usize..3_000, 1..40), dies in any::<bool>(),
        ) {
            let (mut joined, mut kept, mut all, mut number) = (Joined::default(), Vec::new(), Vec::new(), 0);
            let mut gaps = 0;
            for step in steps {
                let before = all.len();
                for _ in 0..step {
                    number += 1;
                    all.extend_from_slice(format!("{number} of many lines on the console\n").as_bytes());
                }
                // What was printed since the last reading does not fit into the ring with what joins it to the log.
                gaps += usize::from(before > 0 && all.len() - before > RING_BYTES - SURE_OVERLAP);
                kept.extend(joined.take(&id("i-1"), ring(&all)));
                if dies {
                    joined = Joined::after(&kept);
                }
            }
            prop_assert!(kept.ends_with(ring(&all)));
            let text = String::from_utf8(kept).unwrap();
            prop_assert_eq!(text.matches(LOST_LINE).count(), gaps);
            // Each whole line that was read stands there once, in order, unless it is at the seam of a gap.
            let numbers: Vec<usize> = text.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect();
            let turned = numbers.windows(2).filter(|pair| pair[0] >= pair[1]).count();
            prop_assert!(turned <= gaps, "{turned} {gaps}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it_and_none_of_the_newest_are_missed(readings in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let (mut joined, mut kept) = (Joined::default(), Vec::new());
            for reading in &readings {
                kept.extend(joined.take(&id("i-1"), reading));
                prop_assert!(reading.is_empty() || kept.windows(reading.len()).any(|window| window == reading.as_slice()));
            }
        }
    }
}

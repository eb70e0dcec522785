//! A bake's log: its bytes with an index of its lines, so that a screen can jump, follow and search in hundreds of thousands of them. Of a log
//! that is longer than anybody reads the end is kept: all of it stands in its file. Lines and bytes are counted from the log's beginning.

use memchr::{memchr_iter, memmem};

use super::console::remark;
use super::signal::Said;
use crate::domain::text::Untrusted;

/// So many bytes of a log are kept in memory: about four hundred thousand lines.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// A log that grows at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The end of it that is kept.
    bytes: Vec<u8>,
    /// Where each line that is kept begins in those; the last may not have ended yet.
    starts: Vec<usize>,
    /// Lines before them.
    first_line: usize,
    /// Bytes before them.
    first_byte: u64,
    /// So many bytes are kept at least, and a quarter more at most.
    most: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self::keeping(MOST_BYTES)
    }
}

impl Log {
    /// An empty log that keeps its last so many bytes.
    fn keeping(most: usize) -> Self {
        Self { bytes: Vec::new(), starts: vec![0], first_line: 0, first_byte: 0, most }
    }

    /// Adds what came next.
    pub fn append(&mut self, bytes: &[u8]) {
        let at = self.bytes.len();
        self.starts.extend(memchr_iter(b'\n', bytes).map(|end| at + end + 1));
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.most.saturating_add(self.most / 4) {
            self.shed();
        }
    }

    /// Forgets whole lines at the beginning until only what is to be kept is left; of a line that is longer than that its beginning.
    fn shed(&mut self) {
        let over = self.bytes.len().saturating_sub(self.most);
        let lines = self.starts.partition_point(|start| *start < over).min(self.whole_lines() - self.first_line);
        let cut = self.starts.get(lines).copied().unwrap_or(0).max(over);
        self.bytes.drain(..cut);
        self.starts.drain(..lines);
        for start in &mut self.starts {
            *start = start.saturating_sub(cut);
        }
        self.first_line += lines;
        self.first_byte += cut as u64;
    }

    /// The bytes that are kept, as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes there were in all.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.first_byte + self.bytes.len() as u64
    }

    /// The bytes from this one on, as far as they are kept.
    #[must_use]
    pub fn since(&self, offset: u64) -> &[u8] {
        let from = usize::try_from(offset.saturating_sub(self.first_byte)).unwrap_or(usize::MAX);
        self.bytes.get(from..).unwrap_or_default()
    }

    /// The first line that is kept.
    #[must_use]
    pub const fn first_line(&self) -> usize {
        self.first_line
    }

    /// How many lines have ended.
    #[must_use]
    pub const fn whole_lines(&self) -> usize {
        self.first_line + self.starts.len() - 1
    }

    /// Where a line begins in the bytes that are kept.
    fn start(&self, line: usize) -> Option<usize> {
        self.starts.get(line.checked_sub(self.first_line)?).copied()
    }

    /// How many lines there are to be shown, with one at the end that has begun and not ended.
    #[must_use]
    pub fn lines(&self) -> usize {
        let open = self.starts.last().is_some_and(|start| *start < self.bytes.len());
        self.whole_lines() + usize::from(open)
    }

    /// The bytes of a line, from 0, without its end; none of one that is not kept.
    #[must_use]
    pub fn raw(&self, line: usize) -> Option<&[u8]> {
        let start = self.start(line)?;
        let end = self.start(line + 1).map_or(self.bytes.len(), |next| next - 1);
        let bytes = self.bytes.get(start..end)?;
        Some(bytes.strip_suffix(b"\r").unwrap_or(bytes))
    }

    /// A line as a terminal would have left it: what a carriage return wrote over is gone.
    #[must_use]
    pub fn line(&self, line: usize) -> Option<Untrusted> {
        let last = self.raw(line)?.rsplit(|byte| *byte == b'\r').find(|part| !part.is_empty()).unwrap_or_default();
        Some(Untrusted::new(String::from_utf8_lossy(last)))
    }

    /// Whether a line warns or tells of an error.
    #[must_use]
    pub fn warns(&self, line: usize) -> bool {
        let text = |raw: &[u8]| matches!(remark(&String::from_utf8_lossy(raw)), Some(Said::Warning | Said::Error));
        self.raw(line).is_some_and(text)
    }

    /// Where a line begins, in bytes.
    #[must_use]
    pub fn offset_of(&self, line: usize) -> Option<u64> {
        self.start(line).map(|start| self.first_byte + start as u64)
    }

    /// The line in which a byte stands; the first that is kept if it stands before that.
    #[must_use]
    pub fn line_at(&self, offset: u64) -> usize {
        self.first_line + self.starts.partition_point(|start| self.first_byte + *start as u64 <= offset).saturating_sub(1)
    }
}

/// A search that goes on in small pieces, so that nobody waits for it, and goes on when the log has grown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    wanted: Wanted,
    next_line: usize,
    hits: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// Lines with this text; `exact` where capitals matter.
    Text { needle: Vec<u8>, exact: bool },
    /// Lines that warn or tell of an error.
    Remarks,
}

impl Search {
    /// A search for a text; one without capitals finds them too.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let exact = text.chars().any(char::is_uppercase);
        Self { wanted: Wanted::Text { needle: text.as_bytes().to_vec(), exact }, next_line: 0, hits: Vec::new() }
    }

    /// A search for lines that warn or tell of an error.
    #[must_use]
    pub const fn remarks() -> Self {
        Self { wanted: Wanted::Remarks, next_line: 0, hits: Vec::new() }
    }

    /// All lines that have ended were looked at.
    #[must_use]
    pub const fn is_over(&self, log: &Log) -> bool {
        self.next_line >= log.whole_lines()
    }

    /// Looks at about so many bytes more. True when all lines that have ended were looked at.
    pub fn advance(&mut self, log: &Log, bytes: usize) -> bool {
        let (first, whole) = (log.first_line(), log.whole_lines());
        if self.hits.first().is_some_and(|hit| *hit < first) {
            self.hits.drain(..self.hits.partition_point(|hit| *hit < first));
        }
        self.next_line = self.next_line.max(first);
        let Some(start) = log.start(self.next_line).filter(|_| self.next_line < whole) else { return true };
        let fits = log.starts.partition_point(|at| *at <= start.saturating_add(bytes)).saturating_sub(1);
        let after = (first + fits).clamp(self.next_line + 1, whole);
        match &self.wanted {
            Wanted::Text { needle, exact } => {
                let end = log.start(after).unwrap_or(log.bytes.len());
                let piece = log.bytes.get(start..end).unwrap_or_default();
                let lowered = (!exact).then(|| piece.to_ascii_lowercase());
                for found in memmem::find_iter(lowered.as_deref().unwrap_or(piece), needle) {
                    let line = first + log.starts.partition_point(|at| *at <= start + found).saturating_sub(1);
                    if self.hits.last() != Some(&line) {
                        self.hits.push(line);
                    }
                }
            }
            Wanted::Remarks => self.hits.extend((self.next_line..after).filter(|line| log.warns(*line))),
        }
        self.next_line = after;
        after == whole
    }

    /// The lines that were found so far, in order.
    #[must_use]
    pub fn hits(&self) -> &[usize] {
        &self.hits
    }

    /// The first line found after this one; round to the first of all.
    #[must_use]
    pub fn after(&self, line: usize) -> Option<usize> {
        let next = self.hits.partition_point(|hit| *hit <= line);
        self.hits.get(next).or(self.hits.first()).copied()
    }

    /// The last line found before this one; round to the last of all.
    #[must_use]
    pub fn before(&self, line: usize) -> Option<usize> {
        let earlier = self.hits.partition_point(|hit| *hit < line);
        earlier.checked_sub(1).and_then(|at| self.hits.get(at)).or(self.hits.last()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn log(text: &str) -> Log {
        let mut log = Log::default();
        log.append(text.as_bytes());
        log
    }

    #[test]
    fn lines_are_as_a_terminal_would_have_left_them() {
        let log = log("one\r\n10%\r55%\rdone\r\n\nopen");
        let lines: Vec<String> = (0..log.lines()).map(|line| log.line(line).unwrap().shown()).collect();
        assert_eq!((lines, log.whole_lines()), (["one", "done", "", "open"].map(str::to_owned).to_vec(), 3));
        assert_eq!((log.line(4), log.offset_of(1), log.line_at(5), log.line_at(99)), (None, Some(5), 1, 3));
    }

    #[test]
    fn a_search_goes_on_where_it_was_when_the_log_has_grown() {
        let mut log = log("Web\nnothing\nweb web\nwe");
        let mut search = Search::new("web");
        assert!(!search.advance(&log, 1));
        while !search.advance(&log, 1) {}
        assert_eq!(search.hits(), [0, 2]);
        log.append(b"b\n");
        assert!(search.advance(&log, 100));
        assert_eq!(
            (search.hits(), search.after(0), search.after(3), search.before(2), search.before(0)),
            ([0, 2, 3].as_slice(), Some(2), Some(0), Some(0), Some(3))
        );
        let mut exact = Search::new("Web");
        assert!(exact.advance(&log, 100));
        assert_eq!(exact.hits(), [0]);
    }

    #[test]
    fn two_hundred_thousand_lines_are_followed_and_searched_in_pieces_that_nobody_waits_for() {
        let mut log = Log::default();
        let mut longest = std::time::Duration::ZERO;
        let mut timed = |work: &mut dyn FnMut()| {
            let began = std::time::Instant::now();
            work();
            longest = longest.max(began.elapsed());
        };
        for block in 0..200 {
            let text: String =
                (0..1_000).map(|line| format!("Get:{line} http://mirror/pool/main block {block} of a long log that somebody follows\n")).collect();
            timed(&mut || log.append(text.as_bytes()));
        }
        let mut search = Search::new("block 77 ");
        let mut over = false;
        while !over {
            timed(&mut || over = search.advance(&log, 64 * 1_024));
        }
        assert_eq!((log.lines(), search.hits().len()), (200_000, 1_000));
        println!("the longest of {} appends and of the pieces of a search took {longest:?}", 200);
        // Unoptimised, on a machine that others use too.
        assert!(longest < std::time::Duration::from_millis(80), "{longest:?}");
    }

    #[test]
    fn of_a_log_without_end_the_last_lines_are_kept_and_keep_their_numbers() {
        let mut log = Log::keeping(60);
        let mut search = Search::new("line 1");
        for line in 0..40 {
            log.append(format!("line {line}\n").as_bytes());
            search.advance(&log, 100);
        }
        let first = log.first_line();
        assert!((30..34).contains(&first) && log.bytes().len() <= 75, "{first} {}", log.bytes().len());
        assert_eq!((log.lines(), log.whole_lines(), log.line(first - 1), log.line(39).unwrap().shown()), (40, 40, None, "line 39".to_owned()));
        let begins = log.offset_of(39).unwrap();
        assert_eq!((log.line_at(begins), log.line_at(0), log.since(begins), log.end()), (39, first, b"line 39\n".as_slice(), begins + 8));
        assert!(search.is_over(&log));
        search.advance(&log, 100);
        assert_eq!(search.hits(), [] as [usize; 0], "what was found in lines that are gone is gone with them");
        log.append(b"line 1");
        log.append(&[b'1'; 200]);
        log.append(b"\n");
        search.advance(&log, 1_000);
        assert_eq!((log.first_line(), log.lines(), log.raw(40).map(<[u8]>::len)), (40, 41, Some(60)), "of a line too long for it the end is kept");
    }

    proptest! {
        #[test]
        fn a_search_finds_the_lines_that_contain_the_text_however_it_is_cut(text in "[ab\n]{0,200}", needle in "[ab]{1,3}", piece in 1_usize..50) {
            let log = log(&format!("{text}\n"));
            let mut search = Search::new(&needle);
            while !search.advance(&log, piece) {}
            let expected: Vec<usize> = format!("{text}\n").split('\n').enumerate().filter(|(_, line)| line.contains(&needle)).map(|(at, _)| at).collect();
            prop_assert_eq!(search.hits(), expected.as_slice());
        }

        #[test]
        fn any_bytes_in_any_pieces_are_the_same_log(pieces in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let (mut log, mut whole) = (Log::default(), Log::default());
            pieces.iter().for_each(|piece| log.append(piece));
            whole.append(&pieces.concat());
            prop_assert_eq!(&log, &whole);
            for line in 0..log.lines() {
                prop_assert!(log.line(line).is_some());
                prop_assert_eq!(log.line_at(log.offset_of(line).unwrap()), line);
            }
        }
    }
}

//! Columns of text, aligned by the width a terminal gives to each character.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::domain::text::escape;

/// The space between two columns.
const GAP: usize = 2;
/// No column is cut below this.
const NARROWEST: usize = 8;

/// Rows under a heading.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// Spaces before each row.
    indent: usize,
    /// Columns that are cut before any other.
    cut_first: &'static [usize],
}

impl Table {
    /// A table with these headings.
    pub(super) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()], indent: 0, cut_first: &[] }
    }

    /// Columns without headings, a little to the right.
    pub(super) const fn indented() -> Self {
        Self { rows: Vec::new(), indent: 2, cut_first: &[] }
    }

    /// Columns, from 0, that may be cut before the others: what they say is also said elsewhere.
    pub(super) fn cutting_first(mut self, columns: &'static [usize]) -> Self {
        self.cut_first = columns;
        self
    }

    /// One more row.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| escape(cell)).collect());
    }

    /// The lines. Within a limit the widest columns are cut, with `…` where something is missing.
    pub(super) fn render(&self, limit: Option<usize>) -> String {
        let widths = self.widths(limit);
        let mut text = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(self.indent);
            for (cell, width) in row.iter().zip(&widths) {
                let cell = cut(cell, *width);
                let pad = width.saturating_sub(cell.width()) + GAP;
                line.push_str(&cell);
                line.push_str(&" ".repeat(pad));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width_of = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns).map(width_of).collect();
        let Some(limit) = limit else { return widths };
        let gaps = self.indent + GAP * columns.saturating_sub(1);
        let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
        let mut everything = false;
        while over > 0 {
            let may_be_cut = |column: usize| everything || self.cut_first.contains(&column);
            let wide = widths.iter_mut().enumerate().filter(|(column, width)| **width > NARROWEST && may_be_cut(*column));
            match wide.max_by_key(|(_, width)| **width) {
                Some((_, widest)) => {
                    *widest -= 1;
                    over -= 1;
                }
                None if everything => break,
                None => everything = true,
            }
        }
        widths
    }
}

fn cut(cell: &str, width: usize) -> String {
    if cell.width() <= width {
        return cell.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in cell.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_characters_count_twice_and_the_widest_column_is_cut() {
        let mut table = Table::new(&["NAME", "WHY"]);
        table.row(["漢字".to_owned(), "because of a long story".to_owned()]);
        table.row(["web".to_owned(), "no".to_owned()]);
        assert_eq!(table.render(None), "NAME  WHY\n漢字  because of a long story\nweb   no\n");
        assert_eq!(table.render(Some(20)), "NAME  WHY\n漢字  because of a …\nweb   no\n");
    }

    #[test]
    fn columns_that_may_be_cut_first_are() {
        let mut table = Table::new(&["A", "B"]).cutting_first(&[1]);
        table.row(["a long name that counts".to_owned(), "something less".to_owned()]);
        assert_eq!(table.render(Some(34)), "A                        B\na long name that counts  somethin…\n");
        assert_eq!(table.render(Some(24)), "A               B\na long name t…  somethi…\n");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_allowed(cells in prop::collection::vec(("\\PC{0,40}", "\\PC{0,40}"), 1..6), limit in 24_usize..60) {
            let mut table = Table::new(&["A", "B"]);
            for (a, b) in cells {
                table.row([a, b]);
            }
            for line in table.render(Some(limit)).lines() {
                prop_assert!(line.width() <= limit);
            }
        }
    }
}

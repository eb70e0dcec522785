//! Fitting text into columns by what it really takes on a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, cut with `mark` at its end if it does not fit into `columns`.
pub fn cut(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns { text.to_owned() } else { cut_marked(text, columns, mark) }
}

/// The text's beginning and the mark in at most `columns`, also if all of it would fit.
pub fn cut_marked(text: &str, columns: usize, mark: &str) -> String {
    let room = columns.saturating_sub(width(mark));
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let columns_of_c = c.width().unwrap_or(0);
        if used + columns_of_c > room {
            break;
        }
        used += columns_of_c;
        kept.push(c);
    }
    if width(mark) <= columns {
        kept.push_str(mark);
    }
    kept
}

/// The text in exactly `columns`: cut with `mark`, or filled up with spaces at its end.
pub fn left(text: &str, columns: usize, mark: &str) -> String {
    let mut fitted = cut(text, columns, mark);
    fitted.push_str(&" ".repeat(columns.saturating_sub(width(&fitted))));
    fitted
}

/// The text in exactly `columns`, filled up with spaces at its beginning.
pub fn right(text: &str, columns: usize, mark: &str) -> String {
    let fitted = cut(text, columns, mark);
    format!("{}{fitted}", " ".repeat(columns.saturating_sub(width(&fitted))))
}

/// The text broken into lines of at most `columns`, at spaces where there are any.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        place_word(&mut lines, word, columns.max(1));
    }
    lines
}

fn place_word(lines: &mut Vec<String>, word: &str, columns: usize) {
    let Some(line) = lines.last_mut() else { return };
    if line.is_empty() {
        line.push_str(word);
    } else if width(line) + 1 + width(word) <= columns {
        line.push(' ');
        line.push_str(word);
    } else {
        lines.push(word.to_owned());
    }
    break_long(lines, columns);
}

fn break_long(lines: &mut Vec<String>, columns: usize) {
    while let Some(last) = lines.last().filter(|last| width(last) > columns) {
        let head = cut(last, columns, "");
        if head.is_empty() {
            return;
        }
        let tail = last.get(head.len()..).unwrap_or_default().to_owned();
        lines.pop();
        lines.push(head);
        lines.push(tail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_for_what_they_take() {
        assert_eq!(cut("漢字漢字", 5, "…"), "漢字…");
        assert_eq!(left("web", 5, "…"), "web  ");
        assert_eq!(right("1234567", 4, "…"), "123…");
        assert_eq!(cut("abc", 0, "…"), "");
    }

    #[test]
    fn long_lines_break_at_spaces_and_inside_words_that_are_too_long() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }
}

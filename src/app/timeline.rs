//! An incident's timeline as Markdown, for the report that is written afterwards.

use super::events::{self, Kind};
use super::lines::told_text;
use crate::domain::text::escape;
use crate::domain::time::WorldTime;
use crate::operation::any::AnyRef;
use crate::operation::event::Event;

/// The timeline of these events, which are given newest first: a head that says what and when, then one line each, oldest first.
#[must_use]
pub fn markdown(newest_first: &[(AnyRef<'_>, &Event)]) -> String {
    let mut fleets: Vec<String> = newest_first.iter().map(|(view, _)| view.about()).collect();
    fleets.sort();
    fleets.dedup();
    let Some(((_, last), (_, first))) = newest_first.first().zip(newest_first.last()) else {
        return "## Timeline\n\nNothing happened.\n".to_owned();
    };
    let head = format!("## Timeline: {}\n\n{} to {} UTC\n\n", plain(&fleets.join(", ")), moment(first.at), moment(last.at));
    newest_first.iter().rev().filter_map(|(view, event)| line(*view, event)).fold(head, |text, line| text + &line)
}

fn moment(at: WorldTime) -> String {
    at.rfc3339().replacen('T', " ", 1).chars().take(19).collect()
}

fn line(view: AnyRef<'_>, event: &Event) -> Option<String> {
    let by = events::person(&event.body).map(|by| format!(" by {}", plain(&by.short()))).unwrap_or_default();
    let kind = Kind::of(&event.body).word();
    let text = plain(&told_text(view, event)?);
    Some(format!("- `{}` **{}** {} ({kind}{by}): {text}\n", event.at.clock(), plain(&view.about()), view.id()))
}

/// Text that stays text in Markdown: what came from outside makes no link, no heading and no HTML.
pub(super) fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in escape(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '&' | '~' | '!') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{fixture, rows};

    #[test]
    fn a_timeline_is_markdown_from_the_first_event_to_the_last() {
        let model = fixture::model_with(Some(fixture::holding()), 80, 24);
        let events: Vec<_> = rows::activity(&model).flatten().collect();
        let text = markdown(&events);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "## Timeline: web-prod");
        assert_eq!(lines[2], "2025-01-01 03:09:07 to 2025-01-01 03:12:07 UTC");
        assert_eq!(
            lines[4],
            "- `03:09:07` **web-prod** op-3 (human by ada@bastion-1): deploy planned by ada@bastion-1: web-prod 2.13.2 -\\> 2.14.0, plan 7f3a9c12 \"cart badge fix\""
        );
        assert!(lines.last().unwrap().contains("HOLDING: the judge fails weight 25%"), "{text}");
    }

    #[test]
    fn what_came_from_outside_makes_no_link() {
        assert_eq!(plain("[x](http://y) <b> \u{202e}"), "\\[x\\](http://y) \\<b\\> \\\\u{202e}");
    }
}

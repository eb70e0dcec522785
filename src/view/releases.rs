//! The releases a fleet can be rolled back to: how old the image is, when it was last stable, and what speaks against it.
//!
//! ```text
//!   VERSION        AMI           IMAGE  STABLE   SPEAKS AGAINST IT
//! > 2.13.2         ami-0132…        5d  3d ago
//!   2.12.9         ami-00b4…       30d  31d ago  BLOCKED: openssl is vulnerable
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::words;
use crate::app::age::stepped;
use crate::app::model::{Model, Picker};
use crate::app::rows;
use crate::domain::image::{Image, ImageState};
use crate::domain::text::Untrusted;
use crate::operation::ledger::KnownRelease;

/// The list itself, and a word about the release under the cursor.
pub fn list(model: &Model, picker: &Picker, paint: &mut Paint<'_>, area: Rect) {
    let shown = rows::releases_of(model, &picker.fleet);
    let selected = shown.iter().position(|known| Some(&known.release.image) == picker.image.as_ref());
    let frame = u16::from(area.height > 3);
    let body = paint::lines(area, frame, area.height.saturating_sub(2 * frame));
    let wide = area.width >= 60;
    paint.rows(
        paint::lines(area, 0, frame),
        &[paint::toned(line("  ", ["VERSION", "AMI", "IMAGE", "STABLE", "SPEAKS AGAINST IT"], wide, ""), Tone::Dim)],
    );
    let first = paint::first_shown(selected.unwrap_or(0), shown.len(), usize::from(body.height));
    for (at_line, (at, known)) in (0..body.height).zip(shown.iter().enumerate().skip(first)) {
        let row = release_row(model, known, Some(at) == selected, wide, paint);
        paint.row(body, at_line, &row);
        if Some(at) == selected {
            paint.cursor(body, at_line);
        }
    }
    if frame > 0 {
        let about = selected.and_then(|at| shown.get(at)).map(|known| about(known)).unwrap_or_default();
        paint.row(area, area.height.saturating_sub(1), &paint::toned(about, Tone::Dim));
    }
}

fn line(lead: &str, [version, id, image, stable, against]: [&str; 5], wide: bool, mark: &str) -> String {
    let id = if wide { format!("{} ", text::left(id, 13, mark)) } else { String::new() };
    format!("{lead}{} {id}{} {} {against}", text::left(version, 14, mark), text::right(image, 6, mark), text::left(stable, 9, mark))
}

fn release_row(model: &Model, known: &KnownRelease, selected: bool, wide: bool, paint: &Paint<'_>) -> Row {
    let image = model.images().iter().map(|status| &status.image).find(|image| image.id == known.release.image);
    let age = words::made(image.and_then(|image| image.created_at), model.clock.world);
    let stable = format!("{} ago", stepped(model.clock.world.since(known.stable_at)));
    let against = against(known, image);
    let lead = if selected { "> " } else { "  " };
    let (label, id) = (known.release.label(), known.release.image.to_string());
    let tone = if against.is_empty() { Tone::Plain } else { Tone::Bad };
    vec![piece(line(lead, [&label, &id, &age, &stable, &against], wide, paint.glyphs.cut), tone)]
}

/// What a ledger says of a release, in words.
pub fn words(known: &KnownRelease) -> (String, Tone) {
    let stable = format!("stable since {} ({})", known.stable_at.rfc3339(), known.how.word());
    match &known.marked {
        None => (stable, Tone::Good),
        Some(mark) => {
            let why = mark.reason.as_ref().map(|reason| format!(": {}", reason.shown())).unwrap_or_default();
            (format!("marked bad by {}{why}; {stable}", mark.by.shown()), Tone::Bad)
        }
    }
}

/// Blocked, gone, marked bad: in the order in which it matters; empty if nothing is known against it.
fn against(known: &KnownRelease, image: Option<&Image>) -> String {
    let blocked = image.and_then(|image| image.blocked.as_ref()).map(|block| format!("BLOCKED: {}", block.words()));
    let gone = image.map(|image| image.state).is_none_or(|state| state != ImageState::Available).then(|| "GONE: not listed any more".to_owned());
    let marked = || {
        let mark = known.marked.as_ref()?;
        Some(format!("bad{}", mark.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.shown()))))
    };
    blocked.or(gone).or_else(marked).unwrap_or_default()
}

fn about(known: &KnownRelease) -> String {
    let release = &known.release;
    let marked = known.marked.as_ref().map_or_else(String::new, |mark| format!(", marked bad by {}", Untrusted::shown(&mark.by)));
    format!(" {} in {}, version {} of {}, {}{marked}", release.image, release.group, release.template_version, release.template, known.how.word())
}

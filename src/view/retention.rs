//! Images nobody needs: what `qd gc` would remove and when, how much that holds, and why each other image stays.
//!
//! ```text
//! ┏━ OLD IMAGES what qd gc would do ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1/19  now ━┓
//! ┃ remove 2, 16 GiB   wait 3, 24 GiB   mark 5, 31 GiB   stay 41               ┃
//! ┃  IMAGE               AGE    HOLDS  WHAT BECOMES OF IT                      ┃
//! ┃>✗ web 2.10.0         40d    8 GiB  removed by the next qd gc --apply       ┃
//! ┃ ✓ web 2.13.1         12d           stays: a ledger names it            +2  ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::words;
use crate::app::age::{about, stepped};
use crate::app::commands::CommandId;
use crate::app::model::Model;
use crate::domain::text::escape;
use crate::operation::gc::{GcPlan, ImageVerdict, Verdict, size};

/// Lines about the image under the cursor.
const BELOW: u16 = 5;
/// From so many columns on there is room to spare.
const WIDE: usize = 120;

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let filter = model.filters.retention.value().map(|text| format!("  / {}", text.shown())).unwrap_or_default();
    let inside = paint.boxed(area, &format!("OLD IMAGES what qd gc would do{filter}"), &note(model), true);
    let Some(plan) = model.retention.plan.as_ref().map(|plan| &plan.value) else { return paint.row(inside, 0, &unread(model)) };
    let columns = usize::from(inside.width);
    let head = head(plan, columns);
    let above = u16::try_from(head.len()).unwrap_or(u16::MAX).min(inside.height / 2);
    paint.rows(paint::lines(inside, 0, above), &head);
    let below = if inside.height >= above + BELOW + 4 { BELOW } else { 0 };
    let rest = paint::lines(inside, above, inside.height - above - below);
    paint.row(rest, 0, &names(columns));
    let count = u16::try_from(model.retention.shown().len().max(1)).unwrap_or(u16::MAX);
    let shown = paint::lines(rest, 1, rest.height.saturating_sub(1).min(count));
    rows(model, paint, shown);
    let about = model.retention.chosen().map(|image| about_image(image, columns)).unwrap_or_default();
    if below > 0 {
        paint.rows(paint::lines(inside, above + 1 + shown.height, inside.height), &about);
    }
}

/// The same for a sliver of a terminal.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let Some(plan) = model.retention.plan.as_ref().map(|plan| &plan.value) else { return paint.row(area, 0, &unread(model)) };
    paint.row(area, 0, &totals(plan));
    rows(model, paint, paint::lines(area, 1, area.height));
}

fn note(model: &Model) -> String {
    let Some(plan) = &model.retention.plan else { return String::new() };
    let (count, age) = (model.retention.shown().len(), stepped(plan.age(model.clock)));
    if count == 0 { age } else { format!("{}/{count}  {age}", model.retention.position() + 1) }
}

fn unread(model: &Model) -> Row {
    match &model.retention.problem {
        Some(problem) => paint::toned(format!(" {}: {}", problem.text, problem.hint), Tone::Bad),
        None => paint::toned(" reading images, what launches them and what names them", Tone::Working),
    }
}

/// How many there are of each kind and how much they hold; then why nothing goes now, and what else would be done.
fn head(plan: &GcPlan, columns: usize) -> Vec<Row> {
    let mut rows = vec![totals(plan)];
    let mut wrapped = |text: String, tone: Tone| {
        rows.extend(text::wrap(&text, columns.saturating_sub(2)).into_iter().map(|line| paint::toned(format!(" {line}"), tone)));
    };
    for obstacle in &plan.obstacles {
        wrapped(format!("nothing is removed now: {obstacle}"), Tone::Waits);
    }
    let also =
        [(plan.protect.len(), "of ledgers are protected"), (plan.unmark.len(), "lose their mark"), (plan.sweep.len(), "snapshots left over go")];
    let also: Vec<String> = also.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if !also.is_empty() {
        wrapped(format!("besides: {}", also.join(", ")), Tone::Dim);
    }
    rows
}

fn totals(plan: &GcPlan) -> Row {
    let total = |verdict: fn(&Verdict) -> bool| {
        let (count, bytes) = plan
            .with(verdict)
            .fold((0_usize, Some(0_u64)), |(count, bytes), image| (count + 1, bytes.zip(image.bytes()).map(|(all, one)| all.saturating_add(one))));
        if count == 0 { "0".to_owned() } else { format!("{count}, {}", size(bytes)) }
    };
    let stay = plan.with(|verdict| matches!(verdict, Verdict::Stays(_))).count();
    vec![
        piece(format!(" remove {}   ", total(|verdict| *verdict == Verdict::Remove)), Tone::Strong),
        piece(format!("wait {}   ", total(|verdict| matches!(verdict, Verdict::Waits { .. }))), Tone::Plain),
        piece(format!("mark {}   stay {stay}", total(|verdict| *verdict == Verdict::Mark)), Tone::Plain),
    ]
}

const fn name_width(columns: usize) -> usize {
    if columns >= WIDE { 40 } else { 20 }
}

fn names(columns: usize) -> Row {
    paint::toned(format!("   {:<width$} {:>4} {:>8}  WHAT BECOMES OF IT", "IMAGE", "AGE", "HOLDS", width = name_width(columns)), Tone::Dim)
}

fn rows(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (count, position) = (model.retention.shown().len(), model.retention.position());
    if count == 0 {
        let all = model.retention.plan.as_ref().is_some_and(|plan| plan.value.images.is_empty());
        let back = model.keymap.first(CommandId::Back);
        let text = if all { " this account has no image of its own".to_owned() } else { format!(" none passes the filter: {back} clears it") };
        return paint.row(area, 0, &paint::toned(text, Tone::Dim));
    }
    let first = paint::first_shown(position, count, usize::from(area.height));
    for (line, (at, image)) in (0..area.height).zip(model.retention.shown().enumerate().skip(first)) {
        let Some(image) = image else { continue };
        let (left, right) = row(model, image, at == position, paint, usize::from(area.width));
        paint.ends(area, line, &left, &right);
        if at == position {
            paint.cursor(area, line);
        }
    }
}

fn row(model: &Model, image: &ImageVerdict, selected: bool, paint: &Paint<'_>, columns: usize) -> (Row, Row) {
    let ((sign, tone), cut) = (sign(&image.verdict, paint), paint.glyphs.cut);
    let age = words::made(image.created_at, model.clock.world);
    let holds = if image.is_needless() { size(image.bytes()) } else { String::new() };
    let name = if columns < 60 { 14 } else { name_width(columns) };
    let left = vec![
        piece(format!("{}{sign} ", if selected { ">" } else { " " }), tone),
        piece(format!("{} {} {}  ", text::left(&image.named(), name, cut), text::right(&age, 4, cut), text::right(&holds, 8, cut)), Tone::Plain),
        piece(becomes(model, &image.verdict, columns), tone),
    ];
    let more = if let Verdict::Stays(why) = &image.verdict { why.len().saturating_sub(1) } else { 0 };
    (left, if more > 0 { paint::toned(format!("+{more}"), Tone::Dim) } else { Vec::new() })
}

const fn sign(verdict: &Verdict, paint: &Paint<'_>) -> (&'static str, Tone) {
    match verdict {
        Verdict::Remove => (paint.glyphs.bad, Tone::Bad),
        Verdict::Waits { .. } => (paint.glyphs.waits, Tone::Waits),
        Verdict::Mark => (paint.glyphs.later, Tone::Plain),
        Verdict::Stays(_) => (paint.glyphs.ok, Tone::Dim),
    }
}

fn becomes(model: &Model, verdict: &Verdict, columns: usize) -> String {
    match verdict {
        Verdict::Remove => "removed by the next qd gc --apply".to_owned(),
        Verdict::Waits { until, .. } if *until > model.clock.world => format!("marked; may go in {}", about(until.since(model.clock.world))),
        Verdict::Waits { .. } => "marked; may go now".to_owned(),
        Verdict::Mark => "marked by the next qd gc --apply".to_owned(),
        Verdict::Stays(why) => {
            let why = why.first().map_or("nobody can tell", String::as_str);
            if columns >= WIDE { format!("stays: {why}") } else { why.to_owned() }
        }
    }
}

/// Why it stays, or what goes with it.
fn about_image(image: &ImageVerdict, columns: usize) -> Vec<Row> {
    let wrapped = |text: &str, tone: Tone| -> Vec<Row> {
        text::wrap(&escape(text), columns.saturating_sub(2)).into_iter().map(|line| paint::toned(format!(" {line}"), tone)).collect()
    };
    let mut rows = vec![Vec::new(), paint::toned(format!(" {}  {}", image.named(), image.image), Tone::Strong)];
    match &image.verdict {
        Verdict::Stays(why) => rows.extend(wrapped(&format!("stays: {}", why.join("; ")), Tone::Plain)),
        _ if image.snapshots.is_empty() => rows.push(paint::plain(" nobody needs it; no snapshot goes with it")),
        _ => rows.push(paint::plain(" nobody needs it")),
    }
    for snapshot in &image.snapshots {
        let text = match &snapshot.stays {
            Some(why) => format!("{} stays: {why}", snapshot.id),
            None => format!("{} goes with it, {}", snapshot.id, size(snapshot.bytes)),
        };
        rows.extend(wrapped(&text, Tone::Dim));
    }
    rows
}

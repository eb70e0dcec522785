//! Where everything on the screen comes from: ages, what failed last, the call budget, and what this process stands on.
//!
//! ```text
//! ┏━ SOURCES ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃✓ fleets and images  now   every 10s                               ┃
//! ┃✗ web-prod           2m    every 2s   throttled                    ┃
//! ┃                                                                   ┃
//! ┃ BUDGET of AWS calls, shared by every qd of this store             ┃
//! ┃  elb           ████████████░░░░  31 of 40   3.0 a second          ┃
//! ┃                                                                   ┃
//! ┃ SETTINGS                                                          ┃
//! ┃✓ credentials  profile payments-prod                               ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::bars;
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::age::{about, stepped};
use crate::app::alarms;
use crate::app::model::{Model, Problem};
use crate::app::polling;
use crate::domain::alarms::ALARM_PERIOD;
use crate::domain::budget::rule;
use crate::domain::observation::AlarmState;
use crate::domain::text::escape;
use crate::domain::time::Millis;
use crate::operation::plan::CheckLevel;
use crate::ports::desk::{BudgetLevel, Finding};

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let inside = paint.boxed(area, "SOURCES AND SETTINGS", "", true);
    list(model, paint, inside);
}

/// The rows from the scroll position on.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let rows = rows(model, paint, usize::from(area.width));
    let first = model.scroll.min(rows.len().saturating_sub(usize::from(area.height)));
    paint.rows(area, rows.get(first..).unwrap_or_default());
}

/// Everything, one line after the other.
fn rows(model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut rows = reading_rows(model, paint, columns);
    rows.push(Vec::new());
    rows.extend(budget_rows(model, paint));
    rows.push(Vec::new());
    rows.push(paint::toned(" SETTINGS", Tone::Strong));
    rows.extend(finding_rows(model, paint, columns));
    rows.extend(look_rows(model));
    rows
}

fn reading_rows(model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let now = model.clock;
    let estate_age = model.estate.as_ref().map_or_else(|| "never".to_owned(), |estate| stepped(estate.age(now)));
    let from = if model.estate_remembered { "from the store, not read in this session" } else { "" };
    let mut rows =
        reading("fleets and images", &estate_age, Some(polling::estate_period(model)), from, model.estate_problem.as_ref(), paint, columns);
    if let Some(detail) = &model.detail {
        let name = detail.value.status.spec.name.to_string();
        rows.extend(reading(&name, &stepped(detail.age(now)), None, "while it is open", model.detail_problem.as_ref(), paint, columns));
    }
    let gaps = model.estate.as_ref().map(|estate| estate.value.gaps.as_slice()).unwrap_or_default();
    rows.extend(gaps.iter().flat_map(|gap| continued(&format!("{} not read: {gap}", paint.glyphs.unknown), Tone::Unknown, columns)));
    rows.extend(alarm_rows(model, paint, columns));
    let read = if model.operations_read { "at every change" } else { "not read yet" };
    rows.extend(reading("operations", "", None, &format!("{read}, {} in the list", model.operations.len()), None, paint, columns));
    let judged = model.operations.iter().filter(|view| !view.state().is_final()).any(|view| view.operation.plan.judged);
    let counts = if judged { "counted where an operation is judged" } else { "asked only while an operation is judged" };
    rows.extend(reading("requests", "", None, counts, None, paint, columns));
    rows
}

/// The watch over the alarms of all fleets, what a round of it costs, and each alarm that is not known to be green.
fn alarm_rows(model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let problem = model.alarms_problem.as_ref();
    let Some(read) = &model.alarms else { return reading("alarms", "never", Some(ALARM_PERIOD), "", problem, paint, columns) };
    let (calls, alarms, fleets) = (read.value.round.calls(), read.value.round.alarms.len(), read.value.fleets.len());
    if fleets == 0 {
        return reading("alarms", "", None, "no fleet names one: no call is made", problem, paint, columns);
    }
    let note = format!("{} for {} of {}", counted(calls, "call"), counted(alarms, "alarm"), counted(fleets, "fleet"));
    let mut rows = reading("alarms", &stepped(read.age(model.clock)), Some(ALARM_PERIOD), &note, problem, paint, columns);
    rows.extend(alarms::not_green(model).flat_map(|(fleet, name, sight)| {
        let (sign, word, tone) = match alarms::state_now(model, sight) {
            Some(AlarmState::Alarm) => ("!", AlarmState::Alarm.word(), Tone::Bad),
            Some(state) => (paint.glyphs.unknown, state.word(), Tone::Unknown),
            None => (paint.glyphs.unknown, "not known", Tone::Unknown),
        };
        let since = sight.and_then(|sight| sight.since).map_or_else(String::new, |since| format!(" since {}", since.clock()));
        continued(&format!("{sign} {fleet}: alarm {name} {word}{since}"), tone, columns)
    }));
    rows
}

fn counted(number: usize, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {what}{ending}")
}

/// One source, and what its last reading met.
fn reading(name: &str, age: &str, period: Option<Millis>, note: &str, problem: Option<&Problem>, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let (sign, tone) = if problem.is_some() { (paint.glyphs.bad, Tone::Bad) } else { (paint.glyphs.ok, Tone::Good) };
    let every = period.map(|period| format!("every {}", about(period))).unwrap_or_default();
    let mut rows = vec![vec![
        piece(format!(" {sign} "), tone),
        piece(format!("{} {age:<6} {every:<10} ", text::left(name, 18, paint.glyphs.cut)), Tone::Plain),
        piece(note, Tone::Dim),
    ]];
    if let Some(problem) = problem {
        rows.extend(continued(&problem.text, Tone::Bad, columns));
        rows.extend(continued(&problem.hint, Tone::Plain, columns));
    }
    rows
}

/// A text below its row, over as many lines as it takes.
fn continued(text: &str, tone: Tone, columns: usize) -> Vec<Row> {
    let lines = text::wrap(&escape(text), columns.saturating_sub(5).max(10));
    lines.into_iter().map(|line| paint::toned(format!("     {line}"), tone)).collect()
}

fn budget_rows(model: &Model, paint: &Paint<'_>) -> Vec<Row> {
    let budget = model.sources.as_ref().map(|sources| sources.value.budget.as_slice()).unwrap_or_default();
    let title = paint::toned(" BUDGET of calls, shared by every qd of this store; keeps some for drivers", Tone::Strong);
    if budget.is_empty() {
        let text = if model.sources.is_none() { "   not read yet" } else { "   no call was charged yet: a simulated cloud charges none" };
        return vec![title, paint::toned(text, Tone::Dim)];
    }
    std::iter::once(title).chain(budget.iter().map(|level| budget_row(level, paint))).collect()
}

fn budget_row(level: &BudgetLevel, paint: &Paint<'_>) -> Row {
    let rule = rule(level.key);
    let share = (level.left / rule.burst * 100.0).clamp(0.0, 100.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    let bar = bars::progress(share as u32, 16, paint.glyphs);
    // What screens leave to drivers and writes begins here.
    let tone = if level.left < rule.reserve { Tone::Waits } else { Tone::Plain };
    let figures = format!("{:>5.0} of {:<4.0} {:>4.1} a second", level.left, rule.burst, rule.refill_per_sec);
    let kept = if rule.reserve > 0.0 { format!("  keeps {:.0}", rule.reserve) } else { String::new() };
    vec![
        piece(format!("   {:<19}", level.key.word().replace('_', " ")), Tone::Plain),
        piece(format!("{bar} {figures}"), tone),
        piece(kept, Tone::Dim),
    ]
}

/// What this process stands on: what was found, what is missing and how to get it.
pub fn finding_rows(model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let Some(sources) = &model.sources else { return vec![paint::toned("   not read yet", Tone::Dim)] };
    sources.value.findings.iter().flat_map(|finding| finding_lines(finding, paint, columns)).collect()
}

fn finding_lines(finding: &Finding, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let (sign, tone) = match finding.level {
        CheckLevel::Ok => (paint.glyphs.ok, Tone::Good),
        CheckLevel::Warning => ("!", Tone::Waits),
        CheckLevel::Unknown => (paint.glyphs.unknown, Tone::Unknown),
    };
    let lines = text::wrap(&escape(&finding.text), columns.saturating_sub(18).max(10));
    let row = |(at, line): (usize, String)| {
        let lead = if at == 0 { format!(" {sign} {:<12} ", finding.subject) } else { " ".repeat(16) };
        vec![piece(lead, tone), piece(line, Tone::Plain)]
    };
    lines.into_iter().enumerate().map(row).collect()
}

/// How the screen itself is set.
fn look_rows(model: &Model) -> Vec<Row> {
    let look = model.look;
    let glyphs = if look.ascii { "ASCII" } else { "Unicode" };
    let mode = if model.header.read_only { "read-only: nothing can be changed from here" } else { "read and write" };
    vec![
        paint::plain(format!("   screen       {glyphs}, {}x{}", model.size.0, model.size.1)),
        paint::plain(format!("   mode         {mode}")),
        paint::plain(format!("   you          {}", model.header.user)),
    ]
}

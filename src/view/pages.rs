//! Pages about one fleet: how it is set up, and what was counted while its operation ran.
//!
//! ```text
//! ┏━ web-prod describe ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃ app       web, env prod, adopted                                      ┃
//! ┃ route     weighted, rule arn:aws:elasticloadbalancing:…               ┃
//! ┃ steps     5% 5m, 25% 10m, 100% 5m                                     ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::judge::{rate, verdict_tone};
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::{releases, strip, words};
use crate::app::age::about;
use crate::app::lines::verdict_word;
use crate::app::model::{Model, Page};
use crate::domain::fleet::{FleetSource, FleetSpec, Slot};
use crate::domain::ids::FleetName;
use crate::domain::text::{Untrusted, counted, escape};
use crate::domain::traffic::Counts;
use crate::operation::event::{Event, EventBody};
use crate::operation::ledger::KnownRelease;
use crate::operation::record::OperationView;
use crate::operation::status::{FleetStatus, GroupStatus};

/// Width of the column of names.
const NAMES: usize = 10;

/// Draws it.
pub fn draw(model: &Model, name: &FleetName, page: Page, paint: &mut Paint<'_>, area: Rect) {
    let inside = paint.boxed(area, &format!("{name} {}", page.word()), "", true);
    list(model, name, page, paint, inside);
}

/// The rows from the scroll position on.
pub fn list(model: &Model, name: &FleetName, page: Page, paint: &mut Paint<'_>, area: Rect) {
    let columns = usize::from(area.width);
    let rows = match page {
        Page::Describe => describe(model, name, columns),
        Page::Metrics => metrics(model, name, columns),
    };
    let first = model.scroll.min(rows.len().saturating_sub(usize::from(area.height)));
    paint.rows(area, rows.get(first..).unwrap_or_default());
}

/// A name and its text, over as many lines as it takes.
fn named(name: &str, value: &str, tone: Tone, columns: usize) -> Vec<Row> {
    let lines = text::wrap(&escape(value), columns.saturating_sub(NAMES + 1).max(10));
    let lead = |at: usize| format!(" {:<NAMES$}", if at == 0 { name } else { "" });
    lines.into_iter().enumerate().map(|(at, line)| vec![piece(lead(at), Tone::Dim), piece(line, tone)]).collect()
}

fn describe(model: &Model, name: &FleetName, columns: usize) -> Vec<Row> {
    let Some(status) = model.fleet_status(name) else { return vec![paint::toned(" not read yet", Tone::Unknown)] };
    let mut rows: Vec<Row> = settings(&status.spec).into_iter().flat_map(|(name, value)| named(name, &value, Tone::Plain, columns)).collect();
    rows.extend(status.spec.problems.iter().flat_map(|problem| named("odd", problem, Tone::Waits, columns)));
    rows.push(Vec::new());
    rows.extend(status.groups.iter().flat_map(|group| group_rows(status, group, columns)));
    rows.push(Vec::new());
    rows.extend(release_rows(model, status, columns));
    rows
}

fn settings(spec: &FleetSpec) -> Vec<(&'static str, String)> {
    let or_unknown = |value: &Option<Untrusted>| value.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown);
    let source = match spec.source {
        FleetSource::Adopted => "written down: it may be changed",
        FleetSource::Tagged => "found by its tags: read only until it is adopted",
        FleetSource::Inferred => "guessed from load balancer and groups: read only until it is adopted",
    };
    let place = spec.route.place().map(|place| format!(", {}", place.arn())).unwrap_or_default();
    let steps: Vec<String> = spec.steps.iter().map(|step| format!("{}% for {}", step.weight_pct, step.soak)).collect();
    let alarms: Vec<String> = spec.alarms.iter().map(ToString::to_string).collect();
    let gates: Vec<String> = spec.gates.iter().map(|gate| gate.join(" ")).collect();
    let or_none = |list: Vec<String>| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let mut all = vec![
        ("app", format!("{}, env {}", or_unknown(&spec.app), or_unknown(&spec.env))),
        ("known", source.to_owned()),
        ("route", format!("{}{place}", spec.route.word())),
        ("strategy", spec.strategy.word().to_owned()),
        ("steps", or_none(steps)),
        ("floor", format!("{}, idle size {}", counted(spec.floor, "healthy server"), spec.idle_size)),
        ("window", format!("{}: so long the old group stays as the way back", spec.window)),
        ("alarms", or_none(alarms)),
        ("gates", or_none(gates)),
        ("schedule", format!("scheduled actions: {}", spec.scheduled.word())),
    ];
    if let Some(max_age) = spec.max_age {
        all.push(("max age", max_age.to_string()));
    }
    all
}

fn group_rows(status: &FleetStatus, group: &GroupStatus, columns: usize) -> Vec<Row> {
    let letter = group.slot.map_or("group", Slot::letter);
    let sizes = group.sizes;
    let image = group.image.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    let text = format!(
        "{}: launches {} {image}, {}, {}{}/{} ok, min {} max {}",
        group.name,
        strip::version(group),
        strip::role(group),
        strip::share(group, &status.spec.route),
        words::number(group.healthy),
        sizes.desired,
        sizes.min,
        sizes.max
    );
    named(letter, &text, Tone::Plain, columns)
}

fn release_rows(model: &Model, status: &FleetStatus, columns: usize) -> Vec<Row> {
    if status.releases.is_empty() {
        return named("ledger", "empty: nothing was ever recorded as stable", Tone::Dim, columns);
    }
    let row = |(at, known): (usize, &KnownRelease)| {
        let (note, tone) = releases::words(known);
        let text = format!("{} {} ago  {note}", known.release.label(), about(model.clock.world.since(known.stable_at)));
        named(if at == 0 { "ledger" } else { "" }, &text, tone, columns)
    };
    status.releases.iter().enumerate().flat_map(row).collect()
}

/// Every verdict of the fleet's operation with its counts, the newest first; what was counted last above them.
fn metrics(model: &Model, name: &FleetName, columns: usize) -> Vec<Row> {
    let Some(view) = model.operation_of(name) else {
        return vec![paint::toned(" no operation is on record: requests are counted while one is judged", Tone::Dim)];
    };
    let mut rows = named("operation", &format!("{} {}", view.operation.id, view.operation.word()), Tone::Strong, columns);
    if !view.operation.plan.judged {
        rows.extend(named("judge", "off: nobody counts requests and errors, soaks are only timed", Tone::Dim, columns));
    }
    if let Some(detail) = model.detail_of(name) {
        for (slot, counts) in [("a now", &detail.value.counts.a), ("b now", &detail.value.counts.b)] {
            let text =
                counts.map_or_else(|| "?".to_owned(), |counts| format!("{} errors of {} requests, {}", counts.errors, counts.requests, rate(counts)));
            rows.extend(named(slot, &text, Tone::Plain, columns));
        }
    }
    if let Some(panel) = super::judge_panel::rows(view, model.look, columns) {
        rows.extend(panel);
        rows.extend(super::judge_panel::numbers(view));
    }
    rows.push(Vec::new());
    let verdicts = verdict_rows(view);
    if verdicts.is_empty() {
        rows.push(paint::toned(" no verdict yet: it counts from the first step with traffic", Tone::Dim));
        return rows;
    }
    rows.push(paint::toned(" TIME     VERDICT CANDIDATE               STABLE                  p         STEP", Tone::Dim));
    rows.extend(verdicts);
    rows
}

fn verdict_rows(view: &OperationView) -> Vec<Row> {
    let side = |counts: Counts| format!("{:>7} {:>14}  ", rate(counts), format!("{}/{}", counts.errors, counts.requests));
    let row = |event: &Event| {
        let EventBody::Judged { step, verdict, .. } = &event.body else { return None };
        Some(vec![
            piece(format!(" {} ", event.at.clock()), Tone::Dim),
            piece(format!("{:<8}", verdict_word(verdict.word)), verdict_tone(verdict.word)),
            piece(format!("{}{}", side(verdict.candidate), side(verdict.stable)), Tone::Plain),
            piece(format!("{:<9} {}", verdict.p_words(), step + 1), Tone::Plain),
        ])
    };
    view.events.iter().rev().filter_map(row).collect()
}

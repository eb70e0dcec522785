//! One fleet with its operation: the plan's steps, the servers, the judge, why it waits and what happens next.
//!
//! ```text
//! ┌─ PLAN canary 5/9 ────────────┐┌─ SERVERS ─────────────────── now ─┐
//! │✓ 3 one box             2:10  ││a 2.13.2   live      12/12  75%    │
//! │‖ 4 weight 25%  judge FAIL    ││  ●●●●●●●●●●●●                     │
//! │· 5 weight 50%         ~15m   ││b 2.14.0   candidate  3/4   25%    │
//! └──────────────────────────────┘└───────────────────────────────────┘
//!  judge, three lines
//!  why it is in its state
//!  what happens next, and which key changes that
//! ┌─ EVENTS ──────────────────────────────────────────────────────────┐
//! └───────────────────────────────────────────────────────────────────┘
//! ```

use ratatui::layout::Rect;

use super::main_view::split;
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::{dots, judge, judge_panel, releases, strip, words};
use crate::app::age::{about, countdown, stepped};
use crate::app::commands::CommandId;
use crate::app::lines::{event_line, verdict_word};
use crate::app::model::Model;
use crate::app::needs;
use crate::app::rows;
use crate::domain::fleet::Slot;
use crate::domain::group::Instance;
use crate::domain::ids::{FleetName, InstanceId};
use crate::domain::observation::AlarmState;
use crate::domain::text::{Untrusted, escape, there_are};
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::TargetState;
use crate::operation::event::{OperationState, StepOutcome};
use crate::operation::ledger::KnownRelease;
use crate::operation::plan::{OperationKind, StepKind};
use crate::operation::progress::StepStatus;
use crate::operation::proof::Rehearsal;
use crate::operation::record::OperationView;
use crate::operation::status::{FleetStatus, GroupStatus};

/// Draws it.
pub fn draw(model: &Model, name: &FleetName, paint: &mut Paint<'_>, area: Rect) {
    if model.wide {
        return by_name(model, name, paint, area);
    }
    let operation = model.operation_of(name);
    let servers = server_rows(model, name, paint, usize::from(area.width.saturating_sub(44)));
    let steps = operation.map(|view| step_rows(model, view, paint)).unwrap_or_default();
    let mut below = operation.map(|view| below_rows(model, view, usize::from(area.width))).unwrap_or_default();
    below.extend(alarm_rows(model, name));
    below.extend(freeze_rows(model, name, usize::from(area.width)));
    let below_height = u16::try_from(below.len()).unwrap_or(0);
    let wanted = u16::try_from(steps.len().max(servers.len())).unwrap_or(u16::MAX).saturating_add(2);
    let top_height = wanted.clamp(7, area.height.saturating_sub(below_height).max(7));
    let (left, right) = split(paint::lines(area, 0, top_height), 40.min(area.width / 2));
    draw_steps(model, name, &steps, paint, left);
    let inside = paint.boxed(right, "SERVERS", &servers_age(model, name), false);
    paint.rows(inside, &servers);
    paint.rows(paint::lines(area, top_height, below_height), &below);
    let rest = paint::lines(area, top_height + below_height, area.height);
    match operation {
        Some(view) => events(view, model.scroll, paint, rest),
        None => ledger(model, name, paint, rest),
    }
}

/// Every server by its name, over the whole width.
fn by_name(model: &Model, name: &FleetName, paint: &mut Paint<'_>, area: Rect) {
    let inside = paint.boxed(area, &format!("{name}  SERVERS by name"), &servers_age(model, name), true);
    let Some(status) = model.fleet_status(name) else { return paint.row(inside, 0, &paint::toned("not read yet", Tone::Unknown)) };
    let empty = std::collections::BTreeMap::new();
    let targets = model.detail_of(name).map_or(&empty, |detail| &detail.value.target_states);
    let rows: Vec<Row> = status.groups.iter().flat_map(|group| named_rows(model, status, group, targets, paint)).collect();
    let first = model.scroll.min(rows.len().saturating_sub(usize::from(inside.height)));
    paint.rows(inside, rows.get(first..).unwrap_or_default());
}

fn named_rows(
    model: &Model,
    status: &FleetStatus,
    group: &GroupStatus,
    targets: &std::collections::BTreeMap<InstanceId, TargetState>,
    paint: &Paint<'_>,
) -> Vec<Row> {
    let row = |instance: &Instance| {
        let dot = dots::state(instance, targets.get(&instance.id).copied());
        let zone = instance.zone.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown);
        let version = instance.template_version.map_or_else(|| "?".to_owned(), |version| version.to_string());
        let image = instance.image.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        let age = instance.launched_at.map_or_else(String::new, |at| format!("  up {}", about(words::fact_age(model, at))));
        vec![
            piece(format!("  {} ", dots::glyph(dot, paint.glyphs)), dots::tone(dot)),
            piece(format!("{} ", text::left(&instance.id.to_string(), 20, paint.glyphs.cut)), Tone::Plain),
            piece(format!("{:<11} ", dots::word(dot)), dots::tone(dot)),
            piece(format!("{} version {version}  {image}{age}", text::left(&zone, 12, paint.glyphs.cut)), Tone::Dim),
        ]
    };
    std::iter::once(paint::toned(group_head(status, group), Tone::Strong)).chain(group.instances.iter().map(row)).collect()
}

fn servers_age(model: &Model, name: &FleetName) -> String {
    let age = match (model.detail_of(name), model.fleet_status(name).and_then(|status| status.as_of)) {
        (Some(detail), _) => stepped(detail.age(model.clock)),
        (None, Some(as_of)) => stepped(words::fact_age(model, as_of)),
        (None, None) => "?".to_owned(),
    };
    if model.detail_problem.is_some() { format!("{age}, last reading failed") } else { age }
}

fn draw_steps(model: &Model, name: &FleetName, steps: &[Row], paint: &mut Paint<'_>, area: Rect) {
    let Some(view) = model.operation_of(name) else {
        let inside = paint.boxed(area, &format!("{name}  no operation"), "", false);
        let (deploy, roll_back) = (model.keymap.first(CommandId::Deploy), model.keymap.first(CommandId::Rollback));
        let text =
            if model.operations_read { format!(" {deploy} deploys, {roll_back} rolls back") } else { " operations are not read yet".to_owned() };
        return paint.row(inside, 0, &paint::toned(text, Tone::Dim));
    };
    let brief = view.brief();
    let (sign, _) = words::operation_sign(brief.kind, brief.state, paint.glyphs);
    let doing = if brief.state.is_final() { format!("{} {}", brief.word, needs::state_word(brief.state)) } else { words::operation_words(&brief) };
    let title = format!("{name}  {sign} {doing}");
    let note = words::left(brief.deadline, model.clock.world).unwrap_or_default();
    let inside = paint.boxed(area, &title, &note, true);
    let first = paint::first_shown(view.progress.current, steps.len(), usize::from(inside.height));
    paint.rows(inside, steps.get(first..).unwrap_or_default());
    if usize::from(inside.height) > steps.len() {
        paint.row(inside, inside.height - 1, &paint::toned(pace(view, model.clock.world), Tone::Dim));
    }
}

/// How long it took, or takes so far and still will; what nobody expects a time of is not guessed.
fn pace(view: &OperationView, now: WorldTime) -> String {
    let (began, progress) = (view.operation.created_at, &view.progress);
    if view.state().is_final() {
        return format!("took {}", countdown(progress.since.since(began)));
    }
    let elapsed = format!("elapsed {}", countdown(now.since(began)));
    let steps = view.operation.plan.steps.iter().skip(progress.current);
    let expected: Option<u64> = steps.map(|step| step.expected.map(|span| span.0)).sum();
    let at_it = progress.steps.get(progress.current).and_then(|status| status.started_at).map_or(Millis::ZERO, |at| now.since(at));
    let left = expected.filter(|_| view.state() == OperationState::Running).map(|all| Millis(all.saturating_sub(at_it.0)));
    left.map_or_else(|| elapsed.clone(), |left| format!("{elapsed}  eta ~{}", about(left)))
}

/// The plan's steps; notes of a step stand under it.
fn step_rows(model: &Model, view: &OperationView, paint: &Paint<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (index, (step, status)) in view.operation.plan.steps.iter().zip(&view.progress.steps).enumerate() {
        let (sign, tone) = step_sign(view, index, status, paint);
        let time = step_time(model, view, index, status, step.expected);
        let verdict = status.verdict.as_ref().map(|verdict| format!(" {}", verdict_word(verdict.word))).unwrap_or_default();
        let name = text::left(&format!("{sign} {} {}{verdict}", index + 1, step.title), 26, paint.glyphs.cut);
        rows.push(vec![piece(name, tone), piece(text::right(&time, 12, paint.glyphs.cut), Tone::Plain)]);
        if matches!(status.outcome, Some(StepOutcome::Warning | StepOutcome::Failed | StepOutcome::Skipped)) && !status.note.is_empty() {
            rows.push(paint::toned(format!("    {}", status.note), Tone::Waits));
        }
    }
    rows
}

fn step_sign(view: &OperationView, index: usize, status: &StepStatus, paint: &Paint<'_>) -> words::Sign {
    let glyphs = paint.glyphs;
    match status.outcome {
        Some(StepOutcome::Success) => (glyphs.ok, Tone::Good),
        Some(StepOutcome::Warning) => (glyphs.ok, Tone::Waits),
        Some(StepOutcome::Skipped) => (glyphs.later, Tone::Dim),
        Some(StepOutcome::Failed) => (glyphs.bad, Tone::Bad),
        None if index == view.progress.current && status.started_at.is_some() => {
            words::operation_sign(view.operation.plan.kind, view.state(), glyphs)
        }
        None => (glyphs.later, Tone::Dim),
    }
}

/// What a step took, how far it is, or how long it is expected to take. Steps of an ended operation that never began are not expected any more.
fn step_time(model: &Model, view: &OperationView, index: usize, status: &StepStatus, expected: Option<Millis>) -> String {
    let over = view.state().is_final() || view.state() == OperationState::BackingOut;
    match (status.started_at, status.ended_at) {
        (Some(started), Some(ended)) => countdown(ended.since(started)),
        (Some(started), None) if index == view.progress.current && !over => running_time(view, started, model.clock.world, expected),
        (Some(_), None) => "stopped".to_owned(),
        (None, _) if over => "not run".to_owned(),
        (None, _) => expected.map_or_else(String::new, |span| format!("~{}", about(span))),
    }
}

/// A soak counts observed time, everything else the time since it began.
fn running_time(view: &OperationView, started: WorldTime, now: WorldTime, expected: Option<Millis>) -> String {
    let kind = view.operation.plan.steps.get(view.progress.current).map(|step| step.kind);
    match kind {
        Some(StepKind::Weight(weight)) if view.progress.soak_counts.is_some() || view.progress.observed > Millis::ZERO => {
            format!("{}/{}", countdown(view.progress.observed), countdown(weight.soak))
        }
        _ => {
            let expected = expected.map(|span| format!("/~{}", about(span))).unwrap_or_default();
            format!("{}{expected}", countdown(now.since(started)))
        }
    }
}

/// Judge, why and next.
fn below_rows(model: &Model, view: &OperationView, columns: usize) -> Vec<Row> {
    let mut rows = judge_panel::rows(view, model.look, columns).unwrap_or_else(|| judge::summary(view));
    if let Some(at) = view.progress.traffic_on_target_at.filter(|_| view.operation.plan.kind == OperationKind::Rollback) {
        let (after, target) = (at.since(view.operation.created_at), view.operation.plan.to.label());
        rows.push(paint::toned(format!(" BAD TRAFFIC STOPPED at {}, {after} after it began: all of it is on {target}", at.clock()), Tone::Good));
    }
    let outlook = needs::outlook(view, model.clock.world, &model.keymap);
    let tone =
        if matches!(view.state(), OperationState::Holding | OperationState::Paused | OperationState::Failed) { Tone::Waits } else { Tone::Strong };
    rows.extend(text::wrap(&outlook.why, columns.saturating_sub(2)).into_iter().take(2).map(|line| paint::toned(format!(" {line}"), tone)));
    rows.extend(text::wrap(&outlook.next, columns.saturating_sub(2)).into_iter().take(2).map(|line| paint::plain(format!(" {line}"))));
    rows.extend(judge_panel::culprit(model, view));
    if view.driver_alive && !view.state().is_final() {
        rows.push(paint::toned(format!(" Safe to close this screen: {} drives it", driver(view)), Tone::Dim));
    }
    rows
}

/// Alarms that are not green: no deploy begins under them.
fn alarm_rows(model: &Model, name: &FleetName) -> Vec<Row> {
    let alarms = model.detail_of(name).map_or(&[][..], |detail| &detail.value.alarms);
    let bad: Vec<String> =
        alarms.iter().filter(|alarm| alarm.state != AlarmState::Ok).map(|alarm| format!("{} {}", alarm.name, alarm.state.word())).collect();
    if bad.is_empty() { Vec::new() } else { vec![paint::toned(format!(" ! alarm {}", bad.join(", ")), Tone::Bad)] }
}

/// Why nothing new goes forward, and what lifts that.
fn freeze_rows(model: &Model, name: &FleetName, columns: usize) -> Vec<Row> {
    let Some(freeze) = model.fleet_status(name).and_then(|status| words::frozen(model, status)) else { return Vec::new() };
    let roll_back = model.keymap.first(CommandId::Rollback);
    let text = format!("No new deploy (`{}` lifts that; {roll_back} goes on): {}", freeze.lifted_by(), freeze.described());
    text::wrap(&text, columns.saturating_sub(2)).into_iter().take(3).map(|line| paint::toned(format!(" {line}"), Tone::Waits)).collect()
}

fn driver(view: &OperationView) -> String {
    let holder = view.lease.as_ref().and_then(|lease| lease.holder.as_ref());
    holder.map_or_else(|| "its driver".to_owned(), |holder| format!("process {} on {}", holder.pid, holder.host.shown()))
}

/// Where the fleet could go back to: what stands in an idle fleet's place of events.
fn ledger(model: &Model, name: &FleetName, paint: &mut Paint<'_>, area: Rect) {
    let Some(status) = model.fleet_status(name) else { return };
    let inside = paint.boxed(area, "RELEASES that were stable, the newest first", &status.releases.len().to_string(), false);
    if status.releases.is_empty() {
        return paint.row(inside, 0, &paint::toned(" its ledger is empty: nothing was ever recorded as stable", Tone::Dim));
    }
    let rows: Vec<Row> = status.releases.iter().map(|known| ledger_row(model, known, paint)).collect();
    let first = model.scroll.min(rows.len().saturating_sub(usize::from(inside.height)));
    paint.rows(inside, rows.get(first..).unwrap_or_default());
}

fn ledger_row(model: &Model, known: &KnownRelease, paint: &Paint<'_>) -> Row {
    let (text, tone) = releases::words(known);
    let label = text::left(&known.release.label(), 14, paint.glyphs.cut);
    let ago = text::right(&stepped(model.clock.world.since(known.stable_at)), 4, "");
    vec![piece(format!(" {label} "), Tone::Strong), piece(format!("{ago} ago  "), Tone::Dim), piece(text, tone)]
}

fn events(view: &OperationView, scroll: usize, paint: &mut Paint<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let newest: Vec<Row> = rows::newest_first(&view.events)
        .into_iter()
        .filter_map(|(_, event)| event_line(&view.operation.plan, event))
        .map(|line| paint::plain(format!(" {line}")))
        .collect();
    if area.height < 5 {
        return paint.rows(area, newest.get(scroll.min(newest.len())..).unwrap_or_default());
    }
    let calls = view.progress.calls;
    let word = if calls.accepted == 1 { "call" } else { "calls" };
    let note = format!("{} {word} ok, {} refused, {} unknown", calls.accepted, calls.refused, calls.unknown);
    let inside = paint.boxed(area, "EVENTS newest first", &note, false);
    let first = scroll.min(newest.len().saturating_sub(usize::from(inside.height)));
    paint.rows(inside, newest.get(first..).unwrap_or_default());
}

/// Groups with their servers, bad ones by name, and what could not be read.
pub fn server_rows(model: &Model, name: &FleetName, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let Some(status) = model.fleet_status(name) else { return vec![paint::toned("not read yet", Tone::Unknown)] };
    let mut rows: Vec<Row> = Vec::new();
    for group in &status.groups {
        rows.extend(group_rows(model, status, group, paint, columns));
    }
    rows.extend(refresh_rows(model, name, columns));
    rows.extend(age_rows(model, status, columns));
    rows.push(way_back_row(model, status, paint));
    for blocker in &status.way_back.blockers {
        let lines = text::wrap(&escape(blocker), columns.saturating_sub(2));
        rows.extend(lines.into_iter().map(|line| paint::toned(format!("  {line}"), Tone::Waits)));
    }
    for newer in &status.way_back.passed_over {
        let lines = text::wrap(&crate::domain::text::escape(&format!("passed over: {newer}")), columns.saturating_sub(2));
        rows.extend(lines.into_iter().map(|line| paint::toned(format!("  {line}"), Tone::Waits)));
    }
    if let Some(rehearsal) = &status.way_back.rehearsal {
        rows.extend(rehearsal_rows(model, rehearsal, columns));
    }
    rows.extend(drift_rows(model, status, paint, columns));
    let unknowns = model.detail_of(name).map(|detail| detail.value.unknowns.as_slice()).unwrap_or_default();
    rows.extend(unknowns.iter().map(|unknown| paint::toned(format!("{} {unknown}", paint.glyphs.unknown), Tone::Unknown)));
    if let Some(problem) = &model.detail_problem {
        rows.push(paint::toned(format!("{} {}", paint.glyphs.bad, problem.text), Tone::Bad));
    }
    rows
}

/// What AWS's own engine does: it goes on whether or not anybody watches.
fn refresh_rows(model: &Model, name: &FleetName, columns: usize) -> Vec<Row> {
    let Some(refresh) = model.detail_of(name).and_then(|detail| detail.value.refresh.as_ref()).filter(|refresh| refresh.status.is_running()) else {
        return Vec::new();
    };
    let text = format!("refresh {}. AWS drives it; it goes on without us", refresh.words());
    text::wrap(&text, columns).into_iter().map(|line| paint::toned(line, Tone::Working)).collect()
}

/// Servers older than the fleet allows.
fn age_rows(model: &Model, status: &FleetStatus, columns: usize) -> Vec<Row> {
    let (Some(max_age), Some(age)) = (status.spec.max_age, status.past_age.filter(|age| age.past > 0)) else { return Vec::new() };
    let text = format!("{} older than {max_age}: {} recycles", there_are(age.past, "server"), model.keymap.first(CommandId::Recycle));
    text::wrap(&text, columns).into_iter().map(|line| paint::toned(line, Tone::Waits)).collect()
}

fn way_back_row(model: &Model, status: &FleetStatus, paint: &Paint<'_>) -> Row {
    let (back, tone) = words::way_back(&status.way_back, paint.glyphs);
    let target = status.way_back.target.as_ref().map(|release| format!("{} ", release.label())).unwrap_or_default();
    vec![piece("way back ", Tone::Dim), piece(format!("{target}{back}"), tone), piece(words::proof(model, &status.way_back, paint.glyphs), Tone::Dim)]
}

/// When the way back was tried out last, and what stood in it then.
fn rehearsal_rows(model: &Model, rehearsal: &Rehearsal, columns: usize) -> Vec<Row> {
    let ago = about(words::fact_age(model, rehearsal.at));
    let (text, tone) = if rehearsal.is_proved() {
        (format!("rehearsed {ago} ago in {}: proved", rehearsal.took_words()), Tone::Good)
    } else {
        let obstacles = escape(&rehearsal.obstacles.join("; "));
        (format!("rehearsed {ago} ago: not proved: {obstacles}"), Tone::Bad)
    };
    text::wrap(&text, columns.saturating_sub(2)).into_iter().map(|line| paint::toned(format!("  {line}"), tone)).collect()
}

/// What another hand changed, and what to do about it.
fn drift_rows(model: &Model, status: &FleetStatus, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for drift in &status.drift {
        let since = drift.since.map_or_else(String::new, |since| format!(", for {}", about(words::fact_age(model, since))));
        let sentence = format!("{} {}{since}", paint.glyphs.mixed, escape(&drift.sentence()));
        rows.extend(text::wrap(&sentence, columns).into_iter().map(|line| paint::toned(line, Tone::Waits)));
        rows.extend(text::wrap(&escape(&drift.remedy), columns.saturating_sub(2)).into_iter().map(|line| paint::plain(format!("  {line}"))));
    }
    rows
}

fn group_head(status: &FleetStatus, group: &GroupStatus) -> String {
    let letter = group.slot.map_or("", Slot::letter);
    format!(
        "{letter} {}  {}  {}/{} ok  {}",
        strip::version(group),
        strip::role(group),
        words::number(group.healthy),
        group.sizes.desired,
        strip::share(group, &status.spec.route)
    )
}

fn group_rows(model: &Model, status: &FleetStatus, group: &GroupStatus, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let empty = std::collections::BTreeMap::new();
    let targets = model.detail.as_ref().map_or(&empty, |detail| &detail.value.target_states);
    let mut rows = vec![paint::toned(group_head(status, group), Tone::Strong)];
    let states = dots::states(&group.instances, targets);
    if states.is_empty() {
        rows.push(paint::toned("  no servers", Tone::Dim));
    } else {
        let mut line = paint::plain("  ");
        line.extend(dots::row(&states, columns.max(8), paint.glyphs));
        rows.push(line);
    }
    let bad = group.instances.iter().filter(|instance| dots::state(instance, targets.get(&instance.id).copied()) == dots::Dot::Bad);
    rows.extend(bad.take(2).map(|instance| {
        let zone = instance.zone.as_ref().map(|zone| format!(" {}", zone.shown())).unwrap_or_default();
        paint::toned(format!("  {} {}{zone} fails its checks", paint.glyphs.bad_server, instance.id), Tone::Bad)
    }));
    rows
}

//! The selected fleet in a few lines, and what goes on elsewhere.
//!
//! ```text
//!  web-prod  weighted  canary          desired 12 min 8 max 24   way back 2.13.2 R0 5s
//!    a 2.13.2 ●●●●●●●●●●●● 12  75%   live
//!    b 2.14.0 ●●●✗ 4  25%            candidate
//!  ──────────────────────────────────────────────────────────────────────────────
//!  OPS  web-prod canary 5/8 25%
//!  03:12:07 web-prod  step 5/8 weight 25%: judge FAIL, p 0.000012
//! ```

use std::collections::BTreeMap;

use super::bake;
use super::dots;
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::words;
use crate::app::age::about;
use crate::app::baking;
use crate::app::lines;
use crate::app::model::{Model, is_at_work};
use crate::app::rows;
use crate::domain::fleet::{Route, Slot};
use crate::domain::ids::InstanceId;
use crate::domain::sizes::Role;
use crate::domain::text::Untrusted;
use crate::domain::traffic::TargetState;
use crate::operation::record::OperationView;
use crate::operation::status::{FleetState, FleetStatus, GroupStatus, ImageStatus};

/// Lines about the selected fleet.
pub fn fleet(model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let Some(status) = model.fleet.as_ref().and_then(|name| model.fleet_status(name)) else {
        return vec![paint::toned(" no fleet is selected", Tone::Dim)];
    };
    let mut rows = vec![title(model, status, paint)];
    if let FleetState::Unknown { why } = &status.state {
        rows.push(paint::toned(format!("   unknown: {why}"), Tone::Unknown));
    }
    rows.extend(status.groups.iter().map(|group| group_row(group, &status.spec.route, &BTreeMap::new(), paint, columns)));
    rows
}

fn title(model: &Model, status: &FleetStatus, paint: &Paint<'_>) -> Row {
    let (back, tone) = words::way_back(&status.way_back, paint.glyphs);
    let target = status.way_back.target.as_ref().map(|release| format!("{} ", release.label())).unwrap_or_default();
    let proof = words::proof(model, &status.way_back, paint.glyphs);
    let mut row = vec![
        piece(format!(" {}", status.spec.name), Tone::Strong),
        piece(format!("  {} {}  way back ", status.spec.route.word(), status.spec.strategy.word()), Tone::Dim),
        piece(format!("{target}{back}"), tone),
        piece(proof, Tone::Dim),
    ];
    let against: Vec<&str> = status.way_back.blockers.iter().chain(&status.way_back.passed_over).map(String::as_str).collect();
    if !against.is_empty() {
        row.push(piece(format!(": {}", against.join("; ")), Tone::Waits));
    }
    row
}

/// A group with its servers as dots.
pub fn group_row(group: &GroupStatus, route: &Route, targets: &BTreeMap<InstanceId, TargetState>, paint: &Paint<'_>, columns: usize) -> Row {
    let states = dots::states(&group.instances, targets);
    let lead = format!("   {} {} ", group.slot.map_or(" ", Slot::letter), text::left(&version(group), 8, paint.glyphs.cut));
    let sizes = group.sizes;
    let tail =
        format!(" {}/{}  {}{} min {} max {}", words::number(group.healthy), sizes.desired, share(group, route), role(group), sizes.min, sizes.max);
    let room = columns.saturating_sub(text::width(&lead) + text::width(&tail) + 1).clamp(6, 40);
    let mut row = vec![piece(lead, Tone::Plain)];
    row.extend(dots::row(&states, room, paint.glyphs));
    row.push(piece(tail, Tone::Plain));
    row
}

/// The version a group launches, its image's id, or `?`.
pub fn version(group: &GroupStatus) -> String {
    let id = || group.image.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    group.version.as_ref().map_or_else(id, Untrusted::shown)
}

/// Its share of the traffic, against what is asked for it where servers have to make it; `?` where there should be one and it is not known.
pub fn share(group: &GroupStatus, route: &Route) -> String {
    match (group.share_pct, matches!(route, Route::Weighted { .. })) {
        (Some(share), _) => match group.asked_pct.filter(|asked| *asked != share) {
            Some(asked) => format!("{share}% of {asked}% "),
            None => format!("{share}% "),
        },
        (None, true) => "?% ".to_owned(),
        (None, false) => String::new(),
    }
}

/// What a group is at the moment.
pub const fn role(group: &GroupStatus) -> &'static str {
    match group.role {
        Some(Role::Live) => "live",
        Some(Role::Candidate) => "candidate",
        Some(Role::Standby) => "standby",
        Some(Role::Idle) => "idle",
        None => "role ?",
    }
}

/// Operations at work and bakes, in one line.
pub fn operations(model: &Model, paint: &Paint<'_>) -> Row {
    let mut parts: Vec<(String, Tone)> =
        model.operations.iter().filter(|view| is_at_work(view.state())).map(|view| operation_part(view, paint)).collect();
    parts.extend(model.baking.unfinished().map(|view| {
        let (sign, tone) = bake::sign(view, paint.glyphs);
        (format!("{sign} bake {} {}", baking::name(view), bake::far(model, view)), tone)
    }));
    parts.extend(model.images().iter().filter_map(bake_part));
    let mut row = paint::toned(" OPS  ", Tone::Dim);
    if parts.is_empty() {
        row.push(piece(if model.operations_read { "nothing is at work" } else { "not read yet" }, Tone::Dim));
    }
    for (position, (text, tone)) in parts.into_iter().enumerate() {
        if position > 0 {
            row.push(piece(format!(" {} ", paint.glyphs.pipe), Tone::Dim));
        }
        row.push(piece(text, tone));
    }
    row
}

fn operation_part(view: &OperationView, paint: &Paint<'_>) -> (String, Tone) {
    let brief = view.brief();
    let fleet = &view.operation.plan.fleet;
    if words::is_driverless(&brief) {
        return (format!("{} {fleet} {}, no driver", paint.glyphs.waits, words::operation_words(&brief)), Tone::Waits);
    }
    let (sign, tone) = words::operation_sign(brief.kind, brief.state, paint.glyphs);
    (format!("{sign} {fleet} {}", words::operation_words(&brief)), tone)
}

fn bake_part(status: &ImageStatus) -> Option<(String, Tone)> {
    let bake = status.image.bake.as_ref()?;
    let eta = bake.eta.map(|eta| format!(" eta {}", about(eta))).unwrap_or_default();
    let app = status.image.app.as_ref().map(|app| format!("{} ", app.shown())).unwrap_or_default();
    Some((format!("bake {app}{} {}%{eta}", status.image.label(), bake.percent), Tone::Working))
}

/// The newest event of all operations.
pub fn last_event(model: &Model) -> Row {
    let newest = rows::newest_event(model)
        .and_then(|(view, event)| Some(format!(" {} {}  {}", event.at.clock(), view.about(), lines::told_text(view, event)?)));
    paint::toned(newest.unwrap_or_else(|| " no events yet".to_owned()), Tone::Plain)
}

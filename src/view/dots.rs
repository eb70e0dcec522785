//! Servers as dots.

use std::collections::BTreeMap;

use super::glyphs::Glyphs;
use super::paint::{Piece, Row, piece};
use super::theme::Tone;
use crate::domain::group::{Health, Instance, Lifecycle};
use crate::domain::ids::InstanceId;
use crate::domain::traffic::TargetState;

/// What a dot says of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dot {
    /// It fails its checks.
    Bad,
    /// It starts.
    Starting,
    /// It drains or ends.
    Draining,
    /// Nobody could tell.
    Unknown,
    /// It serves.
    InService,
}

/// What is known of a server: Auto Scaling's word, and the load balancer's where it was asked.
pub fn state(instance: &Instance, target: Option<TargetState>) -> Dot {
    match (instance.lifecycle, instance.health, target) {
        (Lifecycle::Terminating, ..) | (_, _, Some(TargetState::Draining)) => Dot::Draining,
        (_, Health::Unhealthy, _) | (_, _, Some(TargetState::Unhealthy)) => Dot::Bad,
        (Lifecycle::Pending, ..) | (_, _, Some(TargetState::Initial)) => Dot::Starting,
        (Lifecycle::Unknown | Lifecycle::Standby, ..) | (_, Health::Unknown, _) | (_, _, Some(TargetState::Unknown)) => Dot::Unknown,
        (Lifecycle::InService, Health::Healthy, None | Some(TargetState::Healthy | TargetState::Unused)) => Dot::InService,
    }
}

/// The dot itself.
pub const fn glyph(dot: Dot, glyphs: &Glyphs) -> &'static str {
    match dot {
        Dot::Bad => glyphs.bad_server,
        Dot::Starting => glyphs.starting,
        Dot::Draining => glyphs.draining,
        Dot::Unknown => glyphs.unknown,
        Dot::InService => glyphs.in_service,
    }
}

/// The state in a word.
pub const fn word(dot: Dot) -> &'static str {
    match dot {
        Dot::Bad => "bad",
        Dot::Starting => "starting",
        Dot::Draining => "draining",
        Dot::Unknown => "unknown",
        Dot::InService => "in service",
    }
}

/// Its tone.
pub const fn tone(dot: Dot) -> Tone {
    match dot {
        Dot::Bad => Tone::Bad,
        Dot::Starting => Tone::Working,
        Dot::Draining => Tone::Dim,
        Dot::Unknown => Tone::Unknown,
        Dot::InService => Tone::Good,
    }
}

/// The dots of a group's servers, bad ones first so that they are seen where not all have room.
pub fn states(instances: &[Instance], targets: &BTreeMap<InstanceId, TargetState>) -> Vec<Dot> {
    let mut dots: Vec<Dot> = instances.iter().map(|instance| state(instance, targets.get(&instance.id).copied())).collect();
    dots.sort();
    dots
}

/// As many dots as fit into `columns`, and how many more there are.
pub fn row(dots: &[Dot], columns: usize, glyphs: &Glyphs) -> Row {
    let room = if dots.len() > columns { columns.saturating_sub(4) } else { columns };
    let mut row: Row = Vec::new();
    for dot in dots.iter().take(room) {
        push(&mut row, *dot, glyphs);
    }
    if dots.len() > room {
        row.push(piece(format!("+{}", dots.len() - room), Tone::Dim));
    }
    row
}

fn push(row: &mut Row, dot: Dot, glyphs: &Glyphs) {
    match row.last_mut() {
        Some(Piece { text, tone: last }) if *last == tone(dot) => text.push_str(glyph(dot, glyphs)),
        _ => row.push(piece(glyph(dot, glyphs), tone(dot))),
    }
}

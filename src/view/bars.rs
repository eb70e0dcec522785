//! Bars of glyphs: the image mix, progress.

use super::glyphs::Glyphs;
use crate::operation::status::{FleetStatus, MixLabel};

/// The image mix in `columns`: what the fleet moves to first, then the largest parts. Unknown is drawn as `?`, never as empty; nothing as `-`.
pub fn mix(fleet: &FleetStatus, columns: usize, glyphs: &Glyphs) -> String {
    let parts = ordered(fleet);
    let total: u32 = parts.iter().map(|part| part.servers).sum();
    if total == 0 && fleet.desired == Some(0) {
        return format!("{:<columns$}", "-");
    }
    if total == 0 {
        return glyphs.unknown.repeat(columns);
    }
    let (first, second) = (servers(parts.first()), servers(parts.get(1)));
    let one = cells(first, total, columns, second > 0);
    let two = if parts.len() > 2 { cells(second, total, columns.saturating_sub(one), true) } else { columns.saturating_sub(one) };
    let rest = columns.saturating_sub(one + two);
    format!("{}{}{}", glyphs.bar_first.repeat(one), glyphs.bar_second.repeat(two), glyphs.bar_rest.repeat(rest))
}

fn servers(part: Option<&&MixLabel>) -> u32 {
    part.map_or(0, |part| part.servers)
}

/// The parts of the mix, the operation's target first.
pub fn ordered(fleet: &FleetStatus) -> Vec<&MixLabel> {
    let mut parts: Vec<&MixLabel> = fleet.mix.iter().collect();
    if let Some(operation) = &fleet.operation {
        parts.sort_by_key(|part| part.label != operation.to);
    }
    parts
}

/// Cells for `part` of `total`: at least one if there is any of it, and one left if there is `more`.
fn cells(part: u32, total: u32, columns: usize, more: bool) -> usize {
    let exact = u64::from(part) * u64::try_from(columns).unwrap_or(0);
    let rounded = usize::try_from((exact + u64::from(total) / 2) / u64::from(total.max(1))).unwrap_or(0);
    let most = if more { columns.saturating_sub(1) } else { columns };
    rounded.max(usize::from(part > 0)).min(most)
}

/// A progress bar of `columns` with `percent` of it full.
pub fn progress(percent: u32, columns: usize, glyphs: &Glyphs) -> String {
    let full = usize::try_from(percent.min(100)).unwrap_or(0) * columns / 100;
    format!("{}{}", glyphs.bar_first.repeat(full), glyphs.bar_second.repeat(columns.saturating_sub(full)))
}

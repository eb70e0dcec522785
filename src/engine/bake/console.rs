//! What the console of an instance says that is not recorded yet.

use super::Bake;
use crate::bake::console::{Heard, Reader};
use crate::bake::marker::Marker;
use crate::bake::signal::{Part, Said, Signal};
use crate::domain::bake::{Console, MachineRole};
use crate::domain::ids::OperationId;
use crate::domain::text::Untrusted;
use crate::operation::bake::{BakeEvent, BakeStepKind};
use crate::operation::bake_progress::Told;
use crate::operation::packer::PackerNews;

/// So many of its last lines are kept where something failed.
const LAST_LINES: usize = 12;
/// So many tasks, warnings and errors of one look are recorded one by one.
const MOST_REMARKS: usize = 200;

/// The instance whose console is looked at.
fn role(scene: &Bake<'_>) -> MachineRole {
    if scene.kind() == Some(BakeStepKind::Gates) { MachineRole::Gate } else { MachineRole::Builder }
}

fn console<'a>(scene: &Bake<'a>) -> Option<&'a Console> {
    scene.seen.console.as_ref()?.value()
}

/// What the console's lines say after the last that was heard.
pub(super) fn news(scene: &Bake<'_>) -> Option<BakeEvent> {
    if let Some(news) = scene.seen.packer.as_ref().and_then(|news| news.value()) {
        let PackerNews { signals, heard, log_end, .. } = news.clone();
        let said = BakeEvent::Said { role: MachineRole::Builder, signals: shortened(signals), until: log_end, number: heard };
        return (!news.signals.is_empty()).then_some(said);
    }
    let (role, console) = (role(scene), console(scene)?);
    let kinds = if role == MachineRole::Builder { scene.plan.kinds.clone() } else { Vec::new() };
    let heard = scene.progress.told_by(role).map_or_else(Heard::default, heard);
    let mut reader = Reader::new(OperationId::new(scene.plan.mark.clone()), kinds, heard);
    let signals = shortened(reader.read(&console.bytes, console.offset));
    let Heard { until, number, .. } = *reader.heard();
    (!signals.is_empty()).then_some(BakeEvent::Said { role, signals, until, number })
}

fn heard(told: &Told) -> Heard {
    let running = told.running().and_then(|(part, status)| match part {
        Part::Provisioner(number) => Some((number, status.task.as_ref().map(|task| task.raw().to_owned()))),
        _ => None,
    });
    Heard { until: told.until, number: told.number, booted: told.booted, running }
}

/// The signals without those in the middle that are many, which are counted: an event holds no storm of warnings.
fn shortened(signals: Vec<Signal>) -> Vec<Signal> {
    let is_remark = |signal: &Signal| matches!(signal.said, Said::Task { .. } | Said::Warning | Said::Error);
    let remarks = signals.iter().filter(|signal| is_remark(signal)).count();
    if remarks <= MOST_REMARKS {
        return signals;
    }
    let middle = MOST_REMARKS / 2..remarks - MOST_REMARKS / 2;
    let (mut kept, mut tasks, mut warnings, mut place, mut remark) = (Vec::new(), 0, 0, None, 0);
    for signal in signals {
        let left_out = is_remark(&signal) && middle.contains(&remark);
        remark += usize::from(is_remark(&signal));
        if left_out {
            tasks += u64::from(matches!(signal.said, Said::Task { .. }));
            warnings += u64::from(signal.said == Said::Warning);
            place.get_or_insert((kept.len(), signal.offset));
        } else {
            kept.push(signal);
        }
    }
    if let Some((at, offset)) = place {
        kept.insert(at, Signal { offset, at: None, said: Said::More { tasks, warnings } });
    }
    kept
}

/// The last lines of the console that are no markers.
pub(super) fn last_lines(scene: &Bake<'_>) -> Vec<Untrusted> {
    if let Some(news) = scene.seen.packer.as_ref().and_then(|news| news.value()) {
        return news.last_lines.clone();
    }
    let Some(console) = console(scene) else { return Vec::new() };
    let text = String::from_utf8_lossy(&console.bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && !Marker::is_on(line)).collect();
    lines.iter().skip(lines.len().saturating_sub(LAST_LINES)).map(|line| Untrusted::from(line.trim_end())).collect()
}

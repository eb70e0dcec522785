//! What the console of an instance says that is not recorded yet.

use super::Bake;
use crate::bake::marker::Marker;
use crate::bake::signal::{Said, Signal};
use crate::domain::bake::{Console, MachineRole};
use crate::domain::ids::OperationId;
use crate::domain::text::Untrusted;
use crate::operation::bake::{BakeEvent, BakeStepKind};

/// So many of its last lines are kept where something failed.
const LAST_LINES: usize = 12;
/// What cloud-init prints when it is done.
const BOOTED: &str = "Cloud-init v.";

/// The instance whose console is looked at.
fn role(scene: &Bake<'_>) -> MachineRole {
    if scene.kind() == Some(BakeStepKind::Gates) { MachineRole::Gate } else { MachineRole::Builder }
}

fn console<'a>(scene: &Bake<'a>) -> Option<&'a Console> {
    scene.seen.console.as_ref()?.value()
}

/// The markers after the last one that was heard, with those missing in between.
pub(super) fn news(scene: &Bake<'_>) -> Option<BakeEvent> {
    let (role, console) = (role(scene), console(scene)?);
    let told = scene.progress.told_by(role);
    let (heard, booted) = (told.map_or(0, |told| told.number), told.is_some_and(|told| told.booted));
    let mark = OperationId::new(scene.plan.mark.clone());
    let (mut signals, mut last, mut at) = (Vec::new(), heard, console.offset);
    for line in console.text.split_inclusive('\n') {
        if let Some(marker) = Marker::find(line, &mark).filter(|marker| marker.number > last) {
            let lost = marker.number - last - 1;
            if lost > 0 {
                signals.push(Signal { offset: at, at: None, said: Said::Lost { lines: lost } });
            }
            last = marker.number;
            let said = Said::from(marker.said);
            let known = booted || signals.iter().any(|signal| signal.said == Said::Booted);
            if said != Said::Booted || !known {
                signals.push(Signal { offset: at, at: Some(marker.at), said });
            }
        } else if !booted && line.contains(BOOTED) && line.contains("finished at") && !signals.iter().any(|signal| signal.said == Said::Booted) {
            signals.push(Signal { offset: at, at: None, said: Said::Booted });
        }
        at += line.len() as u64;
    }
    (!signals.is_empty()).then_some(BakeEvent::Said { role, signals, until: at, number: last })
}

/// The last lines of the console that are no markers.
pub(super) fn last_lines(scene: &Bake<'_>) -> Vec<Untrusted> {
    let Some(console) = console(scene) else { return Vec::new() };
    let lines: Vec<&str> = console.text.lines().filter(|line| !line.trim().is_empty() && !line.contains("@qd1 ")).collect();
    lines.iter().skip(lines.len().saturating_sub(LAST_LINES)).map(|line| Untrusted::from(line.trim_end())).collect()
}

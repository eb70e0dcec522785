//! What has to be looked at, and what of it is news.

use super::{Bake, console, operation_tag};
use crate::domain::bake::{BakeLook, LeftoverKind, Machine, MachineRole, MachineState};
use crate::domain::image::ImageState;
use crate::operation::bake::{BakeEvent, BakePlan, BakeProgress, BakeStepKind};
use crate::operation::claim::Claimant;
use crate::operation::event::{EventBody, OperationState};

/// The image is told of again once so many more percent of it are there.
const PERCENT_STEP: u8 = 10;

/// How much has to be looked at: two or three calls in a period, so that watching a bake costs at most six a minute. Only the listing of what is
/// left, at its beginning and at its end, takes more.
pub(super) fn look(plan: &BakePlan, progress: &BakeProgress, claimant: &Claimant) -> BakeLook {
    use BakeStepKind as Kind;
    let operation = operation_tag(claimant);
    let packer = packer(plan, progress);
    let backing_out = progress.state == OperationState::BackingOut;
    let named = if packer.is_some() || backing_out { named(progress) } else { Vec::new() };
    let nothing = BakeLook { operation, packer, named, ..BakeLook::default() };
    let console = |role| BakeLook {
        machines: true,
        console: progress.machine(role).filter(|machine| !machine.gone).and_then(|machine| machine.id.clone()),
        heard: progress.told_by(role).map_or(0, |told| told.until),
        ..nothing.clone()
    };
    let image = Some(plan.image_name.clone());
    if backing_out {
        let asked = progress.image_asked_at.is_some();
        return BakeLook { machines: true, leftovers: !goes(progress), image: image.filter(|_| asked), ..nothing };
    }
    if nothing.packer.is_some() {
        let snapshot = progress.image_asked_at.is_some();
        return BakeLook { image: image.filter(|_| snapshot), ..nothing };
    }
    match plan.steps.get(progress.current).map(|step| step.kind) {
        None | Some(Kind::Sweep) => BakeLook { leftovers: true, ..nothing },
        Some(Kind::ResolveBase) => BakeLook { base: plan.base.as_ref().map(|base| base.id.clone()), ..nothing },
        Some(Kind::Launch) => BakeLook { machines: true, ..nothing },
        Some(Kind::Provision) => console(MachineRole::Builder),
        Some(Kind::Seal) => BakeLook { machines: true, ..nothing },
        Some(Kind::Snapshot) => BakeLook { image, ..nothing },
        Some(Kind::Register) => BakeLook { machines: true, image, ..nothing },
        Some(Kind::Gates) => console(MachineRole::Gate),
        Some(Kind::Share) => BakeLook { image, shares: progress.image.clone(), ..nothing },
        Some(Kind::Copy) => BakeLook { copies: Some((plan.image_name.clone(), plan.copy_to.clone())), image, ..nothing },
        Some(Kind::Verify) => BakeLook { machines: true, leftovers: !goes(progress), image, ..nothing },
    }
}

/// An instance of this bake is there or on its way out: what is left is listed, which takes four calls, once it is gone.
fn goes(progress: &BakeProgress) -> bool {
    let kept = progress.kept.as_ref().map(|(id, _)| id);
    progress.machines.values().any(|memory| memory.may_be_there() && memory.id.as_ref().is_some_and(|id| Some(id) != kept))
}

/// Packer is listened to from its start to its end.
fn packer(plan: &BakePlan, progress: &BakeProgress) -> Option<u64> {
    let told = progress.told_by(MachineRole::Builder);
    let runs = plan.packer.is_some() && progress.packer.asked_at.is_some() && told.is_none_or(|told| told.done.is_none());
    runs.then(|| told.map_or(0, |told| told.number))
}

/// What Packer made without tags and does not have ours yet.
fn named(progress: &BakeProgress) -> Vec<(LeftoverKind, String)> {
    let memory = &progress.packer;
    let bare = memory.tagged.len() < memory.made.len();
    memory.made.iter().filter(|_| bare).map(|(name, kind)| (*kind, name.clone())).collect()
}

/// What was seen that is not recorded yet.
pub(super) fn news(scene: &Bake<'_>) -> Vec<EventBody> {
    let mut events = machines(scene);
    events.extend(image(scene));
    events.extend(console::news(scene));
    events.into_iter().map(|what| EventBody::Bake { what }).collect()
}

fn machines(scene: &Bake<'_>) -> Vec<BakeEvent> {
    let Some(listed) = scene.seen.machines.as_ref().and_then(|listed| listed.value()) else { return Vec::new() };
    let mut events = Vec::new();
    for role in [MachineRole::Builder, MachineRole::Gate] {
        let memory = scene.progress.machine(role);
        let known = memory.and_then(|memory| memory.id.as_ref());
        // The token makes one instance of a role only: what is listed is it. One that is there is looked for before one that is gone.
        let own = |found: &&Machine| found.role == role && known.is_none_or(|id| found.id == *id);
        let there = listed.iter().filter(own).find(|found| found.state != MachineState::Terminated).or_else(|| listed.iter().find(own));
        match (there, memory) {
            (Some(found), Some(memory)) if found.state == MachineState::Terminated && !memory.gone => {
                events.push(BakeEvent::MachineGone { id: found.id.clone(), role });
            }
            (Some(found), _) if found.state == MachineState::Terminated => {}
            (Some(found), memory) if memory.and_then(|memory| memory.seen.as_ref()) != Some(found) => {
                events.push(BakeEvent::MachineSeen { machine: found.clone() });
            }
            (None, Some(memory)) if memory.may_be_there() && memory.seen.is_some() => {
                // A listing that was complete and does not name what it named before: it is gone, and no longer told of.
                if let Some(id) = memory.id.clone().filter(|_| memory.ended_at.is_some()) {
                    events.push(BakeEvent::MachineGone { id, role });
                }
            }
            _ => {}
        }
    }
    events
}

fn image(scene: &Bake<'_>) -> Option<BakeEvent> {
    let found = scene.seen.image.as_ref()?.value()?.as_ref()?;
    let progress = scene.progress;
    let own = progress.image.as_ref() == Some(&found.id)
        || progress.packer.images.contains(&found.id)
        || found.made_by().is_some_and(|by| by.raw() == operation_tag(scene.claimant));
    let available = found.state == ImageState::Available;
    let moved = match (found.percent, progress.image_percent) {
        (Some(now), Some(before)) => now >= before.saturating_add(PERCENT_STEP) || now == 100 && before < 100,
        (Some(_), None) => true,
        (None, _) => false,
    };
    let news = progress.image.as_ref() != Some(&found.id) || available != progress.image_available || moved && !available;
    (own && news).then(|| BakeEvent::ImageSeen { image: found.id.clone(), percent: found.percent, available })
}

//! Removing what a bake made: on every end of it, and always the same way.

use super::forward::removal;
use super::machines::gone;
use super::{Bake, Move, operation_tag, packer, tags};
use crate::domain::bake::{GATES_KEY, LeftoverKind, MachineRole, UNTIL_KEY};
use crate::domain::build_call::BuildCall;
use crate::domain::reading::Reading;
use crate::domain::text::Untrusted;
use crate::operation::bake::{BakeEvent, BakeStepKind};
use crate::operation::event::EventBody;

pub(super) fn next(scene: &Bake<'_>) -> Move {
    if let Some(then) = packer::stopped(scene).or_else(|| packer::claim(scene)).or_else(|| packer::tell_image(scene)) {
        return then;
    }
    if let Some(told) = tell_gates(scene) {
        return told;
    }
    if let Some(kept) = keep(scene) {
        return kept;
    }
    leftover(scene).unwrap_or(Move::Clean)
}

/// An image whose gates failed says so before anything else: nobody deploys it unseen.
fn tell_gates(scene: &Bake<'_>) -> Option<Move> {
    let failed = scene.progress.gates.values().any(|gate| !gate.passed);
    let image = scene.progress.image.as_ref().filter(|_| failed)?;
    let wanted = vec![(GATES_KEY.to_owned(), tags::of_gates(scene))];
    let missing = tags::missing(scene, &wanted);
    let why = "the image says that it did not pass";
    (!missing.is_empty()).then(|| Move::call(BuildCall::TagResource { id: image.as_str().to_owned(), tags: missing }, why))
}

/// A builder on which something failed is left running where that was asked for, until its time to live is over.
fn keep(scene: &Bake<'_>) -> Option<Move> {
    let span = scene.plan.keep_on_failure?;
    let progress = scene.progress;
    let worth = matches!(scene.kind(), Some(BakeStepKind::Provision | BakeStepKind::Seal)) && progress.aborted_by.is_none();
    let memory = progress.machine(MachineRole::Builder).filter(|memory| worth && memory.may_be_there())?;
    let id = memory.id.clone().filter(|_| progress.kept.is_none())?;
    let until = progress.since.plus(span);
    let tagged = progress.tagged.get(UNTIL_KEY).is_some_and(|written| *written == until.rfc3339());
    Some(if tagged {
        Move::Note(EventBody::Bake { what: BakeEvent::Kept { id, until } })
    } else {
        let tags = vec![(UNTIL_KEY.to_owned(), until.rfc3339())];
        Move::call(BuildCall::TagResource { id: id.as_str().to_owned(), tags }, "it is kept to be looked at, until then")
    })
}

/// The next thing to do until no instance and no volume of this bake is there; none once that is so.
pub(super) fn leftover(scene: &Bake<'_>) -> Option<Move> {
    let kept = scene.progress.kept.is_some();
    let builder = if kept { None } else { gone(scene, MachineRole::Builder) };
    if let Some(then) = builder.or_else(|| gone(scene, MachineRole::Gate)) {
        return Some(then);
    }
    match scene.seen.leftovers.as_ref() {
        Some(Reading::Known { value, .. }) => {
            let own = operation_tag(scene.claimant);
            let mut rest = value.iter().filter(|left| left.operation.raw() == own && !(kept && left.kind != LeftoverKind::KeyPair));
            rest.find(|left| !scene.progress.removed.contains(&left.id)).map(|left| removal(left, "its bake is over"))
        }
        Some(other) => {
            let why = other.why().map_or_else(String::new, Untrusted::shown);
            Some(scene.wait_short(format!("whether anything is left cannot be listed: {why}")))
        }
        None => Some(scene.wait_short("what is left is listed")),
    }
}

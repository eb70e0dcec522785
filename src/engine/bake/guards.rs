//! What must hold of every call a bake makes, whatever decided on it.

use super::{Bake, operation_tag};
use crate::bake::signal::Outcome;
use crate::domain::bake::{Leftover, MachineRole, MachineState};
use crate::domain::build_call::{BuildCall, CopyImage};
use crate::domain::call::CloudCall;
use crate::domain::ids::{ImageId, InstanceId};

/// A call that must not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant {id} would break: {what}")]
pub struct Broken {
    /// `B1` … `B5`.
    pub id: &'static str,
    /// What would happen.
    pub what: String,
}

pub(super) fn check(scene: &Bake<'_>, call: &CloudCall) -> Result<(), Broken> {
    let CloudCall::Build { what } = call else { return Err(broken("B1", "a bake would change something else than what it made")) };
    match what.as_ref() {
        BuildCall::RunInstance(run) if run.token != scene.token(run.role) => Err(broken("B2", "a second instance of a kind would be launched")),
        BuildCall::RunInstance(_) => Ok(()),
        BuildCall::StopInstance { instance } if is_own(scene, instance) => Ok(()),
        BuildCall::TerminateInstance { instance } if is_own(scene, instance) || may_go(scene, instance.as_str()) => Ok(()),
        BuildCall::StopInstance { .. } | BuildCall::TerminateInstance { .. } => Err(broken("B1", "an instance of somebody else would be ended")),
        BuildCall::DeleteVolume { volume: id } | BuildCall::DeleteKeyPair { key_pair: id } | BuildCall::DeleteSecurityGroup { group: id } => {
            if may_go(scene, id) { Ok(()) } else { Err(broken("B1", format!("{id} is not of this bake and its time is not over"))) }
        }
        BuildCall::CreateImage { instance, .. } => sealed(scene, instance),
        BuildCall::ShareImage { image, .. } | BuildCall::CopyImage(CopyImage { image, .. }) => handed_out(scene, image),
        BuildCall::RunPacker { .. } | BuildCall::EndPacker { .. } if scene.plan.packer.is_some() => Ok(()),
        BuildCall::RunPacker { .. } | BuildCall::EndPacker { .. } => Err(broken("B1", "a program would be run that the plan does not name")),
        BuildCall::TagResource { id, .. } => {
            let image = scene.progress.image.as_ref().is_some_and(|image| image.as_str() == id);
            let named = scene.seen.named.as_ref().and_then(|named| named.value()).is_some_and(|named| named.iter().any(|left| left.id == *id));
            if image || named || is_own(scene, &InstanceId::new(id)) { Ok(()) } else { Err(broken("B1", format!("{id} is not of this bake"))) }
        }
    }
}

fn broken(id: &'static str, what: impl Into<String>) -> Broken {
    Broken { id, what: what.into() }
}

fn is_own(scene: &Bake<'_>, instance: &InstanceId) -> bool {
    scene.progress.machines.values().any(|memory| memory.id.as_ref() == Some(instance))
}

/// It is this bake's, or its time to live is over, by a listing that was complete.
fn may_go(scene: &Bake<'_>, id: &str) -> bool {
    let listed = scene.seen.leftovers.as_ref().and_then(|left| left.value());
    let own = operation_tag(scene.claimant);
    let past = |left: &&Leftover| left.operation.raw() == own || left.until.is_some_and(|until| until < scene.now);
    listed.is_some_and(|listed| listed.iter().filter(past).any(|left| left.id == id))
}

/// Only an image of this bake that no gate refused is given to others.
fn handed_out(scene: &Bake<'_>, image: &ImageId) -> Result<(), Broken> {
    let own = scene.progress.image.as_ref() == Some(image) && super::is_verified(scene);
    let passed = scene.progress.gates.values().all(|gate| gate.passed);
    if own && passed { Ok(()) } else { Err(broken("B5", format!("{image} would be given to others and is not verified"))) }
}

/// An image is only made of a builder that said that all was done, and has stopped.
fn sealed(scene: &Bake<'_>, instance: &InstanceId) -> Result<(), Broken> {
    let done = scene.progress.told_by(MachineRole::Builder).is_some_and(|told| told.done == Some(Outcome::Succeeded));
    let stopped = scene.progress.machine(MachineRole::Builder).is_some_and(|memory| memory.state() == Some(MachineState::Stopped));
    if !(is_own(scene, instance) && done) {
        return Err(broken("B3", "an image would be made of a builder that is not done"));
    }
    if stopped { Ok(()) } else { Err(broken("B4", "an image would be made of a builder that runs")) }
}

//! Launching and ending the instances of a bake: never a second one of a kind, whatever became of a call.

use super::{Bake, Move, tags};
use crate::domain::bake::{MachineRole, MachineState};
use crate::domain::build_call::{BuildCall, RunInstance};
use crate::domain::ids::ImageId;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// What is needed to launch one.
pub(super) struct Wanted {
    pub role: MachineRole,
    pub image: ImageId,
    pub root_device: Option<String>,
    pub user_data: Option<String>,
    pub until: WorldTime,
}

/// Until an instance runs. Done once it does, or has done so.
pub(super) fn launched(scene: &Bake<'_>, wanted: &Wanted) -> Move {
    let Some(memory) = scene.progress.machine(wanted.role).filter(|memory| memory.asked_at.is_some()) else { return first(scene, wanted) };
    let word = wanted.role.word();
    if memory.gone {
        return Move::fail(format!("the {word} ended before it ran: its account's limits, or its volume's key, can be the reason"));
    }
    let asked = memory.asked_at.map_or(Millis::ZERO, |at| scene.now.since(at));
    match memory.state() {
        Some(MachineState::Running | MachineState::Stopping | MachineState::Stopped) => {
            let id = memory.id.as_ref().map_or_else(String::new, ToString::to_string);
            Move::done(format!("{id} runs"))
        }
        Some(MachineState::ShuttingDown | MachineState::Terminated) => Move::fail(format!("the {word} was ended by somebody else")),
        _ if memory.id.is_some() && asked >= scene.plan.timing.launch_limit => {
            Move::fail(format!("the {word} does not run after {}", scene.plan.timing.launch_limit))
        }
        _ if memory.id.is_some() => scene.wait_short(format!("the {word} comes up")),
        _ if asked < scene.plan.timing.unseen => scene.wait_short(format!("no answer told of the {word}: it is looked for by its tags")),
        // The same token: if the first call arrived after all, this one is answered with its instance.
        _ => call(scene, wanted, "nothing shows of the first call, and the same token makes no second one"),
    }
}

/// The first call needs a complete listing that has none yet: a driver before may have launched one under this operation.
fn first(scene: &Bake<'_>, wanted: &Wanted) -> Move {
    match scene.seen.machines.as_ref() {
        Some(listed) if listed.value().is_some() => {
            call(scene, wanted, if wanted.role == MachineRole::Builder { "the image is made on it" } else { "the gates look at it" })
        }
        other => {
            let why = other.and_then(|listed| listed.why()).map_or_else(String::new, Untrusted::shown);
            scene.wait_short(format!("instances cannot be listed: {why}"))
        }
    }
}

fn call(scene: &Bake<'_>, wanted: &Wanted, why: &str) -> Move {
    let run = RunInstance {
        role: wanted.role,
        token: scene.token(wanted.role),
        image: wanted.image.clone(),
        machine: scene.plan.builder.clone(),
        root_device: wanted.root_device.clone(),
        user_data: wanted.user_data.clone(),
        tags: tags::of_machine(scene, wanted.role, wanted.until),
    };
    Move::call(BuildCall::RunInstance(run), why)
}

/// The next thing to do until an instance is gone; none once it is.
pub(super) fn gone(scene: &Bake<'_>, role: MachineRole) -> Option<Move> {
    let memory = scene.progress.machine(role).filter(|memory| memory.may_be_there())?;
    let word = role.word();
    let since = |at: Option<WorldTime>| at.map_or(Millis(u64::MAX), |at| scene.now.since(at));
    let Some(id) = memory.id.clone() else {
        // A call without an answer: what it may have made shows by its tags for a while, or it never arrived.
        let listed = scene.seen.machines.as_ref().is_some_and(|listed| listed.value().is_some());
        let waited = since(memory.asked_at) >= scene.plan.timing.unseen.times(2);
        return (!(listed && waited)).then(|| scene.wait_short(format!("a {word} may still turn up: its call had no answer")));
    };
    if memory.state().is_some_and(MachineState::is_leaving) {
        return Some(scene.wait(format!("{word} {id} goes")));
    }
    if since(memory.ended_at) < scene.plan.timing.unseen {
        return Some(scene.wait(format!("{word} {id} goes")));
    }
    Some(Move::call(BuildCall::TerminateInstance { instance: id }, format!("the {word} is not needed any more")))
}

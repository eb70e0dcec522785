//! The gates of an image: a fresh instance of it is launched, and each looks at that.

use serde::Serialize;

use super::machines::{Wanted, launched};
use super::{Bake, Move};
use crate::bake::signal::{Outcome, Part};
use crate::domain::bake::{MachineRole, MachineState};
use crate::domain::ids::{ImageId, InstanceId, OperationId};
use crate::domain::recipe::{GateCheck, ImageGate};
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::Millis;
use crate::operation::bake::hook_of;
use crate::operation::event::{EventBody, StepOutcome};
use crate::operation::gate::{GateOutcome, GateRun};

pub(super) fn next(scene: &Bake<'_>) -> Move {
    let plan = scene.plan;
    if plan.gates.is_empty() {
        return Move::Done { outcome: StepOutcome::Skipped, note: "the recipe has no gates: the image stays unverified".to_owned() };
    }
    let ended = &scene.progress.gates;
    if let Some((number, outcome)) = ended.iter().find(|(_, outcome)| !outcome.passed) {
        let name = plan.gates.get(*number).map_or("?", |gate| gate.name.as_str());
        return Move::fail(format!("gate {} does not let the image pass: {}", escape(name), outcome.said.shown()));
    }
    let Some((number, gate)) = plan.gates.iter().enumerate().find(|(number, _)| !ended.contains_key(number)) else {
        return Move::done(format!("{} of {} passed", ended.len(), plan.gates.len()));
    };
    let Some(image) = scene.progress.image.clone() else { return Move::fail("there is no image") };
    let launch = launched(scene, &wanted(scene, image));
    if !matches!(launch, Move::Done { .. }) {
        return launch;
    }
    look(scene, number, gate)
}

fn wanted(scene: &Bake<'_>, image: ImageId) -> Wanted {
    let all: u64 = scene.plan.gates.iter().map(|gate| gate.within.0).sum();
    let began = scene.progress.step_started_at.unwrap_or(scene.now);
    Wanted {
        role: MachineRole::Gate,
        image,
        root_device: None,
        user_data: scene.plan.self_test.clone(),
        until: began.plus(Millis(all)).plus(scene.plan.timing.spare_life),
    }
}

fn look(scene: &Bake<'_>, number: usize, gate: &ImageGate) -> Move {
    let Some(memory) = scene.progress.machine(MachineRole::Gate) else { return scene.wait_short("the instance for the gates comes up") };
    let told = scene.progress.told_by(MachineRole::Gate);
    let age = memory.asked_at.map_or(Millis::ZERO, |at| scene.now.since(at));
    // A gate begins after the boot: the line that told of that may be lost.
    let booted = told.is_some_and(|told| told.booted || !told.parts.is_empty());
    match &gate.check {
        GateCheck::Boot if booted => ended(number, true, format!("booted after about {age}")),
        GateCheck::Boot if memory.state() == Some(MachineState::Stopped) => ended(number, false, "the instance stopped by itself".to_owned()),
        GateCheck::Boot if age >= gate.within => ended(number, false, format!("not booted within {}", gate.within)),
        GateCheck::Boot => scene.wait("the instance boots"),
        GateCheck::Http(_) | GateCheck::Command { .. } => {
            let part = Part::Gate(u16::try_from(number).unwrap_or(u16::MAX));
            let status = told.and_then(|told| told.parts.get(&part));
            let why = status.and_then(|status| status.why.as_ref()).map_or_else(String::new, |why| format!(": {}", why.shown()));
            let exit = status.and_then(|status| status.exit).filter(|exit| *exit != 0);
            let exit = exit.map_or_else(String::new, |exit| format!(", exit status {exit}"));
            match status.and_then(|status| status.outcome) {
                Some(Outcome::Succeeded) => ended(number, true, "passed on the instance".to_owned()),
                Some(Outcome::Failed) => ended(number, false, format!("failed on the instance{exit}{why}")),
                Some(Outcome::TimedOut) => ended(number, false, format!("not done within {}{why}", gate.within)),
                Some(Outcome::Skipped) => ended(number, false, "not run: a gate before it failed".to_owned()),
                None if age >= limit(scene, number) => ended(number, false, "the instance never told of it".to_owned()),
                None => scene.wait(format!("gate {} runs on the instance", scene.part(part))),
            }
        }
        GateCheck::Hook { .. } => match hook(scene, number, gate, memory.id.as_ref()) {
            Some(run) => Move::Gate { run, period: scene.plan.timing.period },
            None => Move::fail("a gate of the plan cannot be run"),
        },
    }
}

/// How long after its launch the instance may take for this gate: all that come before it may take their time.
fn limit(scene: &Bake<'_>, number: usize) -> Millis {
    let before: u64 = scene.plan.gates.iter().take(number + 1).map(|gate| gate.within.0).sum();
    Millis(before).plus(scene.plan.timing.launch_limit)
}

fn ended(gate: usize, passed: bool, said: String) -> Move {
    Move::Note(EventBody::GateEnded { gate, outcome: GateOutcome { passed, said: said.into() } })
}

/// What the program of a gate gets on its standard input.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    operation: &'a OperationId,
    place: &'a str,
    recipe: &'a str,
    app: &'a str,
    app_version: &'a str,
    key: &'a str,
    image: Option<&'a ImageId>,
    image_name: &'a str,
    base: Option<&'a ImageId>,
    instance: Option<&'a InstanceId>,
    address: Option<&'a Untrusted>,
}

fn hook(scene: &Bake<'_>, number: usize, gate: &ImageGate, instance: Option<&InstanceId>) -> Option<GateRun> {
    let plan = scene.plan;
    let seen = scene.progress.machine(MachineRole::Gate).and_then(|memory| memory.seen.as_ref());
    let document = Document {
        version: 1,
        operation: &scene.claimant.operation,
        place: &plan.place,
        recipe: &plan.recipe,
        app: &plan.app,
        app_version: &plan.version,
        key: &plan.key,
        image: scene.progress.image.as_ref(),
        image_name: &plan.image_name,
        base: plan.base.as_ref().map(|base| &base.id),
        instance,
        address: seen.and_then(|machine| machine.address.as_ref()),
    };
    Some(GateRun { number, gate: hook_of(gate)?, document: serde_json::to_string(&document).ok()?, limit: gate.within })
}

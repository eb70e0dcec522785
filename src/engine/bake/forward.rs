//! A bake going forward, step by step.

use super::machines::{Wanted, gone, launched};
use super::{Bake, Move, clean, gates, hand_out, operation_tag, packer, tags};
use crate::bake::signal::{Outcome, Part};
use crate::domain::bake::{Leftover, LeftoverKind, MachineRole, MachineState, MadeImage};
use crate::domain::build_call::BuildCall;
use crate::domain::ids::InstanceId;
use crate::domain::image::ImageState;
use crate::domain::reading::Reading;
use crate::domain::text::Untrusted;
use crate::operation::bake::{BakeEvent, BakeStepKind};
use crate::operation::bake_progress::{PartStatus, Told};
use crate::operation::event::{EventBody, StepOutcome};

pub(super) fn next(scene: &Bake<'_>) -> Move {
    use BakeStepKind as Kind;
    let Some(kind) = scene.kind() else { return Move::fail("the plan has no such step") };
    let limit = scene.plan.timing.limit;
    let unasked = scene.progress.image_asked_at.is_none();
    if unasked && kind != Kind::Sweep && scene.lasts() >= limit {
        return Move::fail(format!("it takes longer than its time limit of {limit}: it was at '{}'", kind.title()));
    }
    if let Some(then) = scene.plan.packer.as_ref().and_then(|plan| packer::next(scene, plan, kind)) {
        return then;
    }
    match kind {
        Kind::Sweep => sweep(scene),
        Kind::ResolveBase => resolve(scene),
        Kind::Launch => launch(scene),
        Kind::Provision => provision(scene),
        Kind::Seal => seal(scene),
        Kind::Snapshot => snapshot(scene),
        Kind::Register => register(scene),
        Kind::Gates => gates::next(scene),
        Kind::Verify => verify(scene),
        Kind::Share => hand_out::share(scene),
        Kind::Copy => hand_out::copy(scene),
    }
}

/// What others left is removed only if everything there is was listed, and only past its time to live.
fn sweep(scene: &Bake<'_>) -> Move {
    let found = match scene.seen.leftovers.as_ref() {
        Some(Reading::Known { value, .. }) => value,
        Some(other) => {
            let why = other.why().map_or_else(String::new, Untrusted::shown);
            let note = format!("what other bakes left could not be listed completely, so nothing was removed: {why}");
            return Move::Done { outcome: StepOutcome::Warning, note };
        }
        None => return scene.wait_short("what other bakes left is listed"),
    };
    let own = operation_tag(scene.claimant);
    let past: Vec<Leftover> =
        found.iter().filter(|left| left.operation.raw() != own && left.until.is_some_and(|until| until < scene.now)).cloned().collect();
    let fresh: Vec<Leftover> = past.iter().filter(|left| !scene.progress.swept.contains(&left.id)).cloned().collect();
    if !fresh.is_empty() {
        return Move::Note(EventBody::Bake { what: BakeEvent::Swept { found: fresh } });
    }
    match past.iter().find(|left| !scene.progress.removed.contains(&left.id)) {
        Some(left) => removal(left, "its time to live is over"),
        None if past.is_empty() => Move::done(format!("{} removed", scene.progress.swept.len())),
        None => {
            let left: Vec<String> = past.iter().map(Leftover::words).collect();
            Move::Done { outcome: StepOutcome::Warning, note: format!("could not be removed, the next bake tries again: {}", left.join(", ")) }
        }
    }
}

/// The call that removes a thing.
pub(super) fn removal(left: &Leftover, why: &str) -> Move {
    let id = left.id.clone();
    let what = match left.kind {
        LeftoverKind::Instance => BuildCall::TerminateInstance { instance: InstanceId::new(id) },
        LeftoverKind::Volume => BuildCall::DeleteVolume { volume: id },
        LeftoverKind::KeyPair => BuildCall::DeleteKeyPair { key_pair: id },
        LeftoverKind::SecurityGroup => BuildCall::DeleteSecurityGroup { group: id },
    };
    Move::call(what, format!("{}: {why}", left.words()))
}

fn resolve(scene: &Bake<'_>) -> Move {
    let Some(base) = &scene.plan.base else { return Move::fail("the plan has no base image") };
    match scene.seen.base.as_ref() {
        Some(Reading::Known { value: true, .. }) => Move::done(format!("{} {}", base.id, base.name.shown())),
        Some(Reading::Known { value: false, .. }) => Move::fail(format!("base image {} cannot be launched any more", base.id)),
        Some(Reading::Missing { .. }) => {
            Move::fail(format!("base image {} ({}) was deregistered since the plan was made: bake again", base.id, base.name.shown()))
        }
        Some(Reading::Unknown { why }) => scene.wait_short(format!("the base image cannot be read: {}", why.shown())),
        None => scene.wait_short("the base image is looked up"),
    }
}

fn launch(scene: &Bake<'_>) -> Move {
    let Some(base) = &scene.plan.base else { return Move::fail("the plan has no base image") };
    let wanted = Wanted {
        role: MachineRole::Builder,
        image: base.id.clone(),
        root_device: base.root_device.as_ref().map(|device| device.raw().to_owned()),
        user_data: Some(scene.plan.user_data.clone()),
        until: scene.until(),
    };
    launched(scene, &wanted)
}

fn provision(scene: &Bake<'_>) -> Move {
    let Some(memory) = scene.progress.machine(MachineRole::Builder) else { return Move::fail("there is no builder") };
    let told = scene.progress.told_by(MachineRole::Builder);
    if let Some((part, status)) = told.and_then(Told::failed) {
        // What is printed after the end of a part tells how; the last marker says that nothing more comes.
        if told.is_some_and(|told| told.done.is_some()) {
            return Move::fail(failed_words(scene, part, status));
        }
        return scene.wait_short(format!("{} failed: its builder ends", scene.part(part)));
    }
    match told.and_then(|told| told.done) {
        Some(Outcome::Succeeded) => return Move::done(done_words(told)),
        Some(_) => return Move::fail("its builder says that something failed, and not what"),
        None => {}
    }
    let state = memory.state();
    if memory.gone || state.is_some_and(MachineState::is_leaving) {
        return Move::fail("the builder was ended by somebody else before it was done");
    }
    let seen = memory.seen_at.unwrap_or(scene.now);
    if state == Some(MachineState::Stopped) && scene.now.since(seen) >= scene.plan.timing.unseen {
        return Move::fail("the builder stopped without saying that it was done: its time was over, or its last words are lost");
    }
    let silence = scene.plan.timing.silence_limit;
    if told.is_none() && memory.asked_at.is_some_and(|at| scene.now.since(at) >= silence) {
        return Move::fail(format!("the builder never said anything in {silence}: it has no network, or its type shows no console"));
    }
    scene.wait(told.and_then(Told::running).map_or_else(|| "the builder boots".to_owned(), |(part, _)| scene.part(part)))
}

pub(super) fn failed_words(scene: &Bake<'_>, part: Part, status: &PartStatus) -> String {
    let how = if status.outcome == Some(Outcome::TimedOut) { "ran into its time limit" } else { "failed" };
    let exit = status.exit.filter(|exit| *exit != 0).map_or_else(String::new, |exit| format!(" with exit status {exit}"));
    let why = status.why.as_ref().map_or_else(String::new, |why| format!(": {}", why.shown()));
    format!("{} {how}{exit}{why}", scene.part(part))
}

fn done_words(told: Option<&Told>) -> String {
    let parts = told.map_or(0, |told| told.parts.len());
    let lost = told.filter(|told| told.lost_lines > 0).map_or_else(String::new, |told| format!(", {} lines of the console lost", told.lost_lines));
    format!("{parts} parts done{lost}")
}

fn seal(scene: &Bake<'_>) -> Move {
    let Some(memory) = scene.progress.machine(MachineRole::Builder) else { return Move::fail("there is no builder") };
    let Some(id) = memory.id.clone().filter(|_| !memory.gone) else { return Move::fail("the builder was ended by somebody else") };
    match memory.state() {
        Some(MachineState::Stopped) => Move::done(format!("{id} has stopped")),
        Some(MachineState::ShuttingDown | MachineState::Terminated) => Move::fail("the builder was ended by somebody else"),
        // It powers itself off; one that does not is stopped.
        Some(MachineState::Running) if scene.waited() >= scene.plan.timing.unseen && memory.stopped_at.is_none() => {
            Move::call(BuildCall::StopInstance { instance: id }, "it is done and did not power itself off")
        }
        _ if scene.waited() >= scene.plan.timing.launch_limit.times(2) => Move::fail(format!("the builder does not stop: {id}")),
        _ => scene.wait_short("the builder powers off"),
    }
}

fn snapshot(scene: &Bake<'_>) -> Move {
    let found = match scene.seen.image.as_ref() {
        Some(Reading::Known { value, .. }) => value.as_ref(),
        other => {
            let why = other.and_then(Reading::why).map_or_else(String::new, Untrusted::shown);
            return scene.wait_short(format!("images cannot be listed: {why}"));
        }
    };
    match found {
        Some(image) => made(scene, image),
        None => asked(scene),
    }
}

pub(super) fn made(scene: &Bake<'_>, image: &MadeImage) -> Move {
    if scene.progress.image.as_ref() != Some(&image.id) {
        let hint = "bake another version, or with --force";
        return Move::fail(format!("an image named {} exists already: {}; {hint}", scene.plan.image_name, image.id));
    }
    match image.state {
        ImageState::Available => Move::done(format!("{} can be launched", image.id)),
        ImageState::Failed | ImageState::Gone => {
            let why = image.why.as_ref().map_or_else(String::new, |why| format!(": {}", why.shown()));
            Move::fail(format!("the cloud could not make image {}{why}", image.id))
        }
        ImageState::Pending | ImageState::Unknown => {
            let limit = scene.plan.timing.limit;
            if scene.lasts() >= limit.times(2) {
                return Move::fail(format!("image {} is still not there; once it is, `qd bake` with the same recipe goes on with it", image.id));
            }
            let percent = image.percent.map_or_else(|| "?".to_owned(), |percent| percent.to_string());
            let late =
                if scene.lasts() >= limit { format!(", past its time limit of {limit}: it is adopted when it turns up") } else { String::new() };
            scene.wait(format!("snapshot {percent} %{late}"))
        }
    }
}

fn asked(scene: &Bake<'_>) -> Move {
    let progress = scene.progress;
    let builder = progress.machine(MachineRole::Builder).and_then(|memory| memory.id.clone());
    let Some(instance) = builder else { return Move::fail("the image that was to be gone on with does not exist any more") };
    let waited = progress.image_asked_at.map(|at| scene.now.since(at));
    if waited.is_some_and(|waited| waited < scene.plan.timing.unseen) {
        return scene.wait_short("the image was asked for: it does not show yet");
    }
    if progress.image.is_some() && waited.is_some_and(|waited| waited >= scene.plan.timing.limit) {
        return Move::fail("the image that was being made does not exist any more");
    }
    if progress.image.is_some() {
        return scene.wait_short("the image does not show yet");
    }
    let (name, tags) = (scene.plan.image_name.clone(), tags::of_image(scene));
    let why = if waited.is_none() { "the builder is sealed" } else { "nothing shows of the first call, and there can be only one of this name" };
    Move::call(BuildCall::CreateImage { instance, name, tags }, why)
}

fn register(scene: &Bake<'_>) -> Move {
    let Some(image) = scene.progress.image.clone() else { return Move::fail("there is no image") };
    let wanted: Vec<(String, String)> = tags::of_image(scene);
    let seen = scene.seen.image.as_ref().is_some_and(|image| image.value().is_some());
    let missing = tags::missing(scene, &wanted);
    if seen && !missing.is_empty() {
        return Move::call(BuildCall::TagResource { id: image.as_str().to_owned(), tags: missing }, "the image says what it is");
    }
    if !seen {
        return scene.wait_short("the image's tags are read");
    }
    gone(scene, MachineRole::Builder).unwrap_or_else(|| Move::done(format!("{image} is tagged, the builder is gone")))
}

fn verify(scene: &Bake<'_>) -> Move {
    let Some(image) = scene.progress.image.clone() else { return Move::fail("there is no image") };
    let missing = tags::missing(scene, &tags::of_verified(scene));
    if !missing.is_empty() {
        return Move::call(BuildCall::TagResource { id: image.as_str().to_owned(), tags: missing }, "the image says that it passed");
    }
    clean::leftover(scene).unwrap_or_else(|| Move::done("nothing of the bake is left"))
}

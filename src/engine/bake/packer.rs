//! The steps of a bake whose work Packer does: it is started once, listened to, and stopped with everything it made.

use super::{Bake, Move, forward, operation_tag, tags};
use crate::bake::signal::{Outcome, Part};
use crate::domain::bake::{Leftover, MachineRole, OPERATION_KEY, UNTIL_KEY};
use crate::domain::build_call::BuildCall;
use crate::domain::reading::Reading;
use crate::domain::text::Untrusted;
use crate::operation::bake::BakeStepKind;
use crate::operation::bake_progress::Told;
use crate::operation::event::StepOutcome;
use crate::operation::packer::PackerPlan;

/// The next thing to do in a step that is Packer's; none for all others.
pub(super) fn next(scene: &Bake<'_>, plan: &PackerPlan, kind: BakeStepKind) -> Option<Move> {
    let adopts = scene.plan.adopted.is_some();
    if adopts || !matches!(kind, BakeStepKind::Launch | BakeStepKind::Provision | BakeStepKind::Snapshot) {
        return None;
    }
    if scene.progress.packer.asked_at.is_none() || never_started(scene) {
        return Some(run(scene, plan));
    }
    if let Some(claimed) = claim(scene) {
        return Some(claimed);
    }
    let told = scene.progress.told_by(MachineRole::Builder);
    let done = told.and_then(|told| told.done);
    if let Some(told) = told.filter(|_| done.is_some_and(|done| done != Outcome::Succeeded)) {
        return Some(Move::fail(failed_words(scene, told)));
    }
    let past = |part: Part| done.is_some() || told.is_some_and(|told| told.parts.keys().any(|other| *other > part));
    let waits =
        || scene.wait(told.and_then(Told::running).map_or_else(|| "packer begins".to_owned(), |(part, _)| format!("packer: {}", scene.part(part))));
    Some(match kind {
        BakeStepKind::Launch if past(Part::Launch) => Move::done("packer launched its builder"),
        BakeStepKind::Provision if past(Part::Provision) => match told.and_then(|told| told.parts.get(&Part::Provision)) {
            Some(_) => Move::done("packer's provisioners are done"),
            None => Move::Done { outcome: StepOutcome::Skipped, note: "the template does nothing on its builder".to_owned() },
        },
        BakeStepKind::Snapshot if done.is_some() => image(scene),
        _ => waits(),
    })
}

/// Nothing of a run is here, although it was asked for: the call that was to start it never did.
fn never_started(scene: &Bake<'_>) -> bool {
    scene.seen.packer.as_ref().is_some_and(|reading| reading.said_missing().is_some())
}

fn run(scene: &Bake<'_>, plan: &PackerPlan) -> Move {
    let base = scene.plan.base.as_ref().map_or("", |base| base.id.as_str());
    let region = scene.plan.place.split_whitespace().last().unwrap_or_default();
    let (operation, until) = (operation_tag(scene.claimant), scene.until().rfc3339());
    let known = [
        ("{version}", scene.plan.version.as_str()),
        ("{base}", base),
        ("{image_name}", &scene.plan.image_name),
        ("{operation}", &operation),
        ("{expires_at}", &until),
        ("{region}", region),
    ];
    let filled = |value: &String| known.iter().fold(value.clone(), |value, (placeholder, known)| value.replace(placeholder, known));
    let variables = plan.variables.iter().map(|(name, value)| (name.clone(), filled(value))).collect();
    Move::call(BuildCall::RunPacker { template: plan.template.clone(), variables }, "its template makes the image")
}

/// A key pair and a security group that Packer makes for its builder get no tags from it: they get ours as soon as it names them, so that they are
/// found whatever becomes of it and of us.
pub(super) fn claim(scene: &Bake<'_>) -> Option<Move> {
    let found = scene.seen.named.as_ref()?.value()?;
    let bare = |left: &&Leftover| left.operation.raw().is_empty() && !scene.progress.packer.tagged.contains(&left.id);
    let left = found.iter().find(bare)?;
    let own = [(OPERATION_KEY, operation_tag(scene.claimant)), (UNTIL_KEY, scene.until().rfc3339())];
    let tags = own.map(|(key, value)| (key.to_owned(), value)).to_vec();
    Some(Move::call(BuildCall::TagResource { id: left.id.clone(), tags }, format!("packer made this {} and gave it no tags", left.kind.word())))
}

/// Packer says that all is built: its image is the one of the plan's name.
fn image(scene: &Bake<'_>) -> Move {
    match scene.seen.image.as_ref() {
        Some(Reading::Known { value: Some(image), .. }) => forward::made(scene, image),
        Some(Reading::Known { value: None, .. }) if scene.lasts() < scene.plan.timing.limit && scene.waited() < scene.plan.timing.launch_limit => {
            scene.wait_short("packer's image does not show yet")
        }
        Some(Reading::Known { value: None, .. }) => {
            let named: Vec<String> = scene.progress.packer.images.iter().map(ToString::to_string).collect();
            let made = if named.is_empty() { "no image".to_owned() } else { named.join(", ") };
            let name = &scene.plan.image_name;
            Move::fail(format!(
                "packer made {made}, and none here is named {name}: let the template's ami_name and region be what the recipe tells it"
            ))
        }
        other => {
            let why = other.and_then(Reading::why).map_or_else(String::new, Untrusted::shown);
            scene.wait_short(format!("images cannot be listed: {why}"))
        }
    }
}

fn failed_words(scene: &Bake<'_>, told: &Told) -> String {
    match told.failed() {
        Some((part, status)) => format!("packer: {}", forward::failed_words(scene, part, status)),
        None => "packer failed and did not say why".to_owned(),
    }
}

/// Until Packer has ended: asked first, as it removes what it made; ended at once if it takes no notice. None once it is over.
pub(super) fn stopped(scene: &Bake<'_>) -> Option<Move> {
    let (packer, timing) = (&scene.progress.packer, &scene.plan.timing);
    let over = scene.progress.told_by(MachineRole::Builder).is_some_and(|told| told.done.is_some());
    packer.asked_at.filter(|_| !over && !never_started(scene))?;
    let since = |at| scene.now.since(at);
    Some(match (packer.stopped_at, packer.killed_at) {
        (None, _) => Move::call(BuildCall::EndPacker { at_once: false }, "it removes what it made"),
        (Some(at), None) if since(at) < timing.launch_limit.times(2) => scene.wait_short("packer removes what it made"),
        (Some(_), None) => {
            Move::call(BuildCall::EndPacker { at_once: true }, "it was asked to stop and did not: what it made is removed by its tags")
        }
        (Some(_), Some(at)) if since(at) < timing.launch_limit => scene.wait_short("packer ends"),
        (Some(_), Some(_)) => Move::fail("packer cannot be ended: end its processes by hand, and the next bake removes what it made"),
    })
}

/// An image that a killed Packer left says what it is made of, so that the next bake of the same inputs goes on with it.
pub(super) fn tell_image(scene: &Bake<'_>) -> Option<Move> {
    scene.plan.packer.as_ref()?;
    let image = scene.progress.image.as_ref()?;
    let seen = scene.seen.image.as_ref()?.value()?.as_ref().filter(|seen| seen.id == *image)?;
    let missing = tags::missing(scene, &tags::of_image(scene));
    let told = || Move::call(BuildCall::TagResource { id: seen.id.as_str().to_owned(), tags: missing.clone() }, "the image says what it is");
    (!missing.is_empty()).then(told)
}

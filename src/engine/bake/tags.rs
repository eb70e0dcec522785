//! What is written on the things a bake makes.

use super::{Bake, operation_tag};
use crate::domain::bake::{COPIED_KEY, GATES_KEY, MachineRole, OPERATION_KEY, ROLE_KEY, SHARED_KEY, STAGE_KEY, UNTIL_KEY};
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;

/// The longest value of a tag.
const LONGEST: usize = 256;

/// On an instance and its volume: whose it is, what it is for, and until when it may live.
pub(super) fn of_machine(scene: &Bake<'_>, role: MachineRole, until: WorldTime) -> Vec<(String, String)> {
    let name = format!("qd {} {}", role.word(), scene.plan.image_name);
    [("Name", name), (OPERATION_KEY, operation_tag(scene.claimant)), (ROLE_KEY, role.word().to_owned()), (UNTIL_KEY, until.rfc3339())]
        .map(|(key, value)| (key.to_owned(), cut(&value)))
        .to_vec()
}

/// On the image from its first moment: an image that nobody finished is known by it.
pub(super) fn of_image(scene: &Bake<'_>) -> Vec<(String, String)> {
    let own = [(OPERATION_KEY, operation_tag(scene.claimant)), (STAGE_KEY, "baked".to_owned())];
    let own = own.map(|(key, value)| (key.to_owned(), value));
    scene.plan.tags.iter().map(|(key, value)| (key.clone(), cut(value))).chain(own).collect()
}

/// On a copy: what the image says of itself, and that it passed.
pub(super) fn of_copy(scene: &Bake<'_>) -> Vec<(String, String)> {
    let seen = scene.seen.image.as_ref().and_then(|image| image.value()).and_then(Option::as_ref);
    let own = |key: &String| !matches!(key.as_str(), OPERATION_KEY | SHARED_KEY | COPIED_KEY) && !key.starts_with("aws:");
    let tags = seen.into_iter().flat_map(|image| &image.tags).filter(|(key, _)| own(key));
    tags.map(|(key, value)| (key.clone(), value.raw().to_owned())).collect()
}

/// How its gates came out: `passed: boot, http`, or `failed: http`.
pub(super) fn of_gates(scene: &Bake<'_>) -> String {
    let gates = scene.plan.gates.iter().enumerate();
    let ended = gates.filter_map(|(number, gate)| Some((gate.name.as_str(), scene.progress.gates.get(&number)?.passed)));
    let (passed, failed): (Vec<_>, Vec<_>) = ended.partition(|(_, passed)| *passed);
    let names = |list: &[(&str, bool)]| list.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    cut(&if failed.is_empty() { format!("passed: {}", names(&passed)) } else { format!("failed: {}", names(&failed)) })
}

/// Which of these are not on the image yet.
pub(super) fn missing(scene: &Bake<'_>, wanted: &[(String, String)]) -> Vec<(String, String)> {
    let image = scene.seen.image.as_ref().and_then(|image| image.value()).and_then(Option::as_ref);
    let there = |key: &str| image.and_then(|image| image.tags.get(key)).map(Untrusted::raw);
    let written = |key: &str| scene.progress.tagged.get(key).map(String::as_str);
    wanted.iter().filter(|(key, value)| there(key) != Some(value.as_str()) && written(key) != Some(value.as_str())).cloned().collect()
}

/// The tags that say that it passed.
pub(super) fn of_verified(scene: &Bake<'_>) -> Vec<(String, String)> {
    if scene.plan.gates.is_empty() {
        return Vec::new();
    }
    vec![(GATES_KEY.to_owned(), of_gates(scene)), (STAGE_KEY.to_owned(), "verified".to_owned())]
}

fn cut(value: &str) -> String {
    value.chars().take(LONGEST).collect()
}

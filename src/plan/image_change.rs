//! What a change of an image comes to: the tags that say it, or the sentence why not.

use super::bake::{GateRecord, gate_record};
use super::work_list::work_list;
use crate::domain::call::{CloudCall, ImageCall};
use crate::domain::ids::ImageId;
use crate::domain::image::{Image, ImageState};
use crate::domain::lineage::Lineage;
use crate::domain::tags::TagKeys;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::operation::command::Who;
use crate::operation::image_log::{Channel, ImageChange, ImageEntry, channels, marks, pins};
use crate::operation::image_plan::{ImagePlan, ImageStory, ImageWish, LifeStage, WantedChange};
use crate::operation::plan::Refusal;
use crate::operation::status::Estate;

/// The most characters a tag's value holds.
const TAG_LENGTH: usize = 256;

/// What a change of an image is planned from.
pub struct ImageFacts<'a> {
    /// The image that is meant.
    pub image: &'a Image,
    /// Fleets and images.
    pub estate: &'a Estate,
    /// What was made from what.
    pub lineage: &'a Lineage,
    /// What was asked for images before.
    pub log: &'a [ImageEntry],
    /// Which tags mean what.
    pub keys: &'a TagKeys,
    /// Who asks.
    pub who: &'a Who,
    /// World time.
    pub now: WorldTime,
}

/// The plan of a change.
///
/// # Errors
/// A refusal: the image is not in a state for it.
pub fn plan(wish: &ImageWish, facts: &ImageFacts<'_>) -> Result<ImagePlan, Refusal> {
    let (image, reason) = (facts.image, wish.reason.as_ref());
    if image.state == ImageState::Gone {
        return Err(Refusal::new(format!("{} does not exist any more", image.named()), "`qd images` lists what there is"));
    }
    let mut plan = ImagePlan {
        image: image.clone(),
        change: None,
        reason: wish.reason.clone(),
        calls: Vec::new(),
        notes: Vec::new(),
        work: None,
        as_of: facts.estate.as_of,
    };
    match wish.change {
        WantedChange::Verify => verify(&mut plan, facts)?,
        WantedChange::Block => block(&mut plan, facts, reason),
        WantedChange::Unblock => unblock(&mut plan, facts)?,
        WantedChange::Promote(channel) => promote(&mut plan, facts, channel)?,
        WantedChange::Pin => pin(&mut plan, facts),
        WantedChange::Unpin => unpin(&mut plan, facts),
    }
    Ok(plan)
}

fn tag(image: &ImageId, tags: Vec<(String, String)>) -> CloudCall {
    CloudCall::Image { what: Box::new(ImageCall::Tag { image: image.clone(), tags }) }
}

/// The key that is written where a meaning has several.
fn first_key(keys: &[String], ours: &str) -> String {
    keys.first().cloned().unwrap_or_else(|| ours.to_owned())
}

fn usable(image: &Image) -> Result<(), Refusal> {
    if let Some(block) = &image.blocked {
        return Err(Refusal::new(format!("{} is blocked: {}", image.named(), block.words()), "choose another image, or have the block lifted"));
    }
    match image.state {
        ImageState::Available => Ok(()),
        ImageState::Pending => Err(Refusal::new(format!("{} is still being made", image.named()), "wait until it is: `qd images` shows it")),
        ImageState::Failed | ImageState::Gone | ImageState::Unknown => {
            Err(Refusal::new(format!("{} cannot be launched", image.named()), "choose an image that is available: `qd images` lists them"))
        }
    }
}

fn is_verified(image: &Image) -> bool {
    image.stage.as_ref().is_some_and(|stage| matches!(stage.raw(), "verified" | "released"))
}

fn verify(plan: &mut ImagePlan, facts: &ImageFacts<'_>) -> Result<(), Refusal> {
    let image = facts.image;
    usable(image)?;
    if let GateRecord::Failed(said) = gate_record(image) {
        return Err(Refusal::new(
            format!("the gates of {} did not pass: {}", image.named(), said.shown()),
            "bake it again until they pass; `qd deploy … --despite-gates --reason TEXT` deploys it all the same",
        ));
    }
    if is_verified(image) {
        plan.notes.push(format!("{} is verified already", image.named()));
        return Ok(());
    }
    if gate_record(image) == GateRecord::Unknown {
        plan.notes.push("no gate ever looked at it: it is verified on your word".to_owned());
    }
    plan.change = Some(ImageChange::Verify);
    plan.calls.push(tag(&image.id, vec![(first_key(&facts.keys.stage, "qd:stage"), "verified".to_owned())]));
    Ok(())
}

fn block(plan: &mut ImagePlan, facts: &ImageFacts<'_>, reason: Option<&Untrusted>) {
    let (image, keys) = (facts.image, facts.keys);
    let own = image.blocked.as_ref().filter(|block| block.inherited_from.is_none());
    let cut = |text: &str| text.chars().take(TAG_LENGTH).collect::<String>();
    let reason = reason.map(|reason| cut(reason.raw())).unwrap_or_default();
    plan.work = Some(work_list(&image.id, facts.estate, facts.lineage));
    plan.notes.extend(facts.lineage.problems(&image.id));
    if own.is_some_and(|block| block.reason.raw() == reason) {
        plan.notes.push(format!("{} is blocked already, for the same reason", image.named()));
        return;
    }
    plan.notes.extend(own.map(|block| format!("it is blocked already: {}; the reason is replaced", block.reason.shown())));
    plan.change = Some(ImageChange::Block);
    let tags = vec![
        (first_key(&keys.blocked, "qd:blocked"), reason),
        (first_key(&keys.blocked_by, "qd:blocked-by"), cut(&facts.who.short())),
        (first_key(&keys.blocked_at, "qd:blocked-at"), facts.now.rfc3339()),
    ];
    plan.calls.push(tag(&image.id, tags));
}

fn unblock(plan: &mut ImagePlan, facts: &ImageFacts<'_>) -> Result<(), Refusal> {
    let (image, keys) = (facts.image, facts.keys);
    let Some(block) = &image.blocked else {
        plan.notes.push(format!("{} is not blocked", image.named()));
        return Ok(());
    };
    if let Some(base) = &block.inherited_from {
        return Err(Refusal::new(
            format!("{} is not blocked itself: it was {}", image.named(), block.words()),
            format!("`qd image unblock {base}` lifts that, for everything made from it"),
        ));
    }
    let all = keys.blocked.iter().chain(&keys.blocked_by).chain(&keys.blocked_at);
    let set: Vec<String> = all.filter(|key| image.tags.contains_key(*key)).cloned().collect();
    // A block that only our record knows is lifted by the same call: keys that are not there are no error.
    let keys = if set.is_empty() { vec![first_key(&facts.keys.blocked, "qd:blocked")] } else { set };
    plan.change = Some(ImageChange::Unblock);
    plan.calls.push(CloudCall::Image { what: Box::new(ImageCall::Untag { image: image.id.clone(), keys }) });
    Ok(())
}

fn promote(plan: &mut ImagePlan, facts: &ImageFacts<'_>, channel: Channel) -> Result<(), Refusal> {
    let image = facts.image;
    usable(image)?;
    let Some(app) = image.app.clone() else {
        return Err(Refusal::new(
            format!("nobody knows of which application {} is", image.named()),
            "give it the tag qd:app: channels belong to an application",
        ));
    };
    if channel != Channel::Dev && !is_verified(image) {
        return Err(Refusal::new(
            format!("{} is not verified, and only dev takes what is not", image.named()),
            format!("let its gates pass, or vouch for it: `qd image verify {} --reason TEXT`", image.id),
        ));
    }
    let now = channels(facts.log).into_iter().find(|pointer| pointer.app == app && pointer.channel == channel);
    match now {
        Some(pointer) if pointer.image == image.id => {
            plan.notes.push(format!("{} of {} points to {} already", channel.word(), app.shown(), image.named()));
            return Ok(());
        }
        Some(pointer) => plan.notes.push(format!("{} of {} points to {} now", channel.word(), app.shown(), label(facts.estate, &pointer.image))),
        None => plan.notes.push(format!("{} of {} points to nothing yet", channel.word(), app.shown())),
    }
    plan.change = Some(ImageChange::Promote { app, channel });
    Ok(())
}

fn pin(plan: &mut ImagePlan, facts: &ImageFacts<'_>) {
    if pins(facts.log).contains_key(&facts.image.id) {
        plan.notes.push(format!("{} is pinned already", facts.image.named()));
    } else {
        plan.change = Some(ImageChange::Pin);
    }
}

fn unpin(plan: &mut ImagePlan, facts: &ImageFacts<'_>) {
    if pins(facts.log).contains_key(&facts.image.id) {
        plan.change = Some(ImageChange::Unpin);
    } else {
        plan.notes.push(format!("{} is not pinned", facts.image.named()));
    }
}

/// What people call an image, with its id.
fn label(estate: &Estate, id: &ImageId) -> String {
    estate.images.iter().find(|status| status.image.id == *id).map_or_else(|| id.to_string(), |status| status.image.named())
}

/// Everything that is known of one image.
#[must_use]
pub fn story(facts: &ImageFacts<'_>) -> ImageStory {
    let (image, estate) = (facts.image, facts.estate);
    let status = estate.images.iter().find(|status| status.image.id == image.id);
    let ledgers: Vec<_> = estate
        .fleets
        .iter()
        .flat_map(|fleet| fleet.releases.iter().map(|known| (fleet.spec.name.clone(), known.clone())))
        .filter(|(_, known)| known.release.image == image.id)
        .collect();
    let (ancestors, descendants) = (facts.lineage.ancestors(&image.id), facts.lineage.descendants(&image.id));
    let related = ancestors.iter().chain(&descendants).map(|relative| &relative.image);
    let known = |id: &ImageId| estate.images.iter().map(|status| &status.image).find(|image| image.id == *id);
    let labels = related.filter_map(|id| known(id).map(|image| (id.clone(), (image.called(), image.blocked.is_some())))).collect();
    let marked = marks(facts.log).get(&image.id).copied();
    let live = status.is_some_and(|status| status.live);
    ImageStory {
        stage: stage(image, live || !ledgers.is_empty(), marked.is_some()),
        fleets: status.map(|status| status.fleets.clone()).unwrap_or_default(),
        servers: status.map_or(0, |status| status.servers),
        live,
        ledgers,
        channels: channels(facts.log).into_iter().filter(|pointer| pointer.image == image.id).collect(),
        pin: pins(facts.log).get(&image.id).map(|entry| (*entry).clone()),
        marked,
        ancestors,
        descendants,
        labels,
        problems: facts.lineage.problems(&image.id),
        history: facts.log.iter().filter(|entry| entry.image == image.id).cloned().collect(),
        work: image.blocked.is_some().then(|| work_list(&image.id, estate, facts.lineage)),
        gaps: estate.gaps.clone(),
        as_of: estate.as_of,
        image: image.clone(),
    }
}

fn stage(image: &Image, released: bool, marked: bool) -> LifeStage {
    match image.state {
        ImageState::Gone => LifeStage::Removed,
        _ if image.blocked.is_some() => LifeStage::Blocked,
        ImageState::Pending => LifeStage::Baking,
        _ if released => LifeStage::Released,
        _ if marked => LifeStage::Retired,
        _ if is_verified(image) => LifeStage::Verified,
        _ if image.stage.is_some() => LifeStage::Baked,
        _ => LifeStage::Unknown,
    }
}

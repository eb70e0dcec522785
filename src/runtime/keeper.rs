//! The keeper of images: what is known of one, and what people say of it, written down before the cloud is asked and after.

use async_trait::async_trait;

use super::cloud::Urgency;
use super::gc::{self, GcHands};
use super::office::Office;
use crate::domain::call::{CloudCall, CloudErrorKind, ImageCall};
use crate::domain::ids::ImageId;
use crate::domain::image::Image;
use crate::domain::lineage::{Lineage, is_image_id};
use crate::domain::tags::TagKeys;
use crate::domain::text::Untrusted;
use crate::operation::command::Who;
use crate::operation::event::CallOutcome;
use crate::operation::gc::{GcDone, GcPlan, GcPolicy};
use crate::operation::image_log::{ImageBody, ImageChange, ImageEntry, Pointer, is_being_removed, moves};
use crate::operation::image_plan::{ImageName, ImagePlan, ImageStory, ImageWish};
use crate::operation::plan::Refusal;
use crate::operation::status::{Estate, ImageStatus};
use crate::plan::image_change::{ImageFacts, plan, story};
use crate::plan::image_meant;
use crate::plan::retention::judge;
use crate::ports::desk::{Desk, DeskError};
use crate::ports::image_desk::ImageDesk;

/// Everything a plan about one image is made from.
struct Ground {
    image: Image,
    estate: Estate,
    lineage: Lineage,
    log: Vec<ImageEntry>,
    keys: TagKeys,
    who: Who,
}

#[async_trait]
impl ImageDesk for Office {
    async fn image_story(&self, name: &ImageName) -> Result<ImageStory, DeskError> {
        let ground = self.image_ground(name).await?;
        Ok(story(&self.facts_of(&ground)))
    }

    async fn plan_image(&self, wish: &ImageWish) -> Result<ImagePlan, DeskError> {
        let ground = self.image_ground(&wish.name).await?;
        let mut plan = plan(wish, &self.facts_of(&ground))?;
        if let Some(work) = &mut plan.work {
            work.gaps.clone_from(&ground.estate.gaps);
        }
        Ok(plan)
    }

    async fn change_image(&self, plan: &ImagePlan) -> Result<String, DeskError> {
        self.may_write()?;
        let Some(change) = &plan.change else { return Ok(plan.notes.join("; ")) };
        let image = &plan.image.id;
        if is_being_removed(&self.whole_image_log()?, image) && !matches!(change, ImageChange::Pin) {
            return Err(Refusal::new(format!("{image} is being removed by `qd gc`"), format!("`qd image pin {image} --reason TEXT` keeps it")).into());
        }
        let body = ImageBody::Asked { change: change.clone(), calls: plan.calls.clone() };
        let asked = self.store.add_image_entry(&self.image_entry(image, plan.reason.clone(), body).await)?;
        for (number, call) in plan.calls.iter().enumerate() {
            self.make_image_call(image, asked, number, call).await?;
        }
        Ok(format!("{}: {}", plan.image.named(), change.done()))
    }

    async fn plan_gc(&self, policy: &GcPolicy) -> Result<GcPlan, DeskError> {
        let policy = self.scaled(policy);
        Ok(judge(&GcHands::facts(self, &policy).await?, &policy))
    }

    async fn collect(&self, policy: &GcPolicy) -> Result<GcDone, DeskError> {
        self.may_write()?;
        gc::apply(self, &self.scaled(policy)).await
    }

    fn channel_moves(&self) -> Result<Vec<Pointer>, DeskError> {
        Ok(moves(&self.whole_image_log()?))
    }
}

impl Office {
    async fn image_ground(&self, name: &ImageName) -> Result<Ground, DeskError> {
        let mut estate = self.estate().await?;
        self.add_unlisted(&mut estate, name).await?;
        let mut images: Vec<Image> = estate.images.iter().map(|status| status.image.clone()).collect();
        let (ancestors, gaps) = self.outside_ancestors(&images).await;
        estate.gaps.extend(gaps);
        self.inherit_among(&mut images).await;
        for (status, image) in estate.images.iter_mut().zip(&images) {
            status.image.blocked.clone_from(&image.blocked);
        }
        let image = image_meant(&images, name.app.as_deref(), &name.wanted)?.clone();
        let lineage = Lineage::of(&images, &ancestors);
        Ok(Ground { image, estate, lineage, log: self.whole_image_log()?, keys: self.tag_keys()?, who: self.who().await })
    }

    /// An image that is named by its id and not listed is fetched, whoever owns it.
    async fn add_unlisted(&self, estate: &mut Estate, name: &ImageName) -> Result<(), DeskError> {
        let id = ImageId::new(&name.wanted);
        if !is_image_id(&name.wanted) || estate.images.iter().any(|status| status.image.id == id) {
            return Ok(());
        }
        let Some(image) = self.cloud.reader(Urgency::Opened).image(&id).await? else { return Ok(()) };
        let runs = |fleet: &&crate::operation::status::FleetStatus| fleet.mix.iter().any(|part| part.image.as_ref() == Some(&id));
        let fleets = estate.fleets.iter().filter(runs).map(|fleet| fleet.spec.name.clone()).collect();
        let servers =
            estate.fleets.iter().flat_map(|fleet| &fleet.mix).filter(|part| part.image.as_ref() == Some(&id)).map(|part| part.servers).sum();
        estate.images.push(ImageStatus { image, fleets, servers, live: false });
        Ok(())
    }

    fn facts_of<'a>(&self, ground: &'a Ground) -> ImageFacts<'a> {
        ImageFacts {
            image: &ground.image,
            estate: &ground.estate,
            lineage: &ground.lineage,
            log: &ground.log,
            keys: &ground.keys,
            who: &ground.who,
            now: ground.estate.as_of,
        }
    }

    /// What is recorded of images, if all of it can be read.
    pub(super) fn whole_image_log(&self) -> Result<Vec<ImageEntry>, DeskError> {
        let log = self.store.image_log()?;
        match log.damage.first() {
            Some(damage) => Err(DeskError::other(damage.clone(), "a pin or a channel may be in it: bring the store back from a copy")),
            None => Ok(log.entries),
        }
    }

    pub(super) async fn image_entry(&self, image: &ImageId, reason: Option<Untrusted>, body: ImageBody) -> ImageEntry {
        let at = self.read_clock().await.unwrap_or_else(|_| Self::now(self));
        ImageEntry { seq: 0, image: image.clone(), at, by: self.who().await, reason, body }
    }

    /// Makes a call whose intent is written down, and writes down what came of it. One without an answer is found out by looking.
    pub(super) async fn make_image_call(&self, image: &ImageId, asked: u64, number: usize, call: &CloudCall) -> Result<(), DeskError> {
        let answer = self.cloud.writer(false).call(call).await;
        let outcome = match &answer {
            Ok(reply) => CallOutcome::Accepted(reply.clone()),
            Err(error) if error.kind == CloudErrorKind::OutcomeUnknown => CallOutcome::Unknown { message: error.message.clone() },
            Err(error) => CallOutcome::Refused { kind: error.kind, message: error.message.clone() },
        };
        self.note_outcome(image, asked, number, outcome).await?;
        match answer {
            Ok(_) => Ok(()),
            Err(error) if error.kind == CloudErrorKind::OutcomeUnknown && self.shows(call).await => {
                self.note_outcome(image, asked, number, CallOutcome::Accepted(crate::domain::call::CallReply::default())).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn note_outcome(&self, image: &ImageId, asked: u64, call: usize, outcome: CallOutcome) -> Result<(), DeskError> {
        let body = ImageBody::Called { asked, call, outcome };
        self.store.add_image_entry(&self.image_entry(image, None, body).await)?;
        Ok(())
    }

    /// The cloud shows what a call was to bring about.
    async fn shows(&self, call: &CloudCall) -> bool {
        let CloudCall::Image { what } = call else { return false };
        let (ImageCall::Tag { image, .. } | ImageCall::Untag { image, .. } | ImageCall::Protect { image } | ImageCall::Deregister { image }) =
            what.as_ref()
        else {
            return false;
        };
        let Ok(seen) = self.cloud.reader(Urgency::Opened).image(image).await else { return false };
        match (what.as_ref(), seen) {
            (ImageCall::Tag { tags, .. }, Some(seen)) => tags.iter().all(|(key, value)| seen.tags.get(key).is_some_and(|tag| tag.raw() == value)),
            (ImageCall::Untag { keys, .. }, Some(seen)) => !keys.iter().any(|key| seen.tags.contains_key(key)),
            (ImageCall::Protect { .. }, Some(seen)) => seen.origin.protected,
            (ImageCall::Deregister { .. }, seen) => seen.is_none(),
            _ => false,
        }
    }
}

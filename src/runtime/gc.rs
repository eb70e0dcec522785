//! `qd gc`: facts, a verdict on every image, and with `--apply` marks, and the removal of what was marked for long enough.
//!
//! Everything is looked at anew in the run that removes. Between two removals facts are read again once they are a few minutes old, and in the
//! transaction that writes an intent down nothing of the store may name the image. A run that dies anywhere is followed by one that goes on.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::cloud::Urgency;
use super::office::Office;
use crate::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind, ImageCall};
use crate::domain::ids::ImageId;
use crate::domain::image::Image;
use crate::domain::time::WorldTime;
use crate::operation::event::CallOutcome;
use crate::operation::gc::{FRESH_FACTS, GcDone, GcPlan, GcPolicy, ImageVerdict, Verdict};
use crate::operation::image_log::{ImageBody, ImageChange};
use crate::operation::plan::Refusal;
use crate::plan::retention::{RetentionFacts, candidates, judge, snapshots_in_question};
use crate::ports::desk::DeskError;

/// So many questions are asked at the same time.
const AT_ONCE: usize = 8;

/// What a run works with: a cloud, a store and a clock.
#[async_trait]
pub trait GcHands: Send + Sync {
    /// Reads everything a run is decided from, now.
    async fn facts(&self, policy: &GcPolicy) -> Result<RetentionFacts, DeskError>;

    /// World time.
    async fn now(&self) -> WorldTime;

    /// Writes an entry about an image down; the answer is its number.
    async fn write(&self, image: &ImageId, body: ImageBody) -> Result<u64, DeskError>;

    /// Writes the intent to remove an image down, if nothing that is written down needs it.
    async fn begin_removal(&self, image: &ImageId, body: ImageBody) -> Result<u64, DeskError>;

    /// Makes a call once.
    async fn call(&self, call: &CloudCall) -> Result<CallReply, CloudError>;

    /// Whether the cloud says that the image does not exist.
    async fn is_gone(&self, image: &ImageId) -> bool;
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Well,
    Badly,
    /// Nothing else will go better.
    Hopeless,
}

struct Run<'a> {
    hands: &'a dyn GcHands,
    policy: &'a GcPolicy,
    done: GcDone,
}

/// Marks what nobody needs and removes what was marked for long enough.
///
/// # Errors
/// A refusal where facts are incomplete, too old, or a bake runs: nothing was changed. Otherwise what could not be read or written down.
pub async fn apply(hands: &dyn GcHands, policy: &GcPolicy) -> Result<GcDone, DeskError> {
    let plan = judge(&hands.facts(policy).await?, policy);
    if !plan.obstacles.is_empty() {
        let why = format!("nothing is removed: {}", plan.obstacles.join("; "));
        return Err(Refusal::new(why, "run it again once that is over; without --apply it shows what it found").into());
    }
    let mut run = Run { hands, policy, done: GcDone::default() };
    run.mark(&plan).await?;
    run.protect(&plan).await?;
    if run.remove(plan).await? != Ended::Hopeless {
        run.sweep().await?;
    }
    Ok(run.done)
}

impl Run<'_> {
    async fn mark(&mut self, plan: &GcPlan) -> Result<(), DeskError> {
        for (image, why) in &plan.unmark {
            let change = ImageChange::Unmark { why: why.clone() };
            self.hands.write(image, ImageBody::Asked { change, calls: Vec::new() }).await?;
            self.done.unmarked.push(image.clone());
        }
        for image in plan.with(|verdict| *verdict == Verdict::Mark) {
            self.hands.write(&image.image, ImageBody::Asked { change: ImageChange::Mark, calls: Vec::new() }).await?;
            self.done.marked.push(image.image.clone());
        }
        Ok(())
    }

    /// Best effort: what does not work is said, and hinders nothing.
    async fn protect(&mut self, plan: &GcPlan) -> Result<(), DeskError> {
        for image in &plan.protect {
            let call = wrapped(ImageCall::Protect { image: image.clone() });
            let asked = self.hands.write(image, ImageBody::Asked { change: ImageChange::Protect, calls: vec![call.clone()] }).await?;
            match self.make(image, asked, 0, &call).await? {
                Ended::Well => self.done.protected.push(image.clone()),
                Ended::Badly => {}
                Ended::Hopeless => return Ok(()),
            }
        }
        Ok(())
    }

    async fn remove(&mut self, mut plan: GcPlan) -> Result<Ended, DeskError> {
        let ripe: Vec<ImageId> = plan.with(|verdict| *verdict == Verdict::Remove).map(|image| image.image.clone()).collect();
        for image in ripe {
            if self.hands.now().await.since(plan.as_of) > FRESH_FACTS {
                plan = judge(&self.hands.facts(self.policy).await?, self.policy);
                if let Some(obstacle) = plan.obstacles.first() {
                    self.done.troubles.push(format!("nothing more is removed: {obstacle}"));
                    return Ok(Ended::Hopeless);
                }
            }
            let Some(found) = plan.images.iter().find(|found| found.image == image && found.verdict == Verdict::Remove).cloned() else { continue };
            if self.remove_one(&found).await? == Ended::Hopeless {
                return Ok(Ended::Hopeless);
            }
        }
        Ok(Ended::Well)
    }

    async fn remove_one(&mut self, found: &ImageVerdict) -> Result<Ended, DeskError> {
        let image = &found.image;
        let going = found.snapshots.iter().filter(|snapshot| snapshot.stays.is_none());
        let mut calls = vec![wrapped(ImageCall::Deregister { image: image.clone() })];
        calls.extend(going.clone().map(|snapshot| wrapped(ImageCall::DeleteSnapshot { snapshot: snapshot.id.clone() })));
        let change = ImageChange::Remove { snapshots: found.snapshots.iter().map(|snapshot| snapshot.id.clone()).collect() };
        let asked = match self.hands.begin_removal(image, ImageBody::Asked { change, calls: calls.clone() }).await {
            Ok(asked) => asked,
            Err(DeskError::Refused(refusal)) => {
                // Somebody began to need it a moment ago: the next run takes its mark away.
                self.done.troubles.push(refusal.reason);
                return Ok(Ended::Badly);
            }
            Err(error) => return Err(error),
        };
        let mut calls = calls.iter().enumerate();
        if let Some((number, call)) = calls.next() {
            match self.make(image, asked, number, call).await? {
                Ended::Well => self.done.removed.push(image.clone()),
                ended => return Ok(ended),
            }
        }
        for ((number, call), snapshot) in calls.zip(going) {
            if self.make(image, asked, number, call).await? == Ended::Well {
                self.done.snapshots.push(snapshot.id.clone());
                self.done.bytes += snapshot.bytes.unwrap_or(0);
            }
        }
        Ok(Ended::Well)
    }

    /// Snapshots that stayed behind, by facts read after the images went.
    async fn sweep(&mut self) -> Result<(), DeskError> {
        let plan = judge(&self.hands.facts(self.policy).await?, self.policy);
        if !plan.obstacles.is_empty() {
            return Ok(());
        }
        for (image, snapshot) in plan.sweep {
            let call = wrapped(ImageCall::DeleteSnapshot { snapshot: snapshot.clone() });
            let asked = self.hands.write(&image, ImageBody::Asked { change: ImageChange::Sweep, calls: vec![call.clone()] }).await?;
            if self.make(&image, asked, 0, &call).await? == Ended::Well {
                self.done.snapshots.push(snapshot);
            }
        }
        Ok(())
    }

    /// Makes a call whose intent is written down, and writes down what came of it. A removal without an answer is found out by looking.
    async fn make(&mut self, image: &ImageId, asked: u64, number: usize, call: &CloudCall) -> Result<Ended, DeskError> {
        let answer = self.hands.call(call).await;
        let outcome = match &answer {
            Ok(reply) => CallOutcome::Accepted(reply.clone()),
            Err(error) if error.kind == CloudErrorKind::OutcomeUnknown => CallOutcome::Unknown { message: error.message.clone() },
            Err(error) => CallOutcome::Refused { kind: error.kind, message: error.message.clone() },
        };
        self.hands.write(image, ImageBody::Called { asked, call: number, outcome }).await?;
        let Err(error) = answer else { return Ok(Ended::Well) };
        let deregisters = matches!(call, CloudCall::Image { what } if matches!(what.as_ref(), ImageCall::Deregister { .. }));
        if error.kind == CloudErrorKind::OutcomeUnknown && deregisters && self.hands.is_gone(image).await {
            let outcome = CallOutcome::Accepted(CallReply::default());
            self.hands.write(image, ImageBody::Called { asked, call: number, outcome }).await?;
            return Ok(Ended::Well);
        }
        self.done.troubles.push(format!("{image}: {error}"));
        let hopeless = matches!(error.kind, CloudErrorKind::Auth | CloudErrorKind::Denied | CloudErrorKind::Unsupported | CloudErrorKind::Network);
        Ok(if hopeless { Ended::Hopeless } else { Ended::Badly })
    }
}

#[async_trait]
impl GcHands for Office {
    async fn facts(&self, policy: &GcPolicy) -> Result<RetentionFacts, DeskError> {
        let reader = self.cloud.image_reader();
        let (images, uses, snapshots) = tokio::join!(reader.own_images(), reader.image_uses(), reader.own_snapshots());
        // What is written down here is read last: what is begun after it finds out in its own transaction that an image goes.
        let mut facts = RetentionFacts {
            images: images?,
            uses: uses?,
            snapshots: snapshots?,
            named: self.store.named_images()?,
            log: self.whole_image_log()?,
            running_bakes: self.store.running_bakes()?,
            shared: BTreeMap::new(),
            snapshots_shared: BTreeMap::new(),
            now: self.read_clock().await?,
        };
        let chosen: Vec<Image> = candidates(&facts, policy).into_iter().cloned().collect();
        let in_question = snapshots_in_question(&facts, &chosen.iter().collect::<Vec<_>>());
        facts.shared = asked_about(chosen.into_iter().map(|image| image.id), |image| {
            let reader = reader.clone();
            async move { reader.shared_with(&image).await.map_err(|error| error.to_string()) }
        })
        .await;
        facts.snapshots_shared = asked_about(in_question, |snapshot| {
            let reader = reader.clone();
            async move { reader.snapshot_shared_with(&snapshot).await.map_err(|error| error.to_string()) }
        })
        .await;
        Ok(facts)
    }

    async fn now(&self) -> WorldTime {
        self.read_clock().await.unwrap_or_else(|_| Self::now(self))
    }

    async fn write(&self, image: &ImageId, body: ImageBody) -> Result<u64, DeskError> {
        Ok(self.store.add_image_entry(&self.image_entry(image, None, body).await)?)
    }

    async fn begin_removal(&self, image: &ImageId, body: ImageBody) -> Result<u64, DeskError> {
        Ok(self.store.begin_removal(&self.image_entry(image, None, body).await)?)
    }

    async fn call(&self, call: &CloudCall) -> Result<CallReply, CloudError> {
        self.cloud.writer(false).call(call).await
    }

    async fn is_gone(&self, image: &ImageId) -> bool {
        matches!(self.cloud.reader(Urgency::Opened).image(image).await, Ok(None))
    }
}

impl Office {
    /// For tests the wait is shorter by what every wait is.
    pub(super) fn scaled(&self, policy: &GcPolicy) -> GcPolicy {
        GcPolicy { wait: policy.wait.scaled(self.settings.time_scale), ..*policy }
    }
}

/// Asks about each, some at the same time.
async fn asked_about<K, V, F>(keys: impl IntoIterator<Item = K>, ask: impl Fn(K) -> F) -> BTreeMap<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + 'static,
    F: Future<Output = V> + Send + 'static,
{
    let keys: Vec<K> = keys.into_iter().collect();
    let mut answers = BTreeMap::new();
    for some in keys.chunks(AT_ONCE) {
        let mut asked = JoinSet::new();
        for key in some.iter().cloned() {
            let answer = ask(key.clone());
            asked.spawn(async move { (key, answer.await) });
        }
        while let Some(done) = asked.join_next().await {
            answers.extend(done.ok());
        }
    }
    answers
}

fn wrapped(call: ImageCall) -> CloudCall {
    CloudCall::Image { what: Box::new(call) }
}

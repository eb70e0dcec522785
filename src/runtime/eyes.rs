//! What a driver sees with, for each kind of work.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;

use super::bake_log::BakeLog;
use super::cloud::{Cloud, Urgency};
use super::gauges::Gauges;
use super::notifier::Notifier;
use super::packer_run::SharedSeat;
use crate::adapters::host;
use crate::domain::bake::BakeLook;
use crate::domain::ids::ImageId;
use crate::domain::observation::{Depth, FleetObservation};
use crate::domain::reading::Reading;
use crate::domain::time::{BootTime, Millis, WorldTime};
use crate::operation::bake::{BakePlan, BakeProgress};
use crate::operation::notice::{Notice, NoticeKind};
use crate::operation::packer::{BakeSeen, PackerPlan};
use crate::operation::plan::{OperationKind, Plan};
use crate::operation::progress::Progress;
use crate::operation::record::Operation;
use crate::operation::work::Driven;
use crate::ports::bake::BakeRead;
use crate::ports::cloud::CloudRead;

/// How often the image is asked for while servers of it are missing.
const ASK_FOR_IMAGE: Millis = Millis::secs(5);

/// What every driver looks with.
pub(super) struct Eyes {
    pub(super) read: Arc<dyn CloudRead>,
    /// For the look a fast rollback's write waits for: other drivers' reads must not use up what it needs.
    first_look: Arc<dyn CloudRead>,
    bakes: Arc<dyn BakeRead>,
    gauges: Gauges,
    log: BakeLog,
    packer: Option<SharedSeat>,
    /// When the image was last asked for, and whether it was said not to exist.
    image_asked: Option<(BootTime, bool)>,
}

impl Eyes {
    pub(super) fn new(cloud: &Cloud, log: BakeLog, packer: Option<SharedSeat>) -> Self {
        Self {
            read: cloud.reader(Urgency::Driver),
            first_look: cloud.reader(Urgency::FirstLook),
            bakes: cloud.bake_reader(),
            gauges: Gauges::new(cloud.metrics_reader()),
            log,
            packer,
            image_asked: None,
        }
    }
}

/// Work whose driver runs as a process: how it looks, and whom it tells.
#[async_trait]
pub(super) trait Watched: Driven {
    /// One look at the world.
    async fn see(eyes: &mut Eyes, operation: &Operation<Self>, look: Self::Look) -> Self::Seen;

    /// Tells people who are not looking.
    fn tell(notifier: &Notifier, kind: NoticeKind, operation: &Operation<Self>, progress: &Self::Progress, at: WorldTime, text: Option<&str>);

    /// Whether its writes are those of a way back, which come before all others.
    fn is_urgent(&self) -> bool;

    /// What Packer does of it, if it does any of it.
    fn packer(&self) -> Option<&PackerPlan> {
        None
    }
}

#[async_trait]
impl Watched for Plan {
    async fn see(eyes: &mut Eyes, operation: &Operation<Self>, depth: Depth) -> FleetObservation {
        let reader = if depth.is_full() { &eyes.read } else { &eyes.first_look };
        let seen = reader.observe(&operation.plan.scope, depth).await;
        let image_gone = image_gone(eyes, &operation.plan, &seen).await;
        let metrics = eyes.gauges.read(&operation.plan, &seen).await;
        FleetObservation { image_gone, metrics, ..seen }
    }

    fn tell(notifier: &Notifier, kind: NoticeKind, operation: &Operation<Self>, progress: &Progress, at: WorldTime, text: Option<&str>) {
        notifier.tell(kind, operation, progress, at, text);
    }

    fn is_urgent(&self) -> bool {
        self.kind == OperationKind::Rollback
    }
}

/// The image that is launched, where servers of it are missing because it does not exist. Asked only where servers are missing.
async fn image_gone(eyes: &mut Eyes, plan: &Plan, seen: &FleetObservation) -> Option<ImageId> {
    let to = &plan.to;
    let group = seen.group(to.slot)?;
    if group.staying() >= group.sizes.desired {
        return None;
    }
    let due = eyes.image_asked.is_none_or(|(at, _)| host::boot_now().since(at) >= ASK_FOR_IMAGE);
    if due {
        // What cannot be read changes nothing.
        let gone = eyes.read.image(&to.image).await.map_or_else(|_| eyes.image_asked.is_some_and(|(_, gone)| gone), |image| image.is_none());
        eyes.image_asked = Some((host::boot_now(), gone));
    }
    eyes.image_asked.is_some_and(|(_, gone)| gone).then(|| to.image.clone())
}

#[async_trait]
impl Watched for BakePlan {
    /// What the console holds is kept in the bake's log, whose bytes everybody counts.
    async fn see(eyes: &mut Eyes, _operation: &Operation<Self>, look: BakeLook) -> BakeSeen {
        let instance = look.console.clone();
        let mut seen = eyes.bakes.observe_bake(&look).await;
        if let (Some(instance), Some(Reading::Known { value, .. })) = (instance, &mut seen.console) {
            match eyes.log.keep(&instance, value, look.heard) {
                Ok(unheard) => *value = unheard,
                Err(error) => seen.console = Some(Reading::unknown(format!("the bake's log cannot be read: {error}"))),
            }
        }
        let heard = eyes.packer.as_ref().zip(look.packer);
        let packer = heard.map(|(seat, heard)| seat.lock().unwrap_or_else(PoisonError::into_inner).news(heard, &mut eyes.log, seen.at));
        BakeSeen { cloud: seen, packer }
    }

    fn tell(notifier: &Notifier, kind: NoticeKind, operation: &Operation<Self>, progress: &BakeProgress, at: WorldTime, text: Option<&str>) {
        notifier.tell_of_bake(&Notice::of_bake(kind, operation, progress, at, text));
    }

    fn is_urgent(&self) -> bool {
        false
    }

    fn packer(&self) -> Option<&PackerPlan> {
        self.packer.as_ref()
    }
}

//! The desk over AWS for the screen: it is there before the first call, with the rows of the store that was used last.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::bake_log::{kept_log, waves_said};
use super::cloud::Cloud;
use super::office::Office;
use super::wiring::Wiring;
use crate::adapters::aws::{AwsCloud, AwsSettings};
use crate::adapters::host;
use crate::adapters::store::{Store, StoreBudget};
use crate::domain::alarms::FleetAlarms;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::recipe::Recipe;
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::{Millis, WorldTime};
use crate::operation::bake::{BakeAnswer, BakePlan, BakeView, BakeWish, Behind};
use crate::operation::command::CommandKind;
use crate::operation::freeze::Freeze;
use crate::operation::gc::{GcDone, GcPlan, GcPolicy};
use crate::operation::image_log::Pointer;
use crate::operation::image_plan::{ImageName, ImagePlan, ImageStory, ImageWish};
use crate::operation::intent::Intent;
use crate::operation::plan::Plan;
use crate::operation::proof::Rehearsal;
use crate::operation::record::OperationView;
use crate::operation::sighting::Sighting;
use crate::operation::status::Estate;
use crate::plan::estate::estate;
use crate::ports::cloud::CloudRead;
use crate::ports::desk::{Desk, DeskError, FleetDetail, Header, KnownRecipe, Seen, Sources};
use crate::ports::image_desk::ImageDesk;

/// The desk over AWS. Connecting waits for the first question that needs the network.
pub struct AwsDesk {
    wiring: Wiring,
    /// The store these options led to last time.
    remembered: Option<Arc<Store>>,
    office: OnceCell<Arc<Office>>,
}

impl AwsDesk {
    /// A desk that connects when it has to.
    #[must_use]
    pub fn new(wiring: Wiring) -> Self {
        let remembered =
            wiring.remembered_store_dir().filter(|dir| dir.join("store.sqlite").exists()).and_then(|dir| Store::open(&dir).ok()).map(Arc::new);
        Self { wiring, remembered, office: OnceCell::new() }
    }

    async fn office(&self) -> Result<&Arc<Office>, DeskError> {
        self.office.get_or_try_init(|| self.wiring.aws_office()).await
    }

    /// The office of an account that is known already.
    fn connected(&self) -> Result<&Arc<Office>, DeskError> {
        self.office.get().ok_or_else(|| DeskError::other("the account is not known yet", "wait for the first reading and try again"))
    }

    fn store(&self) -> Option<&Arc<Store>> {
        self.office.get().map(|office| &office.store).or(self.remembered.as_ref())
    }
}

impl Wiring {
    /// Connects, finds out which account it is, and opens that account's store.
    ///
    /// # Errors
    /// No credentials, no region, an endpoint that does not answer, or a store that cannot be opened.
    pub async fn aws_office(&self) -> Result<Arc<Office>, DeskError> {
        let settings = AwsSettings {
            profile: self.options.profile.clone(),
            region: self.options.region.clone(),
            endpoint_url: self.options.endpoint_url.clone(),
            image_owners: self.image_owners(),
            tag_keys: self.fleets.tags.clone(),
        };
        let cloud = AwsCloud::connect(&settings).await?;
        let identity = cloud.identity().await?;
        let name = format!("aws-{}-{}", identity.account, identity.region);
        let store = Arc::new(Store::open(&self.places.state_dir.join(&name))?);
        self.remember_store(&name);
        let cloud = cloud.with_budget(Arc::new(StoreBudget::new(store.clone(), self.time_scale)));
        Ok(Arc::new(Office::with_identity(Cloud::Aws(cloud), store, self.office_settings(), identity)))
    }

    fn image_owners(&self) -> Vec<String> {
        if self.fleets.image_owners.is_empty() { vec!["self".to_owned()] } else { self.fleets.image_owners.clone() }
    }

    /// Options and environment that decide which account it is, without asking anybody.
    fn account_key(&self) -> String {
        let env = |name: &str| std::env::var(name).unwrap_or_default();
        let given = |option: &Option<String>| option.clone().unwrap_or_default();
        let parts = [
            given(&self.options.profile),
            given(&self.options.region),
            given(&self.options.endpoint_url),
            env("AWS_PROFILE"),
            env("AWS_REGION"),
            env("AWS_DEFAULT_REGION"),
            env("AWS_ACCESS_KEY_ID"),
            env("AWS_ENDPOINT_URL"),
        ];
        crate::operation::plan::hex_digest(parts.join("|").as_bytes(), 8)
    }

    /// The directory these options led to last time. Only rows are drawn from it: nothing is written before the account is known.
    fn remembered_store_dir(&self) -> Option<std::path::PathBuf> {
        let name = std::fs::read_to_string(self.places.state_dir.join(format!("last-{}", self.account_key()))).ok()?;
        let name = name.trim();
        let plain = name.starts_with("aws-") && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        plain.then(|| self.places.state_dir.join(name))
    }

    fn remember_store(&self, name: &str) {
        let path = self.places.state_dir.join(format!("last-{}", self.account_key()));
        if std::fs::read_to_string(&path).is_ok_and(|known| known == name) {
            return;
        }
        if let Err(error) = std::fs::write(&path, name) {
            tracing::warn!("{} was not written: {error}", path.display());
        }
    }

    fn said_region(&self) -> String {
        let env = |name: &str| std::env::var(name).ok().filter(|region| !region.is_empty());
        let region = self.options.region.clone().or_else(|| env("AWS_REGION")).or_else(|| env("AWS_DEFAULT_REGION"));
        region.map_or_else(|| "?".to_owned(), |region| escape(&region))
    }
}

#[async_trait]
impl Desk for AwsDesk {
    fn header(&self) -> Header {
        match self.office.get() {
            Some(office) => office.header(),
            None => Header {
                place: self.wiring.said_region(),
                account: None,
                caller: None,
                simulated: false,
                read_only: self.wiring.options.read_only,
                credentials_end: None,
                time_scale: self.wiring.time_scale,
                store: "?".to_owned(),
                user: host::who("".into()).short(),
            },
        }
    }

    fn now(&self) -> WorldTime {
        host::wall_now()
    }

    fn last_known(&self) -> Result<Option<Estate>, DeskError> {
        if let Some(office) = self.office.get() {
            return office.last_known();
        }
        let Some(store) = &self.remembered else { return Ok(None) };
        let Some(seen) = store.snapshot()? else { return Ok(None) };
        let specs = super::gather::fleets_in(&self.wiring.fleets.fleets, &seen.groups, seen.routes.as_ref(), &self.wiring.fleets.tags);
        let records = super::gather::records(store, &specs, seen.as_of)?;
        Ok(Some(estate(&Sighting { specs, ..seen }, &records)))
    }

    fn sources(&self) -> Result<Sources, DeskError> {
        self.wiring.ground().sources(self.store().map(AsRef::as_ref))
    }

    async fn estate(&self) -> Result<Estate, DeskError> {
        self.office().await?.estate().await
    }

    async fn alarms(&self) -> Result<FleetAlarms, DeskError> {
        self.office().await?.alarms().await
    }

    async fn fleet(&self, name: &FleetName) -> Result<FleetDetail, DeskError> {
        self.office().await?.fleet(name).await
    }

    fn store_version(&self) -> Result<u64, DeskError> {
        self.store().map_or(Ok(0), |store| Ok(store.version()?))
    }

    fn operations(&self, finished: usize) -> Result<Vec<OperationView>, DeskError> {
        self.store().map_or_else(|| Ok(Vec::new()), |store| Ok(store.operations(finished)?))
    }

    async fn plan(&self, intent: &Intent) -> Result<Plan, DeskError> {
        self.office().await?.plan(intent).await
    }

    async fn execute(&self, intent: &Intent, plan: &Plan, reason: Option<Untrusted>, typed: Option<Untrusted>) -> Result<OperationId, DeskError> {
        self.office().await?.execute(intent, plan, reason, typed).await
    }

    async fn command(
        &self,
        operation: &OperationId,
        kind: CommandKind,
        seen: Seen,
        reason: Option<Untrusted>,
        typed: Option<Untrusted>,
    ) -> Result<String, DeskError> {
        self.office().await?.command(operation, kind, seen, reason, typed).await
    }

    async fn rehearse(&self, intent: &Intent) -> Result<Rehearsal, DeskError> {
        self.office().await?.rehearse(intent).await
    }

    async fn take_over(&self, id: &OperationId) -> Result<(), DeskError> {
        self.office().await?.take_over(id).await
    }

    async fn freeze(&self, fleet: Option<&FleetName>, length: Millis, reason: Untrusted) -> Result<Freeze, DeskError> {
        self.office().await?.freeze(fleet, length, reason).await
    }

    async fn unfreeze(&self, fleet: Option<&FleetName>, reason: Option<Untrusted>) -> Result<Option<Freeze>, DeskError> {
        self.office().await?.unfreeze(fleet, reason).await
    }

    fn bakes(&self, finished: usize) -> Result<Vec<BakeView>, DeskError> {
        self.store().map_or_else(|| Ok(Vec::new()), |store| Ok(store.bakes(finished)?))
    }

    async fn plan_bake(&self, wish: &BakeWish) -> Result<BakeAnswer, DeskError> {
        self.office().await?.plan_bake(wish).await
    }

    async fn begin_bake(&self, plan: &BakePlan, reason: Option<Untrusted>) -> Result<OperationId, DeskError> {
        self.office().await?.begin_bake(plan, reason).await
    }

    async fn behind(&self, recipes: &[Recipe]) -> Result<Vec<Behind>, DeskError> {
        self.office().await?.behind(recipes).await
    }

    fn bake_log(&self, id: &OperationId, from: u64) -> Result<Vec<u8>, DeskError> {
        self.store().map_or_else(|| Ok(Vec::new()), |store| kept_log(store, id, from))
    }

    fn recipes(&self) -> Result<Vec<KnownRecipe>, DeskError> {
        self.wiring.ground().recipes()
    }

    fn waves_said(&self) -> Result<Option<String>, DeskError> {
        self.store().map_or(Ok(None), |store| waves_said(store))
    }

    fn rebake(&self, recipes: &[PathBuf], wave: u16, reason: Option<&Untrusted>) -> Result<(), DeskError> {
        self.connected()?.rebake(recipes, wave, reason)
    }
}

#[async_trait]
impl ImageDesk for AwsDesk {
    async fn image_story(&self, name: &ImageName) -> Result<ImageStory, DeskError> {
        self.office().await?.image_story(name).await
    }

    async fn plan_image(&self, wish: &ImageWish) -> Result<ImagePlan, DeskError> {
        self.office().await?.plan_image(wish).await
    }

    async fn change_image(&self, plan: &ImagePlan) -> Result<String, DeskError> {
        self.office().await?.change_image(plan).await
    }

    async fn plan_gc(&self, policy: &GcPolicy) -> Result<GcPlan, DeskError> {
        self.office().await?.plan_gc(policy).await
    }

    async fn collect(&self, policy: &GcPolicy) -> Result<GcDone, DeskError> {
        self.office().await?.collect(policy).await
    }

    fn channel_moves(&self) -> Result<Vec<Pointer>, DeskError> {
        self.connected()?.channel_moves()
    }
}

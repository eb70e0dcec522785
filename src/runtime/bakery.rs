//! What only bakes ask of an office: their plans, their begin, the sweep, and which images are behind their base.

use std::collections::BTreeMap;
use std::path::Path;

use super::bake_log::kept_log;
use super::cloud::{Cloud, Urgency};
use super::launch::start_driver;
use super::office::Office;
use super::packer_run::{PROGRAM, PackerSeat};
use crate::adapters::packer::found;
use crate::adapters::store::NewOperation;
use crate::domain::bake::{BakeLook, BaseImage, Leftover, days_behind};
use crate::domain::ids::{ImageId, OperationId};
use crate::domain::image::Image;
use crate::domain::recipe::{Base, Recipe};
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::operation::bake::{ALL_STEPS, BakeAnswer, BakePlan, BakeWish, Behind};
use crate::operation::packer::PackerPlan;
use crate::operation::plan::{Check, CheckLevel, Refusal};
use crate::plan::bake::{BakeFacts, plan, sweep};
use crate::plan::behind::newest_of_each;
use crate::ports::desk::DeskError;

impl Office {
    pub(super) async fn plan_a_bake(&self, wish: &BakeWish) -> Result<BakeAnswer, DeskError> {
        let as_of = self.read_clock().await?;
        let bases = self.cloud.bake_reader().base_images(&wish.recipe.base).await?;
        let images = self.images(Urgency::Opened).await?;
        let (setting, place, history) = (self.setting(), self.bake_place().await?, self.bake_history(&wish.recipe.name)?);
        let mut answer = plan(wish, &BakeFacts { setting: &setting, place, bases: &bases, images: &images, history: &history, as_of })?;
        if let BakeAnswer::Bake(plan) = &mut answer
            && let Err(refusal) = self.runs_packer(plan)
        {
            plan.checks.push(Check::new(CheckLevel::Warning, refusal.reason));
        }
        Ok(answer)
    }

    /// Packer is needed where the work is begun, and something that it can talk to.
    fn runs_packer(&self, plan: &BakePlan) -> Result<(), Refusal> {
        if plan.packer.is_none() {
            return Ok(());
        }
        if matches!(self.cloud, Cloud::Sim(_)) {
            let why = "Packer talks to AWS itself, and the simulated cloud has nothing that it could talk to: here such a bake is only planned";
            return Err(Refusal::new(why, "bake it on AWS; on the simulated cloud use a recipe with provisioners, which its builder plays"));
        }
        match found(Path::new(PROGRAM)) {
            Some(_) => Ok(()),
            None => Err(Refusal::new("packer is not on this host", "install Packer where qd runs, in a directory of PATH")),
        }
    }

    /// Packer's run of a bake of this store. It looks for credentials itself: in the environment, and by the profile that was named.
    pub(super) fn packer_seat(&self, id: &OperationId, plan: &PackerPlan) -> PackerSeat {
        let mut environment = BTreeMap::new();
        if let Some(profile) = &self.settings.profile {
            environment.insert("AWS_PROFILE".to_owned(), profile.clone());
        }
        PackerSeat::new(self.store.dir(), id, plan.clone(), environment)
    }

    pub(super) async fn begin_a_bake(&self, plan: &BakePlan, reason: Option<Untrusted>) -> Result<OperationId, DeskError> {
        self.may_write()?;
        self.runs_packer(plan)?;
        let new = NewOperation { plan: plan.clone(), by: self.who().await, reason, at: self.now() };
        let id = self.store.create_other(&new)?;
        let child = start_driver(self, &id);
        self.await_driver(&id, child).await?;
        Ok(id)
    }

    /// Removes what bakes left past its time to live, if there is any; the operation that does.
    pub(super) async fn sweep_bakes(&self) -> Result<Option<OperationId>, DeskError> {
        let as_of = self.read_clock().await?;
        let look = BakeLook { leftovers: true, ..BakeLook::default() };
        let seen = self.cloud.bake_reader().observe_bake(&look).await;
        let past = |left: &&Leftover| left.until.is_some_and(|until| until < as_of);
        let any = seen.leftovers.as_ref().and_then(|left| left.value()).is_some_and(|left| left.iter().any(|left| past(&left)));
        if !any {
            return Ok(None);
        }
        let plan = sweep(&self.setting(), &self.bake_place().await?, as_of);
        self.begin_a_bake(&plan, None).await.map(Some)
    }

    async fn bake_place(&self) -> Result<String, DeskError> {
        let identity = self.identity().await?;
        Ok(format!("{} {}", identity.account, identity.region))
    }

    fn bake_history(&self, recipe: &str) -> Result<BTreeMap<&'static str, Millis>, DeskError> {
        let mut history = BTreeMap::new();
        for kind in ALL_STEPS {
            if let Some(usual) = self.store.usual(&format!("recipe {recipe}"), &format!("bake {}", kind.title()))? {
                history.insert(kind.title(), usual);
            }
        }
        Ok(history)
    }

    pub(super) async fn images_behind(&self, recipes: &[Recipe]) -> Result<Vec<Behind>, DeskError> {
        let images = self.images(Urgency::Opened).await?;
        let mut all = Vec::new();
        let newest = newest_of_each(images.items());
        for recipe in recipes {
            let bases = self.cloud.bake_reader().base_images(&recipe.base).await?;
            if let Some(base) = bases.items().first() {
                let image = newest.get(&Untrusted::from(recipe.app.name.as_str())).copied();
                all.push(self.behind(recipe, image, base).await?);
            }
        }
        Ok(all)
    }

    async fn behind(&self, recipe: &Recipe, image: Option<&Image>, newest: &BaseImage) -> Result<Behind, DeskError> {
        let base = image.and_then(|image| image.base.clone());
        let made = match &base {
            Some(base) => self.cloud.bake_reader().base_images(&Base::Id(ImageId::new(base.raw()))).await?.items().first().cloned(),
            None => None,
        };
        let days = days_behind(newest.created_at, made.and_then(|made| made.created_at));
        Ok(Behind {
            recipe: recipe.name.clone(),
            image: image.map(|image| image.id.clone()),
            version: image.and_then(|image| image.version.clone()),
            base,
            newest: newest.id.clone(),
            days,
        })
    }

    pub(super) fn read_bake_log(&self, id: &OperationId, from: u64) -> Result<Vec<u8>, DeskError> {
        kept_log(&self.store, id, from)
    }
}

//! What a plan changes, from what is recorded of both images: the package lists that bakes of this store told on their consoles.

use std::fs::File;
use std::io::Read;

use super::bake_log::BakeLog;
use super::cloud::Cloud;
use super::office::Office;
use crate::bake::packages::find;
use crate::domain::bake::OPERATION_KEY;
use crate::domain::ids::{ImageId, OperationId};
use crate::domain::image::Image;
use crate::domain::packages::PackageList;
use crate::operation::any::AnyView;
use crate::operation::changes::Changes;
use crate::operation::plan::{OperationKind, Plan};
use crate::plan::changes::{Side, changes};
use crate::plan::{Facts, ReleaseTemplate};

/// So much of a bake's log is searched.
const MOST_LOG: u64 = 64 * 1024 * 1024;

impl Office {
    /// What the plan changes, for deploys and rollbacks.
    pub(super) fn changes_of(&self, plan: &Plan, facts: &Facts<'_>) -> Option<Changes> {
        if !matches!(plan.kind, OperationKind::Deploy | OperationKind::Rollback) {
            return None;
        }
        let listed = |id: &ImageId| facts.images.iter().find(|image| image.id == *id);
        let (from, to) = (listed(&plan.from.image), listed(&plan.to.image));
        let (before, after) = (self.packages_of(from), self.packages_of(to));
        let target = match (&facts.release_template, plan.kind) {
            (_, OperationKind::Deploy) => facts.live_template.as_ref(),
            (ReleaseTemplate::There(data), _) => Some(data),
            (ReleaseTemplate::NotRead | ReleaseTemplate::Gone, _) => facts.other_template.as_ref(),
        };
        let from = Side { label: plan.from.label(), image: from, packages: &before, template: facts.live_template.as_ref() };
        let to = Side { label: plan.to.label(), image: to, packages: &after, template: target };
        Some(changes(&from, &to))
    }

    /// What is installed in an image, as its bake recorded it; or why that is not known.
    fn packages_of(&self, image: Option<&Image>) -> Result<PackageList, String> {
        let image = image.ok_or("the image is not listed")?;
        let Some(baked) = image.tags.get(OPERATION_KEY) else { return self.catalogued(&image.id) };
        let (store, id) = baked.raw().rsplit_once('/').ok_or("its tag does not say which bake made it")?;
        if store != self.store.id() {
            return Err("it was baked with another store, which has its package list".to_owned());
        }
        let id = OperationId::new(id);
        let Ok(AnyView::Bake(view)) = self.store.any_operation(&id) else { return Err(format!("the record of its bake, {id}, cannot be read")) };
        let mut log = Vec::new();
        let read = File::open(BakeLog::path(self.store.dir(), &id)).and_then(|file| file.take(MOST_LOG).read_to_end(&mut log));
        read.map_err(|error| format!("the log of its bake, {id}, cannot be read ({error})"))?;
        find(&log, &OperationId::new(&view.operation.plan.mark))
    }

    /// The simulated cloud's own images were baked by nobody's store.
    fn catalogued(&self, id: &ImageId) -> Result<PackageList, String> {
        let unrecorded = || "no bake of this program recorded what is in it".to_owned();
        match &self.cloud {
            Cloud::Sim(cloud) => cloud.with_world(|world| world.package_list(id)).ok().flatten().ok_or_else(unrecorded),
            #[cfg(feature = "aws")]
            Cloud::Aws(_) => Err(unrecorded()),
        }
    }
}

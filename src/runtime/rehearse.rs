//! Rehearsals: a rollback tried out up to its first write, on the real cloud, with nothing changed.

use super::cloud::Urgency;
use super::office::Office;
use crate::adapters::host;
use crate::domain::call::{CloudCall, DryRun};
use crate::domain::observation::Depth;
use crate::operation::intent::Intent;
use crate::operation::plan::{Plan, StepKind};
use crate::operation::proof::{Rehearsal, StandbyProof};
use crate::operation::status::WayBackLevel;
use crate::plan::rehearsal::{Tried, findings};
use crate::ports::desk::DeskError;

impl Office {
    /// Tries a rollback out and keeps what came of it.
    pub(super) async fn try_out(&self, intent: &Intent) -> Result<Rehearsal, DeskError> {
        let began = host::boot_now();
        let plan = self.make_plan(intent).await?;
        let reader = self.cloud.reader(Urgency::Opened);
        let first_look = reader.observe(&plan.scope, Depth::RouteAndTargets(plan.to.slot)).await;
        let took = host::boot_now().since(began);
        let seen = reader.observe(&plan.scope, Depth::Full).await;
        let dry_runs = self.dry_runs(&plan).await;
        let now = self.read_clock().await?;
        let identity = self.identity().await?;
        let tried = Tried { plan: &plan, first_look: &first_look, seen: &seen, dry_runs: &dry_runs, identity, now };
        let (findings, obstacles) = findings(&tried);
        let target = plan.to.release(plan.to.template_version.unwrap_or_default());
        let (level, expected) = (plan.level.unwrap_or(WayBackLevel::R1), plan.until_on_target());
        let by = self.who().await.short().into();
        let rehearsal = Rehearsal { at: now, by, took, target, level, expected, findings, obstacles };
        self.keep_rehearsal(&plan.fleet, &rehearsal)?;
        if let (Some(group), Some(health)) = (seen.group(plan.to.slot), seen.health.get(plan.to.slot).value()) {
            self.keep_proof(&plan.fleet, StandbyProof::of(plan.to.slot, group, health, seen.at));
        }
        Ok(rehearsal)
    }

    /// What the cloud says to the plan's calls where it offers to say so without doing them.
    async fn dry_runs(&self, plan: &Plan) -> Vec<(&'static str, DryRun)> {
        let makes_version = plan.steps.iter().any(|step| step.kind == StepKind::Template) && plan.to.template_version.is_none();
        let Some(source) = plan.template_source().filter(|_| makes_version) else { return Vec::new() };
        let call = CloudCall::CreateTemplateVersion {
            template: plan.to.template.clone(),
            source_template: source.template,
            source_version: source.version,
            image: plan.to.image.clone(),
            content_hash: plan.content_hash(),
        };
        let said = self.cloud.reader(Urgency::Opened).dry_run(&call).await;
        vec![(call.aws_name(), said.unwrap_or_else(|error| DryRun::Refused(error.to_string().into())))]
    }
}

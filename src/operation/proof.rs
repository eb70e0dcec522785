//! What proves a way back: the load balancer's own word on the standby, and rehearsals.

use serde::{Deserialize, Serialize};

use super::plan::{Check, CheckLevel};
use super::status::WayBackLevel;
use crate::domain::fleet::Slot;
use crate::domain::group::{Lifecycle, ServerGroup};
use crate::domain::ids::TemplateId;
use crate::domain::release::Release;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::{TargetHealth, TargetState};

/// A proof older than this proves nothing any more: the way back is shown with `?`.
pub const PROOF_LIFE: Millis = Millis::mins(5);

/// The standby of a fast way back as its load balancer told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandbyProof {
    /// When it was asked.
    pub at: WorldTime,
    /// The slot.
    pub slot: Slot,
    /// What its group launched then.
    pub template: TemplateId,
    /// The version of that.
    pub template_version: u64,
    /// Servers of that version that are in service and healthy targets.
    pub healthy: u32,
    /// Servers in service that run another version.
    pub strangers: u32,
}

impl StandbyProof {
    /// What a group and the health of its targets, read together, prove; none if it launches no numbered version.
    #[must_use]
    pub fn of(slot: Slot, group: &ServerGroup, health: &TargetHealth, at: WorldTime) -> Option<Self> {
        let pin = group.template.as_ref()?;
        let version = pin.number()?;
        let in_service = || group.instances.iter().filter(|instance| instance.lifecycle == Lifecycle::InService);
        let is_right = |told: Option<u64>| told == Some(version);
        let healthy = in_service()
            .filter(|instance| instance.serves() && is_right(instance.template_version))
            .filter(|instance| health.targets.get(&instance.id) == Some(&TargetState::Healthy));
        Some(Self {
            at,
            slot,
            template: pin.id.clone(),
            template_version: version,
            healthy: crate::domain::group::count(healthy),
            strangers: crate::domain::group::count(in_service().filter(|instance| !is_right(instance.template_version))),
        })
    }

    /// It is about what this group launches now.
    #[must_use]
    pub fn is_of(&self, slot: Slot, group: &ServerGroup) -> bool {
        let pin = group.template.as_ref();
        self.slot == slot && pin.is_some_and(|pin| pin.id == self.template && pin.number() == Some(self.template_version))
    }
}

/// A rollback tried out up to its first write: nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// When.
    pub at: WorldTime,
    /// Who.
    pub by: Untrusted,
    /// How long it took to be ready for the first write.
    pub took: Millis,
    /// The target.
    pub target: Release,
    /// By which path.
    pub level: WayBackLevel,
    /// How long until traffic would be on the target.
    pub expected: Millis,
    /// What was looked at.
    pub findings: Vec<Check>,
    /// What stands in the way, in words; empty when it is proved.
    pub obstacles: Vec<String>,
}

impl Rehearsal {
    /// Nothing stands in the way.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.obstacles.is_empty()
    }

    /// How long it took, in words.
    #[must_use]
    pub fn took_words(&self) -> String {
        if self.took < Millis::secs(1) { "under 1s".to_owned() } else { self.took.to_string() }
    }

    /// What could not be tried out: the cloud offers no way to.
    pub fn untried(&self) -> impl Iterator<Item = &str> {
        self.findings.iter().filter(|finding| finding.level == CheckLevel::Unknown).map(|finding| finding.text.as_str())
    }
}

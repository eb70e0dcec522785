//! What readers of the cloud note for everybody on the store: the load balancer's word on warm standbys, and when drift was first seen.

use std::time::Duration;

use super::cloud::{Cloud, Urgency};
use super::office::Office;
use crate::adapters::host;
use crate::adapters::store::{Store, StoreError};
use crate::domain::fleet::{FleetSpec, Slot};
use crate::domain::group::ServerGroup;
use crate::domain::ids::FleetName;
use crate::domain::observation::FleetObservation;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::drift::Drift;
use crate::operation::proof::{Rehearsal, StandbyProof};
use crate::operation::sighting::Sighting;
use crate::operation::status::{Estate, FleetStatus, WayBackLevel};
use crate::plan::FirstSeen;

/// A standby is asked about again after this.
const ASK_AGAIN: Millis = Millis::secs(60);
/// Most standbys asked about in one round: one a second since the last round, but never more than this.
const MOST_A_ROUND: usize = 5;
/// A round of listings waits no longer than this for the proofs that go with it.
const PATIENCE: Duration = Duration::from_secs(2);
/// The remark that paces all processes of a store.
const PACE: &str = "proofs";

fn proof_name(fleet: &FleetName) -> String {
    format!("proof {}", fleet.as_str())
}

fn rehearsal_name(fleet: &FleetName) -> String {
    format!("rehearsal {}", fleet.as_str())
}

fn drift_name(fleet: &FleetName) -> String {
    format!("drift {}", fleet.as_str())
}

/// What was noted about one fleet.
pub(super) fn noted(store: &Store, fleet: &FleetName) -> Result<(Option<StandbyProof>, Option<Rehearsal>, FirstSeen), StoreError> {
    let proof = store.remark(&proof_name(fleet))?.map(|(_, proof)| proof);
    let rehearsal = store.remark(&rehearsal_name(fleet))?.map(|(_, rehearsal)| rehearsal);
    Ok((proof, rehearsal, noted_drift(store, fleet)?))
}

fn noted_drift(store: &Store, fleet: &FleetName) -> Result<FirstSeen, StoreError> {
    Ok(store.remark(&drift_name(fleet))?.map(|(_, first_seen)| first_seen).unwrap_or_default())
}

impl Office {
    /// Asks the load balancer about the warm standbys that were not asked about for longest; true if anything new is known.
    pub(super) async fn prove_standbys(&self, seen: &Sighting, estate: &Estate) -> bool {
        let due = self.due(estate);
        if due.is_empty() {
            return false;
        }
        let mut proved = false;
        let ask = async {
            for (status, slot) in due {
                if let Some(group) = group_in(seen, &status.spec, slot) {
                    proved |= self.prove(&status.spec, slot, group).await;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, ask).await.is_err() {
            tracing::debug!("not every standby that was due was asked about in {}s", PATIENCE.as_secs());
        }
        proved
    }

    /// Warm standbys, the one with the oldest proof first, as many as the pace allows.
    fn due<'a>(&self, estate: &'a Estate) -> Vec<(&'a FleetStatus, Slot)> {
        let last = |status: &FleetStatus| self.store.remark::<StandbyProof>(&proof_name(&status.spec.name)).ok().flatten().map(|(at, _)| at);
        let mut due: Vec<(Option<WorldTime>, &FleetStatus, Slot)> = estate
            .fleets
            .iter()
            .filter(|status| may_be_warm(status))
            .filter_map(|status| Some((last(status), status, status.way_back.slot?)))
            .filter(|(at, ..)| at.is_none_or(|at| estate.as_of.since(at) >= ASK_AGAIN))
            .collect();
        due.sort_by_key(|(at, ..)| *at);
        due.truncate(if due.is_empty() { 0 } else { self.pace() });
        due.into_iter().map(|(_, status, slot)| (status, slot)).collect()
    }

    /// How many may be asked about now, all processes of the store together. A simulated cloud has no call budget.
    fn pace(&self) -> usize {
        if matches!(self.cloud, Cloud::Sim(_)) {
            return usize::MAX;
        }
        let now = host::wall_now();
        let last = self.store.remark::<()>(PACE).ok().flatten().map(|(at, ())| at);
        let allowed = last.map_or(MOST_A_ROUND, |last| usize::try_from(now.since(last).as_secs()).unwrap_or(MOST_A_ROUND).min(MOST_A_ROUND));
        if allowed > 0
            && let Err(error) = self.store.keep_remark(PACE, now, &())
        {
            tracing::warn!("the pace of proofs was not kept: {error}");
        }
        allowed
    }

    async fn prove(&self, spec: &FleetSpec, slot: Slot, group: &ServerGroup) -> bool {
        let Some(target_group) = spec.route.target_group(slot) else { return false };
        match self.cloud.reader(Urgency::Rest).target_health(target_group).await {
            Ok(health) => self.keep_proof(&spec.name, StandbyProof::of(slot, group, &health, self.now())),
            Err(error) => {
                tracing::debug!("the standby of {} was not proved: {error}", spec.name);
                false
            }
        }
    }

    pub(super) fn keep_proof(&self, fleet: &FleetName, proof: Option<StandbyProof>) -> bool {
        let Some(proof) = proof else { return false };
        let kept = self.store.keep_remark(&proof_name(fleet), proof.at, &proof);
        kept.map_err(|error| tracing::warn!("the proof of {fleet} was not kept: {error}")).is_ok()
    }

    /// A close look asked the load balancer about everything.
    pub(super) fn proved_by(&self, status: &FleetStatus, seen: &FleetObservation) -> bool {
        let Some(slot) = status.way_back.slot.filter(|_| may_be_warm(status)) else { return false };
        let (Some(group), Some(health)) = (seen.group(slot), seen.health.get(slot).value()) else { return false };
        self.keep_proof(&status.spec.name, StandbyProof::of(slot, group, health, seen.at))
    }

    /// Keeps a rehearsal for everybody.
    pub(super) fn keep_rehearsal(&self, fleet: &FleetName, rehearsal: &Rehearsal) -> Result<(), StoreError> {
        self.store.keep_remark(&rehearsal_name(fleet), rehearsal.at, rehearsal)
    }

    /// Notes when each thing that drifted was first seen, and forgets what is over. A round that could not see everything forgets nothing.
    pub(super) fn note_drift(&self, estate: &Estate) {
        for status in &estate.fleets {
            let known = noted_drift(&self.store, &status.spec.name).unwrap_or_default();
            let now: FirstSeen = status.drift.iter().map(|drift| (drift.key(), drift.since.unwrap_or(estate.as_of))).collect();
            let blind = !estate.gaps.is_empty() && now.len() < known.len();
            if now == known || blind {
                continue;
            }
            if let Err(error) = self.store.keep_remark(&drift_name(&status.spec.name), estate.as_of, &now) {
                tracing::warn!("the drift of {} was not noted: {error}", status.spec.name);
            }
        }
    }
}

/// Drift that is new in this round has its age from now on.
pub(super) fn begin_now(estate: &mut Estate) {
    let at = estate.as_of;
    let new = estate.fleets.iter_mut().flat_map(|status| &mut status.drift);
    new.for_each(|drift: &mut Drift| drift.since = drift.since.or(Some(at)));
}

/// By Auto Scaling's account the standby could take everything; or it could, but for what the load balancer said of it.
fn may_be_warm(status: &FleetStatus) -> bool {
    let way = &status.way_back;
    way.level == Some(WayBackLevel::R0) || way.level == Some(WayBackLevel::R1) && !way.blockers.is_empty()
}

fn group_in<'a>(seen: &'a Sighting, spec: &FleetSpec, slot: Slot) -> Option<&'a ServerGroup> {
    let name = spec.groups.get(slot)?;
    seen.groups.items().iter().find(|group| group.name == *name)
}

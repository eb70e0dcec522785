//! Weights, shares and the health of targets: who is served by which group.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::group::count;
use super::ids::{InstanceId, TargetGroupArn};

/// What the load balancer says of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// It passes its checks.
    Healthy,
    /// Its first checks are not in yet.
    Initial,
    /// It fails its checks.
    Unhealthy,
    /// It was taken out and finishes what it has.
    Draining,
    /// Its target group gets no traffic, so nobody checks it.
    Unused,
    /// The load balancer did not say, or used a word this program does not know.
    Unknown,
}

/// The targets of one target group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// Each target's state.
    pub targets: BTreeMap<InstanceId, TargetState>,
}

impl TargetHealth {
    /// Targets in `state`.
    #[must_use]
    pub fn count_in(&self, state: TargetState) -> u32 {
        count(self.targets.values().filter(|found| **found == state))
    }
}

/// One action of a rule or listener, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteAction {
    /// Forward by weight.
    Forward {
        /// Each target group with its weight, 0–999.
        weights: Vec<(TargetGroupArn, u32)>,
        /// How long a client stays with its target group, in seconds; none when stickiness is off.
        stickiness_secs: Option<u32>,
        /// Digest of the action without its weights.
        fingerprint: String,
    },
    /// Anything else (authenticate, redirect, …): sent back exactly as it was read.
    Other {
        /// The cloud's word for it.
        kind: String,
        /// Digest of the whole action.
        fingerprint: String,
    },
}

/// All actions of a rule or listener as they were read. A write is made from them: only weights may differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RouteActions(pub Vec<RouteAction>);

impl RouteActions {
    /// The weight of a target group; none if no action forwards to it.
    #[must_use]
    pub fn weight(&self, target_group: &TargetGroupArn) -> Option<u32> {
        self.forwards().find(|(arn, _)| arn == target_group).map(|(_, weight)| *weight)
    }

    /// Every target group forwarded to, with its weight.
    pub fn forwards(&self) -> impl Iterator<Item = &(TargetGroupArn, u32)> {
        self.0.iter().flat_map(|action| match action {
            RouteAction::Forward { weights, .. } => weights.as_slice(),
            RouteAction::Other { .. } => &[],
        })
    }

    /// The share of the traffic a target group gets, 0–1; none if no action forwards to it or all weights are zero.
    #[must_use]
    pub fn share(&self, target_group: &TargetGroupArn) -> Option<f64> {
        let total: u32 = self.forwards().map(|(_, weight)| *weight).sum();
        let weight = self.weight(target_group)?;
        (total > 0).then(|| f64::from(weight) / f64::from(total))
    }

    /// The same actions with these weights; target groups not named keep theirs.
    #[must_use]
    pub fn with_weights(&self, new: &[(TargetGroupArn, u32)]) -> Self {
        let mut changed = self.clone();
        for action in &mut changed.0 {
            if let RouteAction::Forward { weights, .. } = action {
                for (arn, weight) in weights {
                    if let Some((_, wanted)) = new.iter().find(|(named, _)| named == arn) {
                        *weight = *wanted;
                    }
                }
            }
        }
        changed
    }

    /// Whether the two differ in nothing but weights.
    #[must_use]
    pub fn same_but_weights(&self, other: &Self) -> bool {
        self.without_weights() == other.without_weights()
    }

    fn without_weights(&self) -> Self {
        let zeros: Vec<_> = self.forwards().map(|(arn, _)| (arn.clone(), 0)).collect();
        self.with_weights(&zeros)
    }

    /// How long clients stay with their target group, where any action says so.
    #[must_use]
    pub fn stickiness_secs(&self) -> Option<u32> {
        self.0.iter().find_map(|action| match action {
            RouteAction::Forward { stickiness_secs, .. } => *stickiness_secs,
            RouteAction::Other { .. } => None,
        })
    }
}

/// Requests of one target group since its counters began, for judging by counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// Those answered with 5xx.
    pub errors: u64,
    /// 99th percentile of the latency over the last minute, in milliseconds, where told.
    pub p99_ms: Option<u32>,
}

impl Counts {
    /// What was added since `earlier`; a counter that went back counts from zero.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        if self.requests < earlier.requests || self.errors < earlier.errors {
            return self;
        }
        Self { requests: self.requests - earlier.requests, errors: self.errors - earlier.errors, p99_ms: self.p99_ms }
    }
}

//! The shape of a fleet: which parts it has, how traffic or work comes to them, and what of the faults can strike it.
//!
//! It is drawn from a stream of its own, so that a seed that draws two groups behind weights means what it meant before there were others.

use quarterdeck::domain::fleet::{Groups, Route, Scope, Slot, WeightedPair};
use quarterdeck::domain::ids::{GroupName, TargetGroupArn};
use quarterdeck::domain::observation::FleetObservation;
use quarterdeck::world::World;
use quarterdeck::world::draw::mix;

use crate::aimed::EVERY;
use crate::fault::{Fault, Phase};

/// Keeps the draw of the shape apart from everything a seed draws besides.
const SALT: u64 = 0x5eed_5a9e;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Two groups behind a place that holds their weights.
    Weighted,
    /// The same with gates, a hold before the switch and alarms.
    Guarded,
    /// Two groups in one target group.
    Attached,
    /// Two groups of workers.
    Workers,
    /// One group, whose servers the cloud's own engine replaces.
    OneGroup,
}

impl Shape {
    /// The shape of a seed: the one that `QD_SIM_SHAPE` names; without it, or for `any`, one that is drawn. Seeds that are after a cell of the coverage
    /// table are of two groups with weights, unless it is `any`.
    pub fn of(seed: u64) -> Self {
        match std::env::var("QD_SIM_SHAPE").as_deref() {
            Err(_) if !seed.is_multiple_of(EVERY) => Self::drawn(seed),
            Ok("weighted") | Err(_) => Self::Weighted,
            Ok("guarded") => Self::Guarded,
            Ok("attached") => Self::Attached,
            Ok("workers") => Self::Workers,
            Ok("one-group") => Self::OneGroup,
            Ok("any") => Self::drawn(seed),
            Ok(other) => panic!("QD_SIM_SHAPE is weighted, guarded, attached, workers, one-group or any, not {other}"),
        }
    }

    fn drawn(seed: u64) -> Self {
        match mix(seed ^ SALT) % 20 {
            0..=9 => Self::Weighted,
            10..=11 => Self::Guarded,
            12..=14 => Self::Attached,
            15..=16 => Self::Workers,
            _ => Self::OneGroup,
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::Guarded => "guarded",
            Self::Attached => "attached",
            Self::Workers => "workers",
            Self::OneGroup => "one group",
        }
    }

    /// What can strike a fleet of this shape.
    pub fn faults(self) -> Vec<Fault> {
        let is_there = |fault: &Fault| match (self, fault) {
            (Self::Weighted, _) => Fault::OF_WEIGHTS.contains(fault),
            (Self::Guarded, fault) => *fault != Fault::ForeignRefresh,
            (_, Fault::ForeignActions) | (Self::Workers, Fault::ForeignWeights | Fault::HiddenHealth) | (Self::OneGroup, Fault::ForeignWeights) => {
                false
            }
            (_, Fault::ForeignRefresh) => self == Self::OneGroup,
            _ => true,
        };
        Fault::ALL.iter().copied().filter(is_there).collect()
    }

    /// Where an operation on a fleet of this shape may be.
    pub fn phases(self) -> Vec<Phase> {
        let is_there = |phase: &Phase| match self {
            Self::Weighted => Phase::OF_WEIGHTS.contains(phase),
            Self::Guarded => !phase.is_of_refresh() && *phase != Phase::Detach,
            Self::Attached => !phase.is_of_refresh(),
            Self::Workers => !phase.is_of_refresh() && !matches!(phase, Phase::Detach | Phase::Park),
            Self::OneGroup => {
                phase.is_of_refresh()
                    || matches!(
                        phase,
                        Phase::Claim | Phase::Stable | Phase::Holding | Phase::Paused | Phase::BackingOut | Phase::Settle | Phase::GiveBack
                    )
            }
        };
        Phase::ALL.iter().copied().filter(is_there).collect()
    }
}

/// A fleet in a world: what each of its slots is, and what serves there in truth.
#[derive(Clone, Debug)]
pub struct Ground(Scope);

impl Ground {
    pub const fn new(scope: Scope) -> Self {
        Self(scope)
    }

    pub const fn slots(&self) -> &'static [Slot] {
        self.0.slots()
    }

    pub fn group(&self, slot: Slot) -> &GroupName {
        self.0.groups.get(slot).unwrap()
    }

    /// Whether there is but one group.
    pub const fn is_one_group(&self) -> bool {
        matches!(self.0.groups, Groups::One(_))
    }

    pub fn slot_of(&self, group: &GroupName) -> Option<Slot> {
        self.slots().iter().copied().find(|slot| self.group(*slot) == group)
    }

    pub const fn target_group(&self, slot: Slot) -> Option<&TargetGroupArn> {
        self.0.target_group(slot)
    }

    /// Each target group once.
    pub fn target_groups(&self) -> Vec<TargetGroupArn> {
        let mut all: Vec<_> = self.slots().iter().filter_map(|slot| self.target_group(*slot).cloned()).collect();
        all.dedup();
        all
    }

    pub const fn route(&self) -> &Route {
        &self.0.route
    }

    /// Groups, place and target groups of a fleet with weights.
    pub fn pair(&self) -> Option<WeightedPair> {
        match (&self.0.groups, &self.0.route) {
            (Groups::Two(groups), Route::Weighted { place, target_groups }) => {
                Some(WeightedPair { groups: groups.clone(), place: place.clone(), target_groups: target_groups.clone() })
            }
            _ => None,
        }
    }

    /// Whether a slot's group registers its servers in its target group.
    pub fn is_attached(&self, world: &World, slot: Slot) -> bool {
        self.target_group(slot).is_some() && world.attached_to(self.group(slot)) == self.target_group(slot)
    }

    /// Healthy servers of a slot that traffic or work can come to.
    pub fn working(&self, world: &World, slot: Slot) -> u32 {
        match &self.0.route {
            Route::Weighted { target_groups, .. } => world.healthy_targets(target_groups.get(slot)),
            Route::Attached { .. } if !self.is_attached(world, slot) => 0,
            Route::Attached { .. } | Route::None => world.fit_servers(self.group(slot)),
        }
    }

    pub fn working_in_all(&self, world: &World) -> u32 {
        self.slots().iter().map(|slot| self.working(world, *slot)).sum()
    }

    /// Whether a look shows that a slot gets no traffic. Workers are not sent any: they have it until they end.
    pub fn is_seen_out(&self, seen: &FleetObservation, slot: Slot) -> bool {
        match &self.0.route {
            Route::Weighted { .. } => seen.weight(slot) == Some(0),
            Route::Attached { .. } => seen.serves(slot) == Some(false),
            Route::None => true,
        }
    }

    /// A slot's part of the traffic: by its weight, or by its part of the servers that work.
    pub fn share(&self, world: &World, slot: Slot) -> f64 {
        if let Route::Weighted { place, target_groups } = &self.0.route {
            return world.actions(place.arn()).and_then(|actions| actions.share(target_groups.get(slot))).unwrap_or(0.0);
        }
        let (own, all) = (self.working(world, slot), self.working_in_all(world));
        if all == 0 { 0.0 } else { f64::from(own) / f64::from(all) }
    }
}

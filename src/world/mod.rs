//! The simulated cloud as a pure value: fleets, images, traffic and faults that go on by themselves and answer calls as AWS does.
//!
//! Time is a count of whole seconds, *ticks*. Nothing happens between ticks, and what happens at a tick follows from the state, the tick
//! and the seed alone (see [`draw`]). A world is advanced from one tick at which something happens to the next; between two of them only
//! the counters move, minute by minute, in whole millionths of a request. So it does not matter in how many advances a world got
//! somewhere, and thirty quiet days cost well under a second.

mod alarms;
mod apply;
mod bakes;
mod catalog;
mod clock;
mod defaults;
mod disturb;
pub mod draw;
mod hardship;
mod harm;
mod life;
mod packages;
mod read;
mod refresh;
#[cfg(test)]
mod refresh_tests;
mod scenario;
#[cfg(test)]
mod scenario_tests;
mod series;
mod servers;
pub mod state;
#[cfg(test)]
mod tests;
mod traffic;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::call::{CallReply, CloudCall, CloudErrorKind};
use crate::domain::fleet::FleetSpec;
use crate::domain::ids::{AlarmName, GroupName, ImageId, PlaceArn, TargetGroupArn, TemplateId};
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::RouteActions;

pub use alarms::Alarm;
pub use bakes::BakeFaults;
use bakes::Bakehouse;
pub use disturb::Disturbance;
pub use scenario::{Scenario, UnknownScenario};
use state::{Group, ImageRecord, Place, TargetGroup, Template, Tick};

/// The account every simulated thing is in.
pub const ACCOUNT: &str = "000000000000";
/// The region every simulated thing is in.
pub const REGION: &str = "sim-1";
/// The seed of a world that nobody chose one for.
pub const DEFAULT_SEED: u64 = 1;

/// A simulated cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct World {
    scenario: Scenario,
    seed: u64,
    start: WorldTime,
    tick: Tick,
    images: BTreeMap<ImageId, ImageRecord>,
    templates: BTreeMap<TemplateId, Template>,
    groups: BTreeMap<GroupName, Group>,
    target_groups: BTreeMap<TargetGroupArn, TargetGroup>,
    places: BTreeMap<PlaceArn, Place>,
    fleets: Vec<FleetSpec>,
    #[serde(default)]
    alarms: BTreeMap<AlarmName, Alarm>,
    /// CloudWatch does not answer before this tick.
    #[serde(default)]
    alarms_unreadable_until: Option<Tick>,
    /// Our credentials end at this tick.
    #[serde(default)]
    credentials_end: Option<Tick>,
    /// Servers launched so far, for their ids.
    launches: u64,
    /// Servers the cloud has left to give; none when there is no limit.
    spare: Option<u32>,
    /// A zone in which nothing is launched before this tick.
    #[serde(default)]
    outage: Option<(u8, Tick)>,
    /// Whether servers break by themselves now and then.
    #[serde(default = "breaks_by_itself")]
    accidents: bool,
    /// What bakes made here.
    #[serde(default)]
    bakehouse: Bakehouse,
    /// What there is of images besides the images.
    #[serde(default)]
    room: life::Room,
    /// Calls so far, for the request ids; the log itself may have been taken away.
    call_count: u64,
    calls: Vec<LoggedCall>,
}

const fn breaks_by_itself() -> bool {
    true
}

/// A mutating call as the cloud saw it, accepted or not, with what it met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedCall {
    /// The tick it arrived at.
    pub tick: Tick,
    /// The same as a moment.
    pub at: WorldTime,
    /// The call.
    pub call: CloudCall,
    /// What a `SetWeights` replaced: the actions just before it.
    pub before: Option<RouteActions>,
    /// The answer, or the kind of the refusal.
    pub outcome: Result<CallReply, CloudErrorKind>,
}

impl World {
    /// A fresh world.
    #[must_use]
    pub fn new(scenario: Scenario, seed: u64, start: WorldTime) -> Self {
        let mut world = Self {
            scenario,
            seed,
            start,
            tick: 0,
            images: BTreeMap::new(),
            templates: BTreeMap::new(),
            groups: BTreeMap::new(),
            target_groups: BTreeMap::new(),
            places: BTreeMap::new(),
            fleets: Vec::new(),
            alarms: BTreeMap::new(),
            alarms_unreadable_until: None,
            credentials_end: None,
            launches: 0,
            spare: (scenario == Scenario::NoCapacity).then_some(3),
            outage: None,
            accidents: true,
            bakehouse: Bakehouse::default(),
            room: life::Room::default(),
            call_count: 0,
            calls: Vec::new(),
        };
        defaults::furnish(&mut world);
        bakes::stock_bases(&mut world);
        world
    }

    /// What time it is in the world: always a whole tick.
    #[must_use]
    pub fn now(&self) -> WorldTime {
        self.moment(self.tick)
    }

    /// Ticks since the start.
    #[must_use]
    pub const fn tick(&self) -> Tick {
        self.tick
    }

    /// When the world began.
    #[must_use]
    pub const fn start(&self) -> WorldTime {
        self.start
    }

    /// The seed of every draw.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// How the world began.
    #[must_use]
    pub const fn scenario(&self) -> Scenario {
        self.scenario
    }

    /// The mutating calls seen so far, in order, unless [`World::take_calls`] took them away.
    #[must_use]
    pub fn call_log(&self) -> &[LoggedCall] {
        &self.calls
    }

    /// Takes the call log away, for whoever keeps it elsewhere.
    pub fn take_calls(&mut self) -> Vec<LoggedCall> {
        std::mem::take(&mut self.calls)
    }

    /// A number that differs whenever two worlds differ in anything but the call log.
    ///
    /// # Errors
    /// When the world cannot be written down, which would be a fault of this program.
    pub fn digest(&self) -> Result<u64, String> {
        let bare = Self { calls: Vec::new(), ..self.clone() };
        serde_json::to_vec(&bare).map(|bytes| draw::fnv(&bytes)).map_err(|error| error.to_string())
    }

    fn moment(&self, tick: Tick) -> WorldTime {
        let span = Millis::secs(tick.unsigned_abs());
        if tick < 0 { self.start.minus(span) } else { self.start.plus(span) }
    }
}

//! The simulated cloud as an adapter: a world in a file that all processes share, read and changed like a real one.

mod error;
mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use error::SimError;

use crate::adapters::RESERVE_NAME;
use crate::domain::analysis::Metric;
use crate::domain::bake::{BakeLook, BakeSight, BaseImage};
use crate::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind, DryRun, Identity};
use crate::domain::fleet::{BySlot, FleetSpec, Scope};
use crate::domain::group::ServerGroup;
use crate::domain::ids::{AlarmName, GroupName, ImageId, InstanceId, TargetGroupArn, TemplateId};
use crate::domain::image::Image;
use crate::domain::image_use::{CloudUse, Snapshot};
use crate::domain::lineage::Ancestor;
use crate::domain::metrics::{MetricsAsk, MetricsSeen};
use crate::domain::observation::{AlarmReading, Depth, FleetObservation, GroupPolicies, RouteReading, TargetGroupFacts, TemplateData};
use crate::domain::reading::{Listing, Reading};
use crate::domain::recipe::Base;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::TargetHealth;
use crate::ports::bake::BakeRead;
use crate::ports::cloud::{CloudRead, CloudWrite};
use crate::ports::image::ImageRead;
use crate::ports::metrics::Metrics;
use crate::world::{Disturbance, LoggedCall, Scenario, World};
use file::Clock;

/// The speed of a world that nobody chose one for.
pub const DEFAULT_SPEED: f64 = 10.0;
/// The step in which [`SimCloud::advance_in_steps`] goes on: the shortest period of a driver.
pub const ADVANCE_STEP: Millis = Millis::secs(5);
/// The longest span that [`SimCloud::advance`] moves the world at once.
const LONGEST_ADVANCE: Millis = Millis::mins(60 * 24 * 366);
/// How long each of those steps waits for the watchers, at most.
const WATCHER_PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks.
const WATCHER_POLL: Duration = Duration::from_millis(5);
/// How often a process that only waits tells the world that it is there.
const BEAT: Duration = Duration::from_secs(2);

/// Reading a simulated cloud. Clones share one connection.
#[derive(Clone)]
pub struct SimCloud {
    shared: Arc<Shared>,
}

/// Changing a simulated cloud.
#[derive(Clone)]
pub struct SimWriter {
    cloud: SimCloud,
}

/// While this lives, the world goes on even if nobody reads it.
pub struct KeepAlive {
    _alive: Arc<()>,
}

struct Shared {
    path: PathBuf,
    held: Mutex<Held>,
}

struct Held {
    connection: Connection,
    /// The world as it was last seen, with its generation.
    cached: Option<(i64, World)>,
}

impl SimCloud {
    /// Opens the world of a directory and makes it if there is none; a speed that is given holds for every process from now on.
    /// An existing world keeps its seed.
    ///
    /// # Errors
    /// When the file is a link, something else, damaged, or of another scenario, with what to do about it.
    pub fn open(dir: &Path, scenario: Scenario, seed: u64, speed: Option<f64>) -> Result<Self, SimError> {
        let first_speed = check_speed(speed.unwrap_or(DEFAULT_SPEED))?;
        let connection = with_room(dir, || file::open(dir, scenario, seed, first_speed))?;
        file::check_scenario(&connection, &file::path_in(dir), scenario)?;
        let held = Mutex::new(Held { connection, cached: None });
        let cloud = Self { shared: Arc::new(Shared { path: file::path_in(dir), held }) };
        cloud.with_world(|_| ())?;
        match speed {
            Some(speed) if (cloud.speed_now()? - speed).abs() > f64::EPSILON => cloud.set_speed(speed)?,
            _ => {}
        }
        Ok(cloud)
    }

    /// A new world in place of whatever the directory holds, also of a file that is damaged or no world at all.
    /// Processes that have the old one open find themselves in the new one if it could still be opened.
    ///
    /// # Errors
    /// When the file cannot be replaced, or is a link.
    pub fn reset(dir: &Path, scenario: Scenario, seed: u64, speed: Option<f64>) -> Result<Self, SimError> {
        let speed = check_speed(speed.unwrap_or(DEFAULT_SPEED))?;
        match file::open(dir, scenario, seed, speed) {
            Ok(mut connection) => file::reset(&mut connection, &file::path_in(dir), scenario, seed, speed)?,
            Err(refused @ (SimError::Symlink(_) | SimError::Busy(_) | SimError::Io(..))) => return Err(refused),
            Err(_) => file::remove(dir)?,
        }
        Self::open(dir, scenario, seed, Some(speed))
    }

    /// The value that can change this cloud; with `--read-only` none is ever made.
    #[must_use]
    pub fn writer(&self) -> SimWriter {
        SimWriter { cloud: self.clone() }
    }

    /// Reads the world as it is now: it is brought up to the clock first, and written only if something ticked.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn with_world<T>(&self, read: impl FnOnce(&World) -> T) -> Result<T, SimError> {
        let mut held = self.held();
        let path = &self.shared.path;
        let wall = file::wall();
        let clock = file::read_clock(&held.connection, path)?;
        if let Some((generation, world)) = &held.cached
            && *generation == clock.generation
            && !ticks(&clock, wall, world)
            && !clock.is_stale(wall)
        {
            return Ok(read(world));
        }
        held.change(path, |_, _| ((), Wrote::Nothing))?;
        held.cached.as_ref().map(|(_, world)| read(world)).ok_or_else(|| SimError::Damaged(path.clone(), "it is empty".to_owned()))
    }

    /// How many world seconds pass in a real one, as last set by any process.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn speed_now(&self) -> Result<f64, SimError> {
        Ok(file::read_clock(&self.held().connection, &self.shared.path)?.speed)
    }

    /// Sets the speed for every process; 0 stops the world.
    ///
    /// # Errors
    /// When the speed is no number from 0 up, or the file cannot be written.
    pub fn set_speed(&self, speed: f64) -> Result<(), SimError> {
        let speed = check_speed(speed)?;
        self.held().change(&self.shared.path, |_, clock| {
            clock.speed = speed;
            ((), Wrote::Nothing)
        })
    }

    /// Moves the world on by hand, whatever its speed, and says what time it is then.
    ///
    /// # Errors
    /// When the span is longer than a year, or the file cannot be written.
    pub fn advance(&self, span: Millis) -> Result<WorldTime, SimError> {
        if span > LONGEST_ADVANCE {
            return Err(SimError::Span(span));
        }
        self.held().change(&self.shared.path, |world, clock| {
            clock.anchor_world = file::later(clock.anchor_world, span);
            world.advance(file::world_time(clock.anchor_world));
            (world.now(), Wrote::World)
        })
    }

    /// Moves the world on by hand in steps, and after each waits (2 s of real time at most) until every live watcher has seen it,
    /// so that drivers observe each of their periods although a test moves the time.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn advance_in_steps(&self, total: Millis, step: Millis) -> Result<WorldTime, SimError> {
        let step = Millis(step.0.max(1_000));
        let mut left = total;
        let mut now = self.with_world(World::now)?;
        while left > Millis::ZERO {
            let part = Millis(left.0.min(step.0));
            now = self.advance(part)?;
            left = left.minus(part);
            self.await_watchers(now)?;
        }
        Ok(now)
    }

    fn await_watchers(&self, at: WorldTime) -> Result<(), SimError> {
        let began = Instant::now();
        while began.elapsed() < WATCHER_PATIENCE {
            if file::all_have_seen(&self.held().connection, &self.shared.path, at)? {
                return Ok(());
            }
            std::thread::sleep(WATCHER_POLL);
        }
        Ok(())
    }

    /// A watcher has done all it does about the moment `at`; whoever advances by hand waits for that.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn seen(&self, watcher: &str, at: WorldTime) -> Result<(), SimError> {
        file::note_watcher(&self.held().connection, &self.shared.path, watcher, at)
    }

    /// A watcher leaves: nobody waits for it any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn unwatch(&self, watcher: &str) -> Result<(), SimError> {
        file::forget_watcher(&self.held().connection, &self.shared.path, watcher)
    }

    /// Keeps the world going while the returned value lives: without it, a world that nobody touches for 10 s stands still.
    #[must_use]
    pub fn keep_alive(&self) -> KeepAlive {
        let alive = Arc::new(());
        let (watched, shared) = (Arc::downgrade(&alive), Arc::downgrade(&self.shared));
        std::thread::spawn(move || beat(&watched, &shared));
        KeepAlive { _alive: alive }
    }

    /// Lets something happen to the world behind everybody's back; false when what it names does not exist.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn disturb(&self, what: Disturbance) -> Result<bool, SimError> {
        self.held().change(&self.shared.path, |world, _| (world.disturb(what.clone()), Wrote::World))
    }

    /// Every mutating call the cloud has seen since it was made.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn call_log(&self) -> Result<Vec<LoggedCall>, SimError> {
        file::read_calls(&self.held().connection, &self.shared.path)
    }

    /// The fleets of the world, as if somebody had adopted them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn fleet_specs(&self) -> Result<Vec<FleetSpec>, SimError> {
        self.with_world(World::fleet_specs)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.shared.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(&self, api: &str, read: impl FnOnce(&World) -> T) -> Result<T, CloudError> {
        let answered = self.with_world(|world| match (api, world.credentials_gone()) {
            ("now", _) | ("GetCallerIdentity", None) => Ok(read(world)),
            (_, Some(why)) => Err(CloudError::new(CloudErrorKind::Auth, api, why)),
            (_, None) => world.answers(api).map(|()| read(world)),
        });
        answered.map_err(|error| error.as_cloud(api))?
    }
}

/// What a change under the lock has to write down, besides the clock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrote {
    Nothing,
    World,
}

impl Held {
    /// Under the write lock: brings the world up to the clock, changes it, and writes down what changed.
    fn change<T>(&mut self, path: &Path, change: impl Fn(&mut World, &mut Clock) -> (T, Wrote)) -> Result<T, SimError> {
        let dir = path.parent().unwrap_or(path).to_owned();
        with_room(&dir, || self.change_once(path, &change))
    }

    fn change_once<T>(&mut self, path: &Path, change: &impl Fn(&mut World, &mut Clock) -> (T, Wrote)) -> Result<T, SimError> {
        let of = |error: rusqlite::Error| SimError::of(path, &error);
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(of)?;
        let before = file::read_clock(&tx, path)?;
        let mut world = match self.cached.take() {
            Some((generation, world)) if generation == before.generation => world,
            _ => file::read_world(&tx, path)?,
        };
        let (tick, wall) = (world.tick(), file::wall());
        let mut clock = Clock { anchor_world: before.at(wall), anchor_wall: wall, ..before };
        world.advance(file::world_time(clock.anchor_world));
        let (answer, wrote) = change(&mut world, &mut clock);
        let wrote = if world.tick() == tick { wrote } else { Wrote::World };
        write_down(&tx, path, &mut world, &mut clock, wrote)?;
        tx.commit().map_err(of)?;
        self.cached = Some((clock.generation, world));
        Ok(answer)
    }
}

/// A real cloud needs no room on our disk: where the world's file finds none, it takes what the store beside it keeps for a full disk, once.
fn with_room<T>(dir: &Path, mut work: impl FnMut() -> Result<T, SimError>) -> Result<T, SimError> {
    match work() {
        Err(SimError::Full(_)) if std::fs::remove_file(dir.join(RESERVE_NAME)).is_ok() => work(),
        done => done,
    }
}

fn write_down(tx: &Transaction<'_>, path: &Path, world: &mut World, clock: &mut Clock, wrote: Wrote) -> Result<(), SimError> {
    if wrote == Wrote::World {
        let calls = world.take_calls();
        clock.generation += 1;
        file::write_world(tx, path, world, &calls)?;
    }
    file::write_clock(tx, path, clock)
}

/// Whether a tick has gone by that the world has not seen.
fn ticks(clock: &Clock, wall: i64, world: &World) -> bool {
    file::world_time(clock.at(wall)).since(world.now()) >= Millis::secs(1)
}

fn check_speed(speed: f64) -> Result<f64, SimError> {
    if (0.0..=100_000.0).contains(&speed) { Ok(speed) } else { Err(SimError::Speed(speed)) }
}

fn beat(alive: &Weak<()>, shared: &Weak<Shared>) {
    loop {
        std::thread::sleep(BEAT);
        let (Some(_), Some(shared)) = (alive.upgrade(), shared.upgrade()) else { return };
        let touched = SimCloud { shared }.with_world(|_| ());
        if let Err(error) = touched {
            tracing::debug!(%error, "the simulated world was not kept alive");
        }
    }
}

#[async_trait]
impl BakeRead for SimCloud {
    async fn base_images(&self, base: &Base) -> Result<Listing<BaseImage>, CloudError> {
        self.ask("DescribeImages", |world| Listing::Complete { items: world.base_images(base), as_of: world.now() })
    }

    async fn observe_bake(&self, look: &BakeLook) -> BakeSight {
        match self.with_world(|world| world.observe_bake(look)) {
            Ok(sight) => sight,
            Err(error) => blind_bake(look, &error),
        }
    }
}

#[async_trait]
impl ImageRead for SimCloud {
    async fn ancestry(&self, image: &ImageId) -> Result<Vec<Ancestor>, CloudError> {
        self.ask("GetImageAncestry", |world| world.ancestry(image))
    }

    async fn own_images(&self) -> Result<Listing<Image>, CloudError> {
        self.ask("DescribeImages", World::own_images)
    }

    async fn image_uses(&self) -> Result<Listing<CloudUse>, CloudError> {
        self.ask("DescribeInstances", World::image_uses)
    }

    async fn own_snapshots(&self) -> Result<Listing<Snapshot>, CloudError> {
        self.ask("DescribeSnapshots", World::own_snapshots)
    }

    async fn shared_with(&self, image: &ImageId) -> Result<Vec<Untrusted>, CloudError> {
        self.ask("DescribeImageAttribute", |world| world.shared_with(image))
    }

    async fn snapshot_shared_with(&self, snapshot: &str) -> Result<Option<Vec<Untrusted>>, CloudError> {
        self.ask("DescribeSnapshotAttribute", |world| world.snapshot_shared_with(snapshot))
    }
}

/// The world's file cannot be read: nothing that was asked for is known.
fn blind_bake(look: &BakeLook, error: &SimError) -> BakeSight {
    let why = error.to_string();
    BakeSight {
        base: look.base.as_ref().map(|_| Reading::unknown(why.as_str())),
        machines: look.machines.then(|| Reading::unknown(why.as_str())),
        console: look.console.as_ref().map(|_| Reading::unknown(why.as_str())),
        image: look.image.as_ref().map(|_| Reading::unknown(why.as_str())),
        leftovers: look.leftovers.then(|| Reading::unknown(why.as_str())),
        shares: look.shares.as_ref().map(|_| Reading::unknown(why.as_str())),
        copies: look.copies.as_ref().map(|_| Reading::unknown(why.as_str())),
        named: (!look.named.is_empty()).then(|| Reading::unknown(why.as_str())),
        ..BakeSight::empty(WorldTime(0))
    }
}

#[async_trait]
impl CloudRead for SimCloud {
    async fn identity(&self) -> Result<Identity, CloudError> {
        self.ask("GetCallerIdentity", World::identity)
    }

    async fn now(&self) -> Result<WorldTime, CloudError> {
        self.ask("now", World::now)
    }

    async fn speed(&self) -> Result<f64, CloudError> {
        self.speed_now().map_err(|error| error.as_cloud("speed"))
    }

    async fn images(&self) -> Result<Listing<Image>, CloudError> {
        self.ask("DescribeImages", |world| Listing::Complete { items: world.images(), as_of: world.now() })
    }

    async fn image(&self, id: &ImageId) -> Result<Option<Image>, CloudError> {
        self.ask("DescribeImages", |world| world.image(id))
    }

    async fn groups(&self) -> Result<Listing<ServerGroup>, CloudError> {
        self.ask("DescribeAutoScalingGroups", |world| Listing::Complete { items: world.groups(), as_of: world.now() })
    }

    async fn routes(&self) -> Result<Listing<RouteReading>, CloudError> {
        self.ask("DescribeRules", |world| Listing::Complete { items: world.routes(), as_of: world.now() })
    }

    async fn observe(&self, scope: &Scope, depth: Depth) -> FleetObservation {
        self.with_world(|world| world.observe(scope, depth)).unwrap_or_else(|error| blind(scope, &error))
    }

    async fn target_health(&self, target_group: &TargetGroupArn) -> Result<TargetHealth, CloudError> {
        let api = "DescribeTargetHealth";
        match self.ask(api, |world| world.health_reading(target_group))? {
            Reading::Known { value, .. } => Ok(value),
            Reading::Missing { why } => Err(CloudError::new(CloudErrorKind::NotFound, api, why)),
            Reading::Unknown { why } => Err(CloudError::new(CloudErrorKind::Unsupported, api, why)),
        }
    }

    async fn alarms(&self, names: &[AlarmName]) -> Result<Listing<AlarmReading>, CloudError> {
        let api = "DescribeAlarms";
        match self.ask(api, |world| world.alarms(names))? {
            Reading::Known { value, as_of } => Ok(Listing::Complete { items: value, as_of }),
            Reading::Missing { why } | Reading::Unknown { why } => Err(CloudError::new(CloudErrorKind::Unsupported, api, why)),
        }
    }

    async fn launch_times(&self, servers: &[InstanceId]) -> Result<BTreeMap<InstanceId, WorldTime>, CloudError> {
        self.ask("DescribeInstances", |world| world.launch_times(servers))
    }

    async fn template(&self, template: &TemplateId, version: u64) -> Result<TemplateData, CloudError> {
        self.ask("DescribeLaunchTemplateVersions", |world| world.template(template, version))?
    }

    async fn dry_run(&self, call: &CloudCall) -> Result<DryRun, CloudError> {
        let CloudCall::CreateTemplateVersion { source_template, source_version, .. } = call else { return Ok(DryRun::NotOffered) };
        self.template(source_template, *source_version).await.map(|_| DryRun::Allowed)
    }

    async fn target_group_facts(&self, target_groups: &[TargetGroupArn]) -> Result<Vec<TargetGroupFacts>, CloudError> {
        self.ask("DescribeTargetGroupAttributes", |world| world.target_group_facts(target_groups))?
    }

    async fn group_policies(&self, groups: &[GroupName]) -> Result<Vec<GroupPolicies>, CloudError> {
        self.ask("DescribePolicies", |world| world.group_policies(groups))?
    }
}

#[async_trait]
impl CloudWrite for SimWriter {
    async fn call(&self, call: &CloudCall) -> Result<CallReply, CloudError> {
        let shared = &self.cloud.shared;
        let answer = self.cloud.held().change(&shared.path, |world, _| (world.apply(call, world.now()), Wrote::World));
        answer.map_err(|error| error.as_cloud(call.aws_name())).unwrap_or_else(Err)
    }
}

#[async_trait]
impl Metrics for SimCloud {
    async fn measure(&self, ask: &MetricsAsk) -> MetricsSeen {
        self.with_world(|world| world.measure(ask)).unwrap_or_else(|error| {
            let why = error.as_cloud("GetMetricData").message;
            let unread = |metric: &Metric| (metric.name.clone(), BySlot::from_fn(|_| Reading::unknown(why.clone())));
            MetricsSeen { series: ask.analysis.series().map(unread).collect(), ..MetricsSeen::default() }
        })
    }
}

/// What is seen of a fleet when the world's file cannot be read: nothing, with the reason.
fn blind(scope: &Scope, error: &SimError) -> FleetObservation {
    let why = error.as_cloud("observe").message;
    FleetObservation::blind(scope, file::world_time(file::to_f64(file::wall())), &why.shown())
}

#[cfg(test)]
mod tests;

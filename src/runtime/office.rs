//! One cloud with its store: what a desk works with and a driver is started from.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::cloud::Cloud;
use super::ground::Ground;
use super::images::KnownAncestors;
use crate::adapters::host;
use crate::adapters::sim::{KeepAlive, SimCloud};
use crate::adapters::store::Store;
use crate::domain::call::{CloudError, Identity};
use crate::domain::time::{BootTime, Millis, WorldTime};
use crate::operation::command::Who;
use crate::operation::plan::BUILD;
use crate::plan::Setting;
use crate::world::World;

/// What an office is opened with.
pub struct OfficeSettings {
    /// Where fleets are written down.
    pub fleets_file: PathBuf,
    /// Nothing can be changed from here.
    pub read_only: bool,
    /// Every wait of an operation is divided by it; 1 but in tests.
    pub time_scale: u32,
    /// What the process stands on.
    pub ground: Ground,
    /// The profile that was named, for programs that look for credentials themselves.
    pub profile: Option<String>,
    /// The options a driver is started with, besides `drive OPERATION`.
    pub driver_arguments: Vec<OsString>,
}

/// One cloud with its store.
pub struct Office {
    /// The cloud.
    pub cloud: Cloud,
    /// The store.
    pub store: Arc<Store>,
    /// What it was opened with.
    pub settings: OfficeSettings,
    identity: OnceCell<Identity>,
    /// What images that are not listed were made from.
    pub(super) ancestors: KnownAncestors,
    /// A simulated world goes on while somebody has it open.
    _alive: Option<KeepAlive>,
    clock: Mutex<Option<ClockReading>>,
}

/// World time as it was last told, so that it can be told again without asking.
#[derive(Clone, Copy)]
struct ClockReading {
    world: WorldTime,
    boot: BootTime,
    speed: f64,
    /// When the credentials of a simulated caller end, as it was told with the time.
    credentials_end: Option<WorldTime>,
}

impl ClockReading {
    /// A simulated world that was just opened tells its time at no cost: the first frame has the right one.
    fn of(world: &SimCloud) -> Option<Self> {
        let (now, speed) = (world.with_world(World::now).ok()?, world.speed_now().ok()?);
        Some(Self { world: now, boot: host::boot_now(), speed, credentials_end: None })
    }
}

impl Office {
    /// An office over a cloud and its store.
    #[must_use]
    pub fn new(cloud: Cloud, store: Arc<Store>, settings: OfficeSettings) -> Self {
        let (alive, clock) = match &cloud {
            Cloud::Sim(world) => (Some(world.keep_alive()), ClockReading::of(world)),
            #[cfg(feature = "aws")]
            Cloud::Aws(_) => (None, None),
        };
        Self { cloud, store, settings, identity: OnceCell::new(), ancestors: KnownAncestors::default(), _alive: alive, clock: Mutex::new(clock) }
    }

    /// The same, where it is known already who we are.
    #[must_use]
    pub fn with_identity(cloud: Cloud, store: Arc<Store>, settings: OfficeSettings, identity: Identity) -> Self {
        Self { identity: OnceCell::new_with(Some(identity)), ..Self::new(cloud, store, settings) }
    }

    /// Who we are there; asked once.
    ///
    /// # Errors
    /// The cloud did not say.
    pub async fn identity(&self) -> Result<&Identity, CloudError> {
        let reader = self.cloud.reader(super::cloud::Urgency::Opened);
        self.identity.get_or_try_init(|| async { reader.identity().await }).await
    }

    /// Who we are there, if that is known already.
    #[must_use]
    pub fn known_identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// The person at the keyboard.
    pub async fn who(&self) -> Who {
        let caller = self.identity().await.map(|identity| identity.caller.clone());
        host::who(caller.unwrap_or_else(|_| "?".into()))
    }

    /// What does not change from plan to plan.
    #[must_use]
    pub fn setting(&self) -> Setting {
        Setting {
            build: BUILD.to_owned(),
            store: self.store.id().to_owned(),
            time_scale: self.settings.time_scale,
            judged: self.cloud.counts_requests(),
        }
    }

    fn clock_reading(&self) -> Option<ClockReading> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How fast the world goes, as it was last told.
    pub(super) fn speed(&self) -> Option<f64> {
        self.clock_reading().map(|reading| reading.speed)
    }

    /// When credentials end, as it was last told without asking AWS.
    pub(super) fn told_credentials_end(&self) -> Option<WorldTime> {
        let told = self.clock_reading().and_then(|reading| reading.credentials_end);
        told.or_else(|| self.known_identity().and_then(|identity| identity.expires_at))
    }

    /// World time as well as it is known without asking anybody.
    #[must_use]
    pub fn now(&self) -> WorldTime {
        match self.clock_reading() {
            Some(reading) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "spans of hours, in milliseconds"
                )]
                let since = Millis((host::boot_now().since(reading.boot).0 as f64 * reading.speed) as u64);
                reading.world.plus(since)
            }
            None => host::wall_now(),
        }
    }

    /// Remembers what time it is there and how fast it goes.
    pub async fn read_clock(&self) -> Result<WorldTime, CloudError> {
        let reader = self.cloud.reader(super::cloud::Urgency::Visible);
        let (world, speed) = (reader.now().await?, reader.speed().await?);
        let credentials_end = match &self.cloud {
            // New ones end later than those this process began with; while there are none, the last end stands.
            Cloud::Sim(_) => reader.identity().await.map_or_else(|_| self.told_credentials_end(), |identity| identity.expires_at),
            #[cfg(feature = "aws")]
            Cloud::Aws(_) => None,
        };
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(ClockReading { world, boot: host::boot_now(), speed, credentials_end });
        Ok(world)
    }
}

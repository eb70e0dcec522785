//! The cloud that was asked for: simulated or AWS, behind the same ports.

use std::sync::Arc;

use crate::adapters::sim::SimCloud;
use crate::domain::fleet::FleetSpec;
use crate::domain::time::WorldTime;
use crate::ports::bake::BakeRead;
use crate::ports::cloud::{CloudRead, CloudWrite};
use crate::ports::image::ImageRead;
use crate::ports::metrics::Metrics;

/// A cloud and what only one of its kind can do.
#[derive(Clone)]
pub enum Cloud {
    /// The simulated one.
    Sim(SimCloud),
    /// AWS.
    #[cfg(feature = "aws")]
    Aws(crate::adapters::aws::AwsCloud),
}

/// How urgent somebody's calls are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// The look before a fast rollback's one write: as urgent as that.
    FirstLook,
    /// A driver's reads.
    Driver,
    /// The fleet somebody has open.
    Opened,
    /// What is on the screen.
    Visible,
    /// Everything else.
    Rest,
}

impl Cloud {
    /// Reading it.
    #[must_use]
    #[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "a simulated cloud has no call budget"))]
    pub fn reader(&self, urgency: Urgency) -> Arc<dyn CloudRead> {
        match self {
            Self::Sim(cloud) => Arc::new(cloud.clone()),
            #[cfg(feature = "aws")]
            Self::Aws(cloud) => Arc::new(cloud.with_priority(match urgency {
                Urgency::FirstLook => crate::ports::budget::Priority::Write,
                Urgency::Driver => crate::ports::budget::Priority::DriverRead,
                Urgency::Opened => crate::ports::budget::Priority::OpenedFleet,
                Urgency::Visible => crate::ports::budget::Priority::VisibleFleets,
                Urgency::Rest => crate::ports::budget::Priority::Rest,
            })),
        }
    }

    /// Changing it: asked for by drivers only.
    #[must_use]
    #[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "a simulated cloud has no call budget"))]
    pub fn writer(&self, rolls_back: bool) -> Arc<dyn CloudWrite> {
        match self {
            Self::Sim(cloud) => Arc::new(cloud.writer()),
            #[cfg(feature = "aws")]
            Self::Aws(cloud) => {
                use crate::ports::budget::Priority;
                Arc::new(crate::adapters::aws::AwsWriter::new(cloud, if rolls_back { Priority::RollbackWrite } else { Priority::Write }))
            }
        }
    }

    /// Reading what bakes need of it.
    #[must_use]
    pub fn bake_reader(&self) -> Arc<dyn BakeRead> {
        match self {
            Self::Sim(cloud) => Arc::new(cloud.clone()),
            #[cfg(feature = "aws")]
            Self::Aws(cloud) => Arc::new(cloud.with_priority(crate::ports::budget::Priority::DriverRead)),
        }
    }

    /// Reading what holds images, what they were made from and what they stand on.
    #[must_use]
    pub fn image_reader(&self) -> Arc<dyn ImageRead> {
        match self {
            Self::Sim(cloud) => Arc::new(cloud.clone()),
            #[cfg(feature = "aws")]
            Self::Aws(cloud) => Arc::new(cloud.with_priority(crate::ports::budget::Priority::DriverRead)),
        }
    }

    /// Reading series of its load balancers.
    #[must_use]
    pub fn metrics_reader(&self) -> Arc<dyn Metrics> {
        match self {
            Self::Sim(cloud) => Arc::new(cloud.clone()),
            #[cfg(feature = "aws")]
            Self::Aws(cloud) => Arc::new(cloud.with_priority(crate::ports::budget::Priority::DriverRead)),
        }
    }

    /// When the credentials that were read last end, where that is told.
    #[must_use]
    pub fn credentials_until(&self) -> Option<WorldTime> {
        match self {
            Self::Sim(_) => None,
            #[cfg(feature = "aws")]
            Self::Aws(cloud) => cloud.credentials_until(),
        }
    }

    /// Somebody counts requests and errors here.
    #[must_use]
    pub const fn counts_requests(&self) -> bool {
        matches!(self, Self::Sim(_))
    }

    /// Fleets the cloud itself declares: a simulated world's.
    #[must_use]
    pub fn declared_fleets(&self) -> Option<Vec<FleetSpec>> {
        match self {
            Self::Sim(cloud) => cloud.fleet_specs().ok(),
            #[cfg(feature = "aws")]
            Self::Aws(_) => None,
        }
    }

    /// How much later it is there than on this host, in milliseconds, where the two differ by more than the way of an answer.
    #[must_use]
    pub fn clock_difference(&self) -> Option<i64> {
        match self {
            Self::Sim(_) => None,
            #[cfg(feature = "aws")]
            Self::Aws(cloud) => cloud.clock_difference(),
        }
    }

    /// Nobody has changed anything in it yet: a simulated world at its beginning.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        match self {
            Self::Sim(cloud) => cloud.call_log().is_ok_and(|calls| calls.is_empty()),
            #[cfg(feature = "aws")]
            Self::Aws(_) => false,
        }
    }

    /// A driver has done all it has to do until later: a world that is moved by hand may go on.
    pub fn rested(&self, watcher: &str, at: WorldTime) {
        match self {
            Self::Sim(cloud) => {
                if let Err(error) = cloud.seen(watcher, at) {
                    tracing::warn!("the world was not told that this driver rests: {error}");
                }
            }
            #[cfg(feature = "aws")]
            Self::Aws(_) => {}
        }
    }
}

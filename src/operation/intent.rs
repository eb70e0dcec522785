//! What a person wants, before there is a plan.

use serde::{Deserialize, Serialize};

use crate::domain::fleet::Strategy;
use crate::domain::ids::FleetName;

/// A wish that a plan can be made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// A new release.
    Deploy {
        /// The fleet.
        fleet: FleetName,
        /// Version or image id, as typed or chosen.
        image: String,
        /// Another strategy than the fleet's own.
        strategy: Option<Strategy>,
        /// Also if the image's gates failed; the reason is recorded.
        #[serde(default)]
        despite_gates: bool,
    },
    /// Back to a release that was stable.
    Rollback {
        /// The fleet.
        fleet: FleetName,
        /// Version or image id; the last known good where none is named.
        to: Option<String>,
    },
    /// Fresh servers of the same image.
    Recycle {
        /// The fleet.
        fleet: FleetName,
    },
}

impl Intent {
    /// The fleet it is about.
    #[must_use]
    pub const fn fleet(&self) -> &FleetName {
        match self {
            Self::Deploy { fleet, .. } | Self::Rollback { fleet, .. } | Self::Recycle { fleet } => fleet,
        }
    }

    /// The same on the command line; `to` is the release the plan found.
    #[must_use]
    pub fn command(&self, to: &str) -> String {
        match self {
            Self::Deploy { fleet, despite_gates: true, .. } => format!("qd deploy {fleet} --image {to} --despite-gates"),
            Self::Deploy { fleet, .. } => format!("qd deploy {fleet} --image {to}"),
            Self::Recycle { fleet } => format!("qd recycle {fleet}"),
            Self::Rollback { fleet, to: None } => format!("qd rollback {fleet}"),
            Self::Rollback { fleet, to: Some(_) } => format!("qd rollback {fleet} --to {to}"),
        }
    }
}

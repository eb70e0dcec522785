//! The named beginnings a simulated world can have.

use serde::{Deserialize, Serialize};

/// How a world begins and what it does to those who live in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Six fleets, good and bad images, a bake in progress.
    #[default]
    Default,
    /// As `default`, but the cloud has only three servers left to give.
    NoCapacity,
    /// As `default`, but servers of the newer images pass and fail their checks in turn.
    Flapping,
    /// As `default`, but a good part of the calls is throttled.
    Throttled,
    /// As `default`, but a zone has just gone dark with all its servers.
    ZoneOutage,
    /// As `default`, but the credentials end each hour and nobody signs in for a while.
    CredsExpire,
    /// As `default`, but web-prod is judged by latency as well, and its bad image is slow.
    Latency,
    /// A thousand fleets with fifty servers each.
    Big,
}

impl Scenario {
    /// Every scenario there is.
    pub const ALL: [Self; 8] =
        [Self::Default, Self::NoCapacity, Self::Flapping, Self::Throttled, Self::ZoneOutage, Self::CredsExpire, Self::Latency, Self::Big];

    /// The name people type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::NoCapacity => "no-capacity",
            Self::Flapping => "flapping",
            Self::Throttled => "throttled",
            Self::ZoneOutage => "zone-outage",
            Self::CredsExpire => "creds-expire",
            Self::Latency => "latency",
            Self::Big => "big",
        }
    }

    /// What is special about it, in a sentence.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Default => "six fleets with good and bad images and a bake in progress",
            Self::NoCapacity => "the same fleets in a cloud that has only three servers left to give",
            Self::Flapping => "the same fleets, but servers of the newer images pass and fail their checks in turn",
            Self::Throttled => "the same fleets in a cloud that throttles every third write and every twentieth read",
            Self::ZoneOutage => "the same fleets, an hour of which a zone is dark: its servers are gone, and none is launched there",
            Self::CredsExpire => "the same fleets, but the credentials end each hour and are gone for fifteen minutes",
            Self::Latency => "the same fleets, but web-prod is judged by latency as well, and web 2.15.0 is slow instead of failing",
            Self::Big => "a thousand fleets with fifty thousand servers: choose a low --sim-speed",
        }
    }
}

/// A scenario nobody has written (yet).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario '{}': there are {}", crate::domain::text::escape(name), known())]
pub struct UnknownScenario {
    /// What was asked for.
    pub name: String,
}

fn known() -> String {
    Scenario::ALL.map(Scenario::name).join(", ")
}

impl std::str::FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name).ok_or_else(|| UnknownScenario { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name_and_an_unknown_one_lists_them() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.name().parse(), Ok(scenario));
        }
        let refused = "nonsense".parse::<Scenario>().unwrap_err().to_string();
        assert_eq!(
            refused,
            "there is no scenario 'nonsense': there are default, no-capacity, flapping, throttled, zone-outage, creds-expire, latency, big"
        );
    }
}

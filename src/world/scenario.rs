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
}

impl Scenario {
    /// Every scenario there is.
    pub const ALL: [Self; 3] = [Self::Default, Self::NoCapacity, Self::Flapping];

    /// The name people type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::NoCapacity => "no-capacity",
            Self::Flapping => "flapping",
        }
    }

    /// What is special about it, in a sentence.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Default => "six fleets with good and bad images and a bake in progress",
            Self::NoCapacity => "the same fleets in a cloud that has only three servers left to give",
            Self::Flapping => "the same fleets, but servers of the newer images pass and fail their checks in turn",
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
        let refused = "throttled".parse::<Scenario>().unwrap_err().to_string();
        assert_eq!(refused, "there is no scenario 'throttled': there are default, no-capacity, flapping");
    }
}

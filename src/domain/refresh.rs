//! AWS's instance refresh: its own engine replaces every server of one group, and goes on whether or not anybody watches.

use serde::{Deserialize, Serialize};

use super::group::PinnedVersion;
use super::ids::{RefreshId, TemplateId};
use super::text::Untrusted;
use super::time::WorldTime;

/// What a refresh is doing, in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshStatus {
    /// Accepted, not begun.
    Pending,
    /// Servers are replaced.
    InProgress,
    /// All are replaced; it waits out its bake time.
    Baking,
    /// It ended well: the group launches the desired version from now on.
    Successful,
    /// It ended badly and nothing was rolled back.
    Failed,
    /// Somebody stopped it; replacements under way are finished.
    Cancelling,
    /// Somebody stopped it: what was replaced stays replaced.
    Cancelled,
    /// Replaced servers are replaced by what the group launched before.
    RollbackInProgress,
    /// The rollback ended badly.
    RollbackFailed,
    /// Everything is as it was before.
    RollbackSuccessful,
    /// A word this program does not know: never taken for an end.
    Unknown {
        /// The word.
        word: Untrusted,
    },
}

impl RefreshStatus {
    /// AWS's engine still works on it, or nobody can tell.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        !matches!(self, Self::Successful | Self::Failed | Self::Cancelled | Self::RollbackFailed | Self::RollbackSuccessful)
    }

    /// It goes forward: it can be rolled back or cancelled.
    #[must_use]
    pub const fn goes_forward(&self) -> bool {
        matches!(self, Self::Pending | Self::InProgress | Self::Baking)
    }

    /// The status for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Pending => "pending".to_owned(),
            Self::InProgress => "in progress".to_owned(),
            Self::Baking => "baking".to_owned(),
            Self::Successful => "successful".to_owned(),
            Self::Failed => "failed".to_owned(),
            Self::Cancelling => "being cancelled".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
            Self::RollbackInProgress => "rolling back".to_owned(),
            Self::RollbackFailed => "rollback failed".to_owned(),
            Self::RollbackSuccessful => "rolled back".to_owned(),
            Self::Unknown { word } => format!("in a state this program does not know ({})", word.shown()),
        }
    }
}

/// How a refresh gets its servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshStrategy {
    /// A new server for each old one.
    Rolling,
    /// The root volume of each server is changed under it: a server is never changed here, so such a refresh is never adopted.
    ReplaceRootVolume,
    /// A word this program does not know.
    Unknown {
        /// The word.
        word: Untrusted,
    },
}

/// What is done about servers that are protected from scale-in or in standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OddServers {
    /// Wait an hour for somebody to decide, then fail.
    Wait,
    /// Leave them as they are.
    Ignore,
    /// Replace or terminate them.
    Replace,
}

impl OddServers {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wait => "waited for",
            Self::Ignore => "left alone",
            Self::Replace => "replaced",
        }
    }
}

/// Every preference of a refresh, named: what is left out has other defaults in the console than in the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshPreferences {
    /// In service and healthy at least, in percent of the wanted size.
    pub min_healthy_pct: u32,
    /// In service, healthy or starting at most, in percent of the wanted size.
    pub max_healthy_pct: u32,
    /// How long a new server is in service before the next one is replaced; the group's own default where none is named.
    pub warmup_secs: Option<u32>,
    /// How long it watches after the last replacement.
    pub bake_secs: u32,
    /// Servers that run the desired version already are left alone.
    pub skip_matching: bool,
    /// It rolls back by itself when it fails or an alarm goes off.
    pub auto_rollback: bool,
    /// CloudWatch alarms that make it fail.
    pub alarms: Vec<String>,
    /// Servers protected from scale-in.
    pub protected: OddServers,
    /// Servers in standby.
    pub standby: OddServers,
    /// Percentages at which it waits before it goes on by itself.
    pub checkpoints: Vec<u32>,
}

impl RefreshPreferences {
    /// New servers before old ones end, a tenth more at a time, servers of odd kinds waited for.
    #[must_use]
    pub const fn careful() -> Self {
        Self {
            min_healthy_pct: 100,
            max_healthy_pct: 110,
            warmup_secs: None,
            bake_secs: 0,
            skip_matching: true,
            auto_rollback: false,
            alarms: Vec::new(),
            protected: OddServers::Wait,
            standby: OddServers::Wait,
            checkpoints: Vec::new(),
        }
    }

    /// Every value that will be in force, for people.
    #[must_use]
    pub fn words(&self) -> String {
        let warmup = self.warmup_secs.map_or_else(|| "the group's warm-up".to_owned(), |secs| format!("warm-up {secs}s"));
        let on = |on: bool| if on { "on" } else { "off" };
        let alarms = if self.alarms.is_empty() { "no alarms".to_owned() } else { format!("alarms {}", list(&self.alarms)) };
        let checkpoints = if self.checkpoints.is_empty() { String::new() } else { format!(" · checkpoints at {:?}%", self.checkpoints) };
        format!(
            "healthy {}-{}% · {warmup} · bake {}s · skip matching {} · auto rollback {} · {alarms} · protected {} · standby {}{checkpoints}",
            self.min_healthy_pct,
            self.max_healthy_pct,
            self.bake_secs,
            on(self.skip_matching),
            on(self.auto_rollback),
            self.protected.word(),
            self.standby.word(),
        )
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| super::text::escape(name)).collect::<Vec<_>>().join(", ")
}

/// The template a refresh gives to new servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredTemplate {
    /// The template.
    pub id: TemplateId,
    /// The version.
    pub version: PinnedVersion,
}

impl DesiredTemplate {
    /// A numbered version.
    #[must_use]
    pub const fn numbered(id: TemplateId, version: u64) -> Self {
        Self { id, version: PinnedVersion::Number(version) }
    }
}

/// One refresh of a group as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRefresh {
    /// Its id.
    pub id: RefreshId,
    /// What it is doing.
    pub status: RefreshStatus,
    /// How it gets its servers.
    pub strategy: RefreshStrategy,
    /// Why it is in that state, in AWS's words.
    pub reason: Option<Untrusted>,
    /// How much is replaced. It lags: a replaced server counts once it has warmed up.
    pub percent: Option<u32>,
    /// Servers still to be replaced.
    pub to_update: Option<u32>,
    /// What new servers are launched from; none if the refresh named nothing, and then it cannot be rolled back.
    pub desired: Option<DesiredTemplate>,
    /// What was asked for, where all of it could be read.
    pub preferences: Option<RefreshPreferences>,
    /// When it began.
    pub started_at: Option<WorldTime>,
    /// When it ended.
    pub ended_at: Option<WorldTime>,
    /// Why it rolled back, if it did.
    pub rollback_reason: Option<Untrusted>,
}

impl InstanceRefresh {
    /// Whether it does what we would have it do: new servers from this numbered version. Only such a one is adopted.
    #[must_use]
    pub fn launches(&self, template: &TemplateId, version: u64) -> bool {
        let same = |desired: &DesiredTemplate| desired.id == *template && desired.version == PinnedVersion::Number(version);
        self.strategy == RefreshStrategy::Rolling && self.desired.as_ref().is_some_and(same)
    }

    /// What it does and how far it got, for people.
    #[must_use]
    pub fn words(&self) -> String {
        let percent = self.percent.map_or_else(|| "?".to_owned(), |percent| percent.to_string());
        let left = self.to_update.map_or_else(String::new, |left| format!(", {left} left"));
        let reason = self.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.shown()));
        format!("{} at {percent}%{left}{reason}", self.status.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refresh(status: RefreshStatus, strategy: RefreshStrategy) -> InstanceRefresh {
        InstanceRefresh {
            id: "r-1".into(),
            status,
            strategy,
            reason: None,
            percent: Some(50),
            to_update: Some(3),
            desired: Some(DesiredTemplate::numbered("lt-1".into(), 3)),
            preferences: None,
            started_at: None,
            ended_at: None,
            rollback_reason: None,
        }
    }

    #[test]
    fn an_unknown_word_is_no_end_and_nothing_to_roll_back() {
        let odd = RefreshStatus::Unknown { word: "Frobnicating\u{1b}".into() };
        assert!(odd.is_running() && !odd.goes_forward());
        assert_eq!(odd.words(), "in a state this program does not know (Frobnicating\\u{1b})");
    }

    #[test]
    fn only_a_rolling_refresh_to_our_numbered_version_is_ours() {
        let ours = refresh(RefreshStatus::InProgress, RefreshStrategy::Rolling);
        assert!(ours.launches(&"lt-1".into(), 3) && !ours.launches(&"lt-1".into(), 4) && !ours.launches(&"lt-2".into(), 3));
        assert!(!refresh(RefreshStatus::InProgress, RefreshStrategy::ReplaceRootVolume).launches(&"lt-1".into(), 3));
        let latest = InstanceRefresh { desired: Some(DesiredTemplate { id: "lt-1".into(), version: PinnedVersion::Latest }), ..ours };
        assert!(!latest.launches(&"lt-1".into(), 3));
    }

    #[test]
    fn a_refresh_is_read_back_as_it_was_written() {
        let odd = refresh(RefreshStatus::Unknown { word: "Odd".into() }, RefreshStrategy::Unknown { word: "Odder".into() });
        for refresh in [odd, refresh(RefreshStatus::Baking, RefreshStrategy::Rolling)] {
            let text = serde_json::to_string(&refresh).unwrap();
            assert_eq!(serde_json::from_str::<InstanceRefresh>(&text).unwrap(), refresh);
        }
    }
}

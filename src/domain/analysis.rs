//! What a fleet's canary analysis looks at, and what it does with what it finds.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::series::Finite;
use super::text::Untrusted;
use super::time::Millis;

/// The name of a metric or of a group of metrics: short, and safe to show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MetricName(String);

impl MetricName {
    /// The longest name, in characters.
    pub const LONGEST: usize = 24;
    /// What a name looks like, for messages.
    pub const EXPECTED: &str = "1 to 24 letters, digits, '_', '-', '.' or '%'";

    /// The name, if it is one.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= Self::LONGEST;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '%'));
        (fits && plain).then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for MetricName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name).ok_or_else(|| format!("'{}' is no name of a metric: expected {}", super::text::escape(&name), Self::EXPECTED))
    }
}

impl From<MetricName> for String {
    fn from(name: MetricName) -> Self {
        name.0
    }
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Requests and those of them that were answered with 5xx, of each slot's target group: judged by counts.
    Errors,
    /// The 99th percentile of the latency of each slot's target group, in milliseconds.
    LatencyP99,
    /// The mean latency of each slot's target group, in milliseconds.
    LatencyMean,
    /// Unhealthy targets of each slot's target group.
    Unhealthy,
    /// A Prometheus query; `$group` and `$slot` stand for the server group and for `a` or `b`.
    Prometheus(Untrusted),
}

impl Measure {
    /// The word in files.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::LatencyP99 => "latency-p99",
            Self::LatencyMean => "latency-mean",
            Self::Unhealthy => "unhealthy",
            Self::Prometheus(_) => "prometheus",
        }
    }

    /// The load balancer knows it.
    #[must_use]
    pub const fn is_of_load_balancer(&self) -> bool {
        !matches!(self, Self::Prometheus(_))
    }
}

/// Which change counts against the candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is worse.
    #[default]
    Increase,
    /// Less is worse.
    Decrease,
    /// Any change is worse.
    Either,
}

impl Direction {
    /// More counts against the candidate.
    #[must_use]
    pub const fn rises(self) -> bool {
        matches!(self, Self::Increase | Self::Either)
    }

    /// Less counts against the candidate.
    #[must_use]
    pub const fn falls(self) -> bool {
        matches!(self, Self::Decrease | Self::Either)
    }
}

/// What becomes of gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They are left out.
    #[default]
    Remove,
    /// They stand for zero.
    Zero,
}

/// What becomes of outliers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outliers {
    /// They count.
    #[default]
    Keep,
    /// They are left out: below the smaller of the first percentile and Q1 − 3 IQR, or above the larger of the 99th and Q3 + 3 IQR.
    Remove,
}

/// How the size of a difference is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The candidate's mean over stable's.
    #[default]
    MeanRatio,
    /// The probability that a point of the candidate is above one of stable.
    Cles,
}

/// How large a difference must be to count, in the unit of the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// An effect of at least this counts as an increase.
    pub increase: Finite,
    /// An effect of at most this counts as a decrease.
    pub decrease: Finite,
}

impl Bounds {
    /// Any difference counts.
    #[must_use]
    pub fn any(effect: Effect) -> Self {
        let even = match effect {
            Effect::MeanRatio => Finite::ONE,
            Effect::Cles => Finite::new(0.5).unwrap_or_default(),
        };
        Self { increase: even, decrease: even }
    }
}

/// One metric of an analysis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name.
    pub name: MetricName,
    /// The group it is scored in.
    pub group: MetricName,
    /// What is measured.
    pub measure: Measure,
    /// Which change counts against the candidate.
    #[serde(default)]
    pub direction: Direction,
    /// What becomes of gaps.
    #[serde(default)]
    pub missing: Missing,
    /// What becomes of outliers.
    #[serde(default)]
    pub outliers: Outliers,
    /// How the size of a difference is measured.
    #[serde(default)]
    pub effect: Effect,
    /// How large a difference must be to count.
    pub allowed: Bounds,
    /// How large a difference in a critical metric must be to fail everything.
    pub critical_bounds: Bounds,
    /// A difference past its critical bounds fails everything, and nothing is passed without it.
    #[serde(default)]
    pub critical: bool,
    /// A side without a single point counts as a failure.
    #[serde(default)]
    pub must_have_data: bool,
    /// It is shown and does not count.
    #[serde(default)]
    pub muted: bool,
}

impl Metric {
    /// A metric of its own group whose every increase counts.
    #[must_use]
    pub fn new(name: MetricName, measure: Measure) -> Self {
        let any = Bounds::any(Effect::MeanRatio);
        Self {
            group: name.clone(),
            name,
            measure,
            direction: Direction::Increase,
            missing: Missing::Remove,
            outliers: Outliers::Keep,
            effect: Effect::MeanRatio,
            allowed: any,
            critical_bounds: any,
            critical: false,
            must_have_data: false,
            muted: false,
        }
    }

    /// It is judged by counts of requests and errors.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        matches!(self.measure, Measure::Errors)
    }
}

/// What a failed verdict leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// The deploy backs out by itself.
    #[default]
    BackOut,
    /// It holds for a person, with a deadline at which it backs out.
    Hold,
}

impl OnFail {
    /// The word in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::BackOut => "back-out",
            Self::Hold => "hold",
        }
    }
}

/// What a fleet's canary analysis looks at. Without metrics of its own a soak is judged by requests and errors alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// The metrics, each name once.
    pub metrics: Vec<Metric>,
    /// Weights of groups, percent; groups without one share the rest.
    pub weights: BTreeMap<MetricName, u32>,
    /// A score of at least this passes.
    pub pass: u32,
    /// A score of at most this fails at once; between the two nothing is decided.
    pub marginal: u32,
    /// What a failed verdict leads to.
    pub on_fail: OnFail,
    /// From one point of a series to the next.
    pub interval: Millis,
    /// Where Prometheus answers, such as `http://127.0.0.1:9090`.
    pub prometheus: Option<Untrusted>,
    /// The file with the certificates of the authorities that may vouch for it; those that the host trusts where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_ca: Option<Untrusted>,
    /// The file with the bearer token that it asks for. Only the name is kept anywhere: whoever asks reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_token: Option<Untrusted>,
}

impl Default for Analysis {
    fn default() -> Self {
        Self {
            metrics: Vec::new(),
            weights: BTreeMap::new(),
            pass: 75,
            marginal: 60,
            on_fail: OnFail::BackOut,
            interval: Millis::secs(60),
            prometheus: None,
            prometheus_ca: None,
            prometheus_token: None,
        }
    }
}

impl Analysis {
    /// Metrics that are series.
    pub fn series(&self) -> impl Iterator<Item = &Metric> {
        self.metrics.iter().filter(|metric| !metric.is_counted())
    }

    /// Requests and errors are asked for by name.
    #[must_use]
    pub fn names_errors(&self) -> bool {
        self.metrics.iter().any(Metric::is_counted)
    }

    /// How requests and errors are judged: as the file says, or critically where it does not say.
    #[must_use]
    pub fn errors(&self) -> Metric {
        let named = self.metrics.iter().find(|metric| metric.is_counted()).cloned();
        named.unwrap_or_else(|| Metric { critical: true, ..Metric::new(MetricName("errors".to_owned()), Measure::Errors) })
    }
}

/// An address of `http://` or `https://` in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAddress {
    /// It is spoken to over TLS.
    pub is_tls: bool,
    /// The host: a name, or an IP address without brackets.
    pub host: String,
    /// The host with its port, as it is connected to.
    pub authority: String,
    /// What stands before every path; empty, or with a slash at its beginning and none at its end.
    pub prefix: String,
}

/// The parts of an address that begins with `http://` or `https://`.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn http_address(url: &str) -> Result<HttpAddress, String> {
    let wrong = || {
        format!(
            "'{}' is no address of Prometheus: expected one such as http://127.0.0.1:9090 or https://prometheus.internal",
            super::text::escape(url)
        )
    };
    let (is_tls, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err(wrong()),
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let path_is_plain = path.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#'));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port),
        _ => (authority, if is_tls { "443" } else { "80" }),
    };
    if host.is_empty() || !authority.chars().all(plain) || !path_is_plain {
        return Err(wrong());
    }
    let prefix = if path.is_empty() { String::new() } else { format!("/{}", path.trim_end_matches('/')) };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok(HttpAddress { is_tls, host: bare.to_owned(), authority: format!("{host}:{port}"), prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_s_name_is_short_and_plain() {
        assert!(MetricName::new("p99_ms").is_some());
        for wrong in ["", "with space", "esc\u{1b}[31m", "a-name-that-goes-on-and-on-and-on"] {
            assert!(MetricName::new(wrong).is_none(), "{wrong:?}");
        }
        assert!(serde_json::from_str::<MetricName>("\"a b\"").unwrap_err().to_string().contains("1 to 24 letters"));
    }

    #[test]
    fn errors_are_critical_where_the_file_does_not_say() {
        assert!(Analysis::default().errors().critical);
        let named = Metric::new(MetricName::new("err").unwrap(), Measure::Errors);
        assert!(!Analysis { metrics: vec![named], ..Analysis::default() }.errors().critical);
    }
}

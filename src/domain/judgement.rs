//! What a canary analysis was made from and what it found: plain data, so that anybody can judge again and show why.

use serde::{Deserialize, Serialize};

use super::analysis::{Analysis, Metric, MetricName};
use super::series::{Finite, SeriesReading};
use super::time::WorldTime;
use super::traffic::Counts;

/// What an analysis says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictWord {
    /// No difference that counts.
    Pass,
    /// The candidate is worse: sticky for its step.
    Fail,
    /// Too little data to say.
    Inconclusive,
}

impl VerdictWord {
    /// The word in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The candidate's requests and errors and stable's, in the same interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountPair {
    /// The candidate's.
    pub candidate: Counts,
    /// Stable's.
    pub stable: Counts,
}

/// One metric of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesPair {
    /// Its name.
    pub metric: MetricName,
    /// The candidate's.
    pub candidate: SeriesReading,
    /// Stable's.
    pub stable: SeriesReading,
}

/// Everything a judgement is made from: the same evidence always leads to the same judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was asked.
    pub analysis: Analysis,
    /// The beginning of what is judged.
    pub since: WorldTime,
    /// Its end.
    pub until: WorldTime,
    /// Which look this is, from 1.
    pub look: u32,
    /// How many looks the levels are meant for.
    pub looks: u32,
    /// Two-sided confidence of the series' test at this look.
    pub confidence: Finite,
    /// One-sided level of the counts' test at this look.
    pub count_level: Finite,
    /// Requests and errors of this step; none where nobody counts.
    pub counts: Option<CountPair>,
    /// Those of earlier steps that were not found worse.
    pub earlier: Vec<CountPair>,
    /// The series; empty where stable serves nothing and there is nothing to compare with.
    pub series: Vec<SeriesPair>,
}

/// Which test spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgedBy {
    /// Mann–Whitney over two series.
    MannWhitney,
    /// The exact conditional test over counts.
    Counts,
}

/// What was found of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// No difference that counts.
    Pass,
    /// The candidate's is higher, and that counts against it.
    High,
    /// The candidate's is lower, and that counts against it.
    Low,
    /// A side has no point at all.
    NoData,
    /// A side has points, and too few for a verdict.
    TooFew,
    /// It could not be read.
    Unread,
}

impl Grade {
    /// There was something to compare.
    #[must_use]
    pub const fn has_data(self) -> bool {
        matches!(self, Self::Pass | Self::High | Self::Low)
    }

    /// The difference counts against the candidate.
    #[must_use]
    pub const fn is_worse(self) -> bool {
        matches!(self, Self::High | Self::Low)
    }

    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::High => "HIGH",
            Self::Low => "LOW",
            Self::NoData => "no data",
            Self::TooFew => "too few",
            Self::Unread => "unread",
        }
    }
}

/// What was found of one metric, with the numbers behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The metric.
    pub metric: MetricName,
    /// Which test spoke.
    pub by: JudgedBy,
    /// What it says.
    pub grade: Grade,
    /// The difference is past the metric's critical bounds, and the metric is critical.
    pub critical: bool,
    /// It counts as a failure: worse, or without data where there must be some.
    pub failing: bool,
    /// It is shown and does not count.
    pub muted: bool,
    /// Points of the candidate, or its requests.
    pub n_candidate: u64,
    /// Points of stable, or its requests.
    pub n_stable: u64,
    /// The candidate's mean, or its error rate.
    pub candidate: Option<Finite>,
    /// Stable's mean, or its error rate.
    pub stable: Option<Finite>,
    /// The size of the difference, in the unit the metric asks for; none where it has none, as over a baseline of zero.
    pub effect: Option<Finite>,
    /// The bound the effect is held against: of the direction it went.
    pub bound: Option<Finite>,
    /// The shift between the two, or the ratio of the two rates.
    pub estimate: Option<Finite>,
    /// The lower end of the estimate's confidence interval.
    pub low: Option<Finite>,
    /// The upper end; none for counts, whose test looks one way.
    pub high: Option<Finite>,
    /// Probability of such a difference if there were none: two-sided for series, one-sided for counts.
    pub p: Option<Finite>,
    /// The smallest relative change it would have seen with 80 % probability.
    pub sees: Option<Finite>,
    /// So many more points a side, or requests of the candidate, and it would see its own bound with 80 % probability.
    pub more: Option<u64>,
    /// In words, where there is something to say beyond the numbers.
    pub note: Option<String>,
}

impl Finding {
    /// Nothing found yet of this metric: it passes, and no number is known.
    #[must_use]
    pub fn blank(metric: &Metric, by: JudgedBy) -> Self {
        Self {
            metric: metric.name.clone(),
            by,
            grade: Grade::Pass,
            critical: false,
            failing: false,
            muted: metric.muted,
            n_candidate: 0,
            n_stable: 0,
            candidate: None,
            stable: None,
            effect: None,
            bound: None,
            estimate: None,
            low: None,
            high: None,
            p: None,
            sees: None,
            more: None,
            note: None,
        }
    }
}

/// What all metrics together say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it says.
    pub word: VerdictWord,
    /// 0–100; none where too little has data.
    pub score: Option<u32>,
    /// Metrics with data.
    pub with_data: usize,
    /// Metrics asked for, without muted ones.
    pub asked: usize,
    /// Each metric, in the order of the analysis.
    pub findings: Vec<Finding>,
    /// Why, in one line for people.
    pub why: String,
}

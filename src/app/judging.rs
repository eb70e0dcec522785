//! A judgement as lines: the judge's panel, the text of the command line and the post-mortem say the same.

use super::lines::verdict_word;
use crate::domain::analysis::Analysis;
use crate::domain::judgement::{Evidence, Finding, Grade, JudgedBy, Judgement};
use crate::domain::series::{Finite, Series};
use crate::operation::event::Verdict;
use crate::operation::progress::{LookTaken, StepStatus};

/// Bars from the lowest to the highest, and what stands for a gap.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same in ASCII.
const ASCII_BARS: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];

/// One metric of a judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricLine {
    /// The metric.
    pub metric: String,
    /// The candidate's mean, or its error rate.
    pub candidate: String,
    /// The candidate's points on the scale of both.
    pub candidate_chart: String,
    /// Stable's mean, or its error rate.
    pub stable: String,
    /// Stable's points on the same scale.
    pub stable_chart: String,
    /// The difference.
    pub delta: String,
    /// The bound it is held against.
    pub limit: String,
    /// What it says.
    pub grade: Grade,
    /// It counts against the candidate.
    pub failing: bool,
    /// Sample sizes, probability, and what could have been seen.
    pub numbers: String,
}

/// Each metric of a judgement, with charts of so many cells where its evidence is there.
#[must_use]
pub fn metric_lines(judgement: &Judgement, evidence: Option<&Evidence>, cells: usize, ascii: bool) -> Vec<MetricLine> {
    judgement.findings.iter().map(|finding| line(finding, evidence, cells, ascii)).collect()
}

fn line(finding: &Finding, evidence: Option<&Evidence>, cells: usize, ascii: bool) -> MetricLine {
    let pair = evidence.and_then(|evidence| evidence.series.iter().find(|pair| pair.metric == finding.metric));
    let series = pair.map(|pair| (pair.candidate.value(), pair.stable.value()));
    let (candidate, stable) = series.unwrap_or_default();
    let scale = scale(candidate, stable);
    let drawn = |series: Option<&Series>| chart(series, scale, cells, ascii);
    let value = |value: Option<Finite>| match (value, finding.by) {
        (None, _) => "?".to_owned(),
        (Some(rate), JudgedBy::Counts) => format!("{:.2}%", rate.get() * 100.0),
        (Some(mean), JudgedBy::MannWhitney) => short(mean.get()),
    };
    MetricLine {
        metric: finding.metric.to_string(),
        candidate: value(finding.candidate),
        candidate_chart: drawn(candidate),
        stable: value(finding.stable),
        stable_chart: drawn(stable),
        delta: delta(finding),
        limit: finding.bound.map_or_else(|| "?".to_owned(), |bound| limit(finding, bound)),
        grade: finding.grade,
        failing: finding.failing,
        numbers: numbers(finding),
    }
}

fn delta(finding: &Finding) -> String {
    match (finding.effect, finding.estimate, finding.by) {
        (Some(ratio), _, JudgedBy::Counts) => format!("x{:.1}", ratio.get()),
        (Some(ratio), _, JudgedBy::MannWhitney) => format!("{:+.1}%", (ratio.get() - 1.0) * 100.0),
        (None, Some(shift), _) => format!("{}{}", if shift.get() > 0.0 { "+" } else { "" }, short(shift.get())),
        (None, None, _) if finding.grade == Grade::Pass => "0".to_owned(),
        (None, None, _) => "?".to_owned(),
    }
}

fn limit(finding: &Finding, bound: Finite) -> String {
    match finding.by {
        JudgedBy::Counts => format!("x{:.1}", bound.get()),
        JudgedBy::MannWhitney => format!("{:+.0}%", (bound.get() - 1.0) * 100.0),
    }
}

fn numbers(finding: &Finding) -> String {
    if let (false, Some(note)) = (finding.grade.has_data(), &finding.note) {
        return note.clone();
    }
    let p = finding.p.map_or_else(|| "?".to_owned(), |p| if p.get() < 0.001 { format!("{:.1e}", p.get()) } else { format!("{:.3}", p.get()) });
    let sees = finding.sees.map(|sees| format!("  sees {:+.0}%", sees.get() * 100.0)).unwrap_or_default();
    format!("n {}/{}  p {p}{sees}", finding.n_candidate, finding.n_stable)
}

/// A number in four places or so.
fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.01 || size == 0.0 => format!("{number:.2}"),
        _ => format!("{number:.1e}"),
    }
}

/// The least and the greatest of both series; zero is the floor of what never goes below it.
fn scale(candidate: Option<&Series>, stable: Option<&Series>) -> (f64, f64) {
    let values = || candidate.into_iter().chain(stable).flat_map(Series::values);
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    (low.min(0.0), high)
}

/// The last points of a series as bars on a scale, the newest on the right; a gap is a space.
fn chart(series: Option<&Series>, (low, high): (f64, f64), cells: usize, ascii: bool) -> String {
    let bars = if ascii { ASCII_BARS } else { BARS };
    let points = series.map_or(&[][..], |series| series.0.as_slice());
    let shown = points.get(points.len().saturating_sub(cells)..).unwrap_or_default();
    let bar = |value: f64| {
        let part = if high > low { (value - low) / (high - low) } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 7")]
        let at = (part.clamp(0.0, 1.0) * 7.0).round() as usize;
        bars.get(at).copied().unwrap_or(' ')
    };
    let drawn: String = shown.iter().map(|point| point.value.map_or(' ', |value| bar(value.get()))).collect();
    format!("{}{drawn}", " ".repeat(cells.saturating_sub(shown.len())))
}

/// `look 1/2`; `look 2+1` for the first further one after the two of the soak.
fn look_words(look: u32, of: u32) -> String {
    if look > of { format!("look {of}+{}", look - of) } else { format!("look {look}/{of}") }
}

/// `JUDGE 61  pass 75+  hold 61-74  fail 0-60   scores 88 79 61   data 3/3  look 2/2`.
#[must_use]
pub fn score_line(judgement: &Judgement, analysis: &Analysis, earlier: &[&LookTaken], look: Option<(u32, u32)>) -> String {
    let score = |score: Option<u32>| score.map_or_else(|| "?".to_owned(), |score| score.to_string());
    let (pass, marginal) = (analysis.pass, analysis.marginal);
    let history: Vec<String> = earlier.iter().map(|look| score(look.score)).collect();
    let history = if history.len() > 1 { format!("   scores {}", history.join(" ")) } else { String::new() };
    let look = look.map(|(look, of)| format!("  {}", look_words(look, of))).unwrap_or_default();
    format!(
        "JUDGE {}  pass {pass}+  hold {}-{}  fail 0-{marginal}{history}   data {}/{}{look}",
        score(judgement.score),
        marginal + 1,
        pass.saturating_sub(1),
        judgement.with_data,
        judgement.asked,
    )
}

/// The looks that were acted on up to this step, oldest first.
#[must_use]
pub fn looks_upto(steps: &[StepStatus], current: usize) -> Vec<&LookTaken> {
    steps.iter().take(current.saturating_add(1)).flat_map(|step| &step.looks).collect()
}

/// What a verdict says in one line.
#[must_use]
pub fn verdict_summary(verdict: &Verdict) -> String {
    let why = verdict.judgement.as_ref().map(|judgement| format!(": {}", judgement.why)).unwrap_or_default();
    format!("{}{why}", verdict_word(verdict.word))
}

/// A judgement as a table of text.
#[must_use]
pub fn table(judgement: &Judgement, evidence: Option<&Evidence>, ascii: bool) -> Vec<String> {
    let head = format!("{:<12} {:>8} {:<12} {:>8} {:<12} {:>8} {:>6} {:<8} NUMBERS", "METRIC", "CANARY", "", "BASE", "", "DELTA", "LIMIT", "VERDICT");
    let row = |line: MetricLine| {
        let (candidate, stable) =
            (format!("{:>8} {:<12}", line.candidate, line.candidate_chart), format!("{:>8} {:<12}", line.stable, line.stable_chart));
        format!("{:<12} {candidate} {stable} {:>8} {:>6} {:<8} {}", line.metric, line.delta, line.limit, line.grade.word(), line.numbers)
    };
    std::iter::once(head).chain(metric_lines(judgement, evidence, 12, ascii).into_iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::series::Point;
    use crate::domain::time::WorldTime;

    fn series(values: &[f64]) -> Series {
        Series(values.iter().map(|value| Point { at: WorldTime(0), value: Finite::new(*value) }).collect())
    }

    #[test]
    fn a_look_in_a_hold_is_told_apart_from_those_of_the_soak() {
        assert_eq!([look_words(2, 2), look_words(3, 2)], ["look 2/2", "look 2+1"]);
    }

    #[test]
    fn two_charts_share_a_scale_and_a_gap_stays_a_gap() {
        let (low, high) = (series(&[0.0, 1.0, f64::NAN, 1.0]), series(&[8.0, 8.0, 4.0, 8.0]));
        let scale = scale(Some(&low), Some(&high));
        assert_eq!(chart(Some(&low), scale, 5, false), " ▁▂ ▂");
        assert_eq!(chart(Some(&high), scale, 4, true), "##=#");
        assert_eq!(chart(None, scale, 3, false), "   ");
    }
}

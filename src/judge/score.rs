//! One verdict from many findings: groups, weights, critical metrics, coverage.

use std::collections::BTreeMap;

use crate::domain::analysis::{Analysis, Metric, MetricName};
use crate::domain::judgement::{Finding, Grade, JudgedBy, Judgement, VerdictWord};

/// Weighs what was found of each metric.
#[must_use]
pub fn total(analysis: &Analysis, found: &[(Metric, Finding)]) -> Judgement {
    let counted: Vec<_> = found.iter().filter(|(metric, _)| !metric.muted).collect();
    let asked = counted.len();
    let with_data = counted.iter().filter(|(_, finding)| finding.grade.has_data()).count();
    let (word, score, why) = decide(analysis, &counted, with_data);
    let findings = found.iter().map(|(_, finding)| finding.clone()).collect();
    Judgement { word, score, with_data, asked, findings, why }
}

fn decide(analysis: &Analysis, counted: &[&(Metric, Finding)], with_data: usize) -> (VerdictWord, Option<u32>, String) {
    if let Some((metric, finding)) = counted.iter().find(|(_, finding)| finding.critical) {
        return (VerdictWord::Fail, Some(0), format!("{}: {}, and it is critical", metric.name, words(finding)));
    }
    if counted.is_empty() {
        return (VerdictWord::Inconclusive, None, "nothing is measured".to_owned());
    }
    // What is critical is never passed unseen.
    let unseen = counted.iter().find(|(metric, finding)| metric.critical && !finding.grade.has_data() && !finding.failing);
    if let Some((metric, finding)) = unseen {
        return (VerdictWord::Inconclusive, None, format!("{}: {}, and it is critical", metric.name, words(finding)));
    }
    if with_data * 2 <= counted.len() && with_data < counted.len() {
        let blind = counted.iter().find(|(_, finding)| !finding.grade.has_data());
        let first = blind.map_or_else(String::new, |(metric, finding)| format!(": {}: {}", metric.name, words(finding)));
        return (VerdictWord::Inconclusive, None, format!("{with_data} of {} metrics have data{first}", counted.len()));
    }
    let Some(score) = score(analysis, counted) else { return (VerdictWord::Inconclusive, None, "no metric has data".to_owned()) };
    let word = match score {
        score if score >= analysis.pass => VerdictWord::Pass,
        score if score <= analysis.marginal => VerdictWord::Fail,
        _ => VerdictWord::Inconclusive,
    };
    (word, Some(score), reason(analysis, counted, score, word))
}

fn reason(analysis: &Analysis, counted: &[&(Metric, Finding)], score: u32, word: VerdictWord) -> String {
    let worse: Vec<String> =
        counted.iter().filter(|(_, finding)| finding.failing).map(|(metric, finding)| format!("{}: {}", metric.name, words(finding))).collect();
    let limit = match word {
        VerdictWord::Pass => format!("at least {}", analysis.pass),
        VerdictWord::Fail => format!("at most {}", analysis.marginal),
        VerdictWord::Inconclusive => format!("between {} and {}", analysis.marginal, analysis.pass),
    };
    if worse.is_empty() { format!("score {score}: no metric is worse") } else { format!("score {score} ({limit}): {}", worse.join("; ")) }
}

/// The weighted share of groups' metrics that do not fail, 0–100; none if no group has any.
fn score(analysis: &Analysis, counted: &[&(Metric, Finding)]) -> Option<u32> {
    let mut groups: BTreeMap<&MetricName, (f64, f64)> = BTreeMap::new();
    for (metric, finding) in counted.iter().filter(|(_, finding)| finding.grade.has_data() || finding.failing) {
        let (passed, all) = groups.entry(&metric.group).or_default();
        *passed += if finding.failing { 0.0 } else { 1.0 };
        *all += 1.0;
    }
    let named = |group: &MetricName| analysis.weights.get(group).copied().map(f64::from);
    let spoken: f64 = groups.keys().filter_map(|group| named(group)).sum();
    let silent = groups.keys().filter(|group| named(group).is_none()).count();
    let rest = (100.0 - spoken).max(0.0) / super::float(silent.max(1) as u64);
    let weighed = groups.iter().map(|(group, (passed, all))| (named(group).unwrap_or(rest), passed / all));
    let (weight, sum) = weighed.fold((0.0, 0.0), |(weight, sum), (own, share)| (weight + own, sum + own * share));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    let score = (weight > 0.0).then(|| (100.0 * sum / weight).round() as u32);
    score
}

/// A finding in a few words.
#[must_use]
pub fn words(finding: &Finding) -> String {
    let times = finding.effect.map_or_else(String::new, |effect| match finding.by {
        JudgedBy::Counts => format!(" {:.2} times", effect.get()),
        JudgedBy::MannWhitney => format!(" {:+.0}%", (effect.get() - 1.0) * 100.0),
    });
    match (finding.grade, &finding.note) {
        (Grade::High, _) => format!("higher than stable's{times}"),
        (Grade::Low, _) => format!("lower than stable's{times}"),
        (Grade::Pass, _) => "no worse than stable's".to_owned(),
        (grade, None) => grade.word().to_owned(),
        (_, Some(note)) => note.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::analysis::Measure;
    use crate::judge::series::compared;

    fn name(text: &str) -> MetricName {
        MetricName::new(text).unwrap()
    }

    /// A metric that is fine, worse or without data.
    fn found(metric: &str, group: &str, grade: Grade) -> (Metric, Finding) {
        let metric = Metric { group: name(group), ..Metric::new(name(metric), Measure::LatencyP99) };
        let finding = compared(&metric, &[1.0; 5], &[1.0; 5], 0.98);
        let finding = Finding { grade, failing: grade.is_worse(), ..finding };
        (metric, finding)
    }

    fn judged(analysis: &Analysis, found: &[(Metric, Finding)]) -> (VerdictWord, Option<u32>) {
        let total = total(analysis, found);
        (total.word, total.score)
    }

    #[test]
    fn groups_weigh_what_they_are_told_to_and_share_the_rest() {
        let metrics = [found("a", "errors", Grade::High), found("b", "latency", Grade::Pass), found("c", "cpu", Grade::Pass)];
        let weighed = |weight| Analysis { weights: [(name("errors"), weight)].into(), ..Analysis::default() };
        assert_eq!(judged(&weighed(60), &metrics), (VerdictWord::Fail, Some(40)));
        assert_eq!(judged(&weighed(20), &metrics), (VerdictWord::Pass, Some(80)));
        assert_eq!(judged(&Analysis::default(), &metrics), (VerdictWord::Inconclusive, Some(67)));
    }

    #[test]
    fn a_critical_metric_that_fails_critically_fails_everything() {
        let (metric, finding) = found("err", "errors", Grade::High);
        let mut metrics = vec![found("a", "a", Grade::Pass), found("b", "b", Grade::Pass), found("c", "c", Grade::Pass)];
        metrics.push((Metric { critical: true, ..metric }, Finding { critical: true, ..finding }));
        assert_eq!(judged(&Analysis::default(), &metrics), (VerdictWord::Fail, Some(0)));
    }

    #[test]
    fn half_without_data_is_no_score_and_what_is_critical_is_never_passed_unseen() {
        let half = [found("a", "a", Grade::Pass), found("b", "b", Grade::TooFew)];
        assert_eq!(judged(&Analysis::default(), &half), (VerdictWord::Inconclusive, None));
        let (metric, finding) = found("d", "d", Grade::Unread);
        let metrics = [found("a", "a", Grade::Pass), found("b", "b", Grade::Pass), found("c", "c", Grade::Pass), (metric.clone(), finding.clone())];
        assert_eq!(judged(&Analysis::default(), &metrics), (VerdictWord::Pass, Some(100)));
        let critical = [metrics[0].clone(), metrics[1].clone(), metrics[2].clone(), (Metric { critical: true, ..metric }, finding)];
        assert_eq!(judged(&Analysis::default(), &critical), (VerdictWord::Inconclusive, None));
        assert_eq!(judged(&Analysis::default(), &[]), (VerdictWord::Inconclusive, None));
    }

    #[test]
    fn muted_metrics_are_shown_and_do_not_count() {
        let (metric, finding) = found("a", "a", Grade::High);
        let metrics = [found("b", "b", Grade::Pass), (Metric { muted: true, ..metric }, Finding { muted: true, ..finding })];
        let total = total(&Analysis::default(), &metrics);
        assert_eq!((total.word, total.score, total.asked, total.findings.len()), (VerdictWord::Pass, Some(100), 1, 2));
    }
}

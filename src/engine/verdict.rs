//! What a soak is judged by: the evidence of a look, when a look is due, and what a verdict says.
//!
//! Counts are looked at in every period. Series are looked at a few times only, when the look's part of the soak is over and every series that
//! counts has its points; the last of these looks ends the soak, with what there is once twice the soak has passed. After an inconclusive one
//! a further look is taken as soon as what was lacking is there.

use super::situation::Situation;
use crate::domain::analysis::Metric;
use crate::domain::fleet::{Route, Slot, WeightStep};
use crate::domain::judgement::{CountPair, Evidence, Finding, Grade, JudgedBy, Judgement, SeriesPair};
use crate::domain::reading::Reading;
use crate::domain::series::{Finite, SeriesReading};
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::Counts;
use crate::judge::{self, LEAST_POINTS, sequence};
use crate::operation::event::{OperationState, Verdict, VerdictWord};
use crate::operation::plan::StepKind;
use crate::operation::progress::StepStatus;

/// A source whose newest point is older than so many intervals is stale.
const STALE_INTERVALS: u64 = 4;
/// How the reason of a stale source begins.
const STALE: &str = "stale";
/// After the looks of the soak so many more may be taken in a hold.
const FURTHER_LOOKS: u32 = 2;

/// What a look found, with what it was made from where it is acted on.
pub(super) struct Looked {
    pub(super) verdict: Verdict,
    pub(super) evidence: Option<Box<Evidence>>,
}

/// Looks at what is due now; none where nothing is, or nothing can be judged. After a failed verdict nothing is judged any more (S22).
pub(super) fn look(situation: &Situation<'_>, step: WeightStep) -> Option<Looked> {
    if !situation.plan.judged || situation.progress.failed_verdict().is_some() {
        return None;
    }
    let ends = time_is_over(situation, step);
    if !compares_series(situation, step) {
        return by_counts(situation, step, ends);
    }
    let early = by_counts(situation, step, false).filter(|looked| fails_everything(&looked.verdict));
    match (early, due(situation, step)) {
        (Some(failed), _) => Some(failed),
        (None, Some(look)) => Some(acted_on(evidence(situation, step, look, true)?)),
        (None, None) => None,
    }
}

/// Errors alone are past their critical bounds: no series could make up for them.
fn fails_everything(verdict: &Verdict) -> bool {
    verdict.judgement.as_ref().is_some_and(|judgement| judgement.findings.iter().any(|finding| finding.critical))
}

fn status<'a>(situation: &'a Situation<'_>) -> Option<&'a StepStatus> {
    situation.progress.steps.get(situation.progress.current)
}

/// The verdict of the last look at the series of this step.
pub(super) fn standing<'a>(situation: &'a Situation<'_>) -> Option<&'a Verdict> {
    status(situation)?.verdict.as_ref()
}

fn time_is_over(situation: &Situation<'_>, step: WeightStep) -> bool {
    situation.progress.observed >= step.soak && !situation.is_settling()
}

/// Judges the counts alone. It is acted on where it fails or ends the soak.
fn by_counts(situation: &Situation<'_>, step: WeightStep, ends: bool) -> Option<Looked> {
    let evidence = Evidence { series: Vec::new(), ..evidence(situation, step, 1, ends)? };
    evidence.counts?;
    let looked = acted_on(evidence);
    let conclusive = looked.verdict.word == VerdictWord::Fail || (ends && looked.verdict.word == VerdictWord::Pass);
    if conclusive {
        return Some(looked);
    }
    Some(Looked { verdict: Verdict { look: None, digest: None, ..looked.verdict }, evidence: None })
}

fn acted_on(evidence: Evidence) -> Looked {
    let judgement = judge::judge(&evidence);
    let by_counts = judgement.findings.iter().find(|finding| finding.by == JudgedBy::Counts);
    let pair = evidence.counts.unwrap_or_default();
    let verdict = Verdict {
        word: judgement.word,
        p: by_counts.and_then(|finding| finding.p).map(Finite::get),
        candidate: pair.candidate,
        stable: pair.stable,
        look: Some(evidence.look),
        digest: Some(judge::digest(&evidence)),
        judgement: Some(Box::new(judgement)),
    };
    Looked { verdict, evidence: Some(Box::new(evidence)) }
}

/// At 100 % the old group gets no traffic to compare with: only earlier steps can be judged against it.
fn is_alone(situation: &Situation<'_>, step: WeightStep) -> bool {
    let detached = step.weight_pct == 100 && matches!(situation.plan.scope.route, Route::Attached { .. });
    detached || situation.share_pct(situation.to().slot) == Some(100)
}

/// There are series, and stable serves something to compare them with.
fn compares_series(situation: &Situation<'_>, step: WeightStep) -> bool {
    !is_alone(situation, step) && situation.plan.analysis.series().any(|metric| !metric.muted)
}

/// Only series are asked for, and stable serves nothing any more.
pub(super) fn nothing_to_compare(situation: &Situation<'_>, step: WeightStep) -> bool {
    situation.plan.judged && is_alone(situation, step) && !situation.plan.analysis.metrics.is_empty() && !situation.plan.analysis.names_errors()
}

fn looks(situation: &Situation<'_>, step: WeightStep) -> u32 {
    sequence::looks(step.soak, situation.plan.analysis.interval)
}

/// The number of the look at the series that is due now.
fn due(situation: &Situation<'_>, step: WeightStep) -> Option<u32> {
    let (taken, looks) = (taken(situation), looks(situation, step));
    if taken >= looks {
        return (situation.progress.state == OperationState::Holding && taken < looks + FURTHER_LOOKS && lack_is_over(situation))
            .then_some(taken + 1);
    }
    let next = taken + 1;
    let is_time = situation.progress.observed >= sequence::due(step.soak, next, looks) && !situation.is_settling();
    let patience = next == looks && situation.progress.observed >= step.soak.times(2);
    (is_time && (patience || lacking(situation).is_none())).then_some(next)
}

/// Looks at the series of this step that were acted on.
fn taken(situation: &Situation<'_>) -> u32 {
    status(situation).and_then(|status| status.looks.last()).map_or(0, |last| last.look)
}

/// What the soak still waits for once its time is over, in words; none if nothing.
pub(super) fn awaited(situation: &Situation<'_>, step: WeightStep) -> Option<String> {
    let waits = compares_series(situation, step) && taken(situation) < looks(situation, step);
    waits.then(|| lacking(situation).map_or_else(|| "the last look at the metrics".to_owned(), |lack| format!("soak is over; {lack}")))
}

/// The first series that has too few points of this soak, in words.
fn lacking(situation: &Situation<'_>) -> Option<String> {
    let since = since(situation)?;
    situation.plan.analysis.series().filter(|metric| !metric.muted).find_map(|metric| {
        let points = |slot| series(situation, metric, slot).value().map(|series| series.between(since, situation.now).measured());
        let fewest = points(situation.to().slot).into_iter().chain(points(situation.from().slot)).min();
        match (points(situation.to().slot), points(situation.from().slot)) {
            (Some(candidate), Some(stable)) if candidate >= LEAST_POINTS && stable >= LEAST_POINTS => None,
            (None, _) | (_, None) => Some(format!("{} cannot be read", metric.name)),
            _ => Some(format!("{} has {} of {LEAST_POINTS} points", metric.name, fewest.unwrap_or(0))),
        }
    })
}

/// What an inconclusive verdict lacked is there now.
fn lack_is_over(situation: &Situation<'_>) -> bool {
    let Some(judgement) = standing(situation).and_then(|verdict| verdict.judgement.as_ref()) else { return false };
    let blind = judgement.findings.iter().any(|finding| !finding.grade.has_data() && !finding.muted);
    if blind {
        return lacking(situation).is_none();
    }
    let Some((wanted, since)) = wanted_points(judgement).zip(since(situation)) else { return false };
    let enough = |metric: &Metric, slot| {
        series(situation, metric, slot).value().is_some_and(|series| series.between(since, situation.now).measured() as u64 >= wanted)
    };
    situation.plan.analysis.series().filter(|metric| !metric.muted).all(|metric| Slot::BOTH.iter().all(|slot| enough(metric, *slot)))
}

/// The points a side with which the metrics that are worse could be told from their bounds.
fn wanted_points(judgement: &Judgement) -> Option<u64> {
    let worse = judgement.findings.iter().filter(|finding| finding.by == JudgedBy::MannWhitney && finding.grade.is_worse());
    worse.filter_map(|finding| Some(finding.n_candidate.min(finding.n_stable) + finding.more?.max(LEAST_POINTS as u64))).max()
}

/// From when on points count: whole intervals of the soak only.
fn since(situation: &Situation<'_>) -> Option<WorldTime> {
    let whole = Millis(situation.plan.analysis.interval.0.saturating_sub(1));
    Some(situation.progress.soak_began_at?.plus(whole))
}

/// A slot's series; unknown if nobody told it or its newest point is too old.
fn series(situation: &Situation<'_>, metric: &Metric, slot: Slot) -> SeriesReading {
    let told = situation.seen.metrics.as_ref().and_then(|seen| seen.series(&metric.name, slot)).cloned();
    let reading = told.unwrap_or_else(|| Reading::unknown("nobody told it"));
    let patience = situation.plan.analysis.interval.times(STALE_INTERVALS);
    let newest = reading.value().and_then(crate::domain::series::Series::newest);
    match newest {
        Some(newest) if situation.now.since(newest) > patience => {
            Reading::unknown(format!("{STALE}: the newest point is {} old", situation.now.since(newest)))
        }
        _ => reading,
    }
}

/// Everything a look is made from; none before the soak began.
fn evidence(situation: &Situation<'_>, step: WeightStep, look: u32, ends: bool) -> Option<Evidence> {
    let analysis = &situation.plan.analysis;
    let (to, from) = (situation.to().slot, situation.from().slot);
    let pair = |metric: &Metric| SeriesPair {
        metric: metric.name.clone(),
        candidate: series(situation, metric, to),
        stable: series(situation, metric, from),
    };
    let looks = looks(situation, step);
    let judged = situation.plan.steps.iter().filter(|step| matches!(step.kind, StepKind::Weight(_))).count();
    let timing = &situation.plan.timing;
    let spending = sequence::Spending { steps: judged, soak: step.soak, hold: timing.hold_deadline, period: timing.period_soak };
    Some(Evidence {
        analysis: analysis.clone(),
        since: since(situation)?,
        until: situation.now,
        look,
        looks,
        confidence: sequence::confidence(looks),
        count_level: spending.level(ends),
        counts: counts(situation, step),
        earlier: earlier(situation, step),
        series: if is_alone(situation, step) { Vec::new() } else { analysis.series().map(pair).map(|pair| recent(pair, situation)).collect() },
    })
}

/// The points of the soak: what was before it is no evidence.
fn recent(pair: SeriesPair, situation: &Situation<'_>) -> SeriesPair {
    let began = since(situation).unwrap_or(situation.now);
    let cut = |reading: SeriesReading| match reading {
        Reading::Known { value, as_of } => Reading::Known { value: value.between(began, situation.now), as_of },
        other => other,
    };
    SeriesPair { candidate: cut(pair.candidate), stable: cut(pair.stable), ..pair }
}

/// Requests and errors since the soak began: of counters that are read with every look, or of a source of series.
fn counts(situation: &Situation<'_>, step: WeightStep) -> Option<CountPair> {
    let began = situation.progress.soak_counts.as_ref()?;
    let counted = |slot: Slot| Some(situation.seen.counts.get(slot).as_ref()?.since(*began.get(slot).as_ref()?));
    let (to, from) = (situation.to().slot, situation.from().slot);
    let pair = counted(to).zip(counted(from)).or_else(|| counted_by_interval(situation, to).zip(counted_by_interval(situation, from)));
    let (candidate, stable) = pair?;
    let stable = if is_alone(situation, step) { before_the_switch(situation, *began.get(from)).unwrap_or(stable) } else { stable };
    Some(CountPair { candidate, stable })
}

/// The sum over the whole intervals of the soak; none where the source is silent or stale.
fn counted_by_interval(situation: &Situation<'_>, slot: Slot) -> Option<Counts> {
    let seen = situation.seen.metrics.as_ref()?.counts.as_ref()?.get(slot).value()?;
    Some(seen.between(since(situation)?, situation.now))
}

/// What stable served from the plan until it served no more; where the plan could not count, in the last step that was judged.
fn before_the_switch(situation: &Situation<'_>, switched: Option<Counts>) -> Option<Counts> {
    let served = situation.plan.baseline.zip(switched).map(|(planned, switched)| switched.since(planned));
    let earlier = || {
        let steps = situation.progress.steps.get(..situation.progress.current)?;
        steps.iter().rev().find_map(|step| step.verdict.as_ref().map(|verdict| verdict.stable))
    };
    served.filter(|served| served.requests > 0).or_else(earlier)
}

/// The counts of earlier steps that passed, while both sides served.
fn earlier(situation: &Situation<'_>, step: WeightStep) -> Vec<CountPair> {
    if is_alone(situation, step) {
        return Vec::new();
    }
    let steps = situation.progress.steps.get(..situation.progress.current).unwrap_or_default();
    let passed = steps.iter().filter_map(|step| step.verdict.as_ref()).filter(|verdict| verdict.word == VerdictWord::Pass);
    passed.map(|verdict| CountPair { candidate: verdict.candidate, stable: verdict.stable }).filter(|pair| pair.candidate.requests > 0).collect()
}

/// What a verdict says, for people.
pub(super) fn words(verdict: &Verdict) -> String {
    let by_series = verdict.judgement.as_ref().filter(|judgement| judgement.findings.iter().any(|finding| finding.by == JudgedBy::MannWhitney));
    if let Some(judgement) = by_series {
        let word = match verdict.word {
            VerdictWord::Pass => "no worse than stable",
            VerdictWord::Fail => "worse than stable",
            VerdictWord::Inconclusive => "no verdict",
        };
        return format!("{word}: {}", judgement.why);
    }
    let rate = |counts: &Counts| format!("{} errors in {}", counts.errors, counts.requests);
    let p = verdict.p.map_or_else(String::new, |_| format!(", p {}", verdict.p_words()));
    let word = match verdict.word {
        VerdictWord::Pass => "no worse than stable",
        VerdictWord::Fail => "worse than stable",
        VerdictWord::Inconclusive => "too few requests for a verdict",
    };
    format!("{word}: {} against {}{p}", rate(&verdict.candidate), rate(&verdict.stable))
}

/// An inconclusive verdict, with what would decide it.
pub(super) fn with_what_decides(situation: &Situation<'_>, verdict: &Verdict) -> String {
    let decides = verdict.judgement.as_ref().and_then(|judgement| what_decides(situation, judgement));
    decides.map_or_else(|| words(verdict), |decides| format!("{}; {decides}", words(verdict)))
}

/// What the source of a metric says now, where that is something else than when it was judged: a person may be putting it right.
fn said_now(situation: &Situation<'_>, judged: &Finding) -> Option<String> {
    let seen = situation.seen.metrics.as_deref()?;
    let slots = [situation.to().slot, situation.from().slot];
    let told = slots.iter().find_map(|slot| seen.series(&judged.metric, *slot)?.why()).map(crate::domain::text::Untrusted::shown);
    if told.is_some() {
        return told.filter(|why| judged.note.as_ref() != Some(why)).map(|why| format!("now: {why}"));
    }
    let metric = situation.plan.analysis.series().find(|metric| metric.name == judged.metric)?;
    let is_stale = slots.iter().any(|slot| series(situation, metric, *slot).value().is_none());
    // How old a stale point is changes with every look: only that it is too old is said.
    match (is_stale, judged.note.as_deref()) {
        (true, Some(note)) if !note.starts_with(STALE) => Some("now its newest point is too old".to_owned()),
        (false, _) if judged.grade == Grade::Unread => Some("it answers now".to_owned()),
        _ => None,
    }
}

/// What it would take to decide.
fn what_decides(situation: &Situation<'_>, judgement: &Judgement) -> Option<String> {
    let interval = situation.plan.analysis.interval;
    let counted: Vec<&Finding> = judgement.findings.iter().filter(|finding| !finding.muted).collect();
    let of_series = |grade| counted.iter().find(move |finding| finding.by == JudgedBy::MannWhitney && finding.grade == grade);
    if let Some(silent) = of_series(Grade::Unread).or_else(|| of_series(Grade::NoData)) {
        let now = said_now(situation, silent).map_or_else(String::new, |now| format!(" ({now})"));
        return Some(format!("judged again once {} has {LEAST_POINTS} points a side{now}", silent.metric));
    }
    if let Some(few) = of_series(Grade::TooFew) {
        let more = (LEAST_POINTS as u64).saturating_sub(few.n_candidate.min(few.n_stable));
        return Some(format!("{} more to {LEAST_POINTS} points of {}", interval.times(more), few.metric));
    }
    let worse = counted.iter().filter(|finding| finding.by == JudgedBy::MannWhitney && finding.grade.is_worse());
    let most = worse.max_by_key(|finding| finding.more)?;
    let (more, bound) = (most.more?.max(LEAST_POINTS as u64), most.bound?.get());
    let change = if bound > 1.0 { (bound - 1.0) * 100.0 } else { 5.0 };
    Some(format!("{} more to see {change:+.0}% of {}", interval.times(more), most.metric))
}

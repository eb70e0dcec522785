//! Soaks that are judged by series: a source that tells the truth, one that is down, empty, stale or slow, and one that sees a passing spike.

use quarterdeck::domain::analysis::{Analysis, Bounds, Measure, Metric, MetricName, OnFail};
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::metrics::{MetricsAsk, MetricsSeen};
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::series::{Finite, Series};
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::operation::event::{EventBody, StepOutcome};
use quarterdeck::operation::plan::{OperationKind, StepKind};
use quarterdeck::world::World;

use crate::chance::Chance;
use crate::ends::{FALSE_ALARM, MISLED};
use crate::script::Script;
use crate::sim::Sim;
use crate::store::Record;
use crate::totals::Totals;

/// Seeds of soaks judged by series.
const SEEDS: u64 = 40;
/// How far back the source is asked.
const REACH: Millis = Millis::mins(180);
/// How late a slow source tells.
const LATE: Millis = Millis::secs(150);
/// A verdict needs so many points a side.
const LEAST: usize = 5;

/// How the source of series behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It tells what is.
    True,
    /// It does not answer.
    Down,
    /// It answers with nothing of the candidate.
    Empty,
    /// It tells nothing newer than this long after the start.
    Stale(Millis),
    /// It tells everything late.
    Slow,
    /// The candidate was three times as slow until this long after it began to serve.
    Spike(Millis),
}

impl Source {
    pub fn of(seed: u64) -> Self {
        match seed % 8 {
            0 => Self::Down,
            1 => Self::Empty,
            2 => Self::Stale(Millis::mins(40 + seed % 60)),
            3 => Self::Slow,
            4 => Self::Spike(Millis::mins(8)),
            _ => Self::True,
        }
    }

    /// The fleet's analysis. A point every fifteen seconds would be noise to the world, which knows minutes.
    pub fn analysis(self) -> Analysis {
        let bound = |increase| Bounds { increase: Finite::new(increase).unwrap(), decrease: Finite::ONE };
        let name = MetricName::new("p99").unwrap();
        let p99 = Metric { critical: true, allowed: bound(1.3), critical_bounds: bound(1.5), ..Metric::new(name, Measure::LatencyP99) };
        let on_fail = if matches!(self, Self::Spike(_)) { OnFail::Hold } else { OnFail::BackOut };
        Analysis { metrics: vec![p99], on_fail, ..Analysis::default() }
    }

    /// What it tells.
    pub fn tells(self, world: &World, spec: &quarterdeck::domain::fleet::FleetSpec, start: WorldTime) -> MetricsSeen {
        let now = world.now();
        let ask = MetricsAsk { scope: spec.scope(), analysis: spec.analysis.clone(), since: now.minus(REACH) };
        let mut seen = world.measure(&ask);
        for (_, sides) in &mut seen.series {
            for slot in Slot::BOTH {
                let side = sides.get_mut(slot);
                let Reading::Known { value, .. } = side else { continue };
                match self {
                    Self::True => {}
                    Self::Down => *side = Reading::unknown("the source is down"),
                    Self::Empty if slot == Slot::B => *value = Series::default(),
                    Self::Empty => {}
                    Self::Stale(after) => value.0.retain(|point| point.at <= start.plus(after)),
                    Self::Slow => value.0.retain(|point| point.at <= now.minus(LATE)),
                    Self::Spike(long) if slot == Slot::B => spike(value, long),
                    Self::Spike(_) => {}
                }
            }
        }
        seen
    }
}

/// The first points of a serving candidate, three times as slow.
fn spike(series: &mut Series, long: Millis) {
    let Some(first) = series.0.iter().find(|point| point.value.is_some()).map(|point| point.at) else { return };
    for point in series.0.iter_mut().filter(|point| point.at <= first.plus(long)) {
        point.value = point.value.and_then(|value| Finite::new(value.get() * 3.0));
    }
}

/// S21 of series: a step below 100 % ends well only if the source could tell enough of both sides in its soak.
pub fn verdicts(script: &Script, record: &Record) -> Result<(), String> {
    let plan = &record.operation.plan;
    let Some(source) = script.course.series.filter(|_| plan.kind == OperationKind::Deploy) else { return Ok(()) };
    let (mut promoted, mut points) = (false, None);
    for event in &record.events {
        match &event.body {
            EventBody::StepStarted { .. } => (promoted, points) = (false, None),
            EventBody::Promoted { .. } => promoted = true,
            EventBody::Judged { evidence: Some(evidence), .. } => {
                points = evidence.series.iter().map(|pair| measured(&pair.candidate).min(measured(&pair.stable))).min();
            }
            EventBody::StepEnded { step, outcome: StepOutcome::Success, .. } if !promoted => {
                let StepKind::Weight(weight) = plan.steps[*step].kind else { continue };
                if weight.weight_pct == 100 {
                    continue;
                }
                if matches!(source, Source::Down | Source::Empty) {
                    return Err(format!("S21: step {step} of {} ended well although the source was {source:?}", record.operation.id));
                }
                if points.is_none_or(|points| points < LEAST) {
                    return Err(format!("S21: step {step} of {} ended well on {points:?} points", record.operation.id));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn measured(reading: &Reading<Series>) -> usize {
    reading.value().map_or(0, Series::measured)
}

#[test]
fn soaks_judged_by_series_break_no_invariant() {
    let (mut passed, mut totals, mut ended) = (0, Totals::default(), std::collections::BTreeMap::<String, u32>::new());
    for seed in 1..=SEEDS {
        let mut chance = Chance::new(seed);
        let mut script = Script::draw(&mut chance);
        script.judged = true;
        script.course.series = Some(Source::of(seed));
        let mut sim = Sim::with(seed, chance, script);
        sim.run().unwrap_or_else(|broke| panic!("seed {seed}, {:?}: {broke}", Source::of(seed)));
        totals.merge(&sim.totals);
        for record in sim.store.records.iter().filter(|record| record.operation.plan.kind == OperationKind::Deploy) {
            *ended.entry(record.progress.state.word().to_owned()).or_default() += 1;
            passed += record.progress.steps.iter().filter(|step| step.looks.iter().any(|look| look.score == Some(100))).count();
        }
    }
    let (misled, alarms) = (totals.get(MISLED), totals.get(FALSE_ALARM));
    println!("{SEEDS} seeds, deploys {ended:?}, {passed} steps passed by a score of 100, {misled} {MISLED}, {alarms} {FALSE_ALARM}");
    assert!(passed > 5, "nothing was ever judged");
    assert!(misled > 0 && alarms <= 3, "{misled} and {alarms}");
}

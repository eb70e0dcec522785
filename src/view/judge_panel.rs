//! The judge's panel: canary and base of every metric on one scale, the difference with its limit, and the scores so far.
//!
//! ```text
//! JUDGE 61  pass 75+  hold 61-74  fail 0-60   scores 88 61   data 3/3  look 2/2
//!            CANARY                BASE                     DELTA LIMIT
//! errors      1.84%                0.21%                     x8.8  x1.0 HIGH
//! p99           412 ▃▃▃▄▃▃▄▄▄▃▃▃     398 ▃▃▃▃▃▃▃▃▃▃▃▃       +3.5%  +20% pass
//! ```

use super::paint::{self, Row, piece};
use super::theme::Tone;
use crate::app::judging::{MetricLine, looks_upto, metric_lines, score_line};
use crate::app::model::{Look, Model};
use crate::domain::judgement::{Evidence, Grade, Judgement, VerdictWord};
use crate::domain::text::there_are;
use crate::domain::traffic::TargetState;
use crate::operation::record::OperationView;

/// Cells of a chart.
const CELLS: usize = 12;
/// From this width on the numbers behind a verdict stand beside it; below they stand in a line of their own where there is room.
const WIDE: usize = 120;

/// The panel of the last step that was judged by series; none where counts alone decide.
pub fn rows(view: &OperationView, look: Look, columns: usize) -> Option<Vec<Row>> {
    let upto = view.progress.current.saturating_add(1);
    let steps = view.progress.steps.iter().take(upto);
    let (word, judgement, evidence, taken) = steps.rev().find_map(|status| {
        let verdict = status.verdict.as_ref()?;
        Some((verdict.word, verdict.judgement.as_deref()?, status.evidence.as_deref(), verdict.look))
    })?;
    let by_series = view.operation.plan.analysis.series().next().is_some();
    by_series.then(|| panel(view, look, columns, (word, judgement, evidence, taken)))
}

fn panel(
    view: &OperationView,
    look: Look,
    columns: usize,
    (word, judgement, evidence, taken): (VerdictWord, &Judgement, Option<&Evidence>, Option<u32>),
) -> Vec<Row> {
    let (progress, plan) = (&view.progress, &view.operation.plan);
    let looks = looks_upto(&progress.steps, progress.current);
    let of = evidence.map(|evidence| evidence.looks);
    let score = score_line(judgement, &plan.analysis, &looks, taken.zip(of));
    let mut rows = vec![vec![piece(format!(" {score}"), super::judge::verdict_tone(word))]];
    rows.push(paint::toned(format!(" {:<11}{:>8} {:<12} {:>8} {:<12} {:>9} {:>6}", "", "CANARY", "", "BASE", "", "DELTA", "LIMIT"), Tone::Dim));
    rows.extend(metric_lines(judgement, evidence, CELLS, look.ascii).into_iter().map(|line| row(line, columns)));
    rows
}

fn row(line: MetricLine, columns: usize) -> Row {
    let tone = match line.grade {
        Grade::Pass => Tone::Good,
        _ if line.failing => Tone::Bad,
        Grade::High | Grade::Low => Tone::Waits,
        Grade::NoData | Grade::TooFew | Grade::Unread => Tone::Unknown,
    };
    let mut row = vec![
        piece(format!(" {:<11}", line.metric), Tone::Plain),
        piece(format!("{:>8} {:<12} ", line.candidate, line.candidate_chart), tone),
        piece(format!("{:>8} {:<12} ", line.stable, line.stable_chart), Tone::Plain),
        piece(format!("{:>9} {:>6} ", line.delta, line.limit), Tone::Plain),
        piece(line.grade.word(), tone),
    ];
    if columns >= WIDE {
        row.push(piece(format!("  {}", line.numbers), Tone::Dim));
    }
    row
}

/// The one server of the candidate that fails its checks while the others pass: what is wrong may be wrong with it alone.
pub fn culprit(model: &Model, view: &OperationView) -> Option<Row> {
    let plan = &view.operation.plan;
    view.progress.failed_verdict()?;
    let states = &model.detail_of(&plan.fleet)?.value.target_states;
    let group = model.fleet_status(&plan.fleet)?.groups.iter().find(|group| group.name == plan.to.group)?;
    let of = |state| group.instances.iter().filter(move |server| states.get(&server.id) == Some(&state));
    let (bad, good) = (of(TargetState::Unhealthy), of(TargetState::Healthy).count());
    let [server] = bad.collect::<Vec<_>>()[..] else { return None };
    let zone = server.zone.as_ref().map_or_else(|| "?".to_owned(), crate::domain::text::Untrusted::shown);
    let text = format!(" {} in {zone} stands out: {} passing their checks", server.id, there_are(good, "other"));
    (good > 0).then(|| paint::toned(text, Tone::Waits))
}

/// Every number behind the last judgement, a line a metric.
pub fn numbers(view: &OperationView) -> Vec<Row> {
    let judged = view.progress.steps.iter().rev().find_map(|status| status.verdict.as_ref()?.judgement.as_deref());
    let lines = judged.map(|judgement| metric_lines(judgement, None, 0, true)).unwrap_or_default();
    lines.into_iter().map(|line| vec![piece(format!(" {:<11}", line.metric), Tone::Plain), piece(line.numbers, Tone::Dim)]).collect()
}

//! What the judge counted: canary and base on one scale, with sample sizes and the probability beside them.

use super::paint::{self, Row, piece};
use super::theme::Tone;
use crate::app::lines::{step_name, verdict_word};
use crate::domain::traffic::Counts;
use crate::operation::event::{Verdict, VerdictWord};
use crate::operation::plan::OperationKind;
use crate::operation::record::OperationView;

/// The last verdict in three lines; one line says why there is none.
pub fn summary(view: &OperationView) -> Vec<Row> {
    let plan = &view.operation.plan;
    if plan.kind != OperationKind::Deploy {
        return Vec::new();
    }
    if !plan.judged {
        return vec![paint::toned(" judge  off: nobody counts requests and errors, soaks are only timed", Tone::Dim)];
    }
    let Some((step, verdict)) = last_verdict(view) else {
        return vec![paint::toned(" judge  no verdict yet: it counts from the first step with traffic", Tone::Dim)];
    };
    let p = verdict.p_words();
    vec![
        vec![
            piece(" judge  ", Tone::Dim),
            piece(verdict_word(verdict.word), verdict_tone(verdict.word)),
            piece(format!("  p {p}  at {}", step_name(plan, step)), Tone::Plain),
        ],
        side("canary", &plan.to.label(), verdict.candidate, verdict_tone(verdict.word)),
        side("base", &plan.from.label(), verdict.stable, Tone::Plain),
    ]
}

fn last_verdict(view: &OperationView) -> Option<(usize, &Verdict)> {
    let upto = view.progress.current.saturating_add(1);
    view.progress.steps.iter().enumerate().take(upto).rev().find_map(|(step, status)| Some((step, status.verdict.as_ref()?)))
}

/// A verdict's tone.
pub const fn verdict_tone(word: VerdictWord) -> Tone {
    match word {
        VerdictWord::Pass => Tone::Good,
        VerdictWord::Fail => Tone::Bad,
        VerdictWord::Inconclusive => Tone::Unknown,
    }
}

fn side(name: &str, version: &str, counts: Counts, tone: Tone) -> Row {
    let latency = counts.p99_ms.map(|ms| format!("  p99 {ms} ms")).unwrap_or_default();
    let text = format!("   {name:<7}{version:<12} {:>6} errors of {:>8} requests", counts.errors, counts.requests);
    vec![piece(text, Tone::Plain), piece(format!("  {:>7}", rate(counts)), tone), piece(latency, Tone::Dim)]
}

/// Errors per request in percent; without requests nobody knows.
pub fn rate(counts: Counts) -> String {
    if counts.requests == 0 {
        return "?".to_owned();
    }
    // Counts beyond 2^53 would lose digits nobody reads.
    #[expect(clippy::cast_precision_loss, reason = "a percentage with two digits")]
    let percent = counts.errors as f64 * 100.0 / counts.requests as f64;
    format!("{percent:.2}%")
}

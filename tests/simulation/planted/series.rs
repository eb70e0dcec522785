//! Mistakes in how series are judged.

use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::reading::Reading;
use quarterdeck::operation::event::VerdictWord;

use super::bugs::{bug, quiet};
use super::{Bug, Eyes, Hook::Sees};
use crate::script::Script;
use crate::series::Source;

fn judged_by(script: &mut Script, source: Source) {
    quiet(script);
    script.course.series = Some(source);
}

/// What is not told of the candidate is taken to be as good as stable's.
fn silence_is_good(eyes: &mut Eyes) {
    let (to, from) = (eyes.plan.to.slot, eyes.plan.from.slot);
    let Some(seen) = eyes.seen.metrics.as_mut() else { return };
    for (_, sides) in &mut seen.series {
        let stable = sides.get(from).clone();
        let silent = sides.get(to).value().is_none_or(|series| series.measured() == 0);
        if silent && stable.value().is_some() {
            *sides.get_mut(to) = stable;
        }
    }
}

/// A source that is down is taken for one whose metric nobody asked for.
fn unread_is_not_asked(eyes: &mut Eyes) {
    let down =
        eyes.seen.metrics.as_ref().is_some_and(|seen| {
            seen.series.iter().any(|(_, sides)| Slot::BOTH.iter().any(|slot| matches!(sides.get(*slot), Reading::Unknown { .. })))
        });
    if down {
        eyes.plan.analysis.metrics.retain(quarterdeck::domain::analysis::Metric::is_counted);
    }
}

/// A failed verdict is judged again and again, until it passes.
fn judged_until_it_passes(eyes: &mut Eyes) {
    let current = eyes.progress.current;
    let Some(status) = eyes.progress.steps.get_mut(current) else { return };
    if status.verdict.as_ref().is_some_and(|verdict| verdict.word == VerdictWord::Fail) {
        status.verdict = None;
        status.looks.clear();
        eyes.progress.soak_began_at = Some(eyes.now.minus(quarterdeck::domain::time::Millis::mins(7)));
    }
}

pub const SERIES: &[Bug] = &[
    bug("silence is taken for good", "S21", Sees(silence_is_good), |script| judged_by(script, Source::Empty)),
    bug("a source that is down is not asked", "S21", Sees(unread_is_not_asked), |script| judged_by(script, Source::Down)),
    bug("a failed verdict is judged until it passes", "S22", Sees(judged_until_it_passes), |script| {
        judged_by(script, Source::Spike(quarterdeck::domain::time::Millis::mins(8)));
    }),
];

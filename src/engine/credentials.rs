//! Credentials that are gone, or end too soon: a deploy stands still before it is in the middle of something it could not undo.

use super::situation::Situation;
use super::{Move, Step};
use crate::domain::observation::Credentials;
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::operation::plan::PlanStep;

/// What a step of a deploy wants, as far as the credentials last for it.
pub(super) fn tempered(situation: &Situation<'_>, step: Step) -> Step {
    match (&situation.seen.credentials, step.then) {
        // Backing out would need them as well: there is nothing that time could bring but new ones.
        (Credentials::Gone { why }, then) if !matches!(then, Move::Fail { .. }) => Move::Stand { why: gone_words(why), meanwhile: None }.into(),
        (Credentials::Good { until: Some(until) }, Move::Done { outcome, note }) => {
            let left = until.since(situation.now);
            let then = match too_short(situation, left) {
                Some(why) if !situation.progress.promoted => Move::hold(why),
                _ => Move::Done { outcome, note },
            };
            Step { events: step.events, then }
        }
        (_, then) => Step { events: step.events, then },
    }
}

/// Why the next step does not begin: it and a rollback take longer than the credentials last.
fn too_short(situation: &Situation<'_>, left: Millis) -> Option<String> {
    let next = situation.plan.steps.get(situation.progress.current + 1)?;
    let back = situation.plan.timing.launch_limit;
    (left < needed(next, back)).then(|| {
        let (title, takes) = (&next.title, next.expected.unwrap_or(back));
        format!("credentials end in {left}: {title} takes {takes} and a rollback {back}; renew them, it goes on by itself")
    })
}

fn needed(step: &PlanStep, back: Millis) -> Millis {
    step.expected.unwrap_or(back).plus(back)
}

/// A way back cannot do without them either: it waits, and says for what.
pub(super) fn waited_for(situation: &Situation<'_>, then: Move) -> Move {
    match (&situation.seen.credentials, then) {
        (Credentials::Gone { why }, Move::Wait { period, .. }) => Move::Wait { why: gone_words(why), period },
        (_, then) => then,
    }
}

fn gone_words(why: &Untrusted) -> String {
    format!("credentials: {}; sign in again, it goes on by itself", why.shown())
}

/// That nothing can be done or seen for want of credentials.
pub(super) fn gone(situation: &Situation<'_>) -> Option<String> {
    let Credentials::Gone { why } = &situation.seen.credentials else { return None };
    Some(format!("the credentials are gone ({}): sign in again", why.shown()))
}

//! What a step wants, tempered by what the cloud refused lately, and the claim renewed when there is nothing better to do.

use super::situation::Situation;
use super::{Move, WantedCall};
use crate::domain::call::{CloudCall, CloudErrorKind};
use crate::domain::fleet::{Route, Slot};
use crate::domain::time::Millis;
use crate::operation::claim::{Claim, foreign_claim};
use crate::operation::event::OperationState;
use crate::operation::outcome::RefusedCall;
use crate::operation::plan::StepKind;

/// So many refusals in a row and a deploy going forward holds.
const MAX_REFUSALS: u32 = 3;
/// So often servers that serve nothing are asked to go although the cloud rejects the call as it is: in all about a quarter of an hour.
const MAX_REJECTIONS: u32 = 10;
/// A hint for people that was refused is left alone for so long.
const HINT_PAUSE: Millis = Millis::secs(60);
/// How often the claim is renewed, so that people with another store see that somebody is still at work.
const RENEWAL: Millis = Millis::mins(1);
/// Auto Scaling's name of the call that writes a claim.
const WRITE_CLAIM: &str = "CreateOrUpdateTags";
/// Auto Scaling's name of the call that takes it off.
const DELETE_CLAIM: &str = "DeleteTags";

pub(super) fn tempered(situation: &Situation<'_>, then: Move) -> Move {
    once(situation, renew_claim(situation, after_refusals(situation, then)))
}

/// Calls the cloud refused are made again ever more slowly. A deploy going forward holds after a few, and tries on meanwhile only where
/// waiting helps.
fn after_refusals(situation: &Situation<'_>, then: Move) -> Move {
    let Move::Call(wanted) = then else { return then };
    let Some(refused) = refused(situation, wanted.call.aws_name()) else { return Move::Call(wanted) };
    let tries = refused.tries;
    let why = format!("{} was refused {tries} times ({}: {})", refused.api, refused.kind.word(), refused.message.shown());
    let (forward, left) = (is_forward(situation), pause(situation, refused, &wanted));
    let again = |wanted| Some(wanted).filter(|_| left == Millis::ZERO && refused.kind.may_pass());
    if forward && refused.kind == CloudErrorKind::Auth {
        return Move::Stand { why: format!("credentials: {why}"), meanwhile: again(wanted) };
    }
    if forward && tries >= MAX_REFUSALS {
        return Move::Hold { why, meanwhile: again(wanted) };
    }
    if matches!(wanted.call, CloudCall::Park { .. }) && refused.kind == CloudErrorKind::Invalid && tries >= MAX_REJECTIONS {
        // Everything serves from the other group by now: what is left costs money, not safety.
        return Move::Fail { why: format!("{why}. What is left is left as it is") };
    }
    if left > Millis::ZERO { Move::wait(why, left) } else { Move::Call(wanted) }
}

/// On the way back every moment counts: what takes traffic off a bad release is asked for again soon, however often it was refused.
const fn moves_traffic(call: &CloudCall) -> bool {
    matches!(call, CloudCall::SetWeights { .. } | CloudCall::AttachTargetGroup { .. } | CloudCall::DetachTargetGroup { .. })
}

/// The last refusal of this kind of call, if nothing was accepted since.
pub(super) fn refused<'a>(situation: &Situation<'a>, api: &str) -> Option<&'a RefusedCall> {
    situation.progress.refused.iter().find(|refused| refused.api == api)
}

/// What the last call changed may not be read back yet: the very same is not made again in the same moment, nor is what was refused just now while
/// something else is held for.
fn once(situation: &Situation<'_>, then: Move) -> Move {
    let period = situation.plan.timing.period_moving;
    let made =
        |wanted: &WantedCall| situation.progress.made.as_ref().is_some_and(|(call, at)| *call == wanted.call && situation.now.since(*at) < period);
    let too_soon = |wanted: &WantedCall| {
        made(wanted) || refused(situation, wanted.call.aws_name()).is_some_and(|refused| pause(situation, refused, wanted) > Millis::ZERO)
    };
    match then {
        Move::Call(wanted) if made(&wanted) => Move::wait(format!("{}: it is not read back yet", wanted.why), period),
        Move::Hold { why, meanwhile } => Move::Hold { why, meanwhile: meanwhile.filter(|wanted| !too_soon(wanted)) },
        Move::Stand { why, meanwhile } => Move::Stand { why, meanwhile: meanwhile.filter(|wanted| !too_soon(wanted)) },
        other => other,
    }
}

/// How long a refused call is not made again yet.
fn pause(situation: &Situation<'_>, refused: &RefusedCall, wanted: &WantedCall) -> Millis {
    // Where no load balancer is in between, a group stops to serve by being parked.
    let parks = matches!(wanted.call, CloudCall::Park { .. }) && matches!(situation.route(), Route::None);
    let most = if !is_forward(situation) && (moves_traffic(&wanted.call) || parks) { 1 } else { 5 };
    let pause = situation.plan.timing.period_moving.times(1 << refused.tries.saturating_sub(1).min(most));
    pause.minus(situation.now.since(refused.at))
}

/// What has something to go back to by itself is on its way forward.
pub(super) fn is_forward(situation: &Situation<'_>) -> bool {
    situation.plan.kind.backs_out() && situation.progress.state != OperationState::BackingOut
}

/// The claim is renewed each minute, also in a hold; a renewal that is refused stops nothing. The step that claims does that itself, and counts.
fn renew_claim(situation: &Situation<'_>, then: Move) -> Move {
    let progress = situation.progress;
    let claims = situation.plan.steps.get(progress.current).is_some_and(|step| step.kind == StepKind::Claim);
    let age = progress.claimed_at.filter(|_| !claims || progress.state != OperationState::Running).map(|at| situation.now.since(at));
    // Another store's claim that was put over it is not overwritten in its turn, nor is one renewed that is to be taken off.
    let wanted = situation.claim_of_others().is_none() && refused(situation, DELETE_CLAIM).is_none();
    let due = age.is_some_and(|age| age >= RENEWAL) && situation.may_claim() && wanted;
    let renewal = || situation.claim_call("the claim is renewed");
    match then {
        Move::Wait { .. } if due => Move::Call(renewal()),
        Move::Hold { why, meanwhile: None } if due => Move::Hold { why, meanwhile: Some(renewal()) },
        other => other,
    }
}

impl Situation<'_> {
    /// Writing a claim was not refused just now.
    pub(super) fn may_claim(&self) -> bool {
        self.may_hint(WRITE_CLAIM)
    }

    /// A live claim of another store on a group of the plan.
    pub(super) fn claim_of_others(&self) -> Option<Claim> {
        foreign_claim(Slot::BOTH.into_iter().filter_map(|slot| self.group(slot)), &self.claimant.store, self.now)
    }

    fn may_hint(&self, api: &str) -> bool {
        refused(self, api).is_none_or(|refused| self.now.since(refused.at) >= HINT_PAUSE)
    }

    /// The call that takes our claim off, while it may still be on a group: it was written, or one of this store is seen, which may be that
    /// of an operation this one took the wheel from. One that is refused again and again is left to end by itself, one that another store put its own
    /// over is not there any more.
    pub(super) fn unclaim(&self) -> Option<WantedCall> {
        let written = self.progress.claimed_at.is_some() && self.claim_of_others().is_none();
        let seen = self.groups_claimed(|claim| claim.is_by(&self.claimant.store)) > 0
            && refused(self, DELETE_CLAIM).is_none_or(|refused| !refused.ends_a_hint());
        (written || seen).then(|| self.unclaim_call())
    }
}

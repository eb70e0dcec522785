//! Calls and what became of them: the one whose outcome is not known yet, those that were refused, and what each outcome says of the world.

use serde::{Deserialize, Serialize};

use super::claim::{CLAIM_KEY, STABLE_KEY};
use super::event::{CallOutcome, OperationState};
use super::progress::{Progress, RefreshMemory};
use crate::domain::call::{CloudCall, CloudErrorKind};
use crate::domain::ids::GroupName;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;

/// So often in a row a hint for people that the cloud may accept later is tried, before it is given up.
const HINT_TRIES: u32 = 3;

/// A call whose outcome is not recorded yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallInFlight {
    /// Its number.
    pub call_no: u64,
    /// The call.
    pub call: CloudCall,
    /// When the intent was recorded.
    pub since: WorldTime,
}

/// A kind of call the cloud refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCall {
    /// The call.
    pub api: String,
    /// So often in a row.
    pub tries: u32,
    /// What kind of failure.
    pub kind: CloudErrorKind,
    /// The cloud's words.
    pub message: Untrusted,
    /// When.
    pub at: WorldTime,
}

impl RefusedCall {
    /// It only tells people something.
    pub(super) fn is_hint(&self) -> bool {
        is_hint(&self.api)
    }

    /// Whether a hint for people is given up by now: the cloud will not accept it, or has had its chances.
    #[must_use]
    pub const fn ends_a_hint(&self) -> bool {
        !self.kind.may_pass() || self.tries >= HINT_TRIES
    }
}

/// The same with one more refusal, which is the last of the list.
#[must_use]
pub fn refused_again(known: &[RefusedCall], api: &str, kind: CloudErrorKind, message: &Untrusted, at: WorldTime) -> Vec<RefusedCall> {
    let before = known.iter().find(|refused| refused.api == api).map_or(0, |refused| refused.tries);
    let last = RefusedCall { api: api.to_owned(), tries: before.saturating_add(1), kind, message: message.clone(), at };
    known.iter().filter(|refused| refused.api != api).cloned().chain([last]).collect()
}

/// How many calls ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTally {
    /// Intents recorded.
    pub intended: u64,
    /// Accepted by the cloud.
    pub accepted: u64,
    /// Refused: nothing changed.
    pub refused: u64,
    /// Sent, and found out by looking.
    pub unknown: u64,
}

impl Progress {
    /// The call in flight ended like this.
    pub(super) fn end_call(&mut self, outcome: &CallOutcome, at: WorldTime) {
        let Some(ended) = self.in_flight.take() else { return };
        if !matches!(outcome, CallOutcome::Refused { .. }) {
            self.made = Some((ended.call.clone(), at));
        }
        match outcome {
            CallOutcome::Accepted(reply) => {
                self.calls.accepted += 1;
                self.forget_refusals(&ended.call);
                if let Some(version) = reply.template_version {
                    self.candidate_version = Some(version);
                }
                if matches!(ended.call, CloudCall::SetWeights { .. }) {
                    self.expected_routes.clear();
                }
                if let Some((group, _)) = attachment(&ended.call) {
                    self.attached.remove(group);
                }
                self.remember_effect(&ended.call, at);
                self.claims += u32::from(self.state == OperationState::Running && is_claim(&ended.call));
                if let (CloudCall::StartInstanceRefresh { .. }, Some(id)) = (&ended.call, &reply.refresh) {
                    self.refresh.id = Some(id.clone());
                }
            }
            CallOutcome::Refused { kind, message } => {
                self.calls.refused += 1;
                self.refused = refused_again(&self.refused, ended.call.aws_name(), *kind, message, at);
                if self.refused.last().is_some_and(RefusedCall::ends_a_hint) {
                    self.give_up_hint(&ended.call);
                }
            }
            CallOutcome::Unknown { .. } => {
                self.calls.unknown += 1;
                self.remember_effect(&ended.call, at);
            }
        }
    }

    /// A hint for people that is accepted while something else is refused says nothing of that, nor the other way round.
    fn forget_refusals(&mut self, accepted: &CloudCall) {
        let hint = is_hint(accepted.aws_name());
        self.refused.retain(|refused| refused.api != accepted.aws_name() && (hint || is_hint(&refused.api)));
    }

    /// What we wrote, so that another hand's change can be told from ours. A call without an answer may have happened.
    fn remember_effect(&mut self, call: &CloudCall, at: WorldTime) {
        if let Some((group, on)) = attachment(call) {
            self.attached.entry(group.clone()).or_default().push(on);
            self.written(at);
        }
        match call {
            CloudCall::SetWeights { actions, .. } => {
                self.expected_routes.push(actions.clone());
                self.written(at);
            }
            CloudCall::StartInstanceRefresh { version, .. } => {
                let starts = self.refresh.starts + u32::from(!self.refresh.is_lost());
                self.refresh = RefreshMemory { id: None, version: Some(*version), sent_at: Some(at), turned_at: None, starts, seen: None };
            }
            CloudCall::CancelInstanceRefresh { .. } | CloudCall::RollbackInstanceRefresh { .. } => self.refresh.turned_at = Some(at),
            claim if is_claim(claim) => self.claimed_at = Some(at),
            CloudCall::Tag { .. } => self.mirrored = true,
            CloudCall::Untag { .. } => self.claimed_at = None,
            CloudCall::Park { group, .. } => drop(self.parked.insert(group.clone())),
            _ => {}
        }
    }

    const fn written(&mut self, at: WorldTime) {
        self.written_at = Some(at);
    }

    /// Mirrored tags and the end of a claim are hints for people: nothing waits for them longer than for a few tries. The claim ends by itself.
    fn give_up_hint(&mut self, call: &CloudCall) {
        match call {
            CloudCall::Tag { tags, .. } if tags.iter().any(|(key, _)| key == STABLE_KEY) => self.mirrored = true,
            CloudCall::Untag { .. } => self.claimed_at = None,
            _ => {}
        }
    }
}

/// Calls that write tags: claims and what mirrors a release.
fn is_hint(api: &str) -> bool {
    matches!(api, "CreateOrUpdateTags" | "DeleteTags")
}

fn is_claim(call: &CloudCall) -> bool {
    matches!(call, CloudCall::Tag { tags, .. } if tags.iter().any(|(key, _)| key == CLAIM_KEY))
}

/// The group a call attaches or takes off, and which of the two.
const fn attachment(call: &CloudCall) -> Option<(&GroupName, bool)> {
    match call {
        CloudCall::AttachTargetGroup { group, .. } => Some((group, true)),
        CloudCall::DetachTargetGroup { group, .. } => Some((group, false)),
        _ => None,
    }
}

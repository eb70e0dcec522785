//! What a driver is told to do: things to record, at most one call, or a wait.

use super::event::EventBody;
use super::gate::GateRun;
use super::schema::HookRun;
use crate::domain::call::CloudCall;
use crate::domain::time::Millis;

/// A call that is wanted, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedCall {
    /// The call.
    pub call: CloudCall,
    /// Why, for people.
    pub why: String,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Decision {
    /// What to record, in order, before anything else.
    pub events: Vec<EventBody>,
    /// The one call to make, with its intent recorded first.
    pub call: Option<WantedCall>,
    /// How long to wait before the next look, in world time; zero after a call.
    pub wait: Millis,
    /// What it waits for, for people.
    pub waiting_for: String,
    /// The gate that is to be run while it waits.
    pub gate: Option<GateRun>,
    /// The program of the fleet's owner that is to be run while it waits: about its database.
    pub hook: Option<HookRun>,
}

//! How long things took before, for what is expected next.

use crate::domain::time::Millis;

/// Medians of one fleet; none where there is no history yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetHistory {
    /// A weight change until it was read back.
    pub shift: Option<Millis>,
    /// From the first launch until a group was healthy.
    pub grow: Option<Millis>,
}

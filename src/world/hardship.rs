//! What a scenario does to whoever asks: credentials that end and come back, and calls that are throttled.

use super::scenario::Scenario;
use super::state::Tick;
use super::{World, draw};
use crate::domain::call::{CloudError, CloudErrorKind};

/// Under `creds-expire` somebody signs in for so long, …
const SIGNED_IN: Tick = 3_600;
/// … and is away for so long before the next time.
const AWAY: Tick = 900;
/// So many of a hundred reads are throttled under `throttled`: about half of all plans can still be made.
const THROTTLED_READS: u64 = 5;
/// So many of a hundred writes.
const THROTTLED_WRITES: u64 = 30;
/// What AWS says to a caller who asked too often.
const TOO_OFTEN: &str = "Throttling: Rate exceeded";

impl World {
    /// Why nothing is answered; none while the credentials are good.
    #[must_use]
    pub fn credentials_gone(&self) -> Option<&'static str> {
        let away = self.scenario == Scenario::CredsExpire && self.since_sign_in() >= SIGNED_IN;
        let ended = away || self.credentials_end.is_some_and(|end| self.tick >= end);
        ended.then_some("ExpiredToken: the credentials are expired")
    }

    /// When the credentials end, where that is told.
    pub(super) fn end_of_credentials(&self) -> Option<Tick> {
        let shift = (self.scenario == Scenario::CredsExpire).then(|| self.tick - self.since_sign_in() + SIGNED_IN);
        self.credentials_end.into_iter().chain(shift).min()
    }

    fn since_sign_in(&self) -> Tick {
        self.tick.rem_euclid(SIGNED_IN + AWAY)
    }

    /// Refuses a read that comes too often. The same read is refused for all of a second.
    ///
    /// # Errors
    /// It is throttled.
    pub fn answers(&self, api: &str) -> Result<(), CloudError> {
        if self.throttles(draw::fnv(api.as_bytes()), THROTTLED_READS) {
            return Err(CloudError::new(CloudErrorKind::Throttled, api, TOO_OFTEN));
        }
        Ok(())
    }

    /// Why a part of a look cannot be read.
    pub(super) fn turned_away(&self, api: &str) -> Option<String> {
        self.answers(api).err().map(|error| error.to_string())
    }

    /// Why the write that comes now is not taken.
    pub(super) fn refuses_write(&self) -> Option<&'static str> {
        self.throttles(draw::mix(self.call_count), THROTTLED_WRITES).then_some(TOO_OFTEN)
    }

    fn throttles(&self, thing: u64, of_a_hundred: u64) -> bool {
        self.scenario == Scenario::Throttled && draw::bits(self.seed, self.tick, thing) % 100 < of_a_hundred
    }
}

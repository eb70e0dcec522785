//! World time: this host's clock, corrected by the cloud's where the two differ.
//!
//! A process takes the cloud's word at once while it has told nobody the time: the sign-in, which comes before everything, does that. From then
//! on what it tells never jumps and never goes back: a difference that shows later is made up for little by little.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::adapters::host::steady_now;
use crate::domain::time::WorldTime;

/// A `Date` header counts whole seconds and has been on its way: less than this, in milliseconds, is no difference.
const NOISE: i64 = 5_000;
/// On average such a header is so many milliseconds old.
const HALF_A_SECOND: i64 = 500;
/// A difference is made up for by one millisecond in so many: nothing that is waited for ends noticeably early or late.
const SLOWLY: i64 = 20;

static CLOCK: Mutex<Clock> = Mutex::new(Clock::new());

/// How this host's clock is corrected; all in milliseconds, and moments by this host's clock.
struct Clock {
    /// How much later it is there than here, as last heard; none before anybody has answered.
    heard: Option<i64>,
    /// How much of that is in what is told.
    applied: i64,
    /// When that was last brought nearer; none while nobody was told the time.
    told: Option<i64>,
}

impl Clock {
    const fn new() -> Self {
        Self { heard: None, applied: 0, told: None }
    }

    /// An answer says that it is `there` when it is `here` on this host.
    fn hear(&mut self, there: i64, here: i64) {
        let ahead = there.saturating_add(HALF_A_SECOND).saturating_sub(here);
        let ahead = if ahead.saturating_abs() < NOISE { 0 } else { ahead };
        // What is heard swings by a second or two: only a real difference changes what is believed.
        if self.heard.is_none_or(|heard| heard.saturating_sub(ahead).saturating_abs() >= NOISE) {
            self.heard = Some(ahead);
        }
        if self.told.is_none() {
            self.applied = self.heard.unwrap_or(0);
        }
    }

    /// What time it is there when it is `here` on this host.
    fn tell(&mut self, here: i64) -> i64 {
        let last = self.told.unwrap_or(here);
        let most = here.saturating_sub(last).max(0) / SLOWLY;
        let missing = self.heard.unwrap_or(0).saturating_sub(self.applied);
        self.applied = self.applied.saturating_add(missing.clamp(most.saturating_neg(), most));
        // What is too short to make up for anything counts towards the next time.
        self.told = Some(last.saturating_add(most.saturating_mul(SLOWLY)));
        here.saturating_add(self.applied)
    }
}

fn clock() -> MutexGuard<'static, Clock> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What time it is there.
pub(super) fn wall_clock() -> WorldTime {
    WorldTime(clock().tell(steady_now().0))
}

/// How much later it is there than here, in milliseconds; none while nobody has answered, or where the two agree.
pub(super) fn difference() -> Option<i64> {
    clock().heard.filter(|ahead| *ahead != 0)
}

/// Looks at the clock of whoever answers.
#[derive(Debug)]
pub(super) struct CloudDate;

impl Intercept for CloudDate {
    fn name(&self) -> &'static str {
        "CloudDate"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(there) = context.response().headers().get("date").and_then(moment) {
            clock().hear(there.0, steady_now().0);
        }
        Ok(())
    }
}

/// The moment a `Date` header names.
fn moment(header: &str) -> Option<WorldTime> {
    jiff::fmt::rfc2822::parse(header).ok().map(|at| WorldTime(at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_that_is_known_before_anybody_asks_counts_at_once() {
        let mut clock = Clock::new();
        clock.hear(1_060_000, 1_000_000);
        assert_eq!(clock.tell(1_000_000), 1_060_500);
        let mut clock = Clock::new();
        clock.hear(1_002_000, 1_000_000);
        assert_eq!(clock.tell(1_000_000), 1_000_000, "less than the way of an answer is no difference");
    }

    /// Looks at the clock each 100 ms for so long; the spans it told between two looks.
    fn spans(clock: &mut Clock, from: i64, looks: i64) -> Vec<i64> {
        let told: Vec<i64> = (0..=looks).map(|look| clock.tell(from + look * 100)).collect();
        told.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn a_difference_that_shows_later_is_made_up_for_without_a_jump() {
        for there in [60_000, -60_000] {
            let mut clock = Clock::new();
            assert_eq!(clock.tell(0), 0);
            clock.hear(there, 0);
            let spans = spans(&mut clock, 0, 20 * 60 * 10 + 10_000);
            assert!(spans.iter().all(|span| (95..=105).contains(span)), "never faster or slower than by a twentieth, never back");
            assert_eq!(clock.tell(10_000_000) - 10_000_000, there + HALF_A_SECOND);
        }
    }

    #[test]
    fn looks_that_follow_each_other_closely_make_up_for_it_too() {
        let mut clock = Clock::new();
        clock.tell(0);
        clock.hear(10_000, 0);
        let last = (1..=100_000).map(|now| clock.tell(now)).last();
        assert_eq!(last, Some(105_000), "a hundred seconds bring it five seconds nearer");
    }

    #[test]
    fn answers_that_swing_by_a_second_change_nothing() {
        let mut clock = Clock::new();
        clock.hear(30_000, 0);
        clock.tell(0);
        for (there, here) in [(30_000, 900), (31_000, 1_000), (40_000, 11_000)] {
            clock.hear(there, here);
        }
        assert_eq!(clock.heard, Some(30_500));
    }

    #[test]
    fn a_date_header_is_a_moment_and_nothing_else_is() {
        assert_eq!(moment("Thu, 01 Jan 1970 00:00:07 GMT"), Some(WorldTime(7_000)));
        assert_eq!(moment("Sun, 06 Nov 1994 08:49:37 GMT").map(WorldTime::rfc3339).as_deref(), Some("1994-11-06T08:49:37Z"));
        for odd in ["", "now", "1994-11-06T08:49:37Z"] {
            assert_eq!(moment(odd), None, "{odd}");
        }
    }
}

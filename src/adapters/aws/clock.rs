//! World time: this host's clock, corrected by the cloud's where the two differ.

use std::sync::OnceLock;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::adapters::host::steady_now;
use crate::domain::time::WorldTime;

/// A `Date` header counts whole seconds and has been on its way: less than this, in milliseconds, is no difference.
const NOISE: i64 = 5_000;

/// How much later it is there than here, in milliseconds; set by the first answer, so that time never jumps.
static AHEAD: OnceLock<i64> = OnceLock::new();

/// What time it is there.
pub(super) fn wall_clock() -> WorldTime {
    WorldTime(steady_now().0.saturating_add(difference().unwrap_or(0)))
}

/// How much later it is there than here, in milliseconds; none while nobody has answered, or where the two agree.
pub(super) fn difference() -> Option<i64> {
    AHEAD.get().copied().filter(|ahead| ahead.saturating_abs() >= NOISE)
}

/// Looks at the clock of whoever answers first.
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
            AHEAD.get_or_init(|| there.0.saturating_sub(steady_now().0));
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
    fn a_date_header_is_a_moment_and_nothing_else_is() {
        assert_eq!(moment("Thu, 01 Jan 1970 00:00:07 GMT"), Some(WorldTime(7_000)));
        assert_eq!(moment("Sun, 06 Nov 1994 08:49:37 GMT").map(WorldTime::rfc3339).as_deref(), Some("1994-11-06T08:49:37Z"));
        for odd in ["", "now", "1994-11-06T08:49:37Z"] {
            assert_eq!(moment(odd), None, "{odd}");
        }
    }
}

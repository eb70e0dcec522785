//! What a plan's soaks are judged by: what the fleet asks for, as far as its shape allows.

use super::facts::Facts;
use crate::domain::analysis::{Analysis, Metric};
use crate::domain::fleet::{Route, Strategy};
use crate::operation::plan::{Check, CheckLevel, Plan};

/// The analysis of a plan; none where there is nothing to judge by. Where requests are counted, errors are judged whether named or not.
pub(super) fn of(facts: &Facts<'_>) -> Option<Analysis> {
    let mut analysis = facts.spec.analysis.clone();
    analysis.metrics.retain(|metric| can_be_told_apart(facts, metric));
    if facts.setting.judged && facts.spec.scope().is_weighted() && !analysis.names_errors() {
        analysis.metrics.insert(0, analysis.errors());
    }
    analysis.interval = analysis.interval.scaled(facts.setting.time_scale);
    (!analysis.metrics.is_empty()).then_some(analysis)
}

/// A shared target group counts both releases together, and without one nobody counts.
fn can_be_told_apart(facts: &Facts<'_>, metric: &Metric) -> bool {
    facts.spec.scope().is_weighted() || !metric.measure.is_of_load_balancer()
}

/// What the sheet says of it.
pub(super) fn checks(facts: &Facts<'_>, plan: &Plan) -> Vec<Check> {
    let mut checks = vec![if plan.judged { judged_by(plan) } else { timed_only(plan) }];
    let dropped: Vec<&str> =
        facts.spec.analysis.metrics.iter().filter(|metric| !can_be_told_apart(facts, metric)).map(|metric| metric.name.as_str()).collect();
    if !dropped.is_empty() {
        let text = format!("{} not judged: the load balancer tells no release from the other without a target group for each", dropped.join(", "));
        checks.push(Check::new(CheckLevel::Warning, text));
    }
    if plan.judged && plan.strategy == Strategy::BlueGreen && plan.analysis.series().next().is_some() {
        checks.push(Check::new(CheckLevel::Warning, "series are not judged: after one switch stable serves nothing to compare with"));
    }
    checks
}

fn judged_by(plan: &Plan) -> Check {
    let series: Vec<&str> = plan.analysis.series().map(|metric| metric.name.as_str()).collect();
    let text = match (series.is_empty(), plan.analysis.names_errors()) {
        (true, _) => "each soak is judged by its error counts".to_owned(),
        (false, true) => format!("each soak is judged by its error counts and by {}, score at least {}", series.join(", "), plan.analysis.pass),
        (false, false) => format!("each soak is judged by {}, score at least {}", series.join(", "), plan.analysis.pass),
    };
    Check::new(CheckLevel::Ok, text)
}

fn timed_only(plan: &Plan) -> Check {
    let promote = if plan.strategy == Strategy::Canary { "; the step before 100% waits for promote" } else { "" };
    let why = match plan.scope.route {
        Route::Attached { .. } => "requests and errors are counted for both releases together",
        Route::Weighted { .. } | Route::None => "nobody counts requests and errors here",
    };
    Check::new(CheckLevel::Warning, format!("{why}: soaks are timed only{promote}"))
}

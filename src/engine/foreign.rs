//! Changes by another hand to something the plan owns stop forward motion and are shown; they are never overwritten silently.

use super::Move;
use super::situation::Situation;
use crate::domain::fleet::{Route, Slot};
use crate::domain::group::{PinnedVersion, ServerGroup};
use crate::operation::plan::StepKind;

/// What somebody else changed, as the hold it causes; none if nothing, or if a person promoted past it.
pub(super) fn change(situation: &Situation<'_>) -> Option<Move> {
    if situation.progress.promoted {
        return None;
    }
    route(situation).or_else(|| attachments(situation)).or_else(|| template(situation)).map(Move::hold)
}

fn attachments(situation: &Situation<'_>) -> Option<String> {
    if !matches!(situation.route(), Route::Attached { .. }) || situation.is_settling() {
        return None;
    }
    let changed = |slot: &Slot| {
        situation.seen.is_attached(*slot).is_some_and(|seen| !situation.progress.may_read_attached(&situation.side(*slot).group).contains(&seen))
    };
    let slot = Slot::BOTH.into_iter().find(changed)?;
    let now = if situation.seen.is_attached(slot) == Some(true) { "attached" } else { "detached" };
    Some(format!("another hand {now} {}", situation.side(slot).group))
}

fn route(situation: &Situation<'_>) -> Option<String> {
    let seen = situation.seen.route.value()?;
    if !seen.same_but_weights(&situation.plan.actions) {
        return Some("another hand changed the actions of the route beyond its weights".to_owned());
    }
    if situation.is_settling() {
        return None;
    }
    let expected = situation.progress.expected_routes.iter().any(|route| same_shares(situation, route));
    (!expected).then(|| {
        let weight = |slot| situation.weight(slot).map_or_else(|| "?".to_owned(), |weight| weight.to_string());
        format!(
            "another hand changed the weights: {} {}, {} {}",
            situation.from().group,
            weight(situation.from().slot),
            situation.to().group,
            weight(situation.to().slot)
        )
    })
}

fn same_shares(situation: &Situation<'_>, route: &crate::domain::traffic::RouteActions) -> bool {
    let Some(seen) = situation.seen.route.value() else { return true };
    let share = |of: &crate::domain::traffic::RouteActions, arn| of.share(arn).unwrap_or(-1.0);
    [&situation.from().target_group, &situation.to().target_group]
        .into_iter()
        .flatten()
        .all(|arn| (share(seen, arn) - share(route, arn)).abs() < 1e-9)
}

fn template(situation: &Situation<'_>) -> Option<String> {
    let from = situation.group(situation.from().slot)?;
    if pinned(from) != situation.plan.from.template_version {
        return Some(format!("another hand changed what {} launches", from.name));
    }
    in_candidate(situation)
}

/// The candidate's group launches something else than it was pointed at.
pub(super) fn in_candidate(situation: &Situation<'_>) -> Option<String> {
    let pinned_by_us = situation.plan.steps.iter().position(|step| step.kind == StepKind::Template).is_some_and(|at| situation.progress.current > at);
    let to = situation.group(situation.to().slot)?;
    (pinned_by_us && pinned(to) != situation.to_version()).then(|| format!("another hand changed what {} launches", to.name))
}

fn pinned(group: &ServerGroup) -> Option<u64> {
    match group.template.as_ref()?.version {
        PinnedVersion::Number(number) => Some(number),
        PinnedVersion::Latest | PinnedVersion::Default => None,
    }
}

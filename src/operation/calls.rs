//! The AWS calls a plan will make, in order, as far as they can be known before it runs.
//!
//! Sizes and weights are the plan's own; a call that finds what it wants already so is not made, and a group that grew meanwhile is never
//! lowered by one of these. The tag that claims the fleet is renewed while the operation runs.

use serde::Serialize;

use super::aws_lines::{self, NEW_VERSION, aws_line};
use super::claim::{CLAIM_KEY, STABLE_KEY};
use super::plan::{OperationKind, Plan, Side, StepKind};
use super::status::WayBackLevel;
use crate::domain::call::CloudCall;
use crate::domain::fleet::Route;
use crate::domain::sizes::Sizes;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedCall {
    /// The step that makes it, from 1.
    pub step: usize,
    /// AWS's name of it.
    pub api: &'static str,
    /// What it does, for people.
    pub summary: String,
    /// The same as a line for AWS's own command line.
    #[serde(skip)]
    pub by_hand: String,
}

/// Every call of the plan.
#[must_use]
pub fn planned_calls(plan: &Plan) -> Vec<PlannedCall> {
    let mut calls: Vec<PlannedCall> = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        for (api, summary, by_hand) in calls_of(plan, step.kind) {
            // What an earlier step left so is found so.
            if !calls.iter().any(|call| call.api == api && call.summary == summary) {
                calls.push(PlannedCall { step: index + 1, api, summary, by_hand });
            }
        }
    }
    calls
}

type Named = (&'static str, String, String);

fn calls_of(plan: &Plan, step: StepKind) -> Vec<Named> {
    match step {
        StepKind::Claim => vec![named(&tag(plan, CLAIM_KEY))],
        StepKind::EmptySlot => vec![named(&park(&plan.to, 0))],
        StepKind::Detach => attach(&plan.to, false).into_iter().collect(),
        StepKind::Template => suspended(plan).into_iter().chain(template(plan)).collect(),
        StepKind::Version => template(plan).into_iter().take(1).collect(),
        StepKind::Refresh => refresh(plan),
        StepKind::Bake => Vec::new(),
        StepKind::OneBox => vec![raise(plan, &plan.to, 1)],
        StepKind::FullSize | StepKind::GrowTarget => vec![raise(plan, &plan.to, plan.need)],
        StepKind::Weight(weight) => grown(plan, weight.weight_pct),
        StepKind::Stable if plan.kind == OperationKind::Recycle => vec![named(&untag(plan))],
        StepKind::Stable => vec![named(&mirror(plan)), named(&untag(plan))],
        StepKind::Settle | StepKind::GiveBack if plan.refresh.is_some() => vec![named(&untag(plan))],
        StepKind::Shift => taken_over(plan),
        StepKind::Settle => vec![raise(plan, &plan.to, plan.need), named(&tag(plan, CLAIM_KEY))],
        StepKind::Migrate | StepKind::Gates | StepKind::Approve | StepKind::Window => Vec::new(),
        StepKind::Park => vec![named(&park(&plan.from, plan.idle_size))],
        StepKind::GiveBack => given_back(plan),
    }
}

/// Auto Scaling's name of what runs scheduled actions.
pub const SCHEDULED_ACTIONS: &str = "ScheduledActions";

fn suspended(plan: &Plan) -> Vec<Named> {
    let processes = || vec![SCHEDULED_ACTIONS.to_owned()];
    plan.suspends.iter().map(|group| named(&CloudCall::SuspendProcesses { group: group.clone(), processes: processes() })).collect()
}

fn resumed(plan: &Plan) -> Vec<Named> {
    let processes = || vec![SCHEDULED_ACTIONS.to_owned()];
    plan.suspends.iter().map(|group| named(&CloudCall::ResumeProcesses { group: group.clone(), processes: processes() })).collect()
}

fn named(call: &CloudCall) -> Named {
    (call.aws_name(), call.summary(), aws_line(call))
}

fn tag(plan: &Plan, key: &str) -> CloudCall {
    CloudCall::Tag { groups: plan.groups(), tags: vec![(key.to_owned(), String::new())] }
}

fn mirror(plan: &Plan) -> CloudCall {
    CloudCall::Tag { groups: vec![plan.to.group.clone()], tags: vec![(STABLE_KEY.to_owned(), String::new())] }
}

fn untag(plan: &Plan) -> CloudCall {
    CloudCall::Untag { groups: plan.groups(), keys: vec![CLAIM_KEY.to_owned()] }
}

fn park(side: &Side, size: u32) -> CloudCall {
    CloudCall::Park { group: side.group.clone(), sizes: Sizes::all(size) }
}

/// The number of the version is only known once it is made.
fn template(plan: &Plan) -> Vec<Named> {
    let to = &plan.to;
    if let Some(version) = to.template_version {
        return vec![named(&CloudCall::PinTemplate { group: to.group.clone(), template: to.template.clone(), version })];
    }
    let source = plan.template_source();
    let made = source.as_ref().map_or_else(
        || "# its source is not known yet".to_owned(),
        |source| aws_lines::create_version(&to.template, &source.template, source.version, &to.image),
    );
    let source = source.map_or_else(|| "?".to_owned(), |source| format!("{} version {}", source.template, source.version));
    let pinned = aws_lines::pin(&to.group, &to.template, NEW_VERSION);
    vec![
        ("CreateLaunchTemplateVersion", format!("{} new version: {source} with {}", to.template, to.image), made),
        ("UpdateAutoScalingGroup", format!("{} launches {} at that version", to.group, to.template), pinned),
    ]
}

/// AWS's own engine is asked to replace the servers, or to turn round.
fn refresh(plan: &Plan) -> Vec<Named> {
    let Some(preferences) = &plan.refresh else { return Vec::new() };
    if plan.level == Some(WayBackLevel::R0) {
        return vec![named(&CloudCall::RollbackInstanceRefresh { group: plan.to.group.clone() })];
    }
    let version = plan.to.template_version.map_or_else(|| "that version".to_owned(), |number| format!("version {number}"));
    let number = plan.to.template_version.map_or_else(|| NEW_VERSION.to_owned(), |number| number.to_string());
    let by_hand = aws_lines::refresh(&plan.to.group, &plan.to.template, &number, preferences);
    vec![("StartInstanceRefresh", format!("{} to {} {version} ({})", plan.to.group, plan.to.template, preferences.words()), by_hand)]
}

fn raise(plan: &Plan, side: &Side, min: u32) -> Named {
    let call = CloudCall::RaiseMin { group: side.group.clone(), min, max: None };
    let max = plan.live_sizes.max.max(min);
    (call.aws_name(), format!("{} (max at least {max})", call.summary()), format!("{}  # max at least {max}", aws_line(&call)))
}

/// The servers of a share, and what the route is asked for it.
fn grown(plan: &Plan, weight_pct: u32) -> Vec<Named> {
    let size = plan.scope.route.servers_for(plan.need, weight_pct).max(1);
    [raise(plan, &plan.from, plan.need), raise(plan, &plan.to, size)].into_iter().chain(asked(plan, weight_pct)).collect()
}

fn asked(plan: &Plan, to_pct: u32) -> Vec<Named> {
    match plan.scope.route {
        Route::Weighted { .. } => weights(plan, to_pct).into_iter().collect(),
        Route::Attached { .. } if to_pct < 100 => attach(&plan.to, true).into_iter().collect(),
        Route::Attached { .. } => attach(&plan.to, true).into_iter().chain(attach(&plan.from, false)).collect(),
        Route::None => Vec::new(),
    }
}

/// All traffic on the target of a rollback. Without a load balancer a group stops working when it is parked.
fn taken_over(plan: &Plan) -> Vec<Named> {
    if plan.scope.route == Route::None { vec![named(&park(&plan.from, plan.idle_size))] } else { asked(plan, 100) }
}

fn given_back(plan: &Plan) -> Vec<Named> {
    let shared = matches!(plan.scope.route, Route::Attached { .. });
    let attached = attach(&plan.from, true).filter(|_| shared);
    let released = CloudCall::ReleaseMin { group: plan.to.group.clone(), min: plan.live_sizes.min };
    attached.into_iter().chain([named(&released)]).chain(resumed(plan)).chain([named(&untag(plan))]).collect()
}

fn attach(side: &Side, on: bool) -> Option<Named> {
    let (group, target_group) = (side.group.clone(), side.target_group.clone()?);
    Some(named(&if on { CloudCall::AttachTargetGroup { group, target_group } } else { CloudCall::DetachTargetGroup { group, target_group } }))
}

fn weights(plan: &Plan, to_pct: u32) -> Option<Named> {
    let to_pct = to_pct.min(100);
    let new = [(plan.from.target_group.clone()?, 100 - to_pct), (plan.to.target_group.clone()?, to_pct)];
    let place = plan.scope.route.place()?.clone();
    Some(named(&CloudCall::SetWeights { place, actions: plan.actions.with_weights(&new) }))
}

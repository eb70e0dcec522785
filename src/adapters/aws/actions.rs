//! Route actions between the SDK and the domain. A write is made from the very actions that were read: only weights may differ.

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ForwardActionConfig, TargetGroupTuple};

use super::canonical::Canon;
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::ids::TargetGroupArn;
use crate::domain::traffic::{RouteAction, RouteActions};

/// The largest weight ALB takes.
const MAX_WEIGHT: u32 = 999;

/// The actions in the domain's words.
pub(super) fn read_actions(actions: &[Action]) -> RouteActions {
    let alone = actions.len() == 1;
    RouteActions(actions.iter().map(|action| read_action(action, alone)).collect())
}

fn read_action(action: &Action, alone: bool) -> RouteAction {
    if is_forward(action) {
        let stickiness = action.forward_config().and_then(ForwardActionConfig::target_group_stickiness_config);
        let stickiness_secs =
            stickiness.filter(|config| config.enabled() == Some(true)).and_then(|config| u32::try_from(config.duration_seconds()?).ok());
        return RouteAction::Forward { weights: weights(action), stickiness_secs, fingerprint: forward_fingerprint(action, alone) };
    }
    let mut form = Canon::of(action);
    drop_lone_order(&mut form, alone);
    let kind = action.r#type().map_or("unknown", ActionTypeEnum::as_str).to_owned();
    RouteAction::Other { kind, fingerprint: form.digest() }
}

fn is_forward(action: &Action) -> bool {
    action.r#type() == Some(&ActionTypeEnum::Forward)
}

/// Each target group with its weight, by ARN: AWS gives no promise on their order. A single one may come without a list, and without a
/// weight: all of the traffic is its own.
fn weights(action: &Action) -> Vec<(TargetGroupArn, u32)> {
    let mut weights: Vec<(TargetGroupArn, u32)> = tuples(action)
        .into_iter()
        .filter_map(|tuple| {
            let weight = tuple.weight().map_or(1, |weight| u32::try_from(weight).unwrap_or(0));
            Some((TargetGroupArn::new(tuple.target_group_arn()?), weight))
        })
        .collect();
    weights.sort();
    weights
}

fn tuples(action: &Action) -> Vec<TargetGroupTuple> {
    let listed = action.forward_config().map(ForwardActionConfig::target_groups).unwrap_or_default();
    if listed.is_empty() {
        return action.target_group_arn().map(|arn| TargetGroupTuple::builder().target_group_arn(arn).build()).into_iter().collect();
    }
    listed.to_vec()
}

/// Digest of a forward action without its weights, the same for every way AWS writes the same thing: with or without the single ARN beside
/// the list, in any order of target groups, with stickiness that is off or absent, with or without the order of a lone action.
fn forward_fingerprint(action: &Action, alone: bool) -> String {
    let mut form = Canon::of(action);
    form.remove("target_group_arn");
    drop_lone_order(&mut form, alone);
    let config = form.remove("forward_config");
    let arns = weights(action).into_iter().map(|(arn, _)| Canon::Leaf(arn.as_str().to_owned())).collect();
    form.set("target_groups", Canon::List(arns));
    if let Some(mut config) = config {
        config.remove("target_groups");
        let off =
            action.forward_config().and_then(ForwardActionConfig::target_group_stickiness_config).and_then(|config| config.enabled()) != Some(true);
        if off {
            config.remove("target_group_stickiness_config");
        }
        if config.fields().is_some_and(|fields| !fields.is_empty()) {
            form.set("forward_config", config);
        }
    }
    form.digest()
}

fn drop_lone_order(form: &mut Canon, alone: bool) {
    if alone {
        form.remove("order");
    }
}

/// The SDK actions `read` with the weights of `wanted`, for a write.
///
/// # Errors
/// Conflict when `read` is not what `wanted` was made from, Invalid when the weights are none that may be sent.
pub(super) fn with_weights(api: &str, read: &[Action], wanted: &RouteActions) -> Result<Vec<Action>, CloudError> {
    if !matches(read, wanted) {
        return Err(CloudError::new(CloudErrorKind::Conflict, api, "the actions changed since they were read"));
    }
    let weighted: Vec<u32> = wanted.forwards().map(|(_, weight)| *weight).collect();
    if weighted.iter().any(|weight| *weight > MAX_WEIGHT) || weighted.iter().all(|weight| *weight == 0) {
        return Err(CloudError::new(
            CloudErrorKind::Invalid,
            api,
            format!("not sent: weights {weighted:?} are not between 0 and 999 with one above 0"),
        ));
    }
    Ok(read.iter().zip(&wanted.0).map(|(action, wanted)| change(action, wanted)).collect())
}

/// Whether both are the same actions in the same order but for weights.
pub(super) fn matches(read: &[Action], wanted: &RouteActions) -> bool {
    let fingerprint = |action: &RouteAction| match action {
        RouteAction::Forward { fingerprint, weights, .. } => {
            let mut arns: Vec<TargetGroupArn> = weights.iter().map(|(arn, _)| arn.clone()).collect();
            arns.sort();
            (fingerprint.clone(), arns)
        }
        RouteAction::Other { fingerprint, .. } => (fingerprint.clone(), Vec::new()),
    };
    let found = read_actions(read);
    found.0.len() == wanted.0.len() && found.0.iter().map(fingerprint).eq(wanted.0.iter().map(fingerprint))
}

fn change(action: &Action, wanted: &RouteAction) -> Action {
    let mut action = action.clone();
    if let RouteAction::Forward { weights, .. } = wanted {
        let changed: Vec<TargetGroupTuple> = tuples(&action)
            .into_iter()
            .map(|mut tuple| {
                let weight = weights.iter().find(|(arn, _)| Some(arn.as_str()) == tuple.target_group_arn()).map(|(_, weight)| *weight);
                tuple.weight = weight.and_then(|weight| i32::try_from(weight).ok()).or(tuple.weight);
                tuple
            })
            .collect();
        if changed.len() > 1 {
            // AWS refuses the single ARN beside a list of more than one.
            action.target_group_arn = None;
        }
        let mut config = action.forward_config.take().unwrap_or_else(|| ForwardActionConfig::builder().build());
        config.target_groups = Some(changed);
        action.forward_config = Some(config);
    }
    if let Some(oidc) = &mut action.authenticate_oidc_config {
        // The secret is never told, so it cannot be sent back: AWS keeps the one it has.
        oidc.client_secret = None;
        oidc.use_existing_client_secret = Some(true);
    }
    action
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{AuthenticateOidcActionConfig, TargetGroupStickinessConfig};

    use super::*;

    fn tuple(arn: &str, weight: i32) -> TargetGroupTuple {
        TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build()
    }

    fn forward(tuples: Vec<TargetGroupTuple>, stickiness: Option<(bool, i32)>) -> Action {
        let stickiness = stickiness.map(|(on, secs)| TargetGroupStickinessConfig::builder().enabled(on).duration_seconds(secs).build());
        let config = ForwardActionConfig::builder().set_target_groups(Some(tuples)).set_target_group_stickiness_config(stickiness).build();
        Action::builder().r#type(ActionTypeEnum::Forward).order(2).forward_config(config).build()
    }

    fn oidc() -> Action {
        let mut config = AuthenticateOidcActionConfig::builder().issuer("https://id.example.com").client_id("qd");
        for number in 0..20 {
            config = config.authentication_request_extra_params(format!("k{number}"), format!("v{number}"));
        }
        Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).order(1).authenticate_oidc_config(config.build()).build()
    }

    fn fingerprint(actions: &[Action]) -> String {
        match read_actions(actions).0.pop().unwrap() {
            RouteAction::Forward { fingerprint, .. } | RouteAction::Other { fingerprint, .. } => fingerprint,
        }
    }

    #[test]
    fn weights_and_the_order_of_target_groups_are_not_part_of_the_fingerprint() {
        let one = [oidc(), forward(vec![tuple("a", 100), tuple("b", 0)], Some((true, 60)))];
        let other = [oidc(), forward(vec![tuple("b", 5), tuple("a", 95)], Some((true, 60)))];
        assert!(read_actions(&one).same_but_weights(&read_actions(&other)));
        for changed in [
            forward(vec![tuple("a", 100), tuple("c", 0)], Some((true, 60))),
            forward(vec![tuple("a", 100), tuple("b", 0)], Some((true, 61))),
            forward(vec![tuple("a", 100), tuple("b", 0)], None),
        ] {
            assert_ne!(fingerprint(&one), fingerprint(&[oidc(), changed]));
        }
    }

    #[test]
    fn a_single_target_group_without_a_list_has_weight_one() {
        let alone = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn("a").build();
        assert_eq!(read_actions(std::slice::from_ref(&alone)).weight(&"a".into()), Some(1));
        let both = forward(vec![tuple("a", 7)], Some((false, 0)));
        assert_eq!(read_actions(std::slice::from_ref(&both)).weight(&"a".into()), Some(7));
        assert_eq!(fingerprint(&[alone]), fingerprint(&[both]), "two ways to write the same thing");
    }

    #[test]
    fn a_write_changes_weights_and_nothing_else() {
        let mut sticky = forward(vec![tuple("b", 0), tuple("a", 100)], Some((true, 60)));
        sticky.target_group_arn = None;
        let read = [oidc(), sticky];
        let wanted = read_actions(&read).with_weights(&[("a".into(), 0), ("b".into(), 100)]);
        let sent = with_weights("ModifyRule", &read, &wanted).unwrap();
        assert_eq!(read_actions(&sent).weight(&"b".into()), Some(100));
        let oidc = sent[0].authenticate_oidc_config().unwrap();
        assert_eq!((oidc.use_existing_client_secret(), oidc.client_id()), (Some(true), Some("qd")));
        let mut expected = read[1].clone();
        expected.forward_config.as_mut().unwrap().target_groups = Some(vec![tuple("b", 100), tuple("a", 0)]);
        assert_eq!(sent[1], expected);
    }

    #[test]
    fn a_write_from_other_actions_is_a_conflict_and_no_weight_at_all_is_refused() {
        let read = [forward(vec![tuple("a", 100), tuple("b", 0)], None)];
        let wanted = read_actions(&read);
        let foreign = [forward(vec![tuple("a", 100), tuple("c", 0)], None)];
        assert_eq!(with_weights("ModifyRule", &foreign, &wanted).unwrap_err().kind, CloudErrorKind::Conflict);
        for weights in [[("a".into(), 0), ("b".into(), 0)], [("a".into(), 1_000), ("b".into(), 0)]] {
            let error = with_weights("ModifyRule", &read, &wanted.with_weights(&weights)).unwrap_err();
            assert_eq!(error.kind, CloudErrorKind::Invalid);
        }
    }
}

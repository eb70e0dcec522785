//! Rules and listener defaults of application load balancers, and the health of targets.

use aws_sdk_elasticloadbalancingv2::types as elb;

use super::AwsCloud;
use super::actions::read_actions;
use super::pages::{Gathered, gather};
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::fleet::RoutePlace;
use crate::domain::ids::{InstanceId, PlaceArn, TargetGroupArn};
use crate::domain::observation::RouteReading;
use crate::domain::reading::Listing;
use crate::domain::text::Untrusted;
use crate::domain::traffic::{TargetHealth, TargetState};
use crate::ports::budget::BudgetKey;

/// The largest page.
const PAGE: i32 = 400;

impl AwsCloud {
    /// Every place that forwards. It takes a call for each load balancer and each listener out of the one bucket that ELB has, so it is slow
    /// by intention: the budget spreads it.
    pub(super) async fn list_routes(&self) -> Result<Listing<RouteReading>, CloudError> {
        let balancers = gather(|token| self.load_balancers_page(token)).await?;
        let mut found = Gathered { items: Vec::new(), missing: balancers.missing };
        for balancer in balancers.items.iter().filter(|balancer| balancer.r#type() == Some(&elb::LoadBalancerTypeEnum::Application)) {
            let Some(arn) = balancer.load_balancer_arn() else { continue };
            let name = Untrusted::from(balancer.load_balancer_name().unwrap_or_default());
            match gather(|token| self.listeners_page(arn, token)).await {
                Ok(listeners) => {
                    note(&mut found, listeners.missing, &name);
                    for listener in listeners.items.iter().filter_map(elb::Listener::listener_arn) {
                        self.add_rules(listener, &name, &mut found).await;
                    }
                }
                Err(error) => note(&mut found, Some(error.to_string().into()), &name),
            }
        }
        Ok(found.listing())
    }

    async fn add_rules(&self, listener: &str, balancer: &Untrusted, found: &mut Gathered<RouteReading>) {
        let rules = match gather(|token| self.rules_page(listener, token)).await {
            Ok(rules) => rules,
            Err(error) => return note(found, Some(error.to_string().into()), balancer),
        };
        note(found, rules.missing, balancer);
        for rule in &rules.items {
            let Some(place) = place_of(rule, listener) else { continue };
            let actions = read_actions(rule.actions());
            self.keep_actions(&place, rule.actions());
            if actions.forwards().next().is_some() {
                found.items.push(RouteReading { place, actions, load_balancer: balancer.clone() });
            }
        }
    }

    async fn load_balancers_page(&self, marker: Option<String>) -> Result<(Vec<elb::LoadBalancer>, Option<String>), CloudError> {
        let ask = || self.shared.elb.describe_load_balancers().page_size(PAGE).set_marker(marker.clone()).send();
        let answer = self.gate.read("DescribeLoadBalancers", BudgetKey::Elb, ask).await?;
        Ok((answer.load_balancers.unwrap_or_default(), answer.next_marker))
    }

    async fn listeners_page(&self, balancer: &str, marker: Option<String>) -> Result<(Vec<elb::Listener>, Option<String>), CloudError> {
        let ask = || self.shared.elb.describe_listeners().load_balancer_arn(balancer).page_size(PAGE).set_marker(marker.clone()).send();
        let answer = self.gate.read("DescribeListeners", BudgetKey::Elb, ask).await?;
        Ok((answer.listeners.unwrap_or_default(), answer.next_marker))
    }

    async fn rules_page(&self, listener: &str, marker: Option<String>) -> Result<(Vec<elb::Rule>, Option<String>), CloudError> {
        let ask = || self.shared.elb.describe_rules().listener_arn(listener).page_size(PAGE).set_marker(marker.clone()).send();
        let answer = self.gate.read("DescribeRules", BudgetKey::Elb, ask).await?;
        Ok((answer.rules.unwrap_or_default(), answer.next_marker))
    }

    /// The actions of one place now, in one call.
    pub(super) async fn read_place(&self, place: &RoutePlace) -> Result<Vec<elb::Action>, CloudError> {
        let actions = match place {
            RoutePlace::Rule(arn) => self.read_rule(arn).await?,
            RoutePlace::Listener(arn) => self.read_listener(arn).await?,
        };
        self.keep_actions(place, &actions);
        Ok(actions)
    }

    async fn read_rule(&self, arn: &PlaceArn) -> Result<Vec<elb::Action>, CloudError> {
        let ask = || self.shared.elb.describe_rules().rule_arns(arn.as_str()).send();
        let rules = self.gate.read("DescribeRules", BudgetKey::Elb, ask).await?.rules.unwrap_or_default();
        let rule = rules.into_iter().find(|rule| rule.rule_arn() == Some(arn.as_str()));
        rule.map(|rule| rule.actions.unwrap_or_default()).ok_or_else(|| absent("DescribeRules", "rule", arn))
    }

    async fn read_listener(&self, arn: &PlaceArn) -> Result<Vec<elb::Action>, CloudError> {
        let ask = || self.shared.elb.describe_listeners().listener_arns(arn.as_str()).send();
        let listeners = self.gate.read("DescribeListeners", BudgetKey::Elb, ask).await?.listeners.unwrap_or_default();
        let listener = listeners.into_iter().find(|listener| listener.listener_arn() == Some(arn.as_str()));
        listener.map(|listener| listener.default_actions.unwrap_or_default()).ok_or_else(|| absent("DescribeListeners", "listener", arn))
    }

    /// The health of the targets of one target group: one call.
    pub(super) async fn health_of(&self, target_group: &TargetGroupArn) -> Result<TargetHealth, CloudError> {
        let ask = || self.shared.elb.describe_target_health().target_group_arn(target_group.as_str()).send();
        let answer = self.gate.read("DescribeTargetHealth", BudgetKey::Elb, ask).await?;
        Ok(read_health(answer.target_health_descriptions()))
    }
}

/// The listener's default rule is written by ModifyListener, so the listener is its place.
fn place_of(rule: &elb::Rule, listener: &str) -> Option<RoutePlace> {
    if rule.is_default() == Some(true) {
        Some(RoutePlace::Listener(listener.into()))
    } else {
        rule.rule_arn().map(|arn| RoutePlace::Rule(arn.into()))
    }
}

fn absent(api: &str, what: &str, arn: &PlaceArn) -> CloudError {
    CloudError::new(CloudErrorKind::NotFound, api, format!("{what} {arn} does not exist"))
}

/// Adds what is missing of one load balancer.
fn note(found: &mut Gathered<RouteReading>, missing: Option<Untrusted>, balancer: &Untrusted) {
    if let Some(why) = missing {
        let before = found.missing.take().map_or_else(String::new, |before| format!("{}; ", before.raw()));
        found.missing = Some(format!("{before}{}: {}", balancer.raw(), why.raw()).into());
    }
}

fn read_health(descriptions: &[elb::TargetHealthDescription]) -> TargetHealth {
    let mut health = TargetHealth::default();
    for description in descriptions {
        let Some(id) = description.target().and_then(elb::TargetDescription::id) else { continue };
        let state = read_state(description.target_health().and_then(elb::TargetHealth::state));
        // A server registered on two ports is healthy if both are.
        let kept = health.targets.entry(InstanceId::new(id)).or_insert(state);
        if *kept == TargetState::Healthy {
            *kept = state;
        }
    }
    health
}

const fn read_state(state: Option<&elb::TargetHealthStateEnum>) -> TargetState {
    use elb::TargetHealthStateEnum as State;
    match state {
        Some(State::Healthy) => TargetState::Healthy,
        Some(State::Initial) => TargetState::Initial,
        Some(State::Unhealthy) => TargetState::Unhealthy,
        Some(State::Draining | State::UnhealthyDraining) => TargetState::Draining,
        Some(State::Unused) => TargetState::Unused,
        // `unavailable`: health checks are off, so nobody can tell.
        _ => TargetState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: &str, state: &str) -> elb::TargetHealthDescription {
        elb::TargetHealthDescription::builder()
            .target(elb::TargetDescription::builder().id(id).build())
            .target_health(elb::TargetHealth::builder().state(state.into()).build())
            .build()
    }

    #[test]
    fn a_server_on_two_ports_is_as_healthy_as_the_worse_one() {
        let health = read_health(&[target("i-1", "healthy"), target("i-1", "unhealthy"), target("i-2", "draining"), target("i-2", "healthy")]);
        assert_eq!(health.targets.get(&"i-1".into()), Some(&TargetState::Unhealthy));
        assert_eq!(health.targets.get(&"i-2".into()), Some(&TargetState::Draining));
    }

    #[test]
    fn states_nobody_knows_are_unknown() {
        for (word, state) in [("unavailable", TargetState::Unknown), ("unused", TargetState::Unused), ("glowing", TargetState::Unknown)] {
            assert_eq!(read_state(Some(&word.into())), state, "{word}");
        }
        assert_eq!(read_state(None), TargetState::Unknown);
    }

    #[test]
    fn the_default_rule_is_the_listeners_place() {
        let rule = |default: bool| elb::Rule::builder().rule_arn("r").is_default(default).build();
        assert_eq!(place_of(&rule(true), "l"), Some(RoutePlace::Listener("l".into())));
        assert_eq!(place_of(&rule(false), "l"), Some(RoutePlace::Rule("r".into())));
    }
}

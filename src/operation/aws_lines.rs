//! Calls as lines for AWS's own command line: for whoever has to go on by hand, or wants to read in familiar words what will be done.
//!
//! They are read and copied by people and never run from here. Names and ARNs are quoted for a shell; control characters are escaped.

use serde_json::{Value, json};

use super::build_lines::build_line;
use super::image_lines::image_line;
use crate::domain::call::CloudCall;
use crate::domain::fleet::RoutePlace;
use crate::domain::ids::{GroupName, ImageId, TemplateId};
use crate::domain::refresh::{OddServers, RefreshPreferences};
use crate::domain::text::shell_word;
use crate::domain::traffic::{RouteAction, RouteActions};

/// The shell variable that holds the number of a version that is still to be made.
pub const NEW_VERSION: &str = "$VERSION";

/// A call as one line.
#[must_use]
pub fn aws_line(call: &CloudCall) -> String {
    match call {
        CloudCall::CreateTemplateVersion { template, source_template, source_version, image, .. } => {
            create_version(template, source_template, *source_version, image)
        }
        CloudCall::PinTemplate { group, template, version } => pin(group, template, &version.to_string()),
        CloudCall::RaiseMin { group, min, max } => {
            let max = max.map(|max| format!(" --max-size {max}")).unwrap_or_default();
            format!("{} --min-size {min}{max}", update(group))
        }
        CloudCall::ReleaseMin { group, min } => format!("{} --min-size {min}", update(group)),
        CloudCall::Park { group, sizes } => {
            format!("{} --min-size {} --max-size {} --desired-capacity {}", update(group), sizes.min, sizes.max, sizes.desired)
        }
        CloudCall::SetWeights { place, actions } => weights(place, actions),
        CloudCall::AttachTargetGroup { group, target_group } => {
            format!("{} --target-group-arns {}", scaling("attach-load-balancer-target-groups", group), shell_word(target_group.as_str()))
        }
        CloudCall::DetachTargetGroup { group, target_group } => {
            format!("{} --target-group-arns {}", scaling("detach-load-balancer-target-groups", group), shell_word(target_group.as_str()))
        }
        CloudCall::StartInstanceRefresh { group, template, version, preferences } => refresh(group, template, &version.to_string(), preferences),
        CloudCall::CancelInstanceRefresh { group } => scaling("cancel-instance-refresh", group),
        CloudCall::RollbackInstanceRefresh { group } => scaling("rollback-instance-refresh", group),
        CloudCall::SuspendProcesses { group, processes } => {
            format!("{} --scaling-processes {}", scaling("suspend-processes", group), words(processes))
        }
        CloudCall::ResumeProcesses { group, processes } => format!("{} --scaling-processes {}", scaling("resume-processes", group), words(processes)),
        CloudCall::Build { what } => build_line(what),
        CloudCall::Image { what } => image_line(what),
        // The claim names the operation that holds the fleet: by hand nobody does.
        CloudCall::Tag { .. } | CloudCall::Untag { .. } => format!("# {}: a note of Quarterdeck's own, not needed by hand", call.summary()),
    }
}

/// The line that makes a version and keeps its number for the lines after it.
#[must_use]
pub fn create_version(template: &TemplateId, source: &TemplateId, version: u64, image: &ImageId) -> String {
    let data = format!(
        "aws ec2 describe-launch-template-versions --launch-template-id {} --versions {version} --query 'LaunchTemplateVersions[0].LaunchTemplateData' \
         --output json | jq {}",
        shell_word(source.as_str()),
        shell_word(&format!(".ImageId={}", json!(image.as_str()))),
    );
    format!(
        "VERSION=$(aws ec2 create-launch-template-version --launch-template-id {} --launch-template-data \"$({data})\" \
         --query LaunchTemplateVersion.VersionNumber --output text)",
        shell_word(template.as_str())
    )
}

/// The line that makes a group launch a version.
#[must_use]
pub fn pin(group: &GroupName, template: &TemplateId, version: &str) -> String {
    format!("{} --launch-template LaunchTemplateId={},Version={version}", update(group), shell_word(template.as_str()))
}

/// The line that has AWS's own engine replace the servers of a group.
#[must_use]
pub fn refresh(group: &GroupName, template: &TemplateId, version: &str, preferences: &RefreshPreferences) -> String {
    let odd = |servers: OddServers, replaced: &str| match servers {
        OddServers::Wait => "Wait".to_owned(),
        OddServers::Ignore => "Ignore".to_owned(),
        OddServers::Replace => replaced.to_owned(),
    };
    let mut wanted = json!({
        "MinHealthyPercentage": preferences.min_healthy_pct,
        "MaxHealthyPercentage": preferences.max_healthy_pct,
        "BakeTime": preferences.bake_secs,
        "SkipMatching": preferences.skip_matching,
        "AutoRollback": preferences.auto_rollback,
        "ScaleInProtectedInstances": odd(preferences.protected, "Refresh"),
        "StandbyInstances": odd(preferences.standby, "Terminate"),
    });
    if let Some(object) = wanted.as_object_mut() {
        object.extend(preferences.warmup_secs.map(|secs| ("InstanceWarmup".to_owned(), json!(secs))));
        object.extend((!preferences.alarms.is_empty()).then(|| ("AlarmSpecification".to_owned(), json!({ "Alarms": preferences.alarms }))));
        object.extend((!preferences.checkpoints.is_empty()).then(|| ("CheckpointPercentages".to_owned(), json!(preferences.checkpoints))));
    }
    format!(
        "{} --desired-configuration 'LaunchTemplate={{LaunchTemplateId='{},Version={version}'}}' --preferences {}",
        scaling("start-instance-refresh", group),
        shell_word(template.as_str()),
        shell_word(&wanted.to_string())
    )
}

fn scaling(command: &str, group: &GroupName) -> String {
    format!("aws autoscaling {command} --auto-scaling-group-name {}", shell_word(group.as_str()))
}

fn update(group: &GroupName) -> String {
    scaling("update-auto-scaling-group", group)
}

fn words(all: &[String]) -> String {
    all.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// The actions go back as they were read, with other weights. What is not a forward was never read in full: the line reads it itself and changes
/// nothing but the weights. A client secret is never told: it is kept.
fn weights(place: &RoutePlace, actions: &RouteActions) -> String {
    let arn = shell_word(place.arn().as_str());
    let command = match place {
        RoutePlace::Rule(_) => format!("aws elbv2 modify-rule --rule-arn {arn} --actions"),
        RoutePlace::Listener(_) => format!("aws elbv2 modify-listener --listener-arn {arn} --default-actions"),
    };
    let all: Option<Vec<Value>> = actions.0.iter().map(forward).collect();
    match all {
        Some(all) => format!("{command} {}", shell_word(&Value::from(all).to_string())),
        None => {
            let (read, query) = match place {
                RoutePlace::Rule(_) => (format!("describe-rules --rule-arns {arn}"), "Rules[0].Actions"),
                RoutePlace::Listener(_) => (format!("describe-listeners --listener-arns {arn}"), "Listeners[0].DefaultActions"),
            };
            let kept = "(.[].AuthenticateOidcConfig | select(.).UseExistingClientSecret)=true".to_owned();
            let weighed = actions.forwards().map(|(group, weight)| {
                format!("(.[].ForwardConfig.TargetGroups[]? | select(.TargetGroupArn=={}).Weight)={weight}", json!(group.as_str()))
            });
            let filter = std::iter::once(kept).chain(weighed).collect::<Vec<_>>().join(" | ");
            format!("{command} \"$(aws elbv2 {read} --query '{query}' --output json | jq -c {})\"", shell_word(&filter))
        }
    }
}

fn forward(action: &RouteAction) -> Option<Value> {
    let RouteAction::Forward { weights, stickiness_secs, .. } = action else { return None };
    let groups: Vec<Value> = weights.iter().map(|(arn, weight)| json!({ "TargetGroupArn": arn.as_str(), "Weight": weight })).collect();
    let mut config = json!({ "TargetGroups": groups });
    if let (Some(secs), Some(object)) = (stickiness_secs, config.as_object_mut()) {
        object.insert("TargetGroupStickinessConfig".to_owned(), json!({ "Enabled": true, "DurationSeconds": secs }));
    }
    Some(json!({ "Type": "forward", "ForwardConfig": config }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sizes::Sizes;

    #[test]
    fn a_call_is_the_line_a_person_would_type() {
        let sizes = Sizes { min: 0, max: 4, desired: 0 };
        let park = CloudCall::Park { group: "web-prod-b".into(), sizes };
        assert_eq!(
            aws_line(&park),
            "aws autoscaling update-auto-scaling-group --auto-scaling-group-name web-prod-b --min-size 0 --max-size 4 --desired-capacity 0"
        );
        let pin = CloudCall::PinTemplate { group: "web-prod-b".into(), template: "lt-1".into(), version: 7 };
        assert!(aws_line(&pin).ends_with("--launch-template LaunchTemplateId=lt-1,Version=7"));
    }

    #[test]
    fn weights_go_back_with_everything_that_was_read_and_never_without_what_was_not() {
        let forward = RouteAction::Forward {
            weights: vec![("arn:tg/a".into(), 75), ("arn:tg/b".into(), 25)],
            stickiness_secs: Some(60),
            fingerprint: String::new(),
        };
        let place = RoutePlace::Rule("arn:rule/1".into());
        let call = |actions| aws_line(&CloudCall::SetWeights { place: place.clone(), actions: RouteActions(actions) });
        let line = call(vec![forward.clone()]);
        let json = line.strip_prefix("aws elbv2 modify-rule --rule-arn arn:rule/1 --actions '").unwrap().trim_end_matches('\'');
        let sent: Value = serde_json::from_str(json).unwrap();
        assert_eq!(sent[0]["ForwardConfig"]["TargetGroups"][1], json!({ "TargetGroupArn": "arn:tg/b", "Weight": 25 }));
        assert_eq!(sent[0]["ForwardConfig"]["TargetGroupStickinessConfig"]["DurationSeconds"], 60);
        let login = RouteAction::Other { kind: "authenticate-oidc".into(), fingerprint: String::new() };
        let line = call(vec![login, forward]);
        let read = "\"$(aws elbv2 describe-rules --rule-arns arn:rule/1 --query 'Rules[0].Actions' --output json | jq -c '";
        assert!(
            line.starts_with(&format!("aws elbv2 modify-rule --rule-arn arn:rule/1 --actions {read}")),
            "what was not read is not made up: {line}"
        );
        assert!(line.contains(r#"select(.TargetGroupArn=="arn:tg/b").Weight)=25"#), "{line}");
    }

    #[test]
    fn a_name_from_outside_stays_one_word() {
        let call = CloudCall::CancelInstanceRefresh { group: "x; rm -rf $HOME'\u{202e}".into() };
        assert!(aws_line(&call).ends_with(r"--auto-scaling-group-name 'x; rm -rf $HOME'\''\u{202e}'"), "{}", aws_line(&call));
    }
}

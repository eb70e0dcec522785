//! The AWS adapter against the AWS test endpoint: what it reads, what it sends, and what it makes of failures.
//!
//! It checks our reading of AWS as the endpoint plays it, not AWS itself.

#![cfg(feature = "aws")]
// A test that cannot go on has nothing to say but why.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use quarterdeck::adapters::aws::{AwsCloud, AwsSettings, AwsWriter};
use quarterdeck::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use quarterdeck::domain::discovery::find_fleets;
use quarterdeck::domain::fleet::{BySlot, FleetSource, FleetSpec, Groups, Route, RoutePlace, Scope, Slot, WeightedPair};
use quarterdeck::domain::group::{Lifecycle, PinnedVersion};
use quarterdeck::domain::ids::{GroupName, ImageId, InstanceId, TargetGroupArn, TemplateId};
use quarterdeck::domain::image::ImageState;
use quarterdeck::domain::observation::Depth;
use quarterdeck::domain::reading::Listing;
use quarterdeck::domain::refresh::{InstanceRefresh, RefreshPreferences, RefreshStatus};
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::tags::TagKeys;
use quarterdeck::domain::traffic::{RouteAction, TargetState};
use quarterdeck::ports::budget::Priority;
use quarterdeck::ports::cloud::{CloudRead, CloudWrite};
use serde_json::json;
use support::endpoint::{Call, Endpoint, Fault, FaultKind};

/// Set in the process that a test runs its body in.
const INSIDE: &str = "QD_TEST_AWS_INSIDE";
/// Profiles whose keys the endpoint treats in their own way.
const PROFILES: &str = "[profile expired]\naws_access_key_id = EXPIREDKEY\naws_secret_access_key = x\n\
    [profile unknown]\naws_access_key_id = INVALIDKEY\naws_secret_access_key = x\n\
    [profile denied]\naws_access_key_id = DENIEDKEY\naws_secret_access_key = x\n\
    [profile noelb]\naws_access_key_id = NOELBKEY\naws_secret_access_key = x\n";

/// Runs `body` in a process of its own whose environment holds dummy credentials and nothing real: the credential chain reads the
/// environment, and changing one's own is unsafe.
fn inside(name: &str, body: impl AsyncFnOnce(&Endpoint)) {
    if std::env::var_os(INSIDE).is_some() {
        let endpoint = Endpoint::start();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(body(&endpoint));
        assert_eq!(endpoint.log().matches("Traceback").count(), 0, "the endpoint failed:\n{}", endpoint.log());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let profiles = dir.path().join("config");
    std::fs::write(&profiles, PROFILES).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(key);
    }
    command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing").env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_CONFIG_FILE", &profiles).env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn settings(endpoint: &Endpoint) -> AwsSettings {
    AwsSettings { region: Some("us-east-1".to_owned()), endpoint_url: Some(endpoint.url()), ..AwsSettings::default() }
}

async fn connect(endpoint: &Endpoint) -> AwsCloud {
    AwsCloud::connect(&settings(endpoint)).await.unwrap().with_priority(Priority::DriverRead)
}

async fn connect_as(endpoint: &Endpoint, profile: &str) -> AwsCloud {
    AwsCloud::connect(&AwsSettings { profile: Some(profile.to_owned()), ..settings(endpoint) }).await.unwrap()
}

fn writer(cloud: &AwsCloud) -> AwsWriter {
    AwsWriter::new(cloud, Priority::Write)
}

fn text(endpoint: &Endpoint, pointer: &str) -> String {
    endpoint.seed().pointer(pointer).and_then(|value| value.as_str()).unwrap_or_else(|| panic!("{pointer} is not seeded")).to_owned()
}

fn image(endpoint: &Endpoint, name: &str) -> ImageId {
    ImageId::new(text(endpoint, &format!("/images/{name}")))
}

fn template(endpoint: &Endpoint, fleet: &str, slot: &str) -> TemplateId {
    TemplateId::new(text(endpoint, &format!("/fleets/{fleet}/slots/{slot}/template/id")))
}

fn pair(endpoint: &Endpoint, fleet: &str) -> WeightedPair {
    let rule = endpoint.seed().pointer(&format!("/fleets/{fleet}/rule")).and_then(|rule| rule.as_str());
    let place = match rule {
        Some(rule) => RoutePlace::Rule(rule.into()),
        None => RoutePlace::Listener(text(endpoint, &format!("/fleets/{fleet}/listener")).as_str().into()),
    };
    let name = |slot: Slot| text(endpoint, &format!("/fleets/{fleet}/slots/{}/name", slot.letter())).as_str().into();
    let target_group = |slot: Slot| TargetGroupArn::new(text(endpoint, &format!("/fleets/{fleet}/slots/{}/target_groups/0", slot.letter())));
    WeightedPair { groups: BySlot::from_fn(name), place, target_groups: BySlot::from_fn(target_group) }
}

fn actions(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.action.as_str()).collect()
}

fn kind<T: std::fmt::Debug>(result: Result<T, CloudError>) -> CloudErrorKind {
    result.unwrap_err().kind
}

#[test]
fn the_estate_is_read() {
    inside("the_estate_is_read", async |aws| {
        let cloud = connect(aws).await;
        let who = cloud.identity().await.unwrap();
        assert_eq!((who.account.as_str(), who.region.as_str(), who.expires_at), ("123456789012", "us-east-1", None));

        let images = cloud.images().await.unwrap();
        assert!(images.missing().is_none());
        assert!(images.items().is_sorted_by(|newer, older| newer.created_at >= older.created_at));
        assert!(images.items().iter().all(|image| image.version.as_ref().is_none_or(|version| version.raw() != "2026.10")), "another owner's");
        let web = images.items().iter().find(|found| found.id == image(aws, "web 2.17.0")).unwrap();
        assert_eq!((web.state, web.app.clone(), web.version.clone()), (ImageState::Pending, Some("web".into()), Some("2.17.0".into())));
        assert_eq!(cloud.image(&web.id).await.unwrap().as_ref(), Some(web));
        assert_eq!(cloud.image(&"ami-00000000000000000".into()).await.unwrap(), None);

        let groups = cloud.groups().await.unwrap();
        assert!(groups.missing().is_none());
        let live = groups.items().iter().find(|group| group.name.as_str() == "web-prod-a").unwrap();
        let pin = live.template.as_ref().unwrap();
        assert_eq!((pin.version, pin.image.clone()), (PinnedVersion::Number(2), Some(image(aws, "web 2.13.2"))));
        assert_eq!((live.sizes, live.serving()), (Sizes { min: 4, max: 12, desired: 4 }, 4));
        assert!(live.instances.iter().all(|server| server.lifecycle == Lifecycle::InService && server.template_version == Some(2)));
        assert!(live.instances.iter().all(|server| server.image == pin.image && server.zone.is_some()));
        let legacy = groups.items().iter().find(|group| group.name.as_str() == "legacy-prod").unwrap();
        let pin = legacy.template.as_ref().unwrap();
        assert_eq!((pin.version, pin.image.clone()), (PinnedVersion::Latest, Some(image(aws, "legacy 0.9.8"))));
    });
}

#[test]
fn fleets_are_found() {
    inside("fleets_are_found", async |aws| {
        let cloud = connect(aws).await;
        let (groups, routes) = (cloud.groups().await.unwrap(), cloud.routes().await.unwrap());
        let fleets = find_fleets(&[], &groups, &routes, &TagKeys::default());
        let find = |name: &str| -> FleetSpec {
            fleets.iter().find(|fleet| fleet.name.as_str() == name).unwrap_or_else(|| panic!("no {name}: {fleets:#?}")).clone()
        };
        for name in ["web-prod", "api-prod", "shop-prod"] {
            let fleet = find(name);
            assert_eq!(fleet.weighted_pair(), Some(pair(aws, name)));
            assert!(fleet.problems.is_empty(), "{:?}", fleet.problems);
        }
        assert!(matches!(find("search-prod").route, Route::Attached { .. }));
        assert_eq!((find("worker-prod").groups, find("worker-prod").route), (Groups::One("worker-prod".into()), Route::None));
        assert_eq!(find("web-prod").env, Some("prod".into()));
        assert_eq!(fleets.len(), 14);
    });
}

#[test]
fn numbered_versions_are_looked_up_once() {
    inside("numbered_versions_are_looked_up_once", async |aws| {
        let cloud = connect(aws).await;
        cloud.observe(&pair(aws, "web-prod").scope(), Depth::Full).await;
        aws.clear_calls();
        let seen = cloud.observe(&pair(aws, "web-prod").scope(), Depth::Full).await;
        let calls = aws.calls();
        let mut names = actions(&calls);
        names.sort_unstable();
        assert_eq!(names, ["DescribeAutoScalingGroups", "DescribeRules", "DescribeTargetHealth", "DescribeTargetHealth"]);
        assert!(seen.is_complete(), "{:?}", seen.unknowns());
        assert_eq!((seen.healthy(Slot::A), seen.healthy(Slot::B)), (Some(4), Some(0)));
        assert_eq!(seen.weight(Slot::A), Some(100));
        assert!(seen.health.a.value().unwrap().targets.values().all(|state| *state == TargetState::Healthy));
        assert_eq!(seen.group(Slot::A).unwrap().template.as_ref().unwrap().image, Some(image(aws, "web 2.13.2")));
    });
}

#[test]
fn a_fast_rollback_takes_three_calls() {
    inside("a_fast_rollback_takes_three_calls", async |aws| {
        let cloud = connect(aws).await;
        for name in ["web-prod", "api-prod"] {
            let pair = pair(aws, name);
            aws.clear_calls();
            let seen = cloud.observe(&pair.scope(), Depth::RouteAndTargets(Slot::A)).await;
            assert!(seen.health.b.value().is_none() && seen.group(Slot::A).is_none());
            let wanted = seen.route.value().unwrap().with_weights(&[(pair.target_groups.a.clone(), 0), (pair.target_groups.b.clone(), 100)]);
            let call = CloudCall::SetWeights { place: pair.place.clone(), actions: wanted.clone() };
            let reply = AwsWriter::new(&cloud, Priority::RollbackWrite).call(&call).await.unwrap();
            assert_eq!(reply.actions, Some(wanted), "the answer is the first read-back");
            assert!(reply.request_id.is_some());
            assert_eq!(aws.calls().len(), 3, "{:?}", actions(&aws.calls()));
            assert_eq!(aws.writes().len(), 1);
            let after = cloud.observe(&pair.scope(), Depth::Full).await;
            assert_eq!((after.weight(Slot::A), after.weight(Slot::B)), (Some(0), Some(100)));
        }
    });
}

#[test]
fn a_sign_in_before_the_forward_survives_a_write() {
    inside("a_sign_in_before_the_forward_survives_a_write", async |aws| {
        let cloud = connect(aws).await;
        let pair = pair(aws, "web-prod");
        let before = cloud.observe(&pair.scope(), Depth::Full).await.route.value().unwrap().clone();
        assert!(matches!(&before.0[0], RouteAction::Other { kind, .. } if kind == "authenticate-oidc"));
        assert_eq!(before.stickiness_secs(), Some(3600));
        let wanted = before.with_weights(&[(pair.target_groups.b.clone(), 25), (pair.target_groups.a.clone(), 75)]);
        writer(&cloud).call(&CloudCall::SetWeights { place: pair.place.clone(), actions: wanted }).await.unwrap();
        let sent = &aws.writes()[0];
        assert_eq!(sent.params["Actions.member.1.AuthenticateOidcConfig.UseExistingClientSecret"], "true");
        assert!(!sent.params.keys().any(|key| key.ends_with("ClientSecret") && !key.ends_with("UseExistingClientSecret")));
        assert_eq!(sent.params["Actions.member.2.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds"], "3600");
        let after = cloud.observe(&pair.scope(), Depth::Full).await.route.value().unwrap().clone();
        assert!(after.same_but_weights(&before));
    });
}

#[test]
fn what_somebody_else_changed_is_never_overwritten() {
    inside("what_somebody_else_changed_is_never_overwritten", async |aws| {
        let pair = pair(aws, "shop-prod");
        let before = connect(aws).await.observe(&pair.scope(), Depth::Full).await.route.value().unwrap().clone();
        let rule = pair.place.arn().as_str().to_owned();
        let stray = text(aws, "/fleets/search-prod/slots/a/target_groups/0");
        let forward = [("RuleArn", rule.as_str()), ("Actions.member.1.Type", "forward"), ("Actions.member.1.TargetGroupArn", &stray)];
        assert_eq!(aws.aws("elbv2", "ModifyRule", &forward).0, 200);
        aws.clear_calls();
        // A writer that read nothing itself: the driver was started again.
        let call = CloudCall::SetWeights { place: pair.place.clone(), actions: before.with_weights(&[(pair.target_groups.b.clone(), 1)]) };
        let error = writer(&connect(aws).await).call(&call).await.unwrap_err();
        assert_eq!((error.kind, error.message.shown().as_str()), (CloudErrorKind::Conflict, "the actions changed since they were read"));
        assert!(aws.writes().is_empty());
    });
}

fn create(template: &TemplateId, source: &TemplateId, image: &ImageId, hash: &str) -> CloudCall {
    CloudCall::CreateTemplateVersion {
        template: template.clone(),
        source_template: source.clone(),
        source_version: 2,
        image: image.clone(),
        content_hash: hash.to_owned(),
    }
}

#[test]
fn a_template_version_is_made_once_with_the_same_data() {
    inside("a_template_version_is_made_once_with_the_same_data", async |aws| {
        let cloud = connect(aws).await;
        let (own, other, image) = (template(aws, "web-prod", "a"), template(aws, "web-prod", "b"), image(aws, "web 2.14.0"));
        let stable = cloud.template(&own, 2).await.unwrap();
        assert!(stable.fields.contains_key("security_group_ids") && stable.fields.contains_key("user_data"), "{:?}", stable.fields);
        for (target, hash) in [(&own, "0123456789abcdef"), (&other, "fedcba9876543210")] {
            let call = create(target, &own, &image, hash);
            let made = writer(&cloud).call(&call).await.unwrap();
            assert_eq!(made.template_version, Some(3));
            let data = cloud.template(target, 3).await.unwrap();
            assert_eq!((data.image, &data.digest), (Some(image.clone()), &stable.digest), "{:?}", data.fields);
            let adopted = writer(&cloud).call(&call).await.unwrap();
            assert_eq!(adopted, CallReply { template_version: Some(3), ..CallReply::default() });
        }
        assert_eq!(aws.writes().len(), 2);
        assert_eq!(aws.writes()[0].params["ClientToken"], "0123456789abcdef");
        assert_eq!(aws.writes()[0].params["VersionDescription"], "qd 0123456789abcdef");
        let stolen = create(&own, &own, &"ami-0ther".into(), "0123456789abcdef");
        assert_eq!(kind(writer(&cloud).call(&stolen).await), CloudErrorKind::Conflict);
        assert_eq!(kind(writer(&cloud).call(&create(&own, &own, &image, "")).await), CloudErrorKind::Invalid);
        let missing = create(&own, &"lt-00000000000000000".into(), &image, "aaaaaaaaaaaaaaaa");
        assert_eq!(kind(writer(&cloud).call(&missing).await), CloudErrorKind::NotFound);
        assert_eq!(aws.writes().len(), 2);
    });
}

#[test]
fn a_group_is_changed_by_the_named_fields_only() {
    inside("a_group_is_changed_by_the_named_fields_only", async |aws| {
        let cloud = connect(aws).await;
        let group = || "web-prod-b".into();
        let calls = [
            (
                CloudCall::PinTemplate { group: group(), template: template(aws, "web-prod", "b"), version: 1 },
                vec!["LaunchTemplate.LaunchTemplateId", "LaunchTemplate.Version"],
            ),
            (CloudCall::RaiseMin { group: group(), min: 2, max: Some(12) }, vec!["MaxSize", "MinSize"]),
            (CloudCall::RaiseMin { group: group(), min: 3, max: None }, vec!["MinSize"]),
            (CloudCall::ReleaseMin { group: group(), min: 0 }, vec!["MinSize"]),
            (CloudCall::Park { group: group(), sizes: Sizes::all(0) }, vec!["DesiredCapacity", "MaxSize", "MinSize"]),
        ];
        for (call, fields) in calls {
            aws.clear_calls();
            let reply = writer(&cloud).call(&call).await.unwrap();
            assert!(reply.request_id.is_some());
            let write = aws.writes().remove(0);
            let sent: Vec<_> = write.params.keys().map(String::as_str).filter(|key| *key != "AutoScalingGroupName").collect();
            assert_eq!((write.action.as_str(), sent), ("UpdateAutoScalingGroup", fields), "{call:?}");
        }
        let groups = vec!["web-prod-a".into(), "web-prod-b".into()];
        let tags = vec![("qd:claim".to_owned(), "op=k7 ☂".to_owned())];
        writer(&cloud).call(&CloudCall::Tag { groups: groups.clone(), tags }).await.unwrap();
        let claimed = |listing: &Listing<quarterdeck::domain::group::ServerGroup>| -> usize {
            listing.items().iter().filter(|group| group.tags.get("qd:claim").is_some_and(|value| value.raw() == "op=k7 ☂")).count()
        };
        assert_eq!(claimed(&cloud.groups().await.unwrap()), 2);
        assert!(aws.writes().last().unwrap().params.iter().filter(|(key, _)| key.ends_with("PropagateAtLaunch")).all(|(_, value)| value == "false"));
        writer(&cloud).call(&CloudCall::Untag { groups, keys: vec!["qd:claim".to_owned()] }).await.unwrap();
        assert_eq!(claimed(&cloud.groups().await.unwrap()), 0);
    });
}

#[test]
fn a_group_leaves_the_target_group_it_shares_and_comes_back() {
    inside("a_group_leaves_the_target_group_it_shares_and_comes_back", async |aws| {
        let cloud = connect(aws).await;
        let pair = pair(aws, "search-prod");
        let (group, target_group) = (pair.groups.a.clone(), pair.target_groups.a.clone());
        let route = Route::Attached { target_group: target_group.clone() };
        let scope = Scope { groups: Groups::Two(pair.groups), route, alarms: Vec::new() };
        let servers = cloud.observe(&scope, Depth::Full).await.group(Slot::A).unwrap().serving();
        assert!(servers > 0);
        let off = CloudCall::DetachTargetGroup { group: group.clone(), target_group: target_group.clone() };
        let on = CloudCall::AttachTargetGroup { group, target_group: target_group.clone() };
        for (call, attached) in [(&off, false), (&off, false), (&on, true), (&on, true)] {
            aws.clear_calls();
            assert!(writer(&cloud).call(call).await.unwrap().request_id.is_some());
            let write = aws.writes().remove(0);
            assert_eq!((write.action.as_str(), write.params["TargetGroupARNs.member.1"].as_str()), (call.aws_name(), target_group.as_str()));
            let seen = cloud.observe(&scope, Depth::Full).await;
            assert_eq!((seen.is_attached(Slot::A), seen.is_attached(Slot::B)), (Some(attached), Some(true)));
            assert_eq!(seen.group(Slot::A).unwrap().serving(), servers, "its servers go on running");
        }
    });
}

#[test]
fn a_busy_service_is_asked_again_and_a_write_never() {
    inside("a_busy_service_is_asked_again_and_a_write_never", async |aws| {
        let cloud = connect(aws).await;
        aws.fault(Fault::new(FaultKind::Throttle, "ec2", "DescribeImages"));
        aws.fault(Fault::new(FaultKind::Error500, "ec2", "DescribeImages"));
        cloud.images().await.unwrap();
        assert_eq!(aws.calls().len(), 3);
        aws.fault(Fault::new(FaultKind::Throttle, "ec2", "DescribeImages").times(9));
        assert_eq!(kind(cloud.images().await), CloudErrorKind::Throttled);
        assert_eq!(aws.calls().len(), 6);
        aws.clear_faults();

        let call = CloudCall::RaiseMin { group: "batch-2".into(), min: 1, max: None };
        for (fault, expected) in [
            (FaultKind::Throttle, CloudErrorKind::Throttled),
            (FaultKind::Error500, CloudErrorKind::OutcomeUnknown),
            (FaultKind::Error500After, CloudErrorKind::OutcomeUnknown),
            (FaultKind::TimeoutBefore, CloudErrorKind::OutcomeUnknown),
            (FaultKind::ReplyLostAfter, CloudErrorKind::OutcomeUnknown),
        ] {
            aws.clear_calls();
            aws.fault(Fault::new(fault, "autoscaling", "UpdateAutoScalingGroup"));
            let error = writer(&cloud).call(&call).await.unwrap_err();
            assert_eq!(error.kind, expected, "{fault:?}: {error}");
            assert_eq!(aws.writes().len(), 1, "{fault:?}");
        }
        assert_eq!(aws.state()["groups"]["batch-2"]["min"], json!(1), "the lost reply was of a call that was made");
    });
}

#[test]
fn nobody_waits_longer_than_eight_seconds() {
    inside("nobody_waits_longer_than_eight_seconds", async |aws| {
        let cloud = connect(aws).await;
        aws.fault(Fault::new(FaultKind::Latency, "*", "*").seconds(12.0).times(2));
        let began = Instant::now();
        let call = CloudCall::ReleaseMin { group: "batch-2".into(), min: 0 };
        let writes = writer(&cloud);
        let (read, written) = tokio::join!(cloud.identity(), writes.call(&call));
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let (read, written) = (read.unwrap_err(), written.unwrap_err());
        assert_eq!((read.kind, read.message.shown().as_str()), (CloudErrorKind::Network, "no answer in 8 s"));
        assert_eq!((written.kind, written.message.shown().as_str()), (CloudErrorKind::OutcomeUnknown, "no answer in 8 s"));
    });
}

#[test]
fn a_missing_page_is_said() {
    inside("a_missing_page_is_said", async |aws| {
        let cloud = connect(aws).await;
        aws.settings(json!({"page_size_cap": 3}));
        let whole = cloud.groups().await.unwrap();
        assert!(whole.missing().is_none() && whole.items().len() == 19, "{}", whole.items().len());
        assert_eq!(cloud.images().await.unwrap().items().len(), 21);
        aws.fault(Fault::error("autoscaling", "DescribeAutoScalingGroups", 400, "ValidationError").skip(2));
        let part = cloud.groups().await.unwrap();
        assert_eq!(part.items().len(), 6);
        assert!(part.missing().unwrap().shown().starts_with("page 3: DescribeAutoScalingGroups"), "{:?}", part.missing());
        aws.fault(Fault::error("elbv2", "DescribeRules", 400, "ValidationError").skip(1));
        let routes = cloud.routes().await.unwrap();
        assert!(routes.missing().is_some() && !routes.items().is_empty());
    });
}

#[test]
fn credentials_and_permissions_are_told_apart() {
    inside("credentials_and_permissions_are_told_apart", async |aws| {
        for profile in ["expired", "unknown", "absent"] {
            let cloud = connect_as(aws, profile).await;
            assert_eq!(kind(cloud.identity().await), CloudErrorKind::Auth, "{profile}");
            assert_eq!(kind(cloud.images().await), CloudErrorKind::Auth, "{profile}");
        }
        assert!(aws.calls().iter().all(|call| call.access_key != "testing"), "a profile that was named wins over the environment");
        let denied = connect_as(aws, "denied").await;
        denied.groups().await.unwrap();
        let call = CloudCall::ReleaseMin { group: "batch-2".into(), min: 0 };
        assert_eq!(kind(writer(&denied).call(&call).await), CloudErrorKind::Denied);

        let blind = connect_as(aws, "noelb").await.observe(&pair(aws, "web-prod").scope(), Depth::Full).await;
        assert_eq!(blind.group(Slot::A).map(|group| group.serving()), Some(4));
        let unknowns = blind.unknowns();
        assert_eq!(unknowns.len(), 3, "{unknowns:?}");
        assert!(unknowns.iter().all(|unknown| unknown.contains("not authorized")), "{unknowns:?}");
    });
}

#[test]
fn what_was_never_sent_is_no_riddle() {
    inside("what_was_never_sent_is_no_riddle", async |aws| {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let unreachable = Some(format!("http://{nobody}"));
        let cloud = AwsCloud::connect(&AwsSettings { endpoint_url: unreachable, ..settings(aws) }).await.unwrap();
        let call = CloudCall::ReleaseMin { group: "batch-2".into(), min: 0 };
        assert_eq!(kind(writer(&cloud).call(&call).await), CloudErrorKind::Network);
        assert_eq!(kind(cloud.groups().await), CloudErrorKind::Network);
        let error = AwsCloud::connect(&AwsSettings { endpoint_url: Some("not a url".to_owned()), ..settings(aws) }).await.err().unwrap();
        assert_eq!(error.kind, CloudErrorKind::Network);
        let error = AwsCloud::connect(&AwsSettings { region: None, ..settings(aws) }).await.err().unwrap();
        assert_eq!(error.kind, CloudErrorKind::Network, "signing in again would not help");
        assert!(error.message.shown().contains("--region"), "{error}");
    });
}

#[test]
fn what_is_not_there_is_unknown_and_never_empty() {
    inside("what_is_not_there_is_unknown_and_never_empty", async |aws| {
        let cloud = connect(aws).await;
        let mut pair = pair(aws, "web-prod");
        pair.groups.b = "web-prod-x".into();
        pair.place = RoutePlace::Rule(format!("{}0", pair.place.arn().as_str()).as_str().into());
        pair.target_groups.b = TargetGroupArn::new(format!("{}0", pair.target_groups.b.as_str()));
        let seen = cloud.observe(&pair.scope(), Depth::Full).await;
        assert!(seen.group(Slot::A).is_some() && seen.health.a.value().is_some());
        let unknowns = seen.unknowns();
        assert_eq!(unknowns.len(), 3, "{unknowns:?}");
        assert!(unknowns.iter().any(|unknown| unknown == "group b: server group web-prod-x does not exist"), "{unknowns:?}");
        assert_eq!(kind(cloud.template(&template(aws, "web-prod", "a"), 99).await), CloudErrorKind::NotFound);
        let call = CloudCall::ReleaseMin { group: "web-prod-x".into(), min: 0 };
        assert_eq!(kind(writer(&cloud).call(&call).await), CloudErrorKind::NotFound);
    });
}

#[test]
fn the_facts_of_a_plan_are_read() {
    inside("the_facts_of_a_plan_are_read", async |aws| {
        let cloud = connect(aws).await;
        let (web, api) = (pair(aws, "web-prod"), pair(aws, "api-prod"));
        let facts = cloud.target_group_facts(&[web.target_groups.a, api.target_groups.a]).await.unwrap();
        assert_eq!((facts[0].deregistration_delay_secs, facts[0].dns_failover_minimum.as_deref()), (Some(300), None));
        assert_eq!(facts[1].dns_failover_minimum.as_deref(), Some("1"));

        for (group, target) in [("web-prod-a", "50.0"), ("web-prod-b", "50.0"), ("api-prod-a", "60.0")] {
            let name = format!("{group}-cpu");
            let parameters = [
                ("AutoScalingGroupName", group),
                ("PolicyName", &name),
                ("PolicyType", "TargetTrackingScaling"),
                ("TargetTrackingConfiguration.PredefinedMetricSpecification.PredefinedMetricType", "ASGAverageCPUUtilization"),
                ("TargetTrackingConfiguration.TargetValue", target),
            ];
            assert_eq!(aws.aws("autoscaling", "PutScalingPolicy", &parameters).0, 200);
        }
        let parameters = [("AutoScalingGroupName", "web-prod-a"), ("ScheduledActionName", "night"), ("Recurrence", "0 22 * * *"), ("MinSize", "2")];
        assert_eq!(aws.aws("autoscaling", "PutScheduledUpdateGroupAction", &parameters).0, 200);
        let policies = cloud.group_policies(&["web-prod-a".into(), "web-prod-b".into(), "api-prod-a".into()]).await.unwrap();
        assert_eq!(policies[0].policies.len(), 1);
        assert_eq!(policies[0].policies, policies[1].policies);
        assert_ne!(policies[0].policies, policies[2].policies);
        assert_eq!((policies[0].scheduled.len(), policies[1].scheduled.len()), (1, 0));
    });
}

#[test]
fn an_instance_refresh_is_started_watched_turned_round_and_stopped() {
    inside("an_instance_refresh_is_started_watched_turned_round_and_stopped", async |aws| {
        let cloud = connect(aws).await;
        let (write, group, template) = (writer(&cloud), GroupName::new("legacy-prod"), template(aws, "legacy-prod", "a"));
        let scope = FleetSpec::bare("legacy-prod".into(), Groups::One(group.clone()), Route::None, FleetSource::Adopted).scope();
        assert_eq!(cloud.observe(&scope, Depth::Full).await.refreshes, None, "whoever does not ask pays nothing");
        assert!(!actions(&aws.calls()).contains(&"DescribeInstanceRefreshes"));
        assert_eq!(cloud.observe(&scope, Depth::WithRefreshes(Slot::A)).await.refreshes(), Some(&[][..]));

        let create = CloudCall::CreateTemplateVersion {
            template: template.clone(),
            source_template: template.clone(),
            source_version: 1,
            image: image(aws, "legacy 0.9.9"),
            content_hash: "rolling-to-legacy-0.9.9".to_owned(),
        };
        let version = write.call(&create).await.unwrap().template_version.unwrap();
        write.call(&CloudCall::PinTemplate { group: group.clone(), template: template.clone(), version: 1 }).await.unwrap();
        let preferences =
            RefreshPreferences { max_healthy_pct: 150, warmup_secs: Some(0), bake_secs: 1, auto_rollback: true, ..RefreshPreferences::careful() };
        let start = |preferences: &RefreshPreferences| CloudCall::StartInstanceRefresh {
            group: group.clone(),
            template: template.clone(),
            version,
            preferences: preferences.clone(),
        };
        let id = write.call(&start(&preferences)).await.unwrap().refresh.unwrap();
        let started = newest(&cloud, &scope, |_| true).await;
        assert_eq!((&started.id, started.launches(&template, version)), (&id, true));
        assert_eq!(started.preferences.as_ref(), Some(&preferences), "every value is sent and read back");
        assert_eq!(kind(write.call(&start(&preferences)).await), CloudErrorKind::Conflict);

        let back = CloudCall::RollbackInstanceRefresh { group: group.clone() };
        assert_eq!(write.call(&back).await.unwrap().refresh, Some(id.clone()));
        let ended = newest(&cloud, &scope, |refresh| !refresh.status.is_running()).await;
        assert_eq!((ended.id, ended.status), (id, RefreshStatus::RollbackSuccessful));
        assert_eq!(kind(write.call(&back).await), CloudErrorKind::Conflict, "only while it runs");

        write.call(&start(&preferences)).await.unwrap();
        newest(&cloud, &scope, |refresh| refresh.status == RefreshStatus::Successful).await;
        let seen = cloud.observe(&scope, Depth::Full).await;
        assert_eq!(seen.group(Slot::A).and_then(|group| group.template.as_ref()?.number()), Some(version));
        assert_eq!(seen.strangers(Slot::A, version).map(|strangers| strangers.len()), Some(0));

        write.call(&start(&RefreshPreferences { skip_matching: false, auto_rollback: false, ..preferences })).await.unwrap();
        write.call(&CloudCall::CancelInstanceRefresh { group: group.clone() }).await.unwrap();
        let ended = newest(&cloud, &scope, |refresh| !refresh.status.is_running()).await;
        assert_eq!(ended.status, RefreshStatus::Cancelled);
    });
}

/// The newest refresh, once it is so.
async fn newest(cloud: &AwsCloud, scope: &Scope, is_so: impl Fn(&InstanceRefresh) -> bool) -> InstanceRefresh {
    let began = Instant::now();
    loop {
        let seen = cloud.observe(scope, Depth::WithRefreshes(Slot::A)).await;
        let refresh = seen.refreshes().and_then(<[_]>::first).cloned().unwrap();
        if is_so(&refresh) {
            return refresh;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{refresh:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn the_age_of_a_server_is_asked_once() {
    inside("the_age_of_a_server_is_asked_once", async |aws| {
        let cloud = connect(aws).await;
        let seen = cloud.observe(&pair(aws, "web-prod").scope(), Depth::Full).await;
        let mut servers: Vec<InstanceId> = seen.group(Slot::A).unwrap().instances.iter().map(|server| server.id.clone()).collect();
        servers.push("i-0000000000000gone".into());
        let times = cloud.launch_times(&servers).await.unwrap();
        assert_eq!(times.len(), servers.len() - 1, "one that is gone is not in the answer and no mistake");
        servers.pop();
        cloud.launch_times(&servers).await.unwrap();
        assert_eq!(actions(&aws.calls()).iter().filter(|action| **action == "DescribeInstances").count(), 1);
    });
}

/// A target group's metric as CloudWatch gets it from a load balancer: one value a minute, the newest a minute ago.
fn put_metric(endpoint: &Endpoint, name: &str, target_group: &str, values: &[f64]) {
    let place = text(endpoint, "/fleets/web-prod/rule");
    let load_balancer = place.rsplit_once(":listener-rule/").unwrap().1.rsplitn(3, '/').nth(2).unwrap().to_owned();
    let target_group = target_group.rsplit_once(':').unwrap().1;
    let minute = quarterdeck::adapters::host::wall_now().0 / 60_000;
    for (age, value) in (2_i64..).zip(values.iter().rev()) {
        let at = quarterdeck::domain::time::WorldTime((minute - age) * 60_000 + 1_000).rfc3339();
        let fields = [
            ("Namespace", "AWS/ApplicationELB"),
            ("MetricData.member.1.MetricName", name),
            ("MetricData.member.1.Dimensions.member.1.Name", "TargetGroup"),
            ("MetricData.member.1.Dimensions.member.1.Value", target_group),
            ("MetricData.member.1.Dimensions.member.2.Name", "LoadBalancer"),
            ("MetricData.member.1.Dimensions.member.2.Value", &load_balancer),
            ("MetricData.member.1.Timestamp", &at),
            ("MetricData.member.1.Value", &value.to_string()),
        ];
        let (status, body) = endpoint.aws("cloudwatch", "PutMetricData", &fields);
        assert_eq!(status, 200, "{body}");
    }
}

#[test]
fn series_of_both_target_groups_are_read_in_one_call() {
    use quarterdeck::domain::analysis::{Analysis, Measure, Metric, MetricName};
    use quarterdeck::domain::metrics::MetricsAsk;
    use quarterdeck::domain::time::{Millis, WorldTime};
    use quarterdeck::ports::metrics::Metrics;

    inside("series_of_both_target_groups_are_read_in_one_call", async |aws| {
        let cloud = connect(aws).await;
        let pair = pair(aws, "web-prod");
        let name = |text: &str| MetricName::new(text).unwrap();
        let metrics = vec![Metric::new(name("errors"), Measure::Errors), Metric::new(name("p99"), Measure::LatencyP99)];
        let now = quarterdeck::adapters::host::wall_now();
        let since = now.minus(Millis::mins(30));
        let ask = MetricsAsk { scope: pair.scope(), analysis: Analysis { metrics, ..Analysis::default() }, since };
        let b = pair.target_groups.b.as_str();
        put_metric(aws, "RequestCount", b, &[500.0, 600.0, 700.0]);
        put_metric(aws, "HTTPCode_Target_5XX_Count", b, &[3.0]);
        put_metric(aws, "TargetResponseTime", b, &[0.2, 0.25, 0.5]);

        aws.clear_calls();
        let seen = cloud.measure(&ask).await;
        assert_eq!(actions(&aws.calls()), ["GetMetricData"], "both groups and all metrics in one call");
        let latency = seen.series(&name("p99"), Slot::B).unwrap().value().unwrap();
        assert_eq!(latency.values().collect::<Vec<_>>(), [200.0, 250.0, 500.0]);
        assert!(latency.newest().is_some_and(|newest| newest <= now.plus(Millis::mins(1)) && now.since(newest) <= Millis::mins(4)), "{latency:?}");
        let counts = seen.counts.unwrap();
        let all = counts.b.value().unwrap().between(since, WorldTime(i64::MAX));
        assert_eq!((all.requests, all.errors), (1_800, 3));
        assert_eq!(counts.a.value().unwrap().between(since, WorldTime(i64::MAX)).requests, 0, "nothing happened there, and that was told");

        aws.fault(Fault::new(FaultKind::Throttle, "cloudwatch", "GetMetricData").times(9));
        let seen = cloud.measure(&ask).await;
        assert!(seen.series(&name("p99"), Slot::B).unwrap().value().is_none(), "what could not be read is unknown");
        assert!(seen.counts.unwrap().b.value().is_none());
    });
}

//! S18 by identity: which intent of which operation each write at the endpoint was.
//!
//! An accepted call is the one whose answer it recorded, told by its request id. Everything else that arrived must be an intent whose answer
//! nobody heard, or heard as a refusal: the same call with the same parameters, at its place between the operation's other calls, and each
//! intent stands for one arrival at most.

use std::collections::BTreeMap;

use quarterdeck::domain::call::{BuildCall, CloudCall};
use quarterdeck::domain::fleet::RoutePlace;
use quarterdeck::domain::traffic::RouteAction;
use quarterdeck::operation::event::{CallOutcome, Event, EventBody};

use crate::support::endpoint::Call;
use crate::yard::{Yard, names};

/// A call that a driver meant, with what it heard of it.
struct Intent {
    operation: String,
    call: CloudCall,
    outcome: Option<CallOutcome>,
    /// Where it arrived among the endpoint's calls.
    arrived: Option<u64>,
}

impl Intent {
    fn accepted(&self) -> bool {
        matches!(self.outcome, Some(CallOutcome::Accepted(_)))
    }

    fn request_id(&self) -> Option<String> {
        let Some(CallOutcome::Accepted(reply)) = &self.outcome else { return None };
        reply.request_id.as_ref().map(|id| id.raw().to_owned())
    }

    fn words(&self) -> String {
        format!("{} of {}: {:?}", self.call.summary(), self.operation, self.outcome)
    }
}

/// Every write of this `qd` that arrived was meant by one of its operations, and every write it believes accepted arrived.
pub fn are_the_calls(yard: &Yard) {
    let mut operations = intents(yard);
    let arrived = yard.own_writes();
    let unclaimed = accepted_ones(&mut operations, &arrived);
    for call in unclaimed {
        let claimed = operations.iter_mut().any(|intents| claims(intents, call));
        assert!(claimed, "nobody meant {}: {:?}\n{:?}", call.action, call, names(&arrived));
    }
    for intents in &operations {
        let order: Vec<u64> = intents.iter().filter_map(|intent| intent.arrived).collect();
        assert!(order.is_sorted(), "calls of one operation overtook each other: {order:?}");
    }
    assert!(operations.iter().any(|intents| !intents.is_empty()), "no operation meant anything");
}

/// What the operations of the store meant, each in its order, from the records themselves.
fn intents(yard: &Yard) -> Vec<Vec<Intent>> {
    let store = yard.qd.records();
    let mut statement = store.prepare("SELECT operation, body FROM events ORDER BY operation, seq").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let mut operations = BTreeMap::<String, Vec<Intent>>::new();
    for row in rows {
        let (operation, body) = row.unwrap();
        let event: Event = serde_json::from_str(&body).unwrap_or_else(|why| panic!("{why} in {body}"));
        let intents = operations.entry(operation.clone()).or_default();
        match event.body {
            EventBody::CallIntended { call, call_no, .. } => {
                assert_eq!(call_no as usize, intents.len(), "calls of {operation} are counted");
                intents.push(Intent { operation, call, outcome: None, arrived: None });
            }
            EventBody::CallEnded { call_no, outcome } => intents[call_no as usize].outcome = Some(outcome),
            _ => {}
        }
    }
    operations.into_values().collect()
}

/// Finds the accepted intents among the arrivals; the arrivals that are left.
fn accepted_ones<'a>(operations: &mut [Vec<Intent>], arrived: &'a [Call]) -> Vec<&'a Call> {
    let mut left: BTreeMap<u64, &Call> = arrived.iter().map(|call| (call.seq, call)).collect();
    for intent in operations.iter_mut().flatten().filter(|intent| intent.accepted()) {
        let Some(id) = intent.request_id() else {
            // A version that carries the content hash already is taken over without a call.
            assert!(matches!(intent.call, CloudCall::CreateTemplateVersion { .. }), "accepted by no request: {}", intent.words());
            continue;
        };
        let found = arrived.iter().find(|call| call.request_id.as_deref() == Some(&id));
        let call = found.unwrap_or_else(|| panic!("never arrived: {}", intent.words()));
        assert!(is_sent_as(&intent.call, call), "{} arrived as {call:?}", intent.words());
        assert!(left.remove(&call.seq).is_some(), "one answer for two intents: {}", intent.words());
        intent.arrived = Some(call.seq);
    }
    left.into_values().collect()
}

/// The first intent of an operation that may have been this arrival becomes it.
fn claims(intents: &mut [Intent], call: &Call) -> bool {
    let fits = |at: usize| {
        let intent = &intents[at];
        let before = intents[..at].iter().filter_map(|intent| intent.arrived).max();
        let after = intents[at + 1..].iter().filter_map(|intent| intent.arrived).min();
        let in_order = before.is_none_or(|before| before < call.seq) && after.is_none_or(|after| call.seq < after);
        intent.arrived.is_none() && !intent.accepted() && in_order && is_sent_as(&intent.call, call)
    };
    let found = (0..intents.len()).find(|at| fits(*at));
    found.map(|at| intents[at].arrived = Some(call.seq)).is_some()
}

/// Whether the arrival has the name and the parameters of the call, and no others that matter.
fn is_sent_as(meant: &CloudCall, call: &Call) -> bool {
    let (wanted, whole) = parameters(meant);
    let has = wanted.iter().all(|(name, value)| call.params.get(name) == Some(value));
    call.action == meant.aws_name() && has && (!whole || call.params.len() == wanted.len()) && weights_are(meant, call)
}

/// What tells one call of a bake from another.
fn build_parameters(call: &BuildCall) -> Vec<(String, String)> {
    let named: Vec<(&str, &str)> = match call {
        BuildCall::RunInstance(run) => vec![("ClientToken", &run.token), ("ImageId", run.image.as_str())],
        BuildCall::StopInstance { instance } | BuildCall::TerminateInstance { instance } => vec![("InstanceId.1", instance.as_str())],
        BuildCall::CreateImage { instance, name, .. } => vec![("InstanceId", instance.as_str()), ("Name", name)],
        BuildCall::TagResource { id, .. } => vec![("ResourceId.1", id)],
        BuildCall::DeleteVolume { volume } => vec![("VolumeId", volume)],
        BuildCall::DeleteKeyPair { key_pair } => vec![("KeyPairId", key_pair)],
        BuildCall::DeleteSecurityGroup { group } => vec![("GroupId", group)],
        BuildCall::ShareImage { image, .. } => vec![("ImageId", image.as_str())],
        BuildCall::CopyImage(copy) => vec![("ClientToken", &copy.token), ("SourceImageId", copy.image.as_str())],
        // Nothing of these arrives at AWS.
        BuildCall::RunPacker { .. } | BuildCall::EndPacker { .. } => vec![("Action", call.aws_name())],
    };
    named.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What is sent, in query form, and whether that is all.
fn parameters(call: &CloudCall) -> (Vec<(String, String)>, bool) {
    let group = |name: &str| ("AutoScalingGroupName".to_owned(), name.to_owned());
    let number = |name: &str, value: u32| (name.to_owned(), value.to_string());
    let template = |prefix: &str, id: &str, version: u64| {
        [(format!("{prefix}LaunchTemplate.LaunchTemplateId"), id.to_owned()), (format!("{prefix}LaunchTemplate.Version"), version.to_string())]
    };
    match call {
        CloudCall::CreateTemplateVersion { template, image, content_hash, .. } => {
            let named = [("LaunchTemplateId", template.as_str()), ("LaunchTemplateData.ImageId", image.as_str()), ("ClientToken", content_hash)];
            (named.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(), false)
        }
        CloudCall::PinTemplate { group: name, template: id, version } => {
            ([group(name.as_str())].into_iter().chain(template("", id.as_str(), *version)).collect(), true)
        }
        CloudCall::RaiseMin { group: name, min, max } => {
            let max = max.map(|max| number("MaxSize", max));
            ([group(name.as_str()), number("MinSize", *min)].into_iter().chain(max).collect(), true)
        }
        CloudCall::ReleaseMin { group: name, min } => (vec![group(name.as_str()), number("MinSize", *min)], true),
        CloudCall::Park { group: name, sizes } => {
            let sizes = [("MinSize", sizes.min), ("MaxSize", sizes.max), ("DesiredCapacity", sizes.desired)];
            ([group(name.as_str())].into_iter().chain(sizes.map(|(name, size)| number(name, size))).collect(), true)
        }
        CloudCall::SetWeights { place: RoutePlace::Rule(arn), .. } => (vec![("RuleArn".to_owned(), arn.to_string())], false),
        CloudCall::SetWeights { place: RoutePlace::Listener(arn), .. } => (vec![("ListenerArn".to_owned(), arn.to_string())], false),
        CloudCall::AttachTargetGroup { group: name, target_group } | CloudCall::DetachTargetGroup { group: name, target_group } => {
            (vec![group(name.as_str()), ("TargetGroupARNs.member.1".to_owned(), target_group.to_string())], true)
        }
        CloudCall::StartInstanceRefresh { group: name, template: id, version, .. } => {
            ([group(name.as_str())].into_iter().chain(template("DesiredConfiguration.", id.as_str(), *version)).collect(), false)
        }
        CloudCall::CancelInstanceRefresh { group: name } | CloudCall::RollbackInstanceRefresh { group: name } => (vec![group(name.as_str())], true),
        CloudCall::SuspendProcesses { group: name, processes } | CloudCall::ResumeProcesses { group: name, processes } => {
            let processes = processes.iter().zip(1..).map(|(process, at)| (format!("ScalingProcesses.member.{at}"), process.clone()));
            ([group(name.as_str())].into_iter().chain(processes).collect(), true)
        }
        CloudCall::Tag { groups, tags } => {
            let all = groups.iter().flat_map(|group| tags.iter().map(move |(key, value)| (group, key, value)));
            let each = all.zip(1..).flat_map(|((group, key, value), at)| tagged(at, group.as_str(), key, Some(value)));
            (each.collect(), true)
        }
        CloudCall::Build { what } => (build_parameters(what), false),
        CloudCall::Image { what } => panic!("no operation means {}: it is a call of an image's life", what.aws_name()),
        CloudCall::Untag { groups, keys } => {
            let all = groups.iter().flat_map(|group| keys.iter().map(move |key| (group, key)));
            (all.zip(1..).flat_map(|((group, key), at)| tagged(at, group.as_str(), key, None)).collect(), true)
        }
    }
}

fn tagged(at: usize, group: &str, key: &str, value: Option<&String>) -> Vec<(String, String)> {
    let written = value.map(|value| [("Value", value.as_str()), ("PropagateAtLaunch", "false")]);
    let fields = [("ResourceId", group), ("ResourceType", "auto-scaling-group"), ("Key", key)].into_iter().chain(written.into_iter().flatten());
    fields.map(|(name, value)| (format!("Tags.member.{at}.{name}"), value.to_owned())).collect()
}

/// The weights of a call are those that were meant; a call that sets none has nothing to compare.
fn weights_are(meant: &CloudCall, call: &Call) -> bool {
    let CloudCall::SetWeights { actions, .. } = meant else { return true };
    let meant: BTreeMap<String, u64> = actions.forwards().map(|(arn, weight)| (arn.to_string(), u64::from(*weight))).collect();
    let forwards = actions.0.iter().any(|action| matches!(action, RouteAction::Forward { .. }));
    forwards && weights_in(call) == meant
}

/// The weights that a ModifyRule or ModifyListener sets, by target group.
pub fn weights_in(call: &Call) -> BTreeMap<String, u64> {
    let arns = call.params.iter().filter_map(|(name, arn)| Some((name.strip_suffix(".TargetGroupArn")?, arn)));
    arns.filter_map(|(prefix, arn)| Some((arn.clone(), call.params.get(&format!("{prefix}.Weight"))?.parse().ok()?))).collect()
}

//! An endpoint and somebody's `qd`, and the questions every test asks of both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::disk::SmallDisk;
use crate::support::endpoint::{Call, Endpoint};
use crate::support::proxy::Proxy;
use crate::support::qd::{PATIENCE, Qd};

/// An endpoint of its own, and somebody who works with it.
pub struct Yard {
    /// AWS. Dropped after `qd`, which is asked for its drivers first.
    pub qd: Qd,
    /// What is there.
    pub aws: Arc<Endpoint>,
}

/// Steps short enough for a test; a soak of a minute takes 0.6 s.
const STEPS: &str = "steps = [ { weight = 5, soak = \"1m\" }, { weight = 25, soak = \"1m\" }, { weight = 100, soak = \"1m\" } ]\n";

impl Yard {
    pub fn new() -> Self {
        let aws = Arc::new(Endpoint::start());
        Self { qd: Qd::new(&aws), aws }
    }

    /// With all that is recorded on a disk of so many MiB.
    pub fn on_small_disk(mib: u32) -> (Self, SmallDisk) {
        let mut yard = Self::new();
        let disk = yard.qd.move_to_small_disk(mib);
        (yard, disk)
    }

    /// Somebody else at the same endpoint, with a store and an access key of their own.
    pub fn sharing(aws: &Arc<Endpoint>, key: &str) -> Self {
        Self { qd: Qd::with_env(aws.env_with_key(key)), aws: Arc::clone(aws) }
    }

    /// With these fleets adopted, and steps and windows that suit a test.
    pub fn with(fleets: &[&str]) -> Self {
        let yard = Self::new();
        yard.adopt(fleets);
        yard
    }

    /// The same with the fault proxy between `qd` and the endpoint.
    pub fn behind_proxy() -> (Self, Proxy) {
        let aws = Arc::new(Endpoint::start());
        let proxy = Proxy::before(&aws);
        (Self { qd: Qd::behind(&proxy, &aws), aws }, proxy)
    }

    /// The window of every fleet that is written down is the shortest one: at the tests' scale, six seconds.
    pub fn shorten_windows(&self) {
        self.qd.edit_fleets(|text| text.replace("window = \"10h\"", "window = \"10m\""));
    }

    pub fn adopt(&self, fleets: &[&str]) {
        for fleet in fleets {
            self.qd.run(&["fleet", "adopt", fleet]).ok();
        }
        self.qd.edit_fleets(quick);
    }

    /// The ARN of the place a fleet's weights are in, and where the endpoint's state keeps it.
    fn place(&self, fleet: &str) -> (&'static str, String) {
        let fleet = &self.aws.seed()["fleets"][fleet];
        match fleet["rule"].as_str() {
            Some(rule) => ("rules", rule.to_owned()),
            None => ("listeners", fleet["listener"].as_str().unwrap().to_owned()),
        }
    }

    pub fn target_group(&self, fleet: &str, slot: &str) -> String {
        self.aws.seed()["fleets"][fleet]["slots"][slot]["target_groups"][0].as_str().unwrap().to_owned()
    }

    /// The group in a slot of a fleet.
    pub fn group(&self, fleet: &str, slot: &str) -> String {
        self.aws.seed()["fleets"][fleet]["slots"][slot]["name"].as_str().unwrap().to_owned()
    }

    pub fn image(&self, name: &str) -> String {
        self.aws.seed()["images"][name].as_str().unwrap_or_else(|| panic!("no image {name}")).to_owned()
    }

    /// The route's whole action list, as the endpoint has it.
    pub fn actions(&self, fleet: &str) -> Value {
        let (kind, arn) = self.place(fleet);
        self.aws.state()[kind][&arn]["actions"].clone()
    }

    /// The weights of both slots, as the endpoint has them.
    pub fn weights(&self, fleet: &str) -> (u64, u64) {
        let (kind, arn) = self.place(fleet);
        let state = self.aws.state();
        let weight = |slot| state[kind][&arn]["weights"][&self.target_group(fleet, slot)].as_u64().unwrap_or_else(|| panic!("no weight: {state:#}"));
        (weight("a"), weight("b"))
    }

    /// Minimum, maximum, desired size and servers of a group, as the endpoint has them.
    pub fn sizes(&self, group: &str) -> [u64; 4] {
        let state = self.aws.state();
        let group = &state["groups"][group];
        let size = |name: &str| group[name].as_u64().unwrap_or_else(|| panic!("no {name}: {group:#}"));
        [size("min"), size("max"), size("desired"), group["instances"].as_array().map_or(0, |all| all.len() as u64)]
    }

    pub fn tags(&self, group: &str) -> Value {
        self.aws.state()["groups"][group]["tags"].clone()
    }

    /// Nothing is borrowed any more: all traffic on the live slot, the sizes of the roles, no claim, nothing suspended.
    pub fn at_rest(&self, fleet: &str, live: &str) {
        let idle = if live == "a" { "b" } else { "a" };
        let seeded = [4, 12, 4, 4];
        for (slot, sizes) in [(live, seeded), (idle, [0, 0, 0, 0])] {
            let group = format!("{fleet}-{slot}");
            let state = self.aws.state()["groups"][&group].clone();
            assert_eq!(self.sizes(&group), sizes, "{group}: {state:#}");
            assert!(state["tags"].get("qd:claim").is_none() && state["suspended"] == json!([]), "{group}: {state:#}");
        }
    }

    /// S18: the calls the cloud saw are the intents in the store.
    pub fn calls_are_intents(&self) {
        crate::intents::are_the_calls(self);
    }

    /// Follows an operation to its success; a person promotes wherever it waits for one.
    pub fn succeed(&self, id: &str) {
        let began = Instant::now();
        loop {
            let op = self.qd.op(id);
            match op["state"].as_str().unwrap() {
                "succeeded" => return,
                "holding" if op["state_reason"].to_string().contains("promote") => {
                    let told = self.qd.run(&["promote", id, "--reason", "it looks good"]);
                    assert!([0, 3].contains(&told.code), "{}", told.err);
                }
                "failed" | "backed_out" | "superseded" => panic!("{op:#}"),
                _ => {}
            }
            assert!(began.elapsed() < PATIENCE, "{op:#}\n{}", self.qd.driver_log(id));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Somebody makes an alarm, which then has this state.
    pub fn alarm(&self, name: &str, state: &str) {
        let fields = [
            ("AlarmName", name),
            ("Namespace", "test"),
            ("MetricName", "errors"),
            ("ComparisonOperator", "GreaterThanThreshold"),
            ("EvaluationPeriods", "1"),
            ("Period", "60"),
            ("Threshold", "1"),
            ("Statistic", "Sum"),
        ];
        let (status, body) = self.aws.aws("cloudwatch", "PutMetricAlarm", &fields);
        assert_eq!(status, 200, "{body}");
        self.set_alarm(name, state);
    }

    /// Somebody makes a composite alarm, which then has this state.
    pub fn composite_alarm(&self, name: &str, rule: &str, state: &str) {
        let (status, body) = self.aws.aws("cloudwatch", "PutCompositeAlarm", &[("AlarmName", name), ("AlarmRule", rule)]);
        assert_eq!(status, 200, "{body}");
        self.set_alarm(name, state);
    }

    /// The alarm changes its state.
    pub fn set_alarm(&self, name: &str, state: &str) {
        let fields = [("AlarmName", name), ("StateValue", state), ("StateReason", "a test")];
        let (status, body) = self.aws.aws("cloudwatch", "SetAlarmState", &fields);
        assert_eq!(status, 200, "{body}");
    }

    /// The writes of this `qd`, told by its access key.
    pub fn own_writes(&self) -> Vec<Call> {
        self.aws.writes().into_iter().filter(|call| call.access_key == self.qd.access_key()).collect()
    }

    /// Nobody changed anything at the endpoint, and no driver was started.
    pub fn nothing_happened(&self) {
        assert!(self.aws.writes().is_empty(), "{:?}", names(&self.aws.writes()));
        assert!(!self.qd.had_drivers(), "a driver was started");
    }
}

/// Short steps in every section, and a window that outlasts a test on a busy host.
fn quick(text: String) -> String {
    let mut quick = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside |= line.starts_with("steps = [");
        if inside {
            if line.ends_with(']') {
                inside = false;
                quick.push_str(STEPS);
            }
        } else {
            quick.push_str(if line.starts_with("window") { "window = \"10h\"" } else { line });
            quick.push('\n');
        }
    }
    quick
}

/// Somebody tags a group, or takes the tag away.
pub fn tag(yard: &Yard, action: &str, group: &str, key: &str, value: &str) {
    let name = |field: &str| format!("Tags.member.1.{field}");
    let values = [("ResourceId", group), ("ResourceType", "auto-scaling-group"), ("Key", key), ("Value", value), ("PropagateAtLaunch", "false")];
    let named: Vec<(String, &str)> = values.iter().map(|(field, value)| (name(field), *value)).collect();
    let params: Vec<(&str, &str)> = named.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let (status, body) = yard.aws.aws("autoscaling", action, &params);
    assert_eq!(status, 200, "{body}");
}

/// The names of calls, in order.
pub fn names(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.action.as_str()).collect()
}

/// An action list without its weights: what a deploy must leave as it is.
pub fn without_weights(actions: &Value) -> Value {
    let mut actions = actions.clone();
    for action in actions.as_array_mut().into_iter().flatten() {
        for target in action["ForwardConfig"]["TargetGroups"].as_array_mut().into_iter().flatten() {
            target["Weight"] = Value::Null;
        }
    }
    actions
}

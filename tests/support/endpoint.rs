//! AWS on loopback: `tests/endpoint/overlay.py`, started, seeded, and ended with the test.
//!
//! Everything the endpoint knows of itself is read from its control plane, never from `qd`.

// A test without its endpoint has nothing to say but why; JSON is indexed as a test reads it.
#![allow(clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::server::Server;

/// A running, seeded AWS endpoint of this test's own.
pub struct Endpoint {
    server: Server,
    seed: Value,
}

/// One API call as the endpoint saw it.
#[derive(Debug, Clone)]
pub struct Call {
    /// Counts all calls of this endpoint; also the order of arrival.
    pub seq: u64,
    /// Seconds since the epoch at arrival.
    pub time: f64,
    /// `ec2`, `autoscaling`, `elbv2`, `cloudwatch` or `sts`.
    pub service: String,
    /// `ModifyRule`, ….
    pub action: String,
    /// The access key the call was signed with.
    pub access_key: String,
    /// HTTP status; `None` if no answer was sent (yet).
    pub status: Option<u16>,
    /// The error code in the answer.
    pub error: Option<String>,
    /// The request id in the answer.
    pub request_id: Option<String>,
    /// The kind of the fault applied to this call.
    pub fault: Option<String>,
    /// The request's parameters in query form, `TargetGroupARNs.member.1` and so on.
    pub params: BTreeMap<String, String>,
}

impl Call {
    /// Whether the call can change anything.
    pub fn is_write(&self) -> bool {
        !["Describe", "Get", "List"].iter().any(|read| self.action.starts_with(read))
    }

    fn from_json(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let params = value["params"].as_object().into_iter().flatten();
        Self {
            seq: value["seq"].as_u64().unwrap_or_default(),
            time: value["time"].as_f64().unwrap_or_default(),
            service: text("service").unwrap_or_default(),
            action: text("action").unwrap_or_default(),
            access_key: text("access_key").unwrap_or_default(),
            status: value["status"].as_u64().and_then(|s| u16::try_from(s).ok()),
            error: text("error"),
            request_id: text("request_id"),
            fault: text("fault"),
            params: params.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect(),
        }
    }
}

/// What happens to the calls a [`Fault`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The service's throttling error; nothing is done.
    Throttle,
    /// A 500; nothing is done.
    Error500,
    /// Done, but the answer is a 500.
    Error500After,
    /// The connection closes after the fault's seconds; nothing is done.
    TimeoutBefore,
    /// Done; the connection closes after the fault's seconds without an answer.
    ReplyLostAfter,
    /// Done and answered, the fault's seconds late.
    Latency,
    /// A read is answered as the same read was last answered, whatever has changed since.
    Stale,
    /// The error set with [`Fault::error`]; nothing is done.
    Error,
}

impl FaultKind {
    fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Error500 => "error500",
            Self::Error500After => "error500_after",
            Self::TimeoutBefore => "timeout_before",
            Self::ReplyLostAfter => "reply_lost_after",
            Self::Latency => "latency",
            Self::Stale => "stale",
            Self::Error => "error",
        }
    }
}

/// An order for faults; applies to the next call that matches unless told otherwise.
#[derive(Debug, Clone)]
pub struct Fault(Value);

impl Fault {
    /// A fault for an action of a service; `*` is any.
    pub fn new(kind: FaultKind, service: &str, action: &str) -> Self {
        Self(json!({"kind": kind.name(), "service": service, "action": action}))
    }

    /// An error answer of any kind, for example 403 `AccessDenied`.
    pub fn error(service: &str, action: &str, status: u16, code: &str) -> Self {
        Self::new(FaultKind::Error, service, action).with("status", json!(status)).with("code", json!(code))
    }

    /// For this many calls.
    pub fn times(self, times: u32) -> Self {
        self.with("times", json!(times))
    }

    /// Seconds of waiting, for the kinds that wait.
    pub fn seconds(self, seconds: f64) -> Self {
        self.with("seconds", json!(seconds))
    }

    /// This many matching calls pass first.
    pub fn skip(self, calls: u32) -> Self {
        self.with("skip", json!(calls))
    }

    /// Only for calls with this text in a parameter, such as a group's name or an ARN.
    pub fn contains(self, text: &str) -> Self {
        self.with("contains", json!(text))
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }
}

impl Endpoint {
    /// Start and seed an endpoint; the test fails with a sentence if that is not possible.
    pub fn start() -> Self {
        let (server, ready) = Server::start("overlay.py", &["--port", "0", "--seed"], &credentials("testing"));
        Self { server, seed: ready["seed"].clone() }
    }

    /// `http://127.0.0.1:PORT`, for `--endpoint-url` or `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// All ids of the seeded estate; `seed.py` says what is in it.
    pub fn seed(&self) -> &Value {
        &self.seed
    }

    /// What the server wrote to standard error: the traceback behind every unexpected 500.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Every API call since the start or the last [`Self::clear_calls`], in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        let calls = self.control("GET", "calls", None);
        calls.as_array().into_iter().flatten().map(Call::from_json).collect()
    }

    /// The calls that can have changed something.
    pub fn writes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(Call::is_write).collect()
    }

    /// Empty the call log.
    pub fn clear_calls(&self) {
        self.control("DELETE", "calls", None);
    }

    /// The endpoint's own state: groups, rules, listeners, target groups, templates, images.
    pub fn state(&self) -> Value {
        self.control("GET", "state", None)
    }

    /// Order a fault for coming calls.
    pub fn fault(&self, fault: Fault) {
        self.control("POST", "fault", Some(fault.0));
    }

    /// All orders, with how often each has `fired`.
    pub fn faults(&self) -> Value {
        self.control("GET", "fault", None)
    }

    /// Withdraw all orders.
    pub fn clear_faults(&self) {
        self.control("DELETE", "fault", None);
    }

    /// Change delays and switches; answers all settings. `emu/world.py` lists them.
    pub fn settings(&self, values: Value) -> Value {
        self.control("POST", "settings", Some(values))
    }

    /// The token buckets set with `settings(json!({"budgets": …}))`: `tokens` and `lowest` of each.
    pub fn budget(&self) -> Value {
        self.control("GET", "budget", None)
    }

    /// Change an image as no API can: `{"id", "state", "owner_id", "created_at", "available_in"}`.
    pub fn image(&self, values: Value) {
        self.control("POST", "image", Some(values));
    }

    /// Set a tag of an instance or image, such as `emu:health`; `None` takes it away.
    pub fn tag(&self, id: &str, key: &str, value: Option<&str>) {
        self.control("POST", "tag", Some(json!({"id": id, "key": key, "value": value})));
    }

    /// Make an AWS call as somebody else would, for changes behind `qd`'s back: status and body.
    ///
    /// The parameters are in query form. The call is in the log under the access key `console`.
    pub fn aws(&self, service: &str, action: &str, params: &[(&str, &str)]) -> (u16, String) {
        let (scope, version) = match service {
            "elbv2" => ("elasticloadbalancing", "2015-12-01"),
            "autoscaling" => ("autoscaling", "2011-01-01"),
            "ec2" => ("ec2", "2016-11-15"),
            "cloudwatch" => ("monitoring", "2010-08-01"),
            _ => (service, "2011-06-15"),
        };
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in params {
            form.push_str(&format!("&{name}={}", percent(value)));
        }
        let signature = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential=console/20260101/us-east-1/{scope}/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        );
        self.server.http("POST", "/", &signature, &form).unwrap_or_else(|why| panic!("{action}: {why}"))
    }

    /// The environment for `qd` with credentials that may do everything.
    pub fn env(&self) -> Vec<(String, String)> {
        self.env_with_key("testing")
    }

    /// The same with another access key: `EXPIREDKEY`, `INVALIDKEY`, `DENIEDKEY` or `NOELBKEY`.
    pub fn env_with_key(&self, access_key: &str) -> Vec<(String, String)> {
        let mut env = credentials(access_key);
        env.push(("AWS_ENDPOINT_URL".to_owned(), self.url()));
        env
    }

    fn control(&self, method: &str, name: &str, body: Option<Value>) -> Value {
        self.server.control(method, &format!("/qd-test/{name}"), body.as_ref())
    }
}

/// Dummy credentials, and nothing of the developer's own configuration.
pub fn credentials(access_key: &str) -> Vec<(String, String)> {
    [
        ("AWS_ACCESS_KEY_ID", access_key),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Percent-encode a form value.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

//! microburst, the fault proxy, between `qd` and the endpoint: faults by rule, on the wire, in AWS's own formats.

// JSON is indexed as a test reads it.
#![allow(clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::endpoint::{Endpoint, credentials};
use super::server::Server;

/// A running fault proxy in front of an endpoint.
pub struct Proxy {
    server: Server,
}

/// A fault for an operation of a service, by microburst's names: `elbv2`, `autoscaling`, `ec2`, `cloudwatch`.
#[derive(Debug, Clone)]
pub struct Rule(Value);

impl Rule {
    fn new(service: &str, operation: &str, effect: &str, value: Value) -> Self {
        let mut rule = json!({ "service": service, effect: value });
        if operation != "*" {
            rule["operation"] = json!(operation);
        }
        Self(rule)
    }

    /// An error answer; nothing reaches the endpoint.
    pub fn error(service: &str, operation: &str, status: u16, code: &str) -> Self {
        Self::new(service, operation, "error", json!({"code": code, "status": status, "message": "injected by the proxy"}))
    }

    /// The connection is reset before anything reaches the endpoint.
    pub fn reset(service: &str, operation: &str) -> Self {
        Self::new(service, operation, "reset", json!(true))
    }

    /// Answered so many milliseconds late.
    pub fn latency(service: &str, operation: &str, least: u32, most: u32) -> Self {
        Self::new(service, operation, "latency", json!({"min": least, "max": most}))
    }

    /// Done; the connection dies in the middle of the answer.
    pub fn reply_lost(service: &str, operation: &str) -> Self {
        Self::new(service, operation, "response", json!({"abort_frac": 0.3}))
    }

    /// Done; a part of the answer arrives as if it were the whole.
    pub fn truncated(service: &str, operation: &str) -> Self {
        Self::new(service, operation, "response", json!({"truncate_frac": 0.5}))
    }

    /// For one call of so many, beginning with the first.
    pub fn every(self, calls: u32) -> Self {
        self.with("sequence", json!({"fail": 1, "pass": calls - 1}))
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }
}

impl Proxy {
    /// In front of this endpoint; it knows no fault yet.
    pub fn before(endpoint: &Endpoint) -> Self {
        let (server, _) = Server::start("faultproxy.py", &["--upstream", &endpoint.url()], &credentials("testing"));
        Self { server }
    }

    /// The environment for a `qd` that reaches the endpoint through here.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = credentials("testing");
        env.push(("AWS_ENDPOINT_URL".to_owned(), self.server.url()));
        env
    }

    /// These rules and no others; the first that matches a call is applied.
    pub fn rules(&self, rules: &[Rule]) {
        let all: Vec<&Value> = rules.iter().map(|rule| &rule.0).collect();
        self.server.control("POST", "/_microburst/rules", Some(&json!(all)));
    }

    /// No faults any more.
    pub fn clear(&self) {
        self.rules(&[]);
    }

    /// What was injected so far: the operation and what was done to it.
    pub fn fired(&self) -> Vec<(String, String)> {
        let fired = self.server.control("GET", "/_microburst/fired?limit=2000", None);
        let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
        fired.as_array().into_iter().flatten().map(|event| (text(event, "operation"), text(event, "action"))).collect()
    }
}

//! Quarterdeck: releases immutable server images to auto-scaling fleets, from a terminal, with a way back that is always known.
//!
//! # The map
//! - [`domain`]: nouns and pure rules: image, fleet, server group, instance, health, traffic, sizes by role, text from outside.
//! - [`operation`]: what viewer and driver share and the store keeps: plan, event, command, lease, ledger, progress as the fold of events.
//! - [`plan`]: intent and facts in, a frozen plan or a refusal out; and what fleets look like from the same facts.
//! - [`engine`]: sans-IO: what is known and one look at the world in, events and at most one call out; its guards are named by invariant;
//!   and the order in which a driver does all this, over hands it is given.
//! - [`bake`]: what every bake engine shares: the content key, the builder's user data, and how output becomes progress.
//! - [`judge`]: canary analysis.
//! - [`world`]: the simulated cloud as a value.
//! - [`app`]: what the screen knows: model, messages, `update`, commands.
//! - [`view`]: model to frame; the only place that draws.
//! - [`terminal`]: entering, leaving and restoring the terminal; keys.
//! - [`ports`]: what is needed from outside, as traits.
//! - [`adapters`]: the ports made real: AWS, the simulated cloud in a file, the store, this host.
//! - [`runtime`]: where everything is wired: the screen's loop, the desk, the driver and how it is started.
//! - [`cli`]: the command line. [`config`]: files and environment.
//!
//! # What the code never does
//! 1. The pure modules name no async runtime, terminal, AWS, clock, random source, environment or file: time and ids come in as inputs.
//! 2. Only a driver's effect runner and the keeper of images call [`ports::cloud::CloudWrite`], the keeper for what is no fleet's: an image's tags
//!    and its end. In read-only mode none is ever built.
//! 3. No cloud write happens before its intent is durable; its outcome is recorded after it.
//! 4. `view` takes `&Model`: no I/O, no decision.
//! 5. Selection and effects name things by id, never by row number.
//! 6. An error never clears rows: it makes them older.
//! 7. Strings from outside are [`domain::text::Untrusted`] or an id type: what a terminal would obey is escaped on the way out.
//! 8. No `unwrap`, `expect`, `panic!` or indexing outside tests; no `unsafe`.
//!
//! # Who may see whom
//! [`ARROWS`] is the whole truth, and a test holds every `crate::` path against it.

pub mod adapters;
pub mod app;
pub mod bake;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod judge;
pub mod operation;
pub mod plan;
pub mod ports;
pub mod runtime;
pub mod terminal;
pub mod view;
pub mod world;

/// Each module with those it may see. `runtime`, `cli` and the program itself wire, and may see everything.
pub const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("bake", &["domain"]),
    ("judge", &["domain"]),
    ("world", &["domain", "bake"]),
    ("operation", &["domain", "bake"]),
    ("plan", &["domain", "operation", "bake"]),
    ("engine", &["domain", "operation", "judge", "bake"]),
    ("ports", &["domain", "operation", "bake"]),
    ("app", &["domain", "operation", "ports", "bake"]),
    ("view", &["domain", "operation", "app", "ports", "bake"]),
    ("terminal", &["app", "domain"]),
    ("config", &["domain", "ports"]),
    ("adapters", &["domain", "operation", "ports", "world", "bake"]),
];

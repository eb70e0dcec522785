//! What viewer and driver share and the store keeps: plans, events, commands, leases, the ledger, and progress as their fold.

pub mod answer;
pub mod aws_lines;
pub mod calls;
pub mod claim;
pub mod command;
pub mod consequence;
pub mod damage;
pub mod decision;
pub mod drift;
pub mod event;
pub mod freeze;
pub mod gate;
pub mod history;
pub mod intent;
pub mod lease;
pub mod ledger;
pub mod notice;
pub mod plan;
pub mod progress;
pub mod proof;
pub mod record;
pub mod refreshing;
pub mod rollout;
pub mod sighting;
pub mod status;
pub mod work;

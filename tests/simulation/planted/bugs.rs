//! The list of planted mistakes.

use super::eyes::*;
use super::mind::*;
use super::plans::*;
use super::{Bug, Hook, Lapse, Slip};
use crate::fault::{Fault, Phase};
use crate::script::{Aim, Kind, Script, Swarm};
use quarterdeck::domain::fleet::Strategy;
use quarterdeck::domain::time::Millis;

use Hook::{Commands, Decides, Hands, Ledger, Plans, Sees, Store};

const GOOD: &[(&str, Kind)] = &[("2.14.0", Kind::Good), ("2.13.1", Kind::Good)];
const ERRORS: &[(&str, Kind)] = &[("2.15.0", Kind::Errors)];
const NEVER_HEALTHY: &[(&str, Kind)] = &[("2.16.0", Kind::NeverHealthy)];

pub const fn bug(name: &'static str, caught_by: &'static str, hook: Hook, stage: fn(&mut Script)) -> Bug {
    Bug { name, caught_by, hook, stage }
}

/// Canaries of good images on `web-prod`, and no faults.
pub fn quiet(script: &mut Script) {
    script.fleet = "web-prod";
    script.images = GOOD;
    script.strategy = Strategy::Canary;
    script.judged = true;
    script.operations = 4;
    script.swarm = Swarm::default();
}

fn with(script: &mut Script, kinds: &[Fault]) {
    quiet(script);
    script.swarm = Swarm { kinds: kinds.to_vec(), strikes: 10, aims: Vec::new() };
}

/// These faults in this phase, after so many seconds.
fn aimed(script: &mut Script, phase: Phase, faults: &[(Fault, u64)]) {
    quiet(script);
    script.swarm.aims = faults.iter().map(|(fault, secs)| Aim { fault: *fault, phase, after: Millis::secs(*secs) }).collect();
}

fn errors(script: &mut Script) {
    quiet(script);
    script.images = ERRORS;
}

/// Nobody counts requests: it holds before it sends everything.
fn timed(script: &mut Script) {
    quiet(script);
    script.judged = false;
}

fn never_healthy(script: &mut Script) {
    quiet(script);
    (script.images, script.strategy) = (NEVER_HEALTHY, Strategy::BlueGreen);
}

pub const BUGS: &[Bug] = &[
    bug("lowered on one reading", "S10", Sees(one_reading), quiet),
    bug("lowered while the weights settle", "S4", Sees(settles_at_once), errors),
    bug("an incomplete look is taken for a complete one", "S10", Sees(incomplete_is_complete), |script| {
        with(script, &[Fault::Unreadable, Fault::NotFound, Fault::HiddenHealth]);
    }),
    bug("relative capacity", "S12", Decides(relative_capacity), quiet),
    bug("a call without an answer is sent again", "S18", Hands(Slip::RetriesWithoutAnswer), |script| {
        with(script, &[Fault::LostAnswer, Fault::LostCall])
    }),
    bug("the stable group's pin is forgotten", "S4", Sees(stable_pin_forgotten), quiet),
    bug("the window counts wall time", "S4", Sees(window_in_wall_time), |script| aimed(script, Phase::Window, &[(Fault::Killed, 60)])),
    bug("the window is minutes taken for seconds", "S4", Sees(window_in_seconds_for_minutes), quiet),
    bug("R0 without census", "S2", Plans(r0_without_census), |script| {
        aimed(script, Phase::Window, &[(Fault::OldVersion, 30), (Fault::RolledBack, 120)])
    }),
    bug("a stale promote is done", "S14", Commands(stale_promote), |script| with(script, &[Fault::OldScreen, Fault::Promoted])),
    bug("a command that waited too long is done", "S14", Commands(old_command), |script| with(script, &[Fault::OldScreen])),
    bug("actions are dropped in ModifyRule", "S2", Decides(actions_dropped), quiet),
    bug("the epoch is read outside the transaction", "S3", Store(Lapse::EpochNotChecked), |script| {
        with(script, &[Fault::Suspended, Fault::SuspendedAtCall]);
    }),
    bug("sizes of roles are not swapped", "S12", Sees(roles_not_swapped), quiet),
    bug("the lease is not looked at when the bytes leave", "S3", Hands(Slip::LeaseNotLookedAtLast), |script| {
        with(script, &[Fault::SuspendedAtCall]);
    }),
    bug("the lease is not checked before the send", "S3", Hands(Slip::LeaseNotChecked), quiet),
    bug("another store's claim is not looked at", "S13", Sees(claim_not_seen), |script| aimed(script, Phase::Claim, &[(Fault::ForeignClaim, 1)])),
    bug("the mark of a bad release is not read", "S5", Ledger(marks_not_read), quiet),
    bug("hidden health is taken for health", "S9", Sees(health_hidden_is_health), |script| {
        with(script, &[Fault::HiddenHealth, Fault::Unreadable]);
    }),
    bug("no verdict yet is taken for health", "S17", Sees(no_verdict_yet_is_health), quiet),
    bug("Auto Scaling's word alone is believed", "S2", Sees(auto_scaling_alone_is_believed), never_healthy),
    bug("the candidate is one server short", "S17", Sees(one_server_short), quiet),
    bug("weight before size", "S17", Decides(weight_before_size), quiet),
    bug("weight before there is any server", "S2", Decides(weight_before_any_server), quiet),
    bug("the weights are changed in two calls", "S15", Decides(weights_in_two_calls), quiet),
    bug("only one group is in the call", "S2", Decides(one_group_in_the_call), quiet),
    bug("all weights are zero", "S2", Decides(all_weights_zero), quiet),
    bug("more than the step's share", "S15", Decides(more_than_the_step), quiet),
    bug("a soak is left out", "S21", Sees(promoted_by_nobody), quiet),
    bug("another rule is written", "S11", Decides(another_place), quiet),
    bug("another group grows", "S11", Decides(another_group), quiet),
    bug("the candidate is parked on the way forward", "S4", Decides(candidate_parked_on_the_way), quiet),
    bug("a retire parks the live group", "S4", Decides(live_parked), quiet),
    bug("a pin is given back while it may be needed", "S12", Decides(pin_released_while_it_may_be_needed), quiet),
    bug("a pin is never given back", "S12", Sees(pin_kept), quiet),
    bug("the claim is never given back", "S12", Sees(claim_kept), quiet),
    bug("an idle slot keeps one server more", "S12", Sees(idle_is_one_more), quiet),
    bug("pins are frozen as the live role's sizes", "S12", Plans(pins_frozen), quiet),
    bug("the floor is taken for what is needed", "S1", Plans(floor_is_enough), quiet),
    bug("what is needed falls with what is healthy", "liveness", Sees(need_is_what_is_healthy_now), |script| {
        with(script, &[Fault::ServerLost, Fault::ServerSick]);
    }),
    bug("what is needed is not read again", "S17", Sees(need_is_not_read_again), |script| with(script, &[Fault::Scaled])),
    bug("the template is pinned before the slot is empty", "S2", Sees(slot_looks_empty), quiet),
    bug("servers of another release are not told apart", "S2", Sees(census_skipped), |script| with(script, &[Fault::OldVersion])),
    bug("no data passes", "S21", Decides(no_data_passes), |script| with(script, &[Fault::Unreadable, Fault::HiddenHealth])),
    bug("a failed verdict is forgotten", "S22", Decides(failed_verdict_forgotten), errors),
    bug("a soak counts blind looks", "S21", Decides(blind_looks_soak), |script| {
        with(script, &[Fault::Unreadable, Fault::HiddenHealth, Fault::NotFound])
    }),
    bug("a soak counts time without a driver", "S21", Sees(dead_time_soaks), |script| with(script, &[Fault::Killed, Fault::Suspended])),
    bug("stable at first sight", "S4", Decides(stable_at_first_sight), quiet),
    bug("foreign weights are overwritten", "S20", Sees(foreign_weights_adopted), |script| with(script, &[Fault::ForeignWeights])),
    bug("a foreign template is not noticed", "S20", Sees(foreign_template_not_seen), |script| with(script, &[Fault::ForeignTemplate])),
    bug("a crash loop is not counted", "liveness", Sees(crash_loop_not_counted), never_healthy),
    bug("a hold has no deadline", "liveness", Sees(hold_without_deadline), timed),
    bug("a back out ends before the weights", "S12", Decides(back_out_ends_before_the_weights), errors),
    bug("a back out never moves the weights", "liveness", Decides(back_out_never_moves), errors),
    bug("a rollback ends before the shift", "S5", Decides(rollback_ends_before_the_shift), quiet),
    bug("a rollback shifts to what cannot carry it", "S1", Decides(rollback_shifts_to_what_cannot_carry), quiet),
    bug("a rollback gives back to the bad release", "S2", Decides(rollback_gives_back_to_the_bad), quiet),
    bug("a rollback goes the wrong way", "S5", Plans(sides_confused), quiet),
    bug("the bad release is not marked", "S5", Store(Lapse::MarkDropped), quiet),
    bug("a pause is not heeded", "S14", Decides(pause_not_heeded), |script| with(script, &[Fault::Paused])),
    bug("a rehearsal takes what it cannot see for healthy", "S9", Hands(Slip::RehearsesBlind), |script| with(script, &[Fault::HiddenHealth])),
    bug("the intent is recorded after the call", "S7", Hands(Slip::IntentAfterCall), quiet),
    bug("the outcome is not recorded", "S7", Hands(Slip::OutcomeNotRecorded), quiet),
    bug("another call than the intended one", "S7", Hands(Slip::AnotherCallThanIntended), quiet),
    bug("a refusal is recorded as done", "S18", Hands(Slip::RefusalIsSuccess), |script| with(script, &[Fault::Throttled])),
    bug("no answer is recorded as a refusal", "S18", Hands(Slip::SilenceIsRefusal), |script| with(script, &[Fault::LostAnswer])),
    bug("a new driver does not wait for a call in flight", "S3", Hands(Slip::NoWaitForACallInFlight), |script| {
        with(script, &[Fault::LateCall, Fault::Killed, Fault::Killed]);
    }),
    bug("an operation is created over another", "S14", Store(Lapse::HolderNotLookedAt), |script| with(script, &[Fault::TwoPeople])),
    bug("what lost the wheel goes on", "S13", Store(Lapse::OldNotSuperseded), |script| with(script, &[Fault::RolledBack])),
    bug("taking the wheel does not raise the epoch", "S13", Store(Lapse::EpochNotRaised), |script| with(script, &[Fault::RolledBack])),
    bug("something is noted after the end", "S13", Store(Lapse::EventAfterTheEnd), quiet),
    bug("a command is answered twice", "S14", Store(Lapse::CommandKept), |script| with(script, &[Fault::Paused, Fault::Promoted])),
    bug("an event gets lost", "S8", Store(Lapse::EventLost), quiet),
];

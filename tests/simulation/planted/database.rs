//! Mistakes about the database behind a fleet: S16 passed over, and migrations that are run when they must not be.

use quarterdeck::domain::fleet::Strategy;
use quarterdeck::domain::time::Millis;
use quarterdeck::engine::{Decision, Situation};
use quarterdeck::operation::plan::OperationKind;
use quarterdeck::operation::schema::{HookKind, HookRun};

use super::bugs::{bug, quiet};
use super::{Bug, Eyes, Hook};
use crate::database::Owner;
use crate::script::{Kind, Script};

/// Of the versions of `web`: the one after what runs, which needs a newer schema, and one that works with the same.
const NEWER: &[(&str, Kind)] = &[("2.14.0", Kind::Good)];
const COMPATIBLE: &[(&str, Kind)] = &[("2.13.1", Kind::Good)];

const MIGRATES: Owner = Owner { migrates: true, silent: None, fails: None, meddled: false, dies: false, slow: false };

fn migrates(script: &mut Script) {
    quiet(script);
    (script.images, script.database) = (NEWER, Some(MIGRATES));
}

fn without_a_migration(script: &mut Script) {
    quiet(script);
    (script.images, script.database) = (NEWER, Some(Owner { migrates: false, ..MIGRATES }));
}

fn meddled(script: &mut Script) {
    compatible(script);
    (script.strategy, script.guards.hold, script.promotes) = (Strategy::BlueGreen, true, true);
    script.database = Some(Owner { migrates: false, meddled: true, ..MIGRATES });
}

fn dies(script: &mut Script) {
    migrates(script);
    script.database = Some(Owner { dies: true, slow: true, ..MIGRATES });
}

fn slow(script: &mut Script) {
    migrates(script);
    script.database = Some(Owner { slow: true, ..MIGRATES });
}

/// What is deployed works with the same schemas as what runs.
fn compatible(script: &mut Script) {
    quiet(script);
    (script.images, script.database) = (COMPATIBLE, Some(MIGRATES));
}

/// The driver does not know that there is a database.
fn schema_not_asked(eyes: &mut Eyes) {
    eyes.plan.schema = None;
}

/// Whoever rolls back migrates as well.
fn migrates_back(situation: &Situation<'_>, decision: &mut Decision) {
    if situation.plan.kind == OperationKind::Rollback && decision.wait > Millis::ZERO {
        let run = vec!["/usr/local/bin/migrate".to_owned()];
        decision.hook = Some(HookRun { kind: HookKind::Migration, run, document: "{}".to_owned(), limit: Millis::mins(1) });
    }
}

/// What another driver began is not known of.
fn migration_forgotten(eyes: &mut Eyes) {
    eyes.progress.migration.take_if(|migration| migration.lost);
}

/// Nobody waits for the migration that runs.
fn migration_taken_for_done(eyes: &mut Eyes) {
    if eyes.progress.migration.is_some() {
        eyes.plan.schema = None;
    }
}

pub const DATABASE: &[Bug] = &[
    bug("S16 is passed over by a deploy", "S16", Hook::RangesNotRead(OperationKind::Deploy), without_a_migration),
    bug("S16 is passed over by a rollback", "S16", Hook::RangesNotRead(OperationKind::Rollback), migrates),
    bug("the driver does not ask for the schema", "S16", Hook::Sees(schema_not_asked), meddled),
    bug("a rollback migrates", "S16", Hook::Decides(migrates_back), compatible),
    bug("a migration is run again after a crash", "S8", Hook::Sees(migration_forgotten), dies),
    bug("traffic comes before the migration is over", "S16", Hook::Sees(migration_taken_for_done), slow),
];

//! The database behind a fleet: what a plan knows of its schema, the programs that tell and migrate it, and what became of a migration.

use serde::{Deserialize, Serialize};

use super::event::OperationState;
use super::plan::{OperationKind, Plan, Side};
use super::progress::Progress;
use crate::domain::fleet::Route;
use crate::domain::ids::{FleetName, ImageId, OperationId};
use crate::domain::schema::{Fit, LiveSchema, SchemaRange};
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// How long the program that says the live schema may take; by then it is unknown.
pub const SCHEMA_LIMIT: Millis = Millis::secs(10);

/// What a plan knows of the schema of the fleet's database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPlan {
    /// The program that says which schema is live; empty where there is none.
    pub hook: Vec<String>,
    /// What it said when the plan was made.
    pub live: LiveSchema,
    /// What the release that is left works with.
    pub from: SchemaRange,
    /// What the one that is gone to works with.
    pub to: SchemaRange,
    /// What is run before the new release gets its first server. Only a deploy has one.
    pub migration: Option<Migration>,
    /// The release that is left cannot run any more afterwards.
    pub one_way: Option<OneWay>,
}

/// A migration of the fleet's database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The program with its arguments.
    pub run: Vec<String>,
    /// How long it may take.
    pub limit: Millis,
}

/// Why nothing leads back to the release that is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneWay {
    /// In words.
    pub why: String,
    /// Older releases that run afterwards all the same, the newest first.
    pub safe: Vec<String>,
}

impl OneWay {
    /// One sentence for whoever is about to confirm it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let safe = match self.safe.as_slice() {
            [] => "no older release of the ledger is safe to go back to".to_owned(),
            safe => format!("still safe to go back to: {}", safe.join(", ")),
        };
        format!("{}; {safe}", self.why)
    }
}

/// What a program of the fleet's owner is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// It says which schema is live.
    Schema,
    /// It migrates the database.
    Migration,
}

/// A program that is to be run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRun {
    /// What for.
    pub kind: HookKind,
    /// The program with its arguments. No shell sees them.
    pub run: Vec<String>,
    /// One JSON document for its standard input.
    pub document: String,
    /// How long it may take, in real time.
    pub limit: Millis,
}

/// How such a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookOutcome {
    /// With success.
    pub succeeded: bool,
    /// What it printed on its standard output.
    pub told: Untrusted,
    /// How it ended and what it printed, for people.
    pub said: Untrusted,
}

impl HookOutcome {
    /// The live schema it tells. Whatever is not clearly a number is unknown.
    #[must_use]
    pub fn live_schema(&self) -> LiveSchema {
        if self.succeeded { LiveSchema::of_output(self.told.raw()) } else { LiveSchema::Unknown(self.said.clone()) }
    }
}

/// How a migration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationEnd {
    /// It says that it did what it is for.
    Succeeded,
    /// It says that it failed, or it did not end in time.
    Failed,
    /// It was never started.
    NotStarted,
}

/// How a migration ended, with the end of its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationOutcome {
    /// How.
    pub end: MigrationEnd,
    /// How it ended in words, and the end of what it printed.
    pub said: Untrusted,
}

/// A migration that an operation began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationStatus {
    /// When its intent was recorded.
    pub started_at: WorldTime,
    /// How it ended; none while it runs, or where nobody saw it end.
    pub outcome: Option<MigrationOutcome>,
    /// The driver that began it is gone: whether it still runs, and how it ended, nobody knows.
    pub lost: bool,
}

impl MigrationStatus {
    /// It was begun, and nobody knows how it ended.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.outcome.is_none()
    }
}

/// What the program said, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaReading {
    /// When.
    pub at: WorldTime,
    /// It.
    pub live: LiveSchema,
    /// It was read in this step, and nothing happened since that may have changed it.
    pub fresh: bool,
    /// A call was made since then, or something else was done first: from then on its age counts.
    pub used: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    ask: &'static str,
    fleet: &'a FleetName,
    place: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'a OperationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<ReleaseDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<ReleaseDocument<'a>>,
}

#[derive(Serialize)]
struct ReleaseDocument<'a> {
    version: Option<&'a Untrusted>,
    image: &'a ImageId,
    schema_min: Option<u64>,
    schema_max: Option<u64>,
}

fn text(document: &Document<'_>) -> String {
    serde_json::to_string(document).unwrap_or_else(|_| "{}".to_owned())
}

/// The run of a program that says which schema the database of a fleet has.
#[must_use]
pub fn schema_question(hook: &[String], fleet: &FleetName, place: &str) -> HookRun {
    let document = Document { version: 1, ask: "schema", fleet, place, operation: None, schema: None, from: None, to: None };
    HookRun { kind: HookKind::Schema, run: hook.to_vec(), document: text(&document), limit: SCHEMA_LIMIT }
}

/// The run of the plan's migration.
#[must_use]
pub fn migration_run(operation: &OperationId, plan: &Plan, live: &LiveSchema) -> Option<HookRun> {
    let schema = plan.schema.as_ref()?;
    let Migration { run, limit } = schema.migration.clone()?;
    let document = Document {
        version: 1,
        ask: "migrate",
        fleet: &plan.fleet,
        place: &plan.place,
        operation: Some(operation),
        schema: live.known(),
        from: Some(release(&plan.from, &schema.from)),
        to: Some(release(&plan.to, &schema.to)),
    };
    Some(HookRun { kind: HookKind::Migration, run, document: text(&document), limit })
}

fn release<'a>(side: &'a Side, range: &SchemaRange) -> ReleaseDocument<'a> {
    ReleaseDocument { version: side.version.as_ref(), image: &side.image, schema_min: range.min, schema_max: range.max }
}

/// Why an unfinished deploy cannot go back by itself any more: what it came from gets no traffic, and does not run on the schema that is live
/// now.
#[must_use]
pub fn no_way_out(plan: &Plan, progress: &Progress) -> Option<String> {
    no_way_out_of(plan, progress, progress.left_out)
}

/// The same, given whether the release that is left is out of the traffic as it was just seen.
#[must_use]
pub fn no_way_out_of(plan: &Plan, progress: &Progress, left_out: bool) -> Option<String> {
    let schema = plan.schema.as_ref().filter(|_| plan.kind == OperationKind::Deploy && progress.state != OperationState::BackingOut)?;
    let Fit::Excluded(why) = schema.from.fit(&progress.schema.as_ref()?.live) else { return None };
    (left_out || !still_serves(plan, progress)).then(|| format!("{} cannot run any more: {why}", plan.from.label()))
}

/// Why a rollback gave up: the schema that is live keeps its target out, and it let none of it in.
#[must_use]
pub fn given_up_for(plan: &Plan, progress: &Progress) -> Option<String> {
    let failed = plan.kind == OperationKind::Rollback && progress.state == OperationState::Failed;
    let schema = plan.schema.as_ref().filter(|_| failed && progress.written_at.is_none())?;
    let Fit::Excluded(why) = schema.to.fit(&progress.schema.as_ref()?.live) else { return None };
    Some(format!("{} does not run on the live schema: {why}", plan.to.label()))
}

/// The release that is left gets traffic, as far as this operation wrote or found it; where AWS's engine goes back, it launches new servers of it.
fn still_serves(plan: &Plan, progress: &Progress) -> bool {
    if plan.refresh.is_some() {
        return progress.refresh.starts == 0;
    }
    match plan.scope.route {
        Route::Weighted { .. } => {
            let target_group = plan.from.target_group.as_ref();
            let share = progress.expected_routes.last().zip(target_group).and_then(|(route, target_group)| route.share(target_group));
            share.is_none_or(|share| share > 0.0)
        }
        Route::Attached { .. } => progress.may_read_attached(&plan.from.group).last().copied().unwrap_or(true),
        Route::None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_or_lies_says_no_schema() {
        let outcome = |succeeded, told: &str| HookOutcome { succeeded, told: told.into(), said: "it failed (exit status: 3)".into() };
        assert_eq!(outcome(true, "7\n").live_schema(), LiveSchema::At(7));
        assert_eq!(outcome(false, "7\n").live_schema(), LiveSchema::Unknown("it failed (exit status: 3)".into()));
        assert!(matches!(outcome(true, "about seven").live_schema(), LiveSchema::Unknown(_)));
    }

    #[test]
    fn one_way_says_what_is_still_safe() {
        let one_way = |safe: &[&str]| OneWay { why: "2.14.0 cannot run any more".to_owned(), safe: safe.iter().map(ToString::to_string).collect() };
        assert_eq!(one_way(&["2.13.2"]).sentence(), "2.14.0 cannot run any more; still safe to go back to: 2.13.2");
        assert!(one_way(&[]).sentence().ends_with("no older release of the ledger is safe to go back to"));
    }
}

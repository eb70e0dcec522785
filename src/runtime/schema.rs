//! Asking the programs of the fleets' owners which schema is live: for plans at once, for what is always shown now and then.

use std::time::Duration;

use super::gather::Gathered;
use super::office::Office;
use crate::adapters::owner_program::{SchemaProgram, ask};
use crate::adapters::store::{Store, StoreError};
use crate::domain::fleet::FleetSpec;
use crate::domain::ids::FleetName;
use crate::domain::schema::LiveSchema;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::intent::Intent;
use crate::operation::plan::CheckLevel;
use crate::operation::schema::{HookRun, schema_question};
use crate::ports::desk::Finding;
use crate::ports::schema::SchemaSource;

/// A program is asked again after this.
const ASK_AGAIN: Millis = Millis::secs(60);
/// What was told longer ago says nothing any more.
const TOLD_LIFE: Millis = Millis::mins(10);
/// Most programs run in one round.
const MOST_A_ROUND: usize = 16;
/// For what is only shown a program has less time than for a plan.
const LISTED_LIMIT: Millis = Millis::secs(5);
/// A round of listings waits no longer than this for them; what they say later is kept for the next.
const PATIENCE: Duration = Duration::from_secs(2);

fn told_name(fleet: &FleetName) -> String {
    format!("schema {}", fleet.as_str())
}

fn asked_name(fleet: &FleetName) -> String {
    format!("schema asked {}", fleet.as_str())
}

/// What was told last of the fleet's schema, if that is not too long ago.
pub(super) fn told(store: &Store, spec: &FleetSpec, now: WorldTime) -> Result<LiveSchema, StoreError> {
    if spec.schema.is_empty() {
        return Ok(LiveSchema::Unasked);
    }
    Ok(match store.remark::<LiveSchema>(&told_name(&spec.name))? {
        Some((at, live)) if now.since(at) < TOLD_LIFE => live,
        Some((at, _)) => LiveSchema::Unknown(format!("its program told nothing since {}", at.clock()).into()),
        None => LiveSchema::Unknown("its program was not asked yet".into()),
    })
}

impl Office {
    fn question(&self, spec: &FleetSpec) -> HookRun {
        let place = self.known_identity().map_or_else(|| "?".to_owned(), |identity| format!("{} {}", identity.account, identity.region));
        schema_question(&spec.schema, &spec.name, &place)
    }

    /// Which schema is live, asked now.
    pub(super) async fn ask_schema(&self, spec: &FleetSpec) -> LiveSchema {
        if spec.schema.is_empty() {
            return LiveSchema::Unasked;
        }
        let live = SchemaProgram.live(&self.question(spec)).await;
        keep(&self.store, &spec.name, self.now(), &live);
        live
    }

    /// The same for a plan. A rollback in a fleet none of whose releases says anything of schemas does not wait for it.
    pub(super) async fn schema_for(&self, intent: &Intent, spec: &FleetSpec, gathered: &Gathered) -> LiveSchema {
        let of_ledger = || {
            let images = gathered.images.items().iter().filter(|image| image.schema.is_named());
            images.into_iter().any(|image| gathered.record.ledger.iter().any(|entry| entry.release.image == image.id))
        };
        match intent {
            Intent::Deploy { .. } => self.ask_schema(spec).await,
            Intent::Rollback { .. } if of_ledger() => self.ask_schema(spec).await,
            Intent::Rollback { .. } | Intent::Recycle { .. } => gathered.record.schema.clone(),
        }
    }

    /// Asks the programs that were not asked for longest, as far as they are due.
    pub(super) async fn ask_schemas(&self, specs: &[FleetSpec]) {
        let now = self.now();
        let asked = |spec: &FleetSpec| self.store.remark::<()>(&asked_name(&spec.name)).ok().flatten().map(|(at, ())| at);
        let mut due: Vec<(Option<WorldTime>, &FleetSpec)> =
            specs.iter().filter(|spec| !spec.schema.is_empty()).map(|spec| (asked(spec), spec)).collect();
        due.retain(|(at, _)| at.is_none_or(|at| now.since(at) >= ASK_AGAIN));
        due.sort_by_key(|(at, _)| *at);
        due.truncate(MOST_A_ROUND);
        let running = due.into_iter().map(|(_, spec)| {
            if let Err(error) = self.store.keep_remark(&asked_name(&spec.name), now, &()) {
                tracing::warn!("that the schema of {} was asked for was not kept: {error}", spec.name);
            }
            let question = HookRun { limit: LISTED_LIMIT, ..self.question(spec) };
            let (store, fleet) = (self.store.clone(), spec.name.clone());
            tokio::task::spawn_blocking(move || keep(&store, &fleet, now, &ask(&question)))
        });
        let running: Vec<_> = running.collect();
        let all = async {
            for one in running {
                drop(one.await);
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            tracing::debug!("not every program told its schema in {}s", PATIENCE.as_secs());
        }
    }

    /// What the doctor says of the fleet's database.
    pub(super) async fn examine_schema(&self, spec: &FleetSpec) -> Option<Finding> {
        let finding = |level, text: String| Finding { level, subject: "schema".to_owned(), text };
        let migrates = if spec.migration.is_empty() { "" } else { "; deploys migrate it before their first server" };
        match self.ask_schema(spec).await {
            LiveSchema::At(schema) => Some(finding(CheckLevel::Ok, format!("{schema} is live{migrates}"))),
            LiveSchema::Unknown(why) => {
                let text = format!("unknown: {}\nimages that name schemas are neither deployed nor gone back to until it is known", why.shown());
                Some(finding(CheckLevel::Unknown, text))
            }
            LiveSchema::Unasked if spec.migration.is_empty() => None,
            LiveSchema::Unasked => {
                let text = "no program says which one is live: after a crash in a migration a person has to say how it ended\n`schema` in fleets.toml names one";
                Some(finding(CheckLevel::Warning, text.to_owned()))
            }
        }
    }
}

fn keep(store: &Store, fleet: &FleetName, at: WorldTime, live: &LiveSchema) {
    if let Err(error) = store.keep_remark(&told_name(fleet), at, live) {
        tracing::warn!("the schema of {fleet} was not kept: {error}");
    }
}

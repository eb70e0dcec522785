//! Operations and their events: confirmed once, appended to by the one driver whose epoch is current.

use rusqlite::{OptionalExtension, Transaction, params};

use super::commands::{CommandAnswer, put_answer};
use super::views::whole;
use super::{Store, StoreError, freezes, image_log, leases, ledger};
use crate::adapters::host;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::image_use::mentioned;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::operation::answer::COMMAND_LIFE;
use crate::operation::command::{Command, Who};
use crate::operation::consequence::Consequence;
use crate::operation::event::{Event, EventBody, OperationState};
use crate::operation::ledger::{How, LedgerBody};
use crate::operation::plan::{OperationKind, Plan};
use crate::operation::record::{Appended, Operation};
use crate::operation::work::{Standing, Work};

/// A plan somebody confirmed.
#[derive(Clone, Debug)]
pub struct NewOperation<P = Plan> {
    /// The plan.
    pub plan: P,
    /// Who.
    pub by: Who,
    /// Why.
    pub reason: Option<Untrusted>,
    /// When, in world time.
    pub at: WorldTime,
}

impl Store {
    /// Writes a confirmed plan down. A rollback takes the wheel from what holds the fleet, and both from a waiting retire, in the same transaction.
    ///
    /// # Errors
    /// Another operation holds the fleet than the one the plan was made against, or the fleet is frozen and this goes forward.
    pub fn create(&self, new: &NewOperation) -> Result<OperationId, StoreError> {
        if new.plan.kind == OperationKind::Deploy && !self.dir().join(crate::adapters::RESERVE_NAME).exists() {
            // Going forward waits until there is room to come to rest; going back does not.
            return Err(super::no_reserve(self.dir()));
        }
        if new.plan.kind == OperationKind::Deploy {
            self.must_be_sound()?;
        }
        self.write(|transaction| {
            let sql = |error| self.sql(error);
            if new.plan.kind == OperationKind::Deploy {
                // Somebody may have frozen the fleet since the plan was made.
                freezes::none_holds(self, transaction, &new.plan.fleet, new.at)?;
            }
            image_log::nobody_removes(self, transaction, &new.plan.to.image)?;
            let holder = holder_of(transaction, &new.plan.fleet).map_err(sql)?;
            if let Some(holder) = &holder
                && (new.plan.kind != OperationKind::Rollback || new.plan.supersedes.as_ref() != Some(holder))
            {
                return Err(StoreError::Held(holder.clone()));
            }
            let id = next_id(transaction).map_err(sql)?;
            for old in unfinished(transaction, &new.plan.fleet).map_err(sql)? {
                supersede(self, transaction, &old, &id, new.at)?;
            }
            insert(self, transaction, &id, new)?;
            Ok(id)
        })
    }

    /// Writes a confirmed plan of another kind down. Nothing takes the wheel from it.
    ///
    /// # Errors
    /// Another operation of its kind holds the same subject, or there is no room left to come to rest.
    pub fn create_other<P: Work>(&self, new: &NewOperation<P>) -> Result<OperationId, StoreError> {
        if !self.dir().join(crate::adapters::RESERVE_NAME).exists() {
            return Err(super::no_reserve(self.dir()));
        }
        self.must_be_sound()?;
        self.write(|transaction| {
            let sql = |error| self.sql(error);
            let sql_text = "SELECT id FROM operations WHERE fleet = ?1 AND kind = ?2 AND holds = 1";
            let found = transaction.query_row(sql_text, [new.plan.subject(), new.plan.kind_word()], |row| row.get::<_, String>(0)).optional();
            if let Some(holder) = found.map_err(sql)? {
                return Err(StoreError::Under(OperationId::new(holder)));
            }
            for image in mentioned(&to_json(&new.plan)?) {
                image_log::nobody_removes(self, transaction, &image)?;
            }
            let id = next_id(transaction).map_err(sql)?;
            insert(self, transaction, &id, new)?;
            Ok(id)
        })
    }

    /// Appends events under a lease. What follows from them (ledger, retire) is written in the same transaction.
    ///
    /// # Errors
    /// The lease was lost, or the operation was superseded.
    pub fn append<P: Work>(&self, view: &Operation<P>, epoch: u64, bodies: &[EventBody], at: WorldTime) -> Result<Appended, StoreError> {
        self.write(|transaction| self.append_in(transaction, view, epoch, bodies, at))
    }

    /// The same, with the answer to a command in the same transaction; nothing at all if its sender has withdrawn it.
    ///
    /// # Errors
    /// The lease was lost, or the operation was superseded.
    pub fn append_answering<P: Work>(
        &self,
        view: &Operation<P>,
        epoch: u64,
        bodies: &[EventBody],
        at: WorldTime,
        (command, answer): (&Command, &CommandAnswer),
    ) -> Result<Option<Appended>, StoreError> {
        self.write(|transaction| {
            // Under the write lock: whoever stood still before that reads the command anew.
            let is_late = host::boot_now().since(command.sent_at) > COMMAND_LIFE;
            if answer.accepted && is_late || !put_answer(self, transaction, command.id, answer)? {
                return Ok(None);
            }
            self.append_in(transaction, view, epoch, bodies, at).map(Some)
        })
    }

    fn append_in<P: Work>(
        &self,
        transaction: &Transaction<'_>,
        view: &Operation<P>,
        epoch: u64,
        bodies: &[EventBody],
        at: WorldTime,
    ) -> Result<Appended, StoreError> {
        leases::check(self, transaction, &view.id, epoch)?;
        let mut events = self.events_in(transaction, &view.id)?;
        let known = events.len();
        let mut progress = view.plan.fold(&events, view.created_at);
        let mut retire = None;
        for body in bodies {
            let event = Event { seq: events.len() as u64, at, body: body.clone() };
            put(self, transaction, &view.id, epoch, &event)?;
            if let Some(rollout) = P::rollout(view) {
                for follows in view.plan.consequences(&progress, body) {
                    retire = follow(self, transaction, rollout, &follows, at)?.or(retire);
                }
            }
            progress.take_in(&event);
            events.push(event);
        }
        mark_end(transaction, &view.id, progress.state()).map_err(|error| self.sql(error))?;
        self.keep_history(transaction, &view.plan, &progress, (&events, bodies))?;
        Ok(Appended { events: events.split_off(known), retire })
    }

    fn events_in(&self, transaction: &Transaction<'_>, id: &OperationId) -> Result<Vec<Event>, StoreError> {
        let bodies: rusqlite::Result<Vec<(u64, String)>> = (|| {
            transaction
                .prepare_cached("SELECT seq, body FROM events WHERE operation = ?1 ORDER BY seq")?
                .query_map([id.as_str()], |row| Ok((u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), row.get(1)?)))?
                .collect()
        })();
        let recorded: i64 =
            transaction.query_row("SELECT events FROM operations WHERE id = ?1", [id.as_str()], |row| row.get(0)).map_err(|error| self.sql(error))?;
        let events = whole(&bodies.map_err(|error| self.sql(error))?, u64::try_from(recorded).unwrap_or(0));
        events.map_err(|what| StoreError::Damaged(format!("the record of operation {id}: {what}")))
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::Damaged(format!("a record cannot be read ({error})")))
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(format!("a record cannot be written ({error})")))
}

fn holder_of(transaction: &Transaction<'_>, fleet: &FleetName) -> rusqlite::Result<Option<OperationId>> {
    let found: Option<String> = transaction
        .query_row("SELECT id FROM operations WHERE fleet = ?1 AND holds = 1 AND kind <> 'bake'", [fleet.as_str()], |row| row.get(0))
        .optional()?;
    Ok(found.map(OperationId::new))
}

fn unfinished(transaction: &Transaction<'_>, fleet: &FleetName) -> rusqlite::Result<Vec<OperationId>> {
    let mut statement = transaction.prepare_cached("SELECT id FROM operations WHERE fleet = ?1 AND final = 0 AND kind <> 'bake'")?;
    statement.query_map([fleet.as_str()], |row| row.get::<_, String>(0).map(OperationId::new))?.collect()
}

/// The next number. Events whose operation was removed keep theirs.
fn next_id(transaction: &Transaction<'_>) -> rusqlite::Result<OperationId> {
    let last: Option<i64> = transaction.query_row("SELECT max(no) FROM operations", [], |row| row.get(0))?;
    let mut number = last.unwrap_or(0) + 1;
    loop {
        let id = format!("op-{number}");
        if !transaction.query_row("SELECT EXISTS (SELECT 1 FROM events WHERE operation = ?1)", [&id], |row| row.get(0))? {
            return Ok(OperationId::new(id));
        }
        number += 1;
    }
}

fn insert<P: Work>(store: &Store, transaction: &Transaction<'_>, id: &OperationId, new: &NewOperation<P>) -> Result<(), StoreError> {
    let operation = Operation { id: id.clone(), plan: new.plan.clone(), by: new.by.clone(), reason: new.reason.clone(), created_at: new.at };
    let body = to_json(&operation)?;
    transaction
        .execute(
            "INSERT INTO operations (id, fleet, kind, holds, final, body) VALUES (?1, ?2, ?3, ?4, 0, ?5)",
            params![id.as_str(), new.plan.subject(), new.plan.kind_word(), new.plan.holds(), body],
        )
        .map_err(|error| store.sql(error))?;
    let planned = new.plan.planned(&new.by, new.reason.as_ref());
    put(store, transaction, id, 0, &Event { seq: 0, at: new.at, body: planned })
}

/// The old driver reads the epoch in the transaction of its next event, and leaves.
fn supersede(store: &Store, transaction: &Transaction<'_>, old: &OperationId, by: &OperationId, at: WorldTime) -> Result<(), StoreError> {
    let seq: i64 = transaction
        .query_row("SELECT coalesce(max(seq) + 1, 0) FROM events WHERE operation = ?1", [old.as_str()], |row| row.get(0))
        .map_err(|error| store.sql(error))?;
    let event = Event { seq: u64::try_from(seq).unwrap_or(0), at, body: EventBody::SupersededBy { operation: by.clone() } };
    let epoch = leases::revoke(transaction, old).map_err(|error| store.sql(error))?;
    put(store, transaction, old, epoch, &event)?;
    mark_end(transaction, old, OperationState::Superseded).map_err(|error| store.sql(error))
}

fn put(store: &Store, transaction: &Transaction<'_>, id: &OperationId, epoch: u64, event: &Event) -> Result<(), StoreError> {
    let body = to_json(event)?;
    transaction
        .execute(
            "INSERT INTO events (operation, seq, epoch, body) VALUES (?1, ?2, ?3, ?4)",
            params![id.as_str(), number(event.seq), number(epoch), body],
        )
        .map_err(|error| store.sql(error))?;
    transaction
        .execute("UPDATE operations SET events = ?2 WHERE id = ?1", params![id.as_str(), number(event.seq.saturating_add(1))])
        .map(|_| ())
        .map_err(|error| store.sql(error))
}

pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn mark_end(transaction: &Transaction<'_>, id: &OperationId, state: OperationState) -> rusqlite::Result<()> {
    if state.is_final() {
        transaction.execute("UPDATE operations SET final = 1, holds = 0 WHERE id = ?1", [id.as_str()])?;
    }
    Ok(())
}

/// What an event means beyond its operation; the id of a retire that begins.
fn follow(
    store: &Store,
    transaction: &Transaction<'_>,
    operation: &Operation,
    follows: &Consequence,
    at: WorldTime,
) -> Result<Option<OperationId>, StoreError> {
    let by: Untrusted = operation.by.short().into();
    let entry = |release, body| ledger::NewEntry {
        fleet: operation.plan.fleet.clone(),
        at,
        release,
        body,
        by: by.clone(),
        reason: operation.reason.clone(),
        operation: Some(operation.id.clone()),
    };
    match follows {
        Consequence::Stable(release) => {
            let how = if operation.plan.kind == OperationKind::Rollback { How::RolledBack } else { How::Deployed };
            ledger::put(store, transaction, &entry(release.clone(), LedgerBody::Stable { how }))?;
        }
        Consequence::Mark(release) => ledger::put(store, transaction, &entry(release.clone(), LedgerBody::Marked))?,
        Consequence::Retire(plan) => return begin_retire(store, transaction, operation, plan, at).map(Some),
        Consequence::RetireAgain(earlier) => {
            let body: String = transaction
                .query_row("SELECT body FROM operations WHERE id = ?1", [earlier.as_str()], |row| row.get(0))
                .map_err(|error| store.sql(error))?;
            // One that cannot be read any more is given back by the next operation: this one has to end.
            let Ok(earlier) = parse::<Operation>(&body) else { return Ok(None) };
            return begin_retire(store, transaction, operation, &earlier.plan, at).map(Some);
        }
    }
    Ok(None)
}

fn begin_retire(store: &Store, transaction: &Transaction<'_>, operation: &Operation, plan: &Plan, at: WorldTime) -> Result<OperationId, StoreError> {
    let id = next_id(transaction).map_err(|error| store.sql(error))?;
    insert(store, transaction, &id, &NewOperation { plan: plan.clone(), by: operation.by.clone(), reason: None, at })?;
    Ok(id)
}

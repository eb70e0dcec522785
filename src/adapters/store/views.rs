//! Operations as they are read: whole ones, and what is wrong with the others, which never hide the rest.

use rusqlite::{OptionalExtension, Row, ToSql, params};

use super::{Store, StoreError, leases};
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::text::{Untrusted, escape};
use crate::operation::any::AnyView;
use crate::operation::bake::{BakePlan, BakeView};
use crate::operation::damage::{DamagedOperation, RawEvent, RawOperation};
use crate::operation::event::{Event, EventBody};
use crate::operation::lease::Lease;
use crate::operation::plan::Plan;
use crate::operation::record::{Operation, OperationView};
use crate::operation::work::Work;

/// Operations as the store could read them, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// Those whose record is whole.
    pub whole: Vec<OperationView>,
    /// The others.
    pub damaged: Vec<DamagedOperation>,
}

/// One row of `operations`.
struct Stored {
    id: OperationId,
    fleet: FleetName,
    kind: Untrusted,
    holds: bool,
    finished: bool,
    body: String,
    /// How many events it has.
    events: u64,
}

const COLUMNS: &str = "id, fleet, kind, holds, final, body, events";

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let text = |index: usize| row.get::<_, String>(index);
        Ok(Self {
            id: OperationId::new(text(0)?),
            fleet: FleetName::new(text(1)?),
            kind: text(2)?.into(),
            holds: row.get(3)?,
            finished: row.get(4)?,
            body: text(5)?,
            events: u64::try_from(row.get::<_, i64>(6)?).unwrap_or(0),
        })
    }

    fn is_bake(&self) -> bool {
        self.kind.raw() == "bake"
    }

    fn damaged(self, what: String, plan: Option<Plan>) -> DamagedOperation {
        let Self { id, fleet, kind, holds, finished, .. } = self;
        DamagedOperation { id, fleet, kind, unfinished: !finished, holds, what, plan: plan.map(Box::new) }
    }
}

impl Store {
    /// One operation with everything that is known of it.
    ///
    /// # Errors
    /// There is no such operation, or its record is damaged.
    pub fn operation(&self, id: &OperationId) -> Result<OperationView, StoreError> {
        self.load(self.stored(id)?)?.map_err(|damaged| StoreError::Record(Box::new(damaged)))
    }

    /// An operation of whichever kind.
    ///
    /// # Errors
    /// There is no such operation, or its record is damaged.
    pub fn any_operation(&self, id: &OperationId) -> Result<AnyView, StoreError> {
        let stored = self.stored(id)?;
        let view = if stored.is_bake() {
            self.load(stored)?.map(|view| AnyView::Bake(Box::new(view)))
        } else {
            self.load(stored)?.map(|view| AnyView::Rollout(Box::new(view)))
        };
        view.map_err(|damaged| StoreError::Record(Box::new(damaged)))
    }

    /// Bakes newest first: all unfinished ones, and `finished` of the others. Damaged ones are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn bakes(&self, finished: usize) -> Result<Vec<BakeView>, StoreError> {
        let newest = "no IN (SELECT no FROM operations WHERE final = 1 AND kind = 'bake' ORDER BY no DESC LIMIT ?1)";
        let sql = format!("SELECT {COLUMNS} FROM operations WHERE kind = 'bake' AND (final = 0 OR {newest}) ORDER BY no DESC");
        let rows = self.rows(&sql, &[&i64::try_from(finished).unwrap_or(i64::MAX)])?;
        let mut views = Vec::new();
        for row in rows {
            views.extend(self.load(row)?.ok());
        }
        Ok(views)
    }

    /// Operations newest first: all unfinished ones, and `finished` of the others. Damaged ones are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn operations(&self, finished: usize) -> Result<Vec<OperationView>, StoreError> {
        Ok(self.listed(finished)?.whole)
    }

    /// The same with the damaged ones apart.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn listed(&self, finished: usize) -> Result<Listed, StoreError> {
        let newest = "no IN (SELECT no FROM operations WHERE final = 1 AND kind <> 'bake' ORDER BY no DESC LIMIT ?1)";
        let sql = format!("SELECT {COLUMNS} FROM operations WHERE final = 0 OR {newest} ORDER BY no DESC");
        self.list(&sql, &[&i64::try_from(finished).unwrap_or(i64::MAX)])
    }

    /// The newest operations of a fleet, finished or not, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn operations_of(&self, fleet: &FleetName, at_most: u32) -> Result<Listed, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM operations WHERE fleet = ?1 AND kind <> 'bake' ORDER BY no DESC LIMIT ?2");
        self.list(&sql, &[&fleet.as_str(), &at_most])
    }

    /// An operation as the bytes the store has of it, readable or not.
    ///
    /// # Errors
    /// There is no such operation, or the store cannot be read.
    pub fn raw_operation(&self, id: &OperationId) -> Result<RawOperation, StoreError> {
        let stored = self.stored(id)?;
        let events: Vec<RawEvent> = self.read(|connection| {
            let event = |row: &Row<'_>| {
                let number = |index: usize| row.get::<_, i64>(index).map(|number| u64::try_from(number).unwrap_or(0));
                Ok(RawEvent { seq: number(0)?, epoch: number(1)?, record: row.get::<_, String>(2)?.into() })
            };
            connection
                .prepare_cached("SELECT seq, epoch, body FROM events WHERE operation = ?1 ORDER BY seq")?
                .query_map([id.as_str()], event)?
                .collect()
        })?;
        let Stored { id, fleet, kind, finished, body, .. } = stored;
        Ok(RawOperation { id, fleet, kind, finished, record: body.into(), events })
    }

    fn stored(&self, id: &OperationId) -> Result<Stored, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM operations WHERE id = ?1");
        let found = self.read(|connection| connection.query_row(&sql, params![id.as_str()], Stored::read).optional())?;
        found.ok_or_else(|| StoreError::NoOperation(id.clone()))
    }

    fn rows(&self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Vec<Stored>, StoreError> {
        self.read(|connection| connection.prepare_cached(sql)?.query_map(parameters, Stored::read)?.collect())
    }

    fn list(&self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Listed, StoreError> {
        let mut listed = Listed::default();
        for row in self.rows(sql, parameters)? {
            if row.is_bake() {
                listed.damaged.extend(self.load::<BakePlan>(row)?.err());
                continue;
            }
            match self.load(row)? {
                Ok(view) => listed.whole.push(view),
                Err(damaged) => listed.damaged.push(damaged),
            }
        }
        Ok(listed)
    }

    /// The operation, or what is wrong with its record.
    fn load<P: Work>(&self, stored: Stored) -> Result<Result<OperationView<P>, DamagedOperation>, StoreError> {
        let bodies = self.event_bodies(&stored.id)?;
        let (operation, events) = match (parsed::<Operation<P>>(&stored.body), whole(&bodies, stored.events)) {
            (Ok(operation), Ok(events)) => (operation, events),
            (Ok(operation), Err(what)) => return Ok(Err(stored.damaged(what, P::rollout(&operation).map(|rollout| rollout.plan.clone())))),
            (Err(why), _) => {
                let by = writer(&stored.body).map_or_else(String::new, |build| format!("Quarterdeck {build} wrote it, and "));
                let what = format!("{by}its record cannot be read ({why})");
                return Ok(Err(stored.damaged(what, confirmed_plan(&bodies))));
            }
        };
        let lease = self.lease(&operation.id)?;
        let driver_alive = lease.as_ref().is_some_and(is_held);
        Ok(Ok(OperationView { progress: operation.plan.fold(&events, operation.created_at), operation, events, lease, driver_alive }))
    }

    fn event_bodies(&self, id: &OperationId) -> Result<Vec<(u64, String)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT seq, body FROM events WHERE operation = ?1 ORDER BY seq")?
                .query_map([id.as_str()], |row| Ok((u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), row.get(1)?)))?
                .collect()
        })
    }
}

fn is_held(lease: &Lease) -> bool {
    lease.holder.as_ref().is_some_and(|holder| leases::drives(holder, lease.deadline))
}

/// The events, if none of the `recorded` ones is missing and all can be read; else what is wrong.
pub(super) fn whole(bodies: &[(u64, String)], recorded: u64) -> Result<Vec<Event>, String> {
    let mut events = Vec::with_capacity(bodies.len());
    for (seq, body) in bodies {
        let next = events.len() as u64;
        if *seq != next {
            return Err(format!("{} missing", span(next, *seq - 1)));
        }
        let event: Event = parsed(body).map_err(|why| format!("event {seq} cannot be read ({why})"))?;
        if event.seq != *seq {
            return Err(format!("event {seq} says that it is event {}", event.seq));
        }
        events.push(event);
    }
    let there = events.len() as u64;
    if !events.is_empty() && there < recorded {
        return Err(format!("{} missing", span(there, recorded - 1)));
    }
    match events.first().map(|event| &event.body) {
        Some(EventBody::Planned { .. } | EventBody::BakePlanned { .. }) => Ok(events),
        Some(_) => Err("its first event is not its plan".to_owned()),
        None => Err("all of its events are missing".to_owned()),
    }
}

fn span(first: u64, last: u64) -> String {
    if first == last { format!("event {first} is") } else { format!("events {first} to {last} are") }
}

fn parsed<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|error| escape(&error.to_string()))
}

/// The version that wrote a record this one cannot read, where it says so.
fn writer(body: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(escape(value.get("plan")?.get("build")?.as_str()?))
}

/// The plan as its first event has it.
fn confirmed_plan(bodies: &[(u64, String)]) -> Option<Plan> {
    match parsed::<Event>(&bodies.first()?.1).ok()?.body {
        EventBody::Planned { plan, .. } => Some(*plan),
        _ => None,
    }
}

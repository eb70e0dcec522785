//! The record of freezes: entries are only ever added.

use rusqlite::{Connection, Transaction};

use super::operations::{parse, to_json};
use super::{Store, StoreError};
use crate::domain::ids::FleetName;
use crate::domain::time::WorldTime;
use crate::operation::freeze::{Freeze, FreezeEntry, in_force};

impl Store {
    /// The freezes in force, the one that ends last first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn freezes(&self, now: WorldTime) -> Result<Vec<Freeze>, StoreError> {
        Ok(in_force(&entries(self.read(rows)?)?, now))
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn add_freeze(&self, entry: &FreezeEntry) -> Result<(), StoreError> {
        let body = to_json(entry)?;
        self.write(|transaction| transaction.execute("INSERT INTO freezes (body) VALUES (?1)", [&body]).map(|_| ()).map_err(|error| self.sql(error)))
    }
}

/// In the transaction that begins something new: no freeze holds for its fleet.
pub(super) fn none_holds(store: &Store, transaction: &Transaction<'_>, fleet: &FleetName, now: WorldTime) -> Result<(), StoreError> {
    let entries = entries(rows(transaction).map_err(|error| store.sql(error))?)?;
    match in_force(&entries, now).into_iter().find(|freeze| freeze.covers(fleet)) {
        Some(freeze) => Err(StoreError::Frozen { fleet: fleet.clone(), freeze: Box::new(freeze) }),
        None => Ok(()),
    }
}

fn rows(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare_cached("SELECT body FROM freezes ORDER BY seq")?.query_map([], |row| row.get(0))?.collect()
}

fn entries(bodies: Vec<String>) -> Result<Vec<FreezeEntry>, StoreError> {
    bodies.iter().map(|body| parse(body)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::host;
    use crate::app::fixture;
    use crate::domain::time::Millis;
    use crate::operation::freeze::FreezeBody;
    use crate::operation::plan::Plan;

    const NOW: WorldTime = fixture::NOW;

    fn entry(fleet: Option<&str>, body: FreezeBody) -> FreezeEntry {
        let freeze = fixture::freeze(fleet, Millis::mins(60));
        FreezeEntry { fleet: freeze.fleet, at: NOW, body, by: freeze.by, reason: freeze.reason }
    }

    fn frozen() -> FreezeBody {
        FreezeBody::Frozen { until: NOW.plus(Millis::mins(60)) }
    }

    fn operation(plan: Plan, at: WorldTime) -> super::super::NewOperation {
        super::super::NewOperation { plan, by: crate::operation::command::Who::default(), reason: None, at }
    }

    #[test]
    fn a_deploy_that_was_planned_before_the_freeze_is_not_begun_under_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        store.add_freeze(&entry(None, frozen())).unwrap();
        let refused = store.create(&operation(fixture::deploy_plan(), NOW)).unwrap_err();
        assert!(refused.to_string().contains("ada@bastion-1") && refused.to_string().contains("release week"), "{refused}");
        let plan = Plan { supersedes: None, ..fixture::rollback_plan() };
        store.create(&operation(plan, NOW)).expect("a way back is never frozen");
    }

    #[test]
    fn a_freeze_lets_deploys_begin_again_when_it_is_lifted_or_over() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        store.add_freeze(&entry(Some("web-prod"), frozen())).unwrap();
        assert_eq!(store.freezes(NOW).unwrap().len(), 1);
        assert!(store.freezes(NOW.plus(Millis::mins(60))).unwrap().is_empty());
        store.add_freeze(&entry(Some("web-prod"), FreezeBody::Lifted)).unwrap();
        store.create(&operation(fixture::deploy_plan(), NOW)).expect("it was lifted");
    }

    /// A store as the first version made it, with one operation somebody holds the lease of.
    fn old_store(dir: &std::path::Path, driven: bool) {
        let store = Store::open(dir).unwrap();
        let id = store.create(&operation(fixture::deploy_plan(), NOW)).unwrap();
        let lease = store.take_lease(&id).unwrap();
        assert!(host::this_process().pid > 0);
        if !driven {
            store.release_lease(&id, lease.epoch).unwrap();
        }
        store.lock().execute_batch("DROP TABLE freezes; ALTER TABLE operations DROP COLUMN events; PRAGMA user_version = 1;").unwrap();
    }

    #[test]
    fn a_store_of_an_older_version_is_brought_up_to_date_with_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        old_store(&dir.path().join("store"), false);
        let store = Store::open(&dir.path().join("store")).unwrap();
        assert_eq!(store.operations(10).unwrap().len(), 1);
        store.add_freeze(&entry(None, frozen())).unwrap();
        assert_eq!(store.freezes(NOW).unwrap().len(), 1);
    }

    #[test]
    fn a_store_somebody_drives_an_operation_of_is_not_brought_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        old_store(&dir.path().join("store"), true);
        let refused = Store::open(&dir.path().join("store")).err().unwrap().to_string();
        assert!(refused.contains("older version") && refused.contains("op-1"), "{refused}");
    }
}

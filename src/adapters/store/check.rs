//! Whether a store is whole: SQLite's own check of its file, and every record read.

use super::{Store, StoreError};
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::text::escape;

impl Store {
    /// Everything that is wrong with it, a sentence each: reads the whole file, which takes seconds where it is large.
    ///
    /// # Errors
    /// The store cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        let mut found = self.quick_check(20)?;
        let listed = self.listed(usize::MAX)?;
        found.extend(listed.damaged.iter().map(|damaged| format!("{}\n{}", damaged.sentence(), damaged.remedy())));
        for fleet in self.fleets_with_a_ledger()? {
            found.extend(self.whole_ledger(&fleet)?.1);
        }
        found.extend(self.strays()?.into_iter().map(|id| format!("the record of operation {id} is missing, its events are there")));
        Ok(found)
    }

    /// Refuses to write into a file that SQLite finds damaged.
    pub(super) fn must_be_sound(&self) -> Result<(), StoreError> {
        let found = self.quick_check(1)?;
        found.into_iter().next().map_or(Ok(()), |what| Err(StoreError::Damaged(what)))
    }

    fn quick_check(&self, at_most: u32) -> Result<Vec<String>, StoreError> {
        let rows: Vec<String> = self.read(|connection| {
            let mut statement = connection.prepare(&format!("PRAGMA quick_check({at_most})"))?;
            statement.query_map([], |row| row.get(0))?.collect()
        })?;
        Ok(rows.into_iter().filter(|row| row != "ok").map(|row| escape(&row)).collect())
    }

    fn fleets_with_a_ledger(&self) -> Result<Vec<FleetName>, StoreError> {
        self.read(|connection| {
            connection
                .prepare("SELECT DISTINCT fleet FROM ledger ORDER BY fleet")?
                .query_map([], |row| row.get::<_, String>(0).map(FleetName::new))?
                .collect()
        })
    }

    fn strays(&self) -> Result<Vec<OperationId>, StoreError> {
        let sql = "SELECT DISTINCT operation FROM events WHERE operation NOT IN (SELECT id FROM operations) ORDER BY operation";
        self.read(|connection| connection.prepare(sql)?.query_map([], |row| row.get::<_, String>(0).map(OperationId::new))?.collect())
    }
}

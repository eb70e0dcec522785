//! Putting and lifting freezes, and what the doctor says of them.

use super::gather::unknown_fleet;
use super::office::Office;
use crate::domain::ids::FleetName;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::freeze::{Freeze, FreezeBody, FreezeEntry};
use crate::operation::plan::CheckLevel;
use crate::ports::desk::{DeskError, Finding};

impl Office {
    pub(super) async fn put_freeze(&self, fleet: Option<&FleetName>, length: Millis, reason: Untrusted) -> Result<Freeze, DeskError> {
        self.may_write()?;
        if let Some(fleet) = fleet {
            self.knows(fleet).await?;
        }
        let (since, by) = (self.now_or_known().await, self.who().await);
        let freeze = Freeze { fleet: fleet.cloned(), since, until: since.plus(length), by, reason: Some(reason) };
        self.store.add_freeze(&entry(&freeze, since, FreezeBody::Frozen { until: freeze.until }))?;
        Ok(freeze)
    }

    pub(super) async fn lift_freeze(&self, fleet: Option<&FleetName>, reason: Option<Untrusted>) -> Result<Option<Freeze>, DeskError> {
        self.may_write()?;
        let now = self.now_or_known().await;
        let Some(held) = self.store.freezes(now)?.into_iter().find(|freeze| freeze.fleet.as_ref() == fleet) else {
            if let Some(fleet) = fleet {
                self.knows(fleet).await?;
            }
            return Ok(None);
        };
        let lifted = Freeze { by: self.who().await, reason, ..held.clone() };
        self.store.add_freeze(&entry(&lifted, now, FreezeBody::Lifted))?;
        Ok(Some(held))
    }

    /// One line for each freeze that holds for the fleet; for any where none is named.
    pub(super) fn examine_freezes(&self, fleet: Option<&FleetName>) -> Result<Vec<Finding>, DeskError> {
        let held = self.store.freezes(self.now())?.into_iter().filter(|freeze| fleet.is_none_or(|fleet| freeze.covers(fleet)));
        let finding = |freeze: Freeze| {
            let whose = freeze.fleet.as_ref().map_or_else(String::new, |fleet| format!("{fleet} is "));
            let text = format!("{whose}{}; `{}` lifts it", freeze.described(), freeze.lifted_by());
            Finding { level: CheckLevel::Warning, subject: "freeze".to_owned(), text }
        };
        Ok(held.map(finding).collect())
    }

    /// A cloud that does not answer keeps nobody from freezing.
    async fn now_or_known(&self) -> WorldTime {
        self.read_clock().await.unwrap_or_else(|_| self.now())
    }

    /// There is such a fleet. The last round knows most of them, however old it is.
    async fn knows(&self, fleet: &FleetName) -> Result<(), DeskError> {
        if self.last_round()?.is_some_and(|seen| seen.specs.iter().any(|spec| spec.name == *fleet)) {
            return Ok(());
        }
        let seen = self.look_around().await?;
        if seen.specs.iter().any(|spec| spec.name == *fleet) { Ok(()) } else { Err(unknown_fleet(fleet, &seen.specs)) }
    }
}

fn entry(freeze: &Freeze, at: WorldTime, body: FreezeBody) -> FreezeEntry {
    FreezeEntry { fleet: freeze.fleet.clone(), at, body, by: freeze.by.clone(), reason: freeze.reason.clone() }
}

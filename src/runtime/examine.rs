//! What the doctor says of the store's records and of everything that is borrowed.

use super::gather::records;
use super::office::Office;
use crate::domain::fleet::Slot;
use crate::domain::group::ServerGroup;
use crate::domain::ids::FleetName;
use crate::operation::plan::{BUILD, CheckLevel};
use crate::operation::sighting::Sighting;
use crate::plan::estate::route_of_fleet;
use crate::plan::loans::{Ground, Loan, loans};
use crate::ports::desk::{DeskError, Finding};

impl Office {
    /// Whether the store is whole, record by record.
    pub(super) fn examine_records(&self) -> Vec<Finding> {
        let found = match self.store.check() {
            Ok(found) => found,
            Err(error) => {
                let error = DeskError::from(error);
                vec![format!("{error}\n{}", error.hint())]
            }
        };
        if found.is_empty() {
            return vec![finding(CheckLevel::Ok, "records", "every record of the store can be read".to_owned())];
        }
        found.into_iter().map(|text| finding(CheckLevel::Warning, "records", text)).collect()
    }

    /// What operations borrowed and have not given back, what is overdue first.
    pub(super) async fn examine_loans(&self, only: Option<&FleetName>) -> Vec<Finding> {
        match self.all_loans(only).await {
            Ok(all) if all.is_empty() => vec![finding(CheckLevel::Ok, "borrowed", "nothing".to_owned())],
            Ok(all) => all.iter().map(described).collect(),
            Err(error) => vec![finding(CheckLevel::Unknown, "borrowed", error.to_string())],
        }
    }

    async fn all_loans(&self, only: Option<&FleetName>) -> Result<Vec<Loan>, DeskError> {
        let seen = self.look_around().await?;
        let records = records(&self.store, &seen.specs, self.now())?;
        let mut all = Vec::new();
        for spec in seen.specs.iter().filter(|spec| only.is_none_or(|only| spec.name == *only)) {
            let Some(record) = records.get(&spec.name) else { continue };
            let groups: Vec<(Option<Slot>, &ServerGroup)> =
                spec.groups.all().into_iter().filter_map(|(slot, name)| Some((slot, listed(&seen, name)?))).collect();
            let route = route_of_fleet(seen.routes.as_ref(), spec);
            all.extend(loans(&Ground { spec, groups: &groups, route, record, store: self.store.id(), build: BUILD, now: self.now() }));
        }
        all.sort_by_key(|loan| loan.overdue.is_none());
        Ok(all)
    }
}

fn listed<'a>(seen: &'a Sighting, name: &crate::domain::ids::GroupName) -> Option<&'a ServerGroup> {
    seen.groups.items().iter().find(|group| group.name == *name)
}

fn described(loan: &Loan) -> Finding {
    let Loan { fleet, operation, what, overdue, remedy } = loan;
    match overdue {
        Some(why) => finding(CheckLevel::Warning, "borrowed", format!("{fleet}: {what}, by {operation}; overdue: {why}\n{remedy}")),
        None => finding(CheckLevel::Ok, "borrowed", format!("{fleet}: {what}, by {operation}: {remedy}")),
    }
}

fn finding(level: CheckLevel, subject: &str, text: String) -> Finding {
    Finding { level, subject: subject.to_owned(), text }
}

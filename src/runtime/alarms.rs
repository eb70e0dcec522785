//! Watching the alarms of every fleet: one round a minute for all processes of a store, however many screens are open.

use std::collections::BTreeMap;

use super::cloud::{Cloud, Urgency};
use super::office::Office;
use crate::domain::alarms::{ALARM_PERIOD, AlarmRound, FleetAlarms};
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::fleet::FleetSpec;
use crate::domain::ids::{AlarmName, FleetName};
use crate::domain::observation::AlarmReading;
use crate::domain::reading::Listing;
use crate::domain::time::{Millis, WorldTime};
use crate::ports::desk::DeskError;

impl Office {
    /// What the alarms of all fleets say: the round of another process if it is young enough, else one that is made now. Where nothing
    /// answers, what was known ages, and why is said.
    pub(super) async fn watch_alarms(&self) -> Result<FleetAlarms, DeskError> {
        let named = FleetAlarms { fleets: self.fleets_with_alarms().await?, round: AlarmRound::default() };
        let names = named.names();
        if names.is_empty() {
            return Ok(named);
        }
        let before = self.store.alarms()?.unwrap_or_default();
        let now = self.read_clock().await?;
        let period = Millis(ALARM_PERIOD.0 / u64::from(self.settings.time_scale.max(1)));
        // A simulated cloud charges nothing, and its time may stand still.
        if !matches!(self.cloud, Cloud::Sim(_)) && !before.is_due(&names, period, now) {
            return Ok(FleetAlarms { round: before, ..named });
        }
        let told = match self.cloud.reader(Urgency::Rest).alarms(&names).await {
            Err(error) if error.kind == CloudErrorKind::Auth => return Err(error.into()),
            told => told.unwrap_or_else(|error| nothing(&error, now)),
        };
        let round = before.next(&names, &told);
        if let Err(error) = self.store.keep_alarms(&round) {
            tracing::warn!("the round over all alarms was not kept: {error}");
        }
        Ok(FleetAlarms { round, ..named })
    }

    /// The fleets of this account and region that name alarms. Only what is written down names any: nothing is asked of the cloud.
    async fn fleets_with_alarms(&self) -> Result<BTreeMap<FleetName, Vec<AlarmName>>, DeskError> {
        let mut fleets = self.written_fleets()?;
        fleets.retain(|spec| !spec.alarms.is_empty());
        if fleets.is_empty() {
            return Ok(BTreeMap::new());
        }
        let identity = self.identity().await?;
        let elsewhere = |written: &Option<String>, here: &str| written.as_deref().is_some_and(|written| written != here);
        let here = |spec: &FleetSpec| !elsewhere(&spec.account, &identity.account) && !elsewhere(&spec.region, &identity.region);
        Ok(fleets.into_iter().filter(here).map(|spec| (spec.name, spec.alarms)).collect())
    }
}

fn nothing(error: &CloudError, as_of: WorldTime) -> Listing<AlarmReading> {
    Listing::Incomplete { items: Vec::new(), as_of, why: error.to_string().into() }
}

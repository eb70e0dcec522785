//! What was last seen, and how long things took: for first paints and expectations, never an authority for a write.

use std::io::{BufWriter, Read};

use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::{OptionalExtension, Row, ToSql, Transaction, params};

use super::operations::{parse, to_json};
use super::{Store, StoreError};
use crate::domain::alarms::AlarmRound;
use crate::domain::ids::FleetName;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::event::{Event, EventBody, OperationState, StepOutcome};
use crate::operation::history::FleetHistory;
use crate::operation::sighting::Sighting;
use crate::operation::work::{Standing, Work};

/// The row of the rounds over all alarms.
const ALARMS: &str = "alarms";
/// So many of the newest durations make a median.
const HISTORY_LENGTH: i64 = 20;
/// A round of listings is packed in pieces of so many bytes.
const PIECE: usize = 32 * 1024;

impl Store {
    /// Keeps a round of listings for the next first paint, unless a newer one is there.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn keep_snapshot(&self, seen: &Sighting) -> Result<(), StoreError> {
        let body = packed(seen).map_err(|error| StoreError::Damaged(format!("a record cannot be written ({error})")))?;
        self.transact(&|transaction: &Transaction<'_>| {
            transaction
                .execute(
                    "INSERT INTO last_round (one, as_of, body) VALUES (1, ?1, ?2)
                     ON CONFLICT (one) DO UPDATE SET as_of = excluded.as_of, body = excluded.body WHERE excluded.as_of > as_of",
                    params![seen.as_of.0, body],
                )
                .map(|_| ())
                .map_err(|error| self.sql(error))
        })
    }

    /// Keeps a round over all alarms, unless a newer one is there: the next process that wants one within its period takes this.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn keep_alarms(&self, round: &AlarmRound) -> Result<(), StoreError> {
        let body = to_json(round)?;
        self.transact(&|transaction: &Transaction<'_>| {
            transaction
                .execute(
                    "INSERT INTO snapshots (source, as_of, body) VALUES (?1, ?2, ?3)
                     ON CONFLICT (source) DO UPDATE SET as_of = excluded.as_of, body = excluded.body WHERE excluded.as_of > as_of",
                    params![ALARMS, round.as_of.0, body],
                )
                .map(|_| ())
                .map_err(|error| self.sql(error))
        })
    }

    /// The newest round over all alarms any process kept.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn alarms(&self) -> Result<Option<AlarmRound>, StoreError> {
        let sql = "SELECT body FROM snapshots WHERE source = ?1";
        let body: Option<String> = self.read(|connection| connection.query_row(sql, [ALARMS], |row| row.get(0)).optional())?;
        // As with listings: what another version kept may not be readable.
        Ok(body.and_then(|body| parse(&body).ok()))
    }

    /// When the newest round was made that any process kept.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn snapshot_time(&self) -> Result<Option<WorldTime>, StoreError> {
        let sql = "SELECT as_of FROM last_round";
        self.read(|connection| connection.prepare_cached(sql)?.query_row([], |row| row.get(0).map(WorldTime)).optional())
    }

    /// The newest round any process kept.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn snapshot(&self) -> Result<Option<Sighting>, StoreError> {
        let unpack = |row: &Row<'_>| Ok(unpacked(row.get_ref(0)?.as_blob()?));
        let seen = self.read(|connection| connection.query_row("SELECT body FROM last_round", [], unpack).optional())?;
        // What another version kept may not be readable: a first paint without rows is no harm.
        Ok(seen.flatten())
    }

    /// Medians of what took how long, over all fleets.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn common_history(&self) -> Result<FleetHistory, StoreError> {
        FleetHistory::of(|kind| self.median("SELECT millis FROM history WHERE kind = ?1 ORDER BY rowid DESC LIMIT ?2", params![kind, HISTORY_LENGTH]))
    }

    /// Medians of what took how long in a fleet, or in all of them where it did not happen in this one yet.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn history(&self, fleet: &FleetName, common: FleetHistory) -> Result<FleetHistory, StoreError> {
        Ok(FleetHistory::of(|kind| self.usual(fleet.as_str(), kind))?.or(common))
    }

    /// The median of what took how long of a subject; none where it did not happen yet.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn usual(&self, subject: &str, kind: &str) -> Result<Option<Millis>, StoreError> {
        let sql = "SELECT millis FROM history WHERE fleet = ?1 AND kind = ?2 ORDER BY rowid DESC LIMIT ?3";
        self.median(sql, params![subject, kind, HISTORY_LENGTH])
    }

    fn median(&self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Option<Millis>, StoreError> {
        let mut millis: Vec<i64> = self.read(|connection| connection.prepare_cached(sql)?.query_map(parameters, |row| row.get(0))?.collect())?;
        millis.sort_unstable();
        Ok(millis.get(millis.len() / 2).map(|millis| Millis(u64::try_from(*millis).unwrap_or(0))))
    }

    /// Durations of the steps that just ended well.
    pub(super) fn keep_history<P: Work>(
        &self,
        transaction: &Transaction<'_>,
        plan: &P,
        progress: &P::Progress,
        (events, bodies): (&[Event], &[EventBody]),
    ) -> Result<(), StoreError> {
        for body in bodies {
            let EventBody::StepEnded { step, outcome: StepOutcome::Success, .. } = body else { continue };
            if stood_still(events, *step) {
                continue;
            }
            let took = progress.steps().get(*step).and_then(|step| Some(step.ended_at?.since(step.started_at?)));
            if let (Some((subject, kind)), Some(took)) = (plan.history_of(*step), took) {
                transaction
                    .execute(
                        "INSERT INTO history (fleet, kind, millis) VALUES (?1, ?2, ?3)",
                        params![subject, kind, i64::try_from(took.0).unwrap_or(i64::MAX)],
                    )
                    .map_err(|error| self.sql(error))?;
            }
        }
        Ok(())
    }
}

/// As it is kept: of a thousand fleets it has ten megabytes, which are never in memory at once while they are written.
fn packed(seen: &Sighting) -> Result<Vec<u8>, serde_json::Error> {
    let mut pieces = BufWriter::with_capacity(PIECE, ZlibEncoder::new(Vec::new(), Compression::fast()));
    serde_json::to_writer(&mut pieces, seen)?;
    let written = pieces.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(ZlibEncoder::finish);
    written.map_err(serde_json::Error::io)
}

fn unpacked(body: &[u8]) -> Option<Sighting> {
    let mut text = String::new();
    ZlibDecoder::new(body).read_to_string(&mut text).ok()?;
    parse(&text).ok()
}

/// Somebody paused or the engine held the step: how long that took says nothing of the next one.
fn stood_still(events: &[Event], step: usize) -> bool {
    let since = events.iter().rev().take_while(|event| !matches!(&event.body, EventBody::StepStarted { step: started } if *started == step));
    since.into_iter().any(|event| matches!(&event.body, EventBody::StateChanged { to: OperationState::Paused | OperationState::Holding, .. }))
}

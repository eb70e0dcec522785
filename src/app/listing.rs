//! Lists as they are shown, worked out when what they come from changes: drawing a frame never filters and never sorts.

use std::cmp::Reverse;

use super::events::{Row, Shown};
use super::lines::told_text;
use super::model::Model;
use super::query::{Query, Searchable, has};
use super::rows::newest_first;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::operation::any::AnyRef;
use crate::operation::event::{Event, EventBody};
use crate::operation::status::{FleetState, FleetStatus, ImageStatus, WayBackLevel};

/// What fleets are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FleetSort {
    /// As they were listed.
    #[default]
    Listed,
    /// By name.
    Name,
    /// The one that needs somebody most first.
    State,
    /// The longest way back first, none before all.
    WayBack,
}

impl FleetSort {
    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Listed => Self::Name,
            Self::Name => Self::State,
            Self::State => Self::WayBack,
            Self::WayBack => Self::Listed,
        }
    }

    /// What it is called.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Name => "name",
            Self::State => "state",
            Self::WayBack => "way back",
        }
    }
}

/// What images are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageSort {
    /// The newest first.
    #[default]
    Newest,
    /// The one most servers run first.
    Servers,
}

/// An operation by its place among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Rollout(usize),
    Bake(usize),
}

/// Where an event stands: its operation and its place among that operation's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventAt {
    operation: Of,
    event: usize,
}

/// The lists.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    fleets_for: Option<(u64, String, FleetSort)>,
    /// Positions of the fleets shown in the estate.
    pub(super) fleets: Vec<usize>,
    events_for: Option<(u64, String, Shown)>,
    all_events_for: Option<u64>,
    /// Every event worth a line, newest first.
    pub(super) all_events: Vec<EventAt>,
    /// Those of them that pass the filter.
    pub(super) events: Vec<EventAt>,
}

impl Listing {
    /// No event is worth a line, filtered or not.
    #[must_use]
    pub const fn is_all_quiet(&self) -> bool {
        self.all_events.is_empty()
    }
}

/// Most events that are listed.
const EVENTS: usize = 2_000;

/// Brings the lists up to what they come from.
pub fn settle(model: &mut Model) {
    let fleets_for = (model.readings.estate, model.filters.fleets.text().to_owned(), model.fleet_sort);
    if model.listing.fleets_for.as_ref() != Some(&fleets_for) {
        model.listing.fleets = fleets(model);
        model.listing.fleets_for = Some(fleets_for);
    }
    if model.listing.all_events_for != Some(model.readings.operations) {
        model.listing.all_events = events(model);
        model.listing.all_events_for = Some(model.readings.operations);
    }
    let events_for = (model.readings.operations, model.filters.activity.text().to_owned(), model.shown);
    if model.listing.events_for.as_ref() != Some(&events_for) {
        model.listing.events = events_shown(model);
        model.listing.events_for = Some(events_for);
    }
}

fn fleets(model: &Model) -> Vec<usize> {
    let query = Query::read(model.filters.fleets.text(), FleetStatus::FIELDS);
    let mut shown: Vec<(usize, &FleetStatus)> = model.fleets().iter().enumerate().filter(|(_, status)| query.passes(*status)).collect();
    match model.fleet_sort {
        FleetSort::Listed => {}
        FleetSort::Name => shown.sort_by(|(_, left), (_, right)| left.spec.name.cmp(&right.spec.name)),
        FleetSort::State => shown.sort_by_key(|(_, status)| Reverse(status.badness())),
        FleetSort::WayBack => shown.sort_by_key(|(_, status)| Reverse(distance(status))),
    }
    shown.into_iter().map(|(at, _)| at).collect()
}

/// How far the way back is: none, then unknown, then by its level and its time.
fn distance(status: &FleetStatus) -> (u8, u64) {
    let way = &status.way_back;
    let rank = match way.level {
        _ if way.unknown => 4,
        None => 5,
        Some(WayBackLevel::R2) => 3,
        Some(WayBackLevel::R1) => 2,
        Some(WayBackLevel::R0) => 1,
    };
    (rank, way.expected.map_or(u64::MAX, |span| span.0))
}

fn events(model: &Model) -> Vec<EventAt> {
    let mut all: Vec<(Reverse<(WorldTime, u64)>, EventAt)> = Vec::new();
    let rollouts = model.operations.iter().enumerate().map(|(at, view)| (Of::Rollout(at), AnyRef::Rollout(view)));
    let bakes = model.baking.views.iter().enumerate().map(|(at, view)| (Of::Bake(at), AnyRef::Bake(view)));
    for (operation, view) in rollouts.chain(bakes) {
        for (event, told) in newest_first(view.events()) {
            // Much of what a builder prints says nothing to a person.
            if !matches!(told.body, EventBody::Bake { .. }) || told_text(view, told).is_some() {
                all.push((Reverse((told.at, told.seq)), EventAt { operation, event }));
            }
        }
    }
    all.sort_by_key(|(key, _)| *key);
    all.truncate(EVENTS);
    all.into_iter().map(|(_, at)| at).collect()
}

fn events_shown(model: &Model) -> Vec<EventAt> {
    let query = Query::read(model.filters.activity.text(), Row::FIELDS);
    let passes = |at: &EventAt| {
        event(model, *at)
            .is_some_and(|(view, event)| model.shown.lets_pass(model, view, event) && query.passes(&Row { view, event, now: model.clock.world }))
    };
    model.listing.all_events.iter().copied().filter(passes).collect()
}

/// An event by where it stands.
#[must_use]
pub fn event(model: &Model, at: EventAt) -> Option<(AnyRef<'_>, &Event)> {
    let view = match at.operation {
        Of::Rollout(at) => AnyRef::Rollout(model.operations.get(at)?),
        Of::Bake(at) => AnyRef::Bake(model.baking.views.get(at)?),
    };
    Some((view, view.events().get(at.event)?))
}

impl Searchable for FleetStatus {
    const FIELDS: &'static [&'static str] = &["name", "app", "env", "image", "state", "back", "strategy"];

    fn holds(&self, field: Option<&str>, text: &str) -> bool {
        let is = |part: &Option<Untrusted>| part.as_ref().is_some_and(|part| has(part.raw(), text));
        match field {
            Some("app") => is(&self.spec.app),
            Some("env") => is(&self.spec.env),
            Some("image") => self.mix.iter().any(|part| has(&part.label, text) || part.image.as_ref().is_some_and(|id| has(id.as_str(), text))),
            Some("state") => self.state_words().iter().any(|word| has(word, text)),
            Some("back") => has(self.way_back.level.map_or(if self.way_back.unknown { "?" } else { "none" }, WayBackLevel::word), text),
            Some("strategy") => has(self.spec.strategy.word(), text),
            _ => has(self.spec.name.as_str(), text),
        }
    }
}

impl FleetStatus {
    /// Every word that says what the fleet does, for filters.
    fn state_words(&self) -> Vec<&str> {
        let mut words = vec![match &self.state {
            FleetState::Unknown { .. } => "unknown",
            FleetState::Busy => "busy",
            FleetState::Mixed => "mixed",
            FleetState::Drifted => "drifted",
            FleetState::Degraded { .. } => "bad degraded",
            FleetState::Steady => "steady",
        }];
        if let Some(operation) = self.operation.as_ref() {
            words.extend([operation.word.as_str(), operation.state.word()]);
            words.extend((!operation.driver_alive).then_some("no-driver"));
        }
        words.extend((!self.freezes.is_empty()).then_some("frozen"));
        words
    }
}

impl Searchable for ImageStatus {
    const FIELDS: &'static [&'static str] = &["app", "id", "state"];

    fn holds(&self, field: Option<&str>, text: &str) -> bool {
        let image = &self.image;
        match field {
            Some("app") => image.app.as_ref().is_some_and(|app| has(app.raw(), text)),
            Some("id") => has(image.id.as_str(), text),
            Some("state") => self.state_words().iter().any(|word| has(word, text)),
            _ => has(&image.label(), text) || has(image.id.as_str(), text),
        }
    }
}

impl ImageStatus {
    /// Every word that says what can be done with the image, for filters.
    fn state_words(&self) -> Vec<&str> {
        use crate::domain::image::ImageState;
        let mut words = vec![match self.image.state {
            ImageState::Available => "available",
            ImageState::Pending => "pending",
            ImageState::Failed => "failed",
            ImageState::Gone => "gone",
            ImageState::Unknown => "unknown",
        }];
        words.extend(self.image.stage.as_ref().map(Untrusted::raw));
        words.extend(self.image.blocked.is_some().then_some("blocked"));
        words.extend(self.image.bake.is_some().then_some("baking"));
        words.extend(self.live.then_some("live"));
        words.extend((self.servers > 0).then_some("runs"));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{fixture, rows};

    fn names(model: &Model) -> Vec<String> {
        rows::fleets(model).iter().map(|status| status.spec.name.to_string()).collect()
    }

    fn filtered(filter: &str) -> Vec<String> {
        let mut model = fixture::model_with(Some(fixture::holding()), 80, 24);
        model.filters.fleets.paste(filter);
        settle(&mut model);
        names(&model)
    }

    #[test]
    fn fleets_are_found_by_what_they_are_and_what_they_do() {
        assert_eq!(filtered("state:canary"), ["web-prod"]);
        assert_eq!(filtered("state:hold"), ["web-prod"]);
        assert_eq!(filtered("app:web !state:canary"), ["admin-prod"]);
        assert_eq!(filtered("image:2.14"), ["web-prod"]);
        assert_eq!(filtered("back:none"), ["admin-prod"]);
        assert_eq!(filtered("state:unknown"), ["worker-prod"]);
    }

    #[test]
    fn what_needs_somebody_and_what_has_no_way_back_come_first_when_asked() {
        let mut model = fixture::model_with(Some(fixture::holding()), 80, 24);
        model.fleet_sort = FleetSort::State;
        settle(&mut model);
        assert_eq!(names(&model)[..2], ["web-prod", "legacy-prod"]);
        model.fleet_sort = FleetSort::WayBack;
        settle(&mut model);
        assert_eq!(names(&model).first().map(String::as_str), Some("admin-prod"));
        assert_eq!(names(&model).last().map(String::as_str), Some("web-prod"), "its way back is the shortest");
    }
}

//! Which rows are shown, in which order: what a cursor moves over and what a view draws are the same list.

use super::commands::{self, COMMANDS, Command};
use super::events;
use super::listing::{self, ImageSort};
use super::model::{Model, Pane, Picker, Purpose};
use super::query::{Query, Searchable, has};
use crate::domain::ids::{FleetName, ImageId};
use crate::domain::image::ImageState;
use crate::domain::text::Untrusted;
use crate::operation::any::AnyRef;
use crate::operation::event::{Event, EventBody, VerdictWord};
use crate::operation::ledger::KnownRelease;
use crate::operation::record::OperationView;
use crate::operation::status::{FleetStatus, ImageStatus};

/// The fleets that pass the filter, in the order that was asked for.
#[must_use]
pub fn fleets(model: &Model) -> Vec<&FleetStatus> {
    let all = model.fleets();
    model.listing.fleets.iter().filter_map(|at| all.get(*at)).collect()
}

/// The app whose images the main view shows: the selected fleet's.
#[must_use]
pub fn images_app(model: &Model) -> Option<&Untrusted> {
    model.fleet_status(model.fleet.as_ref()?)?.spec.app.as_ref()
}

/// The images of an app, newest first; all of them when no app is known.
#[must_use]
pub fn images_of<'a>(model: &'a Model, app: Option<&Untrusted>) -> Vec<&'a ImageStatus> {
    model.images().iter().filter(|status| app.is_none() || status.image.app.as_ref() == app).collect()
}

/// The images the main view shows: those that pass the filter, in the order that was asked for.
#[must_use]
pub fn images(model: &Model) -> Vec<&ImageStatus> {
    let query = Query::read(model.filters.images.text(), ImageStatus::FIELDS);
    let mut shown = images_of(model, images_app(model));
    shown.retain(|status| query.passes(*status));
    if model.image_sort == ImageSort::Servers {
        shown.sort_by_key(|status| std::cmp::Reverse(status.servers));
    }
    shown
}

/// Whether servers of a fleet run an image.
#[must_use]
pub fn runs(fleet: &FleetStatus, image: &ImageId) -> bool {
    fleet.mix.iter().any(|part| part.image.as_ref() == Some(image))
}

/// The image under the cursor while the images have the focus: fleets that run it are marked.
#[must_use]
pub fn linked_image(model: &Model) -> Option<&ImageId> {
    model.image.as_ref().filter(|_| model.pane == Pane::Images)
}

/// The fleet under the cursor while the fleets have the focus: images it runs are marked.
#[must_use]
pub fn linked_fleet(model: &Model) -> Option<&FleetStatus> {
    model.fleet_status(model.fleet.as_ref().filter(|_| model.pane == Pane::Fleets)?)
}

/// Whether an image could be deployed as far as its listing says.
#[must_use]
pub fn is_deployable(status: &ImageStatus) -> bool {
    status.image.state == ImageState::Available && status.image.blocked.is_none() && status.image.bake.is_none()
}

/// Every event worth a line with its operation, newest first.
pub fn activity(model: &Model) -> impl ExactSizeIterator<Item = Option<(AnyRef<'_>, &Event)>> {
    model.listing.all_events.iter().map(|at| listing::event(model, *at))
}

/// Those of them that are news: without calls that went as they should.
pub fn news(model: &Model) -> impl Iterator<Item = (AnyRef<'_>, &Event)> {
    activity(model).flatten().filter(|(_, event)| !events::is_routine(&event.body))
}

/// Those of them that pass the activity's filter.
pub fn activity_shown(model: &Model) -> impl ExactSizeIterator<Item = Option<(AnyRef<'_>, &Event)>> {
    model.listing.events.iter().map(|at| listing::event(model, *at))
}

/// Whether an event was marked.
#[must_use]
pub fn is_marked(model: &Model, view: AnyRef<'_>, event: &Event) -> bool {
    model.marked_events.iter().any(|(operation, seq)| operation == view.id() && *seq == event.seq)
}

/// Position of the selected event among those shown; the newest where none was selected, or it is not shown.
#[must_use]
pub fn event_position(model: &Model) -> usize {
    let Some((operation, seq)) = &model.event else { return 0 };
    let is_it = |row: Option<(AnyRef<'_>, &Event)>| row.is_some_and(|(view, event)| view.id() == operation && event.seq == *seq);
    activity_shown(model).position(is_it).unwrap_or(0)
}

/// The selected event, or the newest.
#[must_use]
pub fn selected_event(model: &Model) -> Option<(AnyRef<'_>, &Event)> {
    activity_shown(model).nth(event_position(model)).flatten()
}

/// The commands of the help that pass its filter: those that can be pressed where it was opened first, each group together.
#[must_use]
pub fn help(model: &Model) -> Vec<&'static Command> {
    let place = commands::place_below(model);
    let wanted = Query::read(model.filters.help.text(), Described::FIELDS);
    let fits = |command: &&Command| wanted.passes(&Described { command, keys: model.keymap.shown(command.id) });
    let (mut here, elsewhere): (Vec<&Command>, Vec<&Command>) = COMMANDS.iter().filter(fits).partition(|command| command.places.has(place));
    here.extend(elsewhere);
    here
}

/// The command under the cursor of the help, or the first.
#[must_use]
pub fn selected_command(model: &Model) -> Option<&'static Command> {
    let all = help(model);
    all.iter().find(|command| Some(command.id) == model.command).or_else(|| all.first()).copied()
}

/// A command for a filter.
struct Described<'a> {
    command: &'a Command,
    keys: String,
}

impl Searchable for Described<'_> {
    const FIELDS: &'static [&'static str] = &["key"];

    fn holds(&self, field: Option<&str>, text: &str) -> bool {
        let Self { command, keys } = self;
        match field {
            Some(_) => keys.split(' ').any(|key| key.eq_ignore_ascii_case(text)),
            None => has(command.label, text) || has(command.about, text) || has(command.name, text),
        }
    }
}

/// The events of an operation worth a line with their positions, newest first. While a soak only adds numbers to its verdict, the newest one says it all.
#[must_use]
pub fn newest_first(events: &[Event]) -> Vec<(usize, &Event)> {
    let mut judged: Option<(usize, VerdictWord)> = None;
    let mut told = Vec::new();
    for (at, event) in events.iter().enumerate().rev().filter(|(_, event)| is_telling(&event.body)) {
        if let EventBody::Judged { step, verdict, .. } = &event.body
            && judged.replace((*step, verdict.word)) == Some((*step, verdict.word))
        {
            continue;
        }
        told.push((at, event));
    }
    told
}

/// Operations that are not finished, newest first.
pub fn unfinished(model: &Model) -> impl Iterator<Item = &OperationView> {
    model.operations.iter().filter(|view| !view.state().is_final())
}

/// The newest event that is news, with its operation.
#[must_use]
pub fn newest_event(model: &Model) -> Option<(AnyRef<'_>, &Event)> {
    news(model).next()
}

/// Events that only keep count are not for people.
const fn is_telling(body: &EventBody) -> bool {
    !matches!(body, EventBody::Observed { .. } | EventBody::SoakBegan { .. } | EventBody::LowerEvidence { .. } | EventBody::Launched { .. })
}

/// Position of the selected fleet among those shown.
#[must_use]
pub fn fleet_position(model: &Model) -> Option<usize> {
    fleets(model).iter().position(|status| Some(&status.spec.name) == model.fleet.as_ref())
}

/// Position of the chosen image among those shown.
#[must_use]
pub fn image_position(model: &Model) -> Option<usize> {
    images(model).iter().position(|status| Some(&status.image.id) == model.image.as_ref())
}

/// The fleet `by` rows from the selected one, stopping at the ends.
#[must_use]
pub fn fleet_at_offset(model: &Model, by: isize) -> Option<FleetName> {
    let shown = fleets(model);
    let at = offset(fleet_position(model), by, shown.len())?;
    shown.get(at).map(|status| status.spec.name.clone())
}

/// The image `by` rows from the chosen one, stopping at the ends; from none, the first that could be deployed.
#[must_use]
pub fn image_at_offset(images: &[&ImageStatus], from: Option<&ImageId>, by: isize) -> Option<ImageId> {
    let position = images.iter().position(|status| Some(&status.image.id) == from);
    let at = match position {
        None => images.iter().position(|status| is_deployable(status)).or(if images.is_empty() { None } else { Some(0) }),
        Some(_) => offset(position, by, images.len()),
    }?;
    images.get(at).map(|status| status.image.id.clone())
}

/// What a fleet's ledger knows of an image.
#[must_use]
pub fn known_release<'a>(fleet: &'a FleetStatus, image: &ImageId) -> Option<&'a KnownRelease> {
    fleet.releases.iter().find(|known| &known.release.image == image)
}

/// The releases of a fleet's ledger besides the one that serves, the last to become stable first.
#[must_use]
pub fn releases_of<'a>(model: &'a Model, fleet: &FleetName) -> Vec<&'a KnownRelease> {
    let Some(status) = model.fleet_status(fleet) else { return Vec::new() };
    let serves = |image: &ImageId| status.groups.iter().any(|group| group.share_pct == Some(100) && group.image.as_ref() == Some(image));
    status.releases.iter().filter(|known| !serves(&known.release.image)).collect()
}

/// What is `by` rows from the cursor of a picker, stopping at the ends.
#[must_use]
pub fn picked_at_offset(model: &Model, picker: &Picker, by: isize) -> Option<ImageId> {
    if picker.purpose == Purpose::Deploy {
        return image_at_offset(&images_of(model, picker.app.as_ref()), picker.image.as_ref(), by);
    }
    let releases = releases_of(model, &picker.fleet);
    let position = releases.iter().position(|known| Some(&known.release.image) == picker.image.as_ref());
    let at = offset(position, by, releases.len())?;
    releases.get(at).map(|known| known.release.image.clone())
}

/// A position moved by `by` within a list of `len`; from none, the first.
#[must_use]
pub fn offset(from: Option<usize>, by: isize, len: usize) -> Option<usize> {
    let last = len.checked_sub(1)?;
    Some(from.map_or(0, |from| from.saturating_add_signed(by).min(last)))
}

/// How many rows a page is.
#[must_use]
pub fn page(model: &Model) -> isize {
    isize::try_from(model.size.1.saturating_sub(12).max(1)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture;

    #[test]
    fn a_verdict_that_stays_the_same_is_told_once_and_a_change_twice() {
        let mut view = fixture::holding();
        let judged = view.events.iter().rposition(|event| matches!(event.body, EventBody::Judged { .. })).unwrap();
        let failed = view.events[judged].clone();
        let mut passed = failed.clone();
        if let EventBody::Judged { verdict, .. } = &mut passed.body {
            verdict.word = VerdictWord::Pass;
        }
        for event in [passed.clone(), passed, failed.clone(), failed] {
            view.events.insert(judged, event);
        }
        let told: Vec<VerdictWord> = newest_first(&view.events)
            .into_iter()
            .filter_map(|(_, event)| if let EventBody::Judged { step: 4, verdict, .. } = &event.body { Some(verdict.word) } else { None })
            .collect();
        assert_eq!(told, [VerdictWord::Fail, VerdictWord::Pass, VerdictWord::Fail]);
    }
}

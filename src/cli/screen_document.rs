//! What the screen knows, as one JSON document: the same documents the commands print, and what was on the screen.

use std::collections::BTreeMap;

use serde::Serialize;

use super::documents::{DetailDoc, FleetsDoc, ImagesDoc};
use super::gc_text::GcDoc;
use super::image_document::StoryDoc;
use super::json::{moment, to_string};
use super::operation_document::OperationDoc;
use crate::app::alert::Alert;
use crate::app::model::{Model, Screen};
use crate::domain::ids::FleetName;
use crate::domain::text::Untrusted;
use crate::operation::gc::GcPolicy;

#[derive(Serialize)]
struct ScreenDoc<'a> {
    saved_at: String,
    place: &'a str,
    account: Option<&'a Untrusted>,
    caller: Option<&'a Untrusted>,
    read_only: bool,
    store: &'a str,
    screen: &'static str,
    size: (u16, u16),
    selected_fleet: Option<&'a FleetName>,
    /// The estate is what the store remembers, not what was read in this session.
    remembered: bool,
    estate: Option<FleetsDoc<'a>>,
    images: Option<ImagesDoc<'a>>,
    opened_fleet: Option<DetailDoc<'a>>,
    opened_image: Option<StoryDoc<'a>>,
    old_images: Option<GcDoc<'a>>,
    operations: Vec<OperationDoc<'a>>,
    alerts: Vec<AlertDoc<'a>>,
}

#[derive(Serialize)]
struct AlertDoc<'a> {
    at: String,
    text: &'a str,
    hint: &'a str,
    fleet: Option<&'a FleetName>,
    times: u32,
    read: bool,
}

/// Everything the screen knows, on one line.
///
/// # Errors
/// When it cannot be written as JSON, which would be a fault of this program.
pub fn screen_document(model: &Model) -> Result<String, serde_json::Error> {
    let (header, now) = (&model.header, model.clock.world);
    let estate = model.estate.as_ref().map(|estate| &estate.value);
    let all_images: Vec<_> = model.images().iter().collect();
    to_string(&ScreenDoc {
        saved_at: moment(now),
        place: &header.place,
        account: header.account.as_ref(),
        caller: header.caller.as_ref(),
        read_only: header.read_only,
        store: &header.store,
        screen: word(model.screen()),
        size: model.size,
        selected_fleet: model.fleet.as_ref(),
        remembered: model.estate_remembered,
        estate: estate.map(|estate| FleetsDoc::new(estate, now)),
        images: estate.map(|estate| ImagesDoc::new(estate, &all_images, &BTreeMap::new())),
        opened_fleet: model.detail.as_ref().map(|detail| DetailDoc::new(&detail.value, now)),
        opened_image: model.life.story.as_ref().map(|story| StoryDoc::new(&story.value)),
        old_images: model.retention.plan.as_ref().map(|plan| GcDoc::new(&plan.value, &GcPolicy::default())),
        operations: model.operations.iter().map(OperationDoc::new).collect(),
        alerts: model.inbox.all().iter().map(AlertDoc::new).collect(),
    })
}

/// A view's name in documents and file names.
#[must_use]
pub const fn word(screen: &Screen) -> &'static str {
    match screen {
        Screen::Main => "main",
        Screen::Fleet(_) => "fleet",
        Screen::Page(_, page) => page.word(),
        Screen::Image(_) => "image",
        Screen::ImageRecord(_) => "image-record",
        Screen::Retention => "old-images",
        Screen::Bakes => "bakes",
        Screen::Bake(_) => "bake",
        Screen::BakeLog(_) => "bake-log",
        Screen::Activity => "activity",
        Screen::Alerts => "alerts",
        Screen::Sources => "sources",
        Screen::Help => "help",
    }
}

impl<'a> AlertDoc<'a> {
    fn new(alert: &'a Alert) -> Self {
        Self { at: moment(alert.at), text: &alert.text, hint: &alert.hint, fleet: alert.fleet.as_ref(), times: alert.times, read: alert.read }
    }
}

//! The one function that changes the model.

use super::bake_log;
use super::effect::Effect;
use super::keys;
use super::listing;
use super::message::Message;
use super::model::Model;
use super::moving;
use super::palette;
use super::polling;
use super::replies;
use super::retention;
use super::sheet::Entry;

pub use super::replies::going_on;

/// What to ask for when the screen opens.
#[must_use]
pub fn start(model: &mut Model) -> Vec<Effect> {
    let mut effects: Vec<Effect> = polling::read_operations(model).into_iter().collect();
    effects.extend(polling::read_bakes(model));
    effects.extend(polling::due(model));
    effects
}

/// Whether there is something to go on with while nothing else happens: [`Message::Work`].
#[must_use]
pub fn has_work(model: &Model) -> bool {
    model.baking.log.has_work()
}

/// Takes a message in and says what to do.
#[must_use]
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    let effects = take(model, message);
    listing::settle(model);
    retention::settle(model);
    bake_log::settle(model);
    effects
}

fn take(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Key { key, at } => keys::press(model, key, at),
        Message::Tick => polling::due(model),
        Message::Work => {
            bake_log::work(model);
            Vec::new()
        }
        Message::StoreChanged(_) => polling::read_operations(model).into_iter().chain(polling::read_bakes(model)).collect(),
        Message::Reply { no, reply } => replies::take(model, no, reply),
        Message::Told(text) => {
            model.notice = Some(text);
            Vec::new()
        }
        Message::Paste(text) => paste(model, &text),
        Message::Resized { width, height } => {
            model.size = (width, height);
            moving::settle_pane(model);
            Vec::new()
        }
        Message::LastKnown(estate) => {
            replies::last_known(model, *estate);
            Vec::new()
        }
    }
}

/// Pasted text reaches the reason and the filter, and only while they are being typed: never a command, never the typed name.
fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    if let Some(palette) = &mut model.palette {
        palette.field.paste(text);
        palette::search(model);
        return Vec::new();
    }
    match (model.typing, &mut model.sheet) {
        (Some(list), _) => {
            model.filters.of_mut(list).paste(text);
            moving::settle_selection(model);
        }
        (None, Some(sheet)) if sheet.editing == Some(Entry::Reason) => sheet.reason.paste(text),
        (None, _) => {}
    }
    Vec::new()
}

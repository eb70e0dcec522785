//! What answers about bakes change.

use super::age::Aged;
use super::bake_log;
use super::bake_sheet::BakeState;
use super::baking::{self, Lane};
use super::commands::CommandId;
use super::effect::Effect;
use super::message::Reply;
use super::model::{Model, Problem};
use super::needs::{is_bake_abandoned, state_word};
use super::opening;
use super::polling;
use super::replies::{is_waited_for, note_failure, refused};
use super::sheet::{DEAD_TIME, Subject};
use crate::domain::ids::OperationId;
use crate::operation::bake::{BakeAnswer, BakeView};
use crate::ports::desk::DeskError;

/// Takes an answer in.
pub fn take(model: &mut Model, no: u64, reply: Reply) -> Vec<Effect> {
    match reply {
        Reply::Bakes(result) => bakes(model, no, result),
        Reply::BakeLog(id, from, result) => log(model, no, &id, from, result),
        Reply::Recipes(result) => recipes(model, no, result),
        Reply::BakePlanned(result) => planned(model, no, result),
        Reply::BakeBegun(result) => begun(model, no, result),
        _ => Vec::new(),
    }
}

fn bakes(model: &mut Model, no: u64, result: Result<Vec<BakeView>, DeskError>) -> Vec<Effect> {
    let ended = model.requests.end(no, |requests| &mut requests.bakes);
    if !ended.believed {
        return Vec::new();
    }
    let mut effects = Vec::new();
    match result {
        Ok(views) => effects.extend(accept(model, views)),
        Err(error) => note_failure(model, "reading bakes", &error, None),
    }
    if ended.again {
        effects.extend(polling::read_bakes(model));
    }
    effects
}

/// Rings when a bake ended or lost its driver since the last reading; at the first one only what nobody drives is news.
fn accept(model: &mut Model, views: Vec<BakeView>) -> Option<Effect> {
    let first = !model.baking.is_read;
    let news: Vec<_> = views.iter().filter_map(|view| news(model, view)).collect();
    let ring = !first && !news.is_empty();
    for (id, text, hint) in news {
        model.inbox.add_bake(model.clock.world, text, hint, id);
    }
    let is_other = |known: &BakeView, view: &BakeView| known.progress.image != view.progress.image || known.state() != view.state();
    let turned = views.iter().any(|view| model.baking.view(&view.operation.id).is_none_or(|known| is_other(known, view)));
    (model.baking.views, model.baking.is_read) = (views, true);
    model.readings.operations += 1;
    if !first && turned {
        model.requests.estate.hurry();
        model.requests.recipes.hurry();
    }
    ring.then_some(Effect::Bell)
}

/// What is worth an alert: how it ended, or that nobody drives it any more.
fn news(model: &Model, view: &BakeView) -> Option<(OperationId, String, String)> {
    let (id, name, now) = (&view.operation.id, baking::name(view), model.clock.world);
    let known = model.baking.view(id);
    let lost = is_bake_abandoned(view, now) && known.is_none_or(|known| !is_bake_abandoned(known, now));
    if lost {
        let take_over = model.keymap.first(CommandId::TakeOver);
        let hint = format!("{take_over} takes it over, or `qd drive {id} --take-over`");
        return Some((id.clone(), format!("bake {name} has no driver any more, nothing goes on"), hint));
    }
    let ended = view.state().is_final() && known.is_some_and(|known| known.state() != view.state());
    let text = || format!("bake {name} {}: {}", state_word(view.state()), view.progress.reason);
    ended.then(|| (id.clone(), text(), format!("`qd op {id}` keeps its steps")))
}

/// A log comes in pieces: the next one is asked for at once until there is no more.
fn log(model: &mut Model, no: u64, id: &OperationId, from: u64, result: Result<Vec<u8>, DeskError>) -> Vec<Effect> {
    let believed = model.requests.end(no, |requests| &mut requests.bake_log).believed;
    let log = &mut model.baking.log;
    if !believed || log.of.as_ref() != Some(id) || log.log.end() != from {
        return Vec::new();
    }
    match result {
        Ok(bytes) if bytes.is_empty() => Vec::new(),
        Ok(bytes) => {
            log.append(&bytes);
            bake_log::shown(model).is_some().then(|| polling::read_log(model)).flatten().into_iter().collect()
        }
        Err(error) => {
            note_failure(model, "reading the log of a bake", &error, None);
            Vec::new()
        }
    }
}

fn recipes(model: &mut Model, no: u64, result: Result<Box<Lane>, DeskError>) -> Vec<Effect> {
    if model.requests.end(no, |requests| &mut requests.recipes).believed {
        match result {
            Ok(lane) => return accept_lane(model, *lane).into_iter().collect(),
            Err(error) => note_failure(model, "reading recipes", &error, None),
        }
    }
    Vec::new()
}

/// Rings when waves stopped since the last reading.
fn accept_lane(model: &mut Model, lane: Lane) -> Option<Effect> {
    let before = model.baking.lane.as_ref().map(|lane| lane.value.stopped.clone());
    let news = lane.stopped.clone().filter(|said| before.is_some_and(|before| before.as_ref() != Some(said)));
    model.baking.lane = Some(Aged::new(lane, model.clock.world, model.clock));
    let said = news?;
    let hint = format!("put that right, then {} bakes what is still behind", model.keymap.first(CommandId::Rebake));
    model.inbox.add(model.clock.world, format!("baking anew: {said}"), hint, None);
    Some(Effect::Bell)
}

fn planned(model: &mut Model, no: u64, result: Result<BakeAnswer, DeskError>) -> Vec<Effect> {
    if !model.requests.end(no, |requests| &mut requests.plan).believed {
        return Vec::new();
    }
    let deaf_until = model.clock.boot.plus(DEAD_TIME);
    if let Some(sheet) = &mut model.sheet
        && let Subject::Bake(order) = &mut sheet.subject
    {
        order.state = match result {
            Ok(BakeAnswer::Bake(plan)) => BakeState::Made(plan),
            Ok(BakeAnswer::Reuse { image, why }) => BakeState::Reuse { image: image.id, why },
            Err(error) => BakeState::Failed(Problem::from(&error)),
        };
        (sheet.deaf_until, sheet.scroll) = (deaf_until, 0);
    }
    Vec::new()
}

fn begun(model: &mut Model, no: u64, result: Result<OperationId, DeskError>) -> Vec<Effect> {
    let waited_for = is_waited_for(model, no);
    let id = match result {
        Ok(id) => id,
        Err(error) => {
            refused(model, waited_for, "not started", &error);
            return Vec::new();
        }
    };
    model.notice = Some(format!("{id} started. It goes on without this screen"));
    let mut effects: Vec<Effect> = polling::read_bakes(model).into_iter().collect();
    if model.sheet.take_if(|_| waited_for).is_some() {
        effects.extend(opening::open_bake(model, id));
    }
    effects
}

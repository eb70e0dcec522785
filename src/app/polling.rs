//! When to ask again: a pure function of the clocks and of what is on the screen.

use super::bake_log;
use super::effect::Effect;
use super::life;
use super::model::{Model, Screen, is_at_work};
use crate::domain::time::Millis;

/// Between readings of the estate while something is at work.
const ESTATE_BUSY: Millis = Millis::secs(10);
/// Between readings of the estate while nothing is.
const ESTATE_QUIET: Millis = Millis::secs(15);
/// Between looks at the alarms of all fleets: the cloud is asked once in [`ALARM_PERIOD`](crate::domain::alarms::ALARM_PERIOD), by whichever
/// process comes first.
const ALARMS: Millis = Millis::secs(15);
/// Between readings of an opened fleet with an operation at work.
const FLEET_BUSY: Millis = Millis::secs(2);
/// Between readings of an opened fleet without one.
const FLEET_QUIET: Millis = Millis::secs(5);
/// Between attempts while credentials are gone.
const WITHOUT_CREDENTIALS: Millis = Millis::secs(5);
/// Between readings of operations that are not finished: a driver that dies writes nothing that would tell.
const DRIVERS: Millis = Millis::secs(3);
/// Between looks at files, environment and budget, while they are on the screen.
const SOURCES: Millis = Millis::secs(5);
/// Between readings of the log of an opened bake, a file of this host: also one that is over may have got its last lines since.
const LOG: Millis = Millis::secs(1);
/// Between looks at recipes and at what is behind its base, while they are on the screen.
const RECIPES: Millis = Millis::secs(60);
/// Between readings of the opened image's life.
const STORY: Millis = Millis::secs(30);
/// Between looks for images nobody needs, while they are on the screen: each reads every image, template version and snapshot.
const RETENTION: Millis = Millis::mins(5);
/// Finished operations, and finished bakes, that are read besides those at work.
pub const FINISHED_READ: usize = 20;
/// A key asks for a fresh reading at most this often.
pub const SOONEST: Millis = Millis::secs(2);

/// What is due now.
#[must_use]
pub fn due(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    if model.requests.estate.is_due(model.clock.boot, estate_period(model)) {
        effects.push(read_estate(model));
    }
    if model.requests.alarms.is_due(model.clock.boot, ALARMS) {
        effects.push(Effect::ReadAlarms { no: model.requests.begin(model.clock.boot, |requests| &mut requests.alarms) });
    }
    if model.requests.fleet.is_due(model.clock.boot, fleet_period(model)) {
        effects.extend(read_opened_fleet(model));
    }
    if model.requests.sources.is_due(model.clock.boot, SOURCES) && shows_sources(model) {
        effects.push(Effect::ReadSources { no: model.requests.begin(model.clock.boot, |requests| &mut requests.sources) });
    }
    if model.requests.story.is_due(model.clock.boot, story_period(model)) {
        effects.extend(read_story(model));
    }
    if model.requests.retention.is_due(model.clock.boot, RETENTION) {
        effects.extend(read_retention(model));
    }
    if model.requests.operations.is_due(model.clock.boot, DRIVERS) && model.operations.iter().any(|view| !view.state().is_final()) {
        effects.extend(read_operations(model));
    }
    if model.requests.bakes.is_due(model.clock.boot, DRIVERS) && model.baking.unfinished().next().is_some() {
        effects.extend(read_bakes(model));
    }
    if model.requests.bake_log.is_due(model.clock.boot, LOG) {
        effects.extend(read_log(model));
    }
    if model.requests.recipes.is_due(model.clock.boot, RECIPES) && model.screen() == &Screen::Bakes {
        effects.push(read_recipes(model));
    }
    effects
}

/// Reads what is new in the log of the opened bake.
pub fn read_log(model: &mut Model) -> Option<Effect> {
    let id = bake_log::shown(model)?.clone();
    let from = model.baking.log.log.end();
    Some(Effect::ReadBakeLog { no: model.requests.begin(model.clock.boot, |requests| &mut requests.bake_log), id, from })
}

/// One that another image was read before is read at once.
fn story_period(model: &Model) -> Millis {
    let known = life::shown(model).is_none_or(|id| life::story(model, id).is_some());
    if known || model.life.problem.is_some() { STORY } else { SOONEST }
}

/// Reads what is known of the image on the screen, if one is.
pub fn read_story(model: &mut Model) -> Option<Effect> {
    let image = life::shown(model)?.clone();
    Some(Effect::ReadStory { no: model.requests.begin(model.clock.boot, |requests| &mut requests.story), image })
}

/// Looks for images nobody needs, if those are on the screen.
pub fn read_retention(model: &mut Model) -> Option<Effect> {
    if model.screen() != &Screen::Retention {
        return None;
    }
    Some(Effect::ReadRetention { no: model.requests.begin(model.clock.boot, |requests| &mut requests.retention) })
}

/// Reads recipes, and which images are behind their base.
pub fn read_recipes(model: &mut Model) -> Effect {
    Effect::ReadRecipes { no: model.requests.begin(model.clock.boot, |requests| &mut requests.recipes) }
}

/// Reads bakes; while a reading is under way, once more after it.
pub fn read_bakes(model: &mut Model) -> Option<Effect> {
    if model.requests.bakes.is_open(model.clock.boot) {
        model.requests.bakes.ask_again();
        return None;
    }
    Some(Effect::ReadBakes { no: model.requests.begin(model.clock.boot, |requests| &mut requests.bakes) })
}

/// Whether what the screen stands on is on it: asked for, or because there is nothing else to show.
fn shows_sources(model: &Model) -> bool {
    let nothing_else = model.fleets().is_empty() && (model.estate.is_some() || model.estate_problem.is_some());
    model.screen() == &Screen::Sources || nothing_else || model.credentials_gone.is_some()
}

/// How often fleets and images are read now.
#[must_use]
pub fn estate_period(model: &Model) -> Millis {
    if model.credentials_gone.is_some() {
        WITHOUT_CREDENTIALS
    } else if model.operations.iter().any(|view| is_at_work(view.state())) {
        ESTATE_BUSY
    } else {
        ESTATE_QUIET
    }
}

fn fleet_period(model: &Model) -> Millis {
    let Screen::Fleet(name) = model.screen() else { return FLEET_QUIET };
    if model.credentials_gone.is_some() {
        WITHOUT_CREDENTIALS
    } else if model.working_on(name).is_some() {
        FLEET_BUSY
    } else {
        FLEET_QUIET
    }
}

/// Reads fleets and images.
pub fn read_estate(model: &mut Model) -> Effect {
    Effect::ReadEstate { no: model.requests.begin(model.clock.boot, |requests| &mut requests.estate) }
}

/// Reads the opened fleet, if one is on the screen.
pub fn read_opened_fleet(model: &mut Model) -> Option<Effect> {
    let Screen::Fleet(fleet) = model.screen() else { return None };
    let fleet = fleet.clone();
    Some(Effect::ReadFleet { no: model.requests.begin(model.clock.boot, |requests| &mut requests.fleet), fleet })
}

/// Reads operations; while a reading is under way, once more after it.
pub fn read_operations(model: &mut Model) -> Option<Effect> {
    if model.requests.operations.is_open(model.clock.boot) {
        model.requests.operations.ask_again();
        return None;
    }
    Some(Effect::ReadOperations { no: model.requests.begin(model.clock.boot, |requests| &mut requests.operations) })
}

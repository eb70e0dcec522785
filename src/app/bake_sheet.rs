//! Sheets about bakes: a new one, all that are behind their base, and the end or a new driver of one that is at work.

use std::path::PathBuf;

use super::baking::{self, WAVE};
use super::commands::CommandId;
use super::effect::Effect;
use super::keymap::Keymap;
use super::model::{Model, Problem};
use super::sheet::{Ask, Errand, Sending, Sheet, Subject};
use crate::domain::ids::ImageId;
use crate::domain::text::shell_word;
use crate::operation::bake::{BakePlan, BakeView, Behind};
use crate::operation::command::{CommandKind, Ruling, rule};
use crate::operation::plan::Friction;
use crate::operation::work::Work;
use crate::ports::desk::Seen;

/// How far the plan of a bake is.
#[derive(Clone, Debug, PartialEq)]
pub enum BakeState {
    /// It is being made.
    Making,
    /// There is an image of the same inputs.
    Reuse {
        /// It.
        image: ImageId,
        /// Why it is taken.
        why: String,
    },
    /// Here it is.
    Made(Box<BakePlan>),
    /// It could not be made, or a guard refused.
    Failed(Problem),
}

/// A bake that is to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct BakeOrder {
    /// The recipe's file.
    pub file: PathBuf,
    /// The recipe's name.
    pub name: String,
    /// Also if there is an image of the same inputs.
    pub force: bool,
    /// How far its plan is.
    pub state: BakeState,
    /// A bake changes no server: `y` is enough.
    pub friction: Friction,
}

impl BakeOrder {
    /// The same on the command line.
    #[must_use]
    pub fn command(&self) -> String {
        let force = if self.force { " --force" } else { "" };
        format!("qd bake {}{force}", shell_word(&self.file.display().to_string()))
    }

    /// Why `y` does not count yet.
    pub(super) fn hurdle(&self, keymap: &Keymap) -> Option<String> {
        Some(match self.state {
            BakeState::Making => "the plan is still being made".to_owned(),
            BakeState::Reuse { .. } => format!("there is nothing to bake: {} bakes it again all the same", keymap.first(CommandId::OtherTarget)),
            BakeState::Failed(_) => "there is no plan to confirm".to_owned(),
            BakeState::Made(_) => return None,
        })
    }
}

/// Everything that is behind its base, to be baked anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Rebake {
    /// The recipes, each with how far its image is behind.
    pub due: Vec<(PathBuf, Behind)>,
    /// So many at once.
    pub wave: u16,
    /// No server is changed: `y` is enough.
    pub friction: Friction,
}

impl Rebake {
    /// The same on the command line.
    #[must_use]
    pub fn command(&self) -> String {
        let files: Vec<String> = self.due.iter().map(|(file, _)| shell_word(&file.display().to_string())).collect();
        format!("qd bake --behind --wave {} {}", self.wave, files.join(" "))
    }
}

/// Opens the sheet of a new bake and asks for its plan; without a recipe, the view in which one is chosen.
pub fn open(model: &mut Model) -> Option<Vec<Effect>> {
    let known = baking::recipe_in_front(model)?;
    let recipe = known.recipe.as_ref().ok()?;
    let (file, name) = (known.file.clone(), recipe.name.clone());
    let order = BakeOrder { file, name, force: false, state: BakeState::Making, friction: Friction::Confirm };
    model.sheet = Some(Sheet::open(Subject::Bake(Box::new(order)), model.clock.boot));
    Some(plan_again(model))
}

/// Makes the plan of the bake on the sheet.
pub fn plan_again(model: &mut Model) -> Vec<Effect> {
    let Some(sheet) = model.sheet.as_mut().filter(|sheet| sheet.sending != Sending::Sent) else { return Vec::new() };
    let Subject::Bake(order) = &mut sheet.subject else { return Vec::new() };
    (order.state, sheet.sending) = (BakeState::Making, Sending::Not);
    let (file, force) = (order.file.clone(), order.force);
    vec![Effect::PlanBake { no: model.requests.begin(model.clock.boot, |requests| &mut requests.plan), file, force }]
}

/// Bakes although there is an image of the same inputs, or not.
pub fn toggle_force(model: &mut Model) -> Vec<Effect> {
    if let Some(Subject::Bake(order)) = model.sheet.as_mut().map(|sheet| &mut sheet.subject) {
        order.force = !order.force;
        return plan_again(model);
    }
    Vec::new()
}

/// Opens the sheet of all that is behind its base.
pub fn open_rebake(model: &mut Model) {
    let Some(lane) = &model.baking.lane else { return };
    let due: Vec<(PathBuf, Behind)> = lane.value.due().into_iter().map(|(known, behind)| (known.file.clone(), behind.clone())).collect();
    let rebake = Rebake { due, wave: WAVE, friction: Friction::Confirm };
    model.sheet = Some(Sheet::open(Subject::Rebake(Box::new(rebake)), model.clock.boot));
}

/// Opens the sheet that ends a bake, or gives it a driver.
pub fn open_errand(model: &mut Model, id: CommandId) {
    let ask = if id == CommandId::TakeOver { Ask::TakeOver } else { Ask::Abort };
    let errand = baking::in_front(model).and_then(|view| errand(view, ask));
    model.sheet = errand.map(|errand| Sheet::open(Subject::Command(Box::new(errand)), model.clock.boot));
}

fn errand(view: &BakeView, ask: Ask) -> Option<Errand> {
    Some(Errand {
        operation: view.operation.id.clone(),
        word: "bake".to_owned(),
        fleet: None,
        about: baking::name(view),
        ask,
        seen: Seen { step: view.progress.current, last_event: view.last_event()? },
        friction: Friction::Confirm,
        effects: effects(view, ask),
    })
}

fn effects(view: &BakeView, ask: Ask) -> Vec<String> {
    if ask == Ask::TakeOver {
        let title = view.operation.plan.step_title(view.progress.current).unwrap_or("its end");
        return vec![
            format!("a new driver looks at everything and goes on with {title}"),
            "what the builder said meanwhile is read from its log".to_owned(),
        ];
    }
    let image = view.progress.image.as_ref();
    let image = image.map_or_else(|| "no image was begun".to_owned(), |image| format!("{image} is left as it is, unverified"));
    vec![
        "1 whatever it is at work on is left".to_owned(),
        "2 its builder, volumes and the instance of its gates are removed".to_owned(),
        image,
        "no fleet is touched; the next bake of a wave is not begun".to_owned(),
    ]
}

/// Why a command about the bake in front cannot be pressed now.
#[must_use]
pub fn hindrance(model: &Model, id: CommandId) -> Option<String> {
    let Some(view) = baking::in_front(model) else { return Some("no bake is selected".to_owned()) };
    match id {
        CommandId::BackOut => match rule(view.state(), CommandKind::BackOut) {
            Ruling::Accept => view.events.is_empty().then(|| "its events were not read yet".to_owned()),
            Ruling::Joined(_) => Some("what it made is being removed already".to_owned()),
            Ruling::Refuse(_) => Some("it is over".to_owned()),
        },
        CommandId::TakeOver if view.state().is_final() => Some("it is over".to_owned()),
        CommandId::TakeOver => view.driver_alive.then(|| format!("{} has a driver", view.operation.id)),
        _ => None,
    }
}

/// Why nothing can be baked from here; where no recipe is in front, the key leads to them.
#[must_use]
pub fn no_recipe(model: &Model) -> Option<String> {
    let known = baking::recipe_in_front(model)?;
    known.recipe.as_ref().err().map(|why| why.lines().next().unwrap_or_default().to_owned())
}

/// Why nothing is baked anew.
#[must_use]
pub fn nothing_behind(model: &Model) -> Option<String> {
    let Some(lane) = &model.baking.lane else { return Some("recipes were not read yet".to_owned()) };
    match (&lane.value.problem, lane.value.due().is_empty()) {
        (Some(problem), _) => Some(problem.text.clone()),
        (None, true) if lane.value.recipes.is_empty() => Some("there is no recipe".to_owned()),
        (None, true) => Some("no image is behind its base".to_owned()),
        (None, false) => None,
    }
}

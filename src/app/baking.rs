//! Bakes as the screen knows them, the recipes they are made from, and which images are behind their base.

use std::path::{Path, PathBuf};

use super::age::Aged;
use super::bake_log::BakeLog;
use super::model::{Model, Problem, Screen};
use super::rows;
use crate::domain::ids::{ImageId, OperationId};
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::operation::bake::{BakeView, Behind};
use crate::operation::work::Work;
use crate::ports::desk::KnownRecipe;

/// So many bakes of a wave run at once.
pub const WAVE: u16 = 3;
/// So many earlier bakes of a recipe are told of.
const EARLIER: usize = 5;

/// The recipes that are kept, and what is known of their images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    /// In the order of their files.
    pub recipes: Vec<KnownRecipe>,
    /// How far the newest image of each is behind its base, by the recipe's name.
    pub behind: Vec<Behind>,
    /// Why that could not be read.
    pub problem: Option<Problem>,
    /// What went wrong with the waves that were begun last.
    pub stopped: Option<String>,
}

impl Lane {
    /// What is known of a recipe's newest image.
    #[must_use]
    pub fn behind(&self, known: &KnownRecipe) -> Option<&Behind> {
        let recipe = known.recipe.as_ref().ok()?;
        self.behind.iter().find(|behind| behind.recipe == recipe.name)
    }

    /// The recipes whose image is behind its base, or of which that cannot be told.
    #[must_use]
    pub fn due(&self) -> Vec<(&KnownRecipe, &Behind)> {
        let due = |known| self.behind(known).filter(|behind| behind.days != Some(0)).map(|behind| (known, behind));
        self.recipes.iter().filter_map(due).collect()
    }
}

/// A part of the view of all bakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BakesPane {
    /// Recipes, and how far their images are behind.
    Recipes,
    /// Bakes.
    #[default]
    Bakes,
}

/// Everything about bakes.
#[derive(Clone, Debug, Default)]
pub struct Baking {
    /// Bakes, newest first.
    pub views: Vec<BakeView>,
    /// They were read at least once.
    pub is_read: bool,
    /// The selected bake; the newest where none was selected.
    pub selected: Option<OperationId>,
    /// Recipes, once they were read.
    pub lane: Option<Aged<Lane>>,
    /// The selected recipe.
    pub recipe: Option<PathBuf>,
    /// The part with the focus.
    pub pane: BakesPane,
    /// The log of the opened bake.
    pub log: BakeLog,
}

impl Baking {
    /// A bake by its id.
    #[must_use]
    pub fn view(&self, id: &OperationId) -> Option<&BakeView> {
        self.views.iter().find(|view| &view.operation.id == id)
    }

    /// Bakes that are not over, newest first.
    pub fn unfinished(&self) -> impl Iterator<Item = &BakeView> {
        self.views.iter().filter(|view| !view.state().is_final())
    }

    /// The selected bake, or the newest.
    #[must_use]
    pub fn chosen(&self) -> Option<&BakeView> {
        self.selected.as_ref().and_then(|id| self.view(id)).or_else(|| self.views.first())
    }

    /// The recipes as last read.
    #[must_use]
    pub fn recipes(&self) -> &[KnownRecipe] {
        self.lane.as_ref().map_or(&[], |lane| &lane.value.recipes)
    }

    /// The selected recipe, or the first.
    #[must_use]
    pub fn chosen_recipe(&self) -> Option<&KnownRecipe> {
        let all = self.recipes();
        all.iter().find(|known| Some(&known.file) == self.recipe.as_ref()).or_else(|| all.first())
    }

    /// A recipe by its file.
    #[must_use]
    pub fn recipe(&self, file: &Path) -> Option<&KnownRecipe> {
        self.recipes().iter().find(|known| known.file == file)
    }

    /// The bake that makes an image, or made it.
    #[must_use]
    pub fn of_image(&self, image: &ImageId) -> Option<&BakeView> {
        self.views.iter().find(|view| view.progress.image.as_ref() == Some(image))
    }

    /// The newest bake of a recipe.
    #[must_use]
    pub fn of_recipe(&self, name: &str) -> Option<&BakeView> {
        self.views.iter().find(|view| view.operation.plan.recipe == name)
    }

    /// Bakes of an app that are not over and of which no image is listed yet.
    pub fn imageless<'a>(&'a self, model: &'a Model, app: Option<&'a Untrusted>) -> impl Iterator<Item = &'a BakeView> {
        let of_app = move |view: &&BakeView| app.is_some_and(|app| app.raw() == view.operation.plan.app);
        let is_listed = |id: &ImageId| model.images().iter().any(|status| &status.image.id == id);
        self.unfinished().filter(of_app).filter(move |view| !view.progress.image.as_ref().is_some_and(is_listed))
    }

    /// Bakes of the same recipe that are over, newest first, with how long each took.
    #[must_use]
    pub fn earlier<'a>(&'a self, view: &BakeView) -> Vec<(&'a BakeView, Millis)> {
        let plan = &view.operation.plan;
        let same = |other: &&BakeView| {
            other.operation.plan.recipe == plan.recipe && other.operation.id != view.operation.id && other.state().is_final() && !plan.is_sweep()
        };
        self.views.iter().filter(same).take(EARLIER).map(|other| (other, took(other))).collect()
    }
}

/// How long a bake took, or takes so far as its events tell.
fn took(view: &BakeView) -> Millis {
    view.progress.since.since(view.progress.began_at)
}

/// The bake that keys are about: the opened one, or the selected one of the list.
#[must_use]
pub fn in_front(model: &Model) -> Option<&BakeView> {
    let below = model.screens.iter().rev().find(|screen| !matches!(screen, Screen::Help | Screen::Activity | Screen::Sources))?;
    match below {
        Screen::Bake(id) | Screen::BakeLog(id) => model.baking.view(id),
        Screen::Bakes if model.baking.pane == BakesPane::Bakes => model.baking.chosen(),
        _ => None,
    }
}

/// Bakes and recipes are what the screen is about.
#[must_use]
pub fn is_open(model: &Model) -> bool {
    let below = model.screens.iter().rev().find(|screen| !matches!(screen, Screen::Help | Screen::Activity | Screen::Sources));
    matches!(below, Some(Screen::Bakes | Screen::Bake(_) | Screen::BakeLog(_)))
}

/// The recipe that a new bake would be of: the selected one, that of the opened bake, or the only one of the selected fleet's app.
#[must_use]
pub fn recipe_in_front(model: &Model) -> Option<&KnownRecipe> {
    let named = |wanted: &str| model.baking.recipes().iter().find(|known| known.recipe.as_ref().is_ok_and(|recipe| recipe.name == wanted));
    if let Some(view) = in_front(model) {
        return named(&view.operation.plan.recipe);
    }
    if is_open(model) {
        return model.baking.chosen_recipe();
    }
    let app = rows::images_app(model)?.raw();
    let mut of_app = model.baking.recipes().iter().filter(|known| known.recipe.as_ref().is_ok_and(|recipe| recipe.app.name == app));
    of_app.next().filter(|_| of_app.next().is_none())
}

/// What a bake is called: its recipe and version.
#[must_use]
pub fn name(view: &BakeView) -> String {
    view.operation.plan.headline()
}

/// Moves the cursor of the view of all bakes.
pub fn move_by(model: &mut Model, by: isize) {
    let baking = &mut model.baking;
    match baking.pane {
        BakesPane::Bakes => {
            let at = baking.chosen().and_then(|chosen| baking.views.iter().position(|view| view.operation.id == chosen.operation.id));
            let moved = rows::offset(at, by, baking.views.len()).and_then(|at| baking.views.get(at));
            baking.selected = moved.map(|view| view.operation.id.clone());
        }
        BakesPane::Recipes => {
            let at = baking.chosen_recipe().and_then(|chosen| baking.recipes().iter().position(|known| known.file == chosen.file));
            let moved = rows::offset(at, by, baking.recipes().len()).and_then(|at| baking.recipes().get(at));
            baking.recipe = moved.map(|known| known.file.clone());
        }
    }
}

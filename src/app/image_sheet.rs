//! The sheet that blocks an image, with everything made from it, or lifts that. It changes no server; it keeps anybody from deploying it.

use super::effect::Effect;
use super::image;
use super::model::{Model, Pane, Problem, Screen};
use super::sheet::{DEAD_TIME, Sending, Sheet, Subject};
use crate::domain::ids::ImageId;
use crate::domain::text::{Untrusted, shell_word};
use crate::operation::image_plan::{ImageName, ImagePlan, ImageWish, WantedChange};
use crate::operation::plan::Friction;
use crate::ports::desk::DeskError;

/// How far the plan of a change is.
#[derive(Clone, Debug, PartialEq)]
pub enum ImagePlanState {
    /// It is being made.
    Making,
    /// Here it is.
    Made(Box<ImagePlan>),
    /// It could not be made, or a guard refused.
    Failed(Problem),
}

/// A change of what is said of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageOrder {
    /// The image.
    pub image: ImageId,
    /// What people call it.
    pub label: String,
    /// Its block is lifted.
    pub lifts: bool,
    /// How far its plan is.
    pub state: ImagePlanState,
    /// Whoever is refused reads the reason: one has to be given.
    pub friction: Friction,
}

impl ImageOrder {
    /// The same on the command line.
    #[must_use]
    pub fn command(&self) -> String {
        format!("qd image {} {} --reason TEXT", self.word(), shell_word(self.image.as_str()))
    }

    /// What is done, in a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        if self.lifts { "unblock" } else { "block" }
    }

    /// What is wanted, for this reason.
    #[must_use]
    pub fn wish(&self, reason: Option<Untrusted>) -> ImageWish {
        let name = ImageName { wanted: self.image.as_str().to_owned(), app: None };
        ImageWish { name, change: if self.lifts { WantedChange::Unblock } else { WantedChange::Block }, reason }
    }

    /// Why `y` does not count yet.
    pub(super) fn hurdle(&self) -> Option<String> {
        match &self.state {
            ImagePlanState::Making => Some("the plan is still being made".to_owned()),
            ImagePlanState::Failed(_) => Some("there is no plan to confirm".to_owned()),
            ImagePlanState::Made(plan) => plan.change.is_none().then(|| format!("there is nothing to do: {}", plan.notes.join("; "))),
        }
    }
}

/// The image that `block` is about: the opened one, or the one under the cursor of the images.
fn in_front(model: &Model) -> Option<&ImageId> {
    match model.screen() {
        Screen::Image(id) | Screen::ImageRecord(id) => Some(id),
        Screen::Main if model.pane == Pane::Images => model.image.as_ref(),
        _ => None,
    }
}

/// Why no image can be blocked here.
pub fn hindrance(model: &Model) -> Option<String> {
    let Some(id) = in_front(model) else { return Some("no image is under the cursor".to_owned()) };
    image::status(model, id).is_none().then(|| "it is not among the images that were listed last".to_owned())
}

/// Opens the sheet and asks for its plan.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let Some(status) = in_front(model).and_then(|id| image::status(model, id)) else { return Vec::new() };
    let order = ImageOrder {
        image: status.image.id.clone(),
        label: status.image.label(),
        lifts: status.image.blocked.is_some(),
        state: ImagePlanState::Making,
        friction: Friction::Reason,
    };
    model.sheet = Some(Sheet::open(Subject::Image(Box::new(order)), model.clock.boot));
    plan_again(model)
}

/// Makes the plan on the sheet, also once more.
pub fn plan_again(model: &mut Model) -> Vec<Effect> {
    let Some(sheet) = model.sheet.as_mut().filter(|sheet| sheet.sending != Sending::Sent) else { return Vec::new() };
    let Subject::Image(order) = &mut sheet.subject else { return Vec::new() };
    (order.state, sheet.sending) = (ImagePlanState::Making, Sending::Not);
    let wish = order.wish(None);
    vec![Effect::PlanImage { no: model.requests.begin(model.clock.boot, |requests| &mut requests.plan), wish }]
}

/// Puts an answer on the sheet.
pub fn planned(model: &mut Model, no: u64, result: Result<Box<ImagePlan>, DeskError>) {
    if !model.requests.end(no, |requests| &mut requests.plan).believed {
        return;
    }
    let deaf_until = model.clock.boot.plus(DEAD_TIME);
    if let Some(sheet) = &mut model.sheet
        && let Subject::Image(order) = &mut sheet.subject
    {
        order.state = result.map_or_else(|error| ImagePlanState::Failed(Problem::from(&error)), ImagePlanState::Made);
        (sheet.deaf_until, sheet.scroll) = (deaf_until, 0);
    }
}

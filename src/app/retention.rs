//! Images that nobody needs, as `qd gc` finds them: what would be removed when, how much it holds, and why each other image stays.

use super::age::Aged;
use super::model::{Model, Problem};
use super::query::{Query, Searchable, has};
use super::replies::note_failure;
use super::rows;
use crate::domain::ids::ImageId;
use crate::operation::gc::{GcPlan, ImageVerdict, Verdict};
use crate::ports::desk::DeskError;

/// What was found, and which of it is shown.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// What was found.
    pub plan: Option<Aged<GcPlan>>,
    /// Why the last reading failed, if it did.
    pub problem: Option<Problem>,
    /// The image under the cursor; the first where none was chosen.
    pub selected: Option<ImageId>,
    readings: u64,
    shown_for: Option<(u64, String)>,
    shown: Vec<usize>,
}

/// Where a verdict stands in the list: what goes first stands first.
const fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Remove => 0,
        Verdict::Waits { .. } => 1,
        Verdict::Mark => 2,
        Verdict::Stays(_) => 3,
    }
}

/// A verdict in a word, for filters and rows.
#[must_use]
pub const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Remove => "remove",
        Verdict::Waits { .. } => "wait",
        Verdict::Mark => "mark",
        Verdict::Stays(_) => "stay",
    }
}

impl Searchable for ImageVerdict {
    const FIELDS: &'static [&'static str] = &["app", "id", "state", "why"];

    fn holds(&self, field: Option<&str>, text: &str) -> bool {
        let why = || matches!(&self.verdict, Verdict::Stays(why) if why.iter().any(|why| has(why, text)));
        match field {
            Some("app") => self.app.as_ref().is_some_and(|app| has(app.raw(), text)),
            Some("id") => has(self.image.as_str(), text),
            Some("state") => has(word(&self.verdict), text),
            Some("why") => why(),
            _ => has(&self.named(), text) || has(self.image.as_str(), text),
        }
    }
}

/// Brings the list up to what was found and to its filter.
pub fn settle(model: &mut Model) {
    let wanted = (model.retention.readings, model.filters.retention.text().to_owned());
    if model.retention.shown_for.as_ref() == Some(&wanted) {
        return;
    }
    let query = Query::read(&wanted.1, ImageVerdict::FIELDS);
    let all = model.retention.plan.as_ref().map_or(&[][..], |plan| &plan.value.images);
    let mut shown: Vec<usize> = (0..all.len()).filter(|at| all.get(*at).is_some_and(|image| query.passes(image))).collect();
    shown.sort_by_key(|at| all.get(*at).map(|image| rank(&image.verdict)));
    model.retention.shown = shown;
    model.retention.shown_for = Some(wanted);
}

impl Retention {
    /// The images that pass the filter: what goes first, and the oldest of those.
    pub fn shown(&self) -> impl ExactSizeIterator<Item = Option<&ImageVerdict>> {
        let all = self.plan.as_ref().map_or(&[][..], |plan| &plan.value.images);
        self.shown.iter().map(|at| all.get(*at))
    }

    /// Where the cursor stands among them.
    #[must_use]
    pub fn position(&self) -> usize {
        self.selected.as_ref().and_then(|id| self.shown().position(|image| image.is_some_and(|image| image.image == *id))).unwrap_or(0)
    }

    /// The image under the cursor.
    #[must_use]
    pub fn chosen(&self) -> Option<&ImageVerdict> {
        self.shown().nth(self.position()).flatten()
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, by: isize) {
        let at = rows::offset(Some(self.position()), by, self.shown.len());
        self.selected = at.and_then(|at| self.shown().nth(at).flatten()).map(|image| image.image.clone());
    }
}

/// Takes an answer in.
pub fn take(model: &mut Model, no: u64, result: Result<Box<GcPlan>, DeskError>) {
    if !model.requests.end(no, |requests| &mut requests.retention).believed {
        return;
    }
    match result {
        Ok(plan) => {
            let as_of = plan.as_of;
            model.retention.plan = Some(Aged::new(*plan, as_of, model.clock));
            model.retention.readings += 1;
            model.retention.problem = None;
        }
        Err(error) => {
            model.retention.problem = Some(Problem::from(&error));
            note_failure(model, "looking for images nobody needs", &error, None);
        }
    }
}

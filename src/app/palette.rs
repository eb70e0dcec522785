//! The palette: commands, saved views, fleets, images, bakes and recipes found by a few letters of them.

use std::path::PathBuf;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::baking;
use super::commands::{self, COMMANDS, Command, CommandId};
use super::field::{Edited, Field};
use super::key::Key;
use super::model::Model;
use super::rows;
use crate::domain::ids::{FleetName, ImageId, OperationId};
use crate::domain::text::escape;

/// Most that are offered.
const OFFERED: usize = 100;

/// What can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A command: it runs.
    Command(CommandId),
    /// A fleet: it opens.
    Fleet(FleetName),
    /// An image: it opens.
    Image(ImageId),
    /// A bake: it opens.
    Bake(OperationId),
    /// A recipe: it is shown among the others.
    Recipe(PathBuf),
    /// A view a person wrote down: its filter and order are taken.
    View(String),
}

/// Something that fits what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What it is.
    pub target: Target,
    /// How it is shown.
    pub label: String,
}

/// The open palette.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// What was typed.
    pub field: Field,
    /// What fits, the best first.
    pub hits: Vec<Hit>,
    /// The one under the cursor.
    pub at: usize,
}

impl Palette {
    /// A palette that offers everything.
    #[must_use]
    pub fn open(model: &Model) -> Self {
        Self { hits: hits(model, ""), ..Self::default() }
    }
}

/// Takes a key. What was chosen, if something was; the palette is closed then.
pub fn press(model: &mut Model, key: Key) -> Option<Target> {
    let palette = model.palette.as_mut()?;
    match key {
        Key::Down | Key::Tab | Key::Ctrl('n') => palette.at = rows::offset(Some(palette.at), 1, palette.hits.len()).unwrap_or(0),
        Key::Up | Key::BackTab | Key::Ctrl('p') => palette.at = rows::offset(Some(palette.at), -1, palette.hits.len()).unwrap_or(0),
        _ => match palette.field.press(key) {
            Edited::Done => return model.palette.take().and_then(|open| open.hits.into_iter().nth(open.at)).map(|hit| hit.target),
            Edited::Left => model.palette = None,
            Edited::Taken => search(model),
            Edited::Ignored => {}
        },
    }
    None
}

/// Finds again what fits the text.
pub fn search(model: &mut Model) {
    let Some(text) = model.palette.as_ref().map(|palette| palette.field.text().to_owned()) else { return };
    let found = hits(model, &text);
    if let Some(palette) = &mut model.palette {
        (palette.hits, palette.at) = (found, 0);
    }
}

/// What fits a text; commands first among equals, then fleets, images, bakes and recipes. Several words must all fit.
fn hits(model: &Model, text: &str) -> Vec<Hit> {
    let pattern = Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut score = |label: &str| pattern.score(Utf32Str::new(label, &mut buffer), &mut matcher);
    let place = commands::place_below(model);
    let mut found: Vec<(u32, Hit)> = Vec::new();
    for command in COMMANDS.iter().filter(|command| command.places.has(place) && is_offered(command)) {
        // Its name counts for more than what is said about it.
        let fits = score(command.label).map(|points| points.saturating_mul(2)).max(score(command.about));
        found.extend(fits.map(|points| (points, Hit { target: Target::Command(command.id), label: command.label.to_owned() })));
    }
    for name in model.views.keys() {
        let label = escape(name);
        found.extend(score(&label).map(|points| (points.saturating_mul(2), Hit { target: Target::View(name.clone()), label })));
    }
    for status in model.fleets() {
        let name = &status.spec.name;
        found.extend(score(name.as_str()).map(|points| (points, Hit { target: Target::Fleet(name.clone()), label: name.to_string() })));
    }
    for status in model.images() {
        let label = status.image.called();
        found.extend(score(&label).map(|points| (points, Hit { target: Target::Image(status.image.id.clone()), label })));
    }
    for view in &model.baking.views {
        let label = format!("{} {}", escape(&baking::name(view)), view.operation.id);
        found.extend(score(&format!("bake {label}")).map(|points| (points, Hit { target: Target::Bake(view.operation.id.clone()), label })));
    }
    for known in model.baking.recipes() {
        let Ok(recipe) = &known.recipe else { continue };
        let label = escape(&recipe.name);
        found.extend(score(&format!("recipe {label}")).map(|points| (points, Hit { target: Target::Recipe(known.file.clone()), label })));
    }
    found.sort_by_key(|(points, _)| std::cmp::Reverse(*points));
    found.into_iter().map(|(_, hit)| hit).take(OFFERED).collect()
}

/// Moving a cursor by name is no help to anybody.
const fn is_offered(command: &Command) -> bool {
    !matches!(
        command.id,
        CommandId::Down | CommandId::Up | CommandId::PageDown | CommandId::PageUp | CommandId::Top | CommandId::End | CommandId::Palette
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture;

    fn found(text: &str) -> Vec<Target> {
        let model = fixture::model_with(Some(fixture::holding()), 80, 24);
        hits(&model, text).into_iter().map(|hit| hit.target).collect()
    }

    #[test]
    fn a_few_letters_find_commands_fleets_and_images() {
        assert_eq!(found("rollb")[0], Target::Command(CommandId::Rollback));
        assert_eq!(found("srchp")[0], Target::Fleet("search-prod".into()));
        assert_eq!(found("web2.14")[0], Target::Image("ami-0214".into()));
        assert_eq!(found("prod api")[0], Target::Fleet("api-prod".into()));
        assert!(found("no such thing").is_empty());
    }

    #[test]
    fn a_view_that_was_written_down_is_found_by_its_name() {
        let mut model = fixture::model_with(None, 80, 24);
        model.views = super::super::views::read("views.toml", "needs-me = { fleets = \"!state:steady\" }").unwrap();
        assert_eq!(hits(&model, "needsme")[0].target, Target::View("needs-me".to_owned()));
    }

    #[test]
    fn with_nothing_typed_everything_is_offered_and_commands_come_first() {
        assert_eq!(found("")[0], Target::Command(CommandId::Deploy));
        assert!(found("").contains(&Target::Fleet("web-prod".into())));
    }
}

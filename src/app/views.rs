//! Views a person wrote down: a name in the palette for a filter and an order.
//!
//! ```toml
//! # views.toml
//! mine   = { fleets = "app:web !state:steady", sort = "state" }
//! today  = { activity = "since:12h" }
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::field::Field;
use super::listing::FleetSort;
use super::model::{Model, Pane, Screen};
use super::moving;
use crate::domain::text::escape;

/// One of them. What it does not name stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedView {
    /// The filter of the fleets.
    fleets: Option<String>,
    /// The order of the fleets.
    sort: Option<Sort>,
    /// The filter of the images.
    images: Option<String>,
    /// The filter of the activity, which is shown then.
    activity: Option<String>,
}

/// An order as a file writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    Listed,
    Name,
    State,
    WayBack,
}

/// All of a file, by name.
pub type SavedViews = BTreeMap<String, SavedView>;

/// The views of a person's file.
///
/// # Errors
/// What is wrong, as `FILE:LINE: what`; none of its views is used then.
pub fn read(file: &str, text: &str) -> Result<SavedViews, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
        let help = "expected NAME = { fleets = \"FILTER\", sort = \"state\", images = \"FILTER\", activity = \"FILTER\" }";
        format!("{file}:{line}: {}: {help}", escape(error.message().trim_end()))
    })
}

/// Shows a view by its name.
pub fn show(model: &mut Model, name: &str) {
    let Some(view) = model.views.get(name).cloned() else { return };
    let set = |field: &mut Field, text: Option<&String>| {
        if let Some(text) = text {
            *field = Field::default();
            field.paste(text);
        }
    };
    set(&mut model.filters.fleets, view.fleets.as_ref());
    set(&mut model.filters.images, view.images.as_ref());
    set(&mut model.filters.activity, view.activity.as_ref());
    if let Some(sort) = view.sort {
        model.fleet_sort = match sort {
            Sort::Listed => FleetSort::Listed,
            Sort::Name => FleetSort::Name,
            Sort::State => FleetSort::State,
            Sort::WayBack => FleetSort::WayBack,
        };
    }
    model.last_view = Some(std::mem::replace(&mut model.screens, vec![Screen::Main]));
    match (&view.activity, &view.fleets, &view.images) {
        (Some(_), ..) => model.screens.push(Screen::Activity),
        (None, None, Some(_)) => model.pane = Pane::Images,
        _ => model.pane = Pane::Fleets,
    }
    moving::settle_selection(model);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{fixture, rows};

    #[test]
    fn a_view_is_its_filter_and_its_order() {
        let mut model = fixture::model_with(Some(fixture::holding()), 80, 24);
        model.views = read("views.toml", "bad = { fleets = \"!state:steady\", sort = \"state\" }\ntoday = { activity = \"since:12h\" }").unwrap();
        show(&mut model, "bad");
        let shown: Vec<String> = rows::fleets(&model).iter().map(|status| status.spec.name.to_string()).collect();
        assert_eq!((shown[0].as_str(), shown.contains(&"api-prod".to_owned())), ("web-prod", false));
        show(&mut model, "today");
        assert_eq!((model.screen(), model.filters.activity.text(), model.filters.fleets.text()), (&Screen::Activity, "since:12h", "!state:steady"));
    }

    #[test]
    fn a_mistake_says_where_and_what_was_expected() {
        let told = read("views.toml", "\nbad = { fleet = \"x\" }").unwrap_err();
        assert!(told.starts_with("views.toml:2: unknown field `fleet`") && told.contains("expected NAME = {"), "{told}");
        assert!(read("views.toml", "bad = { sort = \"size\" }").unwrap_err().contains("unknown variant `size`"));
    }
}

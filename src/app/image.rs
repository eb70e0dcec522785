//! What there is to say about one image: where it comes from, which fleets could run it, what it changes against what runs now.

use super::life;
use super::model::Model;
use super::rows;
use crate::domain::ids::{FleetName, ImageId};
use crate::domain::image::Image;
use crate::domain::text::{Untrusted, escape};
use crate::operation::status::{FleetStatus, ImageStatus};

/// An image as last read.
#[must_use]
pub fn status<'a>(model: &'a Model, id: &ImageId) -> Option<&'a ImageStatus> {
    model.images().iter().find(|status| &status.image.id == id)
}

/// The fleets an image is for: those of its app, and any that runs it or something made from it. Of a blocked one: those with something to do, the most servers first.
#[must_use]
pub fn fleets<'a>(model: &'a Model, id: &ImageId) -> Vec<&'a FleetStatus> {
    if let Some(work) = life::work(model, id) {
        return work.fleets.iter().filter_map(|work| model.fleet_status(&work.fleet)).collect();
    }
    let app = status(model, id).and_then(|status| status.image.app.as_ref());
    let is_of_its_app = |fleet: &FleetStatus| app.is_some() && fleet.spec.app.as_ref() == app;
    let is_for = |fleet: &&FleetStatus| rows::runs(fleet, id) || is_of_its_app(fleet) || life::heirs_run(model, id, fleet) > 0;
    model.fleets().iter().filter(is_for).collect()
}

/// The fleet an image is looked at for: the selected one if the image is for it, else the first that runs it, else the first it is for.
#[must_use]
pub fn fleet<'a>(model: &'a Model, id: &ImageId) -> Option<&'a FleetName> {
    let all = fleets(model, id);
    let selected = all.iter().find(|fleet| Some(&fleet.spec.name) == model.fleet.as_ref());
    let found = selected.or_else(|| all.iter().find(|fleet| rows::runs(fleet, id))).or_else(|| all.first());
    found.map(|fleet| &fleet.spec.name)
}

/// The fleet `by` rows from that one, stopping at the ends.
#[must_use]
pub fn fleet_at_offset(model: &Model, id: &ImageId, by: isize) -> Option<FleetName> {
    let (all, now) = (fleets(model, id), fleet(model, id));
    let at = rows::offset(all.iter().position(|fleet| Some(&fleet.spec.name) == now), by, all.len())?;
    all.get(at).map(|fleet| fleet.spec.name.clone())
}

/// The image most servers of a fleet run.
#[must_use]
pub fn live<'a>(model: &'a Model, fleet: &FleetStatus) -> Option<&'a ImageStatus> {
    let main = fleet.mix.iter().max_by_key(|part| part.servers)?;
    status(model, main.image.as_ref()?)
}

/// The images of the same app made just before and just after an image.
#[must_use]
pub fn neighbours<'a>(model: &'a Model, image: &Image) -> (Option<&'a ImageStatus>, Option<&'a ImageStatus>) {
    let Some(made) = image.created_at else { return (None, None) };
    let mut before: Option<&ImageStatus> = None;
    let mut after: Option<&ImageStatus> = None;
    for other in model.images().iter().filter(|other| image.app.is_some() && other.image.app == image.app && other.image.id != image.id) {
        let Some(at) = other.image.created_at else { continue };
        if at <= made && before.is_none_or(|known| known.image.created_at < Some(at)) {
            before = Some(other);
        }
        if at > made && after.is_none_or(|known| known.image.created_at > Some(at)) {
            after = Some(other);
        }
    }
    (before, after)
}

/// The image this one was baked from, where it is among those that were listed.
#[must_use]
pub fn base<'a>(model: &'a Model, image: &Image) -> Option<&'a ImageStatus> {
    let base = image.base.as_ref()?;
    model.images().iter().find(|status| status.image.id.as_str() == base.raw() || &status.image.name == base)
}

/// What differs between two images: a name, the old value, the new one. Both are as they were told; none where nobody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub what: String,
    /// In the image that runs.
    pub old: Option<String>,
    /// In this one.
    pub new: Option<String>,
}

/// Tags that say what people think of an image, not what is in it.
const SAID: &str = "qd:blocked";

/// What differs from `old` to `new`, as far as the listing tells.
#[must_use]
pub fn differences(old: &Image, new: &Image) -> Vec<Difference> {
    let text = |value: &Option<Untrusted>| value.as_ref().map(Untrusted::shown);
    let mut all = vec![
        ("version".to_owned(), text(&old.version), text(&new.version)),
        ("base".to_owned(), text(&old.base), text(&new.base)),
        ("architecture".to_owned(), text(&old.arch), text(&new.arch)),
        ("schema".to_owned(), Some(old.schema.words()), Some(new.schema.words())),
    ];
    let known = [&old.version, &old.base, &new.version, &new.base];
    let keys: std::collections::BTreeSet<&String> = old.tags.keys().chain(new.tags.keys()).collect();
    for key in keys.into_iter().filter(|key| !key.starts_with(SAID)) {
        let (was, is) = (old.tags.get(key), new.tags.get(key));
        // What a field above says already is not said twice.
        if !known.iter().any(|field| field.is_some() && (field.as_ref() == was || field.as_ref() == is)) {
            all.push((format!("tag {}", escape(key)), was.map(Untrusted::shown), is.map(Untrusted::shown)));
        }
    }
    all.into_iter().filter(|(_, old, new)| old != new).map(|(what, old, new)| Difference { what, old, new }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture;

    #[test]
    fn what_changes_is_named_with_both_values_and_nothing_else_is() {
        let images = fixture::images();
        let by = |version: &str| images.iter().find(|status| status.image.label() == version).unwrap().image.clone();
        let (old, mut new) = (by("2.13.2"), by("2.14.0"));
        new.schema.min = Some(42);
        let told: Vec<(String, Option<String>, Option<String>)> = differences(&old, &new).into_iter().map(|d| (d.what, d.old, d.new)).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("version".to_owned(), some("2.13.2"), some("2.14.0")),
                ("schema".to_owned(), some("any"), some("from 42")),
                ("tag qd:commit".to_owned(), some("c2132"), some("c2140")),
            ]
        );
        assert!(differences(&old, &old).is_empty());
    }

    #[test]
    fn an_image_stands_between_the_versions_before_and_after_it() {
        let model = fixture::model_with(None, 80, 24);
        let image = &status(&model, &"ami-0214".into()).unwrap().image;
        let (before, after) = neighbours(&model, image);
        assert_eq!((before.unwrap().image.label(), after.unwrap().image.label()), ("2.13.2".to_owned(), "2.15.0".to_owned()));
    }
}

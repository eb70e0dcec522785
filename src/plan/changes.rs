//! What changes between the release a fleet runs and the image it gets: from their tags, their package lists and their template data.

use std::collections::BTreeSet;

use crate::domain::image::Image;
use crate::domain::observation::TemplateData;
use crate::domain::packages::{PackageList, package_changes};
use crate::domain::text::{Untrusted, escape};
use crate::operation::changes::{Changes, FieldChange, PackageDifference};

/// One side: an image, what is installed in it, and what it is launched with. What is not known says why.
pub struct Side<'a> {
    /// How people call it.
    pub label: String,
    /// The image, if it is listed.
    pub image: Option<&'a Image>,
    /// What is installed.
    pub packages: &'a Result<PackageList, String>,
    /// The template data it runs with, where it was read.
    pub template: Option<&'a TemplateData>,
}

/// Everything that differs from one side to the other.
#[must_use]
pub fn changes(from: &Side<'_>, to: &Side<'_>) -> Changes {
    let mut fields = of_images(from, to);
    fields.extend(of_kernels(from, to));
    fields.extend(of_templates(from, to));
    fields.sort_by_key(|change| !change.risky);
    Changes { fields, packages: of_packages(from, to) }
}

fn of_images(from: &Side<'_>, to: &Side<'_>) -> Vec<FieldChange> {
    let tag = |side: &Side<'_>, key: &str| side.image.and_then(|image| image.tags.get(key)).map(Untrusted::shown);
    let told = |side: &Side<'_>, field: fn(&Image) -> Option<&Untrusted>| side.image.and_then(field).map(Untrusted::shown);
    let schema = |side: &Side<'_>| side.image.map(|image| image.schema.words());
    [
        ("version", told(from, |image| image.version.as_ref()), told(to, |image| image.version.as_ref()), false),
        ("commit", tag(from, "qd:commit"), tag(to, "qd:commit"), false),
        ("recipe", tag(from, "qd:recipe"), tag(to, "qd:recipe"), false),
        ("base", told(from, |image| image.base.as_ref()), told(to, |image| image.base.as_ref()), false),
        ("architecture", told(from, |image| image.arch.as_ref()), told(to, |image| image.arch.as_ref()), true),
        ("schema", schema(from), schema(to), true),
    ]
    .into_iter()
    .filter(|(_, from, to, _)| from != to)
    .map(|(what, from, to, risky)| FieldChange { what: what.to_owned(), from, to, risky })
    .collect()
}

/// Only where both lists name kernels: a list without one says nothing of it.
fn of_kernels(from: &Side<'_>, to: &Side<'_>) -> Option<FieldChange> {
    let kernel = |side: &Side<'_>| side.packages.as_ref().ok().and_then(PackageList::kernel_words);
    let (before, after) = (kernel(from)?, kernel(to)?);
    (before != after).then(|| FieldChange { what: "kernel".to_owned(), from: Some(before), to: Some(after), risky: true })
}

fn of_templates(from: &Side<'_>, to: &Side<'_>) -> Vec<FieldChange> {
    let (Some(before), Some(after)) = (from.template, to.template) else { return Vec::new() };
    let names: BTreeSet<&String> = before.fields.keys().chain(after.fields.keys()).collect();
    let value = |data: &TemplateData, name: &str| data.fields.get(name).map(Untrusted::shown);
    names
        .into_iter()
        .filter(|name| before.fields.get(*name) != after.fields.get(*name))
        .map(|name| FieldChange { what: format!("template {}", escape(name)), from: value(before, name), to: value(after, name), risky: false })
        .collect()
}

fn of_packages(from: &Side<'_>, to: &Side<'_>) -> PackageDifference {
    match (from.packages, to.packages) {
        (Ok(before), Ok(after)) => PackageDifference::known(package_changes(before, after)),
        _ => {
            let missing = [from, to].into_iter().filter_map(|side| side.packages.as_ref().err().map(|why| format!("{}: {why}", side.label)));
            PackageDifference::Unknown { why: missing.collect::<Vec<_>>().join("; ") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::image::{ImageOrigin, ImageState, SchemaRange};

    fn image(version: &str) -> Image {
        Image {
            id: format!("ami-{version}").as_str().into(),
            name: "web".into(),
            app: Some("web".into()),
            version: Some(version.into()),
            stage: None,
            created_at: None,
            base: Some("ami-base".into()),
            arch: Some("arm64".into()),
            state: ImageState::Available,
            schema: SchemaRange::default(),
            blocked: None,
            bake: None,
            tags: [("qd:commit".to_owned(), format!("c{version}").into())].into(),
            origin: ImageOrigin::default(),
        }
    }

    fn list(version: &str, kernel: &str) -> Result<PackageList, String> {
        Ok(PackageList::parse(&format!("= {kernel}\nbash 5.2\nopenssl {version}\nweb {version}\n")))
    }

    fn side<'a>(image: &'a Image, packages: &'a Result<PackageList, String>) -> Side<'a> {
        Side { label: image.label(), image: Some(image), packages, template: None }
    }

    #[test]
    fn what_differs_is_told_with_the_risky_first() {
        let (old, mut new) = (image("2.13.1"), image("2.14.0"));
        new.schema.max = Some(42);
        let lists = [list("2.13.1", "6.8.0-1020"), list("2.14.0", "6.8.0-1021")];
        let told = changes(&side(&old, &lists[0]), &side(&new, &lists[1]));
        let fields: Vec<(&str, bool)> = told.fields.iter().map(|change| (change.what.as_str(), change.risky)).collect();
        assert_eq!(fields, [("schema", true), ("kernel", true), ("version", false), ("commit", false)]);
        assert_eq!(told.fields[0].words(), "schema: any becomes up to 42");
        let PackageDifference::Known { changed, left_out: 0 } = &told.packages else { panic!("{:?}", told.packages) };
        let packages: Vec<(&str, bool)> = changed.iter().map(|change| (change.name.raw(), change.risky)).collect();
        assert_eq!(packages, [("openssl", true), ("web", false)]);
        let same = changes(&side(&old, &lists[0]), &side(&old, &lists[0]));
        assert_eq!((same.fields.len(), same.packages.words().as_str()), (0, "packages: the same"));
    }

    #[test]
    fn a_list_that_is_missing_is_said_and_not_guessed() {
        let (old, new) = (image("2.13.1"), image("2.14.0"));
        let (known, missing) = (list("1", "6.8"), Err("it was baked elsewhere".to_owned()));
        let told = changes(&side(&old, &known), &side(&new, &missing));
        assert_eq!(told.packages.words(), "packages: nobody can say: 2.14.0: it was baked elsewhere");
        assert!(told.fields.iter().all(|change| change.what != "kernel"));
    }

    #[test]
    fn template_data_is_compared_by_field() {
        let old = image("2.13.1");
        let none = Err("none".to_owned());
        let data = |user_data: &str| TemplateData {
            image: None,
            digest: String::new(),
            fields: [("instance_type".to_owned(), "c7g.large".into()), ("user_data".to_owned(), user_data.into())].into(),
        };
        let (before, after) = (data("a"), data("b"));
        let with = |template| Side { template: Some(template), ..side(&old, &none) };
        let told = changes(&with(&before), &with(&after));
        assert_eq!(told.fields.iter().map(FieldChange::words).collect::<Vec<_>>(), ["template user_data: a becomes b"]);
    }
}

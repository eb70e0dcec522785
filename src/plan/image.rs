//! Which image a person means by a version or an id.

use crate::domain::fleet::FleetSpec;
use crate::domain::image::{Image, ImageState};
use crate::domain::suggest::nearest;
use crate::domain::text::{Untrusted, escape};
use crate::operation::plan::Refusal;

/// The image meant by `wanted`: an id, or a version among the fleet's app's images of the right architecture that are available and not blocked.
///
/// # Errors
/// A refusal that names what was found instead: unknown, not available, blocked, or several.
pub fn find_image<'a>(images: &'a [Image], spec: &FleetSpec, arch: Option<&Untrusted>, wanted: &str) -> Result<&'a Image, Refusal> {
    let found = candidates(images, spec, wanted);
    let usable: Vec<&Image> = found.iter().copied().filter(|image| is_usable(image, arch)).collect();
    match usable.as_slice() {
        [one] => Ok(*one),
        [] => Err(none_usable(images, spec, &found, arch, wanted)),
        several => Err(ambiguous(several, wanted)),
    }
}

/// The image meant by `wanted` among all of them, whatever state it is in: an id, or a version, of `app` where that is given.
///
/// # Errors
/// A refusal that names what was found instead: none, or several.
pub fn image_meant<'a>(images: &'a [Image], app: Option<&str>, wanted: &str) -> Result<&'a Image, Refusal> {
    if let Some(image) = images.iter().find(|image| image.id.as_str() == wanted) {
        return Ok(image);
    }
    let of_app = |image: &&Image| app.is_none_or(|app| image.app.as_ref().is_some_and(|of| of.raw() == app));
    let found: Vec<&Image> =
        images.iter().filter(of_app).filter(|image| image.version.as_ref().is_some_and(|version| version.raw() == wanted)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let known: Vec<String> = images.iter().filter(of_app).map(Image::label).collect();
            let near = nearest(wanted, known.iter().map(String::as_str)).map_or_else(String::new, |name| format!(": did you mean {name}?"));
            let of = app.map_or_else(String::new, |app| format!(" of {}", escape(app)));
            Err(Refusal::new(format!("no image '{}'{of}{near}", escape(wanted)), "`qd images` lists what there is"))
        }
        several => Err(ambiguous(several, wanted)),
    }
}

fn candidates<'a>(images: &'a [Image], spec: &FleetSpec, wanted: &str) -> Vec<&'a Image> {
    let by_id: Vec<&Image> = images.iter().filter(|image| image.id.as_str() == wanted).collect();
    if !by_id.is_empty() {
        return by_id;
    }
    of_app(images, spec).filter(|image| image.version.as_ref().is_some_and(|version| version.raw() == wanted)).collect()
}

fn of_app<'a>(images: &'a [Image], spec: &FleetSpec) -> impl Iterator<Item = &'a Image> {
    let app = spec.app.clone();
    images.iter().filter(move |image| app.is_none() || image.app == app)
}

fn is_usable(image: &Image, arch: Option<&Untrusted>) -> bool {
    image.state == ImageState::Available && image.blocked.is_none() && fits(image, arch)
}

/// An architecture nobody told does not rule an image out.
fn fits(image: &Image, arch: Option<&Untrusted>) -> bool {
    image.arch.is_none() || arch.is_none() || image.arch.as_ref() == arch
}

fn none_usable(images: &[Image], spec: &FleetSpec, found: &[&Image], arch: Option<&Untrusted>, wanted: &str) -> Refusal {
    let Some(image) = found.first() else { return unknown(images, spec, wanted) };
    let label = image.label();
    if let Some(block) = &image.blocked {
        return Refusal::new(format!("{label} ({}) is blocked: {}", image.id, block.words()), "choose another image, or have the block lifted");
    }
    if !fits(image, arch) {
        let (has, runs) = (image.arch.as_ref().map_or_else(String::new, Untrusted::shown), arch.map_or_else(String::new, Untrusted::shown));
        return Refusal::new(format!("{label} ({}) is for {has}, the fleet runs {runs}", image.id), "bake it for the fleet's architecture");
    }
    let state = match image.state {
        ImageState::Pending => "is still being made",
        ImageState::Failed => "failed to be made",
        ImageState::Gone => "does not exist any more",
        ImageState::Available | ImageState::Unknown => "is in a state this program does not know",
    };
    Refusal::new(format!("{label} ({}) {state}", image.id), "choose an image that is available: `qd images` lists them")
}

fn unknown(images: &[Image], spec: &FleetSpec, wanted: &str) -> Refusal {
    let known: Vec<String> = of_app(images, spec).map(Image::label).collect();
    let nearest = nearest(wanted, known.iter().map(String::as_str)).map_or_else(String::new, |name| format!(": did you mean {name}?"));
    let app = spec.app.as_ref().map_or_else(|| "any app".to_owned(), Untrusted::shown);
    Refusal::new(format!("no image '{}' of {app}{nearest}", escape(wanted)), "`qd images` lists what there is")
}

fn ambiguous(several: &[&Image], wanted: &str) -> Refusal {
    let list: Vec<String> = several
        .iter()
        .map(|image| {
            let base = image.base.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown);
            let created = image.created_at.map_or_else(|| "?".to_owned(), crate::domain::time::WorldTime::rfc3339);
            let app = image.app.as_ref().map_or_else(String::new, |app| format!("{}, ", app.shown()));
            format!("{} ({app}base {base}, created {created})", image.id)
        })
        .collect();
    Refusal::new(format!("'{}' is ambiguous: {}", escape(wanted), list.join(", ")), "name the image by its id")
}

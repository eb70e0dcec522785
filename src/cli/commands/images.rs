//! `qd images`: image versions, newest first.

use std::collections::BTreeMap;

use super::super::documents::ImagesDoc;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::table::Table;
use super::super::words::{age, fleets, or_unknown};
use crate::domain::ids::ImageId;
use crate::domain::image::{Image, ImageState};
use crate::domain::suggest::nearest;
use crate::domain::text::Untrusted;
use crate::operation::status::{Estate, ImageStatus};
use crate::ports::desk::{DeskError, Records};

/// `qd images`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct ImagesArgs {
    /// Only images of this application
    #[arg(long)]
    pub app: Option<String>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Prints the images.
pub(in super::super) async fn run(desk: &dyn Records, args: &ImagesArgs, out: &mut Output) -> Result<Exit, Failure> {
    let estate = desk.estate().await?;
    let wanted = |image: &&ImageStatus| args.app.as_ref().is_none_or(|app| image.image.app.as_ref().is_some_and(|of| of.raw() == app));
    let images: Vec<&ImageStatus> = estate.images.iter().filter(wanted).collect();
    if let Some(app) = args.app.as_deref().filter(|_| images.is_empty()) {
        return Err(unknown_app(&estate, app).into());
    }
    let lags = desk.base_lags(&images.iter().map(|status| &status.image).collect::<Vec<_>>()).await;
    if args.json {
        out.json(&ImagesDoc::new(&estate, &images, &lags));
        return Ok(Exit::Done);
    }
    out.text(&text(&estate, &images, &lags, out.width()));
    gaps(&estate, out);
    Ok(Exit::Done)
}

fn unknown_app(estate: &Estate, app: &str) -> DeskError {
    let known: Vec<&str> = estate.images.iter().filter_map(|image| image.image.app.as_ref()).map(Untrusted::raw).collect();
    let near = nearest(app, known.into_iter()).map_or_else(String::new, |near| format!(": did you mean {near}?"));
    DeskError::other(format!("there is no image of app '{app}'{near}"), "`qd images` lists all of them")
}

fn text(estate: &Estate, images: &[&ImageStatus], lags: &BTreeMap<ImageId, u64>, width: Option<usize>) -> String {
    if images.is_empty() {
        return "no images\n".to_owned();
    }
    let mut table = Table::new(&["VERSION", "ID", "AGE", "BASE", "STATE", "ON"]).cutting_first(&[0, 4, 5]);
    for status in images {
        let image = &status.image;
        let app = image.app.as_ref().map_or_else(String::new, |app| format!("{} ", app.shown()));
        let version = image.version.as_ref().map_or_else(|| image.name.shown(), |version| format!("{app}{}", version.shown()));
        let age = or_unknown(image.created_at.map(|at| age(estate.as_of, at)));
        table.row([version, image.id.to_string(), age, lag(image, lags), state(image), on(status)]);
    }
    table.render(width)
}

/// How far its base is behind the newest of its line.
fn lag(image: &Image, lags: &BTreeMap<ImageId, u64>) -> String {
    match lags.get(&image.id) {
        Some(0) => "newest".to_owned(),
        Some(days) => format!("{days}d behind"),
        None => "?".to_owned(),
    }
}

fn state(image: &Image) -> String {
    if let Some(block) = &image.blocked {
        return format!("blocked: {}", block.words());
    }
    if let Some(bake) = &image.bake {
        return format!("baking {}%: {}", bake.percent, bake.step.shown());
    }
    match image.state {
        ImageState::Available => image.stage.as_ref().map_or_else(|| "available".to_owned(), Untrusted::shown),
        ImageState::Pending => "pending".to_owned(),
        ImageState::Failed => "failed".to_owned(),
        ImageState::Gone => "gone".to_owned(),
        ImageState::Unknown => "?".to_owned(),
    }
}

fn on(status: &ImageStatus) -> String {
    if status.servers == 0 { fleets(&status.fleets) } else { format!("{} ({})", fleets(&status.fleets), status.servers) }
}

/// What could not be read, where it does not mix with what was asked for.
pub(in super::super) fn gaps(estate: &Estate, out: &mut Output) {
    for gap in &estate.gaps {
        out.notice(&format!("not everything could be read: {gap}"));
    }
}

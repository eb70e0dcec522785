//! What a person takes away from the screen, in files of their own: the screen as text, what it knows as JSON, what was copied.
//!
//! The names are ours: nothing that is typed here says where to write.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::app::model::Model;
use crate::cli;
use crate::config::private_dir;
use crate::domain::text::escape;
use crate::view::as_text;

/// Saves the screen and says where, or why not.
pub fn screen(dir: &Path, model: &Model) -> String {
    let at: String = model.clock.world.rfc3339().chars().map(|c| if c == ':' { '-' } else { c }).collect();
    let name = format!("{at}-{}", cli::screen_word(model.screen()));
    let (text, document) = (as_text(model), cli::screen_document(model));
    let saved = document.map_err(|error| error.to_string()).and_then(|document| {
        let text = write(dir, &format!("{name}.txt"), &text)?;
        write(dir, &format!("{name}.json"), &format!("{document}\n"))?;
        Ok(text)
    });
    match saved {
        Ok(path) => format!("Saved to {} (and .json)", escape(&path.display().to_string())),
        Err(why) => format!("Not saved: {why}"),
    }
}

/// Keeps what was copied, and says where it is.
pub fn copied(dir: &Path, text: &str, is_sent: bool) -> String {
    match (write(dir, "copied.txt", text), is_sent) {
        (Ok(path), true) => format!("Copied; also in {}", escape(&path.display().to_string())),
        (Ok(path), false) => format!("Copied to {}: this terminal has no clipboard for it", escape(&path.display().to_string())),
        (Err(_), true) => "Copied, if this terminal lets programs copy".to_owned(),
        (Err(why), false) => format!("Not copied: {why}"),
    }
}

/// Writes a file for its owner alone.
fn write(dir: &Path, name: &str, text: &str) -> Result<PathBuf, String> {
    private_dir(dir).map_err(|error| error.message)?;
    let path = dir.join(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map(|()| path.clone()).map_err(|error| format!("{} cannot be written: {error}", escape(&path.display().to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::age::Aged;
    use crate::app::{fixture, image_fixture};

    #[test]
    fn a_screen_is_saved_as_it_is_seen_and_as_what_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let model = fixture::blank(80, 24);
        let told = screen(dir.path(), &model);
        assert!(told.starts_with("Saved to ") && told.contains("-main.txt"), "{told}");
        let files: Vec<PathBuf> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let read =
            |end: &str| std::fs::read_to_string(files.iter().find(|path| path.extension().is_some_and(|found| found == end)).unwrap()).unwrap();
        assert_eq!((read("txt").lines().count(), files.len()), (24, 2));
        let document: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
        assert_eq!((document["screen"].as_str(), document["size"].to_string()), (Some("main"), "[80,24]".to_owned()));
    }

    #[test]
    fn what_is_known_of_an_image_and_of_old_ones_is_saved_with_the_rest() {
        let mut model = fixture::blank(80, 24);
        let saved = |model: &Model| serde_json::from_str::<serde_json::Value>(&cli::screen_document(model).unwrap()).unwrap();
        assert!(saved(&model)["opened_image"].is_null() && saved(&model)["old_images"].is_null());
        let id = image_fixture::images().first().unwrap().image.id.clone();
        let (story, plan, at, clock) = (image_fixture::story(id.as_str()), image_fixture::retention(), model.clock.world, model.clock);
        model.life.story = Some(Aged::new(story, at, clock));
        model.retention.plan = Some(Aged::new(plan, at, clock));
        let document = saved(&model);
        assert_eq!(document["opened_image"]["image"]["id"], id.as_str());
        assert!(!document["old_images"]["images"].as_array().unwrap().is_empty());
    }

    #[test]
    fn a_copy_can_be_found_again_and_says_when_it_cannot() {
        let dir = tempfile::tempdir().unwrap();
        assert!(copied(dir.path(), "qd ops", true).starts_with("Copied; also in "));
        assert_eq!(std::fs::read_to_string(dir.path().join("copied.txt")).unwrap(), "qd ops");
        let odd = dir.path().join("copied.txt");
        assert!(copied(&odd, "x", false).starts_with("Not copied: "));
    }
}

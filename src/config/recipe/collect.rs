//! The files a recipe names: read when the recipe is, and refused with the line that names them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::super::files::{read_bytes, shown};
use super::super::reader::{Reader, Section};
use crate::domain::recipe::{RecipeFile, RecipeFiles};
use crate::domain::text::is_treacherous;

/// More files than this are not what user data is for.
const MOST_FILES: usize = 500;
/// Directories in directories, deeper than this, are a mistake.
const DEEPEST: usize = 16;

/// What was read so far.
pub(super) struct Collector {
    dir: PathBuf,
    pub files: RecipeFiles,
}

impl Collector {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), files: RecipeFiles::new() }
    }

    /// The file that `key` names and must name; `what` is what it is for.
    pub(super) fn one(&mut self, reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, what: &str) -> Option<String> {
        let (path, span) = self.named(reader, section, key, what)?;
        self.add_file(reader, section, &path, what, &span).then_some(path)
    }

    /// The same for a script, which has to say what runs it and is executed.
    pub(super) fn script(&mut self, reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str) -> Option<String> {
        let (path, span) = self.named(reader, section, key, "a script")?;
        self.add_file(reader, section, &path, "script", &span).then_some(())?;
        let file = self.files.get_mut(&path)?;
        file.executable = true;
        if !file.bytes.starts_with(b"#!") {
            let text = format!("{}: script '{path}' does not say what runs it: expected a first line such as #!/bin/sh", section.name);
            reader.mistake(&span, text);
            return None;
        }
        Some(path)
    }

    /// The directory that `key` names, with everything in it; `what` is what it is for.
    pub(super) fn directory(&mut self, reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, what: &str) -> Option<String> {
        let (path, span) = self.named(reader, section, key, what)?;
        if !self.dir.join(&path).is_dir() {
            reader
                .mistake(&span, format!("{}: there is no directory '{}' for {what}: expected one beside the recipe", section.name, self.full(&path)));
            return None;
        }
        self.add_directory(reader, section, &path, &span, 0).then_some(path)
    }

    /// Files and directories in a list; none where there is no list.
    pub(super) fn several(&mut self, reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str) -> Vec<String> {
        let expected = "a list of files and directories beside the recipe";
        let named = reader.strings(section, key, expected).unwrap_or_default();
        let mut paths = Vec::new();
        for (path, span) in named {
            if !is_inside(reader, section, key, &path, &span) {
                continue;
            }
            let path = path.trim_end_matches('/').to_owned();
            let directory = self.dir.join(&path).is_dir();
            let added =
                if directory { self.add_directory(reader, section, &path, &span, 0) } else { self.add_file(reader, section, &path, "file", &span) };
            if added {
                paths.push(path);
            }
        }
        paths
    }

    fn named(&self, reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, what: &str) -> Option<(String, Range<usize>)> {
        let expected = format!("the path of {what}, from the recipe's directory");
        if !section.table.contains_key(key) {
            reader.mistake(&section.span, format!("{}: no '{key}': expected {expected}", section.name));
            return None;
        }
        let (path, span) = reader.string(section, key, &expected)?;
        is_inside(reader, section, key, &path, &span).then(|| (path.trim_end_matches('/').to_owned(), span))
    }

    fn add_file(&mut self, reader: &mut Reader<'_>, section: &Section<'_, '_>, path: &str, what: &str, span: &Range<usize>) -> bool {
        match read_bytes(&self.dir.join(path)) {
            Ok(Some((bytes, executable))) => {
                self.files.insert(path.to_owned(), RecipeFile { bytes, executable });
                true
            }
            Ok(None) => {
                let near = self.near(path).map_or_else(|| "expected it beside the recipe".to_owned(), |near| format!("did you mean '{near}'?"));
                reader.mistake(span, format!("{}: {what} '{}' does not exist: {near}", section.name, self.full(path)));
                false
            }
            Err(error) => {
                reader.mistake(span, format!("{}: {}: {}", section.name, error.message, error.hint));
                false
            }
        }
    }

    fn add_directory(&mut self, reader: &mut Reader<'_>, section: &Section<'_, '_>, path: &str, span: &Range<usize>, depth: usize) -> bool {
        let refuse = |reader: &mut Reader<'_>, why: String| {
            reader.mistake(span, format!("{}: directory '{path}' {why}", section.name));
            false
        };
        if depth > DEEPEST || self.files.len() > MOST_FILES {
            return refuse(reader, format!("holds too much: expected at most {MOST_FILES} files, {DEEPEST} directories deep"));
        }
        let listed = std::fs::read_dir(self.dir.join(path)).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let mut names = match listed {
            Ok(entries) => entries.iter().map(std::fs::DirEntry::file_name).collect::<Vec<_>>(),
            Err(error) => return refuse(reader, format!("cannot be read: {error}")),
        };
        names.sort();
        names.iter().all(|name| {
            let Some(name) = name.to_str().filter(|name| !name.chars().any(is_treacherous)) else {
                return refuse(reader, format!("holds a name that is not plain text: {}", shown(Path::new(name))));
            };
            let inner = format!("{path}/{name}");
            // A link to a directory is refused as the link it is, when it is opened as a file.
            let is_dir = self.dir.join(&inner).symlink_metadata().is_ok_and(|found| found.is_dir());
            if is_dir { self.add_directory(reader, section, &inner, span, depth + 1) } else { self.add_file(reader, section, &inner, "file", span) }
        })
    }

    /// The nearest name in the directory in which a file was looked for.
    fn near(&self, path: &str) -> Option<String> {
        let (above, name) = path.rsplit_once('/').map_or(("", path), |(above, name)| (above, name));
        let entries = std::fs::read_dir(self.dir.join(above)).ok()?;
        let names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let near = crate::domain::suggest::nearest(name, names.iter().map(String::as_str))?;
        Some(if above.is_empty() { near.to_owned() } else { format!("{above}/{near}") })
    }

    fn full(&self, path: &str) -> String {
        shown(&self.dir.join(path))
    }
}

/// Whether the path stays below the recipe's directory, in names that mean the same on the builder.
fn is_inside(reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, path: &str, span: &Range<usize>) -> bool {
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.starts_with('-') && !name.chars().any(is_treacherous);
    let inside = path.strip_suffix('/').unwrap_or(path).split('/').all(plain);
    if !inside {
        let expected = "expected a path from the recipe's directory downwards, without '.', '..' or a '/' first";
        reader.mistake(span, format!("{}: '{key}' names \"{path}\": {expected}", section.name));
    }
    inside
}

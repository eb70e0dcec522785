//! A recipe's file with the files it names: what an image is made of, checked before anything is begun.

mod collect;
mod gates;
mod parts;
mod provisioners;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path;

use self::collect::Collector;
use super::error::ConfigError;
use super::files::{read, shown};
use super::reader::{Reader, Section};
use crate::domain::recipe::{Engine, PackerTemplate, Recipe, RecipeFiles};
use crate::domain::time::Millis;

const TOP: [&str; 13] =
    ["name", "app", "base", "builder", "packer", "provisioner", "gate", "tags", "schema", "share_with", "copy_to", "time_limit", "engine"];
/// How long a bake may take where the recipe does not say.
const TIME_LIMIT: Millis = Millis::mins(60);
/// A bake that had less could not even launch a builder.
const SHORTEST_TIME: Millis = Millis::mins(5);
/// The placeholders of Packer's variables.
const PLACEHOLDERS: [&str; 6] = ["version", "base", "image_name", "operation", "expires_at", "region"];

/// A recipe and everything it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// What the file says.
    pub recipe: Recipe,
    /// The files it names, as they are now.
    pub files: RecipeFiles,
}

/// Reads a recipe and the files it names, which lie beside or below it.
///
/// # Errors
/// Every mistake with its line; or why the file is refused. Nothing half-read comes back.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let Some(text) = read(path)? else {
        return Err(ConfigError::new(format!("there is no recipe {}", shown(path)), "name the file of a recipe, such as recipes/web.toml"));
    };
    parse(path, &text)
}

/// Reads the text of a recipe; the files it names are looked for beside `path`.
///
/// # Errors
/// Every mistake with its line.
pub fn parse(path: &Path, text: &str) -> Result<Loaded, ConfigError> {
    let mut reader = Reader::new(path, text);
    let mut files = Collector::new(path.parent().unwrap_or(Path::new(".")));
    let document = reader.document();
    let recipe = document.as_ref().and_then(|document| {
        let top = Section { name: "top level".to_owned(), table: document.get_ref(), span: 0..0 };
        recipe(&mut reader, &mut files, &top)
    });
    reader.finish()?;
    // Whoever came to nothing has said why.
    let recipe = recipe.ok_or_else(|| ConfigError::new(format!("{} is no recipe", shown(path)), "look at the examples in assets/recipes"))?;
    Ok(Loaded { recipe, files: files.files })
}

fn recipe(reader: &mut Reader<'_>, files: &mut Collector, top: &Section<'_, '_>) -> Option<Recipe> {
    reader.only(top, &TOP);
    let name = parts::name(reader, top);
    let app = parts::app(reader, top);
    let base = parts::base(reader, top);
    let engine = engine(reader, files, top);
    let builder = parts::builder(reader, top, matches!(engine, Some(Engine::Packer(_))));
    let provisioners = provisioners::provisioners(reader, files, top);
    work(reader, top);
    let gates = gates::gates(reader, top);
    let tags = parts::tags(reader, top);
    let schema = parts::schema(reader, top);
    let share_with = parts::accounts(reader, top);
    let copy_to = parts::regions(reader, top);
    let time_limit = reader.duration(top, "time_limit", SHORTEST_TIME).unwrap_or(TIME_LIMIT);
    Some(Recipe {
        name: name?,
        app: app?,
        base: base?,
        engine: engine?,
        builder: builder?,
        provisioners,
        gates,
        tags,
        schema,
        share_with,
        copy_to,
        time_limit,
    })
}

/// Who does the work: `engine`, or what `[packer]` implies.
fn engine(reader: &mut Reader<'_>, files: &mut Collector, top: &Section<'_, '_>) -> Option<Engine> {
    let packer = reader.table(top, "packer", "a section [packer] such as template = \"packer/web.json\"").map(parts::bracketed);
    let expected = "\"builder\" or \"packer\"";
    let named = reader.string(top, "engine", expected);
    match (named.as_ref().map(|(word, span)| (word.as_str(), span)), packer) {
        (None | Some(("packer", _)), Some(section)) => template(reader, files, &section).map(Engine::Packer),
        (None | Some(("builder", _)), None) => Some(Engine::Builder),
        (Some(("packer", span)), None) => {
            reader.mistake(span, "engine \"packer\" needs a section [packer] with its 'template'");
            None
        }
        (Some(("builder", span)), Some(_)) => {
            reader.mistake(span, "both engine \"builder\" and a section [packer]: expected one of them");
            None
        }
        (Some((other, span)), _) => {
            let near = super::fleets::meant(other, ["builder", "packer"]);
            reader.mistake(span, format!("'engine' is \"{other}\": expected {expected}{near}"));
            None
        }
    }
}

fn template(reader: &mut Reader<'_>, files: &mut Collector, section: &Section<'_, '_>) -> Option<PackerTemplate> {
    reader.only(section, &["template", "variables", "files"]);
    let template = files.one(reader, section, "template", "Packer's template");
    let more = files.several(reader, section, "files");
    let expected = "a table of texts, such as { version = \"{version}\" }";
    let variables = reader.texts(section, "variables", expected).unwrap_or_default();
    for (value, span) in variables.values() {
        unknown_placeholders(reader, section, value, span);
    }
    let variables = variables.into_iter().map(|(name, (value, _))| (name, value)).collect();
    Some(PackerTemplate { template: template?, files: more, variables })
}

fn unknown_placeholders(reader: &mut Reader<'_>, section: &Section<'_, '_>, value: &str, span: &Range<usize>) {
    for named in value.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(named, _)| named)) {
        if !PLACEHOLDERS.contains(&named) {
            let near = super::fleets::meant(named, PLACEHOLDERS);
            reader.mistake(
                span,
                format!("{}: unknown placeholder '{{{named}}}': expected one of {{{}}}{near}", section.name, PLACEHOLDERS.join("}, {")),
            );
        }
    }
}

/// Exactly one of a template and provisioners says what is done.
fn work(reader: &mut Reader<'_>, top: &Section<'_, '_>) {
    match (top.table.contains_key("packer"), top.table.get("provisioner")) {
        (true, Some(provisioners)) => {
            let text = "both a section [packer] and provisioners: with Packer, the template says what is done; take one of them away";
            reader.mistake(&provisioners.span(), text);
        }
        (false, None) => reader.mistake(&top.span, "no [[provisioner]]: expected at least one, or a section [packer] with a 'template'"),
        _ => {}
    }
}

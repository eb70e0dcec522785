//! `qd recipe`: whether a recipe is right, and what an instance would be told. Nothing is asked of any cloud.

use std::path::PathBuf;

use serde::Serialize;

use super::super::exit::Exit;
use super::super::output::Output;
use crate::bake::render::{MOST_BYTES, Order, RenderError, UserData, builder, self_test};
use crate::config::recipe::{Loaded, load};
use crate::domain::ids::OperationId;
use crate::domain::recipe::Engine;
use crate::ports::desk::DeskError;

/// The operation that a rendered document names: none that there is.
const PREVIEW: &str = "preview";
/// The version that counts for the size where a recipe names none.
const SOME_VERSION: &str = "0.0.0";

/// `qd recipe`.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum RecipeCommand {
    /// Say whether a recipe and the files it names are right
    Check {
        /// The recipe's file
        file: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print the user data that a builder would get
    Render {
        /// The recipe's file
        file: PathBuf,
        /// The version to bake; the recipe's unless it is given
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
        /// The user data of the instance that the gates look at instead
        #[arg(long)]
        gates: bool,
    },
}

impl From<RenderError> for DeskError {
    fn from(error: RenderError) -> Self {
        Self::other(error.to_string(), "nothing was begun")
    }
}

/// Does it.
///
/// # Errors
/// Everything that is wrong with the recipe, with its lines.
pub fn run(command: &RecipeCommand, out: &mut Output) -> Result<Exit, DeskError> {
    match command {
        RecipeCommand::Check { file, json } => {
            let loaded = load(file)?;
            let checked = check(&loaded)?;
            if *json { out.json(&checked) } else { out.text(&words(&checked)) }
        }
        RecipeCommand::Render { file, version, gates } => out.document(&render(&load(file)?, version.as_deref(), *gates)?.document),
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Checked<'a> {
    name: &'a str,
    app: &'a str,
    version: Option<&'a str>,
    engine: &'static str,
    provisioners: Vec<Named<'a>>,
    gates: Vec<Named<'a>>,
    files: Vec<&'a str>,
    /// What a builder would be sent; none with Packer.
    user_data: Option<Size>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    r#type: &'static str,
}

#[derive(Serialize)]
struct Size {
    bytes: usize,
    sent_bytes: usize,
    most_bytes: usize,
    compressed: bool,
}

fn check(loaded: &Loaded) -> Result<Checked<'_>, DeskError> {
    let recipe = &loaded.recipe;
    let user_data = match recipe.engine {
        Engine::Packer(_) => None,
        Engine::Builder => {
            let data = render(loaded, Some(recipe.app.version.as_deref().unwrap_or(SOME_VERSION)), false)?;
            let (bytes, sent_bytes) = (data.document.len(), data.bytes.len());
            Some(Size { bytes, sent_bytes, most_bytes: MOST_BYTES, compressed: data.is_compressed() })
        }
    };
    // The gates have to be sayable too.
    self_test(order(loaded, SOME_VERSION, &OperationId::new(PREVIEW)))?;
    Ok(Checked {
        name: &recipe.name,
        app: &recipe.app.name,
        version: recipe.app.version.as_deref(),
        engine: if user_data.is_some() { "builder" } else { "packer" },
        provisioners: recipe.provisioners.iter().map(|one| Named { name: &one.name, r#type: one.work.kind().word() }).collect(),
        gates: recipe.gates.iter().map(|gate| Named { name: &gate.name, r#type: gate.check.word() }).collect(),
        files: loaded.files.keys().map(String::as_str).collect(),
        user_data,
    })
}

fn words(checked: &Checked<'_>) -> String {
    let list = |what: &str, named: &[Named<'_>]| {
        named.iter().enumerate().map(|(number, one)| format!("  {what} {}  {}  {}\n", number + 1, one.r#type, one.name)).collect::<String>()
    };
    let version = checked.version.map_or_else(String::new, |version| format!(" {version}"));
    let size = checked.user_data.as_ref().map_or_else(String::new, |size| {
        let before = if size.compressed { format!(" compressed, {} before", size.bytes) } else { String::new() };
        format!("  user data  {} of {} bytes{before}\n", size.sent_bytes, size.most_bytes)
    });
    format!(
        "{}: {}{version} by {}, nothing is wrong with it\n{}{}  files  {}\n{size}",
        checked.name,
        checked.app,
        checked.engine,
        list("provisioner", &checked.provisioners),
        list("gate", &checked.gates),
        if checked.files.is_empty() { "none".to_owned() } else { checked.files.join(", ") },
    )
}

fn render(loaded: &Loaded, version: Option<&str>, gates: bool) -> Result<UserData, DeskError> {
    let Some(version) = version.or(loaded.recipe.app.version.as_deref()) else {
        return Err(DeskError::other("the recipe names no version", "name one with --version"));
    };
    let operation = OperationId::new(PREVIEW);
    let order = order(loaded, version, &operation);
    if gates {
        let none = || DeskError::other("no gate of this recipe is made on the instance: it gets no user data", "http and command gates are");
        return self_test(order)?.ok_or_else(none);
    }
    if matches!(loaded.recipe.engine, Engine::Packer(_)) {
        return Err(DeskError::other("Packer's template says what this recipe does: no user data is made of it", "--gates prints that of its gates"));
    }
    Ok(builder(order, &loaded.files)?)
}

fn order<'a>(loaded: &'a Loaded, version: &'a str, operation: &'a OperationId) -> Order<'a> {
    Order { recipe: &loaded.recipe, version, operation, time_to_live: loaded.recipe.time_limit }
}

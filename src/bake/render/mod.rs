//! A recipe as the user data of an instance: a `#cloud-config` document with the recipe's files and a script that runs its parts, tells of each on
//! the console, and seals what is left.

mod cloud_config;
mod script;
#[cfg(test)]
mod tests;

use std::io::Write;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use self::cloud_config::{WriteFile, cloud_config};
use super::marker::part_word;
use super::signal::Part;
use crate::domain::ids::OperationId;
use crate::domain::recipe::{Provisioner, Recipe, RecipeFiles, Salt, Work};
use crate::domain::text::escape;
use crate::domain::time::Millis;

/// What EC2 takes, before it is encoded for the call.
pub const MOST_BYTES: usize = 16_384;
/// Where everything of a bake lies on the builder; sealing removes it.
const DIR: &str = "/var/lib/quarterdeck/bake";
/// Where the script keeps what it needs while it runs: in memory, so that it cannot be part of an image.
const RUN_DIR: &str = "/run/qd-bake";
const PRELUDE: &str = include_str!("prelude.sh");
const TOOLS: &str = include_str!("tools.sh");
const SEAL: &str = include_str!("seal.sh");
const CHECK: &str = include_str!("check.sh");
/// How long an artifact's download and sealing may take.
const ARTIFACT_LIMIT: Millis = Millis::mins(30);
const SEAL_LIMIT: Millis = Millis::mins(10);

/// One bake or one instance for gates.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The version it is baked as.
    pub version: &'a str,
    /// The operation: its name is on every marker.
    pub operation: &'a OperationId,
    /// The instance powers itself off after this, whoever is left to end it.
    pub time_to_live: Millis,
}

/// User data for one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserData {
    /// The document, for people.
    pub document: String,
    /// What is sent, before it is encoded: the document, or, where that is too long, the document compressed.
    pub bytes: Vec<u8>,
}

impl UserData {
    /// Whether it is sent compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.bytes != self.document.as_bytes()
    }
}

/// Why there is no user data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A text with a zero byte cannot be said to a shell.
    #[error("\"{}\" has a zero byte in it, which no shell can be told: take it out of the recipe", escape(.0))]
    Nul(String),
    /// The operation's name would break a marker.
    #[error("the operation's name \"{0}\" cannot stand on a marker line: expected letters, digits, '-', '_' and '.'")]
    Operation(OperationId),
    /// The recipe names a file that was not read.
    #[error("{} is named in the recipe and was not read: read the recipe again", escape(.0))]
    NoFile(String),
    /// EC2 would not take it.
    #[error(
        "the user data of recipe {recipe} has {compressed} bytes even compressed ({plain} before), and EC2 takes {MOST_BYTES}: its largest files \
         are {largest}; have the builder download them, for example with the application's artifact"
    )]
    TooLarge {
        /// The recipe.
        recipe: String,
        /// The document's size in bytes.
        plain: usize,
        /// Its size compressed.
        compressed: usize,
        /// The largest files, with their sizes.
        largest: String,
    },
}

/// The user data of a builder: it runs every part of the recipe, seals and powers itself off. What fails leaves it running until its time is over,
/// so that it can be looked at; a builder that is off is one whose `done` marker says `ok`, or one whose time was over.
///
/// # Errors
/// The recipe cannot be said to an instance, or is too long for it.
pub fn builder(order: Order<'_>, files: &RecipeFiles) -> Result<UserData, RenderError> {
    let recipe = order.recipe;
    let (mut parts, mut functions) = (Vec::new(), Vec::new());
    if let Some(artifact) = &recipe.app.artifact {
        functions.push(script::artifact(artifact, order.version)?);
        parts.push((Part::Artifact, ARTIFACT_LIMIT, "artifact".to_owned()));
    }
    for (number, provisioner) in recipe.provisioners.iter().enumerate() {
        functions.push(script::provisioner(number, provisioner, &told(order))?);
        let part = Part::Provisioner(u16::try_from(number).unwrap_or(u16::MAX));
        parts.push((part, provisioner.time_limit.unwrap_or(recipe.time_limit), format!("provisioner_{number}")));
    }
    parts.push((Part::Seal, SEAL_LIMIT, "seal".to_owned()));
    let run = run(order, &[PRELUDE, TOOLS, SEAL], &functions, &parts, "[ \"$qd_outcome\" != ok ] || qd_power_off")?;
    let mut written = vec![WriteFile { path: format!("{DIR}/run.sh"), bytes: run.into_bytes(), executable: true }];
    for (path, file) in files {
        written.push(WriteFile { path: format!("{DIR}/files/{path}"), bytes: file.bytes.clone(), executable: file.executable });
    }
    for (number, provisioner) in recipe.provisioners.iter().enumerate() {
        let missing = named_files(&provisioner.work).into_iter().find(|path| !files.contains_key(*path));
        if let Some(path) = missing {
            return Err(RenderError::NoFile(path.to_owned()));
        }
        written.extend(data(order, number, provisioner));
    }
    finish(order, "builder", &written)
}

/// The user data of an instance of the finished image: it makes the checks of the gates that are made on the instance itself. None if there are no
/// such gates; an instance needs no user data then.
///
/// # Errors
/// A gate cannot be said to an instance, or all are too long for it.
pub fn self_test(order: Order<'_>) -> Result<Option<UserData>, RenderError> {
    let (mut parts, mut functions) = (Vec::new(), Vec::new());
    for (number, gate) in order.recipe.gates.iter().enumerate() {
        if let Some(function) = script::gate(number, &gate.check)? {
            functions.push(function);
            parts.push((Part::Gate(u16::try_from(number).unwrap_or(u16::MAX)), gate.within, format!("gate_{number}")));
        }
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let run = run(order, &[PRELUDE, CHECK], &functions, &parts, ":")?;
    let written = [WriteFile { path: format!("{DIR}/run.sh"), bytes: run.into_bytes(), executable: true }];
    finish(order, "gates", &written).map(Some)
}

/// The whole script: what it is told, what it can do, and what it does.
fn run(order: Order<'_>, library: &[&str], functions: &[String], parts: &[(Part, Millis, String)], last: &str) -> Result<String, RenderError> {
    let operation = order.operation.as_str();
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if operation.is_empty() || !operation.chars().all(named) {
        return Err(RenderError::Operation(order.operation.clone()));
    }
    let (app, version, recipe) = (script::word(&order.recipe.app.name)?, script::word(order.version)?, script::word(&order.recipe.name)?);
    let mut text = format!(
        "#!/bin/sh\nQD_DIR={DIR} QD_RUN={RUN_DIR} QD_OPERATION={operation} QD_RECIPE={recipe} QD_APP={app} QD_VERSION={version}\n\
         QD_ARTIFACT=$QD_DIR/artifact FACTER_qd_app=$QD_APP FACTER_qd_version=$QD_VERSION FACTER_qd_artifact=$QD_ARTIFACT\n\
         export QD_DIR QD_RUN QD_OPERATION QD_RECIPE QD_APP QD_VERSION QD_ARTIFACT FACTER_qd_app FACTER_qd_version FACTER_qd_artifact\n\n"
    );
    for part in library.iter().copied().chain(functions.iter().map(String::as_str)) {
        text.push_str(part);
        text.push('\n');
    }
    let minutes = order.time_to_live.as_secs().div_ceil(60).max(1);
    text.push_str("qd_run() {\n  qd_number=0 qd_outcome=ok qd_parts=\n  qd_listen\n  qd_await_boot\n");
    text.push_str(&format!("  qd_limit_life {minutes}\n  qd_mark boot\n"));
    for (part, limit, function) in parts {
        let word = part_word(*part).unwrap_or_default();
        text.push_str(&format!("  qd_part {word} {} {function}\n", limit.as_secs().max(1)));
    }
    text.push_str(&format!("  qd_done\n  {last}\n}}\n\ncase ${{1:-start}} in\n  start) qd_start ;;\n  run) qd_run ;;\n"));
    text.push_str("  part)\n    set -e\n    \"$2\"\n    ;;\nesac\n");
    Ok(text)
}

fn finish(order: Order<'_>, what: &str, written: &[WriteFile]) -> Result<UserData, RenderError> {
    let (recipe, version) = (escape(&order.recipe.name), escape(order.version));
    let remark = format!("{what} of recipe {recipe}, version {version}, operation {}", order.operation);
    let document = cloud_config(&remark, written, &["sh", &format!("{DIR}/run.sh")]);
    if document.len() <= MOST_BYTES {
        return Ok(UserData { bytes: document.clone().into_bytes(), document });
    }
    // No time and no name are in it: the same document is the same bytes, as a call that is repeated has to be.
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::default());
    let compressed = encoder.write_all(document.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    if compressed.is_empty() || compressed.len() > MOST_BYTES {
        return Err(RenderError::TooLarge { recipe, plain: document.len(), compressed: compressed.len(), largest: largest(written) });
    }
    Ok(UserData { document, bytes: compressed })
}

fn largest(written: &[WriteFile]) -> String {
    let prefix = format!("{DIR}/files/");
    let mut files: Vec<(usize, &str)> =
        written.iter().filter_map(|file| file.path.strip_prefix(&prefix).map(|path| (file.bytes.len(), path))).collect();
    files.sort_by(|left, right| right.cmp(left));
    let named: Vec<String> = files.iter().take(3).map(|(size, path)| format!("{} ({size} bytes)", escape(path))).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
}

/// The files without which a provisioner cannot begin.
fn named_files(work: &Work) -> Vec<&str> {
    match work {
        Work::Shell(shell) => shell.script.iter().map(String::as_str).collect(),
        Work::File(file) => vec![&file.source],
        Work::Ansible(ansible) => vec![&ansible.playbook],
        Work::Puppet(puppet) => vec![&puppet.manifest],
        Work::Chef(_) | Work::Salt(_) => Vec::new(),
    }
}

/// What every tool is told of the bake.
fn told(order: Order<'_>) -> Value {
    json!({"app": order.recipe.app.name, "version": order.version, "artifact": format!("{DIR}/artifact")})
}

/// What a provisioner's tool is told in a file.
fn data(order: Order<'_>, number: usize, provisioner: &Provisioner) -> Option<WriteFile> {
    let (path, text) = match &provisioner.work {
        Work::Shell(shell) => (script::commands_path(number), script::commands(shell)?),
        Work::Ansible(ansible) => {
            let mut variables = serde_json::Map::from_iter(ansible.variables.clone());
            for (name, value) in told(order).as_object().into_iter().flatten() {
                variables.entry(format!("qd_{name}")).or_insert_with(|| value.clone());
            }
            (script::data_path(number), Value::Object(variables).to_string())
        }
        Work::Chef(chef) => {
            let mut attributes = serde_json::Map::from_iter(chef.attributes.clone());
            attributes.entry("qd").or_insert(told(order));
            (script::data_path(number), Value::Object(attributes).to_string())
        }
        Work::Salt(salt) => (format!("{}/minion", script::salt_dir(number)), minion(number, salt).to_string()),
        Work::File(_) | Work::Puppet(_) => return None,
    };
    Some(WriteFile { path, bytes: text.into_bytes(), executable: false })
}

/// The configuration of a minion without a master, all of whose places are in the bake's directory.
fn minion(number: usize, salt: &Salt) -> Value {
    json!({
        "file_client": "local",
        "root_dir": format!("{}/root", script::salt_dir(number)),
        "log_file": "/dev/null",
        "file_roots": {"base": [format!("{DIR}/files/{}", salt.states)]},
    })
}

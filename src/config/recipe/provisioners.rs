//! `[[provisioner]]`: each piece of work, with the files it needs.

use std::collections::BTreeMap;

use super::super::fleets::meant;
use super::super::reader::{Reader, Section};
use super::collect::Collector;
use super::parts::{checked, required, word};
use crate::domain::recipe::{Ansible, Chef, FileCopy, Provisioner, ProvisionerKind, Puppet, Salt, Shell, Work};
use crate::domain::text::is_treacherous;
use crate::domain::time::Millis;

/// Keys that every provisioner has.
const COMMON: [&str; 4] = ["type", "name", "packages", "time_limit"];
/// More than this is no list a person reads.
const MOST: usize = 100;

/// The recipe's provisioners that can be read; what is wrong with the others has been said.
pub(super) fn provisioners(reader: &mut Reader<'_>, files: &mut Collector, top: &Section<'_, '_>) -> Vec<Provisioner> {
    let sections = reader.tables(top, "provisioner", "sections [[provisioner]], each with a 'type'").unwrap_or_default();
    let mut read = Vec::new();
    for (number, section) in sections.into_iter().enumerate() {
        let section = Section { name: format!("[[provisioner]] {}", number + 1), ..section };
        if number == MOST {
            reader.mistake(&section.span, format!("{}: expected at most {MOST}", section.name));
            break;
        }
        read.extend(provisioner(reader, files, &section));
    }
    read
}

fn provisioner(reader: &mut Reader<'_>, files: &mut Collector, section: &Section<'_, '_>) -> Option<Provisioner> {
    let kind = kind(reader, section)?;
    only(reader, section, keys(kind));
    let work = match kind {
        ProvisionerKind::Shell => shell(reader, files, section).map(Work::Shell),
        ProvisionerKind::File => file(reader, files, section).map(Work::File),
        ProvisionerKind::Ansible => ansible(reader, files, section).map(Work::Ansible),
        ProvisionerKind::Chef => chef(reader, files, section).map(Work::Chef),
        ProvisionerKind::Puppet => puppet(reader, files, section).map(Work::Puppet),
        ProvisionerKind::Salt => salt(reader, files, section).map(Work::Salt),
    };
    let name = word(reader, section, "name", "what people call it, such as \"web server\"");
    let packages = packages(reader, section);
    let time_limit = reader.duration(section, "time_limit", Millis::secs(10));
    let work = work?;
    Some(Provisioner { name: name.unwrap_or_else(|| title(&work)), packages, time_limit, work })
}

fn kind(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<ProvisionerKind> {
    let words = ProvisionerKind::ALL.map(ProvisionerKind::word);
    let expected = format!("one of {}", words.join(", "));
    required(reader, section, "type", &expected)?;
    let (typed, span) = reader.string(section, "type", &expected)?;
    let found = ProvisionerKind::ALL.into_iter().find(|kind| kind.word() == typed);
    if found.is_none() {
        reader.mistake(&span, format!("{}: 'type' is \"{typed}\": expected {expected}{}", section.name, meant(&typed, words)));
    }
    found
}

/// A provisioner's own keys.
const fn keys(kind: ProvisionerKind) -> &'static [&'static str] {
    match kind {
        ProvisionerKind::Shell => &["script", "run", "env", "files"],
        ProvisionerKind::File => &["source", "destination", "owner", "mode"],
        ProvisionerKind::Ansible => &["playbook", "files", "variables"],
        ProvisionerKind::Chef => &["cookbooks", "run_list", "attributes"],
        ProvisionerKind::Puppet => &["manifest", "modules", "facts"],
        ProvisionerKind::Salt => &["states", "apply", "pillar"],
    }
}

fn only(reader: &mut Reader<'_>, section: &Section<'_, '_>, own: &[&str]) {
    let known: Vec<&str> = COMMON.iter().chain(own).copied().collect();
    reader.only(section, &known);
}

/// What a provisioner without a name is called.
fn title(work: &Work) -> String {
    let kind = work.kind().word();
    let (Work::Shell(Shell { script: Some(what), .. })
    | Work::File(FileCopy { destination: what, .. })
    | Work::Ansible(Ansible { playbook: what, .. })
    | Work::Chef(Chef { cookbooks: what, .. })
    | Work::Puppet(Puppet { manifest: what, .. })
    | Work::Salt(Salt { states: what, .. })) = work
    else {
        return kind.to_owned();
    };
    format!("{kind} {what}")
}

/// Names that package managers take, and none of their options.
fn packages(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Vec<String> {
    let expected = "a list of names of packages, such as [\"ansible-core\"]";
    let named = reader.strings(section, "packages", expected).unwrap_or_default();
    let fits = |name: &str| name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(|c| c.is_ascii_graphic());
    for (name, span) in named.iter().filter(|(name, _)| !fits(name)) {
        reader.mistake(span, format!("{}: 'packages' names \"{name}\": expected {expected}", section.name));
    }
    named.into_iter().map(|(name, _)| name).collect()
}

fn shell(reader: &mut Reader<'_>, files: &mut Collector, section: &Section<'_, '_>) -> Option<Shell> {
    let run = reader.strings(section, "run", "a list of commands, such as [\"systemctl enable web\"]");
    let env = variables(reader, section, "env");
    files.several(reader, section, "files");
    match (section.table.contains_key("script"), run) {
        (true, None) if !section.table.contains_key("run") => {
            Some(Shell { script: Some(files.script(reader, section, "script")?), run: Vec::new(), env })
        }
        (false, Some(run)) if !run.is_empty() => Some(Shell { script: None, run: run.into_iter().map(|(command, _)| command).collect(), env }),
        (true, _) => {
            reader.mistake(&section.span, format!("{}: both 'script' and 'run': expected one of them", section.name));
            None
        }
        (false, _) => {
            if section.table.get("run").is_none_or(|run| matches!(run.get_ref(), toml::de::DeValue::Array(list) if list.is_empty())) {
                reader.mistake(&section.span, format!("{}: nothing to do: expected 'script' or 'run' with commands", section.name));
            }
            None
        }
    }
}

fn file(reader: &mut Reader<'_>, files: &mut Collector, section: &Section<'_, '_>) -> Option<FileCopy> {
    let source = files.one(reader, section, "source", "the file");
    let expected = "a whole path on the builder, which begins with / and names a file";
    required(reader, section, "destination", expected);
    let plain =
        |path: &str| path.starts_with('/') && !path.ends_with('/') && !path.split('/').any(|name| name == "..") && !path.chars().any(is_treacherous);
    let destination = checked(reader, section, "destination", expected, plain);
    let named = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let owner = checked(reader, section, "owner", "a user, or user:group, such as \"root:root\"", |owner| {
        let (user, group) = owner.split_once(':').unwrap_or((owner, "root"));
        named(user) && named(group) && !user.starts_with('-')
    });
    let mode = checked(reader, section, "mode", "permissions in octal digits, such as \"0644\"", |mode| {
        (3..=4).contains(&mode.len()) && u32::from_str_radix(mode, 8).is_ok()
    });
    let mode = mode.and_then(|mode| u32::from_str_radix(&mode, 8).ok()).unwrap_or(0o644);
    Some(FileCopy { source: source?, destination: destination?, owner: owner.unwrap_or_else(|| "root:root".to_owned()), mode })
}

fn ansible(reader: &mut Reader<'_>, files: &mut Collector, section: &Section<'_, '_>) -> Option<Ansible> {
    let more = files.several(reader, section, "files");
    let variables = reader.values(section, "variables", "a table of extra variables").unwrap_or_default();
    Some(Ansible { playbook: files.one(reader, section, "playbook", "playbook")?, files: more, variables })
}

fn chef(reader: &mut Reader<'_>, files: &mut Collector, section: &Section<'_, '_>) -> Option<Chef> {
    let expected = "what is run, such as [\"recipe[web]\"]";
    required(reader, section, "run_list", expected);
    let run_list = reader.strings(section, "run_list", expected);
    for (item, span) in run_list.iter().flatten() {
        if !item.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '[' | ']' | '@')) {
            reader.mistake(span, format!("{}: 'run_list' names \"{item}\": expected {expected}", section.name));
        }
    }
    let attributes = reader.values(section, "attributes", "a table of node attributes").unwrap_or_default();
    let cookbooks = files.directory(reader, section, "cookbooks", "cookbooks")?;
    Some(Chef { cookbooks, run_list: run_list?.into_iter().map(|(item, _)| item).collect(), attributes })
}

fn puppet(reader: &mut Reader<'_>, files: &mut Collector, section: &Section<'_, '_>) -> Option<Puppet> {
    let modules = section.table.contains_key("modules").then(|| files.directory(reader, section, "modules", "modules"));
    let facts = variables(reader, section, "facts");
    Some(Puppet { manifest: files.one(reader, section, "manifest", "manifest")?, modules: modules.flatten(), facts })
}

fn salt(reader: &mut Reader<'_>, files: &mut Collector, section: &Section<'_, '_>) -> Option<Salt> {
    let expected = "a list of states, such as [\"web\"]";
    let apply = reader.strings(section, "apply", expected).unwrap_or_default();
    for (state, span) in &apply {
        if !state.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
            reader.mistake(span, format!("{}: 'apply' names \"{state}\": expected {expected}", section.name));
        }
    }
    let pillar = reader.values(section, "pillar", "a table of pillar data").unwrap_or_default();
    let states = files.directory(reader, section, "states", "states")?;
    if apply.is_empty() && !files.files.contains_key(&format!("{states}/top.sls")) {
        let text = format!("{}: nothing to apply: expected 'apply' with states, or a top.sls in '{states}'", section.name);
        reader.mistake(&section.span, text);
        return None;
    }
    Some(Salt { states, apply: apply.into_iter().map(|(state, _)| state).collect(), pillar })
}

/// A table of environment variables: names a shell takes, and none that belongs to the bake.
fn variables(reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str) -> BTreeMap<String, String> {
    let named = reader.texts(section, key, "a table of texts, such as { PORT = \"8080\" }").unwrap_or_default();
    let fits =
        |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    for (name, (_, span)) in &named {
        if !fits(name) || name.starts_with("QD_") {
            let text = format!("{}: '{key}' has \"{name}\": expected a name of letters, digits and '_' that does not begin with QD_", section.name);
            reader.mistake(span, text);
        }
    }
    named.into_iter().map(|(name, (value, _))| (name, value)).collect()
}

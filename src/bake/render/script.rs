//! The shell functions of a recipe's parts.

use serde_json::Value;
use shlex::try_quote;

use super::{DIR, RenderError};
use crate::domain::recipe::{Ansible, Artifact, Chef, FileCopy, GateCheck, HttpCheck, Provisioner, Puppet, Salt, Shell, Work};

/// A text as one word of a shell.
pub(super) fn word(text: &str) -> Result<String, RenderError> {
    try_quote(text).map(std::borrow::Cow::into_owned).map_err(|_| RenderError::Nul(text.to_owned()))
}

/// Texts as words with spaces between them.
fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<String, RenderError> {
    Ok(texts.into_iter().map(word).collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// Downloads the artifact and compares it with its sum.
pub(super) fn artifact(artifact: &Artifact, version: &str) -> Result<String, RenderError> {
    let url = word(&artifact.url_of(version))?;
    let checked = artifact.sha256.as_ref().map_or_else(String::new, |sum| {
        format!("  echo '{sum}  '\"$QD_ARTIFACT\" | sha256sum -c - || qd_refuse {url} has another SHA-256 than the recipe says\n")
    });
    Ok(format!("artifact() {{\n  qd_download {url} \"$QD_ARTIFACT\"\n{checked}}}\n"))
}

/// The function of a provisioner. `number` is its place in the recipe, `told` what its tool is told of the bake; it runs in the directory of the
/// recipe's files.
pub(super) fn provisioner(number: usize, provisioner: &Provisioner, told: &Value) -> Result<String, RenderError> {
    let packages = words(provisioner.packages.iter().map(String::as_str))?;
    let body = match &provisioner.work {
        Work::Shell(shell) => install(&packages) + &self::shell(number, shell)?,
        Work::File(file) => install(&packages) + &self::file(file)?,
        Work::Ansible(ansible) => self::ansible(number, ansible, &packages)?,
        Work::Chef(chef) => self::chef(number, chef, &packages)?,
        Work::Puppet(puppet) => self::puppet(puppet, &packages)?,
        Work::Salt(salt) => self::salt(number, salt, told, &packages)?,
    };
    Ok(format!("provisioner_{number}() {{\n  cd \"$QD_DIR/files\"\n{body}}}\n"))
}

/// The function of a gate that is made on the instance; none for one that is not.
pub(super) fn gate(number: usize, check: &GateCheck) -> Result<Option<String>, RenderError> {
    let body = match check {
        GateCheck::Http(HttpCheck { path, port, status, body }) => {
            format!("  qd_http {port} {} {status} {}\n", word(path)?, word(body.as_deref().unwrap_or_default())?)
        }
        GateCheck::Command { run } => format!("  cd /\n  exec sh -c {}\n", word(run)?),
        GateCheck::Boot | GateCheck::Hook { .. } => return Ok(None),
    };
    Ok(Some(format!("gate_{number}() {{\n{body}}}\n")))
}

/// The file in which a provisioner's data is laid down.
pub(super) fn data_path(number: usize) -> String {
    format!("{DIR}/data/{number}.json")
}

/// The file in which a shell provisioner's commands are laid down.
pub(super) fn commands_path(number: usize) -> String {
    format!("{DIR}/data/{number}.sh")
}

/// The directory in which Salt finds its configuration.
pub(super) fn salt_dir(number: usize) -> String {
    format!("{DIR}/salt-{number}")
}

fn install(packages: &str) -> String {
    if packages.is_empty() { String::new() } else { format!("  qd_install {packages}\n") }
}

fn need(tool: &str, packages: &str) -> String {
    format!("  qd_need {tool} {packages}").trim_end().to_owned() + "\n"
}

fn shell(number: usize, shell: &Shell) -> Result<String, RenderError> {
    let mut body = String::new();
    for (name, value) in &shell.env {
        body.push_str(&format!("  export {name}={}\n", word(value)?));
    }
    match &shell.script {
        Some(script) => body.push_str(&format!("  exec ./{}\n", word(script)?)),
        None => body.push_str(&format!("  exec sh -ex {}\n", commands_path(number))),
    }
    Ok(body)
}

/// The commands of a shell provisioner as a script.
pub(super) fn commands(shell: &Shell) -> Option<String> {
    shell.script.is_none().then(|| shell.run.iter().map(|command| format!("{command}\n")).collect())
}

fn file(file: &FileCopy) -> Result<String, RenderError> {
    let (user, group) = file.owner.split_once(':').unwrap_or((&file.owner, ""));
    let group = if group.is_empty() { String::new() } else { format!(" -g {}", word(group)?) };
    let (source, destination) = (word(&file.source)?, word(&file.destination)?);
    Ok(format!("  mkdir -p \"$(dirname {destination})\"\n  install -v -m {:04o} -o {}{group} {source} {destination}\n", file.mode, word(user)?))
}

fn ansible(number: usize, ansible: &Ansible, packages: &str) -> Result<String, RenderError> {
    Ok(need("ansible-playbook", packages)
        + "  export ANSIBLE_HOME=\"$QD_DIR/ansible\" ANSIBLE_LOCAL_TEMP=\"$QD_DIR/ansible/local\" ANSIBLE_REMOTE_TEMP=\"$QD_DIR/ansible/remote\"\n"
        + "  export ANSIBLE_STDOUT_CALLBACK=default ANSIBLE_NOCOLOR=1 ANSIBLE_RETRY_FILES_ENABLED=0 ANSIBLE_LOCALHOST_WARNING=0\n"
        + &format!("  exec ansible-playbook -i localhost, -c local -e ansible_python_interpreter=/usr/bin/python3 -e \"@{}\" ", data_path(number))
        + &word(&ansible.playbook)?
        + "\n")
}

/// Chef's client, or Cinc's, which is the same program under another name.
fn chef(number: usize, chef: &Chef, packages: &str) -> Result<String, RenderError> {
    let run_list = word(&chef.run_list.join(","))?;
    let cookbooks = word(&chef.cookbooks)?;
    Ok(format!(
        "  client=chef-client\n  command -v chef-client >/dev/null || client=cinc-client\n{}  exec \"$client\" --local-mode --chef-license accept-silent \\\n    \
         --no-color --force-formatter -F doc --config-option \"cookbook_path=$PWD/\"{cookbooks} -j {} -o {run_list}\n",
        need("\"$client\"", packages),
        data_path(number)
    ))
}

fn puppet(puppet: &Puppet, packages: &str) -> Result<String, RenderError> {
    let mut body = need("puppet", packages);
    for (name, value) in &puppet.facts {
        body.push_str(&format!("  export FACTER_{name}={}\n", word(value)?));
    }
    let modules = puppet.modules.as_ref().map(|modules| word(modules)).transpose()?;
    let modules = modules.map_or_else(String::new, |modules| format!("--modulepath \"$PWD/\"{modules} "));
    let manifest = word(&puppet.manifest)?;
    Ok(body
        + "  status=0\n  puppet apply --confdir \"$QD_DIR/puppet\" --vardir \"$QD_DIR/puppet/var\" --rundir \"$QD_DIR/puppet/run\" --color=false "
        + &format!("--logdest console --detailed-exitcodes {modules}{manifest} || status=$?\n")
        + "  # 2 means that something was changed, and nothing failed.\n  [ $status -eq 2 ] || return $status\n")
}

fn salt(number: usize, salt: &Salt, told: &Value, packages: &str) -> Result<String, RenderError> {
    let states = if salt.apply.is_empty() { String::new() } else { word(&salt.apply.join(","))? + " " };
    let mut pillar = serde_json::Map::from_iter(salt.pillar.clone());
    pillar.entry("qd").or_insert_with(|| told.clone());
    let pillar = word(&format!("pillar={}", Value::Object(pillar)))?;
    let call = format!("  exec salt-call --local --config-dir {} --retcode-passthrough --no-color -l info", salt_dir(number));
    Ok(need("salt-call", packages) + &format!("{call} state.apply {states}{pillar}\n"))
}

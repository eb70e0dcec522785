//! Writing a fleet down: one more section at the end of `fleets.toml`.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::ConfigError;
use super::files::{private_dir, read, shown};
use super::fleets::parse;
use crate::domain::fleet::{FleetSource, FleetSpec, Groups, Route, RoutePlace, Scheduled, default_migration_limit};
use crate::domain::text::{Untrusted, is_treacherous};
use crate::domain::time::Millis;

/// Appends the fleet to the file, made with its directory if it is missing; everything that is in it stays as it is.
///
/// # Errors
/// When the file has a section of that name, has mistakes or cannot be written. Then it is as it was.
pub fn adopt(path: &Path, spec: &FleetSpec) -> Result<(), ConfigError> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private_dir(dir)?;
    let _alone = lock(dir)?;
    let old = read(path)?.unwrap_or_default();
    let known = parse(path, &old)?;
    if known.fleets.iter().any(|fleet| fleet.name == spec.name) {
        let message = format!("{} has a section for {} already", shown(path), spec.name);
        return Err(ConfigError::new(message, "change it there by hand: adopting writes only what is not there"));
    }
    let gap = if old.is_empty() || old.ends_with("\n\n") {
        ""
    } else if old.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    let new = format!("{old}{gap}{}", section(spec));
    // What was written is what will be read, or it is not written.
    let reads = parse(path, &new)?;
    if !reads.fleets.contains(&as_written(spec)) {
        let message = format!("{} cannot be written down so that it reads the same", spec.name);
        return Err(ConfigError::new(message, "write its section by hand, and report this as a fault of Quarterdeck"));
    }
    replace(dir, path, &new)
}

/// The fleet as the file gives it back.
fn as_written(spec: &FleetSpec) -> FleetSpec {
    FleetSpec { source: FleetSource::Adopted, problems: Vec::new(), ..spec.clone() }
}

/// Two people who adopt at the same moment do so one after the other.
fn lock(dir: &Path) -> Result<File, ConfigError> {
    let open = File::open(dir).map_err(|error| unwritable(dir, &error))?;
    flock(&open, FlockOperation::LockExclusive).map_err(|error| unwritable(dir, &error.into()))?;
    Ok(open)
}

fn unwritable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::new(format!("{} cannot be written: {error}", shown(path)), "check the path and who may write there")
}

/// The whole new file beside the old one, and then in its place.
fn replace(dir: &Path, path: &Path, text: &str) -> Result<(), ConfigError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary: PathBuf = dir.join(format!(".{name}.{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|error| {
        drop(std::fs::remove_file(&temporary));
        unwritable(path, &error)
    })
}

/// The section of a fleet, as [`parse`] reads it.
#[must_use]
pub fn section(spec: &FleetSpec) -> String {
    let mut text = format!("[fleet.{}]\n", key(spec.name.as_str()));
    let mut line = |key: &str, value: String| text.push_str(&format!("{key} = {value}\n"));
    let word = |known: &Option<Untrusted>| known.as_ref().map(|known| quoted(known.raw()));
    if let Some(app) = word(&spec.app) {
        line("app", app);
    }
    if let Some(env) = word(&spec.env) {
        line("env", env);
    }
    match &spec.groups {
        Groups::Two(slots) => line("slots", format!("[{}, {}]", quoted(slots.a.as_str()), quoted(slots.b.as_str()))),
        Groups::One(group) => line("group", quoted(group.as_str())),
    }
    if let Some(account) = &spec.account {
        line("account", quoted(account));
    }
    if let Some(region) = &spec.region {
        line("region", quoted(region));
    }
    if let Some(route) = route(&spec.route) {
        line("route", route);
    }
    line("floor", spec.floor.to_string());
    line("window", duration(spec.window));
    if let Some(max_age) = spec.max_age {
        line("max_age", duration(max_age));
    }
    line("strategy", quoted(spec.strategy.word()));
    line("idle_size", spec.idle_size.to_string());
    if spec.scheduled != Scheduled::Refuse {
        line("scheduled", quoted(spec.scheduled.word()));
    }
    if spec.require_verified {
        line("require_verified", "true".to_owned());
    }
    if !spec.gates.is_empty() {
        let gates = spec.gates.iter().map(|gate| format!("[{}]", gate.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")));
        line("gates", format!("[{}]", gates.collect::<Vec<_>>().join(", ")));
    }
    for (key, program) in [("schema", &spec.schema), ("migration", &spec.migration)] {
        if !program.is_empty() {
            line(key, format!("[{}]", program.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")));
        }
    }
    if spec.migration_limit != default_migration_limit() {
        line("migration_limit", duration(spec.migration_limit));
    }
    if spec.hold {
        line("hold", "true".to_owned());
    }
    if !spec.alarms.is_empty() {
        let names: Vec<String> = spec.alarms.iter().map(|alarm| quoted(alarm.as_str())).collect();
        line("alarms", format!("[{}]", names.join(", ")));
    }
    let steps: String = spec.steps.iter().map(|step| format!("  {{ weight = {}, soak = {} }},\n", step.weight_pct, duration(step.soak))).collect();
    line("steps", format!("[\n{steps}]"));
    text
}

fn route(route: &Route) -> Option<String> {
    match route {
        Route::Weighted { place, target_groups } => {
            let key = if matches!(place, RoutePlace::Rule(_)) { "rule" } else { "listener" };
            let (a, b) = (quoted(target_groups.a.as_str()), quoted(target_groups.b.as_str()));
            Some(format!("{{ {key} = {}, target_groups = [{a}, {b}] }}", quoted(place.arn().as_str())))
        }
        Route::Attached { target_group } => Some(format!("{{ target_groups = [{}] }}", quoted(target_group.as_str()))),
        Route::None => None,
    }
}

/// Exact, in the largest unit that is.
fn duration(span: Millis) -> String {
    let secs = span.as_secs();
    let (count, unit) = [(86_400, "d"), (3_600, "h"), (60, "m")]
        .into_iter()
        .find(|(unit, _)| secs > 0 && secs.is_multiple_of(*unit))
        .map_or((secs, "s"), |(unit, letter)| (secs / unit, letter));
    format!("\"{count}{unit}\"")
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if bare { name.to_owned() } else { quoted(name) }
}

/// A TOML string in which nothing is left for a terminal to obey.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if is_treacherous(c) => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

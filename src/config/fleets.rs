//! `fleets.toml`: the fleets somebody adopted, whose images count, and which tags mean what.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::de::DeValue;

use super::error::ConfigError;
use super::files::read;
use super::reader::{Reader, Section};
use super::route::route;
use crate::domain::fleet::{BySlot, FleetSource, FleetSpec, Groups, Route, Scheduled, Strategy, WeightStep};
use crate::domain::ids::{AlarmName, FleetName, GroupName};
use crate::domain::suggest::nearest;
use crate::domain::tags::TagKeys;
use crate::domain::text::is_treacherous;
use crate::domain::time::Millis;
use crate::ports::notify::Hook;

const TOP: [&str; 4] = ["image_owners", "tags", "notify", "fleet"];
const FLEET: [&str; 23] = [
    "analysis",
    "app",
    "env",
    "slots",
    "group",
    "account",
    "region",
    "route",
    "floor",
    "window",
    "max_age",
    "strategy",
    "alarms",
    "idle_size",
    "notify",
    "steps",
    "require_verified",
    "scheduled",
    "gates",
    "schema",
    "migration",
    "migration_limit",
    "hold",
];
/// What one question to CloudWatch can name.
const MOST_ALARMS: usize = 100;
/// CloudWatch's own limit.
const LONGEST_ALARM: usize = 255;
/// The shortest window: a shorter one is over before anybody has looked.
const SHORTEST_WINDOW: Millis = Millis::mins(10);

/// The shortest time a migration may be given: a migration that is ended half-way is worse than one that takes long.
const SHORTEST_MIGRATION: Millis = Millis::mins(1);

/// The shortest age at which servers are too old: recycling takes its time too.
const SHORTEST_AGE: Millis = Millis::mins(60);

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetsFile {
    /// The fleets, by name, all of them adopted.
    pub fleets: Vec<FleetSpec>,
    /// Whose images are listed; empty where the file does not say: the account's own.
    pub image_owners: Vec<String>,
    /// Which tags mean what.
    pub tags: TagKeys,
    /// Who is told what happens in which fleet.
    pub hooks: Hooks,
}

/// The notify hooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// For every fleet that names none of its own.
    pub all: Option<Hook>,
    /// Those of fleets that name one; an empty one tells nobody.
    pub fleets: BTreeMap<FleetName, Hook>,
}

impl Hooks {
    /// The hook of a fleet, if anybody is to be told.
    #[must_use]
    pub fn of(&self, fleet: &FleetName) -> Option<&Hook> {
        self.fleets.get(fleet).or(self.all.as_ref()).filter(|hook| !hook.0.is_empty())
    }
}

/// Reads the file; one that does not exist says nothing.
///
/// # Errors
/// Every mistake with its line; or why the file is refused. Nothing half-read comes back.
pub fn load(path: &Path) -> Result<FleetsFile, ConfigError> {
    read(path)?.map_or_else(|| Ok(FleetsFile::default()), |text| parse(path, &text))
}

/// Reads the text of a file; `path` is only for the messages.
///
/// # Errors
/// Every mistake with its line.
pub fn parse(path: &Path, text: &str) -> Result<FleetsFile, ConfigError> {
    let mut reader = Reader::new(path, text);
    let document = reader.document();
    let file = document.as_ref().map(|document| {
        let top = Section { name: "top level".to_owned(), table: document.get_ref(), span: 0..0 };
        file(&mut reader, &top)
    });
    reader.finish().map(|()| file.unwrap_or_default())
}

fn file(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> FleetsFile {
    reader.only(top, &TOP);
    let mut hooks = Hooks { all: hook(reader, top), fleets: BTreeMap::new() };
    let mut taken = Taken::default();
    let mut fleets = Vec::new();
    if let Some(section) = reader.table(top, "fleet", "sections such as [fleet.web-prod]") {
        for (name, value) in section.table {
            let DeValue::Table(table) = value.get_ref() else {
                reader.mistake(&name.span(), format!("'fleet.{}' is no section: expected [fleet.{0}]", name.get_ref()));
                continue;
            };
            let section = Section { name: format!("[fleet.{}]", name.get_ref()), table, span: name.span() };
            fleets.extend(fleet(reader, name.get_ref(), &section, &mut taken));
            hooks.fleets.extend(hook(reader, &section).map(|hook| (FleetName::new(name.get_ref().as_ref()), hook)));
        }
    }
    let image_owners = image_owners(reader, top);
    FleetsFile { fleets, image_owners, tags: tags(reader, top), hooks }
}

/// What is in a fleet already, with which and where: no two fleets have one group or one place.
#[derive(Default)]
struct Taken {
    groups: BTreeMap<String, (String, Range<usize>)>,
    places: BTreeMap<String, (String, Range<usize>)>,
}

fn fleet(reader: &mut Reader<'_>, name: &str, section: &Section<'_, '_>, taken: &mut Taken) -> Option<FleetSpec> {
    reader.only(section, &FLEET);
    if name.trim().is_empty() || name.starts_with('-') || name.chars().any(is_treacherous) {
        reader.mistake(&section.span, format!("{}: no name for a fleet: expected visible characters, not a '-' first", section.name));
    }
    let groups = groups(reader, section, taken);
    let (route, at) = route(reader, section, groups.as_ref()).unwrap_or((Route::None, section.span.clone()));
    if let Route::Weighted { place, .. } = &route {
        take(reader, &mut taken.places, place.arn().as_str(), "the place", section, &at);
    }
    let bare = FleetSpec::bare(FleetName::new(name), groups?, route, FleetSource::Adopted);
    Some(settings(reader, section, bare))
}

fn settings(reader: &mut Reader<'_>, section: &Section<'_, '_>, bare: FleetSpec) -> FleetSpec {
    let word = |reader: &mut Reader<'_>, key: &str| reader.string(section, key, "a word such as \"web\"").map(|(text, _)| text.into());
    FleetSpec {
        app: word(reader, "app"),
        env: word(reader, "env"),
        account: account(reader, section),
        region: reader.string(section, "region", "a region such as \"us-east-1\"").map(|(text, _)| text),
        floor: reader.number(section, "floor", 1..=100_000, "a whole number from 1").unwrap_or(bare.floor),
        window: reader.duration(section, "window", SHORTEST_WINDOW).unwrap_or(bare.window),
        max_age: reader.duration(section, "max_age", SHORTEST_AGE),
        strategy: strategy(reader, section).unwrap_or(bare.strategy),
        steps: steps(reader, section).unwrap_or_else(|| bare.steps.clone()),
        idle_size: reader.number(section, "idle_size", 0..=1, "0 or 1").unwrap_or(bare.idle_size),
        require_verified: reader.boolean(section, "require_verified").unwrap_or(bare.require_verified),
        scheduled: scheduled(reader, section).unwrap_or(bare.scheduled),
        gates: gates(reader, section).unwrap_or_default(),
        schema: program(reader, section, "schema", "[\"/usr/local/bin/schema\", \"web\"]").unwrap_or_default(),
        migration: program(reader, section, "migration", "[\"/usr/local/bin/migrate\", \"web\"]").unwrap_or_default(),
        migration_limit: reader.duration(section, "migration_limit", SHORTEST_MIGRATION).unwrap_or(bare.migration_limit),
        hold: reader.boolean(section, "hold").unwrap_or(bare.hold),
        alarms: alarms(reader, section).unwrap_or_default(),
        analysis: super::analysis::analysis(reader, section).unwrap_or_default(),
        ..bare
    }
}

fn groups(reader: &mut Reader<'_>, section: &Section<'_, '_>, taken: &mut Taken) -> Option<Groups> {
    let two = "the names of two server groups, such as [\"web-prod-a\", \"web-prod-b\"]";
    let slots = section.table.contains_key("slots").then(|| reader.strings(section, "slots", two));
    let group = section.table.contains_key("group").then(|| reader.string(section, "group", "the name of a server group"));
    let named = match (slots, group) {
        (Some(slots), None) => slots?,
        (None, Some(group)) => vec![group?],
        (Some(_), Some(_)) => {
            reader.mistake(&section.span, format!("{}: both 'slots' and 'group': expected one of them", section.name));
            return None;
        }
        (None, None) => {
            reader.mistake(&section.span, format!("{}: no server group: expected 'slots' with {two}, or 'group'", section.name));
            return None;
        }
    };
    for (name, span) in &named {
        take(reader, &mut taken.groups, name, "server group", section, span);
    }
    match (named.as_slice(), section.table.contains_key("group")) {
        ([(one, _)], true) => Some(Groups::One(GroupName::new(one))),
        ([(a, _), (b, _)], false) => Some(Groups::Two(BySlot { a: GroupName::new(a), b: GroupName::new(b) })),
        (other, _) => {
            let at = section.table.get("slots").map_or(section.span.clone(), toml::Spanned::span);
            reader.mistake(&at, format!("{}: 'slots' has {} names: expected {two}", section.name, other.len()));
            None
        }
    }
}

fn take(
    reader: &mut Reader<'_>,
    taken: &mut BTreeMap<String, (String, Range<usize>)>,
    name: &str,
    what: &str,
    section: &Section<'_, '_>,
    at: &Range<usize>,
) {
    if let Some((owner, first)) = taken.get(name) {
        let line = reader.line(first.start);
        let text = format!("{}: {what} '{name}' is in {owner} already (line {line}): expected each in one place only", section.name);
        reader.mistake(at, text);
    } else {
        taken.insert(name.to_owned(), (section.name.clone(), at.clone()));
    }
}

/// Twelve digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// ` (did you mean "…"?)`, where a known word is near.
pub(super) fn meant<const N: usize>(typed: &str, known: [&str; N]) -> String {
    nearest(typed, known.into_iter()).map_or_else(String::new, |near| format!(" (did you mean \"{near}\"?)"))
}

fn account(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<String> {
    let expected = "an account's twelve digits in quotes, such as \"123456789012\"";
    let (text, span) = reader.string(section, "account", expected)?;
    if !is_account(&text) {
        reader.mistake(&span, format!("{}: 'account' is \"{text}\": expected {expected}", section.name));
        return None;
    }
    Some(text)
}

fn strategy(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<Strategy> {
    let all = [Strategy::Canary, Strategy::BlueGreen, Strategy::Rolling];
    let expected = "\"canary\", \"blue-green\" or \"rolling\"";
    let (text, span) = reader.string(section, "strategy", expected)?;
    let found = all.into_iter().find(|strategy| strategy.word() == text);
    if found.is_none() {
        let near = meant(&text, all.map(Strategy::word));
        reader.mistake(&span, format!("{}: 'strategy' is \"{text}\": expected {expected}{near}", section.name));
    }
    found
}

fn steps(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<Vec<WeightStep>> {
    let tables = reader.tables(section, "steps", "steps such as { weight = 5, soak = \"5m\" }")?;
    let mut steps: Vec<WeightStep> = Vec::new();
    for table in &tables {
        reader.only(table, &["weight", "soak"]);
        for key in ["weight", "soak"].into_iter().filter(|key| !table.table.contains_key(*key)) {
            reader.mistake(&table.span, format!("{}: no '{key}': expected {{ weight = 5, soak = \"5m\" }}", table.name));
        }
        let weight_pct = reader.number(table, "weight", 1..=100, "a whole percentage from 1 to 100");
        let soak = reader.duration(table, "soak", Millis::secs(1));
        let (Some(weight_pct), Some(soak)) = (weight_pct, soak) else { continue };
        if let Some(last) = steps.last().filter(|last| last.weight_pct >= weight_pct) {
            reader.mistake(&table.span, format!("{}: weight {weight_pct} after {}: expected weights that rise", table.name, last.weight_pct));
        }
        steps.push(WeightStep { weight_pct, soak });
    }
    let at = section.table.get("steps").map_or(section.span.clone(), toml::Spanned::span);
    if steps.len() == tables.len() && steps.last().is_none_or(|last| last.weight_pct != 100) {
        let ends = steps.last().map_or_else(|| "there are none".to_owned(), |last| format!("the last weight is {}", last.weight_pct));
        reader.mistake(&at, format!("{}: 'steps': {ends}: expected the last step to have weight 100", section.name));
    }
    Some(steps)
}

fn scheduled(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<Scheduled> {
    let expected = "\"refuse\" or \"suspend\"";
    let (text, span) = reader.string(section, "scheduled", expected)?;
    let found = [Scheduled::Refuse, Scheduled::Suspend].into_iter().find(|scheduled| scheduled.word() == text);
    if found.is_none() {
        reader.mistake(&span, format!("{}: 'scheduled' is \"{text}\": expected {expected}", section.name));
    }
    found
}

/// Alarms that gate, each once.
fn alarms(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<Vec<AlarmName>> {
    let named = reader.strings(section, "alarms", "a list of alarm names, such as [\"web-5xx\"]")?;
    let mut alarms: Vec<AlarmName> = Vec::new();
    for (name, span) in &named {
        let alarm = AlarmName::new(name);
        if name.chars().count() > LONGEST_ALARM || name.chars().any(is_treacherous) {
            reader.mistake(
                span,
                format!("{}: 'alarms': \"{name}\" is no name of an alarm: expected at most {LONGEST_ALARM} visible characters", section.name),
            );
        } else if alarms.contains(&alarm) {
            reader.mistake(span, format!("{}: 'alarms' names \"{name}\" twice", section.name));
        }
        alarms.push(alarm);
    }
    if alarms.len() > MOST_ALARMS {
        let (at, number) = (section.table.get("alarms").map_or(section.span.clone(), toml::Spanned::span), alarms.len());
        reader
            .mistake(&at, format!("{}: 'alarms' names {number}: expected at most {MOST_ALARMS}; a composite alarm can stand for many", section.name));
    }
    Some(alarms)
}

fn hook(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<Hook> {
    program(reader, section, "notify", "[\"/usr/local/bin/page\", \"--team\", \"web\"]").map(Hook)
}

/// A program with its arguments. It runs without a shell and in no particular directory: only a whole path says which it is.
fn program(reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, example: &str) -> Option<Vec<String>> {
    let named = reader.strings(section, key, &format!("a program with its arguments, such as {example}"))?;
    if let Some((program, span)) = named.first().filter(|(program, _)| !program.starts_with('/')) {
        reader.mistake(span, format!("{}: '{key}' runs \"{program}\": expected the whole path of a program, which begins with /", section.name));
    }
    Some(named.into_iter().map(|(argument, _)| argument).collect())
}

/// Programs with their arguments, each a list of its own.
fn gates(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<Vec<Vec<String>>> {
    let expected = "programs with their arguments, such as [[\"/usr/local/bin/smoke\", \"--quick\"]]";
    let gates = reader.lists(section, "gates", expected)?;
    for (program, span) in gates.iter().filter_map(|gate| gate.first()).filter(|(program, _)| !program.starts_with('/')) {
        reader.mistake(span, format!("{}: 'gates' runs \"{program}\": expected the whole path of a program, which begins with /", section.name));
    }
    Some(gates.into_iter().map(|gate| gate.into_iter().map(|(argument, _)| argument).collect()).collect())
}

fn image_owners(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> Vec<String> {
    let expected = "a list of accounts (twelve digits in quotes), \"self\" or \"amazon\"";
    let named = reader.strings(top, "image_owners", expected).unwrap_or_default();
    for (owner, span) in &named {
        if !is_account(owner) && !matches!(owner.as_str(), "self" | "amazon") {
            reader.mistake(span, format!("'image_owners' names \"{owner}\": expected {expected}"));
        }
    }
    named.into_iter().map(|(owner, _)| owner).collect()
}

fn tags(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> TagKeys {
    let mut keys = TagKeys::default();
    let Some(found) = reader.table(top, "tags", "a section [tags] such as app = [\"qd:app\", \"app\"]") else { return keys };
    let section = Section { name: "[tags]".to_owned(), ..found };
    let mut meanings: [(&str, &mut Vec<String>); 12] = [
        ("app", &mut keys.app),
        ("version", &mut keys.version),
        ("env", &mut keys.env),
        ("stage", &mut keys.stage),
        ("base", &mut keys.base),
        ("schema_min", &mut keys.schema_min),
        ("schema_max", &mut keys.schema_max),
        ("blocked", &mut keys.blocked),
        ("blocked_by", &mut keys.blocked_by),
        ("blocked_at", &mut keys.blocked_at),
        ("fleet", &mut keys.fleet),
        ("slot", &mut keys.slot),
    ];
    let known: Vec<&str> = meanings.iter().map(|(name, _)| *name).collect();
    reader.only(&section, &known);
    for (name, tag_keys) in &mut meanings {
        if let Some(named) = reader.strings(&section, name, "a list of tag keys, such as [\"qd:app\", \"app\"]") {
            **tag_keys = named.into_iter().map(|(key, _)| key).collect();
        }
    }
    keys
}

//! What a recipe says besides its provisioners and gates: name, application, base, builder, tags.

use std::collections::BTreeMap;

use super::super::fleets::{is_account, meant};
use super::super::reader::{Reader, Section};
use crate::domain::ids::ImageId;
use crate::domain::image::SchemaRange;
use crate::domain::recipe::{App, Architecture, Artifact, Base, BaseQuery, Builder};
use crate::domain::text::is_treacherous;

/// What EC2 takes of an image's name, less the version and the time that are put behind a recipe's.
const LONGEST_NAME: usize = 64;
/// EC2's own limits of a tag.
const LONGEST_KEY: usize = 127;
const LONGEST_VALUE: usize = 255;
/// EC2 takes fifty; these are left for ours.
const MOST_TAGS: usize = 30;
/// The largest volume of general purpose, in GiB.
const LARGEST_ROOT: u32 = 16_384;

pub(super) fn name(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> Option<String> {
    let expected = format!("a name of at most {LONGEST_NAME} letters, digits, '-', '_' and '.', such as \"web\"");
    required(reader, top, "name", &expected)?;
    let (name, span) = reader.string(top, "name", &expected)?;
    if name.len() > LONGEST_NAME || name.starts_with('-') || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        reader.mistake(&span, format!("'name' is \"{name}\": expected {expected}"));
        return None;
    }
    Some(name)
}

pub(super) fn app(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> Option<App> {
    let such = "a section [app] such as name = \"web\"";
    required(reader, top, "app", such)?;
    let section = reader.table(top, "app", such).map(bracketed)?;
    reader.only(&section, &["name", "version", "artifact"]);
    required(reader, &section, "name", "a word such as \"web\"");
    let name = word(reader, &section, "name", "a word such as \"web\"");
    let version = word(reader, &section, "version", "a version such as \"2.15.0\"");
    let artifact = artifact(reader, &section);
    Some(App { name: name?, version, artifact })
}

fn artifact(reader: &mut Reader<'_>, app: &Section<'_, '_>) -> Option<Artifact> {
    let such = "a table such as { url = \"https://…/web-{version}.tar.gz\", sha256 = \"…\" }";
    let section = reader.table(app, "artifact", such)?;
    reader.only(&section, &["url", "sha256"]);
    required(reader, &section, "url", "where the artifact is")?;
    let (url, at) = reader.string(&section, "url", "where the artifact is, http or https")?;
    let sum = reader.string(&section, "sha256", "64 hexadecimal digits");
    if let Some((sum, span)) = &sum
        && (sum.len() != 64 || !sum.bytes().all(|digit| digit.is_ascii_hexdigit()))
    {
        reader.mistake(span, format!("{}: 'sha256' is \"{sum}\": expected 64 hexadecimal digits", section.name));
    }
    let plain = url.starts_with("http://");
    if !(plain || url.starts_with("https://")) || !url.chars().all(|c| c.is_ascii_graphic()) {
        reader.mistake(&at, format!("{}: 'url' is \"{url}\": expected an address that begins with https:// or http://", section.name));
    } else if plain && sum.is_none() {
        let text = format!("{}: 'url' is plain http and no 'sha256' says what comes: expected https, or its sum", section.name);
        reader.mistake(&at, text);
    }
    Some(Artifact { url, sha256: sum.map(|(sum, _)| sum.to_ascii_lowercase()) })
}

pub(super) fn base(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> Option<Base> {
    let such = "a section [base] with 'id', or with 'owner', 'name' and 'architecture'";
    required(reader, top, "base", such)?;
    let section = reader.table(top, "base", such).map(bracketed)?;
    reader.only(&section, &["id", "owner", "name", "architecture"]);
    let query = ["owner", "name", "architecture"];
    let asks = query.iter().any(|key| section.table.contains_key(*key));
    if section.table.contains_key("id") {
        if asks {
            reader.mistake(&section.span, format!("{}: both an 'id' and a query: expected one of them", section.name));
            return None;
        }
        return id(reader, &section).map(|id| Base::Id(ImageId::new(id)));
    }
    if !asks {
        reader.mistake(&section.span, format!("{}: no base image: expected {such}", section.name));
        return None;
    }
    for (key, expected) in query.into_iter().zip(["whose images count", "a pattern of names", "\"x86_64\" or \"arm64\""]) {
        required(reader, &section, key, expected);
    }
    let owner = owner(reader, &section);
    let name = word(reader, &section, "name", "a pattern of names such as \"debian-12-amd64-*\"");
    let architecture = architecture(reader, &section);
    Some(Base::Newest(BaseQuery { owner: owner?, name: name?, architecture: architecture? }))
}

fn id(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<String> {
    let expected = "an image's id such as \"ami-0b77aa12cd34ef567\"";
    let (id, span) = reader.string(section, "id", expected)?;
    let digits = id.strip_prefix("ami-").filter(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_alphanumeric()));
    if digits.is_none() {
        reader.mistake(&span, format!("{}: 'id' is \"{id}\": expected {expected}", section.name));
        return None;
    }
    Some(id)
}

fn owner(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<String> {
    let expected = "one account (twelve digits in quotes), \"self\" or \"amazon\"";
    let (owner, span) = reader.string(section, "owner", expected)?;
    if !is_account(&owner) && !matches!(owner.as_str(), "self" | "amazon") {
        reader.mistake(&span, format!("{}: 'owner' is \"{owner}\": expected {expected}", section.name));
        return None;
    }
    Some(owner)
}

fn architecture(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<Architecture> {
    let all = [Architecture::X86, Architecture::Arm64];
    let (word, span) = reader.string(section, "architecture", "\"x86_64\" or \"arm64\"")?;
    let found = all.into_iter().find(|architecture| architecture.word() == word);
    if found.is_none() {
        let near = meant(&word, all.map(Architecture::word));
        reader.mistake(&span, format!("{}: 'architecture' is \"{word}\": expected \"x86_64\" or \"arm64\"{near}", section.name));
    }
    found
}

/// The builder; with Packer, whose template says what it runs on, none is asked for.
pub(super) fn builder(reader: &mut Reader<'_>, top: &Section<'_, '_>, packer: bool) -> Option<Builder> {
    let such = "a section [builder] such as instance_type = \"t3.small\"";
    let none = Builder { instance_type: String::new(), subnet: None, security_groups: Vec::new(), instance_profile: None, root_gib: None };
    if packer && !top.table.contains_key("builder") {
        return Some(none);
    }
    required(reader, top, "builder", such)?;
    let section = reader.table(top, "builder", such).map(bracketed)?;
    reader.only(&section, &["instance_type", "subnet", "security_groups", "instance_profile", "root_gib"]);
    let type_expected = "an instance type such as \"t3.small\"";
    required(reader, &section, "instance_type", type_expected);
    let instance_type = checked(reader, &section, "instance_type", type_expected, |text| {
        text.split_once('.').is_some_and(|(family, size)| is_word(family) && is_word(size))
    });
    let subnet =
        checked(reader, &section, "subnet", "a subnet's id such as \"subnet-0a1b2c3d\"", |text| text.starts_with("subnet-") && is_word(text));
    let groups_expected = "a list of ids of security groups, such as [\"sg-0a1b2c3d\"]";
    let named = reader.strings(&section, "security_groups", groups_expected).unwrap_or_default();
    for (group, span) in named.iter().filter(|(group, _)| !(group.starts_with("sg-") && is_word(group))) {
        reader.mistake(span, format!("{}: 'security_groups' names \"{group}\": expected {groups_expected}", section.name));
    }
    Some(Builder {
        subnet,
        security_groups: named.into_iter().map(|(group, _)| group).collect(),
        instance_profile: word(reader, &section, "instance_profile", "the name of an instance profile"),
        root_gib: reader.number(&section, "root_gib", 1..=LARGEST_ROOT, &format!("a whole number of GiB from 1 to {LARGEST_ROOT}")),
        instance_type: instance_type?,
    })
}

pub(super) fn tags(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> BTreeMap<String, String> {
    let named = reader.texts(top, "tags", "a table of texts such as { team = \"web\" }").unwrap_or_default();
    for (key, (value, span)) in &named {
        let wrong = if key.starts_with("qd:") || key.starts_with("aws:") {
            Some("keys that begin with qd: or aws: are not a recipe's to set")
        } else if key.is_empty() || key.chars().count() > LONGEST_KEY || value.chars().count() > LONGEST_VALUE {
            Some("expected keys of 1 to 127 and values of at most 255 characters")
        } else if key.chars().chain(value.chars()).any(is_treacherous) {
            Some("expected visible characters")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            reader.mistake(span, format!("'tags' has \"{key}\": {wrong}"));
        }
    }
    if named.len() > MOST_TAGS {
        let at = top.table.get("tags").map_or(top.span.clone(), toml::Spanned::span);
        reader.mistake(&at, format!("'tags' has {}: expected at most {MOST_TAGS}, as an image takes 50 with those of its bake", named.len()));
    }
    named.into_iter().map(|(key, (value, _))| (key, value)).collect()
}

pub(super) fn schema(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> SchemaRange {
    let Some(section) = reader.table(top, "schema", "a table such as { min = 41, max = 43 }") else { return SchemaRange::default() };
    reader.only(&section, &["min", "max"]);
    let mut end = |key| reader.number(&section, key, 0..=u32::MAX, "a whole number from 0").map(u64::from);
    let range = SchemaRange::between(end("min"), end("max"));
    if let (Some(min), Some(max)) = (range.min, range.max)
        && min > max
    {
        reader.mistake(&section.span, format!("'schema': min {min} is above max {max}: expected a range"));
    }
    range
}

pub(super) fn accounts(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> Vec<String> {
    list(reader, top, "share_with", "a list of accounts, twelve digits in quotes each", is_account)
}

pub(super) fn regions(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> Vec<String> {
    list(reader, top, "copy_to", "a list of regions such as [\"eu-west-1\"]", |region| region.split('-').count() >= 3 && is_word(region))
}

fn list(reader: &mut Reader<'_>, top: &Section<'_, '_>, key: &str, expected: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let named = reader.strings(top, key, expected).unwrap_or_default();
    let mut texts: Vec<String> = Vec::new();
    for (text, span) in named {
        if !fits(&text) {
            reader.mistake(&span, format!("'{key}' names \"{text}\": expected {expected}"));
        } else if texts.contains(&text) {
            reader.mistake(&span, format!("'{key}' names \"{text}\" twice"));
        }
        texts.push(text);
    }
    texts
}

/// A key without which there is no recipe.
pub(super) fn required(reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, expected: &str) -> Option<()> {
    if section.table.contains_key(key) {
        return Some(());
    }
    let place = if section.name == "top level" { String::new() } else { format!("{}: ", section.name) };
    reader.mistake(&section.span, format!("{place}no '{key}': expected {expected}"));
    None
}

/// A text of visible characters.
pub(super) fn word(reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, expected: &str) -> Option<String> {
    checked(reader, section, key, expected, |text| !text.chars().any(is_treacherous))
}

/// A text that fits.
pub(super) fn checked(reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, expected: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    let (text, span) = reader.string(section, key, expected)?;
    if !fits(&text) {
        reader.mistake(&span, format!("{}: '{key}' is \"{text}\": expected {expected}", section.name));
        return None;
    }
    Some(text)
}

/// Letters, digits and hyphens.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A section at the top is called as it is written.
pub(super) fn bracketed<'s, 'i>(section: Section<'s, 'i>) -> Section<'s, 'i> {
    let name = section.name.strip_prefix("top level ").map_or(section.name.clone(), |name| format!("[{name}]"));
    Section { name, ..section }
}

//! `[[gate]]`: what a fresh instance of the finished image must pass.

use super::super::fleets::meant;
use super::super::reader::{Reader, Section};
use super::parts::{checked, required, word};
use crate::domain::recipe::{GateCheck, HttpCheck, ImageGate};
use crate::domain::text::is_treacherous;
use crate::domain::time::Millis;

const KINDS: [&str; 4] = ["boot", "http", "command", "hook"];
/// How long a gate may take where the recipe does not say.
const WITHIN: Millis = Millis::mins(5);
/// More than this is no list a person reads.
const MOST: usize = 50;

/// The recipe's gates that can be read; what is wrong with the others has been said.
pub(super) fn gates(reader: &mut Reader<'_>, top: &Section<'_, '_>) -> Vec<ImageGate> {
    let sections = reader.tables(top, "gate", "sections [[gate]], each with a 'type'").unwrap_or_default();
    let mut read = Vec::new();
    for (number, section) in sections.into_iter().enumerate() {
        let section = Section { name: format!("[[gate]] {}", number + 1), ..section };
        if number == MOST {
            reader.mistake(&section.span, format!("{}: expected at most {MOST}", section.name));
            break;
        }
        read.extend(gate(reader, &section));
    }
    read
}

fn gate(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<ImageGate> {
    let expected = format!("one of {}", KINDS.join(", "));
    required(reader, section, "type", &expected)?;
    let (kind, span) = reader.string(section, "type", &expected)?;
    let own: &[&str] = match kind.as_str() {
        "boot" => &[],
        "http" => &["path", "port", "status", "body"],
        "command" | "hook" => &["run"],
        _ => {
            reader.mistake(&span, format!("{}: 'type' is \"{kind}\": expected {expected}{}", section.name, meant(&kind, KINDS)));
            return None;
        }
    };
    let known: Vec<&str> = ["type", "name", "within"].iter().chain(own).copied().collect();
    reader.only(section, &known);
    let check = match kind.as_str() {
        "http" => http(reader, section).map(GateCheck::Http),
        "command" => command(reader, section),
        "hook" => hook(reader, section),
        _ => Some(GateCheck::Boot),
    };
    let name = word(reader, section, "name", "what people call it, such as \"home page\"");
    let within = reader.duration(section, "within", Millis::secs(5)).unwrap_or(WITHIN);
    Some(ImageGate { name: name.unwrap_or(kind), within, check: check? })
}

fn http(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<HttpCheck> {
    let expected = "a path from /, such as \"/healthz\"";
    required(reader, section, "path", expected);
    let path = checked(reader, section, "path", expected, |path| path.starts_with('/') && path.chars().all(|c| c.is_ascii_graphic()));
    let port = reader.number(section, "port", 1..=65_535, "a port from 1 to 65535").unwrap_or(80);
    let status = reader.number(section, "status", 100..=599, "a status of HTTP, such as 200").unwrap_or(200);
    let body = checked(reader, section, "body", "a text of one line that the answer contains", |body| !body.chars().any(is_treacherous));
    Some(HttpCheck { path: path?, port: u16::try_from(port).ok()?, status: u16::try_from(status).ok()?, body })
}

fn command(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<GateCheck> {
    let expected = "a command such as \"systemctl is-active web\"";
    required(reader, section, "run", expected)?;
    let (run, _) = reader.string(section, "run", expected)?;
    Some(GateCheck::Command { run })
}

fn hook(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<GateCheck> {
    let expected = "a program with its arguments, such as [\"/usr/local/bin/scan\", \"--quick\"]";
    required(reader, section, "run", expected)?;
    let named = reader.strings(section, "run", expected)?;
    match named.first() {
        Some((program, _)) if program.starts_with('/') => Some(GateCheck::Hook { argv: named.into_iter().map(|(word, _)| word).collect() }),
        Some((program, span)) => {
            let text = format!("{}: 'run' runs \"{program}\": expected the whole path of a program, which begins with /", section.name);
            reader.mistake(span, text);
            None
        }
        None => {
            reader.mistake(&section.span, format!("{}: 'run' is empty: expected {expected}", section.name));
            None
        }
    }
}

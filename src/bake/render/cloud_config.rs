//! A `#cloud-config` document: files to be written, and one command to be run.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::domain::text::is_treacherous;

/// A file that cloud-init writes on the instance.
pub(super) struct WriteFile {
    /// Its whole path.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether root may execute it.
    pub executable: bool,
}

/// The document. `remark` is for people who read it.
pub(super) fn cloud_config(remark: &str, files: &[WriteFile], command: &[&str]) -> String {
    let mut document = format!("#cloud-config\n# {remark}\nwrite_files:\n");
    for file in files {
        write_file(&mut document, file);
    }
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    push(&mut document, format_args!("runcmd:\n- [{}]\n", words.join(", ")));
    document
}

fn write_file(document: &mut String, file: &WriteFile) {
    let mode = if file.executable { "0700" } else { "0600" };
    push(document, format_args!("- path: {}\n  permissions: '{mode}'\n  owner: root:root\n", quoted(&file.path)));
    match std::str::from_utf8(&file.bytes).ok().filter(|text| is_plain(text)) {
        Some("") => document.push_str("  content: ''\n"),
        Some(text) => literal(document, text),
        None => push(document, format_args!("  encoding: b64\n  content: {}\n", STANDARD.encode(&file.bytes))),
    }
}

/// A block as it stands, indented; what ends it says how many line ends it has.
fn literal(document: &mut String, text: &str) {
    let body = text.trim_end_matches('\n');
    let ending = match text.len() - body.len() {
        0 => "-",
        1 if !body.is_empty() => "",
        _ => "+",
    };
    push(document, format_args!("  content: |2{ending}\n"));
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        let indent = if line.is_empty() { "" } else { "    " };
        push(document, format_args!("{indent}{line}\n"));
    }
}

/// Whether YAML's readers give it back as it was: nothing they break lines at, refuse or drop.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| matches!(c, '\n' | '\t') || !is_treacherous(c) && !matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff);
    text.chars().all(plain)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Writing into a string cannot fail.
fn push(document: &mut String, text: std::fmt::Arguments<'_>) {
    let _infallible = document.write_fmt(text);
}

//! The arrows between modules, and what the pure ones must never name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

use std::path::{Path, PathBuf};

/// Modules that do no I/O and are told time, ids and randomness.
const PURE: [&str; 8] = ["domain", "bake", "operation", "plan", "engine", "judge", "world", "app"];
/// Paths a pure module must not name.
const IMPURE: [&str; 16] = [
    "tokio::",
    "ratatui::",
    "crossterm::",
    "rusqlite::",
    "rustix::",
    "aws_sdk",
    "aws_config",
    "aws_smithy",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
];
/// Modules that wire everything and may see everything.
const WIRING: [&str; 3] = ["runtime", "cli", "main"];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The code of a file without comments, as doc links to other modules are no dependencies, and without its own unit tests, which may build on
/// other modules' fixtures.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Every module named right after `crate::`, also inside `crate::{a, b::c}`.
fn seen_modules(code: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(group) => seen.extend(top_level_names(group)),
            None => seen.push(leading_name(rest)),
        }
    }
    seen.retain(|name| !name.is_empty());
    seen
}

fn leading_name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn top_level_names(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0_i32, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(leading_name(&group[start..at]));
                return names;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(leading_name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn every_path_follows_an_arrow() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut checked = 0;
    for path in sources(&root) {
        let module = module_of(&path);
        if WIRING.contains(&module.as_str()) || module == "lib" {
            continue;
        }
        let allowed = quarterdeck::ARROWS
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("module {module} has no arrows: add it to ARROWS in lib.rs"))
            .1;
        for seen in seen_modules(&code(&path)) {
            checked += 1;
            if seen != module && !allowed.contains(&seen.as_str()) {
                wrong.push(format!("{}: {module} must not see {seen}", path.display()));
            }
        }
    }
    assert!(checked > 100, "only {checked} paths were found: the scan is broken");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_modules_name_nothing_impure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for path in sources(&root) {
        if !PURE.contains(&module_of(&path).as_str()) {
            continue;
        }
        let code = code(&path);
        wrong.extend(IMPURE.iter().filter(|word| code.contains(*word)).map(|word| format!("{} names {word}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_aws_adapter_names_the_sdk_and_only_view_and_terminal_draw() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        let (shown, code, module) = (path.display().to_string(), code(&path), module_of(&path));
        let in_aws = shown.contains("/adapters/aws/");
        assert!(in_aws || !code.contains("aws_sdk_"), "{shown} names the AWS SDK");
        let draws = matches!(module.as_str(), "view" | "terminal" | "runtime");
        assert!(draws || !code.contains("ratatui::"), "{shown} names ratatui");
    }
}

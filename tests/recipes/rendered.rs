//! What the examples render to, as `cloud-init schema` and `shellcheck` see it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use quarterdeck::bake::render::{MOST_BYTES, Order, UserData, builder, self_test};
use quarterdeck::config::recipe::{Loaded, load};
use quarterdeck::domain::recipe::{RecipeFile, RecipeFiles};
use quarterdeck::domain::time::Millis;

use crate::machine::{needed, said};

/// Every example that renders to user data.
const EXAMPLES: [&str; 6] = ["shell", "file", "ansible", "chef", "puppet", "salt"];
/// Reads the files of a document as cloud-init does, and prints each with its mode, path and bytes.
const FILES: &str = "import base64, json, sys, yaml\n\
    document = yaml.safe_load(open(sys.argv[1], 'rb'))\n\
    for file in document['write_files']:\n    \
        content = file['content']\n    \
        content = base64.b64decode(content) if file.get('encoding') == 'b64' else content.encode()\n    \
        print(json.dumps([file['path'], file['permissions'], list(content)]))\n";

pub fn example(name: &str) -> Loaded {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/recipes/{name}.toml"))).unwrap_or_else(|why| panic!("{name}: {why}"))
}

pub fn order<'a>(loaded: &'a Loaded, operation: &'a quarterdeck::domain::ids::OperationId) -> Order<'a> {
    Order { recipe: &loaded.recipe, version: "2.15.0", operation, time_to_live: Millis::mins(90) }
}

/// The builder's and, where there are gates for it, the gates' user data.
fn both(name: &str) -> Vec<UserData> {
    let (loaded, operation) = (example(name), "op-1".into());
    let order = order(&loaded, &operation);
    let gates = self_test(order).unwrap_or_else(|why| panic!("{name}: {why}"));
    [Some(builder(order, &loaded.files).unwrap_or_else(|why| panic!("{name}: {why}"))), gates].into_iter().flatten().collect()
}

/// The files in a document: path, mode and bytes.
fn files(document: &str) -> Vec<(String, String, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user-data");
    std::fs::write(&path, document).unwrap();
    let output = Command::new("/usr/bin/python3").args(["-c", FILES]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}\n{document}", said(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn cloud_init_accepts_every_rendered_example() {
    needed("cloud-init", "cloud-init");
    let dir = tempfile::tempdir().unwrap();
    for name in EXAMPLES {
        for (number, data) in both(name).into_iter().enumerate() {
            assert!(data.bytes.len() <= MOST_BYTES, "{name}: {}", data.bytes.len());
            let path = dir.path().join(format!("{name}-{number}.yaml"));
            std::fs::write(&path, &data.document).unwrap();
            let output = Command::new("cloud-init").args(["schema", "--config-file"]).arg(&path).output().unwrap();
            assert!(output.status.success() && said(&output).contains("Valid cloud-config"), "{name}: {}\n{}", said(&output), data.document);
            // It lets keys pass that it does not know.
            let top: Vec<&str> = data.document.lines().filter(|line| !line.is_empty() && !line.starts_with([' ', '#', '-'])).collect();
            assert_eq!(top, ["write_files:", "runcmd:"], "{name}");
        }
    }
}

#[test]
fn shellcheck_finds_nothing_in_any_script() {
    needed("shellcheck", "shellcheck");
    let dir = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for name in EXAMPLES {
        for data in both(name) {
            for (path, _, bytes) in files(&data.document).iter().filter(|(path, _, _)| path.ends_with(".sh")) {
                let script = dir.path().join("script.sh");
                std::fs::write(&script, bytes).unwrap();
                // Functions are called by name, words of a loop are words, and -e is not for those that look at their own status.
                let output = Command::new("shellcheck").args(["-s", "sh", "-S", "info", "-e", "SC2317"]).arg(&script).output().unwrap();
                assert!(output.status.success(), "{name} {path}:\n{}", said(&output));
                checked += 1;
            }
        }
    }
    assert!(checked >= 12, "only {checked} scripts were looked at");
}

/// The median of many renderings.
fn median(loaded: &Loaded, files: &RecipeFiles) -> Duration {
    let operation = "op-1".into();
    let mut times: Vec<Duration> = (0..21)
        .map(|_| {
            let began = Instant::now();
            builder(order(loaded, &operation), files).unwrap();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[10]
}

#[test]
fn rendering_takes_no_more_than_five_milliseconds() {
    let loaded = example("ansible");
    let text = RecipeFile { bytes: "- name: one of many tasks\n  ansible.builtin.command: \"true\"\n".repeat(1_000).into_bytes(), executable: false };
    let mut files = loaded.files.clone();
    files.insert("ansible/long.yml".to_owned(), text);
    let (plain, compressed) = (median(&loaded, &loaded.files), median(&loaded, &files));
    println!("rendering takes {plain:?}, and {compressed:?} with 60 KB of playbooks, which are compressed");
    // Unoptimised, the compression alone takes several times as long.
    let most = Duration::from_millis(if cfg!(debug_assertions) { 50 } else { 5 });
    assert!(plain.max(compressed) <= most, "{plain:?} {compressed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn every_file_arrives_as_it_was_whatever_is_in_it(
        texts in proptest::collection::vec(proptest::string::string_regex("([ \t\n#:'\"|>%-]|.|\u{85}|\u{2028}|\r){0,80}").unwrap(), 1..12),
        bytes in any::<Vec<u8>>(),
    ) {
        let loaded = example("shell");
        let mut given: RecipeFiles = loaded.files.clone();
        for (number, text) in texts.iter().enumerate() {
            given.insert(format!("more/{number}"), RecipeFile { bytes: text.clone().into_bytes(), executable: number % 2 == 0 });
        }
        given.insert("more/it's".to_owned(), RecipeFile { bytes, executable: false });
        let document = builder(order(&loaded, &"op-1".into()), &given).unwrap().document;
        let arrived = files(&document);
        for (path, file) in &given {
            let (_, mode, bytes) = arrived.iter().find(|(whole, _, _)| whole.ends_with(&format!("/files/{path}"))).unwrap();
            prop_assert_eq!(bytes, &file.bytes, "{}", path);
            prop_assert_eq!(mode == "0700", file.executable);
        }
    }
}

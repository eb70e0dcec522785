//! `qd recipe`, as a person and a script use it.

use std::path::Path;
use std::process::{Command, Output};

use quarterdeck::bake::render::{builder, self_test};

use crate::machine::said;
use crate::rendered::{example, order};

fn qd(dir: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
    command.arg("--state-dir").arg(dir).arg("recipe").args(words).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/recipes"));
    command.output().unwrap()
}

#[test]
fn a_recipe_is_checked_and_what_it_renders_to_is_printed_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let checked = qd(dir.path(), &["check", "ansible.toml"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let text = said(&checked);
    assert!(
        text.starts_with("web-ansible: web 2.15.0 by builder, nothing is wrong with it\n  provisioner 1  ansible  ansible ansible/site.yml\n"),
        "{text}"
    );
    assert!(text.contains("  gate 2  http  home page\n  files  ansible/site.yml, ansible/templates/site.conf.j2\n  user data  "), "{text}");
    let document: serde_json::Value = serde_json::from_slice(&qd(dir.path(), &["check", "packer.toml", "--json"]).stdout).unwrap();
    assert_eq!(
        (&document["engine"], &document["user_data"], &document["files"][0]),
        (&"packer".into(), &serde_json::Value::Null, &"packer/web.json".into())
    );

    let (loaded, operation) = (example("ansible"), "preview".into());
    let mut order = order(&loaded, &operation);
    order.time_to_live = loaded.recipe.time_limit;
    assert_eq!(qd(dir.path(), &["render", "ansible.toml"]).stdout, builder(order, &loaded.files).unwrap().document.into_bytes());
    assert_eq!(qd(dir.path(), &["render", "ansible.toml", "--gates"]).stdout, self_test(order).unwrap().unwrap().document.into_bytes());
    order.version = "3.0";
    assert_eq!(qd(dir.path(), &["render", "ansible.toml", "--version", "3.0"]).stdout, builder(order, &loaded.files).unwrap().document.into_bytes());
}

#[test]
fn what_is_wrong_is_on_standard_error_with_its_lines_and_exit_code_1() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("web.toml");
    std::fs::write(&path, "name = \"web\"\n[[provisioner]]\ntype = \"ansible\"\nplaybook = \"site.yml\"\n").unwrap();
    let ran = qd(dir.path(), &["check", path.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.code() == Some(1) && ran.stdout.is_empty(), "{}", said(&ran));
    assert!(text.contains("web.toml:1: no 'app': expected a section [app]") && text.contains("web.toml:4: [[provisioner]] 1: playbook"), "{text}");
    assert!(text.ends_with("hint: nothing of this file is used until it is right\n"), "{text}");
    let packer = qd(dir.path(), &["render", "packer.toml"]);
    assert!(packer.status.code() == Some(1) && said(&packer).contains("Packer's template says what this recipe does"), "{}", said(&packer));
}

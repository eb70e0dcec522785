//! What is rendered, and what is refused. That it is right is for real tools to say: `tests/recipes`.

use serde_json::Value;

use super::*;
use crate::domain::recipe::{App, Base, Builder, Engine, GateCheck, HttpCheck, ImageGate, RecipeFile, Shell};

fn shell(run: &[&str]) -> Provisioner {
    let work = Work::Shell(Shell { script: None, run: run.iter().map(|command| (*command).to_owned()).collect(), env: [].into() });
    Provisioner { name: "shell".to_owned(), packages: Vec::new(), time_limit: None, work }
}

fn recipe(provisioners: Vec<Provisioner>) -> Recipe {
    let builder = Builder { instance_type: "t3.small".to_owned(), subnet: None, security_groups: vec![], instance_profile: None, root_gib: None };
    Recipe {
        name: "web".to_owned(),
        app: App { name: "web".to_owned(), version: None, artifact: None },
        base: Base::Id("ami-1".into()),
        engine: Engine::Builder,
        builder,
        provisioners,
        gates: Vec::new(),
        tags: [].into(),
        schema: crate::domain::image::SchemaRange::default(),
        share_with: Vec::new(),
        copy_to: Vec::new(),
        time_limit: Millis::mins(60),
    }
}

fn rendered(recipe: &Recipe, files: &RecipeFiles) -> Result<UserData, RenderError> {
    builder(Order { recipe, version: "2.15.0", operation: &"op-1".into(), time_to_live: Millis::mins(90) }, files)
}

/// Bytes that nothing makes shorter: the digits of a linear congruence.
fn noise(length: usize) -> Vec<u8> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8)
    };
    std::iter::repeat_n((), length).scan(7, |state, ()| step(state)).collect()
}

#[test]
fn the_same_recipe_is_the_same_bytes() {
    let recipe = recipe(vec![shell(&["true"])]);
    let (first, second) = (rendered(&recipe, &RecipeFiles::new()).unwrap(), rendered(&recipe, &RecipeFiles::new()).unwrap());
    assert_eq!(first, second);
    assert!(!first.is_compressed() && first.document.starts_with("#cloud-config\n"), "{}", first.document);
    assert!(first.document.contains("qd_part p0 3600 provisioner_0") && first.document.contains("qd_limit_life 90"));
}

#[test]
fn what_is_too_long_is_compressed_and_what_is_too_long_even_so_is_refused_with_its_largest_files() {
    let text = RecipeFile { bytes: b"server { listen 80; }\n".repeat(2_000), executable: false };
    let long = rendered(&recipe(vec![shell(&["true"])]), &[("site.conf".to_owned(), text.clone())].into()).unwrap();
    assert!(long.is_compressed() && long.bytes.len() <= MOST_BYTES && long.document.len() > MOST_BYTES);
    let mut back = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(long.bytes.as_slice()), &mut back).unwrap();
    assert_eq!(back, long.document);

    let archive = RecipeFile { bytes: noise(20_000), executable: false };
    let files = [("app.tar".to_owned(), archive), ("site.conf".to_owned(), text)].into();
    let why = rendered(&recipe(vec![shell(&["true"])]), &files).unwrap_err().to_string();
    assert!(why.starts_with("the user data of recipe web has 2") && why.contains("bytes even compressed"), "{why}");
    assert!(why.contains("its largest files are site.conf (44000 bytes), app.tar (20000 bytes); have the builder download them"), "{why}");
}

#[test]
fn no_text_of_a_recipe_is_read_as_a_command_of_the_script() {
    let mut recipe = recipe(vec![shell(&["true"])]);
    recipe.app.name = "web'; touch /tmp/owned; '".to_owned();
    let Work::Shell(shell) = &mut recipe.provisioners[0].work else { panic!() };
    shell.env.insert("TITLE".to_owned(), "$(touch /tmp/owned) `id` \"x\"".to_owned());
    let document = rendered(&recipe, &RecipeFiles::new()).unwrap().document;
    assert!(document.contains(r#"QD_APP="web'; touch /tmp/owned; '""#), "{document}");
    assert!(document.contains(r#"export TITLE='$(touch /tmp/owned) `id` "x"'"#), "{document}");
}

#[test]
fn what_no_shell_can_be_told_is_refused() {
    let mut recipe = recipe(vec![shell(&["true"])]);
    recipe.app.name = "we\0b".to_owned();
    let why = rendered(&recipe, &RecipeFiles::new()).unwrap_err().to_string();
    assert_eq!(why, "\"we\\u{0}b\" has a zero byte in it, which no shell can be told: take it out of the recipe");
    recipe.app.name = "web".to_owned();
    let order = Order { recipe: &recipe, version: "1", operation: &"op 1".into(), time_to_live: Millis::mins(1) };
    assert!(matches!(builder(order, &RecipeFiles::new()), Err(RenderError::Operation(_))));
}

#[test]
fn a_file_that_was_not_read_is_missed() {
    let mut recipe = recipe(vec![shell(&[])]);
    recipe.provisioners[0].work =
        Work::File(crate::domain::recipe::FileCopy { source: "a".into(), destination: "/a".into(), owner: "root".into(), mode: 0o644 });
    assert_eq!(rendered(&recipe, &RecipeFiles::new()), Err(RenderError::NoFile("a".to_owned())));
}

#[test]
fn only_gates_that_are_made_on_the_instance_are_part_of_its_user_data() {
    let gate = |check| ImageGate { name: "gate".to_owned(), within: Millis::mins(2), check };
    let mut recipe = recipe(vec![shell(&["true"])]);
    let order = |recipe: &Recipe| self_test(Order { recipe, version: "1", operation: &"op-1".into(), time_to_live: Millis::mins(9) }).unwrap();
    recipe.gates = vec![gate(GateCheck::Boot), gate(GateCheck::Hook { argv: vec!["/bin/scan".to_owned()] })];
    assert_eq!(order(&recipe), None);
    let http = HttpCheck { path: "/a b?c=$d".to_owned(), port: 80, status: 200, body: None };
    recipe.gates.push(gate(GateCheck::Http(http)));
    let document = order(&recipe).unwrap().document;
    assert!(document.contains("qd_part g2 120 gate_2") && document.contains("qd_http 80 '/a b?c=$d' 200 ''"), "{document}");
    assert!(!document.contains("gate_0") && !document.contains("qd_part seal"), "{document}");
}

#[test]
fn tools_are_told_of_the_bake_unless_the_recipe_says_otherwise() {
    let ansible = crate::domain::recipe::Ansible {
        playbook: "site.yml".to_owned(),
        files: Vec::new(),
        variables: [("qd_version".to_owned(), Value::from("mine")), ("port".to_owned(), Value::from(80))].into(),
    };
    let work = Work::Ansible(ansible);
    let recipe = recipe(vec![Provisioner { name: "a".to_owned(), packages: vec!["ansible-core".to_owned()], time_limit: None, work }]);
    let files = [("site.yml".to_owned(), RecipeFile { bytes: b"- hosts: all\n".to_vec(), executable: false })].into();
    let document = rendered(&recipe, &files).unwrap().document;
    assert!(document.contains(r#"{"port":80,"qd_app":"web","qd_artifact":"/var/lib/quarterdeck/bake/artifact","qd_version":"mine"}"#), "{document}");
    assert!(document.contains("qd_need ansible-playbook ansible-core"), "{document}");
}

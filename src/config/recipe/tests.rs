//! Recipes as people write them, and each mistake they can make.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::domain::recipe::{Architecture, Base, BaseQuery, GateCheck, ProvisionerKind, Work};
use crate::domain::text::is_treacherous;

/// A recipe in which nothing is wrong, without provisioners.
const HEAD: &str = "name = \"web\"\n[app]\nname = \"web\"\n[base]\nid = \"ami-0a1b\"\n[builder]\ninstance_type = \"t3.small\"\n";
const WORK: &str = "[[provisioner]]\ntype = \"shell\"\nrun = [\"true\"]\n";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/recipes").join(name)
}

/// What is wrong with a recipe of these lines after the head, which has seven.
fn wrong(lines: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    wrong_in(dir.path(), lines)
}

fn wrong_in(dir: &Path, lines: &str) -> String {
    let message = parse(&dir.join("web.toml"), &format!("{HEAD}{lines}\n")).unwrap_err().message;
    message.replace(&format!("{}/", dir.display()), "")
}

/// What is wrong with a recipe whose head has `old` replaced.
fn wrong_head(old: &str, new: &str) -> String {
    assert!(HEAD.contains(old));
    parse(Path::new("web.toml"), &format!("{}{WORK}", HEAD.replace(old, new))).unwrap_err().message
}

#[test]
fn every_example_is_read_with_the_files_it_names() {
    let kind = |name: &str| load(&example(name)).unwrap().recipe.kinds();
    assert_eq!(kind("shell.toml"), [ProvisionerKind::Shell, ProvisionerKind::Shell]);
    assert_eq!(kind("file.toml"), [ProvisionerKind::Shell, ProvisionerKind::File, ProvisionerKind::File]);
    assert_eq!(kind("ansible.toml"), [ProvisionerKind::Ansible]);
    assert_eq!(kind("chef.toml"), [ProvisionerKind::Chef]);
    assert_eq!(kind("puppet.toml"), [ProvisionerKind::Puppet]);
    assert_eq!(kind("salt.toml"), [ProvisionerKind::Salt]);
    assert_eq!(kind("packer.toml"), []);
    let names = |name: &str| load(&example(name)).unwrap().files.into_keys().collect::<Vec<_>>();
    assert_eq!(names("ansible.toml"), ["ansible/site.yml", "ansible/templates/site.conf.j2"]);
    assert_eq!(names("packer.toml"), ["packer/web.json"]);
}

#[test]
fn a_recipe_says_what_the_manual_says_it_says() {
    let loaded = load(&example("shell.toml")).unwrap();
    let recipe = loaded.recipe;
    let debian = BaseQuery { owner: "136693071363".to_owned(), name: "debian-12-amd64-*".to_owned(), architecture: Architecture::X86 };
    assert_eq!((recipe.name.as_str(), recipe.app.version.as_deref(), &recipe.base), ("web-shell", Some("2.15.0"), &Base::Newest(debian)));
    assert_eq!((recipe.time_limit, recipe.builder.root_gib, recipe.schema.min), (Millis::mins(45), Some(10), Some(41)));
    assert_eq!(recipe.gates.iter().map(|gate| gate.check.word()).collect::<Vec<_>>(), ["boot", "http", "command"]);
    assert!(loaded.files["shell/nginx.sh"].executable);
    let Work::Shell(shell) = &recipe.provisioners[0].work else { panic!("{:?}", recipe.provisioners[0].work) };
    assert_eq!((shell.script.as_deref(), shell.env["SITE_ROOT"].as_str()), (Some("shell/nginx.sh"), "/srv/web"));
    assert_eq!(recipe.tags["team"], "web");
}

#[test]
fn a_recipe_survives_being_kept_as_json() {
    for name in ["shell.toml", "file.toml", "ansible.toml", "chef.toml", "puppet.toml", "salt.toml", "packer.toml"] {
        let recipe = load(&example(name)).unwrap().recipe;
        let kept = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&kept).unwrap(), recipe, "{name}");
    }
}

#[test]
fn a_typing_mistake_names_its_line_and_the_nearest_known_word() {
    for (lines, said) in [
        (
            "[[provisioner]]\ntype = \"shel\"",
            "web.toml:9: [[provisioner]] 1: 'type' is \"shel\": expected one of shell, file, ansible, chef, puppet, salt (did you mean \"shell\"?)",
        ),
        ("[[provisioner]]\ntype = \"ansible\"\nplaybok = \"x\"", "web.toml:10: [[provisioner]] 1: unknown key 'playbok': did you mean 'playbook'?"),
        ("[[provisoner]]\ntype = \"shell\"", "web.toml:8: top level: unknown key 'provisoner': did you mean 'provisioner'?"),
        (
            "[[gate]]\ntype = \"htpp\"",
            "web.toml:9: [[gate]] 1: 'type' is \"htpp\": expected one of boot, http, command, hook (did you mean \"http\"?)",
        ),
        ("[[gate]]\ntype = \"boot\"\nwithn = \"5m\"", "web.toml:10: [[gate]] 1: unknown key 'withn': did you mean 'within'?"),
        ("[[gate]]\nname = \"x\"", "web.toml:8: [[gate]] 1: no 'type': expected one of boot, http, command, hook"),
    ] {
        let message = wrong(lines);
        assert!(message.contains(said), "{lines}\n{message}");
    }
    assert!(wrong_head("instance_type", "instance_typ").contains("web.toml:7: [builder]: unknown key 'instance_typ': did you mean 'instance_type'?"));
}

#[test]
fn a_file_that_is_missing_or_not_to_be_used_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("ansible")).unwrap();
    std::fs::write(dir.path().join("ansible/site.yml"), "- hosts: all\n").unwrap();
    std::fs::write(dir.path().join("script.sh"), "echo hello\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
    for (lines, said) in [
        (
            "type = \"ansible\"\nplaybook = \"ansible/sites.yml\"",
            "web.toml:10: [[provisioner]] 1: playbook 'ansible/sites.yml' does not exist: did you mean 'ansible/site.yml'?",
        ),
        ("type = \"ansible\"\nplaybook = \"zzz\"", "web.toml:10: [[provisioner]] 1: playbook 'zzz' does not exist: expected it beside the recipe"),
        ("type = \"ansible\"", "web.toml:8: [[provisioner]] 1: no 'playbook': expected the path of playbook, from the recipe's directory"),
        ("type = \"ansible\"\nplaybook = \"../site.yml\"", "'playbook' names \"../site.yml\": expected a path from the recipe's directory downwards"),
        ("type = \"ansible\"\nplaybook = \"/etc/passwd\"", "'playbook' names \"/etc/passwd\": expected a path from the recipe's directory downwards"),
        ("type = \"ansible\"\nplaybook = \"link\"", "link is a symbolic link: it is not followed"),
        ("type = \"shell\"\nscript = \"script.sh\"", "script 'script.sh' does not say what runs it: expected a first line such as #!/bin/sh"),
        (
            "type = \"chef\"\nrun_list = [\"web\"]\ncookbooks = \"cookbooks\"",
            "web.toml:11: [[provisioner]] 1: there is no directory 'cookbooks' for cookbooks",
        ),
        ("type = \"puppet\"\nmanifest = \"ansible\"", "ansible is no plain file"),
        ("type = \"salt\"\nstates = \"ansible\"", "nothing to apply: expected 'apply' with states, or a top.sls in 'ansible'"),
        ("type = \"file\"\nsource = \"script.sh\"", "no 'destination': expected a whole path on the builder"),
        ("type = \"file\"\nsource = \"script.sh\"\ndestination = \"etc/x\"", "'destination' is \"etc/x\": expected a whole path on the builder"),
        (
            "type = \"file\"\nsource = \"script.sh\"\ndestination = \"/etc/x\"\nmode = \"rw\"",
            "'mode' is \"rw\": expected permissions in octal digits",
        ),
    ] {
        let message = wrong_in(dir.path(), &format!("[[provisioner]]\n{lines}"));
        assert!(message.contains(said), "{lines}\n{message}");
    }
    let missing = load(&dir.path().join("none.toml")).unwrap_err();
    assert!(missing.message.contains("there is no recipe"), "{missing:?}");
}

#[test]
fn wrong_types_and_values_say_what_was_expected() {
    for (lines, said) in [
        ("", "no [[provisioner]]: expected at least one, or a section [packer] with a 'template'"),
        ("[[provisioner]]\ntype = \"shell\"", "nothing to do: expected 'script' or 'run' with commands"),
        ("[[provisioner]]\ntype = \"shell\"\nrun = [\"a\"]\nscript = \"b\"", "both 'script' and 'run': expected one of them"),
        (
            "[[provisioner]]\ntype = \"shell\"\nrun = [\"a\"]\nenv = { QD_X = \"1\" }",
            "'env' has \"QD_X\": expected a name of letters, digits and '_' that does not begin with QD_",
        ),
        ("[[provisioner]]\ntype = \"shell\"\nrun = [\"a\"]\nenv = { X = 1 }", "'X' is 1: expected a text in quotes"),
        ("[[provisioner]]\ntype = \"shell\"\nrun = [\"a\"]\npackages = [\"-y\"]", "'packages' names \"-y\""),
        ("[[provisioner]]\ntype = \"shell\"\nrun = [\"a\"]\ntime_limit = \"1s\"", "'time_limit' is \"1s\": expected a duration of at least 10s"),
        ("[[gate]]\ntype = \"http\"", "no 'path': expected a path from /"),
        ("[[gate]]\ntype = \"http\"\npath = \"/\"\nport = 70000", "'port' is 70000: expected a port from 1 to 65535"),
        ("[[gate]]\ntype = \"hook\"\nrun = [\"scan\"]", "'run' runs \"scan\": expected the whole path of a program, which begins with /"),
        ("[[gate]]\ntype = \"hook\"\nrun = \"/bin/scan\"", "'run' is \"/bin/scan\": expected a program with its arguments"),
        ("[[gate]]\ntype = \"command\"", "no 'run': expected a command"),
        ("[packer]\ntemplate = \"x\"\n[[provisioner]]\ntype = \"shell\"\nrun = [\"a\"]", "both a section [packer] and provisioners"),
        (
            "[packer]\nvariables = { a = \"{versoin}\" }",
            "unknown placeholder '{versoin}': expected one of {version}, {base}, {image_name}, {operation}, {expires_at}, {region} (did you mean \"version\"?)",
        ),
        ("[schema]\nmin = 3\nmax = 2", "'schema': min 3 is above max 2: expected a range"),
        ("[tags]\n\"qd:app\" = \"x\"", "'tags' has \"qd:app\": keys that begin with qd: or aws: are not a recipe's to set"),
    ] {
        let message = wrong(lines);
        assert!(message.contains(said), "{lines}\n{message}");
    }
    for (old, new, said) in [
        ("name = \"web\"\n[app]", "[app]", "no 'name': expected a name of at most 64 letters"),
        ("name = \"web\"\n[app]", "name = \"we b\"\n[app]", "web.toml:1: 'name' is \"we b\": expected a name of at most 64 letters"),
        ("[app]", "engine = \"pakcer\"\n[app]", "'engine' is \"pakcer\": expected \"builder\" or \"packer\" (did you mean \"packer\"?)"),
        ("[app]", "engine = \"packer\"\n[app]", "engine \"packer\" needs a section [packer]"),
        ("[app]", "time_limit = \"1m\"\n[app]", "'time_limit' is \"1m\": expected a duration of at least 5m"),
        ("[app]", "share_with = [\"123\"]\n[app]", "'share_with' names \"123\": expected a list of accounts"),
        ("[app]", "copy_to = [\"eu-west-1\", \"eu-west-1\"]\n[app]", "'copy_to' names \"eu-west-1\" twice"),
        ("[base]\nid = \"ami-0a1b\"\n", "", "no 'base': expected a section [base]"),
        ("id = \"ami-0a1b\"", "id = \"0a1b\"", "[base]: 'id' is \"0a1b\": expected an image's id"),
        ("id = \"ami-0a1b\"", "owner = [\"self\", \"amazon\"]", "[base]: 'owner' is a list: expected one account"),
        ("id = \"ami-0a1b\"", "owner = \"self\"\nname = \"x\"", "[base]: no 'architecture': expected \"x86_64\" or \"arm64\""),
        ("id = \"ami-0a1b\"", "id = \"ami-1\"\nowner = \"self\"", "[base]: both an 'id' and a query: expected one of them"),
        (
            "id = \"ami-0a1b\"",
            "owner = \"self\"\nname = \"x\"\narchitecture = \"amd64\"",
            "'architecture' is \"amd64\": expected \"x86_64\" or \"arm64\"",
        ),
        ("t3.small", "small", "[builder]: 'instance_type' is \"small\": expected an instance type such as \"t3.small\""),
        ("[base]", "artifact = { url = \"http://x/y\" }\n[base]", "'url' is plain http and no 'sha256' says what comes"),
        ("[base]", "artifact = { url = \"ftp://x/y\" }\n[base]", "'url' is \"ftp://x/y\": expected an address that begins with https:// or http://"),
        ("[base]", "artifact = { url = \"https://x/y\", sha256 = \"12\" }\n[base]", "'sha256' is \"12\": expected 64 hexadecimal digits"),
    ] {
        let message = wrong_head(old, new);
        assert!(message.contains(said), "{new}\n{message}");
    }
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_lines() {
    let message = wrong("[[gate]]\ntype = \"x\"\n[[gate]]\ntype = \"http\"\n[schema]\nmin = -1");
    let lines: Vec<&str> = message.lines().filter_map(|line| line.split(':').nth(1)).collect();
    assert_eq!(lines, ["1", "9", "10", "13"], "{message}");
}

#[test]
fn a_gate_that_looks_at_an_answer_has_its_defaults() {
    let text = format!("{HEAD}{WORK}[[gate]]\ntype = \"http\"\npath = \"/healthz\"\n");
    let gate = parse(Path::new("web.toml"), &text).unwrap().recipe.gates[0].clone();
    let GateCheck::Http(check) = gate.check else { panic!("{gate:?}") };
    assert_eq!((gate.name.as_str(), gate.within, check.port, check.status, check.body), ("http", Millis::mins(5), 80, 200, None));
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader_or_reaches_a_terminal_raw(text in any::<String>(), cut in 0_usize..200) {
        let whole = format!("{HEAD}{WORK}");
        let head: String = whole.chars().take(cut).collect();
        if let Err(error) = parse(Path::new("web.toml"), &format!("{head}{text}")) {
            prop_assert!(!error.message.lines().any(|line| line.chars().any(is_treacherous)), "{}", error.message);
        }
    }
}

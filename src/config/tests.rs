//! Files as people write them, and each mistake they can make.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::domain::fleet::{BySlot, FleetSource, FleetSpec, Groups, Route, RoutePlace, Strategy, WeightStep};
use crate::domain::text::is_treacherous;
use crate::domain::time::Millis;

const RULE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/edge/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";
const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/edge/50dc6c495c0c9188/f2f7dc8efc522ab2";
const TG_A: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-a/6d0ecf831eec9f09";
const TG_B: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-b/6d0ecf831eec9f10";

/// The example of the manual.
fn example() -> String {
    format!(
        r#"image_owners = ["self", "210987654321"]

[tags]
app = ["Service", "app"]

[fleet.web-prod]
app = "web"
env = "prod"
slots = ["web-prod-a", "web-prod-b"]
account = "123456789012"
region = "us-east-1"
route = {{ rule = "{RULE}", target_groups = ["{TG_A}", "{TG_B}"] }}
floor = 8
window = "60m"
strategy = "canary"
alarms = ["web-5xx"]                # ALARM or no data at start refuses
idle_size = 0
max_age = "30d"
notify = ["/usr/local/bin/page"]    # argv, no shell
steps = [ {{ weight = 5, soak = "5m" }}, {{ weight = 25, soak = "10m" }}, {{ weight = 100, soak = "5m" }} ]
"#
    )
}

fn read(text: &str) -> Result<FleetsFile, ConfigError> {
    parse(Path::new("fleets.toml"), text)
}

/// What is wrong with a fleet that has these lines besides its groups.
fn wrong(lines: &str) -> String {
    read(&format!("[fleet.web]\nslots = [\"a\", \"b\"]\n{lines}\n")).unwrap_err().message
}

#[test]
fn the_example_of_the_manual_is_read() {
    let file = read(&example()).unwrap();
    let web = &file.fleets[0];
    assert_eq!((web.name.as_str(), web.floor, web.window, web.source), ("web-prod", 8, Millis::mins(60), FleetSource::Adopted));
    assert_eq!(web.steps.iter().map(|step| step.weight_pct).collect::<Vec<_>>(), [5, 25, 100]);
    assert!(matches!(&web.route, Route::Weighted { place: RoutePlace::Rule(arn), .. } if arn.as_str() == RULE));
    assert_eq!((file.image_owners.len(), file.tags.app[0].as_str(), file.tags.fleet[0].as_str()), (2, "Service", "qd:fleet"));
    assert_eq!(web.max_age, Some(Millis::mins(30 * 24 * 60)));
    assert_eq!(web.alarms, ["web-5xx".into()]);
    assert_eq!(file.hooks.of(&"web-prod".into()).map(|hook| hook.0.clone()), Some(vec!["/usr/local/bin/page".to_owned()]));
    assert_eq!(file.hooks.of(&"api-prod".into()), None);
}

#[test]
fn a_hook_for_all_fleets_holds_where_a_fleet_names_none_and_an_empty_one_tells_nobody() {
    let text =
        "notify = [\"/bin/all\"]\n[fleet.a]\ngroup = \"a\"\n[fleet.b]\ngroup = \"b\"\nnotify = []\n[fleet.c]\ngroup = \"c\"\nnotify = [\"/bin/c\"]\n";
    let hooks = read(text).unwrap().hooks;
    let program = |fleet: &str| hooks.of(&fleet.into()).map(|hook| hook.0[0].clone());
    assert_eq!((program("a").as_deref(), program("b"), program("c").as_deref()), (Some("/bin/all"), None, Some("/bin/c")));
    assert_eq!(program("of a simulated world").as_deref(), Some("/bin/all"));
}

#[test]
fn what_is_not_written_has_its_default_and_other_shapes_are_read() {
    let text = format!(
        "[fleet.legacy]\ngroup = \"legacy\"\nroute = {{ target_groups = [\"{TG_A}\"] }}\n[fleet.worker]\nslots = [\"w-a\", \"w-b\"]\n[fleet.api]\nslots = [\"x\", \"y\"]\nstrategy = \"blue-green\"\n[fleet.api.route]\nlistener = \"{LISTENER}\"\ntarget_groups = [\"{TG_A}\", \"{TG_B}\"]\n"
    );
    let fleets = read(&text).unwrap().fleets;
    assert!(matches!(&fleets[0].route, Route::Weighted { place: RoutePlace::Listener(_), .. }) && fleets[0].strategy == Strategy::BlueGreen);
    assert!(matches!(&fleets[1].groups, Groups::One(_)) && fleets[1].strategy == Strategy::Rolling);
    assert!(matches!(&fleets[1].route, Route::Attached { .. }));
    assert_eq!(
        fleets[2],
        FleetSpec::bare("worker".into(), Groups::Two(BySlot { a: "w-a".into(), b: "w-b".into() }), Route::None, FleetSource::Adopted)
    );
    assert_eq!(read(""), Ok(FleetsFile::default()));
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    assert_eq!(wrong("flor = 3"), "fleets.toml:3: [fleet.web]: unknown key 'flor': did you mean 'floor'?");
    assert_eq!(read("[tags]\nap = [\"x\"]").unwrap_err().message, "fleets.toml:2: [tags]: unknown key 'ap': did you mean 'app'?");
    assert_eq!(read("[fleets.web]\ngroup = \"x\"").unwrap_err().message, "fleets.toml:1: top level: unknown key 'fleets': did you mean 'fleet'?");
    assert!(wrong("zzz = 3").contains("unknown key 'zzz': expected app, env, slots"));
    let dotted = read("[fleet.web.prod]\ngroup = \"x\"").unwrap_err().message;
    assert!(dotted.contains("unknown key 'prod'") && dotted.contains("a name with dots has to be quoted"), "{dotted}");
    assert!(wrong("steps = [{ wight = 100, soak = \"5m\" }]").contains("[fleet.web] steps 1: unknown key 'wight': did you mean 'weight'?"));
}

#[test]
fn wrong_types_and_values_say_what_was_expected() {
    for (lines, said) in [
        ("floor = \"8\"", "fleets.toml:3: [fleet.web]: 'floor' is \"8\": expected a whole number from 1"),
        ("floor = 0", "'floor' is 0: expected a whole number from 1"),
        ("floor = -1", "'floor' is -1: expected a whole number from 1"),
        ("app = 3", "'app' is 3: expected a word"),
        ("app = \" \"", "'app' is empty: expected a word"),
        ("idle_size = 2", "'idle_size' is 2: expected 0 or 1"),
        ("require_verified = \"yes\"", "'require_verified' is \"yes\": expected true or false"),
        ("window = \"an hour\"", "'window': 'an hour' is not a duration: expected a number with s, m, h or d, such as 5m"),
        ("window = \"9m\"", "'window' is \"9m\": expected a duration of at least 10m, such as \"60m\""),
        ("window = 60", "'window' is 60: expected a duration of at least 10m"),
        ("strategy = \"canari\"", "'strategy' is \"canari\": expected \"canary\", \"blue-green\" or \"rolling\" (did you mean \"canary\"?)"),
        ("account = 123456789012", "'account' is 123456789012: expected an account's twelve digits in quotes"),
        ("account = \"12\"", "'account' is \"12\": expected an account's twelve digits in quotes"),
        ("max_age = \"5m\"", "'max_age' is \"5m\": expected a duration of at least 1h"),
        ("max_age = 30", "'max_age' is 30: expected a duration"),
        ("alarms = \"web-5xx\"", "'alarms' is \"web-5xx\": expected a list of alarm names"),
        ("alarms = [\"a\", \"a\"]", "'alarms' names \"a\" twice"),
        ("scheduled = \"stop\"", "'scheduled' is \"stop\": expected \"refuse\" or \"suspend\""),
        ("notify = \"/bin/page\"", "'notify' is \"/bin/page\": expected a program with its arguments"),
        ("notify = [\"page\"]", "'notify' runs \"page\": expected the whole path of a program, which begins with /"),
        ("gates = [\"/bin/smoke\"]", "'gates' is a list: expected programs with their arguments"),
        ("gates = [[\"smoke\"]]", "'gates' runs \"smoke\": expected the whole path of a program, which begins with /"),
        ("gates = [[]]", "expected programs with their arguments"),
        ("route = \"arn:aws\"", "'route' is \"arn:aws\": expected a table such as"),
        ("group = \"c\"", "both 'slots' and 'group': expected one of them"),
    ] {
        let message = wrong(lines);
        assert!(message.contains(said), "{lines}: {message}");
    }
    assert!(read("[fleet.web]\napp = \"web\"").unwrap_err().message.starts_with("fleets.toml:1: [fleet.web]: no server group: expected 'slots'"));
    assert!(read("[fleet.web]\nslots = [\"a\"]").unwrap_err().message.contains("fleets.toml:2: [fleet.web]: 'slots' has 1 names"));
    assert!(read("fleet = 3").unwrap_err().message.contains("'fleet' is 3: expected sections such as [fleet.web-prod]"));
    assert!(
        read("image_owners = [\"bob\"]").unwrap_err().message.contains("fleets.toml:1: 'image_owners' names \"bob\": expected a list of accounts")
    );
}

#[test]
fn steps_rise_and_end_at_100() {
    for (steps, said) in [
        (
            "[{ weight = 25, soak = \"5m\" }, { weight = 5, soak = \"5m\" }, { weight = 100, soak = \"5m\" }]",
            "steps 2: weight 5 after 25: expected weights that rise",
        ),
        ("[{ weight = 5, soak = \"5m\" }]", "'steps': the last weight is 5: expected the last step to have weight 100"),
        ("[]", "'steps': there are none: expected the last step to have weight 100"),
        ("[{ weight = 101, soak = \"5m\" }]", "'weight' is 101: expected a whole percentage from 1 to 100"),
        ("[{ weight = 0, soak = \"5m\" }]", "'weight' is 0: expected a whole percentage from 1 to 100"),
        ("[{ weight = 12.5, soak = \"5m\" }]", "'weight' is 12.5: expected a whole percentage"),
        ("[{ weight = 100, soak = \"5x\" }]", "'soak': '5x' is not a duration"),
        ("[{ weight = 100, soak = \"0s\" }]", "'soak' is \"0s\": expected a duration of at least 1s"),
        ("[{ weight = 100 }]", "steps 1: no 'soak': expected { weight = 5, soak = \"5m\" }"),
        ("[5, 100]", "'steps' is 5: expected steps such as"),
        ("100", "'steps' is 100: expected steps such as"),
    ] {
        let message = wrong(&format!("steps = {steps}"));
        assert!(message.contains(said), "{steps}: {message}");
    }
}

#[test]
fn routes_name_the_right_things() {
    for (route, said) in [
        (format!("{{ rule = \"{LISTENER}\", target_groups = [\"{TG_A}\", \"{TG_B}\"] }}"), "expected the ARN of a listener rule"),
        (format!("{{ listener = \"{RULE}\", target_groups = [\"{TG_A}\", \"{TG_B}\"] }}"), "expected the ARN of a listener (arn:"),
        (format!("{{ rule = \"my-rule\", target_groups = [\"{TG_A}\", \"{TG_B}\"] }}"), "'rule' is \"my-rule\": expected the ARN of a listener rule"),
        (
            format!("{{ rule = \"{RULE}\", target_groups = [\"{TG_A}\", \"web-b\"] }}"),
            "'target_groups' is \"web-b\": expected the ARN of a target group",
        ),
        (format!("{{ rule = \"{RULE}\", target_groups = [\"{TG_A}\"] }}"), "1 target groups: expected two, one a slot"),
        (format!("{{ rule = \"{RULE}\", target_groups = [\"{TG_A}\", \"{TG_A}\"] }}"), "both target groups are the same"),
        (format!("{{ target_groups = [\"{TG_A}\", \"{TG_B}\"] }}"), "no place of their weights: expected 'rule' or 'listener'"),
        (format!("{{ rule = \"{RULE}\", listener = \"{LISTENER}\", target_groups = [\"{TG_A}\", \"{TG_B}\"] }}"), "both 'rule' and 'listener'"),
        (format!("{{ rule = \"{RULE}\" }}"), "no 'target_groups'"),
        (format!("{{ rul = \"{RULE}\", target_groups = [\"{TG_A}\", \"{TG_B}\"] }}"), "unknown key 'rul': did you mean 'rule'?"),
    ] {
        let message = wrong(&format!("route = {route}"));
        assert!(message.starts_with("fleets.toml:3: [fleet.web] route: ") && message.contains(said), "{route}: {message}");
    }
    let one = format!("[fleet.web]\ngroup = \"a\"\nroute = {{ rule = \"{RULE}\", target_groups = [\"{TG_A}\", \"{TG_B}\"] }}");
    assert!(read(&one).unwrap_err().message.contains("weights need two server groups"));
}

#[test]
fn two_fleets_share_neither_group_nor_place() {
    let same = "[fleet.one]\nslots = [\"a\", \"b\"]\n\n[fleet.two]\nslots = [\"b\", \"c\"]\n";
    let message = read(same).unwrap_err().message;
    assert_eq!(message, "fleets.toml:5: [fleet.two]: server group 'b' is in [fleet.one] already (line 2): expected each in one place only");
    assert!(read("[fleet.one]\nslots = [\"a\", \"a\"]").unwrap_err().message.contains("server group 'a' is in [fleet.one] already"));
    let route = format!("route = {{ rule = \"{RULE}\", target_groups = [\"{TG_A}\", \"{TG_B}\"] }}");
    let places = format!("[fleet.one]\nslots = [\"a\", \"b\"]\n{route}\n[fleet.two]\nslots = [\"c\", \"d\"]\n{route}\n");
    assert!(read(&places).unwrap_err().message.starts_with("fleets.toml:6: [fleet.two]: the place 'arn:"));
}

#[test]
fn every_mistake_is_told_in_the_order_of_the_lines_and_nothing_is_used() {
    let error = wrong("idle_size = 9\nflor = 1\nfloor = 0");
    let lines: Vec<&str> = error.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["fleets.toml:3", "fleets.toml:4", "fleets.toml:5"]);
    let syntax = read("[fleet.web]\nslots = [\"a\", \"b\"\nfloor = 3\n").unwrap_err().message;
    assert!(syntax.starts_with("fleets.toml:"), "{syntax}");
    let twice = read("[fleet.web]\ngroup = \"a\"\n[fleet.web]\ngroup = \"b\"\n").unwrap_err().message;
    assert!(twice.starts_with("fleets.toml:3: "), "{twice}");
    assert!(!wrong("\"a\\u202eb\" = 1").chars().filter(|c| *c != '\n').any(is_treacherous));
}

fn spec() -> FleetSpec {
    let mut spec = read(&example()).unwrap().fleets.remove(0);
    spec.window = Millis::mins(36 * 60);
    spec.steps[0].soak = Millis::secs(90);
    spec.require_verified = true;
    spec.gates = vec![vec!["/bin/smoke".to_owned(), "a \"b\"".to_owned()], vec!["/bin/schema".to_owned()]];
    spec.schema = vec!["/bin/schema".to_owned(), "--of".to_owned(), "web db".to_owned()];
    spec.migration = vec!["/bin/migrate".to_owned()];
    spec.migration_limit = Millis::mins(90);
    spec.hold = true;
    spec
}

#[test]
fn what_adopt_writes_is_read_back_equal_and_what_was_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("new").join("fleets.toml");
    adopt(&file, &spec()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert_eq!(load(&file).unwrap().fleets, [spec()]);

    let before = format!("# mine\n{}", std::fs::read_to_string(&file).unwrap().trim_end());
    std::fs::write(&file, &before).unwrap();
    let found = FleetSpec { source: FleetSource::Inferred, problems: vec!["odd".to_owned()], ..odd() };
    adopt(&file, &found).unwrap();
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(&before));
    let read = load(&file).unwrap().fleets;
    assert!(read.contains(&spec()) && read.contains(&odd()) && read.len() == 2);
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
}

fn odd() -> FleetSpec {
    let groups = Groups::One("o\"dd\\ \u{202e}group".into());
    FleetSpec::bare("odd.na me".into(), groups, Route::Attached { target_group: TG_A.into() }, FleetSource::Adopted)
}

#[test]
fn adopt_refuses_what_it_cannot_write_and_leaves_the_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleets.toml");
    adopt(&file, &spec()).unwrap();
    let before = std::fs::read_to_string(&file).unwrap();
    assert!(adopt(&file, &spec()).unwrap_err().message.ends_with("has a section for web-prod already"));
    let thief = FleetSpec { name: "other".into(), route: Route::None, ..spec() };
    assert!(adopt(&file, &thief).unwrap_err().message.contains("server group 'web-prod-a' is in"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    std::fs::write(&file, "flot = 1\n").unwrap();
    assert!(adopt(&file, &odd()).unwrap_err().message.contains("unknown key 'flot'"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "flot = 1\n");
}

#[test]
fn links_pipes_and_files_of_everybody_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real.toml"), dir.path().join("link.toml"));
    std::fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    assert!(load(&link).unwrap_err().message.ends_with("is a symbolic link: it is not followed"));
    assert!(adopt(&link, &odd()).is_err());
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(load(&real).unwrap_err().message.ends_with("can be written by everybody"));
    assert!(load(dir.path()).unwrap_err().message.ends_with("is no plain file"));
    assert_eq!(load(&dir.path().join("none.toml")), Ok(FleetsFile::default()));
    std::fs::write(&real, [0xff, 0xfe]).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(load(&real).unwrap_err().message.ends_with("is not UTF-8 text"));
    let linked = dir.path().join("state");
    std::os::unix::fs::symlink(dir.path(), &linked).unwrap();
    assert!(private_dir(&linked).unwrap_err().message.ends_with("is a symbolic link: it is not followed"));
    assert!(private_dir(&real).unwrap_err().message.ends_with("is no directory"));
}

#[test]
fn files_of_another_user_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleets.toml");
    std::fs::write(&file, "").unwrap();
    if std::os::unix::fs::chown(&file, Some(12_345), None).is_err() {
        return; // Only root can give a file away; elsewhere there is nothing to see.
    }
    assert!(load(&file).unwrap_err().message.contains("belongs to another user (uid 12345"));
}

#[test]
fn places_are_found_by_what_was_asked_for_then_by_the_environment_then_by_the_host() {
    let around = Surroundings {
        named_state: Some("/named".into()),
        shared_state: Some("/shared".into()),
        user_state: Some("/user/state".into()),
        user_config: Some("/user/config".into()),
    };
    let state = |named: Option<&str>, around: &Surroundings| {
        let places = Places::find(named.map(Path::new), None, around).unwrap();
        (places.state_dir, places.scope)
    };
    assert_eq!(state(Some("/asked"), &around), (PathBuf::from("/asked"), StoreScope::Mine));
    assert_eq!(state(None, &around), (PathBuf::from("/named"), StoreScope::Mine));
    let unnamed = Surroundings { named_state: None, ..around.clone() };
    assert_eq!(state(None, &unnamed), (PathBuf::from("/shared"), StoreScope::Shared));
    assert_eq!(state(Some("/shared"), &unnamed), (PathBuf::from("/shared"), StoreScope::Shared));
    let alone = Surroundings { shared_state: None, ..unnamed };
    assert_eq!(state(None, &alone), (PathBuf::from("/user/state"), StoreScope::Mine));
    assert_eq!(Places::find(None, None, &alone).unwrap().fleets_file, Path::new("/user/config/fleets.toml"));
    assert_eq!(Places::find(None, Some(Path::new("my.toml")), &alone).unwrap().fleets_file, Path::new("my.toml"));
    let homeless = Places::find(None, None, &Surroundings::default()).unwrap_err();
    assert!(homeless.hint.contains("--state-dir"));
}

proptest! {
    #[test]
    fn any_fleet_reads_back_as_it_was_written(
        name in "[^-\\pC][^\\pC]{0,12}", app in any::<Option<String>>(), a in ".{1,20}", b in ".{1,20}",
        floor in 1_u32..500, window in 600_u64..1_000_000, soaks in prop::collection::vec(1_u64..100_000, 1..5),
    ) {
        prop_assume!(a != b && !a.trim().is_empty() && !b.trim().is_empty() && !name.trim().is_empty() && !name.chars().any(is_treacherous));
        let mut spec = FleetSpec::bare(name.as_str().into(), Groups::Two(BySlot { a: a.as_str().into(), b: b.as_str().into() }), Route::None, FleetSource::Adopted);
        spec.app = app.filter(|app| !app.trim().is_empty()).map(Into::into);
        (spec.floor, spec.window) = (floor, Millis::secs(window));
        let last = u32::try_from(soaks.len()).unwrap() - 1;
        spec.steps = (0..).zip(&soaks).map(|(at, soak)| WeightStep { weight_pct: if at == last { 100 } else { at + 1 }, soak: Millis::secs(*soak) }).collect();
        let text = section(&spec);
        prop_assert!(!text.chars().filter(|c| *c != '\n').any(is_treacherous));
        prop_assert_eq!(read(&text).unwrap().fleets, [spec]);
    }

    #[test]
    fn no_text_makes_the_reader_fail_in_another_way(text in "\\PC{0,80}") {
        if let Err(error) = read(&text) {
            prop_assert!(error.message.starts_with("fleets.toml:"));
        }
    }
}

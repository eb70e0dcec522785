//! User data of ours, booted by cloud-init itself in a machine that is thrown away.

use std::path::Path;
use std::process::{Command, Output};

use quarterdeck::bake::console::{Heard, Reader};
use quarterdeck::bake::render::{builder, self_test};
use quarterdeck::bake::signal::{Outcome, Part, Said, TaskOutcome};
use quarterdeck::config::recipe::Loaded;
use quarterdeck::domain::recipe::{ProvisionerKind, Work};
use quarterdeck::domain::time::Millis;

use crate::rendered::{example, order};

/// What a machine did.
pub struct Ran {
    /// Its console.
    pub console: String,
    /// What would have powered it off.
    pub powered: String,
    /// What the checks printed.
    pub checked: String,
    /// The console of its second boot.
    pub second: String,
}

/// Fails with what to install where a program is missing.
pub fn needed(program: &str, package: &str) {
    let found = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|dir| Path::new(dir).join(program).exists());
    assert!(found, "this test needs {program}: apt-get install {package}");
}

/// Both outputs of a program.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Boots an example, and its gates afterwards, once `after` has been run in the machine.
fn boot(name: &str, checks: &str, after: Option<&str>) -> Ran {
    boot_loaded(&example(name), checks, after)
}

fn boot_loaded(loaded: &Loaded, checks: &str, after: Option<&str>) -> Ran {
    for (program, package) in
        [("cloud-init", "cloud-init"), ("unshare", "util-linux"), ("ip", "iproute2"), ("nginx", "nginx-light"), ("curl", "curl")]
    {
        needed(program, package);
    }
    let operation = "op-1".into();
    let order = order(loaded, &operation);
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("user-data", &builder(order, &loaded.files).unwrap().bytes);
    write("checks", checks.as_bytes());
    if let Some(after) = after {
        write("after", after.as_bytes());
        write("second", &self_test(order).unwrap().unwrap().bytes);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipes/machine.sh");
    let output = Command::new("unshare")
        .args(["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc", "sh"])
        .args([&script, dir.path()])
        .output()
        .unwrap();
    let read = |name: &str| String::from_utf8_lossy(&std::fs::read(dir.path().join(name)).unwrap_or_default()).into_owned();
    let told = || format!("{}\n{}\nconsole:\n{}", said(&output), read("cloud-init"), read("console"));
    assert!(output.status.success(), "this test needs namespaces and an overlay of its own, as root has them:\n{}", told());
    let ran = Ran { console: read("console"), powered: read("powered"), checked: read("checked"), second: read("console-second") };
    assert!(!ran.console.is_empty(), "{}", told());
    ran
}

/// What must hold of every image, and its page.
const CHECKS: &str = "set +x\nls /etc/ssh/ssh_host_* /root/.bash_history /var/lib/quarterdeck/bake /var/lib/cloud/instance /tmp/* /var/tmp/* 2>/dev/null\n\
    wc -c </etc/machine-id\nfind /var/log -type f -size +0\ngrep -rl 'secret words' /root /var/log\necho checked\ncat /srv/web/index.html\n\
    test -e /etc/systemd/system/multi-user.target.wants/nginx.service && echo at boot\n";

/// The console in readings that end anywhere, as EC2 tells it while it grows, and then in one: the same is said, and it is that.
fn signals(console: &str, kinds: Vec<ProvisionerKind>) -> Vec<Said> {
    let reader = || Reader::new("op-1".into(), kinds.clone(), Heard::default());
    let (mut whole, mut pieces) = (reader(), reader());
    let all: Vec<_> = whole.read(console.as_bytes(), 0);
    let polled: Vec<_> = (0..=console.len()).step_by(97).chain([console.len()]).flat_map(|end| pieces.read(&console.as_bytes()[..end], 0)).collect();
    assert_eq!(all, polled);
    all.into_iter().map(|signal| signal.said).collect()
}

/// Boots an example and its gates, and holds it to everything that is the same for all.
fn made(name: &str) -> (Vec<Said>, Ran) {
    let ran = boot(name, CHECKS, Some("nginx"));
    let said = signals(&ran.console, example(name).recipe.kinds());
    let parts: Vec<Part> = (0..).map(Part::Provisioner).take(example(name).recipe.provisioners.len()).chain([Part::Seal]).collect();
    let all = parts.iter().map(|part| (*part, Outcome::Succeeded)).collect();
    assert_eq!(said.first(), Some(&Said::Booted), "{}", ran.console);
    assert_eq!(said.last(), Some(&Said::Done { outcome: Outcome::Succeeded, parts: all }), "{}", ran.console);
    let began: Vec<Part> = said.iter().filter_map(|said| if let Said::Began { part } = said { Some(*part) } else { None }).collect();
    let ended = |said: &Said| matches!(said, Said::Ended { outcome: Outcome::Succeeded, exit: Some(0), took: Some(_), .. });
    assert_eq!((began, said.iter().filter(|said| ended(said)).count()), (parts.clone(), parts.len()), "{}", ran.console);
    assert_eq!(ran.powered, "shutdown -P +90\nshutdown -P now\n", "it limits its own life, and powers itself off when all is sealed");
    assert_eq!(ran.checked.trim_end(), "+ set +x\n0\nchecked\n<h1>web 2.15.0</h1>\nat boot", "what must not be in an image");
    let gates = signals(&ran.second, Vec::new());
    let passed = |said: &&Said| matches!(said, Said::Ended { part: Part::Gate(_), outcome: Outcome::Succeeded, .. });
    let expected = example(name).recipe.gates.iter().filter(|gate| gate.check.is_on_instance()).count();
    assert_eq!(gates.iter().filter(passed).count(), expected, "{}", ran.second);
    assert!(matches!(gates.last(), Some(Said::Done { outcome: Outcome::Succeeded, .. })), "{}", ran.second);
    (said, ran)
}

/// How the tasks ended that the provisioner's own output named.
fn tasks(said: &[Said]) -> Vec<(&str, Option<TaskOutcome>)> {
    said.iter().filter_map(|said| if let Said::Task { name, outcome } = said { Some((name.raw(), *outcome)) } else { None }).collect()
}

#[test]
fn the_shell_example_becomes_an_image_that_passes_its_gates() {
    let (said, _) = made("shell");
    let tasks = tasks(&said);
    assert!(tasks.contains(&("mkdir -p /srv/web", None)) && tasks.contains(&("nginx -t", None)), "{tasks:?}");
}

#[test]
fn the_file_example_becomes_an_image_that_passes_its_gates() {
    let (_, ran) = made("file");
    assert!(ran.console.contains("'file/web.conf' -> '/etc/nginx/conf.d/web.conf'"), "{}", ran.console);
}

#[test]
fn the_ansible_example_becomes_an_image_and_tells_of_each_task() {
    needed("ansible-playbook", "ansible-core");
    assert!(Path::new("/usr/lib/python3/dist-packages/apt").exists(), "this test needs Python's apt module: apt-get install python3-apt");
    let (said, _) = made("ansible");
    let ended: Vec<_> = tasks(&said).into_iter().filter_map(|(name, outcome)| Some((name, outcome?))).collect();
    assert_eq!(
        ended,
        [
            ("Install nginx", TaskOutcome::Ok),
            ("Make the site's directory", TaskOutcome::Changed),
            ("Write the page", TaskOutcome::Changed),
            ("Write the site", TaskOutcome::Changed),
            ("Take the default site away", TaskOutcome::Changed),
            ("Allow more connections", TaskOutcome::Changed),
            ("Check the configuration", TaskOutcome::Ok),
            ("Start nginx at boot", TaskOutcome::Ok),
        ]
    );
}

#[test]
fn the_puppet_example_becomes_an_image_and_tells_of_each_resource() {
    needed("puppet", "puppet-agent");
    let (said, _) = made("puppet");
    let changed = |name: &str| tasks(&said).contains(&(name, Some(TaskOutcome::Changed)));
    for name in ["File[/srv/web]", "File[/srv/web/index.html]", "File[/etc/nginx/conf.d/web.conf]", "File[/etc/nginx/sites-enabled/default]"] {
        assert!(changed(name), "{name}: {:?}", tasks(&said));
    }
}

#[test]
fn a_provisioner_that_fails_is_the_last_and_leaves_the_builder_running_and_unsealed() {
    let mut loaded = example("shell");
    let Work::Shell(shell) = &mut loaded.recipe.provisioners[1].work else { panic!("{:?}", loaded.recipe) };
    shell.run = vec!["echo this is why".to_owned(), "exit 7".to_owned(), "echo never".to_owned()];
    let ran = boot_loaded(&loaded, "ls /etc/ssh/ssh_host_rsa_key", None);
    let said = signals(&ran.console, loaded.recipe.kinds());
    let part = Part::Provisioner(1);
    assert!(
        said.iter().any(|said| matches!(said, Said::Ended { part: Part::Provisioner(1), outcome: Outcome::Failed, exit: Some(7), .. })),
        "{said:?}"
    );
    let parts = vec![(Part::Provisioner(0), Outcome::Succeeded), (part, Outcome::Failed), (Part::Seal, Outcome::Skipped)];
    assert_eq!(said.last(), Some(&Said::Done { outcome: Outcome::Failed, parts }));
    assert!(ran.console.contains("this is why") && !ran.console.contains("never"), "{}", ran.console);
    assert_eq!((ran.powered.as_str(), ran.checked.lines().last()), ("shutdown -P +90\n", Some("/etc/ssh/ssh_host_rsa_key")));
}

#[test]
fn what_is_missing_or_takes_too_long_is_said_in_a_sentence() {
    let mut loaded = example("salt");
    loaded.recipe.provisioners[0].packages.clear();
    let ran = boot_loaded(&loaded, "true", None);
    let why = "salt-call is not on the builder: name the packages that bring it in the provisioner's 'packages'";
    let said = signals(&ran.console, loaded.recipe.kinds());
    assert!(said.contains(&Said::Reason { part: Part::Provisioner(0), why: why.into() }), "{}", ran.console);

    let mut loaded = example("shell");
    let Work::Shell(shell) = &mut loaded.recipe.provisioners[1].work else { panic!("{:?}", loaded.recipe) };
    shell.run = vec!["sleep 600 & sleep 600".to_owned()];
    loaded.recipe.provisioners[1].time_limit = Some(Millis::secs(1));
    let ran = boot_loaded(&loaded, "true", None);
    let late = |said: &Said| matches!(said, Said::Ended { part: Part::Provisioner(1), outcome: Outcome::TimedOut, exit: Some(124), .. });
    assert!(signals(&ran.console, loaded.recipe.kinds()).iter().any(late), "{}", ran.console);
}

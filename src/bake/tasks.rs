//! The tasks inside a provisioner, as its own output names them. A line that is not understood is only a line of the log.

use super::signal::TaskOutcome;
use crate::domain::recipe::ProvisionerKind;

/// A task that a line names: what it is called, and how it ended, if the line says so.
pub type Told = (String, Option<TaskOutcome>);

/// Reads the lines of one provisioner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskReader {
    kind: ProvisionerKind,
    /// The task that the next line may say more of.
    current: Option<String>,
}

impl TaskReader {
    /// A reader of what a provisioner of this kind prints.
    #[must_use]
    pub const fn new(kind: ProvisionerKind) -> Self {
        Self { kind, current: None }
    }

    /// The same while a task runs.
    #[must_use]
    pub fn at(mut self, task: Option<String>) -> Self {
        self.current = task;
        self
    }

    /// What a line says of a task, if it says anything.
    pub fn read(&mut self, line: &str) -> Option<Told> {
        match self.kind {
            ProvisionerKind::Shell => line.strip_prefix("+ ").map(|command| (command.to_owned(), None)),
            ProvisionerKind::File => None,
            ProvisionerKind::Ansible => self.ansible(line),
            ProvisionerKind::Puppet => puppet(line),
            ProvisionerKind::Chef => self.chef(line),
            ProvisionerKind::Salt => self.salt(line),
        }
    }

    fn begin(&mut self, name: &str) -> Told {
        self.current = Some(name.to_owned());
        (name.to_owned(), None)
    }

    fn ended(&self, outcome: TaskOutcome) -> Option<Told> {
        self.current.clone().map(|name| (name, Some(outcome)))
    }

    /// The default callback: `TASK [name] ****`, then a line for each host and item.
    fn ansible(&mut self, line: &str) -> Option<Told> {
        let heading = line.strip_prefix("TASK [").or_else(|| line.strip_prefix("RUNNING HANDLER ["));
        if let Some((name, _)) = heading.and_then(|rest| rest.rsplit_once("] *")) {
            return Some(self.begin(name));
        }
        if line.trim() == "...ignoring" {
            return self.ended(TaskOutcome::Ignored);
        }
        let words = [
            ("ok: [", TaskOutcome::Ok),
            ("changed: [", TaskOutcome::Changed),
            ("skipping: [", TaskOutcome::Skipped),
            ("fatal: [", TaskOutcome::Failed),
            ("failed: [", TaskOutcome::Failed),
        ];
        words.into_iter().find(|(word, _)| line.starts_with(word)).and_then(|(_, outcome)| self.ended(outcome))
    }

    /// The `doc` formatter: `  * type[name] action verb`, then what it did in lines that begin with `-`.
    fn chef(&mut self, line: &str) -> Option<Told> {
        let text = line.trim_start();
        if let Some((name, rest)) = text.strip_prefix("* ").and_then(|text| text.split_once(" action ")) {
            let begun = self.begin(name);
            return match rest {
                _ if rest.ends_with("(up to date)") => self.ended(TaskOutcome::Ok),
                _ if rest.contains("(skipped due to") => self.ended(TaskOutcome::Skipped),
                _ => Some(begun),
            };
        }
        if text.starts_with("- ") && text.len() < line.len() {
            return self.ended(TaskOutcome::Changed);
        }
        let resource = text.strip_prefix("Error executing action ").and_then(|text| text.split_once(" on resource '"));
        resource.map(|(_, rest)| (rest.trim_end_matches('\'').to_owned(), Some(TaskOutcome::Failed)))
    }

    /// `Running state [name]` while it runs; how it ended only in the summary, in which a block's `ID` comes before its `Result`.
    fn salt(&mut self, line: &str) -> Option<Told> {
        if let Some((_, rest)) = line.split_once("] Running state [") {
            return rest.split_once("] at time").map(|(name, _)| (name.to_owned(), None));
        }
        let (key, value) = line.trim().split_once(':')?;
        match (key, value.trim()) {
            ("ID", name) if !name.is_empty() => {
                self.current = Some(name.to_owned());
                None
            }
            ("Result", "True") => self.ended(TaskOutcome::Ok),
            ("Result", "False") => self.ended(TaskOutcome::Failed),
            ("Result", "None") => self.ended(TaskOutcome::Skipped),
            _ => None,
        }
    }
}

/// `Notice: /Stage[main]/Class/Type[name]/property: what`.
fn puppet(line: &str) -> Option<Told> {
    let (level, rest) = line.split_once(": /Stage[")?;
    let (path, said) = rest.split_once(": ")?;
    let resource = path.split_inclusive(']').filter_map(|part| part.split_once('[').map(|(kind, name)| (kind.rsplit('/').next(), name))).next_back();
    let (kind, name) = resource?;
    let outcome = match level {
        "Notice" => TaskOutcome::Changed,
        "Error" => TaskOutcome::Failed,
        "Warning" if said.starts_with("Skipping because of failed dependencies") => TaskOutcome::Skipped,
        _ => return None,
    };
    Some((format!("{}[{name}", kind.unwrap_or_default()), Some(outcome)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(kind: ProvisionerKind, text: &str) -> Vec<Told> {
        let mut reader = TaskReader::new(kind);
        text.lines().filter_map(|line| reader.read(line)).collect()
    }

    fn task(name: &str, outcome: Option<TaskOutcome>) -> Told {
        (name.to_owned(), outcome)
    }

    #[test]
    fn ansible_names_its_tasks_and_how_each_ended() {
        let text = "PLAY [all] ***\n\nTASK [web : Install [a] nginx] ******\nok: [localhost]\n\nRUNNING HANDLER [restart] ***\nchanged: [localhost] => (item=1)\n\
            TASK [c] ***\nfatal: [localhost]: FAILED! => {\"msg\": \"no\"}\n...ignoring\nTASK [d] ***\nskipping: [localhost]\n\nPLAY RECAP ****\nlocalhost : ok=1\n";
        assert_eq!(
            told(ProvisionerKind::Ansible, text),
            [
                task("web : Install [a] nginx", None),
                task("web : Install [a] nginx", Some(TaskOutcome::Ok)),
                task("restart", None),
                task("restart", Some(TaskOutcome::Changed)),
                task("c", None),
                task("c", Some(TaskOutcome::Failed)),
                task("c", Some(TaskOutcome::Ignored)),
                task("d", None),
                task("d", Some(TaskOutcome::Skipped)),
            ]
        );
    }

    #[test]
    fn puppet_names_the_resources_it_changed() {
        let text = "Notice: Compiled catalog for x in environment production in 0.96 seconds\n\
            Notice: /Stage[main]/Web/File[/srv/web]/ensure: created\n\
            Error: /Stage[main]/Web/Exec[nginx at boot]/returns: change from 'notrun' to ['0'] failed: no\n\
            Warning: /Stage[main]/Web/Service[nginx]: Skipping because of failed dependencies\nNotice: Applied catalog in 0.22 seconds\n";
        assert_eq!(
            told(ProvisionerKind::Puppet, text),
            [
                task("File[/srv/web]", Some(TaskOutcome::Changed)),
                task("Exec[nginx at boot]", Some(TaskOutcome::Failed)),
                task("Service[nginx]", Some(TaskOutcome::Skipped)),
            ]
        );
    }

    #[test]
    fn chef_salt_and_shell_name_theirs() {
        let chef = "Recipe: web::default\n  * apt_package[nginx] action install\n    - install version 1.22 of package nginx\n  * directory[/srv] action create (up to date)\n\
            \x20   Error executing action `enable` on resource 'service[nginx]'\n";
        assert_eq!(
            told(ProvisionerKind::Chef, chef),
            [
                task("apt_package[nginx]", None),
                task("apt_package[nginx]", Some(TaskOutcome::Changed)),
                task("directory[/srv]", Some(TaskOutcome::Ok)),
                task("service[nginx]", Some(TaskOutcome::Failed)),
            ]
        );
        let salt = "[INFO    ] Running state [/srv/web] at time 10:00:00.1\n----------\n          ID: /srv/web\n    Function: file.directory\n      Result: True\n";
        assert_eq!(told(ProvisionerKind::Salt, salt), [task("/srv/web", None), task("/srv/web", Some(TaskOutcome::Ok))]);
        assert_eq!(told(ProvisionerKind::Shell, "+ nginx -t\nok\n"), [task("nginx -t", None)]);
    }

    proptest! {
        #[test]
        fn no_line_breaks_a_reader(lines in proptest::collection::vec(any::<String>(), 0..6)) {
            for kind in ProvisionerKind::ALL {
                let mut reader = TaskReader::new(kind);
                for line in &lines {
                    for prefix in ["", "TASK [", "Notice: /Stage[", "* ", "Error executing action ", "[INFO] Running state [", "ID:"] {
                        let _any = reader.read(&format!("{prefix}{line}"));
                    }
                }
            }
        }
    }
}

//! What this process stands on: where credentials, region and files come from, as far as that is told without asking the cloud.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::adapters::store::Store;
use crate::cli::GlobalOptions;
use crate::config::{Places, StoreScope, recipe};
use crate::domain::text::escape;
use crate::operation::plan::CheckLevel;
use crate::ports::desk::{DeskError, Finding, KnownRecipe, Sources};

/// Where AWS tools look for a credential besides a profile: the variable, and what it stands for.
const ELSEWHERE: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "an access key"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "a web identity"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "a container's role"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "a container's role"),
];

/// What was asked for, and where files are.
#[derive(Clone, Debug)]
pub struct Ground {
    simulated: bool,
    profile: Option<String>,
    region: Option<String>,
    endpoint: Option<String>,
    places: Places,
}

impl Ground {
    /// The ground of these options.
    #[must_use]
    pub fn of(options: &GlobalOptions, places: &Places) -> Self {
        Self {
            simulated: options.sim.is_some(),
            profile: options.profile.clone().or_else(|| variable("AWS_PROFILE")),
            region: options.region.clone().or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION")),
            endpoint: options.endpoint_url.clone().or_else(|| variable("AWS_ENDPOINT_URL")),
            places: places.clone(),
        }
    }

    /// Everything the screen says about its sources besides ages.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn sources(&self, store: Option<&Store>) -> Result<Sources, DeskError> {
        let budget = match store.filter(|_| !self.simulated) {
            Some(store) => store.budget_left()?,
            None => Vec::new(),
        };
        Ok(Sources { findings: self.findings(store), budget, sign_in: self.sign_in() })
    }

    /// The recipes in the person's own directory; one that is wrong says so in its place.
    ///
    /// # Errors
    /// The directory is there and cannot be read.
    pub fn recipes(&self) -> Result<Vec<KnownRecipe>, DeskError> {
        let dir = &self.places.recipes_dir;
        let unreadable = |error: std::io::Error| DeskError::other(format!("{} cannot be read: {error}", shown(dir)), "check its permissions");
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut files = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
        files.sort();
        let known = |file: PathBuf| {
            let recipe = recipe::load(&file).map(|loaded| Box::new(loaded.recipe)).map_err(|error| error.message);
            KnownRecipe { file, recipe }
        };
        Ok(files.into_iter().map(known).collect())
    }

    /// What brings credentials back.
    fn sign_in(&self) -> Option<String> {
        if self.simulated {
            return None;
        }
        let profile = self.profile.as_ref().map(|profile| format!(" --profile {}", escape(profile))).unwrap_or_default();
        Some(format!("aws sso login{profile}"))
    }

    fn findings(&self, store: Option<&Store>) -> Vec<Finding> {
        let mut all = if self.simulated {
            vec![finding(CheckLevel::Ok, "cloud", "simulated: it needs no account, no credentials and no network".to_owned())]
        } else {
            vec![self.credentials(), self.region()]
        };
        if let Some(endpoint) = &self.endpoint {
            all.push(finding(CheckLevel::Warning, "endpoint", format!("{} instead of AWS's own", escape(endpoint))));
        }
        all.extend([self.fleets_file(), self.keymap_file(), self.records(store)]);
        all
    }

    fn credentials(&self) -> Finding {
        if let Some(profile) = &self.profile {
            let known = config_files().iter().any(|file| names_profile(file, profile));
            let shown = escape(profile);
            return if known {
                finding(CheckLevel::Ok, "credentials", format!("profile {shown}"))
            } else {
                let text =
                    format!("profile {shown} is in no AWS configuration file: `aws configure sso --profile {shown}`, or choose another --profile");
                finding(CheckLevel::Warning, "credentials", text)
            };
        }
        if let Some((name, what)) = ELSEWHERE.iter().find(|(name, _)| variable(name).is_some()) {
            return finding(CheckLevel::Ok, "credentials", format!("{what}, from {name}"));
        }
        match config_files().into_iter().find(|file| names_profile(file, "default")) {
            Some(file) => finding(CheckLevel::Ok, "credentials", format!("the default profile of {}", shown(&file))),
            None => finding(
                CheckLevel::Unknown,
                "credentials",
                "no profile and no key on this host; an instance's role is asked for. Else: `aws configure sso`, then --profile NAME".to_owned(),
            ),
        }
    }

    fn region(&self) -> Finding {
        match &self.region {
            Some(region) => finding(CheckLevel::Ok, "region", escape(region)),
            None => finding(CheckLevel::Unknown, "region", "none is named: the profile's is taken, else name one with --region".to_owned()),
        }
    }

    fn fleets_file(&self) -> Finding {
        if self.simulated {
            return finding(CheckLevel::Ok, "fleets", "a simulated world declares its own".to_owned());
        }
        let path = &self.places.fleets_file;
        if path.exists() {
            return finding(CheckLevel::Ok, "fleets", format!("{} is read", shown(path)));
        }
        let text = format!("{} does not exist: reading needs none; `qd fleet adopt NAME` writes it, and then fleets can be changed", shown(path));
        finding(CheckLevel::Unknown, "fleets", text)
    }

    fn keymap_file(&self) -> Finding {
        let path = &self.places.keymap_file;
        let text = if path.exists() { format!("{} is read", shown(path)) } else { format!("built in; {} can change them", shown(path)) };
        finding(CheckLevel::Ok, "keys", text)
    }

    fn records(&self, store: Option<&Store>) -> Finding {
        let whose = if self.places.scope == StoreScope::Shared { "shared on this host" } else { "mine only" };
        match store {
            Some(store) => finding(CheckLevel::Ok, "records", format!("{}, {whose}", shown(store.dir()))),
            None => finding(CheckLevel::Unknown, "records", format!("below {}, {whose}: which, the account decides", shown(&self.places.state_dir))),
        }
    }
}

fn finding(level: CheckLevel, subject: &str, text: String) -> Finding {
    Finding { level, subject: subject.to_owned(), text }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// The files AWS tools keep profiles in.
fn config_files() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let at = |name: &str, file: &str| -> Option<PathBuf> {
        let named: Option<OsString> = std::env::var_os(name).filter(|path| !path.is_empty());
        named.map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".aws").join(file)))
    };
    [at("AWS_CONFIG_FILE", "config"), at("AWS_SHARED_CREDENTIALS_FILE", "credentials")].into_iter().flatten().collect()
}

/// Whether a file of profiles has a section for one.
fn names_profile(file: &Path, profile: &str) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    let is_section = |line: &str| {
        let inside = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()).map(str::trim);
        inside.is_some_and(|name| name == profile || name.strip_prefix("profile").is_some_and(|name| name.trim() == profile))
    };
    text.lines().any(is_section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_in_both_kinds_of_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(&file, "[default]\nregion = us-east-1\n[profile payments-prod]\n# [profile other]\n").unwrap();
        assert!(names_profile(&file, "default") && names_profile(&file, "payments-prod"));
        assert!(!names_profile(&file, "other") && !names_profile(&file, "payments"));
    }
}

//! Where configuration and records are.

use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::error::ConfigError;

/// The shared store of a bastion, if an administrator made it.
const SHARED: &str = "/var/lib/quarterdeck";
/// Names another directory for what is recorded.
const STATE_DIR: &str = "QD_STATE_DIR";

/// Whose records the state directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreScope {
    /// This user's, or whoever the directory was named for.
    Mine,
    /// Everybody's on this host.
    Shared,
}

/// What the process and the host say about places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `QD_STATE_DIR`, if it is set and not empty.
    pub named_state: Option<PathBuf>,
    /// The shared state directory, if it exists and can be written.
    pub shared_state: Option<PathBuf>,
    /// The user's state directory.
    pub user_state: Option<PathBuf>,
    /// The user's configuration directory.
    pub user_config: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let dirs = ProjectDirs::from("", "", "quarterdeck");
        Self {
            named_state: std::env::var_os(STATE_DIR).filter(|dir| !dir.is_empty()).map(PathBuf::from),
            shared_state: Some(PathBuf::from(SHARED)).filter(|dir| can_write(dir)),
            user_state: dirs.as_ref().map(|dirs| dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned()),
            user_config: dirs.as_ref().map(|dirs| dirs.config_dir().to_owned()),
        }
    }
}

fn can_write(dir: &Path) -> bool {
    dir.is_dir() && accessat(CWD, dir, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// Where everything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The directory of everything recorded: each store and world has its own directory in it.
    pub state_dir: PathBuf,
    /// Whose it is.
    pub scope: StoreScope,
    /// `fleets.toml`.
    pub fleets_file: PathBuf,
    /// `keymap.toml`, beside it.
    pub keymap_file: PathBuf,
    /// `theme.toml`.
    pub theme_file: PathBuf,
    /// `views.toml`.
    pub views_file: PathBuf,
    /// `recipes`, the directory of the recipes that the screen offers.
    pub recipes_dir: PathBuf,
}

impl Places {
    /// The places, by what was asked for (`--state-dir`, `--config`), then the environment, then the host's and user's own. Nothing is made.
    ///
    /// # Errors
    /// When there is no home directory and nothing was named.
    pub fn find(state_dir: Option<&Path>, config: Option<&Path>, around: &Surroundings) -> Result<Self, ConfigError> {
        let (state_dir, scope) = state(state_dir, around)?;
        let fleets_file = match config {
            Some(file) => file.to_owned(),
            None => around.user_config.as_ref().ok_or_else(|| homeless("configuration", "--config FILE"))?.join("fleets.toml"),
        };
        let keymap_file = fleets_file.with_file_name("keymap.toml");
        let theme_file = fleets_file.with_file_name("theme.toml");
        let views_file = fleets_file.with_file_name("views.toml");
        let recipes_dir = fleets_file.with_file_name("recipes");
        Ok(Self { state_dir, scope, fleets_file, keymap_file, theme_file, views_file, recipes_dir })
    }
}

fn state(named: Option<&Path>, around: &Surroundings) -> Result<(PathBuf, StoreScope), ConfigError> {
    if let Some(dir) = named.or(around.named_state.as_deref()) {
        let shared = around.shared_state.as_deref() == Some(dir);
        return Ok((dir.to_owned(), if shared { StoreScope::Shared } else { StoreScope::Mine }));
    }
    if let Some(dir) = &around.shared_state {
        return Ok((dir.clone(), StoreScope::Shared));
    }
    let dir = around.user_state.clone().ok_or_else(|| homeless("state", "--state-dir DIR"))?;
    Ok((dir, StoreScope::Mine))
}

fn homeless(what: &str, option: &str) -> ConfigError {
    ConfigError::new(format!("there is no home directory to keep {what} in"), format!("name a place with {option}, or set HOME"))
}

//! From options to an office: which cloud, which store, which files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cloud::Cloud;
use super::ground::Ground;
use super::office::{Office, OfficeSettings};
use super::ui::ScreenOptions;
use crate::adapters::sim::SimCloud;
use crate::adapters::store::{Store, trust_root};
use crate::app::colours::Palette;
use crate::app::keymap::Keymap;
use crate::app::views::{self, SavedViews};
use crate::cli::GlobalOptions;
use crate::config::{self, FleetsFile, Places, Surroundings};
use crate::domain::text::escape;
use crate::ports::desk::DeskError;
use crate::terminal::capability;
use crate::world::{DEFAULT_SEED, Scenario};

/// Options with everything they leave to files and environment filled in; nothing is connected yet.
pub struct Wiring {
    pub(super) options: GlobalOptions,
    pub(super) places: Places,
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "a simulated world declares its fleets itself"))]
    pub(super) fleets: FleetsFile,
    pub(super) time_scale: u32,
    notices: Vec<String>,
}

impl Wiring {
    /// Reads files and environment.
    ///
    /// # Errors
    /// A file has a mistake, or a place cannot be trusted.
    pub fn new(options: GlobalOptions) -> Result<Self, DeskError> {
        let places = Places::find(options.state_dir.as_deref(), options.config.as_deref(), &Surroundings::of_process())?;
        trust_root(&places.state_dir)?;
        let fleets = config::load(&places.fleets_file)?;
        let mut notices = Vec::new();
        if options.config.is_some() && !places.fleets_file.exists() {
            notices.push(format!("{} does not exist: no fleet is written down yet", escape(&places.fleets_file.display().to_string())));
        }
        let time_scale = super::time_scale::time_scale(options.endpoint_url.as_deref(), options.sim.is_some(), &mut notices);
        Ok(Self { options, places, fleets, time_scale, notices })
    }

    /// What the files say that this version does not act on, for people.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The directory of a simulated world and its store.
    #[must_use]
    pub fn sim_dir(&self, scenario: Scenario) -> PathBuf {
        self.places.state_dir.join(format!("sim-{}", scenario.name()))
    }

    /// The scenario that was asked for; none for AWS.
    #[must_use]
    pub const fn scenario(&self) -> Option<Scenario> {
        self.options.sim
    }

    /// Where everything that is recorded lies.
    #[must_use]
    pub fn state_root(&self) -> &Path {
        &self.places.state_dir
    }

    /// Where screen and command line write what went wrong.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.places.state_dir.join("qd.log")
    }

    /// Which keys of the screen run what.
    ///
    /// # Errors
    /// The person's own file has mistakes: each with its line.
    pub fn keymap(&self) -> Result<Keymap, DeskError> {
        let path = &self.places.keymap_file;
        let Some(text) = config::read(path)? else { return Ok(Keymap::default()) };
        let read = Keymap::with(&escape(&path.display().to_string()), &text);
        read.map_err(|mistakes| DeskError::other(mistakes.join("\n"), "nothing of this file is used until it is right"))
    }

    /// Which colours mean what, if the person has a file that says so; `light` is the terminal's background.
    fn palette(&self, light: bool) -> Result<Palette, DeskError> {
        let path = &self.places.theme_file;
        let Some(text) = config::read(path)? else { return Ok(Palette::of(light)) };
        let read = Palette::with(&escape(&path.display().to_string()), &text, light);
        read.map_err(|mistake| DeskError::other(escape(&mistake), "the built-in colours are used until it is right"))
    }

    /// The views the person wrote down.
    fn views(&self) -> Result<SavedViews, DeskError> {
        let path = &self.places.views_file;
        let Some(text) = config::read(path)? else { return Ok(SavedViews::new()) };
        views::read(&escape(&path.display().to_string()), &text)
            .map_err(|mistake| DeskError::other(mistake, "none of its views is used until it is right"))
    }

    /// How the screen is to look and what it may write. A mistake in the person's files for it is no reason to have no screen: it says so.
    #[must_use]
    pub fn screen_options(&self) -> ScreenOptions {
        let mut look = capability::look(self.options.ascii, self.options.no_color);
        let palette = self.palette(look.palette == Palette::LIGHT);
        look.palette = palette.as_ref().map_or(look.palette, |palette| *palette);
        let views = self.views();
        let mistakes = palette.err().into_iter().chain(views.as_ref().err().cloned()).collect();
        ScreenOptions { look, keymap: self.keymap(), views: views.unwrap_or_default(), mistakes, saved: self.places.state_dir.join("saved") }
    }

    /// The office of the simulated cloud.
    ///
    /// # Errors
    /// The store or the world cannot be opened.
    pub async fn sim_office(&self, scenario: Scenario) -> Result<Arc<Office>, DeskError> {
        let office = self.open_sim(scenario)?;
        office.adopt_declared().await?;
        Ok(office)
    }

    /// The same without looking at the world: what a first paint waits for.
    ///
    /// # Errors
    /// The store or the world cannot be opened.
    pub fn open_sim(&self, scenario: Scenario) -> Result<Arc<Office>, DeskError> {
        let dir = self.sim_dir(scenario);
        let store = Arc::new(Store::open(&dir)?);
        let opened = SimCloud::open(&dir, scenario, DEFAULT_SEED, self.options.sim_speed);
        let cloud = opened.map_err(|error| DeskError::other(error.to_string(), error.hint()))?;
        Ok(Arc::new(Office::new(Cloud::Sim(cloud), store, self.office_settings())))
    }

    pub(super) fn ground(&self) -> Ground {
        Ground::of(&self.options, &self.places)
    }

    pub(super) fn office_settings(&self) -> OfficeSettings {
        OfficeSettings {
            fleets_file: self.places.fleets_file.clone(),
            read_only: self.options.read_only,
            time_scale: self.time_scale,
            ground: self.ground(),
            profile: self.options.profile.clone(),
            driver_arguments: self.driver_arguments(),
        }
    }

    /// A driver runs in another directory and must find the same files.
    fn driver_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: &std::ffi::OsStr| {
            let mut argument = OsString::from(format!("--{name}="));
            argument.push(value);
            arguments.push(argument);
        };
        add("state-dir", absolute(&self.places.state_dir).as_os_str());
        if let Some(file) = &self.options.config {
            add("config", absolute(file).as_os_str());
        }
        let sim = self.options.sim.map(|scenario| scenario.name().to_owned());
        let named = [
            ("sim", sim),
            ("profile", self.options.profile.clone()),
            ("region", self.options.region.clone()),
            ("endpoint-url", self.options.endpoint_url.clone()),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                add(name, value.as_ref());
            }
        }
        arguments
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

//! Everything the screen knows. Selections are names, never row numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::age::{Aged, Clock};
use super::alarms::Heard;
use super::alert::{Alert, Inbox};
use super::baking::Baking;
use super::colours;
use super::commands::CommandId;
use super::copying::CopyMenu;
use super::events::Shown;
use super::filters::{Filters, List};
use super::keymap::Keymap;
use super::life::Life;
use super::listing::{FleetSort, ImageSort, Listing};
use super::palette::Palette;
use super::requests::Requests;
use super::retention::Retention;
use super::sheet::Sheet;
use super::suspects::Suspects;
use super::views::SavedViews;
use crate::domain::alarms::FleetAlarms;
use crate::domain::ids::{AlarmName, FleetName, ImageId, OperationId};
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::operation::event::OperationState;
use crate::operation::record::OperationView;
use crate::operation::status::{Estate, FleetStatus, ImageStatus};
use crate::ports::desk::{DeskError, FleetDetail, Header, Sources};

/// How much colour the terminal takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// None: shape and word say it all.
    None,
    /// The sixteen every terminal has.
    #[default]
    Sixteen,
    /// 256.
    Many,
    /// All of them.
    True,
}

/// How things are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// ASCII twins instead of the glyphs.
    pub ascii: bool,
    /// How much colour.
    pub colours: Colours,
    /// Which colour means what.
    pub palette: colours::Palette,
}

/// A view of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Images and fleets side by side.
    Main,
    /// One fleet with its operation.
    Fleet(FleetName),
    /// More about one fleet: how it is set up, or what was counted.
    Page(FleetName, Page),
    /// One image: where it comes from, where it runs, what it changes, what there is to do if it is blocked.
    Image(ImageId),
    /// Everything that is on record of one image.
    ImageRecord(ImageId),
    /// Images nobody needs, and why each other stays.
    Retention,
    /// All bakes, and which images are behind their base.
    Bakes,
    /// One bake: its steps and its log.
    Bake(OperationId),
    /// The log of a bake over the whole screen.
    BakeLog(OperationId),
    /// Events of all operations.
    Activity,
    /// Errors and operations that stopped.
    Alerts,
    /// Where everything comes from, and how this program is set.
    Sources,
    /// What every key does.
    Help,
}

/// A page about a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// How it is set up, and everything that was read of it.
    Describe,
    /// What the judge counted, verdict by verdict.
    Metrics,
}

impl Page {
    /// What it is called.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Metrics => "metrics",
        }
    }
}

/// A pane of the main view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// Images of the selected fleet's app.
    Images,
    /// Fleets.
    #[default]
    Fleets,
    /// Operations at work. A pane of its own only where there is room for one.
    Operations,
    /// The newest events. The same.
    Activity,
}

/// How often something was read: a list made from an older reading is made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Fleets and images.
    pub estate: u64,
    /// Operations and bakes.
    pub operations: u64,
}

/// What went wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub text: String,
    /// What to do about it.
    pub hint: String,
}

impl From<&DeskError> for Problem {
    fn from(error: &DeskError) -> Self {
        Self { text: error.to_string(), hint: error.hint().to_owned() }
    }
}

/// What the picker's choice is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The image to deploy.
    Deploy,
    /// The target of a rollback.
    RollbackTarget,
}

/// A choice among the images of a fleet's app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picker {
    /// The fleet.
    pub fleet: FleetName,
    /// The app; none if the fleet's is not known.
    pub app: Option<Untrusted>,
    /// What for.
    pub purpose: Purpose,
    /// The image under the cursor.
    pub image: Option<ImageId>,
}

/// Everything the screen knows.
#[derive(Clone, Debug)]
pub struct Model {
    /// How things are drawn.
    pub look: Look,
    /// What time it is.
    pub clock: Clock,
    /// Where we are.
    pub header: Header,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Opened views, the visible one last; never empty.
    pub screens: Vec<Screen>,
    /// The pane with the focus.
    pub pane: Pane,
    /// The selected fleet.
    pub fleet: Option<FleetName>,
    /// Events that were marked: a timeline that is copied has only them.
    pub marked_events: BTreeSet<(OperationId, u64)>,
    /// The pane with the focus has the whole width, servers have their names, long lines are not cut.
    pub wide: bool,
    /// Fleets that were marked: what opens a sheet is about all of them.
    pub marked: BTreeSet<FleetName>,
    /// The image a person chose; none until somebody did.
    pub image: Option<ImageId>,
    /// The selected alert.
    pub alert: Option<u64>,
    /// The selected event: its operation and its number there.
    pub event: Option<(OperationId, u64)>,
    /// What of the activity is shown.
    pub shown: Shown,
    /// The command under the cursor of the help.
    pub command: Option<CommandId>,
    /// The palette, when it is open.
    pub palette: Option<Palette>,
    /// The copy menu, when it is open.
    pub copying: Option<CopyMenu>,
    /// First line shown of a text or list without a selection.
    pub scroll: usize,
    /// The views as they were before the last change of view.
    pub last_view: Option<Vec<Screen>>,
    /// Which keys run what.
    pub keymap: Keymap,
    /// Views a person wrote down.
    pub views: SavedViews,
    /// What each list is filtered by.
    pub filters: Filters,
    /// The list whose filter is being typed.
    pub typing: Option<List>,
    /// What fleets are sorted by.
    pub fleet_sort: FleetSort,
    /// What images are sorted by.
    pub image_sort: ImageSort,
    /// The lists as they are shown.
    pub listing: Listing,
    /// How often what lists come from was read.
    pub readings: Readings,
    /// The plan sheet, when one is open.
    pub sheet: Option<Sheet>,
    /// The picker, when one is open.
    pub picker: Option<Picker>,
    /// Fleets and images as last read.
    pub estate: Option<Aged<Estate>>,
    /// The estate comes from the store, not from the cloud in this session.
    pub estate_remembered: bool,
    /// Why the last reading of the estate failed, if it did.
    pub estate_problem: Option<Problem>,
    /// The opened fleet as last read.
    pub detail: Option<Aged<FleetDetail>>,
    /// Why the last reading of the opened fleet failed, if it did.
    pub detail_problem: Option<Problem>,
    /// What the screen stands on, as last read.
    pub sources: Option<Aged<Sources>>,
    /// Operations, newest first.
    pub operations: Vec<OperationView>,
    /// Operations were read at least once.
    pub operations_read: bool,
    /// Bakes and recipes.
    pub baking: Baking,
    /// The life of the opened image.
    pub life: Life,
    /// Images nobody needs.
    pub retention: Retention,
    /// Errors and operations that stopped.
    pub inbox: Inbox,
    /// What changed before the selected alert.
    pub suspects: Suspects,
    /// The alarms of all fleets as last read.
    pub alarms: Option<Aged<FleetAlarms>>,
    /// Why not all of them could be read, if they could not.
    pub alarms_problem: Option<Problem>,
    /// What was heard of each alarm last: one that goes red rings once.
    pub alarms_heard: BTreeMap<(FleetName, AlarmName), Heard>,
    /// The last answer to a key, until the next key.
    pub notice: Option<String>,
    /// Since when credentials are gone.
    pub credentials_gone: Option<WorldTime>,
    /// Answers that are still to come.
    pub requests: Requests,
}

/// Columns and rows below which nothing but a sentence is drawn.
pub const SMALLEST: (u16, u16) = (44, 4);
/// Columns and rows from which on there is room for more columns and panes.
pub const WIDE: (u16, u16) = (140, 36);

impl Model {
    /// Nothing can be read on a terminal of this size.
    #[must_use]
    pub const fn is_too_small(&self) -> bool {
        self.size.0 < SMALLEST.0 || self.size.1 < SMALLEST.1
    }

    /// A screen that knows nothing yet.
    #[must_use]
    pub fn new(look: Look, header: Header, clock: Clock, size: (u16, u16)) -> Self {
        Self {
            look,
            clock,
            header,
            size,
            screens: vec![Screen::Main],
            pane: Pane::Fleets,
            fleet: None,
            marked: BTreeSet::new(),
            marked_events: BTreeSet::new(),
            wide: false,
            image: None,
            alert: None,
            event: None,
            shown: Shown::default(),
            command: None,
            palette: None,
            copying: None,
            scroll: 0,
            last_view: None,
            keymap: Keymap::default(),
            views: SavedViews::new(),
            filters: Filters::default(),
            typing: None,
            fleet_sort: FleetSort::default(),
            image_sort: ImageSort::default(),
            listing: Listing::default(),
            readings: Readings::default(),
            sheet: None,
            picker: None,
            estate: None,
            estate_remembered: false,
            estate_problem: None,
            detail: None,
            detail_problem: None,
            sources: None,
            operations: Vec::new(),
            operations_read: false,
            baking: Baking::default(),
            life: Life::default(),
            retention: Retention::default(),
            inbox: Inbox::default(),
            suspects: Suspects::default(),
            alarms: None,
            alarms_problem: None,
            alarms_heard: BTreeMap::new(),
            notice: None,
            credentials_gone: None,
            requests: Requests::default(),
        }
    }

    /// Takes in where we are and what time it is; the runtime does it before each message.
    pub fn look_up(&mut self, header: Header, clock: Clock) {
        self.header = header;
        self.clock = clock;
    }

    /// The visible view.
    #[must_use]
    pub fn screen(&self) -> &Screen {
        self.screens.last().unwrap_or(&Screen::Main)
    }

    /// Operations and the newest events have panes of their own on the main view.
    #[must_use]
    pub const fn has_four_panes(&self) -> bool {
        self.size.0 >= WIDE.0 && self.size.1 >= WIDE.1
    }

    /// The sheet, if it is what the keys are about: the help can lie over it.
    #[must_use]
    pub fn sheet_in_front(&self) -> Option<&Sheet> {
        self.sheet.as_ref().filter(|_| self.screen() != &Screen::Help)
    }

    /// The list on the screen that can be filtered.
    #[must_use]
    pub fn list(&self) -> Option<List> {
        match (self.screen(), self.pane) {
            (Screen::Main, Pane::Images) => Some(List::Images),
            (Screen::Main, Pane::Fleets | Pane::Operations) => Some(List::Fleets),
            (Screen::Main, Pane::Activity) => Some(List::Activity),
            (Screen::Activity, _) => Some(List::Activity),
            (Screen::Help, _) => Some(List::Help),
            (Screen::Retention, _) => Some(List::Retention),
            (Screen::Bake(_) | Screen::BakeLog(_), _) => Some(List::Log),
            _ => None,
        }
    }

    /// The fleets, as last read.
    #[must_use]
    pub fn fleets(&self) -> &[FleetStatus] {
        self.estate.as_ref().map_or(&[], |estate| &estate.value.fleets)
    }

    /// The images, as last read.
    #[must_use]
    pub fn images(&self) -> &[ImageStatus] {
        self.estate.as_ref().map_or(&[], |estate| &estate.value.images)
    }

    /// A fleet as last read: closely if it is the opened one, unless the listing has seen it since.
    #[must_use]
    pub fn fleet_status(&self, name: &FleetName) -> Option<&FleetStatus> {
        let listed = self.fleets().iter().find(|status| &status.spec.name == name);
        let opened = self.detail.as_ref().map(|detail| &detail.value.status).filter(|status| &status.spec.name == name);
        opened.filter(|opened| listed.is_none_or(|listed| opened.as_of >= listed.as_of)).or(listed)
    }

    /// The opened fleet's close reading, if it is `name`'s.
    #[must_use]
    pub fn detail_of(&self, name: &FleetName) -> Option<&Aged<FleetDetail>> {
        self.detail.as_ref().filter(|detail| &detail.value.status.spec.name == name)
    }

    /// The fleet that a capital letter is about. Help and activity are about the view they were opened from.
    #[must_use]
    pub fn acting_fleet(&self) -> Option<&FleetName> {
        match self.screens.iter().rev().find(|screen| !matches!(screen, Screen::Help | Screen::Activity | Screen::Sources)) {
            Some(Screen::Fleet(name) | Screen::Page(name, _)) => Some(name),
            Some(Screen::Alerts) if self.suspects.has_focus => super::suspects::operation(self).map(|view| &view.operation.plan.fleet),
            Some(Screen::Alerts) => self.selected_alert()?.fleet.as_ref(),
            Some(Screen::Image(id) | Screen::ImageRecord(id)) => super::image::fleet(self, id),
            Some(Screen::Retention | Screen::Bakes | Screen::Bake(_) | Screen::BakeLog(_)) => None,
            _ => self.fleet.as_ref(),
        }
    }

    /// The selected alert, or the newest.
    #[must_use]
    pub fn selected_alert(&self) -> Option<&Alert> {
        let all = self.inbox.all();
        all.iter().find(|alert| Some(alert.id) == self.alert).or_else(|| all.first())
    }

    /// An operation by its id.
    #[must_use]
    pub fn operation(&self, id: &OperationId) -> Option<&OperationView> {
        self.operations.iter().find(|view| &view.operation.id == id)
    }

    /// The operation of a fleet that a person wants to see: the one at work, else one that waits, else the newest.
    #[must_use]
    pub fn operation_of(&self, fleet: &FleetName) -> Option<&OperationView> {
        let of = || self.operations.iter().filter(|view| &view.operation.plan.fleet == fleet);
        self.working_on(fleet).or_else(|| of().find(|view| !view.state().is_final())).or_else(|| of().next())
    }

    /// The operation that holds a fleet.
    #[must_use]
    pub fn working_on(&self, fleet: &FleetName) -> Option<&OperationView> {
        self.operations.iter().find(|view| &view.operation.plan.fleet == fleet && is_at_work(view.state()))
    }

    /// The image a person chose, if it is one of `app`.
    #[must_use]
    pub fn chosen_image(&self, app: Option<&Untrusted>) -> Option<&ImageStatus> {
        let id = self.image.as_ref()?;
        self.images().iter().find(|status| &status.image.id == id && app.is_some() && status.image.app.as_ref() == app)
    }
}

/// The state of an operation that holds its fleet: neither finished nor waiting out a window.
#[must_use]
pub const fn is_at_work(state: OperationState) -> bool {
    !state.is_final() && !matches!(state, OperationState::Waiting)
}

//! Every command, once: where it can be pressed, under which name. Footer, help, palette and key map read this table.

use super::bake_sheet::BakeState;
use super::model::{Model, Screen};
use super::places::{Place, Places};
use super::sheet::{Sheet, Subject};
use super::sheet_keys::is_rollback;

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below says what each one does, in the words people read")]
pub enum CommandId {
    Open,
    Back,
    Deploy,
    Rollback,
    BackOut,
    Promote,
    Pause,
    TakeOver,
    Mark,
    Rehearse,
    Recycle,
    Down,
    Up,
    PageDown,
    PageUp,
    Top,
    End,
    NextPane,
    ImagesPane,
    FleetsPane,
    OperationsPane,
    ActivityPane,
    Filter,
    NextMatch,
    PreviousMatch,
    Sort,
    Wide,
    Describe,
    BlockImage,
    Retention,
    Log,
    Metrics,
    Follow,
    Kinds,
    OnlyMine,
    Palette,
    Copy,
    Sources,
    LastView,
    Alerts,
    Activity,
    Help,
    Refresh,
    Save,
    Suspend,
    Quit,
    Confirm,
    Cancel,
    Reason,
    Name,
    PlanAgain,
    OtherTarget,
    Scope,
    Freeze,
    Choose,
    Bakes,
    Bake,
    Rebake,
}

/// Commands that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// They open a plan sheet.
    Change,
    /// They confirm or leave one.
    Sheet,
    /// They move and open.
    Look,
    /// Everything else.
    Program,
}

impl Group {
    /// All, in the order of the help.
    pub const ALL: [Self; 4] = [Self::Change, Self::Sheet, Self::Look, Self::Program];

    /// What the help calls it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Change => "Change production: each opens a plan sheet, nothing is done before y",
            Self::Sheet => "On a plan sheet or in a list to choose from",
            Self::Look => "Look around",
            Self::Program => "The program",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// What it does.
    pub id: CommandId,
    /// Its name in the key map.
    pub name: &'static str,
    /// Its name in the footer.
    pub label: &'static str,
    /// What it does, for the help.
    pub about: &'static str,
    /// Where it belongs in the help.
    pub group: Group,
    /// Where it can be pressed.
    pub places: Places,
    /// Rank in the footer, 1 first; 0 is help only.
    pub footer: u8,
}

const ACTING: Places = Places::of(&[Place::Main, Place::Fleet, Place::Page, Place::Alerts]);
const DEPLOYING: Places = ACTING.and(&[Place::Image]);
const STOPPING: Places = ACTING.and(&[Place::Image, Place::Bakes, Place::Bake]);
const BAKING: Places = Places::of(&[Place::Main, Place::Image, Place::Bakes, Place::Bake]);
const REHEARSING: Places = Places::of(&[Place::Fleet, Place::Sheet]);
const VIEWS: Places = Places::ALL.without(&[Place::Sheet, Place::Picker, Place::Menu]);
const LOOKED_UP: Places = VIEWS.and(&[Place::Sheet]);
const COPIED: Places = LOOKED_UP.without(&[Place::Sources, Place::Help]);
const BLOCKING: Places = Places::of(&[Place::Main, Place::Image]);
const OPENED: Places = VIEWS.without(&[Place::Main]);
const OPENING: Places = VIEWS.without(&[Place::Fleet, Place::Page, Place::Sources]);
const READ: Places = Places::of(&[Place::Main, Place::Fleet, Place::Page]);
const DESCRIBED: Places = READ.and(&[Place::Image]);
const WIDENED: Places = Places::of(&[Place::Main, Place::Fleet, Place::Bake, Place::Activity]);
const SEARCHED: Places = Places::of(&[Place::Main, Place::Retention, Place::Bake, Place::Activity, Place::Help]);
const ON_SHEET: Places = Places::of(&[Place::Sheet]);
const ON_MAIN: Places = Places::of(&[Place::Main]);

macro_rules! command {
    ($id:ident, $name:literal, $label:literal, $group:ident, $places:expr, $footer:literal, $about:literal) => {
        Command { id: CommandId::$id, name: $name, label: $label, about: $about, group: Group::$group, places: $places, footer: $footer }
    };
}

/// The rank of what a view is there for.
const MAIN_ACTION: u8 = 3;

/// The table.
pub const COMMANDS: &[Command] = &[
    command!(Deploy, "deploy", "deploy", Change, DEPLOYING, 2, "deploy an image to the fleet"),
    command!(Rollback, "roll_back", "roll back", Change, DEPLOYING, 3, "roll the fleet back to its last known good release"),
    command!(BackOut, "back_out", "back out", Change, STOPPING, 4, "back an unfinished deploy out: traffic to stable now; or end a bake"),
    command!(Promote, "promote", "promote", Change, ACTING, 5, "skip the rest of this step's wait, or pass its hold"),
    command!(Pause, "pause", "pause", Change, ACTING, 6, "stop the operation where it is, or resume it"),
    command!(TakeOver, "take_over", "take over", Change, STOPPING, 4, "start a driver for an operation that has none"),
    command!(Recycle, "recycle", "recycle", Change, ACTING, 0, "replace every server of the fleet by a fresh one of the same image"),
    command!(BlockImage, "block_image", "block", Change, BLOCKING, 12, "let nobody deploy the image, nor what was made from it; or lift that"),
    command!(Bake, "bake", "bake", Change, BAKING, 12, "bake an image from a recipe of yours"),
    command!(
        Rebake,
        "rebake",
        "bake what is behind",
        Change,
        Places::of(&[Place::Bakes]),
        6,
        "bake every image anew that is behind its base, in waves"
    ),
    command!(Freeze, "freeze", "freeze", Change, ACTING, 14, "let no new deploy go forward for a while, or lift that"),
    command!(Confirm, "confirm", "yes, do it", Sheet, ON_SHEET, 1, "do what the sheet says; enter does nothing there"),
    command!(Cancel, "cancel", "cancel", Sheet, Places::of(&[Place::Sheet, Place::Picker]), 2, "close the sheet or the list; nothing is changed"),
    command!(Reason, "reason", "reason", Sheet, ON_SHEET, 3, "type why; it is recorded"),
    command!(Name, "type_name", "type name", Sheet, ON_SHEET, 4, "type the fleet's name, where the risk asks for it"),
    command!(
        OtherTarget,
        "other_target",
        "change",
        Sheet,
        ON_SHEET,
        5,
        "another target of a rollback, another length of a freeze, a bake despite an image"
    ),
    command!(Scope, "scope", "scope", Sheet, ON_SHEET, 6, "freeze this fleet, or all of them"),
    command!(PlanAgain, "plan_again", "plan again", Sheet, ON_SHEET, 6, "make the plan again from fresh facts"),
    command!(
        Choose,
        "choose",
        "choose",
        Sheet,
        Places::of(&[Place::Picker, Place::Menu]),
        1,
        "choose what is under the cursor: an image opens its plan sheet"
    ),
    command!(Open, "open", "open", Look, OPENING, 1, "open what is under the cursor; in the help, run it"),
    command!(Back, "back", "back", Look, OPENED, 1, "back to the view before"),
    command!(LastView, "last_view", "last view", Look, VIEWS, 0, "to the view you were in last, and to this one again"),
    command!(Down, "down", "down", Look, Places::ALL, 0, "down a row"),
    command!(Up, "up", "up", Look, Places::ALL, 0, "up a row"),
    command!(PageDown, "page_down", "page down", Look, Places::ALL, 0, "down a page"),
    command!(PageUp, "page_up", "page up", Look, Places::ALL, 0, "up a page"),
    command!(Top, "top", "top", Look, Places::ALL, 0, "to the top"),
    command!(End, "end", "end", Look, Places::ALL, 0, "to the end"),
    command!(
        Mark,
        "mark",
        "mark",
        Look,
        Places::of(&[Place::Main, Place::Activity]),
        0,
        "mark the fleet or event, or take its mark off: what is asked next is for all marked ones"
    ),
    command!(Rehearse, "rehearse", "rehearse", Look, REHEARSING, 11, "try the way back out up to its first write: changes nothing"),
    command!(Filter, "filter", "filter", Look, SEARCHED, 7, "show only rows that hold a text; !text those that do not; state:canary"),
    command!(
        NextMatch,
        "next_match",
        "next",
        Look,
        SEARCHED,
        0,
        "to the next match; without a filter, to the next that is not as it should be or warns"
    ),
    command!(PreviousMatch, "previous_match", "previous", Look, SEARCHED, 0, "to the one before"),
    command!(Sort, "sort", "sort", Look, ON_MAIN, 14, "sort fleets by name, state, way back; images by age or servers"),
    command!(Wide, "wide", "wide", Look, WIDENED, 15, "the pane over the whole width, servers by name, long lines whole; and back"),
    command!(
        Describe,
        "describe",
        "describe",
        Look,
        DESCRIBED,
        15,
        "how the fleet is set up: groups, route, steps, alarms, releases; all that is on record of an image"
    ),
    command!(Log, "log", "log", Look, READ, 15, "every event and call of the fleet's operation"),
    command!(Metrics, "metrics", "metrics", Look, READ, 15, "requests, errors and verdicts of the fleet's operation"),
    command!(
        Follow,
        "follow",
        "follow",
        Look,
        Places::of(&[Place::Bake, Place::Activity]),
        8,
        "stay on this event or line, or follow the newest again"
    ),
    command!(NextPane, "next_pane", "pane", Look, Places::of(&[Place::Main, Place::Image, Place::Bakes, Place::Alerts]), 8, "to the next pane"),
    command!(ImagesPane, "images_pane", "images", Look, ON_MAIN, 0, "to the images"),
    command!(FleetsPane, "fleets_pane", "fleets", Look, ON_MAIN, 0, "to the fleets"),
    command!(OperationsPane, "operations_pane", "operations", Look, ON_MAIN, 0, "to the operations at work"),
    command!(ActivityPane, "activity_pane", "events", Look, ON_MAIN, 0, "to the newest events"),
    command!(Bakes, "bakes", "bakes", Look, VIEWS, 13, "bakes and recipes: what is baked, and what is behind its base"),
    command!(Retention, "old_images", "old images", Look, VIEWS, 0, "images nobody needs: what qd gc would remove, what it holds, why others stay"),
    command!(
        Alerts,
        "alerts",
        "alerts",
        Look,
        VIEWS,
        0,
        "errors and operations that stopped, with what changed before them; enter jumps to the fleet"
    ),
    command!(Activity, "activity", "activity", Look, VIEWS, 10, "everything operations did, every call with its request"),
    command!(Sources, "sources", "sources", Look, VIEWS, 0, "where everything comes from and how old it is, the call budget, settings"),
    command!(Kinds, "kinds", "kinds", Look, Places::of(&[Place::Activity]), 3, "only calls, steps, health, judge, what people did; then all again"),
    command!(OnlyMine, "only_mine", "only mine", Look, Places::of(&[Place::Activity]), 4, "only what you began or asked for"),
    command!(Palette, "palette", "palette", Look, LOOKED_UP, 12, "find a command, fleet or image by a few letters and go there"),
    command!(Copy, "copy", "copy", Look, COPIED, 13, "copy a name, an id, a command, a timeline"),
    command!(Refresh, "refresh", "refresh", Look, VIEWS, 0, "read again now"),
    command!(Help, "help", "keys", Program, LOOKED_UP, 9, "what every key does here"),
    command!(Save, "save", "save", Program, Places::ALL, 0, "save the screen as text and what it knows as JSON; it says where"),
    command!(Suspend, "suspend", "suspend", Program, VIEWS, 0, "to the shell and back"),
    command!(Quit, "quit", "quit", Program, VIEWS, 0, "leave at once; operations go on"),
];

/// Where the keyboard is.
#[must_use]
pub const fn place(model: &Model) -> Place {
    if model.copying.is_some() {
        return Place::Menu;
    }
    if is_sheet_in_front(model) {
        return Place::Sheet;
    }
    if model.picker.is_some() {
        return Place::Picker;
    }
    of_view(model.screens.as_slice())
}

/// The place the help and the palette were opened from: what they offer can be pressed there.
#[must_use]
pub const fn place_below(model: &Model) -> Place {
    if model.sheet.is_some() {
        return Place::Sheet;
    }
    match model.screens.as_slice() {
        [below @ .., Screen::Help] => of_view(below),
        all => of_view(all),
    }
}

const fn is_sheet_in_front(model: &Model) -> bool {
    model.sheet.is_some() && !matches!(model.screens.as_slice(), [.., Screen::Help])
}

const fn of_view(screens: &[Screen]) -> Place {
    match screens {
        [.., Screen::Fleet(_)] => Place::Fleet,
        [.., Screen::Page(..)] => Place::Page,
        [.., Screen::Image(_) | Screen::ImageRecord(_)] => Place::Image,
        [.., Screen::Retention] => Place::Retention,
        [.., Screen::Bakes] => Place::Bakes,
        [.., Screen::Bake(_) | Screen::BakeLog(_)] => Place::Bake,
        [.., Screen::Activity] => Place::Activity,
        [.., Screen::Alerts] => Place::Alerts,
        [.., Screen::Sources] => Place::Sources,
        [.., Screen::Help] => Place::Help,
        [.., Screen::Main] | [] => Place::Main,
    }
}

/// What the footer of a place can show, in the order in which it is shown.
#[must_use]
pub fn footer(model: &Model) -> Vec<&'static Command> {
    let place = place(model);
    let mut shown: Vec<&Command> =
        COMMANDS.iter().filter(|command| command.footer > 0 && command.places.has(place) && is_sensible(model, command.id)).collect();
    shown.sort_by_key(|command| rank(model, command));
    shown
}

/// Where a command stands in the footer, 1 first: what a view is for comes before what can be done in it as well.
#[must_use]
pub fn rank(model: &Model, command: &Command) -> u8 {
    match (place(model), command.id) {
        (Place::Bakes, CommandId::Bake) | (Place::Image, CommandId::BlockImage) => MAIN_ACTION,
        _ => command.footer,
    }
}

/// Sheet keys that mean nothing on the sheet at hand are left out of its footer; commands are never hidden.
fn is_sensible(model: &Model, id: CommandId) -> bool {
    let Some(sheet) = &model.sheet else { return true };
    match id {
        CommandId::Name => sheet.needs_name(),
        CommandId::OtherTarget => {
            is_rollback(sheet)
                || puts_freeze(sheet)
                || matches!(&sheet.subject, Subject::Bake(order) if order.force || matches!(order.state, BakeState::Reuse { .. }))
        }
        CommandId::Scope => puts_freeze(sheet),
        CommandId::PlanAgain => matches!(sheet.subject, Subject::Plan { .. } | Subject::Bake(_) | Subject::Image(_)),
        CommandId::Rehearse => is_rollback(sheet),
        _ => true,
    }
}

fn puts_freeze(sheet: &Sheet) -> bool {
    matches!(&sheet.subject, Subject::Freeze(freezing) if freezing.lifts.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::key::Key;

    #[test]
    fn names_are_unique() {
        for (at, command) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS.iter().skip(at + 1).all(|other| other.name != command.name && other.id != command.id), "{}", command.name);
        }
    }

    #[test]
    fn capitals_open_sheets_and_nothing_else_does() {
        let map = super::super::keymap::Keymap::default();
        for command in COMMANDS {
            let capital = map.keys(command.id).iter().any(|key| matches!(key, Key::Char(c) if c.is_uppercase() && !matches!(c, 'G' | 'N')));
            assert_eq!(capital, command.group == Group::Change, "{}", command.name);
        }
    }
}

//! Every command, once: what key runs it, where, under which name. Footer, help and the README's key table read this table.

use super::key::Key;
use super::model::{Model, Screen};
use super::sheet::Subject;

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
    Filter,
    Alerts,
    Activity,
    Help,
    Refresh,
    Suspend,
    Quit,
    Confirm,
    Cancel,
    Reason,
    Name,
    PlanAgain,
    OtherTarget,
    Choose,
}

/// Where a command can be pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The main view.
    Main,
    /// An opened fleet.
    Fleet,
    /// The activity view.
    Activity,
    /// The alerts.
    Alerts,
    /// The help.
    Help,
    /// A plan sheet.
    Sheet,
    /// A picker.
    Picker,
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
    /// Keys that run it.
    pub keys: &'static [Key],
    /// How its keys are written.
    pub shown: &'static str,
    /// Its name in the footer.
    pub label: &'static str,
    /// What it does, for the help.
    pub about: &'static str,
    /// Where it belongs in the help.
    pub group: Group,
    /// Where it can be pressed.
    pub places: &'static [Place],
    /// Rank in the footer, 1 first; 0 is help only.
    pub footer: u8,
}

const LISTS: &[Place] = &[Place::Main, Place::Activity, Place::Alerts, Place::Help, Place::Sheet, Place::Picker];
const ACTING: &[Place] = &[Place::Main, Place::Fleet, Place::Alerts];
const VIEWS: &[Place] = &[Place::Main, Place::Fleet, Place::Activity, Place::Alerts, Place::Help];
const REHEARSING: &[Place] = &[Place::Fleet, Place::Sheet];
const OPENED: &[Place] = &[Place::Fleet, Place::Activity, Place::Alerts, Place::Help];

macro_rules! command {
    ($id:ident, [$($key:expr),*], $shown:literal, $label:literal, $group:ident, $places:expr, $footer:literal, $about:literal) => {
        Command {
            id: CommandId::$id, keys: &[$($key),*], shown: $shown, label: $label, about: $about,
            group: Group::$group, places: $places, footer: $footer,
        }
    };
}

/// The table.
pub const COMMANDS: &[Command] = &[
    command!(Deploy, [Key::Char('D')], "D", "deploy", Change, ACTING, 2, "deploy an image to the fleet"),
    command!(Rollback, [Key::Char('R')], "R", "roll back", Change, ACTING, 3, "roll the fleet back to its last known good release"),
    command!(BackOut, [Key::Char('A')], "A", "back out", Change, ACTING, 4, "back an unfinished deploy out: traffic to stable now"),
    command!(Promote, [Key::Char('P')], "P", "promote", Change, ACTING, 5, "skip the rest of this step's wait, or pass its hold"),
    command!(Pause, [Key::Char('Z')], "Z", "pause", Change, ACTING, 6, "stop the operation where it is, or resume it"),
    command!(TakeOver, [Key::Char('T')], "T", "take over", Change, ACTING, 4, "start a driver for an operation that has none"),
    command!(Recycle, [Key::Char('C')], "C", "recycle", Change, ACTING, 0, "replace every server of the fleet by a fresh one of the same image"),
    command!(Confirm, [Key::Char('y')], "y", "yes, do it", Sheet, &[Place::Sheet], 1, "do what the sheet says; enter does nothing there"),
    command!(Cancel, [Key::Char('n'), Key::Esc], "n esc", "cancel", Sheet, &[Place::Sheet], 2, "close the sheet; nothing is changed"),
    command!(Reason, [Key::Char('i')], "i", "reason", Sheet, &[Place::Sheet], 3, "type why; it is recorded"),
    command!(Name, [Key::Char('t')], "t", "type name", Sheet, &[Place::Sheet], 4, "type the fleet's name, where the risk asks for it"),
    command!(OtherTarget, [Key::Char('v')], "v", "target", Sheet, &[Place::Sheet], 5, "choose another target of a rollback"),
    command!(PlanAgain, [Key::Char('r')], "r", "plan again", Sheet, &[Place::Sheet], 6, "make the plan again from fresh facts"),
    command!(Choose, [Key::Enter], "enter", "choose", Sheet, &[Place::Picker], 1, "open the plan sheet for the image under the cursor"),
    command!(Open, [Key::Enter], "enter", "open", Look, &[Place::Main, Place::Alerts], 1, "open the fleet under the cursor"),
    command!(Back, [Key::Esc, Key::Char('-')], "esc", "back", Look, OPENED, 1, "back to the view before"),
    command!(Down, [Key::Char('j'), Key::Down], "j", "down", Look, LISTS, 0, "down a row"),
    command!(Up, [Key::Char('k'), Key::Up], "k", "up", Look, LISTS, 0, "up a row"),
    command!(PageDown, [Key::Ctrl('d'), Key::PageDown], "ctrl-d", "page down", Look, LISTS, 0, "down a page"),
    command!(PageUp, [Key::Ctrl('u'), Key::PageUp], "ctrl-u", "page up", Look, LISTS, 0, "up a page"),
    command!(Top, [Key::Char('g'), Key::Home], "g", "top", Look, LISTS, 0, "to the top"),
    command!(End, [Key::Char('G'), Key::End], "G", "end", Look, LISTS, 0, "to the end"),
    command!(
        Mark,
        [Key::Char(' ')],
        "space",
        "mark",
        Look,
        &[Place::Main],
        0,
        "mark the fleet, or take its mark off: R and A are for all marked ones"
    ),
    command!(Rehearse, [Key::Char('h')], "h", "rehearse", Look, REHEARSING, 11, "try the way back out up to its first write: changes nothing"),
    command!(Filter, [Key::Char('/')], "/", "filter", Look, &[Place::Main], 7, "show only fleets whose name holds a text"),
    command!(NextPane, [Key::Tab, Key::BackTab], "tab", "pane", Look, &[Place::Main], 8, "between images and fleets"),
    command!(ImagesPane, [Key::Char('1')], "1", "images", Look, &[Place::Main], 0, "to the images"),
    command!(FleetsPane, [Key::Char('2')], "2", "fleets", Look, &[Place::Main], 0, "to the fleets"),
    command!(Alerts, [Key::Char('!')], "!", "alerts", Look, VIEWS, 0, "errors and operations that stopped; enter jumps to the fleet"),
    command!(Activity, [Key::Char(';')], ";", "activity", Look, VIEWS, 10, "everything operations did, every call with its request"),
    command!(Refresh, [Key::Char('r')], "r", "refresh", Look, VIEWS, 0, "read again now"),
    command!(Help, [Key::Char('?')], "?", "keys", Program, VIEWS, 9, "what every key does here"),
    command!(Suspend, [Key::Ctrl('z')], "ctrl-z", "suspend", Program, VIEWS, 0, "to the shell and back"),
    command!(Quit, [Key::Ctrl('c'), Key::Char('q')], "ctrl-c", "quit", Program, VIEWS, 0, "leave at once (q too); operations go on"),
];

/// Where the keyboard is.
#[must_use]
pub const fn place(model: &Model) -> Place {
    if model.sheet.is_some() {
        return Place::Sheet;
    }
    if model.picker.is_some() {
        return Place::Picker;
    }
    match model.screens.as_slice() {
        [.., Screen::Fleet(_)] => Place::Fleet,
        [.., Screen::Activity] => Place::Activity,
        [.., Screen::Alerts] => Place::Alerts,
        [.., Screen::Help] => Place::Help,
        [.., Screen::Main] | [] => Place::Main,
    }
}

/// The command a key runs in a place.
#[must_use]
pub fn find(place: Place, key: Key) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.places.contains(&place) && command.keys.contains(&key))
}

/// What the footer of a place can show, in the order in which it is shown.
#[must_use]
pub fn footer(model: &Model) -> Vec<&'static Command> {
    let place = place(model);
    let mut shown: Vec<&Command> =
        COMMANDS.iter().filter(|command| command.footer > 0 && command.places.contains(&place) && is_sensible(model, command.id)).collect();
    shown.sort_by_key(|command| command.footer);
    shown
}

/// Sheet keys that mean nothing on the sheet at hand are left out of its footer; commands are never hidden.
fn is_sensible(model: &Model, id: CommandId) -> bool {
    let Some(sheet) = &model.sheet else { return true };
    match id {
        CommandId::Name => sheet.needs_name(),
        CommandId::OtherTarget => super::sheet_keys::is_rollback(sheet),
        CommandId::PlanAgain => matches!(sheet.subject, Subject::Plan { .. }),
        CommandId::Rehearse => super::sheet_keys::is_rollback(sheet),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for place in [Place::Main, Place::Fleet, Place::Activity, Place::Alerts, Place::Help, Place::Sheet, Place::Picker] {
            let keys: Vec<Key> =
                COMMANDS.iter().filter(|command| command.places.contains(&place)).flat_map(|command| command.keys).copied().collect();
            let mut unique = keys.clone();
            unique.dedup();
            unique.sort_by_key(ToString::to_string);
            unique.dedup();
            assert_eq!(unique.len(), keys.len(), "{place:?}: {keys:?}");
        }
    }

    #[test]
    fn capitals_open_sheets_and_nothing_else_does() {
        for command in COMMANDS {
            let capital = command.keys.iter().any(|key| matches!(key, Key::Char(c) if c.is_uppercase() && *c != 'G'));
            assert_eq!(capital, command.group == Group::Change, "{:?}", command.id);
        }
    }

    #[test]
    fn keys_that_tmux_screen_or_the_terminal_own_are_never_bound() {
        for reserved in ['b', 'a', '\\', 'q', ' '] {
            assert!(COMMANDS.iter().all(|command| !command.keys.contains(&Key::Ctrl(reserved))));
        }
    }
}

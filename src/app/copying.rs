//! The copy menu: what of this place can be put into the clipboard.

use super::alert::Alert;
use super::bake_log;
use super::baking;
use super::events;
use super::lines::told_line;
use super::model::{Model, Pane, Screen};
use super::rows;
use super::sheet::{Sheet, Subject};
use super::timeline;
use crate::domain::group::Health;
use crate::domain::ids::{FleetName, ImageId};
use crate::domain::text::{escape, shell_word};
use crate::operation::any::AnyRef;
use crate::operation::bake::BakeView;
use crate::operation::calls::planned_calls;
use crate::operation::event::Event;
use crate::operation::plan::Plan;
use crate::operation::status::FleetStatus;

/// Most servers whose session line is offered.
const SERVERS: usize = 5;

/// Most lines of a log that are offered.
const LOG_LINES: usize = 200;

/// Something that can be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copyable {
    /// What it is.
    pub what: String,
    /// The text.
    pub text: String,
}

/// The open menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyMenu {
    /// What there is to copy; never empty.
    pub items: Vec<Copyable>,
    /// The one under the cursor.
    pub at: usize,
}

/// What can be copied here; none if there is nothing.
#[must_use]
pub fn menu(model: &Model) -> Option<CopyMenu> {
    let items = match (&model.sheet, model.screen()) {
        (Some(sheet), _) => of_sheet(sheet),
        (None, Screen::Activity) => of_activity(model),
        (None, Screen::Main) if model.pane == Pane::Activity => of_activity(model),
        (None, Screen::Bakes | Screen::Bake(_) | Screen::BakeLog(_)) => baking::in_front(model).map(|view| of_bake(model, view)).unwrap_or_default(),
        (None, Screen::Alerts) => of_alerts(model),
        (None, Screen::Retention) => of_retention(model),
        (None, Screen::Image(id) | Screen::ImageRecord(id)) => of_image(model, id),
        (None, Screen::Main) if model.pane == Pane::Images => model.image.as_ref().map(|id| of_image(model, id)).unwrap_or_default(),
        (None, _) => model.acting_fleet().map(|name| of_fleet(model, name)).unwrap_or_default(),
    };
    (!items.is_empty()).then_some(CopyMenu { items, at: 0 })
}

fn item(what: &str, text: impl Into<String>) -> Copyable {
    Copyable { what: what.to_owned(), text: escape(&text.into()) }
}

/// Text of several lines: escaped where it was made.
fn lines(what: &str, text: String) -> Copyable {
    Copyable { what: what.to_owned(), text }
}

fn of_fleet(model: &Model, name: &FleetName) -> Vec<Copyable> {
    let mut items = vec![item("name", name.to_string()), item("command: look", format!("qd fleet {}", shell_word(name.as_str())))];
    items.push(item("command: roll back", format!("qd rollback {}", shell_word(name.as_str()))));
    if let Some(view) = model.operation_of(name) {
        let events: Vec<_> = rows::newest_first(&view.events).into_iter().map(|(_, event)| (AnyRef::Rollout(view), event)).collect();
        items.push(item("operation", view.operation.id.to_string()));
        items.push(item("command: watch", format!("qd watch {}", view.operation.id)));
        items.push(lines("timeline of the operation (Markdown)", timeline::markdown(&events)));
    }
    if let Some(status) = model.fleet_status(name) {
        items.extend(status.groups.iter().map(|group| item("server group", group.name.to_string())));
        items.extend(sessions(status));
    }
    items
}

/// The line that opens a session on a server, the bad ones first. No shell is opened from here.
fn sessions(status: &FleetStatus) -> Vec<Copyable> {
    let mut servers: Vec<_> = status.groups.iter().flat_map(|group| &group.instances).collect();
    servers.sort_by_key(|instance| instance.health == Health::Healthy);
    let line = |id: &str| item("session on a server", format!("aws ssm start-session --target {}", shell_word(id)));
    servers.into_iter().take(SERVERS).map(|instance| line(instance.id.as_str())).collect()
}

fn of_image(model: &Model, id: &ImageId) -> Vec<Copyable> {
    let show = format!("qd image show {}", shell_word(id.as_str()));
    let mut items = vec![item("image id", id.to_string()), item("command: look", show)];
    if let Some(status) = model.images().iter().find(|status| &status.image.id == id) {
        items.insert(0, item("version", status.image.label()));
        items.push(item("name", status.image.name.shown()));
    }
    if let Some(fleet) = &model.fleet {
        items.push(item("command: deploy", format!("qd deploy {} --image {}", shell_word(fleet.as_str()), shell_word(id.as_str()))));
    }
    items
}

/// What one would remove by hand, or tell others.
fn of_retention(model: &Model) -> Vec<Copyable> {
    let Some(chosen) = model.retention.chosen() else { return Vec::new() };
    let pin = format!("qd image pin {} --reason TEXT", shell_word(chosen.image.as_str()));
    vec![item("image id", chosen.image.to_string()), item("command: look", "qd gc --all"), item("command: keep this image", pin)]
}

fn of_activity(model: &Model) -> Vec<Copyable> {
    let marked = |event: &(AnyRef<'_>, &Event)| rows::is_marked(model, event.0, event.1);
    let any = rows::activity_shown(model).flatten().any(|event| marked(&event));
    let shown: Vec<_> = rows::activity_shown(model).flatten().filter(|event| !any || marked(event)).collect();
    let mut items = Vec::new();
    if let Some((view, event)) = rows::selected_event(model) {
        items.extend(told_line(view, event).map(|line| item("this line", format!("{} {line}", view.about()))));
        items.push(item("operation", view.id().to_string()));
        items.extend(events::person(&event.body).map(|who| item("who", format!("{} {}", who.short(), who.caller.shown()))));
    }
    if !shown.is_empty() {
        let what = if any { "marked" } else { "listed" };
        items.insert(0, lines(&format!("incident timeline of what is {what} (Markdown)"), timeline::markdown(&shown)));
    }
    items
}

fn of_bake(model: &Model, view: &BakeView) -> Vec<Copyable> {
    let id = &view.operation.id;
    let mut items = vec![item("operation", id.to_string()), item("command: watch", format!("qd watch {id}"))];
    items.push(item("command: abort", format!("qd abort {id}")));
    items.extend(view.progress.image.as_ref().map(|image| item("image id", image.to_string())));
    items.push(item("image name", &view.operation.plan.image_name));
    let log = &model.baking.log;
    if bake_log::shown(model).is_some() && log.log.lines() > 0 {
        let line = |at: usize| log.log.line(at).map(|text| text.shown()).unwrap_or_default();
        let end = log.line() + 1;
        let last: Vec<String> = (end.saturating_sub(LOG_LINES)..end).map(line).collect();
        items.insert(0, item("this line", line(log.line())));
        items.insert(1, lines("the lines up to it", last.join("\n")));
    }
    items
}

fn of_alerts(model: &Model) -> Vec<Copyable> {
    let line = |alert: &Alert| format!("{} {} ({})", alert.at.clock(), alert.text, alert.hint);
    let Some(selected) = model.selected_alert() else { return Vec::new() };
    let all: Vec<String> = model.inbox.all().iter().map(line).collect();
    vec![item("this alert", line(selected)), lines("all alerts", all.join("\n"))]
}

fn of_sheet(sheet: &Sheet) -> Vec<Copyable> {
    match &sheet.subject {
        Subject::Plan { intent, .. } => sheet.plan().map(|plan| of_plan(plan, &intent.command(&plan.to.label()))).unwrap_or_default(),
        Subject::Freeze(freezing) => vec![item("command", freezing.command())],
        Subject::Bake(order) => vec![item("command", order.command())],
        Subject::Image(order) => vec![item("command", order.command())],
        Subject::Rebake(rebake) => vec![item("command", rebake.command())],
        Subject::Command(errand) => vec![item("command", errand.ask.command(&errand.operation))],
        Subject::Batch(batch) => {
            let fleets: Vec<String> = batch.orders().iter().map(|(intent, _)| shell_word(intent.fleet().as_str())).collect();
            if fleets.is_empty() { Vec::new() } else { vec![item("command", format!("qd rollback {}", fleets.join(" ")))] }
        }
    }
}

fn of_plan(plan: &Plan, command: &str) -> Vec<Copyable> {
    let calls: Vec<String> = planned_calls(plan).iter().map(|call| format!("{} {} {}", call.step, call.api, escape(&call.summary))).collect();
    let by_hand: Vec<String> = planned_calls(plan).into_iter().map(|call| call.by_hand).collect();
    vec![
        item("command", command),
        lines("the same by hand: aws commands", by_hand.join("\n")),
        lines("calls to AWS", calls.join("\n")),
        item("plan id", plan.id.to_string()),
    ]
}

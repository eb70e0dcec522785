//! What frames every view: where am I and can I trust it, the one thing that needs a person, the answer to the last key, the keys.
//!
//! ```text
//!  SIM x10 │ release-op RW │ creds 42m │ data now           6 fleets · 1 op  ? help
//!  ‖ web-prod canary is holding: judge FAIL, backs out in 3:12               ! goto
//!  (body)
//!  Not now: no operation is at work on web-prod
//!  enter open  D deploy  R roll back  / filter  tab pane  ? keys  (A back out)
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Piece, Row, piece, row_width, toned};
use super::theme::Tone;
use super::{bake, words};
use crate::app::age::{about, stepped};
use crate::app::baking;
use crate::app::commands::{self, Command, CommandId, Group};
use crate::app::filters::List;
use crate::app::image::status;
use crate::app::lines::route_words;
use crate::app::model::{Model, Screen, is_at_work};
use crate::app::needs;
use crate::app::prospects::hindrance;
use crate::app::rows;
use crate::app::sheet::{Sending, Subject};
use crate::domain::ids::{FleetName, ImageId};
use crate::domain::text::{Untrusted, escape};
use crate::operation::freeze::Freeze;

/// Commands of a higher rank are in the footer only where there is room to spare.
const SPARE: u8 = 11;

/// Draws the frame and gives the room for the view.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) -> Rect {
    let wide = area.width >= 140;
    paint.ends(area, 0, &place(model, paint, wide), &totals(model));
    second_line(model, paint, area);
    let last = area.height.saturating_sub(1);
    let said = notice(model);
    let said = if said.is_empty() && wide { last_alert(model) } else { said };
    paint.row(area, last.saturating_sub(1), &said);
    let keys = footer(model, usize::from(area.width));
    paint.row(area, last, &keys);
    body(area)
}

/// The room for the view.
pub fn body(area: Rect) -> Rect {
    paint::lines(area, 2, area.height.saturating_sub(4))
}

/// Where am I and can I trust it.
pub fn place(model: &Model, paint: &Paint<'_>, wide: bool) -> Row {
    let header = &model.header;
    let mut parts = vec![toned(escape(&header.place), Tone::Banner)];
    if wide && let Some(account) = &header.account {
        parts.push(paint::plain(format!("account {}", account.shown())));
    }
    parts.push(caller(model));
    parts.extend(credentials(model));
    parts.push(data_age(model));
    if wide {
        parts.extend(other_ages(model));
        parts.push(paint::plain(format!("store {}", header.store)));
    }
    if wide && let Some(freeze) = all_frozen(model) {
        parts.push(toned(format!("FROZEN {}", words::frozen_for(model, freeze)), Tone::Waits));
    }
    if header.time_scale != 1 {
        parts.push(toned(format!("waits /{}", header.time_scale), Tone::Waits));
    }
    joined(parts, paint)
}

fn joined(parts: Vec<Row>, paint: &Paint<'_>) -> Row {
    let mut row = toned(" ", Tone::Plain);
    for (position, part) in parts.into_iter().enumerate() {
        if position > 0 {
            row.push(piece(format!(" {} ", paint.glyphs.pipe), Tone::Dim));
        }
        row.extend(part);
    }
    row
}

fn caller(model: &Model) -> Row {
    let who = model.header.caller.as_ref().map_or_else(|| "role ?".to_owned(), short_caller);
    let mode = if model.header.read_only { " RO" } else { " RW" };
    vec![piece(who, Tone::Plain), piece(mode, Tone::Strong)]
}

/// The role of an assumed-role ARN, the last part of any other, or the whole word.
fn short_caller(caller: &Untrusted) -> String {
    let shown = caller.shown();
    let mut parts = shown.split('/');
    let first = parts.next().unwrap_or_default();
    let short = if first.ends_with("assumed-role") { parts.next() } else { parts.next_back() };
    short.map_or_else(|| shown.clone(), str::to_owned)
}

/// Until when they last; nothing where nobody signs in and none is about to end.
fn credentials(model: &Model) -> Option<Row> {
    let (end, now) = (model.header.credentials_end, model.clock.world);
    match end.filter(|end| *end <= now) {
        Some(end) => return Some(toned(format!("creds EXPIRED {} ago", stepped(now.since(end))), Tone::Bad)),
        None if model.credentials_gone.is_some() => return Some(toned("creds GONE", Tone::Bad)),
        None => {}
    }
    let Some(end) = end else { return (!model.header.simulated).then(|| toned("creds end ?", Tone::Dim)) };
    let left = end.since(now);
    let tone = if left.as_secs() < 900 { Tone::Waits } else { Tone::Plain };
    Some(toned(format!("creds {}", about(left)), tone))
}

fn data_age(model: &Model) -> Row {
    let age = words::estate_age(model);
    match (&model.estate, model.estate_remembered || model.estate_problem.is_some()) {
        (None, _) => toned("data ?", Tone::Unknown),
        (Some(_), true) => toned(format!("cached {}", words::cached_age(model)), Tone::Waits),
        (Some(_), false) => paint::plain(format!("data {age}")),
    }
}

/// Sources that are read apart from the listing, each with its age: the opened fleet, and the requests that are counted.
fn other_ages(model: &Model) -> Option<Row> {
    let now = model.clock;
    let opened = model.detail.as_ref().map(|detail| format!("{} {}", detail.value.status.spec.name, stepped(detail.age(now))));
    let judged = rows::unfinished(model).filter(|view| view.operation.plan.judged);
    let counted = judged.filter_map(|view| view.progress.last_observed_at).max();
    let counted = counted.map(|at| format!("requests {}", stepped(now.world.since(at))));
    let ages: Vec<String> = opened.into_iter().chain(counted).collect();
    (!ages.is_empty()).then(|| paint::plain(ages.join(", ")))
}

fn totals(model: &Model) -> Row {
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let at_work = model.operations.iter().filter(|view| is_at_work(view.state())).count() + model.baking.unfinished().count();
    let mut words = Vec::new();
    if model.estate.is_some() {
        words.push(count(model.fleets().len(), "fleet"));
    }
    if at_work > 0 {
        words.push(count(at_work, "op"));
    }
    let mut row = toned(words.join(" "), Tone::Dim);
    if model.inbox.unread() > 0 {
        row.push(piece(format!(" ! {}", model.inbox.unread()), Tone::Bad));
    }
    row.push(piece(format!("  {} help ", model.keymap.first(CommandId::Help)), Tone::Key));
    row
}

/// What needs a person, or where in the program we are.
fn second_line(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let waits = paint.glyphs.waits;
    let need = needs::most_urgent(model).filter(|need| !is_on_screen(model, need.fleet.as_ref()));
    match need {
        Some(need) => paint.ends(
            area,
            1,
            &toned(format!(" {waits} {}", need.text), Tone::Waits),
            &toned(format!("{} goto ", model.keymap.first(CommandId::Alerts)), Tone::Key),
        ),
        None => {
            let crumbs = crumbs(model, paint);
            paint.row(area, 1, &crumbs);
        }
    }
}

/// A need of the fleet that is on the screen is said there.
fn is_on_screen(model: &Model, fleet: Option<&FleetName>) -> bool {
    let sheet_open = model.sheet.is_some() || model.picker.is_some() || model.palette.is_some() || model.copying.is_some();
    sheet_open || fleet.is_some_and(|fleet| matches!(model.screen(), Screen::Fleet(opened) if opened == fleet))
}

fn crumbs(model: &Model, paint: &Paint<'_>) -> Row {
    let crumb = paint.glyphs.crumb;
    if model.copying.is_some() {
        return paint::plain(" copy");
    }
    if model.palette.is_some() {
        return paint::plain(" go to");
    }
    if let Some(sheet) = model.sheet_in_front() {
        let what = match &sheet.subject {
            Subject::Plan { .. } | Subject::Bake(_) => "plan".to_owned(),
            Subject::Rebake(_) => "bake anew".to_owned(),
            Subject::Image(order) => order.word().to_owned(),
            Subject::Freeze(_) => "freeze".to_owned(),
            Subject::Command(errand) => errand.ask.word().to_owned(),
            Subject::Batch(batch) => {
                let state = if sheet.sending == Sending::Not { "    nothing has been changed yet" } else { "" };
                return paint::plain(format!(" fleets {crumb} {} marked{state}", batch.lines.len()));
            }
        };
        let place = match (&sheet.subject, sheet.fleet()) {
            (Subject::Image(_), _) => "images",
            (_, Some(_)) => "fleets",
            (_, None) => "bakes",
        };
        return paint::plain(format!(" {place} {crumb} {} {crumb} {what}    nothing has been changed yet", sheet.about()));
    }
    if let Some(picker) = &model.picker {
        return paint::plain(format!(" fleets {crumb} {} {crumb} {}", picker.fleet, super::picker::asks(picker)));
    }
    match model.screen() {
        Screen::Main => main_line(model),
        Screen::Fleet(name) => fleet_crumbs(model, name, paint),
        Screen::Image(id) => paint::plain(format!(" images {crumb} {}", image_label(model, id))),
        Screen::ImageRecord(id) => paint::plain(format!(" images {crumb} {} {crumb} record", image_label(model, id))),
        Screen::Retention => paint::plain(" old images    nothing is changed from here"),
        Screen::Page(name, page) => paint::plain(format!(" fleets {crumb} {name} {crumb} {}", page.word())),
        Screen::Bakes => paint::plain(" bakes and recipes"),
        Screen::Bake(id) => bake::crumbs(model, id, paint),
        Screen::BakeLog(id) => bake::crumbs(model, id, paint),
        Screen::Activity => paint::plain(" activity"),
        Screen::Alerts => paint::plain(" alerts"),
        Screen::Sources => paint::plain(" sources and settings"),
        Screen::Help => paint::plain(" help"),
    }
}

fn image_label(model: &Model, id: &ImageId) -> String {
    status(model, id).map_or_else(|| id.to_string(), |status| status.image.label())
}

fn main_line(model: &Model) -> Row {
    match &model.estate {
        Some(estate) if estate.value.fleets.is_empty() && !model.estate_remembered => toned(" No fleet was found", Tone::Waits),
        None => toned(" Waiting for the first reading of fleets and images", Tone::Unknown),
        Some(_) if model.estate_remembered => toned(" Last known state from the store; reading afresh", Tone::Waits),
        Some(estate) if !estate.value.gaps.is_empty() => toned(format!(" Not all could be read: {}", estate.value.gaps.join("; ")), Tone::Unknown),
        Some(_) => match all_frozen(model) {
            Some(freeze) => toned(format!(" Nothing needs you; {}", freeze.described()), Tone::Waits),
            None => toned(" Nothing needs you", Tone::Dim),
        },
    }
}

/// The freeze of all fleets.
fn all_frozen(model: &Model) -> Option<&Freeze> {
    let mut held = model.fleets().iter().flat_map(|status| &status.freezes);
    held.find(|freeze| freeze.fleet.is_none() && freeze.until > model.clock.world)
}

fn fleet_crumbs(model: &Model, name: &FleetName, paint: &Paint<'_>) -> Row {
    let crumb = paint.glyphs.crumb;
    let mut row = paint::plain(format!(" fleets {crumb} {name}"));
    if let Some(view) = model.operation_of(name) {
        row.push(piece(format!(" {crumb} {} {}  {}", view.operation.word(), view.operation.id, route_words(&view.operation.plan)), Tone::Plain));
    }
    if let Some(freeze) = model.fleet_status(name).and_then(|status| words::frozen(model, status)) {
        row.push(piece(format!("  {} frozen {}", paint.glyphs.frozen, words::frozen_for(model, freeze)), Tone::Waits));
    }
    row
}

/// The newest alert that nobody looked at, where there is room for it.
fn last_alert(model: &Model) -> Row {
    let unread = model.inbox.unread();
    let newest = model.inbox.all().iter().find(|alert| !alert.read);
    newest.map_or_else(Vec::new, |alert| {
        let key = model.keymap.first(CommandId::Alerts);
        vec![piece(format!(" {key} "), Tone::Key), piece(format!("{unread} unread   last: {}", alert.text), Tone::Bad)]
    })
}

/// The answer to the last key, or what is being typed.
pub fn notice(model: &Model) -> Row {
    if let Some(list) = model.typing {
        let text = model.filters.of(list).text();
        return vec![
            piece(" / ", Tone::Key),
            piece(format!("{text}_"), Tone::Strong),
            piece(if list == List::Log { "  enter jump, esc clear" } else { "  enter keep, esc clear   !not  state:canary" }, Tone::Dim),
        ];
    }
    model.notice.as_ref().map_or_else(Vec::new, |text| toned(format!(" {text}"), Tone::Strong))
}

/// The keys of this place, as many as fit: help always, then what can be pressed, then what is off, in brackets.
pub fn footer(model: &Model, columns: usize) -> Row {
    if model.palette.is_some() {
        return vec![piece(" enter", Tone::Key), piece(" go there  ", Tone::Plain), piece("esc", Tone::Key), piece(" close", Tone::Plain)];
    }
    let all = commands::footer(model);
    let mut by_need = all.clone();
    // In a sliver, what stops an operation matters more than what opens it.
    let urgent = columns < 60 && model.acting_fleet().is_some_and(|fleet| model.working_on(fleet).is_some());
    let later = |command: &Command| urgent && command.group != Group::Change;
    by_need.sort_by_key(|command| {
        let rank = commands::rank(model, command);
        (command.id != CommandId::Help, rank > SPARE, hindrance(model, command.id).is_some(), later(command), rank)
    });
    let mut room = columns.saturating_add(1);
    let mut fitting = Vec::new();
    for command in by_need {
        let needed = row_width(&footer_item(model, command));
        if needed <= room {
            room -= needed;
            fitting.push(command.id);
        }
    }
    let mut row: Row = toned(" ", Tone::Plain);
    row.extend(all.into_iter().filter(|command| fitting.contains(&command.id)).flat_map(|command| footer_item(model, command)));
    if let Some(last) = row.last_mut() {
        last.text.truncate(last.text.trim_end().len());
    }
    row
}

fn footer_item(model: &Model, command: &Command) -> Vec<Piece> {
    if hindrance(model, command.id).is_some() {
        return toned(format!("({} {})  ", model.keymap.first(command.id), label(model, command)), Tone::Dim);
    }
    vec![piece(model.keymap.first(command.id), Tone::Key), piece(format!(" {}  ", label(model, command)), Tone::Plain)]
}

/// A key is called by what it does here and now.
fn label<'a>(model: &Model, command: &'a Command) -> &'a str {
    let paused = || model.acting_fleet().and_then(|fleet| model.working_on(fleet)).is_some_and(|view| view.state().word() == "paused");
    match command.id {
        CommandId::Pause if paused() => "resume",
        CommandId::BlockImage if model.image.as_ref().and_then(|id| status(model, id)).is_some_and(|status| status.image.blocked.is_some()) => {
            "unblock"
        }
        CommandId::BackOut if baking::is_open(model) => "abort",
        CommandId::Filter if model.list() == Some(List::Log) => "search",
        CommandId::Wide if model.list() == Some(List::Log) => "wrap",
        CommandId::Open if matches!(model.screen(), Screen::Bake(_)) => "full log",
        CommandId::Open if matches!(model.screen(), Screen::BakeLog(_)) => "steps",
        _ => command.label,
    }
}

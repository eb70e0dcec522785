//! An image, a change of it and the channels as text.

use super::table::Table;
use super::words::{age, fleets, or_unknown};
use crate::domain::ids::GroupName;
use crate::domain::lineage::{Relative, Told};
use crate::domain::text::{Untrusted, counted};
use crate::operation::image_log::{Pointer, asked};
use crate::operation::image_plan::{ImagePlan, ImageStory};
use crate::operation::work_list::{Work, WorkList};

/// More images made from one than this are counted, not listed.
const MOST_RELATIVES: usize = 40;

/// What would be done.
pub(super) fn plan_text(plan: &ImagePlan, width: Option<usize>) -> String {
    let image = &plan.image;
    let app = image.app.as_ref().map_or_else(String::new, |app| format!("{} ", app.shown()));
    let what = plan.change.as_ref().map_or_else(|| "nothing to do".to_owned(), |change| change.done());
    let mut text = format!("{app}{}: {what}\n", image.named());
    if let Some(reason) = &plan.reason {
        text.push_str(&format!("  why     {}\n", reason.shown()));
    }
    for note in &plan.notes {
        text.push_str(&format!("  note    {note}\n"));
    }
    for call in &plan.calls {
        text.push_str(&format!("  call    {} {}\n", call.aws_name(), call.summary()));
    }
    if let Some(work) = &plan.work {
        text.push_str(&work_text(work, width));
    }
    text
}

/// What there is to do because of a block.
fn work_text(work: &WorkList, width: Option<usize>) -> String {
    let heirs = work.images.len().saturating_sub(1);
    let mut text = format!("\nWORK   it and {heirs} {} made from it\n", if heirs == 1 { "image" } else { "images" });
    for gap in &work.gaps {
        text.push_str(&format!("  not everything could be read, there may be more to do: {gap}\n"));
    }
    if work.fleets.is_empty() {
        text.push_str("  no fleet runs any of them, and no group would launch one\n");
        return text;
    }
    let mut table = Table::indented().cutting_first(&[2, 3]);
    table.row(["FLEET", "SERVERS", "WOULD LAUNCH", "NEAREST GOOD IMAGE", "DO"].map(str::to_owned));
    for one in &work.fleets {
        let launches = if one.launches.is_empty() { "-".to_owned() } else { names(&one.launches) };
        table.row([one.fleet.to_string(), or_unknown(one.servers), launches, good(one), doing(one)]);
    }
    text.push_str(&table.render(width));
    for one in work.fleets.iter().filter(|one| one.way_back) {
        text.push_str(&format!("  the way back of {} leads to one of them\n", one.fleet));
    }
    text
}

fn names(groups: &[GroupName]) -> String {
    groups.iter().map(GroupName::to_string).collect::<Vec<_>>().join(", ")
}

fn good(work: &Work) -> String {
    work.good.as_ref().map_or_else(|| "none: bake one".to_owned(), |good| format!("{} ({})", good.label(), good.near.words()))
}

fn doing(work: &Work) -> String {
    if work.is_idle() {
        return "nothing runs it: the next deploy replaces it".to_owned();
    }
    work.command().unwrap_or_else(|| "-".to_owned())
}

/// Everything that is known of an image.
pub(super) fn story_text(story: &ImageStory, width: Option<usize>) -> String {
    let image = &story.image;
    let app = image.app.as_ref().map_or_else(String::new, |app| format!("{} ", app.shown()));
    let mut text = format!("{app}{}   {}\n", image.named(), story.stage.word());
    let mut line = |key: &str, value: String| text.push_str(&format!("  {key:<9}{value}\n"));
    line("name", image.name.shown());
    line("made", image.created_at.map_or_else(|| "?".to_owned(), |at| format!("{} ({} ago)", at.rfc3339(), age(story.as_of, at))));
    line("owner", image.origin.owner.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown));
    if let Some(block) = &image.blocked {
        let by = block.by.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown);
        let at = block.at.map_or_else(|| "?".to_owned(), |at| at.rfc3339());
        line("blocked", format!("{} (by {by}, {at})", block.words()));
    }
    line(
        "runs on",
        if story.servers == 0 { fleets(&story.fleets) } else { format!("{} ({})", fleets(&story.fleets), counted(story.servers, "server")) },
    );
    for (fleet, known) in &story.ledgers {
        let marked = if known.marked.is_some() { ", marked bad" } else { "" };
        line("ledger", format!("{fleet}: stable at {}{marked}", known.stable_at.rfc3339()));
    }
    for pointer in &story.channels {
        line("channel", moved(pointer));
    }
    if let Some(pin) = &story.pin {
        line("pinned", format!("by {} at {}{}", pin.by.short(), pin.at.rfc3339(), why(pin.reason.as_ref())));
    }
    if let Some(at) = story.marked {
        line("marked", format!("nobody needs it, says `qd gc` since {}", at.rfc3339()));
    }
    text.push_str(&lineage_text(story));
    if !story.history.is_empty() {
        text.push_str("\nHISTORY\n");
    }
    for asked in asked(&story.history) {
        let (at, by) = (asked.entry.at.rfc3339(), asked.entry.by.short());
        text.push_str(&format!("  {at}  {by}  {}{}\n", asked.words(), why(asked.entry.reason.as_ref())));
    }
    if let Some(work) = &story.work {
        text.push_str(&work_text(work, width));
    }
    text
}

fn why(reason: Option<&Untrusted>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {}", reason.shown()))
}

fn moved(pointer: &Pointer) -> String {
    let who = pointer.by.short();
    format!("{} of {} since {} by {who}{}", pointer.channel.word(), pointer.app.shown(), pointer.at.rfc3339(), why(pointer.reason.as_ref()))
}

/// The images above it, itself, and those below it, each indented by how far away it is.
fn lineage_text(story: &ImageStory) -> String {
    let mut text = "\nLINEAGE\n".to_owned();
    let deepest = story.ancestors.iter().map(|relative| relative.distance).max().unwrap_or(0);
    for relative in story.ancestors.iter().rev() {
        text.push_str(&relative_line(story, relative, deepest - relative.distance));
    }
    text.push_str(&format!("  {}{} this one\n", "  ".repeat(deepest), story.image.id));
    for relative in story.tree().iter().take(MOST_RELATIVES) {
        text.push_str(&relative_line(story, relative, deepest + relative.distance));
    }
    let more = story.descendants.len().saturating_sub(MOST_RELATIVES);
    if more > 0 {
        text.push_str(&format!("  and {more} more\n"));
    }
    if story.ancestors.is_empty() {
        text.push_str("  nothing tells what it was made from\n");
    }
    for problem in &story.problems {
        text.push_str(&format!("  note: {problem}\n"));
    }
    text
}

fn relative_line(story: &ImageStory, relative: &Relative, depth: usize) -> String {
    let (label, blocked) = story.labels.get(&relative.image).map_or((String::new(), false), |(label, blocked)| (format!(" {label}"), *blocked));
    let told = if relative.told == Told::Tag { " (by its tag)" } else { "" };
    let listed = if relative.listed { "" } else { " (not listed)" };
    let mark = if blocked { " BLOCKED" } else { "" };
    format!("  {}{}{label}{told}{listed}{mark}\n", "  ".repeat(depth), relative.image)
}

/// Where the channels point to, the newest move of each first.
pub(super) fn channels_text(moves: &[Pointer], width: Option<usize>) -> String {
    if moves.is_empty() {
        return "no channel points anywhere yet: `qd image promote IMAGE CHANNEL`\n".to_owned();
    }
    let mut table = Table::new(&["APP", "CHANNEL", "IMAGE", "SINCE", "BY", "WHY"]).cutting_first(&[5]);
    let mut seen: Vec<(&Untrusted, &str)> = Vec::new();
    for pointer in moves.iter().rev() {
        let of = (&pointer.app, pointer.channel.word());
        let now = if seen.contains(&of) { "" } else { " (now)" };
        seen.push(of);
        let reason = pointer.reason.as_ref().map_or_else(String::new, Untrusted::shown);
        let image = format!("{}{now}", pointer.image);
        table.row([pointer.app.shown(), pointer.channel.word().to_owned(), image, pointer.at.rfc3339(), pointer.by.short(), reason]);
    }
    table.render(width)
}

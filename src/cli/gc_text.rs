//! What `qd gc` found and did, as text and as documents.

use serde::Serialize;

use super::json::{moment, secs};
use super::table::Table;
use super::words::{age, or_unknown};
use crate::domain::ids::ImageId;
use crate::domain::text::{Untrusted, counted, escape};
use crate::operation::gc::{GcDone, GcPlan, GcPolicy, ImageVerdict, Verdict, size};

/// What is removed, what waits, what is marked; with `all` also why each other image stays.
pub(super) fn plan_text(plan: &GcPlan, policy: &GcPolicy, all: bool, width: Option<usize>) -> String {
    let mut text = format!(
        "images of this account, facts of {}: the newest {} verified of each application stay, and what is younger than {}\n",
        plan.as_of.rfc3339(),
        policy.keep.max(1),
        policy.min_age
    );
    for obstacle in &plan.obstacles {
        text.push_str(&format!("  NOT NOW: {obstacle}\n"));
    }
    text.push_str(&group("REMOVE", "marked for long enough, and still nobody needs them", plan, |verdict| *verdict == Verdict::Remove, width));
    text.push_str(&group("WAIT", "marked, and nobody needs them", plan, |verdict| matches!(verdict, Verdict::Waits { .. }), width));
    text.push_str(&group("MARK", "nobody needs them", plan, |verdict| *verdict == Verdict::Mark, width));
    if plan.images.iter().all(|image| !image.is_needless()) {
        text.push_str("\nevery image is needed\n");
    }
    for (image, why) in &plan.unmark {
        text.push_str(&format!("  {image} is not marked any more: {why}\n"));
    }
    for (image, snapshot) in &plan.sweep {
        text.push_str(&format!("  {} of {image}, which is gone, is removed\n", escape(snapshot)));
    }
    if !plan.protect.is_empty() {
        text.push_str(&format!("  {} of ledgers protected against removal\n", counted(plan.protect.len(), "image")));
    }
    text.push_str(&stays_text(plan, all, width));
    text
}

fn group(title: &str, what: &str, plan: &GcPlan, verdict: fn(&Verdict) -> bool, width: Option<usize>) -> String {
    let images: Vec<&ImageVerdict> = plan.with(verdict).collect();
    if images.is_empty() {
        return String::new();
    }
    let all: Option<u64> = images.iter().map(|image| image.bytes()).sum();
    let mut table = Table::indented();
    for image in &images {
        let until = if let Verdict::Waits { until, .. } = image.verdict { format!("until {}", until.rfc3339()) } else { String::new() };
        table.row([image.named(), image.image.to_string(), made(image, plan), size(image.bytes()), until]);
    }
    let mut text = format!("\n{title}   {}, {}: {what}\n{}", counted(images.len(), "image"), size(all), table.render(width));
    for image in images {
        for snapshot in image.snapshots.iter().filter(|snapshot| snapshot.stays.is_some()) {
            let why = snapshot.stays.as_deref().unwrap_or_default();
            text.push_str(&format!("  {} of {} stays: {why}\n", escape(&snapshot.id), image.image));
        }
    }
    text
}

fn made(image: &ImageVerdict, plan: &GcPlan) -> String {
    or_unknown(image.created_at.map(|at| age(plan.as_of, at)))
}

fn stays_text(plan: &GcPlan, all: bool, width: Option<usize>) -> String {
    let stay: Vec<(&ImageVerdict, &Vec<String>)> =
        plan.images.iter().filter_map(|image| if let Verdict::Stays(why) = &image.verdict { Some((image, why)) } else { None }).collect();
    if !all {
        return format!("\nSTAY   {}; --all says why\n", counted(stay.len(), "image"));
    }
    let mut table = Table::indented().cutting_first(&[3]);
    for (image, why) in &stay {
        table.row([image.named(), image.image.to_string(), made(image, plan), why.join("; ")]);
    }
    format!("\nSTAY   {}\n{}", counted(stay.len(), "image"), table.render(width))
}

/// What a run did.
pub(super) fn done_text(done: &GcDone) -> String {
    let mut parts = vec![
        format!("{} marked", counted(done.marked.len(), "image")),
        format!("{} removed", counted(done.removed.len(), "image")),
        format!("{} deleted, {}", counted(done.snapshots.len(), "snapshot"), size(Some(done.bytes))),
    ];
    if !done.unmarked.is_empty() {
        parts.push(format!("{} not marked any more", counted(done.unmarked.len(), "image")));
    }
    if !done.protected.is_empty() {
        parts.push(format!("{} protected", counted(done.protected.len(), "image")));
    }
    format!("{}\n", parts.join("; "))
}

/// `gc --json`.
#[derive(Serialize)]
pub(super) struct GcDoc<'a> {
    as_of: String,
    keep: usize,
    min_age_secs: serde_json::Number,
    wait_secs: serde_json::Number,
    obstacles: &'a [String],
    images: Vec<VerdictDoc<'a>>,
    unmark: Vec<UnmarkDoc<'a>>,
    protect: &'a [ImageId],
    sweep: Vec<SweepDoc<'a>>,
    remove_bytes: Option<u64>,
}

#[derive(Serialize)]
struct VerdictDoc<'a> {
    id: &'a ImageId,
    app: Option<&'a Untrusted>,
    label: &'a str,
    created_at: Option<String>,
    verdict: &'static str,
    because: &'a [String],
    marked_at: Option<String>,
    until: Option<String>,
    snapshots: Vec<SnapshotDoc<'a>>,
}

#[derive(Serialize)]
struct SnapshotDoc<'a> {
    id: &'a str,
    bytes: Option<u64>,
    stays: Option<&'a str>,
}

#[derive(Serialize)]
struct UnmarkDoc<'a> {
    id: &'a ImageId,
    because: &'a str,
}

#[derive(Serialize)]
struct SweepDoc<'a> {
    image: &'a ImageId,
    snapshot: &'a str,
}

/// `gc --apply --json`.
#[derive(Serialize)]
pub(super) struct GcDoneDoc<'a> {
    marked: &'a [ImageId],
    unmarked: &'a [ImageId],
    removed: &'a [ImageId],
    snapshots: &'a [String],
    bytes: u64,
    protected: &'a [ImageId],
    troubles: &'a [String],
}

impl<'a> GcDoc<'a> {
    pub(super) fn new(plan: &'a GcPlan, policy: &GcPolicy) -> Self {
        Self {
            as_of: moment(plan.as_of),
            keep: policy.keep.max(1),
            min_age_secs: secs(policy.min_age),
            wait_secs: secs(policy.wait),
            obstacles: &plan.obstacles,
            images: plan.images.iter().map(VerdictDoc::new).collect(),
            unmark: plan.unmark.iter().map(|(id, because)| UnmarkDoc { id, because }).collect(),
            protect: &plan.protect,
            sweep: plan.sweep.iter().map(|(image, snapshot)| SweepDoc { image, snapshot }).collect(),
            remove_bytes: plan.with(|verdict| *verdict == Verdict::Remove).map(ImageVerdict::bytes).sum(),
        }
    }
}

impl<'a> VerdictDoc<'a> {
    fn new(image: &'a ImageVerdict) -> Self {
        let (verdict, because, times): (_, &[String], _) = match &image.verdict {
            Verdict::Stays(why) => ("stays", why.as_slice(), None),
            Verdict::Mark => ("mark", &[], None),
            Verdict::Waits { since, until } => ("waits", &[], Some((*since, *until))),
            Verdict::Remove => ("remove", &[], None),
        };
        Self {
            id: &image.image,
            app: image.app.as_ref(),
            label: &image.label,
            created_at: image.created_at.map(moment),
            verdict,
            because,
            marked_at: times.map(|(since, _)| moment(since)),
            until: times.map(|(_, until)| moment(until)),
            snapshots: image
                .snapshots
                .iter()
                .map(|snapshot| SnapshotDoc { id: &snapshot.id, bytes: snapshot.bytes, stays: snapshot.stays.as_deref() })
                .collect(),
        }
    }
}

impl<'a> GcDoneDoc<'a> {
    pub(super) fn new(done: &'a GcDone) -> Self {
        Self {
            marked: &done.marked,
            unmarked: &done.unmarked,
            removed: &done.removed,
            snapshots: &done.snapshots,
            bytes: done.bytes,
            protected: &done.protected,
            troubles: &done.troubles,
        }
    }
}

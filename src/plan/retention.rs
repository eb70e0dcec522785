//! Which images nobody needs: every reason to keep one is looked for, and where one cannot be read the image stays.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::ImageId;
use crate::domain::image::{Image, ImageState};
use crate::domain::image_use::{CloudUse, Snapshot};
use crate::domain::lineage::Lineage;
use crate::domain::lookup::Lookup;
use crate::domain::reading::Listing;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::operation::gc::{GcPlan, GcPolicy, ImageVerdict, OLDEST_FACTS, SnapshotVerdict, Verdict};
use crate::operation::image_log::{ImageChange, ImageEntry, asked, channels, marks, pins};

/// More reasons than this are not told.
const MOST_REASONS: usize = 4;

/// Everything a run is decided from.
pub struct RetentionFacts {
    /// Every image of this account.
    pub images: Listing<Image>,
    /// Everything that names an image.
    pub uses: Listing<CloudUse>,
    /// Every snapshot of this account.
    pub snapshots: Listing<Snapshot>,
    /// Images that ledgers and unfinished operations of this store name, each with what does.
    pub named: Vec<(ImageId, &'static str)>,
    /// What was asked for images.
    pub log: Vec<ImageEntry>,
    /// Unfinished bakes.
    pub running_bakes: Vec<String>,
    /// With whom the images that nothing else keeps are shared, or why nobody could tell. One that was not asked about stays.
    pub shared: BTreeMap<ImageId, Result<Vec<Untrusted>, String>>,
    /// The same of their snapshots; none for one that does not exist.
    pub snapshots_shared: BTreeMap<String, Result<Option<Vec<Untrusted>>, String>>,
    /// World time.
    pub now: WorldTime,
}

/// Images that nothing keeps but, perhaps, that they are shared: with whom, and their snapshots, has to be asked before [`judge`].
#[must_use]
pub fn candidates<'a>(facts: &'a RetentionFacts, policy: &GcPolicy) -> Vec<&'a Image> {
    let reasons = reasons(facts, policy, &Lineage::of(facts.images.items(), &[]));
    facts.images.items().iter().filter(|image| !reasons.has(&image.id)).collect()
}

/// The snapshots about which has to be asked besides: those that only a candidate stands on, and those of images that are gone.
#[must_use]
pub fn snapshots_in_question(facts: &RetentionFacts, candidates: &[&Image]) -> BTreeSet<String> {
    let standing = Standing::of(facts);
    let own = candidates.iter().flat_map(|image| &image.origin.snapshots).map(|snapshot| snapshot.id.as_str());
    let own = own.filter(|id| standing.is_alone(id) && standing.known.has(*id)).map(str::to_owned);
    own.chain(left_behind(facts, &standing).into_iter().map(|(_, id)| id)).collect()
}

/// What becomes of every image.
#[must_use]
pub fn judge(facts: &RetentionFacts, policy: &GcPolicy) -> GcPlan {
    let lineage = Lineage::of(facts.images.items(), &[]);
    let mut reasons = reasons(facts, policy, &lineage);
    share_out(facts, &mut reasons);
    keep_bases(facts, &lineage, &mut reasons);
    let marks = marks(&facts.log);
    let standing = Standing::of(facts);
    let mut images: Vec<ImageVerdict> = facts
        .images
        .items()
        .iter()
        .map(|image| {
            let kept = reasons.get(&image.id);
            let verdict = kept.map_or_else(|| ripe(marks.get(&image.id).copied(), policy, facts.now), |why| Verdict::Stays(why.clone()));
            let snapshots = if kept.is_some() { Vec::new() } else { snapshots(image, facts, &standing) };
            let (app, label) = (image.app.clone(), image.label());
            ImageVerdict { image: image.id.clone(), app, label, created_at: image.created_at, verdict, snapshots }
        })
        .collect();
    images.sort_by(|left, right| (left.created_at, &left.image).cmp(&(right.created_at, &right.image)));
    let unmark = marks.keys().filter_map(|image| Some((image.clone(), reasons.get(image)?.first()?.clone()))).collect();
    let as_of = facts.images.as_of().min(facts.uses.as_of()).min(facts.snapshots.as_of());
    let mut sweep = left_behind(facts, &standing);
    sweep.retain(|(_, id)| snapshot_stays(id, true, true, facts).is_none());
    GcPlan { images, unmark, protect: unprotected(facts), sweep, obstacles: obstacles(facts, as_of), as_of }
}

type Reasons = Lookup<ImageId, Vec<String>>;

/// Why each image stays, as far as that is known without asking about each.
fn reasons(facts: &RetentionFacts, policy: &GcPolicy, lineage: &Lineage) -> Reasons {
    let mut reasons = Reasons::default();
    for used in facts.uses.items() {
        add(&mut reasons, &used.image, || used.by.words());
    }
    for (image, by) in &facts.named {
        add(&mut reasons, image, || format!("{by} names it"));
    }
    for pointer in channels(&facts.log) {
        add(&mut reasons, &pointer.image, || format!("{} of {} points to it", pointer.channel.word(), pointer.app.shown()));
    }
    for (image, entry) in pins(&facts.log) {
        let why = entry.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.shown()));
        add(&mut reasons, &image, || format!("{} pinned it{why}", entry.by.short()));
    }
    newest_verified(facts, policy, &mut reasons);
    for image in facts.images.items() {
        for why in own_reasons(image, facts, policy, lineage) {
            add(&mut reasons, &image.id, || why);
        }
    }
    keep_bases(facts, lineage, &mut reasons);
    reasons
}

fn add(reasons: &mut Reasons, image: &ImageId, why: impl FnOnce() -> String) {
    if let Some(known) = reasons.get_mut(image) {
        if known.len() < MOST_REASONS {
            known.push(why());
        }
    } else {
        reasons.insert(image.clone(), vec![why()]);
    }
}

/// What the image itself says.
fn own_reasons(image: &Image, facts: &RetentionFacts, policy: &GcPolicy, lineage: &Lineage) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut note = |holds: bool, why: &str| {
        if holds {
            reasons.push(why.to_owned());
        }
    };
    note(image.app.is_none(), "nobody knows of which application it is");
    note(image.state == ImageState::Pending, "it is still being made");
    note(matches!(image.state, ImageState::Failed | ImageState::Gone | ImageState::Unknown), "it is in a state that nobody can tell the use of");
    note(image.created_at.is_none(), "nobody knows when it was made");
    note(image.created_at.is_some_and(|at| facts.now.since(at) < policy.min_age), "it is young");
    note(image.origin.protected, "it is protected against deregistration: lift that by hand if nobody needs it");
    note(image.origin.public, "everybody may launch it");
    note(lineage.is_unclear(&image.id), "nobody can tell what it was made from: its base tag names a circle, or no image");
    reasons
}

/// The newest verified images of each application that anybody may deploy.
fn newest_verified(facts: &RetentionFacts, policy: &GcPolicy, reasons: &mut Reasons) {
    let mut by_app: BTreeMap<&Untrusted, Vec<&Image>> = BTreeMap::new();
    let good = facts.images.items().iter().filter(|image| {
        let verified = image.stage.as_ref().is_some_and(|stage| matches!(stage.raw(), "verified" | "released"));
        verified && image.blocked.is_none() && image.state == ImageState::Available
    });
    for image in good {
        if let Some(app) = &image.app {
            by_app.entry(app).or_default().push(image);
        }
    }
    let keep = policy.keep.max(1);
    for (app, mut images) in by_app {
        images.sort_by_key(|image| std::cmp::Reverse((image.created_at, &image.id)));
        for image in images.into_iter().take(keep) {
            add(reasons, &image.id, || format!("it is one of the newest {keep} verified of {}", app.shown()));
        }
    }
}

/// What an image that stays was made from stays as well.
fn keep_bases(facts: &RetentionFacts, lineage: &Lineage, reasons: &mut Reasons) {
    let images = facts.images.items();
    let kept = images.iter().map(|image| &image.id).filter(|id| reasons.has(*id));
    let free: Vec<_> = lineage.bases(kept).filter(|(base, _)| !reasons.has(*base)).collect();
    let known: Lookup<&ImageId, &Image> = images.iter().map(|image| (&image.id, image)).collect();
    for (base, child) in free {
        let name = known.get(child).map_or_else(|| child.to_string(), |image| image.label());
        add(reasons, base, || format!("{name}, which stays, was made from it"));
    }
}

/// Keeps what others were let use, and what nobody could ask about.
fn share_out(facts: &RetentionFacts, reasons: &mut Reasons) {
    for image in facts.images.items() {
        if reasons.has(&image.id) {
            continue;
        }
        match facts.shared.get(&image.id) {
            Some(Ok(with)) if with.is_empty() => {}
            Some(Ok(with)) => {
                let names: Vec<String> = with.iter().map(Untrusted::shown).collect();
                add(reasons, &image.id, || format!("it is shared with {}", names.join(", ")));
            }
            Some(Err(why)) => add(reasons, &image.id, || format!("nobody could tell with whom it is shared: {why}")),
            None => add(reasons, &image.id, || "nobody asked with whom it is shared".to_owned()),
        }
    }
}

fn ripe(marked: Option<WorldTime>, policy: &GcPolicy, now: WorldTime) -> Verdict {
    match marked {
        None => Verdict::Mark,
        Some(since) if now.since(since) >= policy.wait => Verdict::Remove,
        Some(since) => Verdict::Waits { since, until: since.plus(policy.wait) },
    }
}

/// What stands on what.
struct Standing<'a> {
    /// How many images stand on each snapshot.
    images: Lookup<&'a str, usize>,
    /// The snapshots of this account.
    known: Lookup<&'a str, &'a Snapshot>,
}

impl<'a> Standing<'a> {
    fn of(facts: &'a RetentionFacts) -> Self {
        let mut images: Lookup<&str, usize> = Lookup::default();
        for image in facts.images.items() {
            let mut own: Vec<&str> = image.origin.snapshots.iter().map(|snapshot| snapshot.id.as_str()).collect();
            own.sort_unstable();
            own.dedup();
            for id in own {
                *images.or_default(id) += 1;
            }
        }
        Self { images, known: facts.snapshots.items().iter().map(|snapshot| (snapshot.id.as_str(), snapshot)).collect() }
    }

    fn is_alone(&self, id: &str) -> bool {
        self.images.get(id).copied().unwrap_or(0) <= 1
    }
}

fn snapshots(image: &Image, facts: &RetentionFacts, standing: &Standing<'_>) -> Vec<SnapshotVerdict> {
    let verdict = |id: &str, gib: Option<u32>| {
        let known = standing.known.get(id);
        let most = gib.map(|gib| u64::from(gib) << 30);
        let bytes = known.and_then(|snapshot| snapshot.bytes).or(most);
        SnapshotVerdict { id: id.to_owned(), bytes, stays: snapshot_stays(id, standing.is_alone(id), known.is_some(), facts) }
    };
    image.origin.snapshots.iter().map(|snapshot| verdict(&snapshot.id, snapshot.gib)).collect()
}

fn snapshot_stays(id: &str, alone: bool, is_own: bool, facts: &RetentionFacts) -> Option<String> {
    if !alone {
        return Some("another image stands on it".to_owned());
    }
    if !is_own {
        return Some("it is not this account's, or it is gone".to_owned());
    }
    match facts.snapshots_shared.get(id) {
        Some(Ok(Some(with))) if with.is_empty() => None,
        Some(Ok(Some(with))) => Some(format!("it is shared with {}", with.iter().map(Untrusted::shown).collect::<Vec<_>>().join(", "))),
        Some(Ok(None)) => Some("it is gone".to_owned()),
        Some(Err(why)) => Some(format!("nobody could tell with whom it is shared: {why}")),
        None => Some("nobody asked with whom it is shared".to_owned()),
    }
}

/// Images of ledgers that the cloud would still remove.
fn unprotected(facts: &RetentionFacts) -> Vec<ImageId> {
    let in_ledger: BTreeSet<&ImageId> = facts.named.iter().filter(|(_, by)| *by == "a ledger").map(|(image, _)| image).collect();
    let open = facts.images.items().iter().filter(|image| !image.origin.protected && image.state == ImageState::Available);
    open.map(|image| &image.id).filter(|id| in_ledger.contains(id)).cloned().collect()
}

/// Snapshots of images that we removed, which are still there and on which nothing stands.
fn left_behind(facts: &RetentionFacts, standing: &Standing<'_>) -> Vec<(ImageId, String)> {
    let images: BTreeSet<&ImageId> = facts.images.items().iter().map(|image| &image.id).collect();
    let mut left = BTreeSet::new();
    for asked in asked(&facts.log) {
        let ImageChange::Remove { snapshots } = asked.change else { continue };
        if images.contains(&asked.entry.image) {
            continue;
        }
        let free = snapshots.iter().filter(|id| standing.known.has(id.as_str()) && !standing.images.has(id.as_str()));
        left.extend(free.map(|id| (asked.entry.image.clone(), id.clone())));
    }
    left.into_iter().collect()
}

fn obstacles(facts: &RetentionFacts, as_of: WorldTime) -> Vec<String> {
    let mut obstacles = Vec::new();
    for (what, why) in [("images", facts.images.missing()), ("what uses images", facts.uses.missing()), ("snapshots", facts.snapshots.missing())] {
        obstacles.extend(why.map(|why| format!("the listing of {what} is incomplete: {}", why.shown())));
    }
    let age = facts.now.since(as_of);
    if age > OLDEST_FACTS {
        obstacles.push(format!("its facts are {age} old, and after {OLDEST_FACTS} nothing is removed on them"));
    }
    obstacles.extend(facts.running_bakes.iter().map(|id| format!("bake {} runs", crate::domain::ids::OperationId::new(id.as_str()))));
    let made = facts.images.items().iter().filter(|image| image.app.is_some() && image.state == ImageState::Pending);
    obstacles.extend(made.map(|image| format!("{} is being made", image.named())));
    obstacles
}

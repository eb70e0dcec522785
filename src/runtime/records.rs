//! What only the command line asks of an office: ledger, adoption, the doctor, taking over.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::cloud::Urgency;
use super::office::Office;
use crate::adapters::store::NewEntry;
use crate::domain::fleet::{FleetSource, FleetSpec, Groups, Route, Slot};
use crate::domain::group::ServerGroup;
use crate::domain::ids::{FleetName, ImageId, OperationId};
use crate::domain::image::Image;
use crate::domain::release::Release;
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::{Millis, WorldTime};
use crate::operation::any::AnyView;
use crate::operation::claim::{claim_on, was_stable};
use crate::operation::damage::{DamagedOperation, RawOperation};
use crate::operation::freeze::Freeze;
use crate::operation::ledger::{How, LedgerBody, LedgerEntry, known_releases};
use crate::operation::plan::{CheckLevel, Refusal};
use crate::operation::record::OperationView;
use crate::operation::sighting::Sighting;
use crate::plan::permissions::{Permissions, for_bakes, for_images, needed};
use crate::ports::desk::{Adopted, DeskError, Finding, Records, Recovered};

#[async_trait]
impl Records for Office {
    async fn base_lags(&self, images: &[&Image]) -> BTreeMap<ImageId, u64> {
        self.lags_of(images).await
    }

    fn operation(&self, id: &OperationId) -> Result<OperationView, DeskError> {
        Ok(self.store.operation(id)?)
    }

    fn any_operation(&self, id: &OperationId) -> Result<AnyView, DeskError> {
        Ok(self.store.any_operation(id)?)
    }

    fn damaged(&self, finished: usize) -> Result<Vec<DamagedOperation>, DeskError> {
        Ok(self.store.listed(finished)?.damaged)
    }

    fn raw_operation(&self, id: &OperationId) -> Result<RawOperation, DeskError> {
        Ok(self.store.raw_operation(id)?)
    }

    fn ledger(&self, fleet: &FleetName) -> Result<Vec<LedgerEntry>, DeskError> {
        Ok(self.store.ledger(fleet)?)
    }

    async fn mark(&self, fleet: &FleetName, release: &str, bad: bool, reason: Untrusted) -> Result<String, DeskError> {
        self.may_write()?;
        let known = known_releases(&self.store.ledger(fleet)?);
        let meant = |found: &Release| found.image.as_str() == release || found.version.as_ref().is_some_and(|version| version.raw() == release);
        let Some(found) = known.iter().find(|known| meant(&known.release)) else {
            let list: Vec<String> = known.iter().map(|known| known.release.label()).collect();
            return Err(DeskError::other(format!("'{}' is not in the ledger of {fleet}", escape(release)), format!("it holds: {}", list.join(", "))));
        };
        if found.marked.is_some() == bad {
            let already = if bad { "marked bad" } else { "not marked" };
            return Ok(format!("{} is {already} already", found.release.label()));
        }
        let body = if bad { LedgerBody::Marked } else { LedgerBody::Unmarked };
        self.add_entry(fleet, found.release.clone(), body, Some(reason)).await?;
        Ok(format!("{} is {} now", found.release.label(), if bad { "marked bad" } else { "not marked any more" }))
    }

    fn freezes(&self) -> Result<Vec<Freeze>, DeskError> {
        Ok(self.store.freezes(Self::now(self))?)
    }

    async fn adopt(&self, fleet: &FleetName, live: Option<Slot>) -> Result<Adopted, DeskError> {
        self.may_write()?;
        let (spec, _) = self.spec(fleet).await?;
        let written_down = spec.source == FleetSource::Adopted;
        if written_down && !self.store.ledger(fleet)?.is_empty() {
            return Err(Refusal::new(format!("{fleet} is adopted already"), format!("look at it: `qd fleet {fleet}`")).into());
        }
        if let Some(problem) = spec.problems.first() {
            return Err(Refusal::new(format!("{fleet}: {problem}"), "put that right first").into());
        }
        let seen = self.look_around().await?;
        let slot = live_slot(&spec, &seen, live)?;
        let release = release_of(&spec, &seen, slot)?;
        let adopted = if written_down { spec } else { self.write_down(spec).await? };
        let label = release.label();
        let earlier = seen_releases(&adopted, &seen, slot);
        let also: Vec<String> = earlier.iter().map(Release::label).collect();
        for release in earlier {
            self.add_entry(fleet, release, LedgerBody::Stable { how: How::Seen }, None).await?;
        }
        self.add_entry(fleet, release, LedgerBody::Stable { how: How::Adopted }, None).await?;
        Ok(Adopted {
            written: if written_down {
                format!("a new ledger of {fleet}, which is written down already")
            } else {
                format!("[fleet.{fleet}] in {}", escape(&self.settings.fleets_file.display().to_string()))
            },
            ledger: if also.is_empty() {
                format!("{label} is taken for good, on your word")
            } else {
                format!("{label} is taken for good, on your word; {} was stable before it, says its group's tag", also.join(", "))
            },
            ignore_changes: ignore_changes(&adopted),
        })
    }

    async fn recover(&self) -> Result<Vec<Recovered>, DeskError> {
        self.recover_all().await
    }

    async fn doctor(&self, fleet: Option<&FleetName>) -> Result<Vec<Finding>, DeskError> {
        let mut findings = vec![self.examine_identity().await, self.examine_clock().await, self.examine_store()];
        findings.extend(self.examine_records());
        findings.extend(self.examine_listings().await);
        findings.extend(self.examine_operations()?);
        findings.extend(self.examine_loans(fleet).await);
        findings.extend(self.examine_freezes(fleet)?);
        findings.push(finding(CheckLevel::Ok, "bakes", permissions(&for_bakes())));
        findings.push(finding(CheckLevel::Ok, "life of images", permissions(&for_images())));
        if let Some(fleet) = fleet {
            findings.extend(self.examine_fleet(fleet).await?);
        }
        Ok(findings)
    }
}

impl Office {
    async fn write_down(&self, spec: FleetSpec) -> Result<FleetSpec, DeskError> {
        let identity = self.identity().await?;
        let adopted =
            FleetSpec { source: FleetSource::Adopted, account: Some(identity.account.clone()), region: Some(identity.region.clone()), ..spec };
        crate::config::adopt(&self.settings.fleets_file, &adopted)?;
        Ok(adopted)
    }

    async fn add_entry(&self, fleet: &FleetName, release: Release, body: LedgerBody, reason: Option<Untrusted>) -> Result<(), DeskError> {
        let by: Untrusted = self.who().await.short().into();
        let entry = NewEntry { fleet: fleet.clone(), at: Self::now(self), release, body, by, reason, operation: None };
        Ok(self.store.add_to_ledger(&entry)?)
    }

    /// A simulated world's fleets are declared by it: what they run at its beginning is taken for good, and before that what their other
    /// group launches.
    pub async fn adopt_declared(&self) -> Result<(), DeskError> {
        let Some(specs) = self.cloud.declared_fleets() else { return Ok(()) };
        if self.settings.read_only || !self.store.is_new()? || !self.cloud.is_untouched() {
            return Ok(());
        }
        let seen = self.look_around().await?;
        for spec in specs {
            let slots: &[Slot] = if matches!(spec.groups, Groups::Two(_)) { &[Slot::B, Slot::A] } else { &[Slot::A] };
            for slot in slots {
                if let Ok(release) = release_of(&spec, &seen, *slot) {
                    self.add_entry(&spec.name, release, LedgerBody::Stable { how: How::Adopted }, None).await?;
                }
            }
        }
        Ok(())
    }

    async fn examine_identity(&self) -> Finding {
        match self.identity().await {
            Ok(identity) => {
                let ends = identity.expires_at.map_or_else(|| "end unknown".to_owned(), |at| format!("until {}", at.rfc3339()));
                finding(
                    CheckLevel::Ok,
                    "credentials",
                    format!("{} in account {}, {}, {ends}", identity.caller.shown(), identity.account, identity.region),
                )
            }
            Err(error) => finding(CheckLevel::Warning, "credentials", format!("{error}: {}", error.hint())),
        }
    }

    async fn examine_clock(&self) -> Finding {
        match self.read_clock().await {
            Ok(now) => match self.cloud.clock_difference() {
                None => finding(CheckLevel::Ok, "clock", now.rfc3339()),
                Some(ahead) => finding(CheckLevel::Warning, "clock", differing(now, ahead)),
            },
            Err(error) => finding(CheckLevel::Unknown, "clock", error.to_string()),
        }
    }

    fn examine_store(&self) -> Finding {
        let shared = if self.store.is_shared() { "shared" } else { "mine only" };
        finding(CheckLevel::Ok, "store", format!("{} ({shared}, id {})", escape(&self.store.dir().display().to_string()), self.store.id()))
    }

    async fn examine_listings(&self) -> Vec<Finding> {
        let reader = self.cloud.reader(Urgency::Visible);
        let (groups, routes, images) = tokio::join!(reader.groups(), reader.routes(), reader.images());
        vec![
            listing("server groups", groups.map(|found| (found.items().len(), found.missing().map(Untrusted::shown)))),
            listing("load balancers", routes.map(|found| (found.items().len(), found.missing().map(Untrusted::shown)))),
            listing("images", images.map(|found| (found.items().len(), found.missing().map(Untrusted::shown)))),
        ]
    }

    fn examine_operations(&self) -> Result<Vec<Finding>, DeskError> {
        let orphans = self.store.operations(0)?.into_iter().filter(|view| !view.driver_alive);
        Ok(orphans
            .map(|view| {
                let id = &view.operation.id;
                let text = format!(
                    "{id} ({} of {}) is {} and has no driver: `qd drive {id} --take-over`",
                    view.operation.word(),
                    view.operation.plan.fleet,
                    view.state().word()
                );
                finding(CheckLevel::Warning, "operations", text)
            })
            .collect())
    }

    async fn examine_fleet(&self, name: &FleetName) -> Result<Vec<Finding>, DeskError> {
        let (spec, seen) = self.spec(name).await?;
        let gathered = self.gather(&spec).await?;
        let mut findings: Vec<Finding> = spec.problems.iter().map(|problem| finding(CheckLevel::Warning, "shape", problem.clone())).collect();
        findings.push(adoption(&spec));
        findings.push(route(&spec, &seen));
        for (_, group) in spec.groups.all() {
            if let Some(group) = seen.groups.items().iter().find(|found| found.name == *group) {
                findings.extend(examine_group(group, self.store.id()));
            }
        }
        findings.extend(gathered.target_groups.iter().map(|group| {
            let level = if group.dns_failover_minimum.is_some() { CheckLevel::Warning } else { CheckLevel::Ok };
            let dns = group.dns_failover_minimum.as_deref().unwrap_or("off");
            let drain = group.deregistration_delay_secs.map_or_else(|| "?".to_owned(), |secs| format!("{secs}s"));
            finding(level, "target group", format!("{}: drains for {drain}, DNS failover minimum {}", group.target_group.short(), escape(dns)))
        }));
        findings.push(policies(gathered.policies.as_deref()));
        findings.extend(super::gates::examine_scheduled(&spec, gathered.policies.as_deref()));
        findings.extend(super::gates::examine_alarms(&spec, &gathered.seen));
        findings.extend(self.examine_schema(&spec).await);
        findings.push(finding(CheckLevel::Ok, "permissions", permissions(&needed(&spec))));
        findings.push(finding(CheckLevel::Ok, "infrastructure as code", ignore_changes(&spec)));
        Ok(findings)
    }
}

fn differing(now: WorldTime, ahead: i64) -> String {
    let (by, way) = (Millis(ahead.unsigned_abs()), if ahead > 0 { "behind" } else { "ahead of" });
    format!(
        "{}: this host is {by} {way} the cloud, whose clock counts\nset the host's clock: signatures are refused beyond five minutes",
        now.rfc3339()
    )
}

fn finding(level: CheckLevel, subject: &str, text: impl Into<String>) -> Finding {
    Finding { level, subject: subject.to_owned(), text: text.into() }
}

fn listing(what: &str, found: Result<(usize, Option<String>), crate::domain::call::CloudError>) -> Finding {
    match found {
        Ok((count, None)) => finding(CheckLevel::Ok, what, format!("{count} found")),
        Ok((count, Some(why))) => finding(CheckLevel::Warning, what, format!("{count} found, not all: {why}")),
        Err(error) => finding(CheckLevel::Unknown, what, format!("{error}: {}", error.hint())),
    }
}

fn adoption(spec: &FleetSpec) -> Finding {
    match spec.source {
        FleetSource::Adopted => finding(CheckLevel::Ok, "adopted", "it may be changed"),
        FleetSource::Tagged | FleetSource::Inferred => {
            finding(CheckLevel::Warning, "adopted", format!("no: `qd fleet adopt {}` writes it down", spec.name))
        }
    }
}

fn route(spec: &FleetSpec, seen: &Sighting) -> Finding {
    let Route::Weighted { place, .. } = &spec.route else { return without_weights(spec, seen) };
    let found = seen.routes.as_ref().and_then(|routes| routes.items().iter().find(|reading| reading.place == *place));
    match found {
        Some(reading) => {
            let weights: Vec<String> = reading.actions.forwards().map(|(arn, weight)| format!("{} {weight}", arn.short())).collect();
            let sticky = reading.actions.stickiness_secs().map_or_else(|| "not sticky".to_owned(), |secs| format!("sticky for {secs}s"));
            finding(
                CheckLevel::Ok,
                "route",
                format!("weights {} on {}, {sticky}, {}", weights.join(", "), reading.load_balancer.shown(), place.arn()),
            )
        }
        None => finding(CheckLevel::Unknown, "route", format!("{} was not found", place.arn())),
    }
}

fn without_weights(spec: &FleetSpec, seen: &Sighting) -> Finding {
    let Route::Attached { target_group } = &spec.route else { return finding(CheckLevel::Ok, "route", spec.route.word()) };
    let members = spec.groups.all();
    let is_off = |group: &&ServerGroup| members.iter().any(|(_, name)| group.name == **name) && !group.target_groups.contains(target_group);
    let off: Vec<String> = seen.groups.items().iter().filter(is_off).map(|group| group.name.to_string()).collect();
    match off.as_slice() {
        [] => finding(CheckLevel::Ok, "route", format!("attached to {}", target_group.short())),
        _ => finding(
            CheckLevel::Warning,
            "route",
            format!("{} is off target group {}: an operation puts it back", off.join(" and "), target_group.short()),
        ),
    }
}

fn examine_group(group: &ServerGroup, store: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        group.unsupported.iter().map(|what| finding(CheckLevel::Warning, "group", format!("{}: {what}", group.name))).collect();
    let pinned = group.template.as_ref().and_then(|pin| pin.number());
    let level = if pinned.is_some() { CheckLevel::Ok } else { CheckLevel::Warning };
    let version = pinned.map_or_else(|| "no numbered template version".to_owned(), |number| format!("template version {number}"));
    let check = format!("{:?}", group.health_check).to_uppercase();
    findings.push(finding(
        level,
        "group",
        format!("{}: {version}, health check {check}, min {} max {} desired {}", group.name, group.sizes.min, group.sizes.max, group.sizes.desired),
    ));
    if let Some(claim) = claim_on(group) {
        let (level, told) = if claim.is_by(store) { (CheckLevel::Ok, claim.described_as_ours()) } else { (CheckLevel::Warning, claim.described()) };
        findings.push(finding(level, "claim", format!("{}: {told}", group.name)));
    }
    if !group.suspended.is_empty() {
        let names: Vec<String> = group.suspended.iter().map(Untrusted::shown).collect();
        findings.push(finding(CheckLevel::Warning, "suspended", format!("{}: {}", group.name, names.join(", "))));
    }
    findings
}

/// What a role needs; whether this one has it shows where a call is refused.
fn permissions(needed: &Permissions) -> String {
    format!("to look: {}\nto change: {}", needed.looking.join(", "), needed.changing.join(", "))
}

fn policies(policies: Option<&[crate::domain::observation::GroupPolicies]>) -> Finding {
    match policies {
        Some([a, b]) if a.policies == b.policies => finding(CheckLevel::Ok, "policies", "equal on both slots"),
        Some([_, _]) => finding(CheckLevel::Warning, "policies", "they differ between the slots: a deploy is refused until they are equal"),
        Some(_) => finding(CheckLevel::Ok, "policies", "one group"),
        None => finding(CheckLevel::Unknown, "policies", "could not be read: a deploy is refused until they can"),
    }
}

/// The slot that serves, by its weight, or by the person's word where weights do not tell.
fn live_slot(spec: &FleetSpec, seen: &Sighting, said: Option<Slot>) -> Result<Slot, DeskError> {
    let Some(place) = spec.route.place() else { return live_by_servers(spec, seen, said) };
    let actions =
        seen.routes.as_ref().and_then(|routes| routes.items().iter().find(|reading| reading.place == *place)).map(|reading| &reading.actions);
    let weight = |slot: Slot| actions.and_then(|actions| actions.weight(spec.route.target_group(slot)?));
    match (weight(Slot::A), weight(Slot::B), said) {
        (_, _, Some(said)) => Ok(said),
        (Some(0), Some(b), None) if b > 0 => Ok(Slot::B),
        (Some(a), Some(0), None) if a > 0 => Ok(Slot::A),
        _ => Err(Refusal::new(format!("the weights do not tell which group of {} is live", spec.name), "say it: `--live a` or `--live b`").into()),
    }
}

/// Without weights the group that serves is the one with servers.
fn live_by_servers(spec: &FleetSpec, seen: &Sighting, said: Option<Slot>) -> Result<Slot, DeskError> {
    let Groups::Two(names) = &spec.groups else { return Ok(Slot::A) };
    let serves = |slot: Slot| seen.groups.items().iter().find(|group| group.name == *names.get(slot)).map(|group| group.staying() > 0);
    match (serves(Slot::A), serves(Slot::B), said) {
        (_, _, Some(said)) => Ok(said),
        (Some(true), Some(false), None) => Ok(Slot::A),
        (Some(false), Some(true), None) => Ok(Slot::B),
        _ => {
            let why = format!("both groups of {} have servers, or neither has: nothing tells which is live", spec.name);
            Err(Refusal::new(why, "say it: `--live a` or `--live b`").into())
        }
    }
}

fn release_of(spec: &FleetSpec, seen: &Sighting, slot: Slot) -> Result<Release, DeskError> {
    let name = match &spec.groups {
        Groups::Two(names) => names.get(slot),
        Groups::One(name) => name,
    };
    let unreadable = |what: &str| DeskError::from(Refusal::new(format!("{name} {what}"), "pin it to a numbered template version that can be read"));
    let group = seen.groups.items().iter().find(|group| group.name == *name).ok_or_else(|| unreadable("cannot be read"))?;
    let pin = group.template.as_ref().ok_or_else(|| unreadable("has no launch template"))?;
    let number = pin.number().ok_or_else(|| unreadable("launches $Latest or $Default"))?;
    let image = pin.image.clone().ok_or_else(|| unreadable("launches an image that could not be looked up"))?;
    let images = seen.images.as_ref().map_or(&[][..], |images| images.items());
    let version = images.iter().find(|found| found.id == image).and_then(|found| found.version.clone());
    Ok(Release { image, version, template: pin.id.clone(), template_version: number, digest: pin.digest.clone(), group: name.clone(), slot })
}

/// What the groups that do not serve launch, where their own tag says that it became stable there: what is left of a ledger that was lost.
fn seen_releases(spec: &FleetSpec, seen: &Sighting, live: Slot) -> Vec<Release> {
    let Groups::Two(names) = &spec.groups else { return Vec::new() };
    let other = live.other();
    let group = seen.groups.items().iter().find(|group| group.name == *names.get(other));
    let release = release_of(spec, seen, other).ok();
    release.into_iter().filter(|release| group.is_some_and(|group| was_stable(group, release))).collect()
}

/// What infrastructure-as-code must leave alone: template version, sizes and the two weights are ours.
fn ignore_changes(spec: &FleetSpec) -> String {
    let groups: Vec<String> = spec.groups.all().iter().map(|(_, name)| name.to_string()).collect();
    let place = match &spec.route {
        Route::Weighted { place: crate::domain::fleet::RoutePlace::Rule(_), .. } => "; on the listener rule: lifecycle { ignore_changes = [action] }",
        Route::Weighted { .. } => "; on the listener: lifecycle { ignore_changes = [default_action] }",
        Route::Attached { .. } | Route::None => "",
    };
    let shared = matches!((&spec.groups, &spec.route), (Groups::Two(_), Route::Attached { .. }));
    let attached = if shared { ", target_group_arns" } else { "" };
    format!(
        "on {}: lifecycle {{ ignore_changes = [launch_template, min_size, max_size, desired_capacity, tag{attached}] }}{place}",
        groups.join(" and ")
    )
}

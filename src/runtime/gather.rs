//! Reading what a screen or a plan needs: side by side, and with every gap named.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::cloud::Urgency;
use super::office::Office;
use super::proofs::noted;
use super::schema::told;
use crate::adapters::store::{Store, StoreError};
use crate::domain::call::{CloudError, Identity};
use crate::domain::discovery::{find_fleets, in_the_way};
use crate::domain::fleet::{FleetSource, FleetSpec, Groups, Route, Slot};
use crate::domain::group::ServerGroup;
use crate::domain::ids::FleetName;
use crate::domain::image::Image;
use crate::domain::observation::{Depth, FleetObservation, RouteReading, TemplateData};
use crate::domain::reading::Listing;
use crate::domain::release::Release;
use crate::domain::suggest::nearest;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::operation::damage::FleetDamage;
use crate::operation::freeze::{Freeze, of_fleet};
use crate::operation::history::FleetHistory;
use crate::operation::plan::{OperationKind, Plan, Refusal};
use crate::operation::record::OperationView;
use crate::operation::sighting::Sighting;
use crate::plan::estate::FleetRecord;
use crate::plan::live::leaning_slot;
use crate::plan::live::live_slot;
use crate::plan::{Facts, ReleaseTemplate};
use crate::ports::desk::DeskError;

/// The newest operations of a fleet that matter to plans and rows.
const OPERATIONS_OF_A_FLEET: u32 = 5;

impl Office {
    /// One round of listings, kept for the next first paint.
    pub(super) async fn look_around(&self) -> Result<Sighting, DeskError> {
        let reader = self.cloud.reader(Urgency::Visible);
        self.read_clock().await?;
        let (groups, routes, images) = tokio::join!(reader.groups(), reader.routes(), self.images(Urgency::Visible));
        let mut groups = groups?;
        let mut gaps = Vec::new();
        let routes = listed("load balancers", routes, &mut gaps)?;
        let images = listed("images", images, &mut gaps)?;
        gaps.extend(missing("server groups", &groups));
        let as_of = groups.as_of();
        let specs = self.specs(&groups, routes.as_ref())?;
        self.age_listed(&specs, &mut groups).await;
        let seen = Sighting { specs, groups, routes, images, gaps, as_of };
        if let Err(error) = self.store.keep_snapshot(&seen) {
            tracing::warn!("the snapshot was not kept: {error}");
        }
        Ok(seen)
    }

    /// The last round any process made, with the fleets as they are written down now: somebody may have edited the file since.
    pub(super) fn last_round(&self) -> Result<Option<Sighting>, DeskError> {
        let Some(seen) = self.store.snapshot()? else { return Ok(None) };
        Ok(Some(self.caught_up(Sighting { specs: self.specs(&seen.groups, seen.routes.as_ref())?, ..seen })?))
    }

    /// A screen is open for days: what is written down is read again each time, and a mistake in it is said.
    fn specs(&self, groups: &Listing<ServerGroup>, routes: Option<&Listing<RouteReading>>) -> Result<Vec<FleetSpec>, DeskError> {
        let written = crate::config::load(&self.settings.fleets_file)?;
        Ok(self.declared(&written.fleets).unwrap_or_else(|| fleets_in(&written.fleets, groups, routes, &written.tags)))
    }

    /// The fleets that are written down, or declared by the cloud, without listing anything.
    pub(super) fn written_fleets(&self) -> Result<Vec<FleetSpec>, DeskError> {
        let written = crate::config::load(&self.settings.fleets_file)?.fleets;
        Ok(self.declared(&written).unwrap_or(written))
    }

    fn declared(&self, written: &[FleetSpec]) -> Option<Vec<FleetSpec>> {
        Some(self.cloud.declared_fleets()?.into_iter().map(|spec| rewritten(spec, written)).collect())
    }

    /// A fleet by name. The last round knows most of them; one it does not know may be new.
    pub(super) async fn spec(&self, name: &FleetName) -> Result<(FleetSpec, Sighting), DeskError> {
        if let Some(seen) = self.last_round()?
            && self.is_young(&seen)
            && let Some(spec) = seen.specs.iter().find(|spec| spec.name == *name)
        {
            return Ok((spec.clone(), seen));
        }
        let seen = self.look_around().await?;
        match seen.specs.iter().find(|spec| spec.name == *name) {
            Some(spec) => Ok((spec.clone(), seen)),
            None => Err(unknown_fleet(name, &seen.specs)),
        }
    }

    /// What was found a moment ago is found again; what of it changes is read anew for every plan. Somebody who may see less than we may
    /// have made the round: one with gaps is not taken for the whole.
    fn is_young(&self, seen: &Sighting) -> bool {
        seen.gaps.is_empty() && self.now().since(seen.as_of) < crate::domain::time::Millis::mins(2)
    }

    /// Everything a plan is made from.
    pub(super) async fn gather(&self, spec: &FleetSpec) -> Result<Gathered, DeskError> {
        let reader = self.cloud.reader(Urgency::Opened);
        let now = self.read_clock().await?;
        let identity = self.identity().await?.clone();
        let images = self.images_for_a_plan(now);
        let scope = spec.scope();
        let names: Vec<_> = spec.groups.all().into_iter().map(|(_, name)| name.clone()).collect();
        let mut arns: Vec<_> = scope.slots().iter().filter_map(|slot| scope.target_group(*slot).cloned()).collect();
        arns.dedup();
        let (seen, images, target_groups, policies) =
            tokio::join!(reader.observe(&scope, depth_of(&spec.groups)), images, reader.target_group_facts(&arns), reader.group_policies(&names));
        let record = record(&self.store, spec, now)?;
        let (live, other) = self.templates(&seen, &record.operations).await;
        let mut images = images?;
        self.add_missing_images(&seen, &mut images).await;
        self.inherit(&mut images).await;
        let (target_groups, policies) = (target_groups.unwrap_or_default(), policies.ok());
        Ok(Gathered { seen, images, record, identity, live, other, release_template: ReleaseTemplate::NotRead, target_groups, policies, now })
    }

    /// All images. A listing that fails leaves a gap: a way back known from the ledger does not need it, and a deploy says what is missing.
    async fn images_for_a_plan(&self, now: WorldTime) -> Result<Listing<Image>, DeskError> {
        match self.images(Urgency::Opened).await {
            Ok(images) => Ok(images),
            Err(error) if error.kind == crate::domain::call::CloudErrorKind::Auth => Err(error.into()),
            Err(error) => Ok(Listing::Incomplete { items: Vec::new(), as_of: now, why: error.to_string().into() }),
        }
    }

    /// Images that run but no listing shows are fetched by id; those that do not exist stay missing.
    async fn add_missing_images(&self, seen: &FleetObservation, images: &mut Listing<Image>) {
        let reader = self.cloud.reader(Urgency::Opened);
        for slot in Slot::BOTH {
            let pinned = seen.group(slot).and_then(|group| group.template.as_ref()?.image.clone());
            let Some(id) = pinned.filter(|id| !images.items().iter().any(|image| image.id == *id)) else { continue };
            if let Ok(Some(image)) = reader.image(&id).await {
                match images {
                    Listing::Complete { items, .. } | Listing::Incomplete { items, .. } => items.push(image),
                }
            }
        }
    }

    /// The template data of the live and of the other slot, where they can be read.
    async fn templates(&self, seen: &FleetObservation, operations: &[OperationView]) -> (Option<TemplateData>, Option<TemplateData>) {
        let reader = self.cloud.reader(Urgency::Opened);
        let live = leaning_slot(seen, operations).unwrap_or(Slot::A);
        let pin = |slot: Slot| seen.group(slot).and_then(|group| group.template.as_ref()).and_then(|pin| Some((pin.id.clone(), pin.number()?)));
        let data = |pin: Option<(crate::domain::ids::TemplateId, u64)>| {
            let reader = reader.clone();
            async move {
                let (id, number) = pin?;
                reader.template(&id, number).await.ok()
            }
        };
        tokio::join!(data(pin(live)), data(pin(live.other())))
    }

    /// What a release ran with. Only a clear answer says that it is gone.
    async fn template_of(&self, release: &Release) -> ReleaseTemplate {
        let reader = self.cloud.reader(Urgency::Opened);
        match reader.template(&release.template, release.template_version).await {
            Ok(data) => ReleaseTemplate::There(data),
            Err(error) if error.kind == crate::domain::call::CloudErrorKind::NotFound => ReleaseTemplate::Gone,
            Err(_) => ReleaseTemplate::NotRead,
        }
    }

    /// The fleet for a rollback. One that is written down needs no listing, which takes seconds: an old round does if nothing was wrong in it.
    /// Otherwise it is read afresh, and only what makes it wrong to move the traffic stands in the way.
    async fn spec_to_go_back(&self, name: &FleetName) -> Result<FleetSpec, DeskError> {
        let adopted = |spec: &&FleetSpec| spec.name == *name && spec.source == FleetSource::Adopted;
        let known = self.last_round()?.and_then(|seen| seen.specs.iter().find(adopted).cloned());
        if let Some(known) = known.filter(|known| known.problems.is_empty()) {
            return Ok(known);
        }
        let seen = self.look_around().await?;
        let spec = seen.specs.iter().find(|spec| spec.name == *name).ok_or_else(|| unknown_fleet(name, &seen.specs))?;
        if !adopted(&spec) {
            return Ok(spec.clone());
        }
        let problems = in_the_way(spec, &seen.groups, &routes_or_gap(&seen.groups, seen.routes.as_ref()));
        Ok(FleetSpec { problems, ..spec.clone() })
    }

    /// A plan for a deploy or a rollback of this fleet, from facts read now.
    pub(super) async fn make_plan(&self, intent: &crate::operation::intent::Intent) -> Result<Plan, DeskError> {
        use crate::operation::intent::Intent;
        let spec = match intent {
            Intent::Deploy { fleet, .. } | Intent::Recycle { fleet } => self.spec(fleet).await?.0,
            Intent::Rollback { fleet, .. } => self.spec_to_go_back(fleet).await?,
        };
        let mut gathered = self.gather(&spec).await?;
        if let (Intent::Recycle { .. }, Groups::Two(_), Some(slot)) = (intent, &spec.groups, live_slot(&gathered.seen, &gathered.record.operations)) {
            gathered.seen = self.cloud.reader(Urgency::Opened).observe(&spec.scope(), Depth::WithRefreshes(slot)).await;
        }
        if matches!(intent, Intent::Recycle { .. }) {
            self.age_seen(&spec, &mut gathered.seen).await;
        }
        gathered.record.schema = self.schema_for(intent, &spec, &gathered).await;
        let setting = self.setting();
        if let Intent::Rollback { to, .. } = intent
            && let Some(release) = crate::plan::rollback::launched_anew(&gathered.facts(&setting, &spec), to.as_deref())
        {
            gathered.release_template = self.template_of(&release).await;
        }
        let facts = gathered.facts(&setting, &spec);
        let plan = match intent {
            Intent::Deploy { image, strategy, despite_gates: true, .. } => crate::plan::deploy::plan_despite_gates(&facts, image, *strategy),
            Intent::Deploy { image, strategy, .. } => crate::plan::deploy::plan(&facts, image, *strategy),
            Intent::Rollback { to, .. } => crate::plan::rollback::plan(&facts, to.as_deref()),
            Intent::Recycle { .. } => crate::plan::rolling::recycle(&facts),
        };
        let plan = plan?;
        let changes = self.changes_of(&plan, &facts);
        Ok(Plan { changes, ..plan })
    }

    /// How close a look at an opened fleet is: AWS's engine is asked where it may be at work.
    pub(super) fn depth_for(&self, fleet: &FleetName, groups: &Groups) -> Result<Depth, StoreError> {
        let operations = self.store.operations_of(fleet, OPERATIONS_OF_A_FLEET)?;
        let refreshes = operations.whole.iter().find(|view| !view.state().is_final() && view.operation.plan.refresh.is_some());
        Ok(refreshes.map_or_else(|| depth_of(groups), |view| Depth::WithRefreshes(view.operation.plan.to.slot)))
    }

    /// The last rollback plan still stands if nothing took the wheel since: its own first look checks the rest.
    pub(super) fn still_stands(&self, plan: &Plan) -> Result<bool, StoreError> {
        let fresh = self.now().since(plan.as_of) < crate::domain::time::Millis::mins(2);
        let listed = self.store.operations_of(&plan.fleet, OPERATIONS_OF_A_FLEET)?;
        if listed.damaged.iter().any(|damaged| damaged.unfinished) {
            return Ok(false);
        }
        let holder = listed.whole.into_iter().find(|view| !view.state().is_final());
        // A retire that left its window may have asked for fewer servers already.
        let shrinks = holder.as_ref().is_some_and(|view| view.operation.plan.kind == OperationKind::Retire && view.progress.current > 0);
        let marked_since = self.store.ledger(&plan.fleet)?.iter().any(|entry| entry.at > plan.as_of);
        let same = holder.map(|view| view.operation.id) == plan.supersedes;
        Ok(plan.kind == OperationKind::Rollback && fresh && same && !shrinks && !marked_since)
    }
}

/// AWS's own engine drives fleets of one group: only there is it asked what it does.
pub(super) const fn depth_of(groups: &Groups) -> Depth {
    match groups {
        Groups::One(_) => Depth::WithRefreshes(Slot::A),
        Groups::Two(_) => Depth::Full,
    }
}

/// The fleets in a round of listings.
pub(super) fn fleets_in(
    configured: &[FleetSpec],
    groups: &Listing<ServerGroup>,
    routes: Option<&Listing<RouteReading>>,
    tag_keys: &crate::domain::tags::TagKeys,
) -> Vec<FleetSpec> {
    find_fleets(configured, groups, &routes_or_gap(groups, routes), tag_keys)
}

fn routes_or_gap<'a>(groups: &Listing<ServerGroup>, routes: Option<&'a Listing<RouteReading>>) -> Cow<'a, Listing<RouteReading>> {
    let unanswered = || Listing::Incomplete { items: Vec::new(), as_of: groups.as_of(), why: "the load balancers did not answer".into() };
    routes.map_or_else(|| Cow::Owned(unanswered()), Cow::Borrowed)
}

/// What a store knows of these fleets; freezes as they stand at `now`.
pub(super) fn records(store: &Store, specs: &[FleetSpec], now: WorldTime) -> Result<BTreeMap<FleetName, FleetRecord>, StoreError> {
    let (freezes, common) = (store.freezes(now)?, common_history(store));
    specs.iter().map(|spec| Ok((spec.name.clone(), recorded(store, spec, (&freezes, common), now)?))).collect()
}

fn record(store: &Store, spec: &FleetSpec, now: WorldTime) -> Result<FleetRecord, StoreError> {
    recorded(store, spec, (&store.freezes(now)?, common_history(store)), now)
}

/// What is known of one fleet; `freezes` and history are those of all.
fn recorded(store: &Store, spec: &FleetSpec, (freezes, common): (&[Freeze], FleetHistory), now: WorldTime) -> Result<FleetRecord, StoreError> {
    let fleet = &spec.name;
    let listed = store.operations_of(fleet, OPERATIONS_OF_A_FLEET)?;
    let (proof, rehearsal, first_seen) = noted(store, fleet)?;
    let (ledger, damage) = store.whole_ledger(fleet)?;
    Ok(FleetRecord {
        proof,
        rehearsal,
        first_seen,
        schema: told(store, spec, now)?,
        ledger,
        operations: listed.whole,
        damage: FleetDamage { operations: listed.damaged, ledger: damage },
        history: or_nothing(store.history(fleet, common)),
        freezes: of_fleet(freezes, fleet),
    })
}

/// How long things took only says what to expect: where it cannot be read, nothing is expected.
fn or_nothing(history: Result<FleetHistory, StoreError>) -> FleetHistory {
    history.unwrap_or_else(|error| {
        tracing::warn!("how long things took was not read: {error}");
        FleetHistory::default()
    })
}

fn common_history(store: &Store) -> FleetHistory {
    or_nothing(store.common_history())
}

/// What was read for a plan.
pub(super) struct Gathered {
    pub seen: FleetObservation,
    pub images: Listing<Image>,
    pub record: FleetRecord,
    identity: Identity,
    live: Option<TemplateData>,
    other: Option<TemplateData>,
    release_template: ReleaseTemplate,
    pub target_groups: Vec<crate::domain::observation::TargetGroupFacts>,
    pub policies: Option<Vec<crate::domain::observation::GroupPolicies>>,
    pub now: WorldTime,
}

impl Gathered {
    pub(super) fn facts<'a>(&'a self, setting: &'a crate::plan::Setting, spec: &'a FleetSpec) -> Facts<'a> {
        Facts {
            setting,
            identity: &self.identity,
            spec,
            seen: &self.seen,
            images: self.images.items(),
            images_missing: self.images.missing().map(Untrusted::shown),
            ledger: &self.record.ledger,
            operations: &self.record.operations,
            damage: &self.record.damage,
            live_template: self.live.clone(),
            other_template: self.other.clone(),
            release_template: self.release_template.clone(),
            target_groups: self.target_groups.clone(),
            policies: self.policies.clone(),
            history: self.record.history,
            freezes: &self.record.freezes,
            live_schema: self.record.schema.clone(),
            now: self.now,
        }
    }
}

/// A fleet of the simulated cloud with what is written about the same groups; its route need not be written again.
fn rewritten(declared: FleetSpec, written: &[FleetSpec]) -> FleetSpec {
    let same = |spec: &&FleetSpec| spec.name == declared.name && spec.groups == declared.groups;
    let Some(spec) = written.iter().find(same).filter(|spec| spec.route == declared.route || spec.route == Route::None) else { return declared };
    FleetSpec {
        route: declared.route,
        account: declared.account,
        region: declared.region,
        app: spec.app.clone().or(declared.app),
        env: spec.env.clone().or(declared.env),
        ..spec.clone()
    }
}

/// A listing, or the gap it leaves. Missing credentials are no gap: everything stops at them.
fn listed<T>(what: &str, listing: Result<Listing<T>, CloudError>, gaps: &mut Vec<String>) -> Result<Option<Listing<T>>, DeskError> {
    match listing {
        Ok(listing) => {
            gaps.extend(missing(what, &listing));
            Ok(Some(listing))
        }
        Err(error) if error.kind == crate::domain::call::CloudErrorKind::Auth => Err(error.into()),
        Err(error) => {
            gaps.push(format!("{what}: {error}"));
            Ok(None)
        }
    }
}

fn missing<T>(what: &str, listing: &Listing<T>) -> Option<String> {
    listing.missing().map(|why| format!("{what} are incomplete: {}", why.shown()))
}

/// The sentence for a fleet nobody knows, with the nearest name.
pub(super) fn unknown_fleet(name: &FleetName, specs: &[FleetSpec]) -> DeskError {
    let near = nearest(name.as_str(), specs.iter().map(|spec| spec.name.as_str()));
    let hint = near.map_or_else(|| "`qd fleets` lists them".to_owned(), |near| format!("did you mean {}?", FleetName::new(near)));
    Refusal::new(format!("there is no fleet '{name}'"), hint).into_error()
}

impl Refusal {
    /// As an error that is no guard's: nothing was found to guard.
    fn into_error(self) -> DeskError {
        DeskError::other(self.reason, self.remedy)
    }
}

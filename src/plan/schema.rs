//! S16 in a plan: what does not run on the live schema is refused, what nobody can tell is refused as well, and a way without return says so.

use super::facts::Facts;
use super::rollback::images;
use super::target::Images;
use crate::domain::ids::ImageId;
use crate::domain::image::Image;
use crate::domain::release::Release;
use crate::domain::schema::{Fit, LiveSchema, SchemaRange};
use crate::operation::ledger::known_releases;
use crate::operation::plan::{Check, CheckLevel, Friction, Plan, PlanStep, Refusal, Side, StepKind};
use crate::operation::schema::{Migration, OneWay, SchemaPlan};

/// Puts into a deploy's plan what is known of the schema.
///
/// # Errors
/// The image cannot run on what will be live, or nobody can say whether it can.
pub(super) fn of_deploy(facts: &Facts<'_>, plan: &mut Plan, image: &Image) -> Result<(), Refusal> {
    let migration = Some(&facts.spec.migration).filter(|run| !run.is_empty());
    let migration = migration.map(|run| Migration { run: run.clone(), limit: facts.spec.migration_limit });
    let schema = SchemaPlan { migration, ..known(facts, &plan.from, image.schema.clone()) };
    match schema.to.fit(&schema.live) {
        Fit::Fits => {}
        // What is too old is what a migration is for.
        Fit::Excluded(_) if schema.migration.is_some() && is_older(&schema) => {}
        Fit::Excluded(why) => return Err(excluded(facts, &image.label(), &why, &schema)),
        Fit::Unknown(why) => return Err(unknown(facts, &image.label(), &why, &schema)),
    }
    let one_way = one_way(facts, plan, &schema);
    plan.schema = relevant(SchemaPlan { one_way, ..schema });
    Ok(())
}

/// Puts into a rollback's plan what is known of the schema.
///
/// # Errors
/// The release cannot run on what is live, or nobody can say whether it can.
pub(super) fn of_rollback(facts: &Facts<'_>, plan: &mut Plan) -> Result<(), Refusal> {
    let to = images(facts).range(&plan.to.image);
    let schema = known(facts, &plan.from, to);
    match schema.to.fit(&schema.live) {
        Fit::Fits => {}
        Fit::Excluded(why) => return Err(excluded(facts, &plan.to.label(), &why, &schema)),
        Fit::Unknown(why) => return Err(unknown(facts, &plan.to.label(), &why, &schema)),
    }
    plan.schema = relevant(schema);
    Ok(())
}

fn known(facts: &Facts<'_>, from: &Side, to: SchemaRange) -> SchemaPlan {
    let (hook, live) = (facts.spec.schema.clone(), facts.live_schema.clone());
    SchemaPlan { hook, live, from: images(facts).range(&from.image), to, migration: None, one_way: None }
}

/// A plan of a fleet without a database says nothing of one.
fn relevant(schema: SchemaPlan) -> Option<SchemaPlan> {
    let says = !schema.hook.is_empty() || schema.migration.is_some() || schema.from.is_named() || schema.to.is_named();
    says.then_some(schema)
}

fn is_older(schema: &SchemaPlan) -> bool {
    schema.live.known().zip(schema.to.min).is_some_and(|(live, min)| live < min)
}

fn excluded(facts: &Facts<'_>, label: &str, why: &str, schema: &SchemaPlan) -> Refusal {
    let safe = safe(facts, &schema.live, &[]);
    let remedy = match (safe.as_slice(), is_older(schema)) {
        (_, true) => format!("migrate the database first, or name the program that does: `migration = [\"/…\"]` in [fleet.{}]", facts.spec.name),
        ([], false) => "deploy an image that works with it: `qd images` lists them".to_owned(),
        (safe, false) => format!("these of its ledger run on it: {}", safe.join(", ")),
    };
    Refusal::new(format!("{label} does not run on the database of {}: {why}", facts.spec.name), remedy)
}

fn unknown(facts: &Facts<'_>, label: &str, why: &str, schema: &SchemaPlan) -> Refusal {
    let name = &facts.spec.name;
    let remedy = if schema.to.unclear.is_some() {
        "its image has to be listed with tags that can be read: `qd images` shows what is".to_owned()
    } else if facts.spec.schema.is_empty() {
        format!("name the program that says it: `schema = [\"/usr/local/bin/schema\"]` in [fleet.{name}] of fleets.toml")
    } else {
        format!(
            "`qd doctor {name}` runs the program that says it; if you know better, say so: `schema = [\"/bin/echo\", \"NUMBER\"]` in [fleet.{name}]"
        )
    };
    Refusal::new(format!("nobody can say whether {label} runs on the database of {name}: {why}"), remedy)
}

/// The release that is left cannot run any more once this one is there.
fn one_way(facts: &Facts<'_>, plan: &Plan, schema: &SchemaPlan) -> Option<OneWay> {
    let after = LiveSchema::At(led_to(schema)?);
    let Fit::Excluded(why) = schema.from.fit(&after) else { return None };
    let why = format!("after this {} cannot run any more: {why}", plan.from.label());
    Some(OneWay { why, safe: safe(facts, &after, &[&plan.from.image, &plan.to.image]) })
}

/// The schema that is live once the release serves: a migration leads to the newest one its image works with.
fn led_to(schema: &SchemaPlan) -> Option<u64> {
    let migrated = schema.migration.as_ref().and(schema.to.max.or(schema.to.min)).unwrap_or(0);
    Some(schema.live.known().map_or(migrated, |live| live.max(migrated))).filter(|after| *after > 0)
}

/// Releases of the ledger that are good, can be launched and say that they run on this schema, the newest first.
fn safe(facts: &Facts<'_>, live: &LiveSchema, but: &[&ImageId]) -> Vec<String> {
    let runs = |release: &Release| {
        let image = facts.images.iter().find(|image| image.id == release.image)?;
        let fits = image.schema.is_named() && image.schema.fit(live) == Fit::Fits && image.blocked.is_none();
        (fits && !but.contains(&&release.image)).then(|| release.label())
    };
    let mut labels: Vec<String> = Vec::new();
    for known in known_releases(facts.ledger).iter().filter(|known| known.marked.is_none()) {
        labels.extend(runs(&known.release).filter(|label| !labels.contains(label)));
    }
    labels
}

/// The step that migrates, if there is one.
pub(super) fn step(plan: &Plan) -> Option<PlanStep> {
    let migration = plan.schema.as_ref()?.migration.as_ref()?;
    let program = migration.run.first().map_or("?", |program| program.rsplit('/').next().unwrap_or(program));
    let to = plan.schema.as_ref().and_then(|schema| schema.to.max).map_or_else(String::new, |max| format!(" to schema {max}"));
    let title = format!("migrate{to}: {}", crate::domain::text::escape(program));
    Some(PlanStep { kind: StepKind::Migrate, title, expected: None })
}

/// What is known of the schema, on the sheet.
pub(super) fn checks(facts: &Facts<'_>, plan: &Plan) -> Vec<Check> {
    let Some(schema) = &plan.schema else { return Vec::new() };
    let mut checks = vec![match (&schema.live, schema.to.is_named()) {
        (LiveSchema::At(live), true) => {
            Check::new(CheckLevel::Ok, format!("schema {live} is live, {} works with {}", plan.to.label(), schema.to.words()))
        }
        (LiveSchema::At(live), false) => {
            Check::new(CheckLevel::Unknown, format!("schema {live} is live, {} does not say which schemas it works with", plan.to.label()))
        }
        (LiveSchema::Unknown(why), _) => Check::new(CheckLevel::Unknown, format!("the live schema is unknown: {}", why.shown())),
        (LiveSchema::Unasked, _) => Check::new(CheckLevel::Unknown, "no program says which schema is live: `schema` in fleets.toml names one"),
    }];
    checks.extend(schema.migration.as_ref().map(|_| migrates(plan, schema)));
    checks.extend(begun_before(facts));
    if let Some(one_way) = &schema.one_way {
        checks.insert(0, Check::new(CheckLevel::Warning, format!("one way: {}", one_way.sentence())));
    } else if schema.migration.is_some() {
        checks.extend(may_be_one_way(plan, schema));
    }
    checks
}

fn migrates(plan: &Plan, schema: &SchemaPlan) -> Check {
    let from = schema.live.words();
    match schema.to.max {
        Some(max) if schema.live.known() == Some(max) => Check::new(CheckLevel::Ok, format!("schema {max} is live already: nothing is migrated")),
        Some(max) => Check::new(
            CheckLevel::Warning,
            format!("the database is migrated from schema {from} to {max} while {} serves; no way back undoes that", plan.from.label()),
        ),
        None => Check::new(
            CheckLevel::Warning,
            format!(
                "the database is migrated while {} serves, {} does not say to which schema; no way back undoes that",
                plan.from.label(),
                plan.to.label()
            ),
        ),
    }
}

/// Where the release that is left, or the way the migration leads, is not said, nobody can promise a way back.
fn may_be_one_way(plan: &Plan, schema: &SchemaPlan) -> Option<Check> {
    let unknown = |text: String| Some(Check::new(CheckLevel::Unknown, text));
    let left = plan.from.label();
    match (&schema.from.unclear, schema.from.is_named(), schema.to.max) {
        (Some(why), ..) => unknown(format!("nobody can say whether {left} runs afterwards: {}", why.shown())),
        (None, false, _) => unknown(format!("nobody can say whether {left} runs afterwards: it does not say which schemas it works with")),
        (None, true, None) if schema.from.max.is_some() => unknown(format!(
            "nobody can say whether {left} runs afterwards: it works with {}, and where the migration leads is not said",
            schema.from.words()
        )),
        _ => None,
    }
}

/// A migration that an earlier operation began, and of which nobody knows how it ended.
fn begun_before(facts: &Facts<'_>) -> Option<Check> {
    let begun = |view: &&crate::operation::record::OperationView| view.progress.migration.as_ref().is_some_and(|migration| migration.is_open());
    let id = &facts.operations.iter().find(begun)?.operation.id;
    Some(Check::new(CheckLevel::Warning, format!("{id} began a migration, and nobody knows how it ended: it may still run")))
}

/// What cannot be gone back from, and what may run twice, is confirmed by the fleet's name.
pub(super) fn friction(facts: &Facts<'_>, plan: &Plan) -> Option<Friction> {
    let schema = plan.schema.as_ref()?;
    let one_way = schema.one_way.as_ref().map(|_| format!("it is one way: nothing leads back to {}", plan.from.label()));
    let twice = || begun_before(facts).filter(|_| schema.migration.is_some()).map(|check| check.text);
    one_way.or_else(twice).map(|because| Friction::Typed { because })
}

impl Images<'_> {
    /// Why nobody goes back to this release while this schema is live; none also where nobody can tell.
    pub(super) fn excluded(&self, release: &Release) -> Option<String> {
        match self.fit(release) {
            Fit::Excluded(why) => Some(format!("{}: {why}", release.label())),
            Fit::Fits | Fit::Unknown(_) => None,
        }
    }

    /// Whether the release runs on the live schema, as far as its image is known.
    pub(super) fn fit(&self, release: &Release) -> Fit {
        self.range(&release.image).fit(self.schema)
    }

    /// What an image says. One that is not listed, because the listing is not whole or it is gone, said it when an earlier plan was made; where there
    /// is none and the fleet has a database, nobody can tell.
    pub(super) fn range(&self, image: &ImageId) -> SchemaRange {
        let listed = self.find(image).map(|image| image.schema.clone());
        let unclear = || self.asks.then(|| format!("its image {image} is not listed").into());
        listed.or_else(|| self.planned_before(image)).unwrap_or_else(|| SchemaRange { unclear: unclear(), ..SchemaRange::default() })
    }

    /// What an earlier operation of the fleet read of the image.
    fn planned_before(&self, image: &ImageId) -> Option<SchemaRange> {
        let of = |plan: &Plan| {
            let schema = plan.schema.as_ref()?;
            let sides = [(&plan.to, &schema.to), (&plan.from, &schema.from)];
            sides.into_iter().find(|(side, range)| side.image == *image && range.unclear.is_none()).map(|(_, range)| range.clone())
        };
        self.operations.iter().find_map(|view| of(&view.operation.plan))
    }
}

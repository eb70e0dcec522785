//! From a recipe and facts to the plan of a bake, to an image that is there already, or to a refusal.

mod packer;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Setting;
use crate::bake::key::key as content_key;
use crate::bake::render::{self, Order, RenderError, UserData};
use crate::domain::bake::{BaseImage, COPIED_KEY, GATES_KEY, KEY_KEY, QUERY_KEY, SHARED_KEY};
use crate::domain::ids::{OperationId, PlanId};
use crate::domain::image::{Image, ImageState};
use crate::domain::reading::Listing;
use crate::domain::recipe::{Base, Builder, Recipe};
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::{Millis, WorldTime};
use crate::operation::bake::{ALL_STEPS, BakeAnswer, BakePlan, BakeStep, BakeStepKind, BakeTiming, BakeWish, handed_out};
use crate::operation::plan::{Check, CheckLevel, Refusal, hex_digest};

/// The longest name of an image.
const LONGEST_NAME: usize = 128;
/// So much of the content key goes into an image's name.
const KEY_DIGITS: usize = 8;

/// What was read for it.
pub struct BakeFacts<'a> {
    /// What does not change.
    pub setting: &'a Setting,
    /// The account and region.
    pub place: String,
    /// What the recipe's base can be.
    pub bases: &'a Listing<BaseImage>,
    /// All images that are ours.
    pub images: &'a Listing<Image>,
    /// How long each kind of step took before, with this recipe.
    pub history: &'a BTreeMap<&'static str, Millis>,
    /// When the facts were read.
    pub as_of: WorldTime,
}

/// The plan, or what makes one needless.
///
/// # Errors
/// A guard refuses, with what would lift it.
pub fn plan(wish: &BakeWish, facts: &BakeFacts<'_>) -> Result<BakeAnswer, Refusal> {
    let recipe = &wish.recipe;
    let packer = packer::plan(wish)?;
    let version = version(wish)?;
    let base = base(recipe, facts)?;
    let key = content_key(&base.id, recipe, &wish.files, &version);
    let known = with_key(facts.images, &key);
    let region = facts.place.split_whitespace().last().unwrap_or_default();
    if recipe.copy_to.iter().any(|to| to == region) {
        let why = format!("copy_to names {region}, where the image is made");
        return Err(Refusal::new(why, "take it out of the recipe's copy_to"));
    }
    let done = known.iter().find(|image| image.state == ImageState::Available && finished(image, recipe)).filter(|_| !wish.force);
    let hands = done.filter(|image| !is_handed_out(image, recipe) && !matches!(gate_record(image), GateRecord::Failed(_)));
    if let Some(image) = done.filter(|_| hands.is_none()) {
        let why = format!("{} was baked from the same inputs (key {}): {}", image.id, short(&key), gates_words(image));
        return Ok(BakeAnswer::Reuse { image: Box::new((*image).clone()), why });
    }
    if let Some(missing) = facts.images.missing() {
        let why = format!("images could not all be listed, so it is not known whether there is one already: {}", missing.shown());
        return Err(Refusal::new(why, "try again; `qd doctor` says what is wrong"));
    }
    let unfinished = known.iter().find(|image| matches!(image.state, ImageState::Available | ImageState::Pending) && !finished(image, recipe));
    let adopted = hands.or_else(|| unfinished.filter(|_| !wish.force));
    let name = match adopted {
        Some(image) => image.name.raw().to_owned(),
        None => image_name(recipe, &version, &key, wish.force, facts.as_of)?,
    };
    if let Some(taken) = facts.images.items().iter().find(|image| adopted.is_none() && image.name.raw() == name) {
        let remedy = "bake another version, or with --force, which adds the time to the name";
        return Err(Refusal::new(format!("an image named {} exists already: {}", escape(&name), taken.id), remedy));
    }
    let mark = OperationId::new(format!("b{}", hex_digest(format!("{key}|{}|{}", facts.as_of.0, facts.setting.store).as_bytes(), 6)));
    let timing = BakeTiming { limit: recipe.time_limit, ..BakeTiming::default() }.scaled(facts.setting.time_scale);
    let life = Millis(recipe.time_limit.0 * 2).plus(timing.spare_life);
    let order = Order { recipe, version: &version, operation: &mark, time_to_live: life };
    let user_data = if packer.is_some() { None } else { Some(render::builder(order, &wish.files).map_err(unrenderable)?) };
    let self_test = render::self_test(order).map_err(unrenderable)?;
    let because = because(wish, (adopted.copied(), hands.is_some()), &known, &key);
    let checks = checks(&base, user_data.as_ref(), recipe);
    let plan = BakePlan {
        id: PlanId::default(),
        build: facts.setting.build.clone(),
        recipe: recipe.name.clone(),
        app: recipe.app.name.clone(),
        key: key.clone(),
        mark: mark.as_str().to_owned(),
        image_name: name,
        builder: recipe.builder.clone(),
        user_data: user_data.map(|data| STANDARD.encode(&data.bytes)).unwrap_or_default(),
        self_test: self_test.map(|data| STANDARD.encode(&data.bytes)),
        provisioners: recipe.provisioners.iter().map(|provisioner| provisioner.name.clone()).collect(),
        kinds: recipe.kinds(),
        gates: recipe.gates.clone(),
        tags: tags(recipe, &version, &key, &base),
        steps: steps(Way { adopts: adopted.is_some(), hands: hands.is_some(), packer: packer.is_some() }, recipe, facts.history),
        timing,
        keep_on_failure: wish.keep_on_failure,
        share_with: recipe.share_with.clone(),
        copy_to: recipe.copy_to.clone(),
        packer,
        adopted: adopted.map(|image| image.id.clone()),
        because,
        checks,
        as_of: facts.as_of,
        place: facts.place.clone(),
        base: Some(base),
        version,
    };
    Ok(BakeAnswer::Bake(Box::new(plan.sealed())))
}

/// A plan that only removes what bakes left past its time to live.
#[must_use]
pub fn sweep(setting: &Setting, place: &str, as_of: WorldTime) -> BakePlan {
    let none = Builder { instance_type: String::new(), subnet: None, security_groups: Vec::new(), instance_profile: None, root_gib: None };
    let step = BakeStepKind::Sweep;
    BakePlan {
        id: PlanId::default(),
        build: setting.build.clone(),
        recipe: String::new(),
        app: String::new(),
        version: String::new(),
        key: "sweep".to_owned(),
        mark: "sweep".to_owned(),
        image_name: String::new(),
        base: None,
        builder: none,
        user_data: String::new(),
        self_test: None,
        provisioners: Vec::new(),
        kinds: Vec::new(),
        gates: Vec::new(),
        tags: BTreeMap::new(),
        steps: vec![BakeStep { kind: step, title: step.title().to_owned(), expected: step.guess() }],
        timing: BakeTiming::default().scaled(setting.time_scale),
        keep_on_failure: None,
        share_with: Vec::new(),
        copy_to: Vec::new(),
        packer: None,
        adopted: None,
        because: "what bakes left past its time to live is removed".to_owned(),
        checks: Vec::new(),
        as_of,
        place: place.to_owned(),
    }
    .sealed()
}

fn version(wish: &BakeWish) -> Result<String, Refusal> {
    let version = wish.version.clone().or_else(|| wish.recipe.app.version.clone());
    version.ok_or_else(|| Refusal::new(format!("recipe {} names no version", escape(&wish.recipe.name)), "name one: `--version 2.18.0`"))
}

/// The one image that the recipe's base stands for.
fn base(recipe: &Recipe, facts: &BakeFacts<'_>) -> Result<BaseImage, Refusal> {
    let found = facts.bases.items();
    let asked = match &recipe.base {
        Base::Id(id) => format!("image {id}"),
        Base::Newest(query) => format!("owner {}, name {}, {}", escape(&query.owner), escape(&query.name), query.architecture.word()),
    };
    if let Some(why) = facts.bases.missing() {
        let why = format!("the base images ({asked}) could not all be listed, so the newest is not known: {}", why.shown());
        return Err(Refusal::new(why, "try again; `qd doctor` says what is wrong"));
    }
    let Some(newest) = found.first() else {
        return Err(Refusal::new(format!("no base image is found: {asked}"), "check the owner, the pattern, the architecture and the region"));
    };
    let mut owners: Vec<String> = found.iter().map(|image| image.owner.shown()).collect();
    owners.sort();
    owners.dedup();
    if owners.len() > 1 {
        let why = format!("the base ({asked}) is found with several owners: {}", owners.join(", "));
        return Err(Refusal::new(why, "name the account in the recipe's `owner`: whose images these are decides what runs on your servers"));
    }
    Ok(newest.clone())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn unrenderable(error: RenderError) -> Refusal {
    Refusal::new(error.to_string(), "change the recipe")
}

fn short(key: &str) -> &str {
    key.get(..KEY_DIGITS).unwrap_or(key)
}

/// Images of these inputs, newest first.
fn with_key<'a>(images: &'a Listing<Image>, key: &str) -> Vec<&'a Image> {
    images.items().iter().filter(|image| image.tags.get(KEY_KEY).is_some_and(|tag| tag.raw() == key)).collect()
}

/// Its gates ran, or its recipe has none.
fn finished(image: &Image, recipe: &Recipe) -> bool {
    recipe.gates.is_empty() || image.tags.contains_key(GATES_KEY)
}

/// It says that everybody the recipe names has it.
fn is_handed_out(image: &Image, recipe: &Recipe) -> bool {
    let says = |key: &str, to: &[String]| to.is_empty() || image.tags.get(key).is_some_and(|tag| tag.raw() == handed_out(to));
    says(SHARED_KEY, &recipe.share_with) && says(COPIED_KEY, &recipe.copy_to)
}

fn gates_words(image: &Image) -> String {
    image.tags.get(GATES_KEY).map_or_else(|| "it has no gate records".to_owned(), |gates| format!("gates {}", gates.shown()))
}

fn because(wish: &BakeWish, (adopted, hands): (Option<&Image>, bool), known: &[&Image], key: &str) -> String {
    match (adopted, known.first()) {
        (Some(image), _) if hands => {
            format!("{} was baked from the same inputs (key {}), and not everybody the recipe names has it yet", image.id, short(key))
        }
        (Some(image), _) => format!("{} was left unfinished by another bake of the same inputs (key {}): it is gone on with", image.id, short(key)),
        (None, Some(image)) if wish.force => format!("--force: {} was baked from the same inputs (key {})", image.id, short(key)),
        _ => format!("nothing was baked from these inputs yet (key {})", short(key)),
    }
}

fn image_name(recipe: &Recipe, version: &str, key: &str, force: bool, now: WorldTime) -> Result<String, Refusal> {
    let again = if force { format!("-{}", now.0.div_euclid(1_000)) } else { String::new() };
    let name = format!("{}-{version}-{}{again}", recipe.name, short(key));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if name.len() > LONGEST_NAME || !name.chars().all(allowed) {
        let why = format!("'{}' cannot be an image's name: at most {LONGEST_NAME} letters, digits and ()[] ./-'@_", escape(&name));
        return Err(Refusal::new(why, "choose another version or recipe name"));
    }
    Ok(name)
}

fn tags(recipe: &Recipe, version: &str, key: &str, base: &BaseImage) -> BTreeMap<String, String> {
    let mut tags = recipe.tags.clone();
    let own =
        [("qd:app", recipe.app.name.as_str()), ("qd:version", version), ("qd:recipe", &recipe.name), (KEY_KEY, key), ("qd:base", base.id.as_str())];
    tags.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    if let Base::Newest(query) = &recipe.base {
        tags.insert(QUERY_KEY.to_owned(), query.words());
    }
    let schema = [("qd:schema-min", recipe.schema.min), ("qd:schema-max", recipe.schema.max)];
    tags.extend(schema.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_string()))));
    tags
}

/// What of a bake is to be done.
#[derive(Clone, Copy)]
struct Way {
    /// The image is there, or on its way.
    adopts: bool,
    /// And finished: it is only handed out.
    hands: bool,
    /// Packer makes it.
    packer: bool,
}

fn steps(way: Way, recipe: &Recipe, history: &BTreeMap<&'static str, Millis>) -> Vec<BakeStep> {
    use BakeStepKind as Kind;
    let needed = |kind: &BakeStepKind| match kind {
        Kind::Sweep => true,
        Kind::Share => !recipe.share_with.is_empty(),
        Kind::Copy => !recipe.copy_to.is_empty(),
        Kind::Snapshot | Kind::Register | Kind::Gates | Kind::Verify => !way.hands,
        Kind::ResolveBase | Kind::Launch | Kind::Provision => !way.adopts,
        // What must not be in the image is its template's own matter.
        Kind::Seal => !way.adopts && !way.packer,
    };
    let step = |kind: BakeStepKind| {
        let expected = history.get(kind.title()).copied().unwrap_or_else(|| kind.guess());
        BakeStep { kind, title: kind.title().to_owned(), expected }
    };
    ALL_STEPS.into_iter().filter(needed).map(step).collect()
}

fn checks(base: &BaseImage, user_data: Option<&UserData>, recipe: &Recipe) -> Vec<Check> {
    let age = base.created_at.map_or_else(String::new, |at| format!(", made {}", at.rfc3339()));
    let mut checks = vec![Check::new(CheckLevel::Ok, format!("base {} {} of {}{age}", base.id, base.name.shown(), base.owner.shown()))];
    if let Some(user_data) = user_data {
        let how = if user_data.is_compressed() { ", compressed" } else { "" };
        checks.push(Check::new(CheckLevel::Ok, format!("user data {} of {} bytes{how}", user_data.bytes.len(), render::MOST_BYTES)));
    }
    if recipe.gates.is_empty() {
        checks.push(Check::new(CheckLevel::Warning, "no gates: the image stays unverified, and fleets with `require_verified` refuse it"));
    }
    checks
}

/// What an image's tag says of its gates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateRecord {
    /// All passed.
    Passed,
    /// One at least did not, in the tag's words.
    Failed(Untrusted),
    /// Nobody wrote anything down.
    Unknown,
}

/// What is recorded of an image's gates.
#[must_use]
pub fn gate_record(image: &Image) -> GateRecord {
    match image.tags.get(GATES_KEY) {
        Some(tag) if tag.raw().starts_with("passed") => GateRecord::Passed,
        Some(tag) => GateRecord::Failed(tag.clone()),
        None => GateRecord::Unknown,
    }
}

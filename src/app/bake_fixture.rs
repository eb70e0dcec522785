//! Bakes for tests: one at work, one that failed, one that is over, recipes, and a log.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::fixture::{self, NOW};
use crate::app::baking::Lane;
use crate::app::message::{Message, Reply};
use crate::app::{Effect, Model, update};
use crate::bake::marker::{Marker, MarkerSays};
use crate::bake::signal::{Outcome, Part, Said, Signal};
use crate::domain::bake::{BaseImage, MachineRole};
use crate::domain::image::SchemaRange;
use crate::domain::recipe::{App, Architecture, Base, BaseQuery, Builder, Engine, GateCheck, ImageGate, ProvisionerKind, Recipe};
use crate::domain::time::{Millis, WorldTime};
use crate::operation::bake::{BakeEvent, BakePlan, BakeStep, BakeStepKind, BakeTiming, BakeView, Behind};
use crate::operation::event::{Event, EventBody, OperationState, StepOutcome};
use crate::operation::gate::GateOutcome;
use crate::operation::lease::{Holder, Lease};
use crate::operation::plan::{Check, CheckLevel};
use crate::operation::record::{Operation, OperationView};
use crate::operation::work::Work;
use crate::ports::desk::KnownRecipe;

fn builder() -> Builder {
    Builder { instance_type: "t4g.small".into(), subnet: None, security_groups: Vec::new(), instance_profile: None, root_gib: None }
}

fn gates() -> Vec<ImageGate> {
    ["boot", "home page"].map(|name| ImageGate { name: name.into(), within: Millis::mins(5), check: GateCheck::Boot }).into()
}

/// The plan of a bake of web-server.
pub fn plan(version: &str) -> BakePlan {
    use BakeStepKind as Kind;
    let steps =
        [Kind::Sweep, Kind::ResolveBase, Kind::Launch, Kind::Provision, Kind::Seal, Kind::Snapshot, Kind::Register, Kind::Gates, Kind::Verify];
    let base = BaseImage {
        id: "ami-0b01".into(),
        name: "ubuntu/noble-24.04-arm64".into(),
        owner: "099720109477".into(),
        created_at: Some(NOW.minus(Millis::mins(4 * 24 * 60))),
        arch: "arm64".into(),
        root_device: None,
    };
    BakePlan {
        id: "5c01d2e3".into(),
        build: "0.1.0".into(),
        recipe: "web-server".into(),
        app: "web".into(),
        version: version.into(),
        key: "a3f9c1e2".into(),
        mark: "b5c01".into(),
        image_name: format!("web-server-{version}-a3f9c1e2"),
        base: Some(base),
        builder: builder(),
        user_data: String::new(),
        self_test: None,
        provisioners: vec!["packages".into(), "site.yml".into()],
        kinds: vec![ProvisionerKind::Shell, ProvisionerKind::Ansible],
        gates: gates(),
        tags: BTreeMap::new(),
        steps: steps.map(|kind| BakeStep { kind, title: kind.title().into(), expected: kind.guess() }).into(),
        timing: BakeTiming::default(),
        keep_on_failure: None,
        share_with: Vec::new(),
        copy_to: Vec::new(),
        packer: None,
        adopted: None,
        because: "nothing was baked from these inputs yet (key a3f9c1e2)".into(),
        checks: vec![Check::new(CheckLevel::Ok, "user data 2112 of 16384 bytes")],
        as_of: NOW,
        place: "123456789012 us-east-1".into(),
    }
}

fn view(id: &str, plan: BakePlan, began: WorldTime, bodies: Vec<(u64, EventBody)>) -> BakeView {
    let by = fixture::who();
    let first = (0, plan.planned(&by, Some(&"patch day".into())));
    let events: Vec<Event> = std::iter::once(first)
        .chain(bodies)
        .enumerate()
        .map(|(seq, (secs, body))| Event { seq: seq as u64, at: began.plus(Millis::secs(secs)), body })
        .collect();
    let progress = plan.fold(&events, began);
    let driver_alive = !progress.state.is_final();
    let holder = Holder { host: "bastion-1".into(), boot_id: "one".into(), pid: 4_711, started_ticks: 1 };
    let lease = Some(Lease { epoch: 1, holder: Some(holder), deadline: fixture::BOOT.plus(Millis::secs(30)) });
    let operation = Operation { id: id.into(), plan, by, reason: Some("patch day".into()), created_at: began };
    OperationView { operation, progress, events, lease, driver_alive }
}

fn state(to: OperationState, reason: &str) -> EventBody {
    EventBody::StateChanged { to, reason: reason.into(), deadline: None }
}

fn ended(step: usize) -> EventBody {
    EventBody::StepEnded { step, outcome: StepOutcome::Success, note: String::new(), next: Some(step + 1) }
}

fn said(signals: Vec<Said>) -> EventBody {
    let signals = signals.into_iter().map(|said| Signal { offset: 0, at: None, said }).collect();
    EventBody::Bake { what: BakeEvent::Said { role: MachineRole::Builder, signals, until: 0, number: 1 } }
}

fn begun() -> Vec<(u64, EventBody)> {
    let mut events = vec![(1, state(OperationState::Running, ""))];
    for (step, (from, to)) in [(1, 3), (3, 5), (5, 50)].into_iter().enumerate() {
        events.extend([(from, EventBody::StepStarted { step }), (to, ended(step))]);
    }
    let packages = Part::Provisioner(0);
    events.extend([
        (50, EventBody::StepStarted { step: 3 }),
        (60, said(vec![Said::Booted, Said::Began { part: packages }])),
        (100, said(vec![Said::Ended { part: packages, outcome: Outcome::Succeeded, exit: Some(0), took: Some(Millis::secs(40)) }])),
        (101, said(vec![Said::Began { part: Part::Provisioner(1) }, Said::Task { name: "Install nginx".into(), outcome: None }, Said::Warning])),
    ]);
    events
}

/// A bake of web 2.18.0 in the middle of its second provisioner.
pub fn at_work() -> BakeView {
    view("op-9", plan("2.18.0"), NOW.minus(Millis::secs(150)), begun())
}

/// The same with nobody who drives it.
pub fn driverless() -> BakeView {
    BakeView { driver_alive: false, ..at_work() }
}

/// A bake that failed in its second provisioner.
pub fn failed() -> BakeView {
    let mut events = begun();
    let why = "site.yml failed with exit status 2";
    let failing = BakeEvent::Failing { why: why.into(), last_lines: vec!["fatal: [localhost]: FAILED!".into()] };
    let ended = Said::Ended { part: Part::Provisioner(1), outcome: Outcome::Failed, exit: Some(2), took: Some(Millis::secs(9)) };
    events.extend([(110, said(vec![ended])), (111, EventBody::Bake { what: failing }), (112, state(OperationState::BackingOut, why))]);
    events.push((160, state(OperationState::Failed, why)));
    view("op-8", plan("2.17.1"), NOW.minus(Millis::mins(180)), events)
}

/// A bake that ended well.
pub fn succeeded() -> BakeView {
    let mut events = begun();
    events.push((300, ended(3)));
    let image = BakeEvent::ImageSeen { image: "ami-0217".into(), percent: Some(100), available: true };
    events.push((400, EventBody::Bake { what: image }));
    for step in 4..9 {
        events.extend([(400 + step as u64, EventBody::StepStarted { step }), (440 + step as u64, ended(step))]);
    }
    let gate = |gate| EventBody::GateEnded { gate, outcome: GateOutcome { passed: true, said: "".into() } };
    events.extend([
        (450, gate(0)),
        (451, gate(1)),
        (500, state(OperationState::Succeeded, "web-server-2.17.0-a3f9c1e2 is ami-0217, verified by 2 gates")),
    ]);
    view("op-7", plan("2.17.0"), NOW.minus(Millis::mins(60 * 50)), events)
}

fn recipe(name: &str, app: &str) -> Recipe {
    Recipe {
        name: name.into(),
        app: App { name: app.into(), version: Some("2.18.0".into()), artifact: None },
        base: Base::Newest(BaseQuery { owner: "099720109477".into(), name: "ubuntu/*noble*".into(), architecture: Architecture::Arm64 }),
        engine: Engine::Builder,
        builder: builder(),
        provisioners: Vec::new(),
        gates: gates(),
        tags: BTreeMap::new(),
        schema: SchemaRange::default(),
        share_with: Vec::new(),
        copy_to: Vec::new(),
        time_limit: Millis::mins(40),
    }
}

/// Three recipes that can be read, one of which is at the newest base, and one that is wrong.
pub fn lane() -> Lane {
    let known =
        |name: &str, app: &str| KnownRecipe { file: PathBuf::from(format!("/etc/qd/recipes/{name}.toml")), recipe: Ok(Box::new(recipe(name, app))) };
    let behind = |name: &str, image: Option<&str>, days| Behind {
        recipe: name.into(),
        image: image.map(Into::into),
        version: image.map(|_| "2.17.0".into()),
        base: image.map(|_| "ami-0a77".into()),
        newest: "ami-0b01".into(),
        days,
    };
    let wrong = "/etc/qd/recipes/worker.toml:7: unknown key 'provisoner': did you mean 'provisioner'?";
    Lane {
        recipes: vec![
            known("api-server", "api"),
            known("search", "search"),
            known("web-server", "web"),
            KnownRecipe { file: PathBuf::from("/etc/qd/recipes/worker.toml"), recipe: Err(wrong.into()) },
        ],
        behind: vec![behind("api-server", Some("ami-0510"), Some(0)), behind("search", None, None), behind("web-server", Some("ami-0217"), Some(31))],
        problem: None,
        stopped: None,
    }
}

/// What a builder printed: markers, tasks, a line that warns, and what a terminal would obey.
pub fn log() -> Vec<u8> {
    let marker = |number, said| Marker { operation: "b5c01".into(), number, at: NOW.minus(Millis::secs(90)), said }.line() + "\r\n";
    let mut text = "… console of i-07ee19 …\n[    0.000000] Linux version 6.8.0-1020-aws\r\n".to_owned();
    text += &marker(1, MarkerSays::Booted);
    text += &marker(2, MarkerSays::Began(Part::Provisioner(0)));
    (0..30).for_each(|at| text += &format!("Get:{at} http://mirror/pool/main package-{at} [9 MB]\n"));
    let ended = MarkerSays::Ended { part: Part::Provisioner(0), outcome: Outcome::Succeeded, exit: Some(0), took: Millis::secs(40) };
    text += &marker(3, ended);
    text += &marker(4, MarkerSays::Began(Part::Provisioner(1)));
    text += "TASK [Install nginx] ****\n[WARNING]: sysctl net.core.somaxconn is already set, skipping; \x1b]0;owned\x07 what it was before is kept as it was\n";
    text += "10%\r55%\r[=======>      ] 54% 4.9/9.0 MB\n";
    text.into_bytes()
}

/// A model that knows of these bakes and of the recipes, on its main view.
pub fn model(views: Vec<BakeView>) -> Model {
    let mut model = fixture::model_with(None, 80, 24);
    let effects = update(&mut model, Message::StoreChanged(1));
    for effect in effects {
        if let Effect::ReadBakes { no } = effect {
            let _ = update(&mut model, Message::Reply { no, reply: Reply::Bakes(Ok(views.clone())) });
        }
    }
    model
}

//! A desk that pretends, and a place to see what was printed.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::super::{Command, Exit, Output, parse_from, run};
use crate::app::fixture;
use crate::domain::alarms::FleetAlarms;
use crate::domain::fleet::Slot;
use crate::domain::ids::{FleetName, ImageId, OperationId};
use crate::domain::image::Image;
use crate::domain::recipe::Recipe;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::any::AnyView;
use crate::operation::bake::{BakeAnswer, BakePlan, BakeView, BakeWish, Behind};
use crate::operation::command::CommandKind;
use crate::operation::damage::{DamagedOperation, RawEvent, RawOperation};
use crate::operation::freeze::Freeze;
use crate::operation::gc::{GcDone, GcPlan, GcPolicy};
use crate::operation::image_log::Pointer;
use crate::operation::image_plan::{ImageName, ImagePlan, ImageStory, ImageWish};
use crate::operation::intent::Intent;
use crate::operation::ledger::{How, LedgerBody, LedgerEntry};
use crate::operation::plan::{CheckLevel, Plan, Refusal};
use crate::operation::proof::Rehearsal;
use crate::operation::record::OperationView;
use crate::operation::status::Estate;
use crate::ports::desk::{Adopted, Desk, DeskError, Finding, FleetDetail, Header, KnownRecipe, Records, Recovered, Seen, Sources};
use crate::ports::image_desk::ImageDesk;

/// What was asked of the desk that would have changed something.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Execute(Intent, Option<Untrusted>, Option<Untrusted>),
    Command(CommandKind, Seen, Option<Untrusted>, Option<Untrusted>),
    Mark(String, bool),
    TakeOver(OperationId),
    Freeze(Option<FleetName>, Millis),
    Unfreeze(Option<FleetName>),
}

/// The desk.
pub struct Fake {
    pub plan: Result<Plan, DeskError>,
    pub view: OperationView,
    pub estate: Estate,
    pub read_only: bool,
    pub freezes: Vec<Freeze>,
    pub asked: Mutex<Vec<Asked>>,
    pub damaged: Vec<DamagedOperation>,
    pub recovered: Vec<Recovered>,
}

impl Default for Fake {
    fn default() -> Self {
        let view = fixture::canary();
        Self {
            plan: Ok(fixture::deploy_plan()),
            estate: fixture::estate_with(&view),
            view,
            read_only: false,
            asked: Mutex::default(),
            damaged: Vec::new(),
            recovered: Vec::new(),
            freezes: Vec::new(),
        }
    }
}

impl Fake {
    /// Everything is about this operation.
    pub fn with(view: OperationView) -> Self {
        Self { estate: fixture::estate_with(&view), plan: Ok(view.operation.plan.clone()), view, ..Self::default() }
    }

    fn note(&self, asked: Asked) {
        self.asked.lock().unwrap().push(asked);
    }
}

#[async_trait]
impl Desk for Fake {
    fn header(&self) -> Header {
        Header { read_only: self.read_only, ..fixture::header() }
    }

    fn now(&self) -> WorldTime {
        self.estate.as_of
    }

    fn last_known(&self) -> Result<Option<Estate>, DeskError> {
        Ok(Some(self.estate.clone()))
    }

    fn sources(&self) -> Result<Sources, DeskError> {
        Ok(Sources::default())
    }

    async fn estate(&self) -> Result<Estate, DeskError> {
        Ok(self.estate.clone())
    }

    async fn alarms(&self) -> Result<FleetAlarms, DeskError> {
        Ok(fixture::alarms())
    }

    async fn fleet(&self, name: &FleetName) -> Result<FleetDetail, DeskError> {
        match name.as_str() {
            "web-prod" => Ok(fixture::detail(&self.view)),
            _ => Err(DeskError::other("no such fleet", "look")),
        }
    }

    fn store_version(&self) -> Result<u64, DeskError> {
        Ok(1)
    }

    fn operations(&self, _: usize) -> Result<Vec<OperationView>, DeskError> {
        Ok(vec![self.view.clone()])
    }

    async fn plan(&self, intent: &Intent) -> Result<Plan, DeskError> {
        match intent.fleet().as_str() {
            "web-prod" => self.plan.clone(),
            _ => Err(DeskError::other("no such fleet", "look")),
        }
    }

    async fn execute(&self, intent: &Intent, _: &Plan, reason: Option<Untrusted>, typed: Option<Untrusted>) -> Result<OperationId, DeskError> {
        self.note(Asked::Execute(intent.clone(), reason, typed));
        Ok(self.view.operation.id.clone())
    }

    async fn rehearse(&self, intent: &Intent) -> Result<Rehearsal, DeskError> {
        let plan = self.plan(intent).await?;
        Ok(fixture::rehearsal(&plan))
    }

    async fn command(
        &self,
        _: &OperationId,
        kind: CommandKind,
        seen: Seen,
        reason: Option<Untrusted>,
        typed: Option<Untrusted>,
    ) -> Result<String, DeskError> {
        self.note(Asked::Command(kind, seen, reason, typed));
        match kind {
            CommandKind::Resume => Err(Refusal::new("it is running: there is nothing to resume", "look at it").into()),
            _ => Ok("done\u{1b}[31m".to_owned()),
        }
    }

    async fn take_over(&self, id: &OperationId) -> Result<(), DeskError> {
        self.note(Asked::TakeOver(id.clone()));
        Ok(())
    }

    async fn freeze(&self, fleet: Option<&FleetName>, length: Millis, reason: Untrusted) -> Result<Freeze, DeskError> {
        if fleet.is_some_and(|fleet| fleet.as_str() != "web-prod") {
            return Err(DeskError::other("no such fleet", "look"));
        }
        self.note(Asked::Freeze(fleet.cloned(), length));
        Ok(Freeze { reason: Some(reason), ..fixture::freeze(fleet.map(FleetName::as_str), length) })
    }

    async fn unfreeze(&self, fleet: Option<&FleetName>, _: Option<Untrusted>) -> Result<Option<Freeze>, DeskError> {
        self.note(Asked::Unfreeze(fleet.cloned()));
        Ok(Some(fixture::freeze(fleet.map(FleetName::as_str), Millis::mins(60))))
    }

    fn bakes(&self, _: usize) -> Result<Vec<BakeView>, DeskError> {
        Ok(Vec::new())
    }

    async fn plan_bake(&self, _: &BakeWish) -> Result<BakeAnswer, DeskError> {
        Err(DeskError::other("nothing is baked here", "look"))
    }

    async fn begin_bake(&self, _: &BakePlan, _: Option<Untrusted>) -> Result<OperationId, DeskError> {
        Err(DeskError::other("nothing is baked here", "look"))
    }

    async fn behind(&self, _: &[Recipe]) -> Result<Vec<Behind>, DeskError> {
        Ok(Vec::new())
    }

    fn bake_log(&self, _: &OperationId, _: u64) -> Result<Vec<u8>, DeskError> {
        Ok(Vec::new())
    }

    fn recipes(&self) -> Result<Vec<KnownRecipe>, DeskError> {
        Ok(Vec::new())
    }

    fn waves_said(&self) -> Result<Option<String>, DeskError> {
        Ok(None)
    }

    fn rebake(&self, _: &[PathBuf], _: u16, _: Option<&Untrusted>) -> Result<(), DeskError> {
        Ok(())
    }
}

#[async_trait]
impl ImageDesk for Fake {
    async fn image_story(&self, _: &ImageName) -> Result<ImageStory, DeskError> {
        Err(DeskError::other("no image is kept here", "look"))
    }

    async fn plan_image(&self, _: &ImageWish) -> Result<ImagePlan, DeskError> {
        Err(DeskError::other("no image is kept here", "look"))
    }

    async fn change_image(&self, _: &ImagePlan) -> Result<String, DeskError> {
        Err(DeskError::other("no image is kept here", "look"))
    }

    async fn plan_gc(&self, _: &GcPolicy) -> Result<GcPlan, DeskError> {
        Err(DeskError::other("no image is kept here", "look"))
    }

    async fn collect(&self, _: &GcPolicy) -> Result<GcDone, DeskError> {
        Err(DeskError::other("no image is kept here", "look"))
    }

    fn channel_moves(&self) -> Result<Vec<Pointer>, DeskError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Records for Fake {
    async fn base_lags(&self, images: &[&Image]) -> BTreeMap<ImageId, u64> {
        let behind = |image: &&&Image| image.base.is_some();
        images.iter().filter(behind).map(|image| (image.id.clone(), 26)).collect()
    }

    fn operation(&self, id: &OperationId) -> Result<OperationView, DeskError> {
        if *id == self.view.operation.id { Ok(self.view.clone()) } else { Err(DeskError::other("none", "look")) }
    }

    fn any_operation(&self, id: &OperationId) -> Result<AnyView, DeskError> {
        self.operation(id).map(|view| AnyView::Rollout(Box::new(view)))
    }

    fn damaged(&self, _: usize) -> Result<Vec<DamagedOperation>, DeskError> {
        Ok(self.damaged.clone())
    }

    fn raw_operation(&self, id: &OperationId) -> Result<RawOperation, DeskError> {
        let found = self.damaged.iter().find(|damaged| damaged.id == *id).ok_or_else(|| DeskError::other("none", "look"))?;
        let event = RawEvent { seq: 4, epoch: 1, record: "{\"seq\":4}".into() };
        let (fleet, kind) = (found.fleet.clone(), found.kind.clone());
        Ok(RawOperation { id: id.clone(), fleet, kind, finished: !found.unfinished, record: "{".into(), events: vec![event] })
    }

    fn ledger(&self, fleet: &FleetName) -> Result<Vec<LedgerEntry>, DeskError> {
        let entry = |seq: u64, version: &str, body: LedgerBody| LedgerEntry {
            seq,
            fleet: fleet.clone(),
            at: WorldTime(1_780_000_000_000),
            release: fixture::release(version, "web-prod"),
            body,
            by: "ada@bastion-1".into(),
            reason: Some("leaks".into()),
            operation: None,
        };
        let stable = LedgerBody::Stable { how: How::Deployed };
        Ok(vec![entry(1, "2.13.1", stable.clone()), entry(2, "2.13.2", stable), entry(3, "2.13.1", LedgerBody::Marked)])
    }

    async fn mark(&self, _: &FleetName, release: &str, bad: bool, _: Untrusted) -> Result<String, DeskError> {
        if !release.starts_with("2.13.") || release == "2.13.9" {
            return Err(DeskError::other("not in the ledger", "look"));
        }
        self.note(Asked::Mark(release.to_owned(), bad));
        Ok("noted".to_owned())
    }

    fn freezes(&self) -> Result<Vec<Freeze>, DeskError> {
        Ok(self.freezes.clone())
    }

    async fn adopt(&self, fleet: &FleetName, _: Option<Slot>) -> Result<Adopted, DeskError> {
        Ok(Adopted {
            written: format!("[fleet.{fleet}] in f"),
            ledger: "2.13.2 is taken for good".to_owned(),
            ignore_changes: "all of it".to_owned(),
        })
    }

    async fn recover(&self) -> Result<Vec<Recovered>, DeskError> {
        Ok(self.recovered.clone())
    }

    async fn doctor(&self, _: Option<&FleetName>) -> Result<Vec<Finding>, DeskError> {
        Ok(vec![Finding { level: CheckLevel::Warning, subject: "clock".to_owned(), text: "late\nby a lot".to_owned() }])
    }
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What was printed, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub notices: String,
    pub exit: Exit,
}

/// A person at a terminal types these lines; none is there without them.
pub async fn say(desk: Arc<Fake>, words: &str, answers: Option<&str>) -> Said {
    let invocation = parse_from(std::iter::once("qd").chain(words.split_whitespace())).unwrap();
    answer(desk, invocation.command.unwrap(), answers).await
}

/// The same with a command that is parsed already.
pub async fn answer(desk: Arc<Fake>, command: Command, answers: Option<&str>) -> Said {
    let (out, notices) = (Sink::default(), Sink::default());
    let typed = answers.map(|answers| Box::new(Cursor::new(answers.to_owned().into_bytes())) as _);
    let mut output = Output::new(Box::new(out.clone()), Box::new(notices.clone()), typed, Some(80));
    let exit = run(desk, command, &mut output).await;
    let text = |sink: &Sink| String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    Said { out: text(&out), notices: text(&notices), exit }
}

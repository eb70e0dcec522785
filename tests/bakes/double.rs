//! A Packer that builds in the simulated world and prints what Packer 1.6.6 prints. It checks our reading of Packer and what becomes of a bake when
//! it dies; the real one is in `tests/packer.rs`.

use std::collections::BTreeMap;

use quarterdeck::bake::packer::PackerStream;
use quarterdeck::bake::signal::Signal;
use quarterdeck::domain::bake::{Leftover, LeftoverKind, MachineRole};
use quarterdeck::domain::call::{BuildCall, CallReply, CloudCall, CloudError, CloudErrorKind, RunInstance};
use quarterdeck::domain::ids::{ImageId, InstanceId};
use quarterdeck::domain::image::ImageState;
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::recipe::Builder;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::operation::packer::PackerNews;
use quarterdeck::world::{Disturbance, World};

const KEY: &str = "packer_key";
const GROUP: &str = "packer_group";

/// One run, as it goes on whatever becomes of the driver.
#[derive(Default)]
pub struct Double {
    variables: BTreeMap<String, String>,
    pub runs: usize,
    began: Option<WorldTime>,
    printed: String,
    step: usize,
    builder: Option<InstanceId>,
    image: Option<ImageId>,
    /// The key pair and the group, as they are; without an operation until they are given one.
    pub made: Vec<Leftover>,
    /// Its end: a status, or none where it was killed.
    ended: Option<Option<i32>>,
    /// Its provisioner fails.
    pub fails: bool,
    /// It takes no notice of being asked to stop.
    pub deaf: bool,
    // What a driver has read of it.
    stream: PackerStream,
    read_to: usize,
    signals: Vec<Signal>,
    over: bool,
}

impl Double {
    pub fn runs_now(&self) -> bool {
        self.began.is_some() && self.ended.is_none()
    }

    fn say(&mut self, at: WorldTime, kind: &str, text: &str) {
        self.printed.push_str(&format!("{},,{kind},{}\n", at.0 / 1_000, text.replace(',', "%!(PACKER_COMMA)")));
    }

    fn ui(&mut self, at: WorldTime, text: &str) {
        self.printed.push_str(&format!("{},,ui,say,==> amazon-ebs: {}\n", at.0 / 1_000, text.replace(',', "%!(PACKER_COMMA)")));
    }

    /// As time passes.
    pub fn advance(&mut self, world: &mut World, now: WorldTime) {
        let Some(began) = self.began else { return };
        let due = [0, 2, 4, 6, 25, 70, 90].map(Millis::secs);
        while self.ended.is_none() {
            if self.step < due.len() && now.since(began) >= due[self.step] {
                self.act(world, now);
                self.step += 1;
            } else if self.step == due.len() && self.image_is_there(world) {
                self.finish(world, now);
            } else {
                return;
            }
        }
    }

    fn act(&mut self, world: &mut World, now: WorldTime) {
        match self.step {
            0 => self.ui(now, "Prevalidating any provided VPC information"),
            1 => self.make(now, LeftoverKind::KeyPair, KEY, "Creating temporary keypair: "),
            2 => self.make(now, LeftoverKind::SecurityGroup, GROUP, "Creating temporary security group for this instance: "),
            3 => {
                self.ui(now, "Launching a source AWS instance...");
                let machine =
                    Builder { instance_type: "t3.small".to_owned(), subnet: None, security_groups: vec![], instance_profile: None, root_gib: None };
                let tag = |key: &str, variable: &str| (key.to_owned(), self.variables[variable].clone());
                let run = RunInstance {
                    role: MachineRole::Builder,
                    token: format!("packer-{}", now.0),
                    image: ImageId::new(&self.variables["base"]),
                    machine,
                    root_device: None,
                    user_data: None,
                    tags: vec![tag("qd:operation", "operation"), tag("qd:until", "expires_at")],
                };
                self.builder = call(world, now, BuildCall::RunInstance(run)).instance;
            }
            4 if self.fails => {
                self.ui(now, "Provisioning with shell script: /tmp/x");
                self.say(now, "ui", "error,==> amazon-ebs: it does not work");
                self.ui(now, "Terminating the source AWS instance...");
                self.say(now, "error", "Script exited with non-zero exit status: 3");
                self.clean(world, now);
                self.ended = Some(Some(1));
            }
            4 => self.ui(now, "Provisioning with shell script: /tmp/x"),
            5 => {
                self.ui(now, "Stopping the source instance...");
                let instance = self.builder.clone().unwrap();
                call(world, now, BuildCall::StopInstance { instance });
            }
            _ => {
                let name = self.variables["image_name"].clone();
                self.ui(now, &format!("Creating AMI {name} from instance"));
                let instance = self.builder.clone().unwrap();
                let image = call(world, now, BuildCall::CreateImage { instance, name, tags: vec![] }).image.unwrap();
                self.printed.push_str(&format!("{},,ui,message,    amazon-ebs: AMI: {}\n", now.0 / 1_000, image.as_str()));
                self.image = Some(image);
            }
        }
    }

    fn make(&mut self, now: WorldTime, kind: LeftoverKind, name: &str, saying: &str) {
        self.ui(now, &format!("{saying}{name}"));
        self.made.push(Leftover { kind, id: format!("id-{name}"), operation: "".into(), until: None });
    }

    fn image_is_there(&self, world: &World) -> bool {
        self.image.as_ref().and_then(|id| world.image(id)).is_some_and(|image| image.state == ImageState::Available)
    }

    fn finish(&mut self, world: &mut World, now: WorldTime) {
        self.ui(now, "Terminating the source AWS instance...");
        self.clean(world, now);
        let image = self.image.clone().unwrap();
        self.say(now, "artifact", &format!("0,id,us-east-1:{}", image.as_str()).replacen(',', "\u{0}", 2).replace('\u{0}', ","));
        self.ended = Some(Some(0));
    }

    fn clean(&mut self, world: &mut World, now: WorldTime) {
        if let Some(instance) = self.builder.take() {
            call(world, now, BuildCall::TerminateInstance { instance });
        }
        self.made.clear();
    }

    /// SIGINT to its group.
    fn stop(&mut self, world: &mut World, now: WorldTime) {
        if !self.runs_now() || self.deaf {
            return;
        }
        self.ui(now, "Cancelling build after receiving interrupt");
        self.ui(now, "Terminating the source AWS instance...");
        if let Some(image) = self.image.take() {
            world.disturb(Disturbance::LoseBase { image });
        }
        self.clean(world, now);
        self.ended = Some(Some(1));
    }

    /// SIGKILL, or a host that went down.
    pub fn kill(&mut self) {
        if self.runs_now() {
            self.ended = Some(None);
        }
    }

    /// A call that is Packer's, or about what it made; none for all others.
    pub fn call(&mut self, what: &BuildCall, world: &mut World, now: WorldTime) -> Option<Result<CallReply, CloudError>> {
        match what {
            BuildCall::RunPacker { variables, .. } => {
                if self.began.is_none() {
                    (self.began, self.variables) = (Some(now), variables.clone());
                    self.runs += 1;
                }
                self.advance(world, now);
            }
            BuildCall::EndPacker { at_once: false } => self.stop(world, now),
            BuildCall::EndPacker { at_once: true } => self.kill(),
            BuildCall::TagResource { id, tags } => {
                let left = self.made.iter_mut().find(|left| left.id == *id)?;
                let value = |key: &str| tags.iter().find(|(name, _)| name == key).unwrap().1.clone();
                left.operation = value("qd:operation").into();
                left.until = value("qd:until").parse::<jiff::Timestamp>().ok().map(|at| WorldTime(at.as_millisecond()));
            }
            BuildCall::DeleteKeyPair { key_pair } => self.made.retain(|left| left.id != *key_pair),
            BuildCall::DeleteSecurityGroup { .. } if world.bake_machines() > 0 => {
                return Some(Err(CloudError::new(CloudErrorKind::Conflict, "DeleteSecurityGroup", "DependencyViolation: it is in use")));
            }
            BuildCall::DeleteSecurityGroup { group } => self.made.retain(|left| left.id != *group),
            _ => return None,
        }
        Some(Ok(CallReply::default()))
    }

    /// What has these names.
    pub fn named(&self, names: &[(LeftoverKind, String)]) -> Vec<Leftover> {
        let asked = |left: &&Leftover| names.iter().any(|(kind, name)| left.kind == *kind && left.id == format!("id-{name}"));
        self.made.iter().filter(asked).cloned().collect()
    }

    /// What has a bake's tags.
    pub fn tagged(&self) -> Vec<Leftover> {
        self.made.iter().filter(|left| !left.operation.raw().is_empty()).cloned().collect()
    }

    /// A driver that begins has read nothing.
    pub fn forget(&mut self) {
        (self.stream, self.read_to, self.signals, self.over) = (PackerStream::default(), 0, Vec::new(), false);
    }

    pub fn news(&mut self, heard: u64, now: WorldTime) -> Reading<PackerNews> {
        if self.began.is_none() {
            return Reading::missing("packer was not started");
        }
        self.signals.extend(self.stream.read(&self.printed.as_bytes()[self.read_to..]));
        self.read_to = self.printed.len();
        if let (Some(status), false) = (self.ended, self.over) {
            self.signals.extend(self.stream.end(status));
            self.over = true;
        }
        let signals = self.signals[usize::try_from(heard).unwrap()..].to_vec();
        let log = self.stream.log();
        let last_lines = (0..log.lines()).rev().take(3).filter_map(|line| log.line(line)).collect();
        Reading::known(PackerNews { signals, heard: self.signals.len() as u64, log_end: log.bytes().len() as u64, last_lines }, now)
    }
}

fn call(world: &mut World, now: WorldTime, what: BuildCall) -> CallReply {
    world.apply(&CloudCall::Build { what: Box::new(what) }, now).unwrap()
}

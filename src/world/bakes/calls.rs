//! The calls of a bake that change a simulated world.

use super::super::apply::{Refusal, not_found, refuse};
use super::super::state::{Behaviour, ImageRecord, Tick, Vigour};
use super::super::{World, draw, life};
use super::{BakeMachine, Copied, Making, console, tags_of};
use crate::bake::marker::part_word;
use crate::bake::signal::Part;
use crate::domain::bake::{Leftover, LeftoverKind, MachineRole, MachineState};
use crate::domain::build_call::{BuildCall, CopyImage, RunInstance};
use crate::domain::call::{CallReply, CloudErrorKind};
use crate::domain::ids::{ImageId, InstanceId};
use crate::domain::image::ImageState;
use crate::domain::text::Untrusted;

/// How long a snapshot takes where the world was told that it is slow.
const SLOW: Tick = 3_600;

impl World {
    /// A call of a bake.
    pub(in crate::world) fn build(&mut self, call: &BuildCall) -> Result<CallReply, Refusal> {
        match call {
            BuildCall::RunInstance(run) => self.run_instance(run),
            BuildCall::StopInstance { instance } => self.stop_machine(instance),
            BuildCall::TerminateInstance { instance } => self.end_machine(instance),
            BuildCall::CreateImage { instance, name, tags } => self.create_image(instance, name, tags),
            BuildCall::TagResource { id, tags } => self.tag_resource(id, tags),
            BuildCall::ShareImage { image, accounts } => {
                if !self.images.contains_key(image) {
                    return Err(not_found("image", image));
                }
                let with = self.room.shared.entry(image.clone()).or_default();
                let new = accounts.iter().map(|account| Untrusted::from(account.as_str()));
                let new: Vec<Untrusted> = new.filter(|account| !with.contains(account)).collect();
                with.extend(new);
                Ok(CallReply::default())
            }
            BuildCall::CopyImage(copy) => self.copy_image(copy),
            BuildCall::RunPacker { .. } | BuildCall::EndPacker { .. } => {
                refuse(CloudErrorKind::Unsupported, "the simulated cloud has nothing that Packer could talk to")
            }
            BuildCall::DeleteVolume { volume: id } | BuildCall::DeleteKeyPair { key_pair: id } | BuildCall::DeleteSecurityGroup { group: id } => {
                let before = self.bakehouse.strays.len();
                self.bakehouse.strays.retain(|stray| stray.id != *id);
                if self.bakehouse.strays.len() < before { Ok(CallReply::default()) } else { Err(not_found("it", id)) }
            }
        }
    }

    fn run_instance(&mut self, run: &RunInstance) -> Result<CallReply, Refusal> {
        if let Some((id, _)) = self.bakehouse.machines.iter().find(|(_, machine)| machine.token == run.token) {
            return Ok(CallReply { instance: Some(id.clone()), ..CallReply::default() });
        }
        if self.base_reading(&run.image).value().is_none() {
            return Err(not_found("image", &run.image));
        }
        if self.spare == Some(0) {
            return refuse(CloudErrorKind::Conflict, "InsufficientInstanceCapacity: there is no capacity for this instance type");
        }
        let document = run.user_data.as_deref().map(console::decoded).unwrap_or_default();
        let word = draw::bits(self.seed, self.tick, draw::fnv(run.token.as_bytes()));
        let id = InstanceId::new(format!("i-0{word:016x}"));
        let faults = &self.bakehouse.faults;
        let failing = if run.role == MachineRole::Builder { faults.failing.map(Part::Provisioner) } else { faults.failing_gate.map(Part::Gate) };
        let parts = console::parts_of(&document);
        let length = |part: Part| draw::between(self.seed, self.tick, "part", &part_word(part).unwrap_or_default(), 20, 60);
        let machine = BakeMachine {
            token: run.token.clone(),
            launched: self.tick,
            image: run.image.clone(),
            root_device: run.root_device.clone(),
            tags: tags_of(&run.tags),
            mark: console::mark_of(&document),
            parts: parts.into_iter().map(|(part, fails)| (part, length(part), fails || Some(part) == failing)).collect(),
            powers_off: document.contains("qd_power_off"),
            silent: faults.silent && run.role == MachineRole::Builder,
            noise: faults.noise,
            app: console::app_of(&document),
            stopped: None,
            ended: None,
        };
        self.bakehouse.machines.insert(id.clone(), machine);
        Ok(CallReply { instance: Some(id), ..CallReply::default() })
    }

    fn machine(&mut self, id: &InstanceId) -> Result<&mut BakeMachine, Refusal> {
        self.bakehouse.machines.get_mut(id).ok_or_else(|| not_found("instance", id))
    }

    fn stop_machine(&mut self, id: &InstanceId) -> Result<CallReply, Refusal> {
        let now = self.tick;
        let machine = self.machine(id)?;
        if machine.state(now).is_leaving() {
            return refuse(CloudErrorKind::Conflict, "IncorrectInstanceState: the instance is on its way out");
        }
        machine.stopped.get_or_insert(now);
        Ok(CallReply::default())
    }

    fn end_machine(&mut self, id: &InstanceId) -> Result<CallReply, Refusal> {
        let (now, stays) = (self.tick, self.bakehouse.faults.volumes_stay);
        let machine = self.machine(id)?;
        if machine.ended.is_none() {
            machine.ended = Some(now);
            let (operation, until) = (machine.operation().into(), machine.until());
            if stays {
                let stray = Leftover { kind: LeftoverKind::Volume, id: format!("vol-{}", id.as_str()), operation, until };
                self.bakehouse.strays.push(stray);
            }
        }
        Ok(CallReply::default())
    }

    fn create_image(&mut self, instance: &InstanceId, name: &str, tags: &[(String, String)]) -> Result<CallReply, Refusal> {
        let (now, faults) = (self.tick, self.bakehouse.faults.clone());
        if self.images.values().any(|record| record.image.name.raw() == name) {
            return refuse(CloudErrorKind::Conflict, format!("InvalidAMIName.Duplicate: AMI name {name} is already in use"));
        }
        let machine = self.machine(instance)?;
        if machine.state(now) != MachineState::Stopped {
            return refuse(CloudErrorKind::Conflict, "IncorrectInstanceState: the instance is not stopped");
        }
        let base = machine.image.clone();
        let id = ImageId::new(format!("ami-0{:016x}", draw::bits(self.seed, now, draw::fnv(name.as_bytes()))));
        let snapshot = if faults.slow_snapshots { SLOW } else { draw::between(self.seed, now, "snapshot", name, 60, 120) };
        let image = life::image_of(&id, name, &base, self.now(), tags_of(tags));
        let behaviour = Behaviour { vigour: Vigour::Sound, error_ppm: 2_000, p99_ms: 180 };
        self.keep_snapshots(&image);
        self.images.insert(id.clone(), ImageRecord { image, behaviour, bake: None });
        self.bakehouse.making.insert(id.clone(), Making { began: now, ends: now + snapshot, fails: faults.failing_images });
        Ok(CallReply { image: Some(id), ..CallReply::default() })
    }

    /// The same name in a region is the same token's: no second copy is made.
    fn copy_image(&mut self, copy: &CopyImage) -> Result<CallReply, Refusal> {
        if self.image_state(&copy.image) != ImageState::Available {
            return Err(not_found("image", &copy.image));
        }
        let (now, fails) = (self.tick, self.bakehouse.faults.failing_copies);
        let id = ImageId::new(format!("ami-0{:016x}", draw::bits(self.seed, now, draw::fnv(copy.token.as_bytes()))));
        let ends = now + draw::between(self.seed, now, "copy", &copy.token, 90, 240);
        let copied = Copied { id, tags: tags_of(&copy.tags), ends, fails };
        let kept = self.bakehouse.copies.entry(copy.to.clone()).or_default().entry(copy.name.clone()).or_insert(copied);
        Ok(CallReply { image: Some(kept.id.clone()), ..CallReply::default() })
    }

    fn tag_resource(&mut self, id: &str, tags: &[(String, String)]) -> Result<CallReply, Refusal> {
        if let Some(record) = self.images.get_mut(&ImageId::new(id)) {
            record.image.tags.extend(tags_of(tags));
            life::retag(&mut record.image);
            return Ok(CallReply::default());
        }
        self.machine(&InstanceId::new(id))?.tags.extend(tags_of(tags));
        Ok(CallReply::default())
    }
}

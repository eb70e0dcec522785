//! Instances of bakes in a simulated world: what they print, when they stop, the images made of them, and what is left of them.
//!
//! Nothing has to happen at any tick for them: where an instance is in its life and what it printed follow from when it was launched, what its user
//! data says and the faults the world was given.

mod calls;
mod console;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::state::Tick;
use super::{ACCOUNT, World};
use crate::bake::signal::Part;
use crate::domain::bake::{
    BakeLook, BakeSight, BaseImage, Console, Leftover, LeftoverKind, Machine, MachineRole, MachineState, MadeImage, OPERATION_KEY, ROLE_KEY,
    UNTIL_KEY,
};
use crate::domain::ids::{ImageId, InstanceId};
use crate::domain::image::ImageState;
use crate::domain::image_use::{CloudUse, UsedBy};
use crate::domain::observation::Credentials;
use crate::domain::reading::Reading;
use crate::domain::recipe::{Base, BaseQuery};
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// From the launch to the first line of the script.
const BOOT: Tick = 25;
/// From its last line until the instance has stopped.
const POWER_OFF: Tick = 12;
/// From the call to the end of an instance.
const SHUTDOWN: Tick = 10;
/// How long a terminated instance is still listed.
const LISTED: Tick = 3_600;

/// What is wrong with bakes in a world, for tests and for trying things out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BakeFaults {
    /// The provisioner of this number fails.
    pub failing: Option<u16>,
    /// The gate of this number fails.
    pub failing_gate: Option<u16>,
    /// Builders print nothing at all.
    pub silent: bool,
    /// So many lines are printed in each part, and only the last 64 KB are kept.
    pub noise: u32,
    /// Snapshots take an hour.
    pub slow_snapshots: bool,
    /// Images fail while they are made.
    pub failing_images: bool,
    /// Copies in other regions fail.
    pub failing_copies: bool,
    /// Volumes stay when their instance goes.
    pub volumes_stay: bool,
    /// Nothing is listed completely.
    pub incomplete: bool,
}

/// Everything of bakes in a world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Bakehouse {
    pub(super) faults: BakeFaults,
    bases: Vec<BaseImage>,
    machines: BTreeMap<InstanceId, BakeMachine>,
    making: BTreeMap<ImageId, Making>,
    strays: Vec<Leftover>,
    /// What other regions have, by region and then by name.
    copies: BTreeMap<String, BTreeMap<String, Copied>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Copied {
    id: ImageId,
    tags: BTreeMap<String, Untrusted>,
    ends: Tick,
    fails: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct BakeMachine {
    token: String,
    launched: Tick,
    image: ImageId,
    root_device: Option<String>,
    tags: BTreeMap<String, Untrusted>,
    /// What its console's markers name.
    mark: String,
    /// What it does, each with its length.
    parts: Vec<(Part, Tick, bool)>,
    powers_off: bool,
    silent: bool,
    noise: u32,
    /// The application its script puts on it, and the version.
    #[serde(default)]
    app: Option<(String, String)>,
    stopped: Option<Tick>,
    ended: Option<Tick>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Making {
    began: Tick,
    ends: Tick,
    fails: bool,
}

impl BakeMachine {
    /// When its script has printed its last line; never where it prints none.
    fn done_at(&self) -> Option<Tick> {
        let failed = self.parts.iter().position(|(_, _, fails)| *fails);
        let run = self.parts.iter().take(failed.map_or(self.parts.len(), |at| at + 1));
        (!self.silent && !self.parts.is_empty()).then(|| self.launched + BOOT + run.map(|(_, length, _)| length).sum::<Tick>() + 1)
    }

    fn failed(&self) -> bool {
        self.parts.iter().any(|(_, _, fails)| *fails)
    }

    fn state(&self, now: Tick) -> MachineState {
        if let Some(ended) = self.ended {
            return if now >= ended + SHUTDOWN { MachineState::Terminated } else { MachineState::ShuttingDown };
        }
        let by_itself = self.done_at().filter(|_| self.powers_off && !self.failed());
        match self.stopped.into_iter().chain(by_itself).min() {
            Some(stop) if now >= stop + POWER_OFF => MachineState::Stopped,
            Some(stop) if now >= stop => MachineState::Stopping,
            _ if now < self.launched + 12 => MachineState::Pending,
            _ => MachineState::Running,
        }
    }

    fn is_there(&self, now: Tick) -> bool {
        self.state(now) != MachineState::Terminated
    }

    fn until(&self) -> Option<WorldTime> {
        let text = self.tags.get(UNTIL_KEY)?.raw().to_owned();
        text.parse::<jiff::Timestamp>().ok().map(|at| WorldTime(at.as_millisecond()))
    }

    fn role(&self) -> Option<MachineRole> {
        MachineRole::of(self.tags.get(ROLE_KEY)?.raw())
    }

    fn operation(&self) -> &str {
        self.tags.get(OPERATION_KEY).map_or("", Untrusted::raw)
    }
}

/// The bases that are there from the beginning, besides the one that the catalog's images were baked from.
pub(super) fn stock_bases(world: &mut World) {
    let base = |id: &str, name: &str, owner: &str, arch: &str, days: u64| BaseImage {
        id: ImageId::new(id),
        name: name.into(),
        owner: owner.into(),
        created_at: Some(world.start.minus(Millis::mins(60 * 24 * days))),
        arch: arch.into(),
        root_device: Some("/dev/sda1".into()),
    };
    let first = super::catalog::image_id("base", "ubuntu-24.04");
    world.bakehouse.bases = vec![
        base(first.as_str(), "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server", "099720109477", "arm64", 31),
        base("ami-0ba5e00000000024", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20250105", "099720109477", "arm64", 5),
        base("ami-0ba5e00000000023", "al2023-ami-2023.6-arm64", "137112412989", "arm64", 12),
        base("ami-0ba5e00000000022", "al2023-ami-ecs-2023.6-arm64", "591542846629", "arm64", 9),
        base("ami-0ba5e00000000021", "debian-12-amd64-20241201-1948", "136693071363", "x86_64", 44),
        base("ami-0ba5e00000000020", "debian-12-amd64-20250102-1980", "136693071363", "x86_64", 8),
    ];
}

impl World {
    /// The images that may be a base of a recipe: all that its query finds, newest first, or the one it names.
    #[must_use]
    pub fn base_images(&self, base: &Base) -> Vec<BaseImage> {
        let mut found: Vec<BaseImage> = self.bakehouse.bases.iter().filter(|known| matches(known, base)).cloned().collect();
        found.sort_by(|left, right| (right.created_at, &right.id).cmp(&(left.created_at, &left.id)));
        found
    }

    /// One look at a bake.
    #[must_use]
    pub fn observe_bake(&self, look: &BakeLook) -> BakeSight {
        let now = self.now();
        let known = |complete: bool| if complete { Ok(()) } else { Err("a page of the listing is missing") };
        let whole = known(!self.bakehouse.faults.incomplete);
        BakeSight {
            at: now,
            credentials: self.credentials_gone().map_or_else(Credentials::default, |why| Credentials::Gone { why: why.into() }),
            base: look.base.as_ref().map(|id| self.base_reading(id)),
            machines: look.machines.then(|| whole.map_or_else(Reading::unknown, |()| Reading::known(self.machines_of(&look.operation), now))),
            console: look.console.as_ref().map(|id| self.console_reading(id)),
            image: look.image.as_ref().map(|name| Reading::known(self.made_image(name), now)),
            shares: look.shares.as_ref().map(|id| Reading::known(self.shared_with(id).iter().map(|account| account.raw().to_owned()).collect(), now)),
            copies: look.copies.as_ref().map(|(name, regions)| Reading::known(self.copies_of(name, regions), now)),
            // Packer is nobody's here: nothing is made under names.
            named: (!look.named.is_empty()).then(|| Reading::known(Vec::new(), now)),
            leftovers: look.leftovers.then(|| whole.map_or_else(Reading::unknown, |()| Reading::known(self.leftovers(), now))),
        }
    }

    /// Everything with a bake's tags that is there.
    #[must_use]
    pub fn leftovers(&self) -> Vec<Leftover> {
        let machines = self.bakehouse.machines.iter().filter(|(_, machine)| machine.is_there(self.tick) && machine.ended.is_none());
        let left = machines.map(|(id, machine)| Leftover {
            kind: LeftoverKind::Instance,
            id: id.as_str().to_owned(),
            operation: machine.operation().into(),
            until: machine.until(),
        });
        let mut all: Vec<Leftover> = left.chain(self.bakehouse.strays.iter().cloned()).collect();
        all.sort();
        all
    }

    /// The images that instances of bakes run.
    pub(super) fn builders(&self) -> Vec<CloudUse> {
        let there = self.bakehouse.machines.iter().filter(|(_, machine)| machine.is_there(self.tick));
        there.map(|(id, machine)| CloudUse { image: machine.image.clone(), by: UsedBy::Instance(id.clone()) }).collect()
    }

    /// How many instances of bakes are there at all, by whoever made them.
    #[must_use]
    pub fn bake_machines(&self) -> usize {
        self.bakehouse.machines.values().filter(|machine| machine.is_there(self.tick)).count()
    }

    fn base_reading(&self, id: &ImageId) -> Reading<bool> {
        let known = self.bakehouse.bases.iter().any(|base| base.id == *id) || self.image_state(id) == ImageState::Available;
        if known { Reading::known(true, self.now()) } else { Reading::missing(format!("image {id} does not exist")) }
    }

    fn machines_of(&self, operation: &str) -> Vec<Machine> {
        let own = self.bakehouse.machines.iter().filter(|(_, machine)| machine.operation() == operation);
        let listed = own.filter(|(_, machine)| machine.ended.is_none_or(|ended| self.tick < ended + LISTED));
        let shown = |(id, machine): (&InstanceId, &BakeMachine)| {
            let state = machine.state(self.tick);
            let address = (state == MachineState::Running).then(|| Untrusted::from("10.0.0.7"));
            Some(Machine { id: id.clone(), role: machine.role()?, state, address })
        };
        listed.filter_map(shown).collect()
    }

    fn console_reading(&self, id: &InstanceId) -> Reading<Console> {
        match self.bakehouse.machines.get(id) {
            Some(machine) => Reading::known(Console { bytes: self.console(machine), offset: 0 }, self.now()),
            None => Reading::missing(format!("instance {id} does not exist")),
        }
    }

    /// Everything a machine has printed until now, or until it stopped; the last 64 KB of it.
    fn console(&self, machine: &BakeMachine) -> Vec<u8> {
        let until = machine.ended.map_or(self.tick, |ended| ended.min(self.tick)).min(machine.stopped.unwrap_or(Tick::MAX));
        if machine.silent { Vec::new() } else { console::printed(self, machine, until) }
    }

    fn made_image(&self, name: &str) -> Option<MadeImage> {
        let record = self.images.values().find(|record| record.image.name.raw() == name)?;
        let making = self.bakehouse.making.get(&record.image.id);
        let percent = making.map(|making| percent(making, self.tick));
        let state = self.image_state(&record.image.id);
        let why = (state == ImageState::Failed).then(|| Untrusted::from("Client.InternalError: the snapshot failed"));
        Some(MadeImage { id: record.image.id.clone(), name: record.image.name.clone(), state, why, percent, tags: record.image.tags.clone() })
    }

    /// What has become of an image that a bake makes; none for all others.
    pub(super) fn made_state(&self, id: &ImageId) -> Option<ImageState> {
        let making = self.bakehouse.making.get(id)?;
        Some(match (self.tick < making.ends, making.fails) {
            (true, _) => ImageState::Pending,
            (false, true) => ImageState::Failed,
            (false, false) => ImageState::Available,
        })
    }

    fn copies_of(&self, name: &str, regions: &[String]) -> BTreeMap<String, MadeImage> {
        let found = regions.iter().filter_map(|region| Some((region, self.bakehouse.copies.get(region)?.get(name)?)));
        let made = |copy: &Copied| {
            let state = match (self.tick < copy.ends, copy.fails) {
                (true, _) => ImageState::Pending,
                (false, true) => ImageState::Failed,
                (false, false) => ImageState::Available,
            };
            let why = (state == ImageState::Failed).then(|| Untrusted::from("Client.InternalError: the snapshot could not be copied"));
            MadeImage { id: copy.id.clone(), name: name.into(), state, why, percent: None, tags: copy.tags.clone() }
        };
        found.map(|(region, copy)| (region.clone(), made(copy))).collect()
    }

    /// Somebody deregisters a base image.
    pub(super) fn lose_base(&mut self, id: &ImageId) -> bool {
        let before = self.bakehouse.bases.len();
        self.bakehouse.bases.retain(|base| base.id != *id);
        self.images.remove(id);
        self.bakehouse.bases.len() < before
    }

    /// Somebody deregisters every copy in every region.
    pub(super) fn lose_copies(&mut self) -> bool {
        !std::mem::take(&mut self.bakehouse.copies).is_empty()
    }

    /// A thing with a bake's tags that nobody remembers.
    pub(super) fn leave(&mut self, leftover: &Leftover) {
        self.bakehouse.strays.push(leftover.clone());
    }
}

fn percent(making: &Making, now: Tick) -> u8 {
    let part = (now - making.began).max(0) * 100 / (making.ends - making.began).max(1);
    u8::try_from(part.min(100)).unwrap_or(100)
}

fn tags_of(tags: &[(String, String)]) -> BTreeMap<String, Untrusted> {
    tags.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
}

fn matches(known: &BaseImage, base: &Base) -> bool {
    match base {
        Base::Id(id) => known.id == *id,
        Base::Newest(BaseQuery { owner, name, architecture }) => {
            let owned = match owner.as_str() {
                "amazon" => ["137112412989", "591542846629"].contains(&known.owner.raw()),
                "self" => known.owner.raw() == ACCOUNT,
                account => known.owner.raw() == account,
            };
            owned && known.arch.raw() == architecture.word() && fits(name.as_bytes(), known.name.raw().as_bytes())
        }
    }
}

/// Whether a name fits a pattern in which `*` stands for any characters and `?` for one.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => fits(rest, name) || name.split_first().is_some_and(|(_, left)| fits(pattern, left)),
        (Some((b'?', rest)), Some((_, left))) => fits(rest, left),
        (Some((wanted, rest)), Some((found, left))) => wanted == found && fits(rest, left),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_as_the_cloud_s_filters_do() {
        assert!(fits(b"ubuntu/images/*noble-24.04-arm64-server*", b"ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server"));
        assert!(fits(b"al20??-ami-*", b"al2023-ami-2023.6-arm64"));
        assert!(!fits(b"al2023", b"al2023-ami"));
    }
}

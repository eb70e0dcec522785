//! What a bake makes and finds in the cloud: base images, instances of its own, the image in the making, and what is left of other bakes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ids::{ImageId, InstanceId};
use super::observation::Credentials;
use super::reading::Reading;
use super::text::Untrusted;
use super::time::WorldTime;

/// The tag that says which operation of which store made a thing.
pub const OPERATION_KEY: &str = "qd:operation";
/// The tag that says until when it may live.
pub const UNTIL_KEY: &str = "qd:until";
/// The tag that says what an instance is for.
pub const ROLE_KEY: &str = "qd:role";
/// The tag with the content key of an image.
pub const KEY_KEY: &str = "qd:key";
/// The tag that says where an image is in its life.
pub const STAGE_KEY: &str = "qd:stage";
/// The tag that says how an image's gates came out.
pub const GATES_KEY: &str = "qd:gates";

/// The tag that says which accounts an image was shared with by its bake.
pub const SHARED_KEY: &str = "qd:shared";
/// The tag that says which regions have a copy of it.
pub const COPIED_KEY: &str = "qd:copied";

/// The tag that says which query the base of an image was the newest of.
pub const QUERY_KEY: &str = "qd:base-query";

/// How many days a base made at `made` is behind the newest of its line; none where either is not known.
#[must_use]
pub fn days_behind(newest: Option<WorldTime>, made: Option<WorldTime>) -> Option<u64> {
    Some(newest?.since(made?).as_secs() / 86_400)
}

/// An image that can be baked from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseImage {
    /// Its id.
    pub id: ImageId,
    /// Its name.
    pub name: Untrusted,
    /// The account that owns it.
    pub owner: Untrusted,
    /// When it was made.
    pub created_at: Option<WorldTime>,
    /// Processor architecture.
    pub arch: Untrusted,
    /// The device name of its root volume.
    pub root_device: Option<Untrusted>,
}

/// What an instance of a bake is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineRole {
    /// The image is made of it.
    Builder,
    /// The gates look at it.
    Gate,
}

impl MachineRole {
    /// The word in its tag.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Gate => "gate",
        }
    }

    /// The role a tag names.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Builder, Self::Gate].into_iter().find(|role| role.word() == word)
    }
}

/// Where an instance is in its life, as EC2 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// On its way up.
    Pending,
    /// Up.
    Running,
    /// On its way to a stop.
    Stopping,
    /// Stopped: its disk is as it was left.
    Stopped,
    /// On its way out.
    ShuttingDown,
    /// Gone.
    Terminated,
    /// A state this program does not know.
    Unknown,
}

impl MachineState {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting down",
            Self::Terminated => "terminated",
            Self::Unknown => "in an unknown state",
        }
    }

    /// It is gone, or on its way out.
    #[must_use]
    pub const fn is_leaving(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// An instance that a bake made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its id.
    pub id: InstanceId,
    /// What it is for.
    pub role: MachineRole,
    /// Where it is in its life.
    pub state: MachineState,
    /// Its private address, once it has one.
    pub address: Option<Untrusted>,
}

/// An image that a bake makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeImage {
    /// Its id.
    pub id: ImageId,
    /// Its name.
    pub name: Untrusted,
    /// What has become of it.
    pub state: super::image::ImageState,
    /// Why it failed, in the cloud's words.
    pub why: Option<Untrusted>,
    /// How much of its snapshot is there, where that is told.
    pub percent: Option<u8>,
    /// Its tags.
    pub tags: BTreeMap<String, Untrusted>,
}

impl MadeImage {
    /// The operation that made it, as its tag says.
    #[must_use]
    pub fn made_by(&self) -> Option<&Untrusted> {
        self.tags.get(OPERATION_KEY)
    }
}

/// A kind of thing that a bake makes besides images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// An instance.
    Instance,
    /// A volume.
    Volume,
    /// A key pair.
    KeyPair,
    /// A security group.
    SecurityGroup,
}

impl LeftoverKind {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Volume => "volume",
            Self::KeyPair => "key pair",
            Self::SecurityGroup => "security group",
        }
    }
}

/// A thing with a bake's tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leftover {
    /// What it is; instances come first, as others hang on them.
    pub kind: LeftoverKind,
    /// Its id.
    pub id: String,
    /// The operation that made it.
    pub operation: Untrusted,
    /// Until when it may live; none where its tag cannot be read, and then it is nobody's to remove.
    pub until: Option<WorldTime>,
}

impl Leftover {
    /// `instance i-0abc of op-3`.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} {} of {}", self.kind.word(), super::text::escape(&self.id), self.operation.shown())
    }
}

/// What has to be looked at before a bake's next decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BakeLook {
    /// The value of the tag that all things of this bake have.
    pub operation: String,
    /// Whether this base image is still there.
    pub base: Option<ImageId>,
    /// Every instance of this bake.
    pub machines: bool,
    /// What this instance prints.
    pub console: Option<InstanceId>,
    /// Up to where its console was heard, in bytes of the bake's log.
    pub heard: u64,
    /// The image of this name, and how far its snapshot is.
    pub image: Option<String>,
    /// Everything with a bake's tags, of any operation.
    pub leftovers: bool,
    /// Who may launch this image.
    pub shares: Option<ImageId>,
    /// The images of this name in these regions.
    pub copies: Option<(String, Vec<String>)>,
    /// Key pairs and security groups of these names, whatever tags they have.
    pub named: Vec<(LeftoverKind, String)>,
    /// What Packer said after so many things that were heard of it; none where it is not listened to.
    pub packer: Option<u64>,
}

/// What an instance's console holds: the last 64 KB of what it ever printed; or what the bake's log holds of it that was not heard yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Console {
    /// The bytes, as they were printed.
    pub bytes: Vec<u8>,
    /// Where they begin in the bake's log.
    pub offset: u64,
}

/// What was seen of a bake in one look. What was not asked for is none.
#[derive(Clone, Debug, PartialEq)]
pub struct BakeSight {
    /// When the look ended.
    pub at: WorldTime,
    /// What it was seen with.
    pub credentials: Credentials,
    /// Whether the base image can be launched; missing: the cloud says that it does not exist.
    pub base: Option<Reading<bool>>,
    /// Every instance of this bake, also those that are gone and still listed. Known only if the listing was complete.
    pub machines: Option<Reading<Vec<Machine>>>,
    /// What an instance's console holds.
    pub console: Option<Reading<Console>>,
    /// The image; none if there is none of that name.
    pub image: Option<Reading<Option<MadeImage>>>,
    /// Everything with a bake's tags. Known only if every listing was complete.
    pub leftovers: Option<Reading<Vec<Leftover>>>,
    /// The accounts that may launch the image, besides its own.
    pub shares: Option<Reading<BTreeSet<String>>>,
    /// The copies that are there, by region. Known only if every region answered.
    pub copies: Option<Reading<BTreeMap<String, MadeImage>>>,
    /// What has a name that was asked for; whose operation is empty where it has no tag that says one.
    pub named: Option<Reading<Vec<Leftover>>>,
}

impl BakeSight {
    /// A look in which nothing was asked for.
    #[must_use]
    pub fn empty(at: WorldTime) -> Self {
        Self {
            at,
            credentials: Credentials::default(),
            base: None,
            machines: None,
            console: None,
            image: None,
            leftovers: None,
            shares: None,
            copies: None,
            named: None,
        }
    }
}

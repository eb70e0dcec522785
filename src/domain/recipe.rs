//! Recipes: what an image is made of, and the gates that a fresh server of it must pass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::ImageId;
use super::image::SchemaRange;
use super::time::Millis;

/// What a recipe's file says, checked: an image can be made of it and of the files it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Its name; begins the names of its images.
    pub name: String,
    /// The application it seals in.
    pub app: App,
    /// The image it starts from.
    pub base: Base,
    /// Who does the work.
    pub engine: Engine,
    /// The instance on which the image is made.
    pub builder: Builder,
    /// What is done on it, in this order; none with [`Engine::Packer`], whose template says it.
    pub provisioners: Vec<Provisioner>,
    /// What a fresh instance of the finished image must pass, in this order.
    pub gates: Vec<ImageGate>,
    /// Further tags of the image.
    pub tags: BTreeMap<String, String>,
    /// The database schemas the application works with.
    pub schema: SchemaRange,
    /// Accounts that may launch the finished image.
    pub share_with: Vec<String>,
    /// Regions the finished image is copied to.
    pub copy_to: Vec<String>,
    /// How long a bake may take, from its start to the last gate.
    pub time_limit: Millis,
}

impl Recipe {
    /// The provisioners' kinds in their order: how their output is to be read.
    #[must_use]
    pub fn kinds(&self) -> Vec<ProvisionerKind> {
        self.provisioners.iter().map(|provisioner| provisioner.work.kind()).collect()
    }
}

/// The application of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Its name, as fleets have it.
    pub name: String,
    /// The version baked unless the command line names another.
    pub version: Option<String>,
    /// What the builder downloads before the first provisioner.
    pub artifact: Option<Artifact>,
}

/// A file from elsewhere that provisioners install.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Where it is, `http` or `https`; `{version}` stands for the version.
    pub url: String,
    /// Its SHA-256 in hexadecimal; always there with `http`.
    pub sha256: Option<String>,
}

impl Artifact {
    /// The address for a version.
    #[must_use]
    pub fn url_of(&self, version: &str) -> String {
        self.url.replace("{version}", version)
    }
}

/// The image a bake starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// This one.
    Id(ImageId),
    /// The newest available one that a query finds.
    Newest(BaseQuery),
}

/// Which images may be a base. All that are found must have one owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BaseQuery {
    /// An account, `self` or `amazon`.
    pub owner: String,
    /// A pattern of names in which `*` and `?` stand for others.
    pub name: String,
    /// Their architecture.
    pub architecture: Architecture,
}

impl BaseQuery {
    /// The query in one line, as an image's tag says it: the owner, the architecture, and the rest is the name.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} {} {}", self.owner, self.architecture.word(), self.name)
    }

    /// The query that such a line says.
    #[must_use]
    pub fn of(words: &str) -> Option<Self> {
        let (owner, rest) = words.split_once(' ')?;
        let (architecture, name) = rest.split_once(' ')?;
        let architecture = [Architecture::X86, Architecture::Arm64].into_iter().find(|known| known.word() == architecture)?;
        Some(Self { owner: owner.to_owned(), name: name.to_owned(), architecture })
    }
}

/// A processor architecture, as EC2 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// `x86_64`.
    #[serde(rename = "x86_64")]
    X86,
    /// `arm64`.
    Arm64,
}

impl Architecture {
    /// EC2's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Who turns the recipe into an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// An instance that provisions itself from its user data.
    Builder,
    /// The operator's own Packer template.
    Packer(PackerTemplate),
}

/// A Packer template and what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackerTemplate {
    /// The template, relative to the recipe.
    pub template: String,
    /// Files and directories that it uses: with it, they make the content key.
    pub files: Vec<String>,
    /// Values of its variables, in which `{version}`, `{base}`, `{image_name}`, `{operation}`, `{expires_at}` and `{region}` stand for what is known at start.
    pub variables: BTreeMap<String, String>,
}

/// The instance on which an image is made. What is not named is the account's default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// Its type.
    pub instance_type: String,
    /// Its subnet.
    pub subnet: Option<String>,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// Its instance profile, for provisioners that call AWS.
    pub instance_profile: Option<String>,
    /// The size of its root volume and so of the image's; without one, the base's.
    pub root_gib: Option<u32>,
}

/// One piece of work on the builder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioner {
    /// What people call it.
    pub name: String,
    /// Packages that the builder's package manager installs first; for a provisioner with a tool of its own, only if that tool is missing.
    pub packages: Vec<String>,
    /// How long it may take; without one, as long as the bake.
    pub time_limit: Option<Millis>,
    /// What it does.
    pub work: Work,
}

/// What a provisioner does. Paths are relative to the recipe, with `/` between names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Work {
    /// A script or commands.
    Shell(Shell),
    /// A file laid down.
    File(FileCopy),
    /// A playbook on the builder itself.
    Ansible(Ansible),
    /// Cookbooks in local mode.
    Chef(Chef),
    /// A manifest applied without a server.
    Puppet(Puppet),
    /// States applied without a master.
    Salt(Salt),
}

impl Work {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ProvisionerKind {
        match self {
            Self::Shell(_) => ProvisionerKind::Shell,
            Self::File(_) => ProvisionerKind::File,
            Self::Ansible(_) => ProvisionerKind::Ansible,
            Self::Chef(_) => ProvisionerKind::Chef,
            Self::Puppet(_) => ProvisionerKind::Puppet,
            Self::Salt(_) => ProvisionerKind::Salt,
        }
    }
}

/// The kinds of provisioners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProvisionerKind {
    /// Commands.
    Shell,
    /// A file.
    File,
    /// Ansible.
    Ansible,
    /// Chef or Cinc.
    Chef,
    /// Puppet.
    Puppet,
    /// Salt.
    Salt,
}

impl ProvisionerKind {
    /// All of them, in the order in which people are told of them.
    pub const ALL: [Self; 6] = [Self::Shell, Self::File, Self::Ansible, Self::Chef, Self::Puppet, Self::Salt];

    /// Its word in a recipe.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::File => "file",
            Self::Ansible => "ansible",
            Self::Chef => "chef",
            Self::Puppet => "puppet",
            Self::Salt => "salt",
        }
    }
}

/// Shell: one of a script and commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shell {
    /// A script of the recipe's, run as the program it says it is; or else commands.
    pub script: Option<String>,
    /// Commands for `/bin/sh`, one after the other until one fails.
    pub run: Vec<String>,
    /// Further environment.
    pub env: BTreeMap<String, String>,
}

/// A file of the recipe's that is laid down on the builder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCopy {
    /// The file.
    pub source: String,
    /// Its whole path on the builder; directories above it are made.
    pub destination: String,
    /// `user` or `user:group`.
    pub owner: String,
    /// Its permissions.
    pub mode: u32,
}

/// Ansible, run on the builder against itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ansible {
    /// The playbook.
    pub playbook: String,
    /// Files and directories that it needs beside it.
    pub files: Vec<String>,
    /// Extra variables, with their types.
    pub variables: BTreeMap<String, Value>,
}

/// Chef or Cinc in local mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chef {
    /// The directory of cookbooks.
    pub cookbooks: String,
    /// What is run, such as `recipe[web]`.
    pub run_list: Vec<String>,
    /// Node attributes.
    pub attributes: BTreeMap<String, Value>,
}

/// Puppet without a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Puppet {
    /// The manifest.
    pub manifest: String,
    /// The directory of modules.
    pub modules: Option<String>,
    /// Further facts.
    pub facts: BTreeMap<String, String>,
}

/// Salt without a master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salt {
    /// The directory of states.
    pub states: String,
    /// The states applied; without any, what `top.sls` says.
    pub apply: Vec<String>,
    /// Pillar data.
    pub pillar: BTreeMap<String, Value>,
}

/// A gate: it looks at a fresh instance that was launched from the finished image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageGate {
    /// What people call it.
    pub name: String,
    /// How long it may take, from the instance's start for `boot`, else from its own.
    pub within: Millis,
    /// What is looked at.
    pub check: GateCheck,
}

/// What a gate looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum GateCheck {
    /// The instance runs and its cloud-init is done.
    Boot,
    /// It answers a request.
    Http(HttpCheck),
    /// A command for `/bin/sh` on it ends well.
    Command {
        /// The command.
        run: String,
    },
    /// A program here, with its arguments and without a shell, that gets a document on its standard input and can only pass or veto.
    Hook {
        /// The program and its arguments.
        argv: Vec<String>,
    },
}

impl GateCheck {
    /// Its word in a recipe.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Http(_) => "http",
            Self::Command { .. } => "command",
            Self::Hook { .. } => "hook",
        }
    }

    /// Whether it is made on the instance itself, whose console tells of it.
    #[must_use]
    pub const fn is_on_instance(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Command { .. })
    }
}

/// A request and the answer that passes. It is made on the instance, to its own address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// The path, from `/`.
    pub path: String,
    /// The port.
    pub port: u16,
    /// The status that passes.
    pub status: u16,
    /// What the body must contain.
    pub body: Option<String>,
}

/// The files a recipe names, by their path relative to it, with `/` between names.
pub type RecipeFiles = BTreeMap<String, RecipeFile>;

/// A file as it was when the recipe was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeFile {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether its owner may execute it.
    pub executable: bool,
}

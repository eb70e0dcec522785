//! Packer's run of one bake on this host: started, told to stop, and read, by whichever driver the bake has.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::bake_log::BakeLog;
use crate::adapters::packer::PackerProcess;
use crate::bake::packer::PackerStream;
use crate::bake::signal::Signal;
use crate::domain::call::{BuildCall, CallReply, CloudCall, CloudError, CloudErrorKind};
use crate::domain::ids::OperationId;
use crate::domain::reading::Reading;
use crate::domain::time::WorldTime;
use crate::operation::packer::{PackerNews, PackerPlan};
use crate::ports::cloud::CloudWrite;
use crate::ports::packer::{PackerOrder, PackerReading, PackerRun};

/// The program.
pub(super) const PROGRAM: &str = "packer";
/// So many lines are told where it failed.
const LAST_LINES: usize = 12;

/// One run with all that was read of it.
pub(super) struct PackerSeat {
    dir: PathBuf,
    plan: PackerPlan,
    environment: BTreeMap<String, String>,
    process: PackerProcess,
    stream: PackerStream,
    read_to: u64,
    signals: Vec<Signal>,
    over: bool,
}

/// A run that its driver reads and its writer starts.
pub(super) type SharedSeat = Arc<Mutex<PackerSeat>>;

impl PackerSeat {
    /// The run of a bake of the store in `store_dir`, with what Packer finds its account and region by.
    pub(super) fn new(store_dir: &Path, id: &OperationId, plan: PackerPlan, environment: BTreeMap<String, String>) -> Self {
        let dir = store_dir.join("bakes").join(format!("{}.packer", id.as_str()));
        let process = PackerProcess::new(&dir, PROGRAM);
        Self { dir, plan, environment, process, stream: PackerStream::default(), read_to: 0, signals: Vec::new(), over: false }
    }

    fn start(&mut self, template: &str, variables: &BTreeMap<String, String>) -> Result<(), String> {
        let files = self.dir.join("files");
        self.lay_out(&files)?;
        let order = PackerOrder {
            template: inside(&files, template)?,
            directory: files,
            variables: variables.clone(),
            environment: self.environment.clone(),
        };
        self.process.start(&order)
    }

    /// The template and its files as the plan has them, for this user alone.
    fn lay_out(&self, dir: &Path) -> Result<(), String> {
        let cannot =
            |path: &Path, error: &std::io::Error| format!("{} cannot be written: {error}", crate::domain::text::escape(&path.display().to_string()));
        let files = self.plan.files().ok_or("the plan's files cannot be read: plan again")?;
        for (path, file) in &files {
            let path = inside(dir, path)?;
            let parent = path.parent().unwrap_or(dir);
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(|error| cannot(parent, &error))?;
            let mode = if file.executable { 0o700 } else { 0o600 };
            let written = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&path);
            written.and_then(|mut opened| opened.write_all(&file.bytes)).map_err(|error| cannot(&path, &error))?;
        }
        Ok(())
    }

    /// What it said after the first `heard` things; the rest of its words is kept in the bake's log.
    pub(super) fn news(&mut self, heard: u64, log: &mut BakeLog, now: WorldTime) -> Reading<PackerNews> {
        if let Err(why) = self.read(log) {
            // Where nothing of it lies, nothing of it was started.
            return if self.dir.join("packer.stream").exists() { Reading::unknown(why) } else { Reading::missing(why) };
        }
        let text = self.stream.log();
        let first = text.lines().saturating_sub(LAST_LINES);
        let last_lines = (first..text.lines()).filter_map(|line| text.line(line)).filter(|line| !line.raw().trim().is_empty()).collect();
        let unheard = usize::try_from(heard).unwrap_or(usize::MAX);
        let signals = self.signals.get(unheard..).unwrap_or_default().to_vec();
        Reading::known(PackerNews { signals, heard: self.signals.len() as u64, log_end: text.end(), last_lines }, now)
    }

    /// Reads what is there. What it said is in the file before more is read, as only the end of it is kept here.
    fn read(&mut self, log: &mut BakeLog) -> Result<(), String> {
        loop {
            if let Err(error) = log.mirror(self.stream.log()) {
                tracing::warn!("the bake's log cannot be written: {error}");
            }
            if self.over {
                return Ok(());
            }
            let PackerReading { bytes, end } = self.process.read(self.read_to)?;
            self.read_to += bytes.len() as u64;
            self.signals.extend(self.stream.read(&bytes));
            if let Some(end) = end {
                self.signals.extend(self.stream.end(end.status()));
                self.over = true;
            }
            if bytes.is_empty() && !self.over {
                return Ok(());
            }
        }
    }
}

/// A path of the plan below a directory, never outside of it.
fn inside(dir: &Path, path: &str) -> Result<PathBuf, String> {
    let below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if below { Ok(dir.join(path)) } else { Err(format!("the plan's file {} is not below the recipe", crate::domain::text::escape(path))) }
}

/// Writes to the cloud, and to Packer on this host: both only by a driver, and only after their intent is recorded.
pub(super) struct PackerWriter {
    pub(super) seat: SharedSeat,
    pub(super) cloud: Arc<dyn CloudWrite>,
}

#[async_trait]
impl CloudWrite for PackerWriter {
    async fn call(&self, call: &CloudCall) -> Result<CallReply, CloudError> {
        let what = match call {
            CloudCall::Build { what } => what.as_ref(),
            _ => return self.cloud.call(call).await,
        };
        match what {
            BuildCall::RunPacker { template, variables } => {
                let started = self.seat.lock().unwrap_or_else(PoisonError::into_inner).start(template, variables);
                started.map(|()| CallReply::default()).map_err(|why| CloudError::new(CloudErrorKind::Invalid, call.aws_name(), why))
            }
            BuildCall::EndPacker { at_once } => {
                let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
                if *at_once {
                    seat.process.kill()
                } else {
                    seat.process.abort()
                }
                Ok(CallReply::default())
            }
            _ => self.cloud.call(call).await,
        }
    }
}

//! Packer as a process group of its own, whose stream and end are files: it outlives the driver that started it, and the next one goes on reading.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use super::host;
use crate::domain::text::escape;
use crate::operation::lease::{Holder, HolderProcess};
use crate::ports::packer::{PackerEnd, PackerOrder, PackerReading, PackerRun};

/// So much is read at once.
const MOST_READ: u64 = 1024 * 1024;
/// Runs Packer and writes down how it ended. A signal to the group is for Packer: this waits for it all the same. A shell that traps with a command,
/// not with nothing, leaves what it starts free to be told.
const WATCH: &str = "trap : INT TERM; \"$@\"; echo $? >\"$0.new\" && mv \"$0.new\" \"$0\"";

/// A run whose files lie in one directory.
pub struct PackerProcess {
    dir: PathBuf,
    program: PathBuf,
    child: Option<Child>,
}

impl PackerProcess {
    /// The run whose files lie, or will lie, in `dir`, which exists and is for its owner alone. `program` is Packer's path or, without a `/`, is
    /// looked for.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, program: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), program: program.into(), child: None }
    }

    fn stream_path(&self) -> PathBuf {
        self.dir.join("packer.stream")
    }

    fn process_path(&self) -> PathBuf {
        self.dir.join("packer.process")
    }

    fn end_path(&self) -> PathBuf {
        self.dir.join("packer.end")
    }

    /// The process that was started, by whichever driver.
    fn started(&self) -> Option<Holder> {
        serde_json::from_slice(&std::fs::read(self.process_path()).ok()?).ok()
    }

    fn is_running(&mut self) -> bool {
        // Our own child leaves a corpse that only we can bury.
        let _buried = self.child.as_mut().map(Child::try_wait);
        self.started().is_some_and(|process| host::holder_process(&process) == HolderProcess::Alive)
    }

    fn signal(&mut self, signal: Signal) {
        if !self.is_running() {
            return;
        }
        let group = self.started().and_then(|process| i32::try_from(process.pid).ok()).and_then(Pid::from_raw);
        if let Some(Err(error)) = group.map(|group| kill_process_group(group, signal)) {
            tracing::warn!("packer: it cannot be told to stop: {error}");
        }
    }

    fn end(&self) -> PackerEnd {
        let status = std::fs::read_to_string(self.end_path()).ok();
        status.and_then(|status| status.trim().parse().ok()).map_or(PackerEnd::Killed, PackerEnd::Exited)
    }

    fn command(&self, order: &PackerOrder, program: &Path) -> Result<Command, String> {
        let stream = private(&self.stream_path())?;
        let errors = stream.try_clone().map_err(|error| format!("packer's stream cannot be written: {error}"))?;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(WATCH).arg(self.end_path()).arg(program);
        command.args(["-machine-readable", "build", "-color=false"]);
        for (name, value) in &order.variables {
            command.arg("-var").arg(format!("{name}={value}"));
        }
        command.arg(&order.template).current_dir(&order.directory).process_group(0);
        // It asks nobody for a newer release. Everything else of the environment is its own: it is where it finds its credentials.
        command.env("CHECKPOINT_DISABLE", "1").envs(&order.environment).stdin(Stdio::null()).stdout(stream).stderr(errors);
        Ok(command)
    }
}

impl PackerRun for PackerProcess {
    fn start(&mut self, order: &PackerOrder) -> Result<(), String> {
        if self.started().is_some() {
            return Ok(());
        }
        let program = found(&self.program).ok_or_else(|| {
            let name = escape(&self.program.display().to_string());
            format!("{name} is not on this host: install Packer, or take [packer] out of the recipe")
        })?;
        let child = self.command(order, &program)?.spawn().map_err(|error| format!("packer cannot be started: {error}"))?;
        let process = host::process(child.id());
        self.child = Some(child);
        let written = serde_json::to_vec(&process).map_err(std::io::Error::other).and_then(|text| std::fs::write(self.process_path(), text));
        // A run that nobody could find again must not go on.
        written.map_err(|error| {
            self.kill_child();
            format!("packer was started and ended again, as its process cannot be written down: {error}")
        })
    }

    fn read(&mut self, from: u64) -> Result<PackerReading, String> {
        // Before the stream is read: what is printed in between is then read before the end is told.
        let running = self.is_running();
        let mut bytes = Vec::new();
        let mut stream = File::open(self.stream_path()).map_err(|error| match error.kind() {
            ErrorKind::NotFound => "packer was not started".to_owned(),
            _ => format!("packer's stream cannot be read: {error}"),
        })?;
        let read = stream.seek(SeekFrom::Start(from)).and_then(|_| stream.by_ref().take(MOST_READ).read_to_end(&mut bytes));
        read.map_err(|error| format!("packer's stream cannot be read: {error}"))?;
        let all_read = (bytes.len() as u64) < MOST_READ;
        let end = (!running && all_read && self.started().is_some()).then(|| self.end());
        Ok(PackerReading { bytes, end })
    }

    fn abort(&mut self) {
        self.signal(Signal::INT);
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl PackerProcess {
    fn kill_child(&mut self) {
        if let Some(child) = &mut self.child {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _gone = kill_process_group(group, Signal::KILL);
            }
            let _buried = child.wait();
        }
    }
}

/// A new file for its owner alone.
fn private(path: &Path) -> Result<File, String> {
    let made = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    made.map_err(|error| format!("{} cannot be written: {error}", escape(&path.display().to_string())))
}

/// The program's path, if it is there: as it is named with a `/`, else as it is looked for.
#[must_use]
pub fn found(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|candidate| candidate.is_file())
}

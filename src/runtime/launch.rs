//! Starting a driver that outlives the terminal: this program again, in a session of its own, with its words in a log file.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf, absolute};
use std::process::{Child, Command, Stdio};

use super::bake_log::waves_log;
use super::office::Office;
use crate::domain::ids::OperationId;
use crate::domain::text::{Untrusted, escape};
use crate::ports::desk::DeskError;

/// The end of a log that is quoted when a driver did not come up.
const LOG_END: u64 = 600;

/// Where a driver of this store writes its log.
#[must_use]
pub fn log_path(dir: &Path, id: &OperationId) -> PathBuf {
    dir.join("drivers").join(format!("{}.log", id.as_str()))
}

/// Starts a driver. It is its own session as soon as it runs; nothing of ours keeps it or ends it.
///
/// # Errors
/// The program cannot be started, or its log cannot be made.
pub fn start_driver(office: &Office, id: &OperationId) -> Result<Child, DeskError> {
    let log = open_log(&log_path(office.store.dir(), id))?;
    let errors = log.try_clone().map_err(|error| cannot("its log cannot be made", &error))?;
    Command::new(this_program()?)
        .args(&office.settings.driver_arguments)
        .arg("drive")
        .arg(id.as_str())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .current_dir("/")
        .spawn()
        .map_err(|error| cannot("it cannot be started", &error))
}

/// Starts baking what is behind its base, in waves: it goes on without the screen, and says in a log file what it does.
///
/// # Errors
/// The program cannot be started, or its log cannot be made.
pub fn start_rebake(office: &Office, recipes: &[PathBuf], wave: u16, reason: Option<&Untrusted>) -> Result<(), DeskError> {
    let log = open_log(&waves_log(office.store.dir()))?;
    let errors = log.try_clone().map_err(|error| cannot("its log cannot be made", &error))?;
    let mut child = Command::new(this_program()?)
        .args(&office.settings.driver_arguments)
        .args(["bake", "--behind", "--yes", "--wave", &wave.to_string()])
        .args(reason.map(|reason| format!("--reason={}", reason.raw())))
        .arg("--")
        .args(recipes.iter().map(|file| absolute(file).unwrap_or_else(|_| file.clone())))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .current_dir("/")
        .process_group(0)
        .spawn()
        .map_err(|error| cannot("it cannot be started", &error))?;
    // Its end is for the system to know: what it bakes is on the record.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// This very program, also after an upgrade put another one in its place or took it away: a rollback must not wait for a restart of the screen.
fn this_program() -> Result<PathBuf, DeskError> {
    let named = std::env::current_exe().map_err(|error| cannot("this program cannot be found", &error))?;
    Ok(if named.exists() { named } else { PathBuf::from("/proc/self/exe") })
}

fn open_log(path: &Path) -> Result<File, DeskError> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| cannot("the directory of its log cannot be made", &error))?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(|error| cannot("its log cannot be made", &error))
}

fn cannot(what: &str, error: &std::io::Error) -> DeskError {
    DeskError::other(format!("no driver: {what} ({error})"), "nothing was changed; put that right and try again")
}

/// The end of a driver's log, with nothing in it that a terminal would obey.
#[must_use]
pub fn log_end(path: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_END)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    text.lines().map(escape).filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" / ")
}

/// Makes this process a driver's: its own session without a terminal.
pub fn detach() {
    // It fails only for a process group leader, which a driver that was started by hand in a shell is: that one keeps its terminal.
    if let Err(error) = rustix::process::setsid() {
        tracing::info!("keeps its session: {error}");
    }
}

//! From what was asked to who does it: the screen, a driver, the simulated cloud itself, or a command at the desk.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::office::Office;
use super::ui::{self, ScreenOptions};
use super::wiring::Wiring;
use super::{driver, launch, plain};
use crate::adapters::store::Store;
use crate::cli::commands::sim::{self, SimCommand};
use crate::cli::commands::{judge, keys, recipe};
use crate::cli::{self, Exit, Invocation, Output, Work};
use crate::domain::ids::OperationId;
use crate::operation::event::OperationState;
use crate::ports::desk::{Desk, DeskError};

/// Runs what was asked, and says how it ended. What went wrong is on standard error by then.
pub fn run(invocation: Invocation, out: &mut Output) -> Exit {
    match carry_out(invocation, out) {
        Ok(exit) => exit,
        Err(error) => cli::report(out, &error),
    }
}

fn carry_out(invocation: Invocation, out: &mut Output) -> Result<Exit, DeskError> {
    let work = invocation.work();
    let wiring = Wiring::new(invocation.global.clone())?;
    for notice in wiring.notices() {
        out.notice(&format!("qd: {notice}"));
    }
    log_to_file(&wiring, &work);
    match work {
        Work::Screen if invocation.global.plain => in_runtime(async { plain::follow(office(&wiring).await?, out).await }),
        Work::Screen => screen(wiring, out),
        Work::Driver(id) => in_runtime(drive(&wiring, &id)),
        Work::Keys(command) => Ok(keys::run(&wiring.keymap()?, &command, out)),
        Work::Judge(args) => judge::run(&args, out),
        Work::Recipe(command) => recipe::run(&command, out),
        Work::Sim(command) => simulated(&wiring, &invocation, &command, out),
        Work::Ask(command) => in_runtime(async { Ok(cli::run(office(&wiring).await?, command, out).await) }),
    }
}

/// Drivers say everything on their standard error, which is their log file; everybody else only what went wrong, in a file.
fn log_to_file(wiring: &Wiring, work: &Work) {
    if matches!(work, Work::Driver(_)) {
        tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).with_max_level(tracing::Level::INFO).init();
        return;
    }
    let path: PathBuf = wiring.log_path();
    let open = move || -> Box<dyn std::io::Write> {
        match OpenOptions::new().create(true).append(true).mode(0o600).open(&path) {
            Ok(file) => Box::new(file),
            Err(_) => Box::new(std::io::sink()),
        }
    };
    tracing_subscriber::fmt().with_ansi(false).with_writer(open).with_max_level(tracing::Level::WARN).init();
}

fn in_runtime<T>(work: impl Future<Output = Result<T, DeskError>>) -> Result<T, DeskError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| DeskError::other(format!("no event loop: {error}"), "check the limits of this session (ulimit -a)"))?.block_on(work)
}

async fn office(wiring: &Wiring) -> Result<Arc<Office>, DeskError> {
    match wiring.scenario() {
        Some(scenario) => wiring.sim_office(scenario).await,
        None => aws_office(wiring).await,
    }
}

#[cfg(feature = "aws")]
async fn aws_office(wiring: &Wiring) -> Result<Arc<Office>, DeskError> {
    wiring.aws_office().await
}

#[cfg(not(feature = "aws"))]
async fn aws_office(_: &Wiring) -> Result<Arc<Office>, DeskError> {
    Err(built_without_aws())
}

#[cfg(not(feature = "aws"))]
fn built_without_aws() -> DeskError {
    DeskError::other("this build knows only the simulated cloud", "add --sim, or build it with its default features for AWS")
}

fn screen(wiring: Wiring, out: &mut Output) -> Result<Exit, DeskError> {
    let options = wiring.screen_options();
    let desk: Arc<dyn Desk> = match wiring.scenario() {
        Some(scenario) => wiring.open_sim(scenario)?,
        None => aws_desk(wiring)?,
    };
    show(desk, options, out)
}

#[cfg(feature = "aws")]
fn aws_desk(wiring: Wiring) -> Result<Arc<dyn Desk>, DeskError> {
    Ok(Arc::new(super::aws_desk::AwsDesk::new(wiring)))
}

#[cfg(not(feature = "aws"))]
fn aws_desk(_: Wiring) -> Result<Arc<dyn Desk>, DeskError> {
    Err(built_without_aws())
}

fn show(desk: Arc<dyn Desk>, options: ScreenOptions, out: &mut Output) -> Result<Exit, DeskError> {
    let note = ui::run(desk, options).map_err(|error| DeskError::other(error.to_string(), error.hint()))?;
    let note = note.to_string();
    if !note.is_empty() {
        out.text(&note);
    }
    Ok(Exit::Done)
}

/// This process becomes a driver: its own session, deaf to a terminal that goes away.
async fn drive(wiring: &Wiring, id: &OperationId) -> Result<Exit, DeskError> {
    launch::detach();
    let deaf = |kind| signal(kind).map_err(|error| DeskError::other(format!("signals cannot be handled: {error}"), "try again"));
    let _ignored = (deaf(SignalKind::hangup())?, deaf(SignalKind::interrupt())?, deaf(SignalKind::pipe())?);
    let office = office(wiring).await?;
    let state = driver::drive(&office, id).await?;
    Ok(if matches!(state, OperationState::Succeeded | OperationState::BackedOut | OperationState::Superseded) { Exit::Done } else { Exit::Failed })
}

fn simulated(wiring: &Wiring, invocation: &Invocation, command: &SimCommand, out: &mut Output) -> Result<Exit, DeskError> {
    let scenario = command.scenario(&invocation.global);
    let dir = wiring.sim_dir(scenario);
    // A store speaks of one world: with a new one its operations would speak of servers that are not there.
    if matches!(command, SimCommand::Reset(_)) && !invocation.global.read_only && dir.join("store.sqlite").exists() {
        Store::open(&dir)?.forget_everything()?;
    }
    sim::run(wiring.state_root(), command, &invocation.global, out)
}

//! Arguments into plain data.

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use super::commands::act::{DeployArgs, RecycleArgs, RollbackArgs};
use super::commands::alarms::AlarmsArgs;
use super::commands::bake::{AbortArgs, BakeArgs, BakesArgs};
use super::commands::doctor::DoctorArgs;
use super::commands::fleet::FleetArgs;
use super::commands::fleets::FleetsArgs;
use super::commands::freeze::{FreezeArgs, UnfreezeArgs};
use super::commands::gc::GcArgs;
use super::commands::image::ImageCommand;
use super::commands::images::ImagesArgs;
use super::commands::judge::JudgeArgs;
use super::commands::keys::KeysCommand;
use super::commands::ledger::LedgerArgs;
use super::commands::ops::{OpArgs, OpsArgs};
use super::commands::recipe::RecipeCommand;
use super::commands::report::ReportArgs;
use super::commands::sim::SimCommand;
use super::commands::steer::SteerArgs;
use super::commands::suspects::SuspectsArgs;
use super::commands::watch::{DriveArgs, WaitArgs, WatchArgs};
use super::exit::Exit;
use super::login::{ASKED, session};
use super::manual::{CompletionsArgs, ManArgs, completions, page};
use super::options::GlobalOptions;
use super::output::Output;
use crate::domain::ids::OperationId;

/// What was asked.
#[derive(Parser, Clone, Debug, PartialEq)]
#[command(name = "qd", version, about = "Release immutable server images to fleets, and always know the way back", long_about = None)]
#[command(after_help = "Without a command: the screen.")]
pub struct Invocation {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// The command; none for the screen.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A command.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Image versions, newest first
    Images(ImagesArgs),
    /// Images nobody needs: what would be removed, and why each other stays
    Gc(GcArgs),
    /// One image: what is known of it, and what people say of it
    #[command(subcommand)]
    Image(ImageCommand),
    /// What the alarms of all fleets say
    Alarms(AlarmsArgs),
    /// Fleets with image mix, health and way back
    Fleets(FleetsArgs),
    /// One fleet; or adopt one
    Fleet(FleetArgs),
    /// Release an image to a fleet
    Deploy(DeployArgs),
    /// Back to the last known good release
    Rollback(RollbackArgs),
    /// Every server replaced by a fresh one of the same image
    Recycle(RecycleArgs),
    /// Bake a recipe into a verified image
    Bake(BakeArgs),
    /// Bakes
    Bakes(BakesArgs),
    /// End a bake and remove what it made
    Abort(AbortArgs),
    /// Operations
    Ops(OpsArgs),
    /// One operation and its events
    Op(OpArgs),
    /// What changed in the last hours, against the moment something went wrong
    Suspects(SuspectsArgs),
    /// The post-mortem of an operation, as Markdown
    Report(ReportArgs),
    /// Judge recorded evidence again
    Judge(JudgeArgs),
    /// Print what an operation does until it is over
    Watch(WatchArgs),
    /// Wait until an operation is over
    Wait(WaitArgs),
    /// Stop an operation where it is
    Pause(SteerArgs),
    /// Go on after a pause, or check a hold again
    Resume(SteerArgs),
    /// Skip the rest of a soak, or pass a hold
    Promote(SteerArgs),
    /// Bring an unfinished deploy back to stable
    BackOut(SteerArgs),
    /// Pick up operations whose driver is gone
    Drive(DriveArgs),
    /// Releases that were stable, and marks on them
    Ledger(LedgerArgs),
    /// For a while nothing new goes forward in a fleet, or in any; a rollback does
    Freeze(FreezeArgs),
    /// Lift a freeze before it ends by itself
    Unfreeze(UnfreezeArgs),
    /// What works, what does not, and why
    Doctor(DoctorArgs),
    /// Recipes of images: whether one is right, and what a builder would be told
    #[command(subcommand)]
    Recipe(RecipeCommand),
    /// The keys of the screen
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The simulated cloud
    #[command(subcommand)]
    Sim(SimCommand),
    /// Completions for a shell: source them from its start-up file
    Completions(CompletionsArgs),
    /// The manual page, or that of a command: pipe it to man -l -
    Man(ManArgs),
}

/// Who does what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// The screen.
    Screen,
    /// This process becomes the driver of an operation.
    Driver(OperationId),
    /// The simulated cloud itself: [`super::commands::sim::run`].
    Sim(SimCommand),
    /// The key map: [`super::commands::keys::run`].
    Keys(KeysCommand),
    /// Evidence: [`super::commands::judge::run`].
    Judge(JudgeArgs),
    /// A recipe: [`super::commands::recipe::run`].
    Recipe(RecipeCommand),
    /// A command that asks the desk: [`super::run`].
    Ask(Command),
}

impl Invocation {
    /// Who does it.
    #[must_use]
    pub fn work(&self) -> Work {
        match &self.command {
            None => Work::Screen,
            Some(Command::Sim(command)) => Work::Sim(command.clone()),
            Some(Command::Keys(command)) => Work::Keys(command.clone()),
            Some(Command::Judge(args)) => Work::Judge(args.clone()),
            Some(Command::Recipe(command)) => Work::Recipe(command.clone()),
            Some(Command::Drive(DriveArgs { operation: Some(id), take_over: false, .. })) => Work::Driver(OperationId::new(id)),
            Some(command) => Work::Ask(command.clone()),
        }
    }
}

/// The end of a run that needs nothing but its arguments: help, the version, the manual, completions, or a mistake in them.
#[derive(Debug)]
pub struct Early {
    text: String,
    exit: Exit,
}

impl Early {
    fn answer(text: String) -> Self {
        Self { text, exit: Exit::Done }
    }

    /// Prints it where it belongs, and says how the run ends.
    pub fn report(&self, out: &mut Output) -> Exit {
        if self.exit == Exit::Done {
            out.text(&self.text);
        } else {
            out.notice(&self.text);
        }
        self.exit
    }
}

impl From<clap::Error> for Early {
    fn from(error: clap::Error) -> Self {
        let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
        Self { text: error.render().to_string(), exit }
    }
}

/// Reads this process's arguments, and what was asked for where this program is a forced command.
///
/// # Errors
/// Help, the version, or a mistake: to be reported, with its exit code.
pub fn parse() -> Result<Invocation, Early> {
    session(parse_from(std::env::args_os())?, std::env::var_os(ASKED))
}

/// A mistake in what was asked.
pub(super) fn mistake(kind: clap::error::ErrorKind, sentence: &str) -> Early {
    Invocation::command().error(kind, sentence).into()
}

/// Reads arguments; the first is the program's name.
///
/// # Errors
/// Help, the version, the manual, or a mistake: to be reported, with its exit code.
pub fn parse_from<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>) -> Result<Invocation, Early> {
    let invocation = Invocation::try_parse_from(arguments)?;
    match &invocation.command {
        Some(Command::Completions(args)) => return Err(Early::answer(completions(args))),
        Some(Command::Man(args)) => {
            let mistake = |sentence| Invocation::command().error(clap::error::ErrorKind::InvalidSubcommand, sentence);
            return Err(page(args).map_err(mistake).map_or_else(Early::from, Early::answer));
        }
        _ => {}
    }
    match invocation.global.contradiction() {
        Some(sentence) if !matches!(invocation.command, Some(Command::Sim(_))) => {
            Err(Invocation::command().error(clap::error::ErrorKind::ArgumentConflict, sentence).into())
        }
        _ => Ok(invocation),
    }
}

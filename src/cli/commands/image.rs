//! `qd image`: what is known of one image, and what people say of it.

use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::image_document::{ChangeDoc, ChannelsDoc, DoneDoc, StoryDoc};
use super::super::image_text::{channels_text, plan_text, story_text};
use super::super::options::reason;
use super::super::output::Output;
use super::act::may_change;
use crate::operation::image_log::Channel;
use crate::operation::image_plan::{ImageName, ImagePlan, ImageWish, WantedChange};
use crate::ports::desk::Records;

/// `qd image`.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum ImageCommand {
    /// Everything that is known of an image: stage, ledgers, channels, what it was made from and what from it
    Show(ShowArgs),
    /// Vouch for an image: from now on it counts as verified
    Verify(SayArgs),
    /// Let nobody deploy an image, nor anything made from it, and list what there is to do
    Block(SayArgs),
    /// Lift the block of an image
    Unblock(SayArgs),
    /// Point a channel of the image's application to it
    Promote(PromoteArgs),
    /// Keep an image: `qd gc` never removes it
    Pin(SayArgs),
    /// Take the pin of an image away
    Unpin(SayArgs),
    /// Where the channels point to, and where they pointed before
    Channels(ChannelsArgs),
}

/// Which image.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The image: its version or its id
    pub image: String,
    /// The application, where a version alone names several
    #[arg(long)]
    pub app: Option<String>,
}

/// `qd image show`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct ShowArgs {
    /// Which image
    #[command(flatten)]
    pub named: Named,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// How a change of an image is confirmed.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirm {
    /// Print what would be done and stop
    #[arg(long, conflicts_with = "yes")]
    pub plan: bool,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// `qd image verify`, `block`, `unblock`, `pin` and `unpin`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct SayArgs {
    /// Which image
    #[command(flatten)]
    pub named: Named,
    /// Why; recorded
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// How it is confirmed
    #[command(flatten)]
    pub confirm: Confirm,
}

/// `qd image promote`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct PromoteArgs {
    /// Which image
    #[command(flatten)]
    pub named: Named,
    /// The channel: dev, stage or prod
    #[arg(value_parser = channel)]
    pub channel: Channel,
    /// Why; recorded
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
    /// How it is confirmed
    #[command(flatten)]
    pub confirm: Confirm,
}

/// `qd image channels`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct ChannelsArgs {
    /// Only those of this application
    #[arg(long)]
    pub app: Option<String>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

fn channel(word: &str) -> Result<Channel, String> {
    Channel::ALL.into_iter().find(|channel| channel.word() == word).ok_or_else(|| "expected dev, stage or prod".to_owned())
}

impl Named {
    fn name(&self) -> ImageName {
        ImageName { wanted: self.image.clone(), app: self.app.clone() }
    }
}

/// Shows an image, or changes what is said of it.
pub(in super::super) async fn run(desk: &dyn Records, command: &ImageCommand, out: &mut Output) -> Result<Exit, Failure> {
    let (args, change) = match command {
        ImageCommand::Show(args) => return show(desk, args, out).await,
        ImageCommand::Channels(args) => return channels(desk, args, out),
        ImageCommand::Promote(args) => return promote(desk, args, out).await,
        ImageCommand::Verify(args) => (args, WantedChange::Verify),
        ImageCommand::Block(args) => (args, WantedChange::Block),
        ImageCommand::Unblock(args) => (args, WantedChange::Unblock),
        ImageCommand::Pin(args) => (args, WantedChange::Pin),
        ImageCommand::Unpin(args) => (args, WantedChange::Unpin),
    };
    let wish = ImageWish { name: args.named.name(), change, reason: Some(args.reason.as_str().into()) };
    say(desk, &wish, &args.confirm, out).await
}

async fn show(desk: &dyn Records, args: &ShowArgs, out: &mut Output) -> Result<Exit, Failure> {
    let story = desk.image_story(&args.named.name()).await?;
    if args.json {
        out.json(&StoryDoc::new(&story));
        return Ok(Exit::Done);
    }
    out.text(&story_text(&story, out.width()));
    for gap in &story.gaps {
        out.notice(&format!("not everything could be read: {gap}"));
    }
    Ok(Exit::Done)
}

async fn promote(desk: &dyn Records, args: &PromoteArgs, out: &mut Output) -> Result<Exit, Failure> {
    if args.channel == Channel::Prod && args.reason.is_none() && !args.confirm.plan {
        return Err(Failure::Usage("prod is moved with --reason TEXT: it is recorded".to_owned()));
    }
    let reason = args.reason.as_deref().map(Into::into);
    say(desk, &ImageWish { name: args.named.name(), change: WantedChange::Promote(args.channel), reason }, &args.confirm, out).await
}

async fn say(desk: &dyn Records, wish: &ImageWish, confirm: &Confirm, out: &mut Output) -> Result<Exit, Failure> {
    if !confirm.yes && !confirm.plan && !out.can_ask() {
        return Err(Failure::Usage("there is no terminal to ask on: `--yes` answers, `--plan` only shows".to_owned()));
    }
    let plan = desk.plan_image(wish).await?;
    let text = plan_text(&plan, out.width());
    match (confirm.plan, confirm.json) {
        (true, true) => out.json(&ChangeDoc::new(&plan)),
        (_, true) => out.notice(&text),
        (_, false) => out.text(&text),
    }
    if confirm.plan {
        return Ok(Exit::Done);
    }
    may_change(desk)?;
    let done = if plan.change.is_some() {
        if !confirm.yes && !confirmed(&plan, out) {
            out.notice("qd: not confirmed: nothing was changed");
            return Ok(Exit::Failed);
        }
        desk.change_image(&plan).await?
    } else {
        "nothing to do".to_owned()
    };
    if confirm.json {
        out.json(&DoneDoc { image: &plan.image.id, changed: plan.change.is_some(), text: &done });
    } else {
        out.text(&done);
    }
    Ok(Exit::Done)
}

fn confirmed(plan: &ImagePlan, out: &mut Output) -> bool {
    let word = plan.change.as_ref().map_or("change", |change| change.word());
    let question = format!("{word} {}? [y/N]", plan.image.named());
    out.ask(&question).is_some_and(|answer| matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn channels(desk: &dyn Records, args: &ChannelsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut moves = desk.channel_moves()?;
    moves.retain(|pointer| args.app.as_ref().is_none_or(|app| pointer.app.raw() == app));
    if args.json {
        out.json(&ChannelsDoc::new(&moves));
    } else {
        out.text(&channels_text(&moves, out.width()));
    }
    Ok(Exit::Done)
}

//! The question before anything is changed: as much of it as the plan's risk asks for.

use super::failure::Failure;
use super::options::ActOptions;
use super::output::Output;
use crate::domain::text::Untrusted;
use crate::operation::plan::{Friction, Plan};

/// What a person (or `--yes`) said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Consent {
    /// Why.
    pub reason: Option<Untrusted>,
    /// The fleet's name, where it was asked for.
    pub typed: Option<Untrusted>,
}

/// Nobody is there to ask, and `--yes` was not given.
pub(super) fn someone_must_answer(options: &ActOptions, out: &Output) -> Result<(), Failure> {
    if options.yes || options.plan || out.can_ask() {
        return Ok(());
    }
    Err(Failure::Usage("there is no terminal to ask on: `--yes` answers, `--plan` only shows".to_owned()))
}

/// Asks what the plan's risk asks for. None: the person said no.
pub(super) fn consent(plan: &Plan, options: &ActOptions, out: &mut Output) -> Result<Option<Consent>, Failure> {
    let Some(reason) = reason(plan, options, out)? else { return Ok(None) };
    let reason = Some(reason).filter(|reason| !reason.is_empty()).map(Untrusted::from);
    let name = plan.fleet.as_str();
    let typed = match &plan.friction {
        Friction::Typed { because } => {
            if !options.yes && !typed(out, name, because) {
                return Ok(None);
            }
            Some(Untrusted::from(name))
        }
        Friction::Confirm | Friction::Reason => {
            if !options.yes && !confirmed(plan, out) {
                return Ok(None);
            }
            None
        }
    };
    Ok(Some(Consent { reason, typed }))
}

/// A deploy in production says why; a rollback need not.
const fn needs_reason(plan: &Plan) -> bool {
    matches!(plan.friction, Friction::Reason) || plan.production && plan.kind.backs_out()
}

/// The reason, empty where none was given and none is needed; none if the person gave none although it is needed.
fn reason(plan: &Plan, options: &ActOptions, out: &mut Output) -> Result<Option<String>, Failure> {
    if let Some(reason) = &options.reason {
        return Ok(Some(reason.clone()));
    }
    if !needs_reason(plan) {
        return Ok(Some(String::new()));
    }
    if options.yes {
        return Err(Failure::Usage(format!("a {} in production needs --reason TEXT: it is recorded with the operation", plan.kind.word())));
    }
    Ok(out.ask("Reason:").filter(|reason| !reason.is_empty()))
}

fn confirmed(plan: &Plan, out: &mut Output) -> bool {
    let question = format!("{} {} to {}? [y/N]", capital(plan.kind.word()), plan.fleet, plan.to.label());
    out.ask(&question).is_some_and(|answer| matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The name typed exactly; once.
pub(super) fn typed(out: &mut Output, name: &str, because: &str) -> bool {
    out.notice(&format!("Careful: {because}."));
    let shown = Untrusted::from(name).shown();
    out.ask(&format!("Type {shown} to go on:")).is_some_and(|answer| answer == name)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

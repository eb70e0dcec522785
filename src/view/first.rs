//! What the main view shows while there is no fleet to show: what was found, what is missing, and how to get it; and how credentials come back.

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row};
use super::sources;
use super::text;
use super::theme::Tone;
use crate::app::commands::CommandId;
use crate::app::model::Model;
use crate::domain::text::escape;

/// Nothing is there to be shown, and that is known: nothing could be read, or nothing was found.
pub fn is_due(model: &Model) -> bool {
    match &model.estate {
        None => model.estate_problem.is_some(),
        Some(estate) => estate.value.fleets.is_empty(),
    }
}

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let inside = paint.boxed(area, "NO FLEET TO SHOW YET", "what was found, what is missing", true);
    let rows = rows(model, paint, usize::from(inside.width));
    paint.rows(inside, &rows);
}

/// The same in lines.
pub fn rows(model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let say = |text: &str, tone: Tone| -> Vec<Row> {
        let lines = text::wrap(&escape(text), columns.saturating_sub(2).max(10));
        lines.into_iter().map(|line| paint::toned(format!(" {line}"), tone)).collect()
    };
    let mut rows = match &model.estate_problem {
        Some(problem) => [say(&problem.text, Tone::Bad), say(&problem.hint, Tone::Strong)].concat(),
        None => say("The cloud answered, and no Auto Scaling group of this account and region can be seen.", Tone::Waits),
    };
    rows.push(Vec::new());
    rows.extend(sources::finding_rows(model, paint, columns));
    rows.push(Vec::new());
    if model.credentials_gone.is_some() {
        rows.extend(back_again(model).iter().flat_map(|line| say(line, Tone::Plain)));
    } else if model.estate_problem.is_none() {
        for line in [
            "Fleets are found by fleets.toml, by the tags qd:fleet and qd:slot, or by the shape of load balancers.",
            "Another account or region: qd --profile NAME --region REGION. What the role may read: qd doctor.",
            "To look around without any account: qd --sim",
        ] {
            rows.extend(say(line, Tone::Plain));
        }
    } else {
        rows.extend(say(&again(model), Tone::Plain));
        rows.extend(say("To look around without any account: qd --sim", Tone::Plain));
    }
    rows
}

/// How credentials come back, and what is off until then.
pub fn back_again(model: &Model) -> Vec<String> {
    let how = match sign_in_command(model) {
        Some(line) => format!("To go on: run  {line}  in another window."),
        None => "To go on: sign in again in another window.".to_owned(),
    };
    let off: Vec<String> = [CommandId::Deploy, CommandId::Rollback, CommandId::BackOut].map(|id| model.keymap.first(id)).into();
    vec![
        how,
        again(model),
        format!("{} and every other action are off until then. Drivers go on by themselves once they have credentials.", off.join(" ")),
    ]
}

fn sign_in_command(model: &Model) -> Option<&str> {
    model.sources.as_ref().and_then(|sources| sources.value.sign_in.as_deref())
}

/// How credentials come back, where there is one line for it.
pub fn sign_in(model: &Model) -> String {
    sign_in_command(model).map_or_else(|| "Sign in again in another window".to_owned(), str::to_owned)
}

fn again(model: &Model) -> String {
    format!("We look again every 5s, and at once on  {} . No restart is needed.", model.keymap.first(CommandId::Refresh))
}

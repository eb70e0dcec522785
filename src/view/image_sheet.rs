//! What the sheet that blocks an image says: what it reaches, the call that does it, and what there is to do then.

use super::paint::{self, Paint, Row};
use super::sheet_text::{refused, wrapped};
use super::theme::Tone;
use super::work;
use crate::app::image_sheet::{ImageOrder, ImagePlanState};
use crate::domain::text::escape;
use crate::operation::image_plan::ImagePlan;
use crate::operation::work_list::WorkList;

/// Everything above the keys.
pub fn rows(order: &ImageOrder, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut rows = match &order.state {
        ImagePlanState::Making => vec![paint::toned(format!(" Reading what {} reaches", escape(&order.label)), Tone::Working)],
        ImagePlanState::Failed(problem) => refused(problem, columns),
        ImagePlanState::Made(plan) => plan_rows(order, plan, paint, columns),
    };
    rows.extend(wrapped("command", &order.command(), Tone::Dim, columns));
    rows
}

fn plan_rows(order: &ImageOrder, plan: &ImagePlan, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let app = plan.image.app.as_ref().map(|app| format!("{} ", app.shown())).unwrap_or_default();
    let mut rows = vec![paint::toned(format!(" {} {app}{}", order.word(), plan.image.named()), Tone::Strong), Vec::new()];
    let effects: &[&str] = if order.lifts {
        &["it can be deployed again, and everything made from it that is not blocked itself"]
    } else {
        &["nobody deploys it nor anything made from it, and no rollback goes there", "what runs it goes on: no server is touched"]
    };
    for (at, effect) in effects.iter().enumerate() {
        rows.extend(wrapped(if at == 0 { "effect" } else { "" }, effect, Tone::Plain, columns));
    }
    rows.extend(plan.notes.iter().flat_map(|note| wrapped("note", note, Tone::Waits, columns)));
    rows.extend(plan.work.as_ref().map(|work| work_rows(work, paint, columns)).unwrap_or_default());
    let calls = plan.calls.iter().flat_map(|call| wrapped("call", &format!("{} {}", call.aws_name(), call.summary()), Tone::Dim, columns));
    rows.extend(calls);
    rows
}

/// What there is to do once it is blocked.
fn work_rows(list: &WorkList, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut rows = wrapped("reaches", &work::reach(list), Tone::Plain, columns);
    rows.extend(list.gaps.iter().flat_map(|gap| wrapped("unread", gap, Tone::Unknown, columns)));
    if list.fleets.is_empty() {
        rows.extend(wrapped("then", work::NOTHING, Tone::Good, columns));
        return rows;
    }
    rows.extend(wrapped("then", "there is this to do; once it is blocked, one key from each row to its deploy sheet", Tone::Plain, columns));
    rows.push(work::head(columns));
    rows.extend(list.fleets.iter().map(|one| work::row(one, false, paint, columns)));
    rows
}

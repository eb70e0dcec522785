//! `qd rollback FLEET FLEET…`: one plan and one operation a fleet, the fast ones first, and one answer for all.

use serde::Serialize;

use super::super::ask::someone_must_answer;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::follow::{Until, outcome};
use super::super::operation_document::OperationDoc;
use super::super::output::Output;
use super::super::plan_document::PlanDoc;
use super::super::table::Table;
use super::act::{RollbackArgs, may_change};
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::text::Untrusted;
use crate::operation::intent::Intent;
use crate::operation::plan::{Friction, Plan};
use crate::operation::record::OperationView;
use crate::operation::status::FleetStatus;
use crate::ports::desk::{DeskError, Records};
use crate::runtime::batch::{Order, Work, roll_back, together};

/// So many rollbacks are started at once unless told otherwise.
pub(super) const BATCH: u16 = 5;
/// How often the operations are looked at while they are followed.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

/// One fleet, from its plan to its end.
struct Line {
    fleet: FleetName,
    plan: Result<Plan, DeskError>,
    /// What became of it once it was confirmed.
    begun: Option<Result<OperationId, DeskError>>,
}

#[derive(Serialize)]
struct SeveralDoc<'a> {
    exit: u8,
    fleets: Vec<LineDoc<'a>>,
}

#[derive(Serialize)]
struct LineDoc<'a> {
    fleet: &'a FleetName,
    exit: u8,
    plan: Option<PlanDoc<'a>>,
    operation: Option<OperationDoc<'a>>,
    refusal: Option<RefusalDoc>,
}

#[derive(Serialize)]
struct RefusalDoc {
    reason: String,
    remedy: String,
}

/// Rolls them all back, or says for each why not.
pub(super) async fn several(desk: &dyn Records, args: &RollbackArgs, out: &mut Output) -> Result<Exit, Failure> {
    let options = &args.act;
    if args.to.is_some() || args.rehearse {
        return Err(Failure::Usage("--to and --rehearse are about one fleet".to_owned()));
    }
    someone_must_answer(options, out)?;
    let mut lines = planned(desk, &args.fleets).await;
    if !options.json && (options.plan || !options.yes) {
        out.text(&text(&lines));
    }
    if options.plan {
        return Ok(end(&lines, &[], options.json, out));
    }
    may_change(desk)?;
    if !options.yes && !confirmed(&lines, out) {
        out.notice("qd: not confirmed: nothing was changed");
        return Ok(Exit::Failed);
    }
    let orders = lines.iter().filter_map(|line| order(line, options.yes)).collect();
    let reason = options.reason.as_deref().map(Untrusted::from);
    let mut told: Vec<(FleetName, Result<OperationId, DeskError>)> = Vec::new();
    roll_back(desk, orders, usize::from(args.batch), reason, |fleet, result| told.push((fleet, result))).await;
    for (fleet, result) in told {
        if let Some(line) = lines.iter_mut().find(|line| line.fleet == fleet) {
            line.begun = Some(result);
        }
    }
    let views = if options.detach { looked_at(desk, &lines) } else { followed(desk, &lines, options.json, out).await };
    Ok(end(&lines, &views, options.json, out))
}

/// Every fleet's plan, the fleet in the worst state first; a fleet that is named twice counts once.
async fn planned(desk: &dyn Records, names: &[String]) -> Vec<Line> {
    let mut fleets: Vec<FleetName> = Vec::new();
    for name in names.iter().map(FleetName::new) {
        if !fleets.contains(&name) {
            fleets.push(name);
        }
    }
    let estate = desk.last_known().ok().flatten();
    let badness = |fleet: &FleetName| {
        let status = estate.as_ref().and_then(|estate| estate.fleets.iter().find(|status| status.spec.name == *fleet));
        std::cmp::Reverse(status.map_or(0, FleetStatus::badness))
    };
    fleets.sort_by_key(badness);
    let work = fleets.into_iter().map(|fleet| -> Work<'_, Line> {
        Box::pin(async move {
            let plan = desk.plan(&Intent::Rollback { fleet: fleet.clone(), to: None }).await;
            Line { fleet, plan, begun: None }
        })
    });
    together(work.collect()).await
}

fn text(lines: &[Line]) -> String {
    let mut table = Table::new(&["FLEET", "PATH", "FROM", "TO", "IN", "NOTE"]);
    for line in lines {
        match &line.plan {
            Ok(plan) => table.row([
                line.fleet.to_string(),
                plan.level.map_or("?", crate::operation::status::WayBackLevel::word).to_owned(),
                plan.from.label(),
                plan.to.label(),
                format!("~{}", plan.until_on_target()),
                note(plan),
            ]),
            Err(error) => table.row([line.fleet.to_string(), "-".to_owned(), "-".to_owned(), "-".to_owned(), "-".to_owned(), error.to_string()]),
        }
    }
    table.render(None)
}

fn note(plan: &Plan) -> String {
    match (&plan.friction, &plan.supersedes) {
        (Friction::Typed { because }, _) => format!("by itself only: {because}"),
        (_, Some(operation)) => format!("takes the wheel from {operation}"),
        _ => String::new(),
    }
}

/// What goes against advice is confirmed for its fleet alone.
fn is_plain(plan: &Plan) -> bool {
    !matches!(plan.friction, Friction::Typed { .. })
}

/// The number of fleets, typed.
fn confirmed(lines: &[Line], out: &mut Output) -> bool {
    let count = lines.iter().filter(|line| line.plan.as_ref().is_ok_and(is_plain)).count();
    if count == 0 {
        return false;
    }
    out.ask(&format!("Type {count} to roll back {count} fleets:")).is_some_and(|answer| answer == count.to_string())
}

fn order(line: &Line, everything: bool) -> Option<Order> {
    let plan = line.plan.as_ref().ok().filter(|plan| everything || is_plain(plan))?;
    Some(Order { intent: Intent::Rollback { fleet: line.fleet.clone(), to: None }, plan: plan.clone() })
}

fn looked_at(desk: &dyn Records, lines: &[Line]) -> Vec<OperationView> {
    lines.iter().filter_map(|line| desk.operation(line.begun.as_ref()?.as_ref().ok()?).ok()).collect()
}

/// Until every one has its traffic on the target, or will not get it there.
async fn followed(desk: &dyn Records, lines: &[Line], json: bool, out: &mut Output) -> Vec<OperationView> {
    let mut said: Vec<OperationId> = Vec::new();
    loop {
        let views = looked_at(desk, lines);
        for view in views.iter().filter(|view| outcome(view, Until::Goal).is_some()) {
            if !said.contains(&view.operation.id) {
                said.push(view.operation.id.clone());
                if !json {
                    out.text(&ended(view));
                }
            }
        }
        if said.len() == views.len() || out.is_closed() {
            return views;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            pressed = tokio::signal::ctrl_c() => {
                if pressed.is_ok() {
                    out.notice("they go on without us: `qd ops` lists them");
                    return views;
                }
            }
        }
    }
}

fn ended(view: &OperationView) -> String {
    let (id, plan) = (&view.operation.id, &view.operation.plan);
    match outcome(view, Until::Goal) {
        Some(Exit::Done) => format!("{}: traffic is on {} ({id})", plan.fleet, plan.to.label()),
        _ => format!("{}: {id} is {}: {}", plan.fleet, view.state().word(), view.progress.reason),
    }
}

/// Says what was refused, and ends as badly as the worst of them.
fn end(lines: &[Line], views: &[OperationView], json: bool, out: &mut Output) -> Exit {
    let exits: Vec<Exit> = lines.iter().map(|line| exit_of(line, views)).collect();
    let worst = exits.iter().copied().max_by_key(|exit| severity(*exit)).unwrap_or_default();
    if json {
        let docs = lines.iter().zip(&exits).map(|(line, exit)| line_doc(line, *exit, views));
        out.json(&SeveralDoc { exit: worst.code(), fleets: docs.collect() });
        return worst;
    }
    for line in lines {
        if let Some(error) = refused(line) {
            out.notice(&format!("qd: {}: {error}", line.fleet));
            out.notice(&format!("hint: {}", error.hint()));
        }
    }
    worst
}

fn refused(line: &Line) -> Option<&DeskError> {
    line.plan.as_ref().err().or_else(|| line.begun.as_ref()?.as_ref().err())
}

fn exit_of(line: &Line, views: &[OperationView]) -> Exit {
    match (refused(line), &line.begun) {
        (Some(DeskError::Refused(_)), _) => Exit::Refused,
        (Some(_), _) => Exit::Failed,
        (None, Some(Ok(id))) => views.iter().find(|view| view.operation.id == *id).and_then(|view| outcome(view, Until::Goal)).unwrap_or(Exit::Done),
        _ if line.plan.as_ref().is_ok_and(is_plain) => Exit::Done,
        _ => Exit::Refused,
    }
}

/// The worst comes last: nothing is worse than a rollback that failed.
const fn severity(exit: Exit) -> u8 {
    match exit {
        Exit::Done => 0,
        Exit::Superseded => 1,
        Exit::EndedBadly => 2,
        Exit::Refused => 3,
        Exit::NeedsHuman => 4,
        _ => 5,
    }
}

fn line_doc<'a>(line: &'a Line, exit: Exit, views: &'a [OperationView]) -> LineDoc<'a> {
    let id = line.begun.as_ref().and_then(|begun| begun.as_ref().ok());
    let refusal = refused(line).map(|error| RefusalDoc { reason: error.to_string(), remedy: error.hint().to_owned() });
    LineDoc {
        fleet: &line.fleet,
        exit: exit.code(),
        plan: line.plan.as_ref().ok().filter(|_| id.is_none()).map(PlanDoc::new),
        operation: views.iter().find(|view| Some(&view.operation.id) == id).map(OperationDoc::without_events),
        refusal,
    }
}

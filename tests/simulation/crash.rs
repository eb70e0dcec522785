//! The crash matrix: a driver is killed around every effect of every kind of operation, and what comes after it ends as it should, with
//! nothing lost and nothing done twice.

use std::collections::{BTreeSet, VecDeque};

use quarterdeck::domain::fleet::Strategy;
use quarterdeck::operation::command::CommandKind;
use quarterdeck::operation::event::{CallOutcome, Event, EventBody, OperationState};
use quarterdeck::operation::plan::OperationKind;

use crate::IS_WHOLE;
use crate::aimed::Want;
use crate::chance::Chance;
use crate::guarded::Guards;
use crate::person::Act;
use crate::process::{Point, Trap};
use crate::script::{API, Kind, LEGACY, SEARCH, SICK_LEGACY, SICK_SEARCH, Script, Swarm, WEB, WORKER};
use crate::shape::Shape;
use crate::sim::Sim;

/// Seconds after which somebody turns back what the cloud's engine is in the middle of.
const TURNED_AFTER: u64 = 150;

/// What is driven to its end, and which of its operations a driver dies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Canary,
    BlueGreen,
    BackOut,
    RollbackWarm,
    RollbackGrown,
    Retire,
    Attached,
    AttachedBackOut,
    AttachedRollback,
    AttachedRetire,
    Workers,
    WorkersRollback,
    WorkersRetire,
    Rolling,
    RollingBack,
    RollingRollback,
    RollingTurned,
    Recycle,
    RecycleCancelled,
}

impl Course {
    const ALL: [Self; 19] = [
        Self::Canary,
        Self::BlueGreen,
        Self::BackOut,
        Self::RollbackWarm,
        Self::RollbackGrown,
        Self::Retire,
        Self::Attached,
        Self::AttachedBackOut,
        Self::AttachedRollback,
        Self::AttachedRetire,
        Self::Workers,
        Self::WorkersRollback,
        Self::WorkersRetire,
        Self::Rolling,
        Self::RollingBack,
        Self::RollingRollback,
        Self::RollingTurned,
        Self::Recycle,
        Self::RecycleCancelled,
    ];

    const fn kind(self) -> OperationKind {
        match self {
            Self::Canary | Self::BlueGreen | Self::BackOut => OperationKind::Deploy,
            Self::Attached | Self::AttachedBackOut | Self::Workers | Self::Rolling | Self::RollingBack => OperationKind::Deploy,
            Self::RollbackWarm | Self::RollbackGrown => OperationKind::Rollback,
            Self::AttachedRollback | Self::WorkersRollback | Self::RollingRollback | Self::RollingTurned => OperationKind::Rollback,
            Self::Recycle | Self::RecycleCancelled => OperationKind::Recycle,
            Self::Retire | Self::AttachedRetire | Self::WorkersRetire => OperationKind::Retire,
        }
    }

    const fn ends(self) -> OperationState {
        match self {
            Self::BackOut | Self::AttachedBackOut | Self::RecycleCancelled => OperationState::BackedOut,
            Self::RollingBack => OperationState::RolledBack,
            _ => OperationState::Succeeded,
        }
    }

    fn sim(self) -> Sim {
        let (shape, fleet, images): (_, _, &[(&str, Kind)]) = match self {
            Self::BackOut => (Shape::Weighted, "web-prod", &WEB[2..3]),
            Self::Canary | Self::BlueGreen | Self::RollbackWarm | Self::RollbackGrown | Self::Retire => (Shape::Weighted, "api-prod", &API[..1]),
            Self::AttachedBackOut => (Shape::Attached, "search-prod", &SICK_SEARCH[1..]),
            Self::Attached | Self::AttachedRollback | Self::AttachedRetire => (Shape::Attached, "search-prod", &SEARCH[..1]),
            Self::Workers | Self::WorkersRollback | Self::WorkersRetire => (Shape::Workers, "worker-prod", &WORKER[..1]),
            Self::RollingBack => (Shape::OneGroup, "legacy-prod", &SICK_LEGACY),
            Self::Rolling | Self::RollingRollback | Self::RollingTurned | Self::Recycle | Self::RecycleCancelled => {
                (Shape::OneGroup, "legacy-prod", &LEGACY)
            }
        };
        // Where nobody can judge, a canary would wait for a person.
        let judged = shape == Shape::Weighted;
        let strategy = if judged && self != Self::BlueGreen { Strategy::Canary } else { Strategy::BlueGreen };
        let strategy = if shape == Shape::OneGroup { Strategy::Rolling } else { strategy };
        let recycles = matches!(self, Self::Recycle | Self::RecycleCancelled);
        let wants = if recycles { VecDeque::from([(Want::Recycle, true)]) } else { VecDeque::new() };
        let (operations, swarm) = (1, Swarm::default());
        Sim::with(
            11,
            Chance::new(11),
            Script {
                shape,
                fleet,
                images,
                strategy,
                judged,
                promotes: false,
                recycles,
                guards: Guards::default(),
                database: None,
                operations,
                swarm,
                course: crate::aimed::Course { wants, ..crate::aimed::Course::default() },
            },
        )
    }

    /// The call it is there for, besides those of every operation.
    const fn turns_by(self) -> Option<&'static str> {
        match self {
            Self::RollingTurned => Some("RollbackInstanceRefresh"),
            Self::RecycleCancelled => Some("CancelInstanceRefresh"),
            _ => None,
        }
    }

    /// Runs it, with `trap` laid for the operation that it is about.
    fn run(self, trap: Option<(u64, Point)>) -> Result<Sim, String> {
        let mut sim = self.sim();
        sim.lay_at = Some(self.kind()).zip(trap.map(|(call_no, point)| Trap::KillAt(Some(call_no), point)));
        let (rolls_back, later) = match self {
            Self::RollbackWarm | Self::AttachedRollback | Self::WorkersRollback | Self::RollingRollback => (true, 60),
            Self::RollbackGrown => (true, 9_000),
            _ => (false, 0),
        };
        sim.roll_back_after = rolls_back.then_some(later);
        match self {
            Self::RollingTurned => sim.plan_act(Act::RollBack, TURNED_AFTER, TURNED_AFTER),
            Self::RecycleCancelled => sim.plan_act(Act::Command(CommandKind::BackOut), TURNED_AFTER, TURNED_AFTER),
            _ => {}
        }
        sim.run()?;
        Ok(sim)
    }
}

/// How many calls the operation makes that it is about.
fn calls(sim: &Sim, kind: OperationKind) -> u64 {
    let of_kind = |record: &&crate::store::Record| record.kind() == kind;
    sim.store.records.iter().rfind(of_kind).map_or(0, |record| record.progress.calls.intended)
}

fn check(course: Course, sim: &Sim, cell: &str) {
    let record = sim.store.records.iter().rfind(|record| record.kind() == course.kind()).expect(cell);
    assert_eq!(record.progress.state, course.ends(), "{cell}: {}", record.progress.reason);
    let made = |event: &Event| match &event.body {
        EventBody::CallEnded { outcome: CallOutcome::Accepted(reply), .. } => reply.template_version,
        _ => None,
    };
    let numbers: BTreeSet<u64> = record.events.iter().filter_map(made).collect();
    assert!(numbers.len() <= 1, "{cell}: two template versions were made");
}

#[test]
fn a_driver_may_die_around_every_effect_of_every_operation() {
    let (mut cells, mut left_out, mut died) = (0, 0, 0);
    for (nth_course, course) in Course::ALL.into_iter().enumerate() {
        let undisturbed = course.run(None).unwrap_or_else(|broke| panic!("{course:?}: {broke}"));
        check(course, &undisturbed, &format!("{course:?}"));
        let turned = course.turns_by().is_none_or(|call| undisturbed.totals.get(&format!("call {call}")) == 1);
        assert!(turned, "{course:?} does not make its call");
        let calls = calls(&undisturbed, course.kind());
        assert!(calls >= 2, "{course:?} makes {calls} calls");
        for call_no in 0..calls {
            for (nth, point) in Point::ALL.into_iter().enumerate() {
                if !IS_WHOLE && !(nth_course + call_no as usize + nth).is_multiple_of(Point::ALL.len()) {
                    left_out += 1;
                    continue;
                }
                let cell = format!("{course:?}, call {call_no}, {point:?}");
                let sim = course.run(Some((call_no, point))).unwrap_or_else(|broke| panic!("{cell}: {broke}"));
                check(course, &sim, &cell);
                died += sim.totals.get("fault killed");
                cells += 1;
            }
        }
    }
    println!("{cells} cells of the crash matrix, {died} drivers died, {left_out} cells are left to an optimised build");
    assert_eq!(died, cells, "every cell kills its driver");
}

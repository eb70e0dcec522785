//! The crash matrix: a driver is killed around every effect of every kind of operation, and what comes after it ends as it should, with
//! nothing lost and nothing done twice.

use std::collections::BTreeSet;

use quarterdeck::domain::fleet::Strategy;
use quarterdeck::operation::event::{CallOutcome, Event, EventBody, OperationState};
use quarterdeck::operation::plan::OperationKind;

use crate::chance::Chance;
use crate::process::{Point, Trap};
use crate::script::{API, Kind, Script, Swarm, WEB};
use crate::sim::Sim;

/// What is driven to its end, and which of its operations a driver dies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Canary,
    BlueGreen,
    BackOut,
    RollbackWarm,
    RollbackGrown,
    Retire,
}

impl Course {
    const ALL: [Self; 6] = [Self::Canary, Self::BlueGreen, Self::BackOut, Self::RollbackWarm, Self::RollbackGrown, Self::Retire];

    const fn kind(self) -> OperationKind {
        match self {
            Self::Canary | Self::BlueGreen | Self::BackOut => OperationKind::Deploy,
            Self::RollbackWarm | Self::RollbackGrown => OperationKind::Rollback,
            Self::Retire => OperationKind::Retire,
        }
    }

    const fn ends(self) -> OperationState {
        match self {
            Self::BackOut => OperationState::BackedOut,
            _ => OperationState::Succeeded,
        }
    }

    fn sim(self) -> Sim {
        let (fleet, images): (_, &[(&str, Kind)]) = if self == Self::BackOut { ("web-prod", &WEB[2..3]) } else { ("api-prod", &API[..1]) };
        let strategy = if self == Self::BlueGreen { Strategy::BlueGreen } else { Strategy::Canary };
        let script =
            Script { fleet, images, strategy, judged: true, operations: 1, swarm: Swarm::default(), course: crate::aimed::Course::default() };
        Sim::with(11, Chance::new(11), script)
    }

    /// Runs it, with `trap` laid for the operation that it is about.
    fn run(self, trap: Option<(u64, Point)>) -> Result<Sim, String> {
        let mut sim = self.sim();
        sim.lay_at = Some(self.kind()).zip(trap.map(|(call_no, point)| Trap::KillAt(Some(call_no), point)));
        let (rolls_back, later) = match self {
            Self::RollbackWarm => (true, 60),
            Self::RollbackGrown => (true, 9_000),
            _ => (false, 0),
        };
        sim.roll_back_after = rolls_back.then_some(later);
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
    let (mut cells, mut died) = (0, 0);
    for course in Course::ALL {
        let undisturbed = course.run(None).unwrap_or_else(|broke| panic!("{course:?}: {broke}"));
        check(course, &undisturbed, &format!("{course:?}"));
        let calls = calls(&undisturbed, course.kind());
        assert!(calls >= 2, "{course:?} makes {calls} calls");
        for call_no in 0..calls {
            for point in Point::ALL {
                let cell = format!("{course:?}, call {call_no}, {point:?}");
                let sim = course.run(Some((call_no, point))).unwrap_or_else(|broke| panic!("{cell}: {broke}"));
                check(course, &sim, &cell);
                died += sim.totals.get("fault killed");
                cells += 1;
            }
        }
    }
    println!("{cells} cells of the crash matrix, {died} drivers died");
    assert_eq!(died, cells, "every cell kills its driver");
}

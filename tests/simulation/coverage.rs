//! Which fault struck in which phase: the table names every cell, and a long run has to hit each of them.

use std::sync::LazyLock;

use crate::fault::{Fault, Phase};
use crate::totals::Totals;

const TABLE: &str = include_str!("coverage.txt");

/// One line of the table: a fault, and for each phase whether it can strike there.
struct Line {
    fault: &'static str,
    cells: Vec<(&'static str, bool)>,
}

fn table() -> Vec<Line> {
    let mut phases = Vec::new();
    let mut lines = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        if let Some(phase) = line.strip_prefix("phase ") {
            phases.push(phase.trim());
            continue;
        }
        let (fault, cells) = line.split_once(char::is_whitespace).expect("a fault and its cells");
        let marks: Vec<char> = cells.trim().chars().collect();
        assert_eq!(marks.len(), phases.len(), "coverage.txt: {fault} has a mark for each phase");
        lines.push(Line { fault, cells: phases.iter().copied().zip(marks.iter().map(|mark| *mark == '+')).collect() });
    }
    lines
}

/// Cells that can be hit, in order.
pub fn cells() -> &'static [(Fault, Phase)] {
    static CELLS: LazyLock<Vec<(Fault, Phase)>> = LazyLock::new(|| {
        let lines = Fault::ALL.iter().zip(table());
        let of_line = |(fault, line): (&Fault, Line)| {
            let cells = Phase::ALL.iter().zip(line.cells).filter(|(_, (_, can))| *can);
            cells.map(|(phase, _)| (*fault, *phase)).collect::<Vec<_>>()
        };
        lines.flat_map(of_line).collect()
    });
    &CELLS
}

/// Cells that can be hit and were not.
pub fn never_hit(totals: &Totals) -> Vec<String> {
    let cells = table().into_iter().flat_map(|line| line.cells.into_iter().filter(|(_, can)| *can).map(move |(phase, _)| (line.fault, phase)));
    cells.filter(|(fault, phase)| totals.get(&format!("cell {fault} {phase}")) == 0).map(|(fault, phase)| format!("{fault} in {phase}")).collect()
}

/// The table as this run filled it: how often each fault struck in each phase.
pub fn summary(totals: &Totals, never: &[String]) -> String {
    let cells = table().iter().flat_map(|line| &line.cells).filter(|(_, can)| *can).count();
    let phases: String = (1..).zip(Phase::ALL).map(|(nth, phase)| format!("{nth} {phase}, ")).collect();
    let numbers: String = (1..=Phase::ALL.len()).map(|nth| format!("{nth:>7}")).collect();
    let row = |fault: &Fault| {
        let counts: String = Phase::ALL.iter().map(|phase| format!("{:>7}", totals.get(&format!("cell {fault} {phase}")))).collect();
        format!("{:<18}{counts}\n", fault.word())
    };
    let rows: String = Fault::ALL.iter().map(row).collect();
    format!("{phases}\n{:<18}{numbers}\n{rows}fault x phase: {} of the {cells} cells of coverage.txt were hit", "fault x phase", cells - never.len())
}

#[test]
fn the_table_names_every_fault_and_every_phase() {
    let lines = table();
    let faults: Vec<&str> = lines.iter().map(|line| line.fault).collect();
    assert_eq!(faults, Fault::ALL.iter().map(|fault| fault.word()).collect::<Vec<_>>());
    let phases: Vec<&str> = lines[0].cells.iter().map(|(phase, _)| *phase).collect();
    assert_eq!(phases, Phase::ALL.iter().map(|phase| phase.word()).collect::<Vec<_>>());
}

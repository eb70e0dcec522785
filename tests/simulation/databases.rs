//! Many seeds of fleets with a database: each has an owner with programs for it, and S16 and migrations are what they are after.

use crate::shape::Shape;
use crate::{Harvest, IS_WHOLE, Kind, Start, number, run_many, run_one};

/// How many seeds are run unless `QD_SIM_DATABASE_SEEDS` says otherwise.
const SEEDS: u64 = if IS_WHOLE { 300 } else { 60 };
/// Seeds that once found something.
const PERMANENT: [u64; 48] = [
    349, 720, 1_017, 1_145, 1_209, 1_454, 1_653, 1_705, 1_960, 2_431, 2_935, 3_117, 4_021, 4_666, 4_675, 4_680, 5_048, 5_565, 5_599, 5_942, 6_170,
    6_234, 6_506, 6_540, 6_576, 7_012, 7_337, 7_529, 7_695, 8_111, 8_308, 8_440, 8_525, 8_609, 8_701, 8_704, 8_774, 9_051, 10_533, 10_905, 11_284,
    11_890, 11_997, 13_086, 13_438, 13_500, 13_770, 14_565,
];

fn start(seed: u64) -> Start {
    let shapes = [Shape::Weighted, Shape::Guarded, Shape::Attached, Shape::Workers, Shape::OneGroup];
    Start { kind: Kind::Database, ..Start::drawn(shapes[(seed % 5) as usize], seed) }
}

#[test]
fn fleets_with_a_database_break_no_invariant() {
    if let Some(seed) = number("QD_SIM_SEED") {
        return run_one(start(seed));
    }
    let count = number("QD_SIM_DATABASE_SEEDS").unwrap_or(SEEDS);
    let permanent: Vec<Start> = PERMANENT.into_iter().map(start).collect();
    let first = number("QD_SIM_FIRST").unwrap_or(1);
    let harvest = run_many(&permanent, |nth| (nth < count).then(|| start(first + nth)));
    let Harvest { totals, .. } = &harvest;
    println!("{}", totals.without("cell "));
    harvest.is_clean();
    for reached in ["migration succeeds", "migration fails", "driver died in a migration", "the schema is not told"] {
        assert!(totals.get(reached) > 0, "never happened: {reached}");
    }
}

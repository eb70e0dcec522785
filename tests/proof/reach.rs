//! S5: from every state that can be reached the way back leads to stable, within its bound.

use std::time::Instant;

use quarterdeck::domain::fleet::Strategy;
use quarterdeck::operation::command::Who;

use crate::search::Search;
use crate::stage::{Fate, Stage};

fn started(mut stage: Stage, image: &str, strategy: Strategy) -> Stage {
    let plan = stage.deploy(image, strategy).unwrap();
    stage.confirm(plan, &Who::default()).unwrap();
    stage
}

fn to_rest(mut stage: Stage) -> Stage {
    while let Some(at) = stage.book.active() {
        stage.turn(at, Fate::Well).unwrap();
    }
    stage
}

#[test]
fn rollback_reaches_stable_from_every_reachable_state() {
    let began = Instant::now();
    let mut search = Search::default();
    for servers in 1..=4 {
        for strategy in [Strategy::Canary, Strategy::BlueGreen] {
            let faults = 1;
            search.explore(started(Stage::new(servers, &[10, 50, 100]), "2.14.0", strategy), faults);
            println!("{servers} {strategy:?}: {} states, {:?}", search.states(), began.elapsed());
        }
    }
    println!("{:#?} {:#?} {:?}", search.phases, search.endings, search.longest);
    let _ = to_rest;
}

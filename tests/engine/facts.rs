//! What a plan is made from, for a fleet of a simulated world.

use quarterdeck::domain::fleet::FleetSpec;
use quarterdeck::domain::observation::FleetObservation;
use quarterdeck::domain::schema::LiveSchema;
use quarterdeck::operation::damage::FleetDamage;
use quarterdeck::operation::history::FleetHistory;
use quarterdeck::operation::ledger::LedgerEntry;
use quarterdeck::operation::record::OperationView;
use quarterdeck::plan::{Facts, ReleaseTemplate, Setting};
use quarterdeck::world::World;

/// What `make` makes of the fleet as it is seen, with this ledger and these operations, newest first.
pub fn with_facts<T>(
    world: &World,
    (spec, seen): (&FleetSpec, &FleetObservation),
    (ledger, operations): (&[LedgerEntry], &[OperationView]),
    make: impl FnOnce(Facts<'_>) -> T,
) -> T {
    let setting = Setting { build: "test".to_owned(), store: "here".to_owned(), time_scale: 1, judged: true };
    make(Facts {
        setting: &setting,
        identity: &world.identity(),
        spec,
        seen,
        images: &world.images(),
        images_missing: None,
        ledger,
        operations,
        damage: &FleetDamage::default(),
        live_template: None,
        other_template: None,
        release_template: ReleaseTemplate::NotRead,
        target_groups: Vec::new(),
        policies: Some(Vec::new()),
        history: FleetHistory::default(),
        freezes: &[],
        live_schema: LiveSchema::default(),
        now: world.now(),
    })
}

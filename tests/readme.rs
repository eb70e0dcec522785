//! The README says what the program does: its key table is the program's own.

use quarterdeck::app::keymap::Keymap;

#[test]
fn the_key_table_is_the_one_the_program_reads() {
    let (readme, table) = (std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap(), Keymap::default().table());
    assert!(readme.contains(&table), "README.md: put the output of `qd keys print` there:\n{table}");
}

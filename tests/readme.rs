//! The README says what the program does: its key table is the program's own.

use quarterdeck::app::commands::COMMANDS;

fn table() -> String {
    COMMANDS.iter().map(|command| format!("| `{}` | {} |\n", command.shown, command.about)).collect()
}

#[test]
fn the_key_table_is_the_one_the_program_reads() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    assert!(readme.contains(&table()), "README.md: put this under '| key | does |':\n{}", table());
}

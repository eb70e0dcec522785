//! `qd keys`: which keys of the screen do what.

use super::super::exit::Exit;
use super::super::output::Output;
use crate::app::keymap::Keymap;

/// `qd keys`.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum KeysCommand {
    /// Print them with what they do
    Print {
        /// As a keymap.toml, with the name of each command
        #[arg(long)]
        toml: bool,
    },
}

/// Prints the keys.
pub fn run(keymap: &Keymap, command: &KeysCommand, out: &mut Output) -> Exit {
    let KeysCommand::Print { toml } = command;
    let text = if *toml { keymap.file() } else { keymap.table() };
    out.text(text.trim_end());
    Exit::Done
}

//! What the arguments themselves say: completions for a shell, and manual pages.

use clap::CommandFactory;

use super::parse::Invocation;

/// `qd completions`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `qd man`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct ManArgs {
    /// The command whose page it is; none for the page of qd itself
    pub command: Option<String>,
}

/// The completions of a shell, to be sourced by it.
#[must_use]
pub fn completions(args: &CompletionsArgs) -> String {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Invocation::command(), "qd", &mut script);
    text(script)
}

/// A manual page, as roff.
///
/// # Errors
/// There is no such command: the sentence.
pub fn page(args: &ManArgs) -> Result<String, String> {
    let mut program = Invocation::command();
    program.build();
    let command = match &args.command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            found.ok_or_else(|| format!("there is no command `{name}`; `qd --help` lists them all"))?
        }
    };
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(command).render(&mut page);
    Ok(text(page))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

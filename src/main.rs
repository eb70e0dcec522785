//! The program: parse, wire, run, exit code.

use std::process::ExitCode;

use quarterdeck::cli::{self, Output};
use quarterdeck::runtime::run::run;
use quarterdeck::terminal::install_panic_hook;

fn main() -> ExitCode {
    install_panic_hook();
    let mut out = Output::standard();
    match cli::parse() {
        Ok(invocation) => run(invocation, &mut out).into(),
        Err(early) => early.report(&mut out).into(),
    }
}

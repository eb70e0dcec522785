//! The program: parse, wire, run, exit code.

use std::process::ExitCode;

use quarterdeck::cli::{self, Output};
use quarterdeck::runtime::run::run;

fn main() -> ExitCode {
    let mut out = Output::standard();
    match cli::parse() {
        Ok(invocation) => run(invocation, &mut out).into(),
        Err(early) => early.report(&mut out).into(),
    }
}

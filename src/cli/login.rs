//! `qd` as all there is behind a login: sshd's `ForceCommand` runs it for every session, and leaves what the person asked for in
//! `SSH_ORIGINAL_COMMAND`. Nothing asked for is the screen; words are a command line, split as a shell would and seen by no shell.

use std::ffi::OsString;

use clap::error::ErrorKind;

use super::options::GlobalOptions;
use super::parse::{Command, Early, Invocation, mistake, parse_from};

/// What sshd calls what the person asked for.
pub(super) const ASKED: &str = "SSH_ORIGINAL_COMMAND";

/// What is run for a session whose forced command is `forced`, when the person asked for `asked`. A forced command that names a command of
/// its own is all that is run, whatever else was asked for.
pub(super) fn session(forced: Invocation, asked: Option<OsString>) -> Result<Invocation, Early> {
    let Some(asked) = asked.filter(|_| forced.command.is_none()) else { return Ok(forced) };
    let words = asked.to_str().and_then(shlex::split).ok_or_else(|| mistake(ErrorKind::InvalidValue, "the quotes of the command do not match"))?;
    let mut invocation = parse_from(std::iter::once("qd".to_owned()).chain(words))?;
    if let Some(option) = off_limits(&invocation) {
        return Err(mistake(
            ErrorKind::UnknownArgument,
            &format!("{option} is not for a login: whoever set it up decides which files and endpoints are used"),
        ));
    }
    fill_in(&mut invocation.global, forced.global);
    Ok(invocation)
}

/// A command or an option that names a file or an endpoint.
fn off_limits(invocation: &Invocation) -> Option<&'static str> {
    let asked = &invocation.global;
    let named = [
        ("--config", asked.config.is_some()),
        ("--state-dir", asked.state_dir.is_some()),
        ("--endpoint-url", asked.endpoint_url.is_some()),
        ("--profile", asked.profile.is_some()),
        ("recipe", matches!(invocation.command, Some(Command::Recipe(_)))),
    ];
    named.into_iter().find(|(_, is_set)| *is_set).map(|(name, _)| name)
}

/// What the forced command says holds; the person's own words fill the rest.
fn fill_in(asked: &mut GlobalOptions, forced: GlobalOptions) {
    let own = std::mem::take(asked);
    *asked = GlobalOptions {
        sim: forced.sim.or(own.sim),
        sim_speed: forced.sim_speed.or(own.sim_speed),
        profile: forced.profile,
        region: forced.region.or(own.region),
        endpoint_url: forced.endpoint_url,
        config: forced.config,
        state_dir: forced.state_dir,
        read_only: forced.read_only || own.read_only,
        plain: forced.plain || own.plain,
        ascii: forced.ascii || own.ascii,
        no_color: forced.no_color || own.no_color,
    };
}

#[cfg(test)]
mod tests {
    use super::super::{Exit, Output, Work};
    use super::*;

    fn login(forced: &str, asked: Option<&str>) -> Result<Invocation, Early> {
        let forced = parse_from(std::iter::once("qd").chain(forced.split_whitespace())).unwrap();
        session(forced, asked.map(OsString::from))
    }

    #[test]
    fn nothing_asked_for_is_the_screen_and_words_are_a_command_line() {
        assert_eq!(login("--sim", None).unwrap().work(), Work::Screen);
        let asked = login("--sim --state-dir /s --read-only", Some("--ascii fleet 'web prod; rm -rf /'")).unwrap();
        let Some(Command::Fleet(fleet)) = &asked.command else { panic!("{asked:?}") };
        assert_eq!(fleet.name.as_deref(), Some("web prod; rm -rf /"), "one word, as it is");
        assert!(asked.global.sim.is_some() && asked.global.read_only && asked.global.ascii && asked.global.state_dir.is_some());
    }

    #[test]
    fn a_forced_command_with_a_command_of_its_own_is_all_there_is() {
        assert_eq!(login("--sim ops", Some("fleets")).unwrap(), login("--sim ops", None).unwrap());
    }

    #[test]
    fn files_endpoints_and_odd_quotes_are_refused() {
        for asked in [
            "fleets --config /etc/shadow",
            "--state-dir=/tmp fleets",
            "fleets --endpoint-url http://h",
            "--profile other",
            "recipe check /etc/shadow",
            "fleet 'web",
            "sh",
            "fleets; sh",
        ] {
            let early = login("", Some(asked)).unwrap_err();
            let exit = early.report(&mut Output::new(Box::new(std::io::sink()), Box::new(std::io::sink()), None, None));
            assert_eq!(exit, Exit::Usage, "{asked}");
        }
    }
}

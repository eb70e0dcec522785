//! Copying to the clipboard of whoever sits in front of the terminal, also over SSH: OSC 52.
//!
//! No terminal says whether it did, so what is copied is kept in a file as well; whoever copies says where.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What some terminals take at most; what is longer is only in the file.
const LONGEST: usize = 74_994;
/// What screen takes in one piece.
const SCREEN_PIECE: usize = 256;

/// What carries the text through this terminal, and whatever multiplexer it runs in; none where it is too long.
#[must_use]
pub fn sequence(text: &str) -> Option<Vec<u8>> {
    through(text, |name| std::env::var(name).ok())
}

fn through(text: &str, env: impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let encoded = STANDARD.encode(text);
    let term = env("TERM").unwrap_or_default();
    if encoded.len() > LONGEST || term == "dumb" || term == "linux" {
        return None;
    }
    let plain = format!("\x1b]52;c;{encoded}\x07");
    let is_set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
    let sent = if is_set("TMUX") {
        // tmux takes it itself with `set-clipboard on`, and lets it through with `allow-passthrough on`.
        format!("{plain}\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b"))
    } else if is_set("STY") {
        plain.as_bytes().chunks(SCREEN_PIECE).map(|piece| format!("\x1bP{}\x1b\\", String::from_utf8_lossy(piece))).collect()
    } else {
        plain
    };
    Some(sent.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(pairs: &[(&str, &str)]) -> Option<String> {
        let env = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        through("qd ops", env).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn it_reaches_the_terminal_through_multiplexers() {
        assert_eq!(within(&[("TERM", "xterm")]).unwrap(), "\x1b]52;c;cWQgb3Bz\x07");
        assert_eq!(within(&[("TERM", "tmux"), ("TMUX", "/tmp/x")]).unwrap(), "\x1b]52;c;cWQgb3Bz\x07\x1bPtmux;\x1b\x1b]52;c;cWQgb3Bz\x07\x1b\\");
        assert_eq!(within(&[("TERM", "screen"), ("STY", "1.tty")]).unwrap(), "\x1bP\x1b]52;c;cWQgb3Bz\x07\x1b\\");
        assert_eq!(within(&[("TERM", "linux")]), None, "it has no clipboard");
        assert_eq!(through(&"x".repeat(60_000), |_| None), None, "too long for a terminal");
    }
}

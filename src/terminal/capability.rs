//! What the terminal can do, from the few things it says about itself.

use crate::app::colours::Palette;
use crate::app::model::{Colours, Look};

/// Reads the environment's words for it.
#[must_use]
pub fn look(ascii: bool, no_color: bool) -> Look {
    look_from(ascii, no_color, |name| std::env::var(name).ok())
}

/// Frames caused by data are capped lower over SSH.
#[must_use]
pub fn is_remote() -> bool {
    std::env::var_os("SSH_CONNECTION").is_some()
}

fn look_from(ascii: bool, no_color: bool, env: impl Fn(&str) -> Option<String>) -> Look {
    let term = env("TERM").unwrap_or_default();
    let dumb = term == "dumb" || term.is_empty();
    let refused = no_color || dumb || env("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = if refused { Colours::None } else { colours(&term, &env) };
    Look { ascii: ascii || dumb || !speaks_utf8(&env), colours, palette: Palette::of(is_light(&env)) }
}

fn colours(term: &str, env: &impl Fn(&str) -> Option<String>) -> Colours {
    if env("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit") || term.ends_with("-direct") {
        return Colours::True;
    }
    if term.contains("256color") { Colours::Many } else { Colours::Sixteen }
}

/// Some terminals say what they draw with, the background last; one of the two whites is light.
fn is_light(env: &impl Fn(&str) -> Option<String>) -> bool {
    env("COLORFGBG").is_some_and(|said| matches!(said.rsplit(';').next(), Some("7" | "15")))
}

/// A locale that names another encoding, or the C locale, gets ASCII; one that says nothing is taken for UTF-8.
fn speaks_utf8(env: &impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let Some(locale) = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")) else { return true };
    let lower = locale.to_lowercase();
    lower.contains("utf-8") || lower.contains("utf8") || !(lower.contains('.') || lower == "c" || lower == "posix")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Look {
        look_from(false, false, |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn colour_is_taken_down_the_ladder() {
        assert_eq!(with(&[("TERM", "xterm-256color")]).colours, Colours::Many);
        assert_eq!(with(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]).colours, Colours::True);
        assert_eq!(with(&[("TERM", "xterm")]).colours, Colours::Sixteen);
        assert_eq!(with(&[("TERM", "xterm"), ("NO_COLOR", "1")]).colours, Colours::None);
        assert_eq!(with(&[("TERM", "dumb")]), Look { ascii: true, colours: Colours::None, ..Look::default() });
    }

    #[test]
    fn a_light_background_is_noticed_where_the_terminal_says_so() {
        assert_eq!(with(&[("TERM", "xterm"), ("COLORFGBG", "0;default;15")]).palette, Palette::LIGHT);
        assert_eq!(with(&[("TERM", "xterm"), ("COLORFGBG", "15;0")]).palette, Palette::DARK);
    }

    #[test]
    fn glyphs_need_a_locale_that_has_them() {
        assert!(!with(&[("TERM", "xterm"), ("LANG", "de_DE.UTF-8")]).ascii);
        assert!(!with(&[("TERM", "xterm")]).ascii);
        assert!(with(&[("TERM", "xterm"), ("LANG", "de_DE.ISO-8859-1")]).ascii);
        assert!(with(&[("TERM", "xterm"), ("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).ascii);
    }
}

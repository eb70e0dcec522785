//! What colours mean. A tone never says anything that shape or word do not say too.

use ratatui::style::{Color, Modifier, Style};

use crate::app::colours::{Hue, Palette};
use crate::app::model::{Colours, Look};

/// What a piece of text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Text.
    #[default]
    Plain,
    /// Less important.
    Dim,
    /// More important.
    Strong,
    /// As it should be.
    Good,
    /// Under way.
    Working,
    /// Waits for a person.
    Waits,
    /// Bad.
    Bad,
    /// Unknown.
    Unknown,
    /// A key to press.
    Key,
    /// The row under the cursor.
    Cursor,
    /// The production banner.
    Banner,
}

/// The style of a tone at a rung of the colour ladder.
pub fn style(tone: Tone, look: Look) -> Style {
    let hue = hue(tone, &look.palette).filter(|_| look.colours != Colours::None);
    hue.map_or_else(|| plain(tone), |hue| plain(tone).fg(rung(hue, look.colours)))
}

fn rung(hue: Hue, colours: Colours) -> Color {
    match colours {
        Colours::None | Colours::Sixteen => basic(hue.basic),
        Colours::True if !hue.is_among_256() => Color::Rgb(hue.rgb.0, hue.rgb.1, hue.rgb.2),
        Colours::Many | Colours::True => Color::Indexed(hue.many),
    }
}

/// One of the sixteen.
fn basic(number: u8) -> Color {
    const SIXTEEN: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    SIXTEEN.get(usize::from(number)).copied().unwrap_or(Color::Reset)
}

/// What is left without colour: weight and reversal.
const fn plain(tone: Tone) -> Style {
    let style = Style::new();
    match tone {
        Tone::Strong | Tone::Waits | Tone::Bad | Tone::Key | Tone::Banner => style.add_modifier(Modifier::BOLD),
        Tone::Cursor => style.add_modifier(Modifier::REVERSED),
        Tone::Dim | Tone::Plain | Tone::Good | Tone::Working | Tone::Unknown => style,
    }
}

const fn hue(tone: Tone, palette: &Palette) -> Option<Hue> {
    Some(match tone {
        Tone::Plain | Tone::Strong | Tone::Cursor => return None,
        Tone::Dim => palette.dim,
        Tone::Good => palette.good,
        Tone::Working => palette.working,
        Tone::Waits | Tone::Banner => palette.waits,
        Tone::Bad => palette.bad,
        Tone::Unknown => palette.unknown,
        Tone::Key => palette.key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_goes_from_weight_alone_to_true_colour() {
        let bad = |colours| style(Tone::Bad, Look { colours, ..Look::default() }).fg;
        assert_eq!(bad(Colours::None), None);
        assert_eq!(bad(Colours::Sixteen), Some(Color::LightRed));
        assert_eq!(bad(Colours::Many), Some(Color::Indexed(202)));
        assert_eq!(bad(Colours::True), Some(Color::Indexed(202)), "the same colour in fewer bytes");
        let palette = Palette::with("", "bad = \"#d55e01\"", false).unwrap();
        assert_eq!(style(Tone::Bad, Look { colours: Colours::True, palette, ..Look::default() }).fg, Some(Color::Rgb(0xd5, 0x5e, 1)));
    }
}

//! What colours mean. A tone never says anything that shape or word do not say too.

use ratatui::style::{Color, Modifier, Style};

use crate::app::model::Colours;

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
pub fn style(tone: Tone, colours: Colours) -> Style {
    match colours {
        Colours::None => plain(tone),
        Colours::Sixteen => plain(tone).patch(colour(tone, false)),
        Colours::Many => plain(tone).patch(colour(tone, true)),
    }
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

fn colour(tone: Tone, many: bool) -> Style {
    let of = |basic: Color, fine: u8| Style::new().fg(if many { Color::Indexed(fine) } else { basic });

    match tone {
        Tone::Plain | Tone::Strong | Tone::Cursor => Style::new(),
        Tone::Dim => of(Color::DarkGray, 245),
        Tone::Good => of(Color::Green, 71),
        Tone::Working => of(Color::Cyan, 74),
        Tone::Waits | Tone::Banner => of(Color::Yellow, 214),
        Tone::Bad => of(Color::Red, 203),
        Tone::Unknown => of(Color::Magenta, 176),
        Tone::Key => of(Color::Cyan, 81),
    }
}

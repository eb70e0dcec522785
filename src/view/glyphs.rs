//! Every glyph with its ASCII twin. Both say the same: a terminal without the glyphs loses nothing.

use crate::app::model::Look;

/// The table.
pub struct Glyphs {
    /// As it should be.
    pub ok: &'static str,
    /// Under way.
    pub working: &'static str,
    /// Waits for a person.
    pub waits: &'static str,
    /// Going forward.
    pub forward: &'static str,
    /// Going back.
    pub back: &'static str,
    /// Bad.
    pub bad: &'static str,
    /// Mixed.
    pub mixed: &'static str,
    /// Frozen: nothing new goes forward.
    pub frozen: &'static str,
    /// Unknown.
    pub unknown: &'static str,
    /// Not begun.
    pub later: &'static str,
    /// A server in service.
    pub in_service: &'static str,
    /// A server that starts.
    pub starting: &'static str,
    /// A server that drains.
    pub draining: &'static str,
    /// A bad server.
    pub bad_server: &'static str,
    /// A bar's first part.
    pub bar_first: &'static str,
    /// A bar's second part.
    pub bar_second: &'static str,
    /// A bar's other parts.
    pub bar_rest: &'static str,
    /// It belongs to what is under the cursor in the other pane.
    pub link: &'static str,
    /// Text was cut here.
    pub cut: &'static str,
    /// Becomes.
    pub to: &'static str,
    /// Between crumbs.
    pub crumb: &'static str,
    /// Between parts of a line.
    pub pipe: &'static str,
    /// Horizontal line.
    pub rule: &'static str,
    /// Corners and sides of a box without the focus: top left, top right, bottom left, bottom right, horizontal, vertical.
    pub frame: [&'static str; 6],
    /// The same with the focus.
    pub frame_focus: [&'static str; 6],
}

const UNICODE: Glyphs = Glyphs {
    ok: "✓",
    working: "◐",
    waits: "‖",
    forward: "▶",
    back: "◀",
    bad: "✗",
    mixed: "~",
    frozen: "■",
    unknown: "?",
    later: "·",
    in_service: "●",
    starting: "◐",
    draining: "○",
    bad_server: "✗",
    bar_first: "█",
    bar_second: "░",
    bar_rest: "▒",
    link: "•",
    cut: "…",
    to: "→",
    crumb: "›",
    pipe: "│",
    rule: "─",
    frame: ["┌", "┐", "└", "┘", "─", "│"],
    frame_focus: ["┏", "┓", "┗", "┛", "━", "┃"],
};

const ASCII: Glyphs = Glyphs {
    ok: "+",
    working: "@",
    waits: "=",
    forward: ">",
    back: "<",
    bad: "X",
    mixed: "~",
    frozen: "#",
    unknown: "?",
    later: ".",
    in_service: "o",
    starting: "s",
    draining: "d",
    bad_server: "X",
    bar_first: "#",
    bar_second: "-",
    bar_rest: "=",
    link: "'",
    cut: "~",
    to: "->",
    crumb: ">",
    pipe: "|",
    rule: "-",
    frame: ["+", "+", "+", "+", "-", "|"],
    frame_focus: ["#", "#", "#", "#", "=", "#"],
};

/// The glyphs for a look.
pub const fn of(look: Look) -> &'static Glyphs {
    if look.ascii { &ASCII } else { &UNICODE }
}

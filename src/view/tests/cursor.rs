//! The pane that a key which only moves the cursor is answered by is where the view draws it.

use ratatui::layout::Rect;

use super::{Session, buffer};
use crate::view::cursor_pane;

fn pane_at(session: &Session, width: u16, height: u16) -> Option<Rect> {
    let mut model = session.model.clone();
    model.size = (width, height);
    let pane = cursor_pane(&model)?;
    let drawn = buffer(&model, width, height);
    let corners = [(pane.left(), pane.top()), (pane.right() - 1, pane.bottom() - 1)].map(|at| drawn[at].symbol().to_owned());
    assert_eq!(corners, ["┏", "┛"], "{width}x{height}: {pane:?}");
    Some(pane)
}

#[test]
fn the_pane_with_the_cursor_is_the_one_with_the_focus() {
    let mut session = Session::with(None);
    for (width, height) in [(80, 24), (120, 40), (140, 36), (160, 45), (300, 100)] {
        let fleets = pane_at(&session, width, height).unwrap();
        session.press("1");
        let images = pane_at(&session, width, height).unwrap();
        assert!(!fleets.intersects(images));
        session.press("2");
    }
}

#[test]
fn what_lies_over_the_panes_or_has_none_is_drawn_whole() {
    let mut session = Session::with(None);
    assert_eq!(pane_at(&session, 44, 4), None);
    for keys in ["/", "esc", "?", "esc", "R"] {
        session.press(keys);
        assert_eq!(pane_at(&session, 80, 24).is_none(), keys != "esc", "{keys}");
    }
}

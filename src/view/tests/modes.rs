//! Every screen in every size says the same in every mode: Unicode and ASCII, without colour, in 16, 256 and all colours, dark and light.
//!
//! What it says is in the snapshots of [`super::frames`]; here the modes are held against each other cell by cell, and the tones of the main
//! screens have snapshots of their own.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::sizes::scenes;
use crate::app::Model;
use crate::app::colours::Palette;
use crate::app::model::{Colours, Look};
use crate::view::theme::{Tone, style};

const SIZES: [(u16, u16); 3] = [(44, 4), (80, 24), (160, 45)];

/// Every tone with the letter it has in a snapshot.
const TONES: [(Tone, char); 9] = [
    (Tone::Plain, '.'),
    (Tone::Strong, 'S'),
    (Tone::Dim, 'd'),
    (Tone::Good, 'g'),
    (Tone::Working, 'w'),
    (Tone::Waits, 'W'),
    (Tone::Bad, 'B'),
    (Tone::Unknown, 'u'),
    (Tone::Key, 'k'),
];

/// The twins of a glyph.
fn twins(glyph: char) -> Option<&'static str> {
    Some(match glyph {
        '✓' => "+",
        '◐' => "@s",
        '‖' => "=",
        '▶' | '›' => ">",
        '◀' => "<",
        '✗' => "X",
        '■' | '█' | '┏' | '┓' | '┗' | '┛' | '┃' => "#",
        '·' | '▂' => ".",
        '▁' => "_",
        '▃' => ",",
        '▄' => "-",
        '▅' => "=",
        '▆' => "+",
        '▇' => "*",
        '●' => "o",
        '○' => "d",
        '░' | '─' => "-",
        '▒' | '━' => "=",
        '•' => "'",
        '…' => "~",
        '│' => "|",
        '┌' | '┐' | '└' | '┘' => "+",
        _ => return None,
    })
}

fn drawn(model: &Model, look: Look, size: (u16, u16)) -> Buffer {
    let mut model = model.clone();
    (model.look, model.size) = (look, size);
    super::buffer(&model, size.0, size.1)
}

/// How each tone is drawn: colour, weight, letter.
fn inks(look: Look) -> Vec<(Color, bool, char)> {
    let ink = |(tone, letter)| {
        let wanted = style(tone, look);
        (wanted.fg.unwrap_or(Color::Reset), wanted.add_modifier.contains(Modifier::BOLD), letter)
    };
    TONES.into_iter().map(ink).collect()
}

/// The letters of what is drawn; nobody sees what a blank is drawn with.
fn tones(buffer: &Buffer, look: Look) -> String {
    let inks = inks(look);
    let letter = |cell: &Cell| {
        if cell.modifier.contains(Modifier::REVERSED) {
            return '>';
        }
        let is = |(fg, bold, _): &&(Color, bool, char)| *fg == cell.fg && *bold == cell.modifier.contains(Modifier::BOLD);
        let (_, _, letter) = inks.iter().find(is).unwrap_or_else(|| panic!("{cell:?} has no tone"));
        if cell.symbol() == " " { ' ' } else { *letter }
    };
    let lines = buffer.content().chunks(usize::from(buffer.area.width));
    lines.map(|line| line.iter().map(letter).collect::<String>().trim_end().to_owned() + "\n").collect()
}

#[test]
fn ascii_says_the_same_in_the_same_place() {
    for (name, model) in scenes() {
        for size in SIZES {
            let (unicode, ascii) = (drawn(&model, Look::default(), size), drawn(&model, Look { ascii: true, ..Look::default() }, size));
            let mut rows = unicode.content().chunks(usize::from(size.0)).zip(ascii.content().chunks(usize::from(size.0)));
            // An arrow takes two characters: the rest of its line stands one further. One line names the mode itself.
            let comparable = |row: &[Cell]| {
                let line: String = row.iter().map(Cell::symbol).collect();
                !line.contains('→') && !line.contains("Unicode, ")
            };
            for (row, twin_row) in rows.by_ref().filter(|(row, _)| comparable(row)) {
                for (cell, twin) in row.iter().zip(twin_row) {
                    let glyph = cell.symbol().chars().next().unwrap_or(' ');
                    let same = twins(glyph).map_or(twin.symbol() == cell.symbol(), |twins| twins.contains(twin.symbol()));
                    let (line, twin_line): (String, String) = (row.iter().map(Cell::symbol).collect(), twin_row.iter().map(Cell::symbol).collect());
                    assert!(same, "{name} {size:?}: {glyph:?} became {:?}\n{line}\n{twin_line}", twin.symbol());
                }
            }
        }
    }
}

#[test]
fn every_rung_of_the_colour_ladder_means_the_same() {
    for (name, model) in scenes() {
        for size in SIZES {
            let base = Look { colours: Colours::True, palette: Palette::DARK, ascii: false };
            let wanted = drawn(&model, base, size);
            let (meaning, text) = (tones(&wanted, base), wanted.content().iter().map(Cell::symbol).collect::<String>());
            for palette in [Palette::DARK, Palette::LIGHT] {
                for colours in [Colours::Sixteen, Colours::Many, Colours::True] {
                    let look = Look { colours, palette, ascii: false };
                    let shown = drawn(&model, look, size);
                    assert_eq!(tones(&shown, look), meaning, "{name} {size:?} {colours:?}");
                    assert_eq!(shown.content().iter().map(Cell::symbol).collect::<String>(), text, "{name} {size:?} {colours:?}");
                }
            }
            let none = drawn(&model, Look { colours: Colours::None, ..base }, size);
            let weights = |buffer: &Buffer| buffer.content().iter().map(|cell| cell.modifier).collect::<Vec<_>>();
            assert_eq!(weights(&none), weights(&wanted), "{name} {size:?}: weight and reversal are all there is without colour");
        }
    }
}

#[test]
fn the_tones_of_the_main_screens() {
    let shown = ["main_holding", "fleet_holding", "sheet_promote", "activity", "alerts", "credentials_gone", "main_frozen", "fleet_metrics"];
    for (name, model) in scenes().into_iter().filter(|(name, _)| shown.contains(name)) {
        insta::assert_snapshot!(format!("{name}_tones"), tones(&drawn(&model, Look::default(), (80, 24)), Look::default()));
    }
}

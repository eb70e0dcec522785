//! Which colour means what: two palettes that are built in, and a person's own file.
//!
//! The built-in ones keep good, working, waiting, bad and unknown apart for people who do not tell red from green; and nothing is ever said
//! by colour alone.

use serde::Deserialize;

/// A colour in every form a terminal may take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Hue {
    /// Red, green and blue.
    pub rgb: (u8, u8, u8),
    /// The nearest of the 256.
    pub many: u8,
    /// The one of the sixteen that stands for it.
    pub basic: u8,
}

impl Hue {
    /// One of the 256 is exactly this colour.
    #[must_use]
    pub fn is_among_256(&self) -> bool {
        self.many >= 16 && parts(self.many) == self.rgb
    }
}

/// A colour as a file writes it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u8),
    Text(String),
}

/// What each meaning is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Less important.
    pub dim: Hue,
    /// As it should be.
    pub good: Hue,
    /// Under way.
    pub working: Hue,
    /// Waits for a person; the banner.
    pub waits: Hue,
    /// Bad.
    pub bad: Hue,
    /// Unknown.
    pub unknown: Hue,
    /// A key to press.
    pub key: Hue,
}

const fn hue(rgb: (u8, u8, u8), many: u8, basic: u8) -> Hue {
    Hue { rgb, many, basic }
}

impl Palette {
    /// For a dark background.
    pub const DARK: Self = Self::of_hues([
        hue((138, 138, 138), 245, 8),
        hue((95, 215, 135), 78, 2),
        hue((0, 175, 255), 39, 6),
        hue((255, 215, 0), 220, 3),
        hue((255, 95, 0), 202, 9),
        hue((215, 135, 175), 175, 5),
        hue((95, 215, 255), 81, 6),
    ]);
    /// For a light background.
    pub const LIGHT: Self = Self::of_hues([
        hue((98, 98, 98), 241, 8),
        hue((0, 135, 95), 29, 2),
        hue((0, 95, 215), 26, 4),
        hue((175, 95, 0), 130, 3),
        hue((135, 0, 0), 88, 1),
        hue((135, 95, 175), 97, 5),
        hue((0, 95, 175), 25, 4),
    ]);

    /// In the order of the fields.
    const fn of_hues([dim, good, working, waits, bad, unknown, key]: [Hue; 7]) -> Self {
        Self { dim, good, working, waits, bad, unknown, key }
    }

    /// The palette a file describes: one that is built in, `dark` or `light`, with other colours for what it names. `light` says what the
    /// terminal's background is if the file does not.
    ///
    /// # Errors
    /// The mistake, as `FILE:LINE: what`; nothing of the file is used then.
    pub fn with(file: &str, text: &str, light: bool) -> Result<Self, String> {
        let read: Theme = toml::from_str(text).map_err(|error| {
            let line = error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
            format!("{file}:{line}: {}", error.message())
        })?;
        let base = match read.base {
            Some(Base::Light) => Self::LIGHT,
            Some(Base::Dark) => Self::DARK,
            None => Self::of(light),
        };
        Ok(Self {
            dim: read.dim.unwrap_or(base.dim),
            good: read.good.unwrap_or(base.good),
            working: read.working.unwrap_or(base.working),
            waits: read.waits.unwrap_or(base.waits),
            bad: read.bad.unwrap_or(base.bad),
            unknown: read.unknown.unwrap_or(base.unknown),
            key: read.key.unwrap_or(base.key),
        })
    }

    /// The built-in one for a background.
    #[must_use]
    pub const fn of(light: bool) -> Self {
        if light { Self::LIGHT } else { Self::DARK }
    }
}

impl Default for Palette {
    fn default() -> Self {
        Self::DARK
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Base {
    Dark,
    Light,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Theme {
    base: Option<Base>,
    dim: Option<Hue>,
    good: Option<Hue>,
    working: Option<Hue>,
    waits: Option<Hue>,
    bad: Option<Hue>,
    unknown: Option<Hue>,
    key: Option<Hue>,
}

/// The sixteen by their names and, as most terminals have them, their parts.
const SIXTEEN: [(&str, (u8, u8, u8)); 16] = [
    ("black", (0, 0, 0)),
    ("red", (205, 0, 0)),
    ("green", (0, 205, 0)),
    ("yellow", (205, 205, 0)),
    ("blue", (0, 0, 238)),
    ("magenta", (205, 0, 205)),
    ("cyan", (0, 205, 205)),
    ("white", (229, 229, 229)),
    ("bright-black", (127, 127, 127)),
    ("bright-red", (255, 0, 0)),
    ("bright-green", (0, 255, 0)),
    ("bright-yellow", (255, 255, 0)),
    ("bright-blue", (92, 92, 255)),
    ("bright-magenta", (255, 0, 255)),
    ("bright-cyan", (0, 255, 255)),
    ("bright-white", (255, 255, 255)),
];
/// The steps of a part in the cube of the 256.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl TryFrom<Written> for Hue {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let found = match &written {
            Written::Number(number) => Some(of_number(*number)),
            Written::Text(text) => of_name(text).or_else(|| of_parts(text)),
        };
        found.ok_or("expected a colour: \"#d55e00\", a number from 0 to 255, or a name such as \"red\" or \"bright-red\"")
    }
}

fn of_name(text: &str) -> Option<Hue> {
    let number = SIXTEEN.iter().position(|(name, _)| *name == text)?;
    u8::try_from(number).ok().map(of_number)
}

fn of_number(number: u8) -> Hue {
    let rgb = parts(number);
    Hue { rgb, many: number, basic: if number < 16 { number } else { nearest(rgb, 0..16) } }
}

fn of_parts(text: &str) -> Option<Hue> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let rgb = (part(0)?, part(2)?, part(4)?);
    Some(Hue { rgb, many: nearest(rgb, 16..256), basic: nearest(rgb, 0..16) })
}

/// The parts of one of the 256.
fn parts(number: u8) -> (u8, u8, u8) {
    if let Some((_, rgb)) = SIXTEEN.get(usize::from(number)) {
        return *rgb;
    }
    if number >= 232 {
        let grey = 8 + (number - 232) * 10;
        return (grey, grey, grey);
    }
    let step = |part: u8| STEPS.get(usize::from(part % 6)).copied().unwrap_or(0);
    let number = number - 16;
    (step(number / 36), step(number / 6), step(number))
}

fn nearest(rgb: (u8, u8, u8), among: std::ops::Range<u16>) -> u8 {
    let far = |number: &u8| {
        let other = parts(*number);
        let square = |one: u8, two: u8| u32::from(one.abs_diff(two)).pow(2);
        square(rgb.0, other.0) + square(rgb.1, other.1) + square(rgb.2, other.2)
    };
    among.filter_map(|number| u8::try_from(number).ok()).min_by_key(far).unwrap_or(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let read = Palette::with("theme.toml", "base = \"light\"\nbad = \"#d55e00\"\ngood = 36\nkey = \"bright-blue\"\n", false).unwrap();
        assert_eq!(read.bad, hue((0xd5, 0x5e, 0), 166, 1));
        assert_eq!((read.good.many, read.good.rgb), (36, (0, 175, 135)));
        assert_eq!((read.key.basic, read.dim), (12, Palette::LIGHT.dim));
        assert_eq!(Palette::with("t", "", true).unwrap(), Palette::LIGHT);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let mistake = |text| Palette::with("theme.toml", text, false).unwrap_err();
        assert!(mistake("good = 1\nbda = 2\n").starts_with("theme.toml:2: unknown field `bda`"), "{}", mistake("good = 1\nbda = 2\n"));
        assert!(mistake("\n\nbad = \"reddish\"\n").starts_with("theme.toml:3: expected a colour"), "{}", mistake("\n\nbad = \"reddish\"\n"));
        assert!(mistake("bad = 300\n").contains("theme.toml:1:"));
    }

    /// Linear light of each part.
    fn light(rgb: (u8, u8, u8)) -> [f64; 3] {
        [rgb.0, rgb.1, rgb.2].map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn times(matrix: [[f64; 3]; 3], light: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(light).map(|(factor, part)| factor * part).sum::<f64>().clamp(0.0, 1.0))
    }

    /// CIE L*a*b*, in which distances are as far as they look.
    fn lab(light: [f64; 3]) -> [f64; 3] {
        let [x, y, z] = times([[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8727]], light);
        let bent = |part: f64| if part > 0.008_856 { part.cbrt() } else { 7.787f64.mul_add(part, 16.0 / 116.0) };
        [116.0f64.mul_add(bent(y), -16.0), 500.0 * (bent(x) - bent(y)), 200.0 * (bent(y) - bent(z))]
    }

    /// What is left of colour without the long, and without the medium wavelengths (Viénot, Brettel and Mollon 1999).
    const SEEN_BY: [[[f64; 3]; 3]; 3] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.112_38, 0.887_62, 0.0], [0.112_38, 0.887_62, 0.0], [0.004_01, -0.004_01, 1.0]],
        [[0.292_75, 0.707_25, 0.0], [0.292_75, 0.707_25, 0.0], [-0.022_34, 0.022_34, 1.0]],
    ];

    #[test]
    fn states_stay_apart_for_people_who_do_not_tell_red_from_green() {
        for palette in [Palette::DARK, Palette::LIGHT] {
            let states =
                [("good", palette.good), ("working", palette.working), ("waits", palette.waits), ("bad", palette.bad), ("unknown", palette.unknown)];
            for eyes in SEEN_BY {
                for (at, (one, first)) in states.iter().enumerate() {
                    for (two, second) in &states[at + 1..] {
                        let (first, second) = (lab(times(eyes, light(first.rgb))), lab(times(eyes, light(second.rgb))));
                        let apart = first.iter().zip(second).map(|(one, two)| (one - two).powi(2)).sum::<f64>().sqrt();
                        assert!(apart > 25.0, "{one} and {two} are {apart:.1} apart");
                    }
                }
            }
        }
    }

    #[test]
    fn every_colour_can_be_read_on_its_background() {
        let luminance = |rgb| light(rgb).iter().zip([0.2126, 0.7152, 0.0722]).map(|(part, factor)| part * factor).sum::<f64>();
        for (palette, background) in [(Palette::DARK, 0.0), (Palette::LIGHT, 1.0)] {
            for hue in [palette.dim, palette.good, palette.working, palette.waits, palette.bad, palette.unknown, palette.key] {
                let (one, two) = (luminance(hue.rgb).max(background), luminance(hue.rgb).min(background));
                let contrast = (one + 0.05) / (two + 0.05);
                assert!(contrast >= 4.5, "{hue:?}: {contrast:.1}");
                assert_eq!(parts(hue.many), hue.rgb, "the 256 say the same");
            }
        }
    }
}

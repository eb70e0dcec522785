//! Where a command can be pressed.

/// Where a command can be pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The main view.
    Main,
    /// An opened fleet.
    Fleet,
    /// A page about a fleet.
    Page,
    /// The activity view.
    Activity,
    /// The alerts.
    Alerts,
    /// Sources and settings.
    Sources,
    /// The help.
    Help,
    /// A plan sheet.
    Sheet,
    /// An opened image.
    Image,
    /// Images nobody needs.
    Retention,
    /// All bakes.
    Bakes,
    /// An opened bake.
    Bake,
    /// A picker.
    Picker,
    /// The copy menu.
    Menu,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Main,
        Self::Fleet,
        Self::Page,
        Self::Activity,
        Self::Alerts,
        Self::Sources,
        Self::Help,
        Self::Sheet,
        Self::Image,
        Self::Retention,
        Self::Bakes,
        Self::Bake,
        Self::Picker,
        Self::Menu,
    ];
}

/// Several places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places(u32);

impl Places {
    /// All there are.
    pub const ALL: Self = Self::of(&Place::ALL);

    /// These.
    #[must_use]
    pub const fn of(places: &[Place]) -> Self {
        let (mut bits, mut rest) = (0, places);
        while let [place, others @ ..] = rest {
            bits |= 1 << *place as u32;
            rest = others;
        }
        Self(bits)
    }

    /// These too.
    #[must_use]
    pub const fn and(self, more: &[Place]) -> Self {
        Self(self.0 | Self::of(more).0)
    }

    /// All but these.
    #[must_use]
    pub const fn without(self, less: &[Place]) -> Self {
        Self(self.0 & !Self::of(less).0)
    }

    /// Whether it is one of them.
    #[must_use]
    pub const fn has(self, place: Place) -> bool {
        self.0 & Self::of(&[place]).0 != 0
    }

    /// Whether they have one in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

//! What may go wrong, and the moments of an operation at which it may.

use std::fmt;

use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::plan::{OperationKind, StepKind};

use crate::store::Record;

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$item_about:meta])* $item:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item_about])* $item,)* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$item,)*];

            pub const fn word(self) -> &'static str {
                match self { $(Self::$item => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// The faults of the rollout rules, by the words of `coverage.txt`.
    Fault {
        /// Calls are refused for a while.
        Throttled = "throttled",
        /// Calls fail after they were sent and did nothing.
        LostCall = "lost-call",
        /// Calls do happen and their answer is lost.
        LostAnswer = "lost-answer",
        /// Calls arrive late.
        LateCall = "late-call",
        /// A call arrives twice, the second time late.
        TwiceCall = "twice-call",
        /// Parts of a look cannot be read.
        Unreadable = "unreadable",
        /// What exists is told not to exist.
        NotFound = "not-found",
        /// States nobody has heard of.
        UnknownWord = "unknown-word",
        /// Reads up to two minutes old, newer and older in turn.
        StaleRead = "stale-read",
        /// The health of a target group's targets cannot be read.
        HiddenHealth = "hidden-health",
        /// Credentials are not accepted for a while.
        Credentials = "credentials",
        /// The driver's process is gone.
        Killed = "killed",
        /// The driver's process stands still, for longer than its lease.
        Suspended = "suspended",
        /// It stands still between its look at the lease and the call.
        SuspendedAtCall = "suspended-at-call",
        /// The world's clock, as the driver reads it, jumps.
        ClockJump = "clock-jump",
        /// The store's disk is full for a while.
        DiskFull = "disk-full",
        /// The cloud gives no servers for a while.
        NoCapacity = "no-capacity",
        /// Servers of the new release pass and fail their checks in turn.
        Flapping = "flapping",
        /// Servers of the new release fail all at once, some minutes later.
        LateCrash = "late-crash",
        /// One server is gone.
        ServerLost = "server-lost",
        /// One server fails its checks.
        ServerSick = "server-sick",
        /// A policy changes what the stable group wants.
        Scaled = "scaled",
        /// A zone is gone.
        ZoneOutage = "zone-outage",
        /// Another tool replaces a server by one of an old version.
        OldVersion = "old-version",
        /// Servers that end take longer.
        StuckDraining = "stuck-draining",
        /// The image is deregistered.
        ImageGone = "image-gone",
        /// The template version is deleted.
        TemplateGone = "template-gone",
        /// Another hand changes weights.
        ForeignWeights = "foreign-weights",
        /// Another hand changes the route beyond its weights.
        ForeignActions = "foreign-actions",
        /// Another hand changes sizes.
        ForeignSizes = "foreign-sizes",
        /// Another hand changes what a group launches.
        ForeignTemplate = "foreign-template",
        /// Another store claims the fleet.
        ForeignClaim = "foreign-claim",
        /// Another hand suspends a group's processes.
        ForeignSuspend = "foreign-suspend",
        /// Somebody rolls back.
        RolledBack = "rolled-back",
        /// Two people want the same in the same moment.
        TwoPeople = "two-people",
        /// A screen ten minutes old sends a command.
        OldScreen = "old-screen",
        /// Somebody pauses, and later resumes.
        Paused = "paused",
        /// Somebody promotes.
        Promoted = "promoted",
        /// Somebody backs out.
        BackedOut = "backed-out",
        /// Another tool starts an instance refresh, or stops the one that runs.
        ForeignRefresh = "foreign-refresh",
        /// An alarm that gates goes red.
        AlarmRed = "alarm-red",
        /// Alarms have no data, or cannot be read.
        AlarmSilent = "alarm-silent",
        /// Somebody freezes the fleet.
        Frozen = "frozen",
    }
}

words! {
    /// Where an operation is.
    Phase {
        Claim = "deploy/claim",
        Empty = "deploy/empty",
        Template = "deploy/template",
        OneBox = "deploy/one-box",
        FullSize = "deploy/full-size",
        Weight = "deploy/weight",
        Stable = "deploy/stable",
        Holding = "deploy/holding",
        Paused = "deploy/paused",
        BackingOut = "deploy/backing-out",
        EmptyAnew = "rollback/empty",
        TemplateAnew = "rollback/template",
        Grow = "rollback/grow",
        Shift = "rollback/shift",
        Settle = "rollback/settle",
        Park = "rollback/park",
        GiveBack = "rollback/give-back",
        Window = "retire/window",
        RetirePark = "retire/park",
        RetireGiveBack = "retire/give-back",
        Detach = "deploy/detach",
        Version = "refresh/version",
        Refresh = "refresh/refresh",
        Bake = "refresh/bake",
        RefreshBack = "refresh/back",
        Gates = "deploy/gates",
        Approve = "deploy/approve",
    }
}

impl Fault {
    /// Those a fleet with weights draws from. Others are added behind them, so that a seed goes on to mean what it meant.
    pub const OF_WEIGHTS: &'static [Self] = Self::ALL.split_at(39).0;

    /// It strikes a call on its way.
    pub const fn is_of_calls(self) -> bool {
        matches!(self, Self::Throttled | Self::LostCall | Self::LostAnswer | Self::LateCall | Self::TwiceCall | Self::SuspendedAtCall)
    }
}

impl Phase {
    /// Those of a fleet with weights, in the same way.
    pub const OF_WEIGHTS: &'static [Self] = Self::ALL.split_at(20).0;

    /// Where the cloud's own engine does the work.
    pub const fn is_of_refresh(self) -> bool {
        matches!(self, Self::Version | Self::Refresh | Self::Bake | Self::RefreshBack)
    }

    /// None before the first step and after the end.
    pub fn of(record: &Record) -> Option<Self> {
        let (plan, progress) = (&record.operation.plan, &record.progress);
        match progress.state {
            OperationState::Planned => return None,
            OperationState::Holding => return Some(Self::Holding),
            OperationState::Paused => return Some(Self::Paused),
            OperationState::BackingOut => return Some(Self::BackingOut),
            state if state.is_final() => return None,
            _ => {}
        }
        let (retires, back) = (plan.kind == OperationKind::Retire, plan.kind == OperationKind::Rollback);
        Some(match plan.steps.get(progress.current)?.kind {
            StepKind::Claim => Self::Claim,
            StepKind::EmptySlot if back => Self::EmptyAnew,
            StepKind::Template if back => Self::TemplateAnew,
            StepKind::EmptySlot => Self::Empty,
            StepKind::Template | StepKind::Migrate => Self::Template,
            StepKind::OneBox => Self::OneBox,
            StepKind::FullSize => Self::FullSize,
            StepKind::Weight(_) => Self::Weight,
            StepKind::Detach => Self::Detach,
            StepKind::Version => Self::Version,
            StepKind::Refresh if back => Self::RefreshBack,
            StepKind::Refresh => Self::Refresh,
            StepKind::Bake => Self::Bake,
            StepKind::Gates => Self::Gates,
            StepKind::Approve => Self::Approve,
            StepKind::Stable => Self::Stable,
            StepKind::GrowTarget => Self::Grow,
            StepKind::Shift => Self::Shift,
            StepKind::Settle => Self::Settle,
            StepKind::Park if retires => Self::RetirePark,
            StepKind::Park => Self::Park,
            StepKind::GiveBack if retires => Self::RetireGiveBack,
            StepKind::GiveBack => Self::GiveBack,
            StepKind::Window => Self::Window,
        })
    }
}

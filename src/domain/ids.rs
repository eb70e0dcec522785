//! Names of things, each its own type, so that a group cannot be taken for a fleet. Ids of the cloud are short enough to be kept without an
//! allocation of their own: of fifty thousand servers that is most of what there is to remember.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(CompactString);

        impl $name {
            /// Takes the name as it came.
            #[must_use]
            pub fn new(name: impl Into<CompactString>) -> Self {
                Self(name.into())
            }

            /// The raw name, for calls and comparisons; `Display` is what people see.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            /// Names come from outside too: what a terminal would obey is escaped.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if super::text::is_harmless(&self.0) { f.pad(&self.0) } else { f.pad(&super::text::escape(&self.0)) }
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }
    )+};
}

id! {
    /// A fleet's name, such as `web-prod`.
    FleetName;
    /// An Auto Scaling group's name.
    GroupName;
    /// A machine image's id, such as `ami-0b77aa12`.
    ImageId;
    /// A launch template's id.
    TemplateId;
    /// A target group's ARN.
    TargetGroupArn;
    /// An instance's id.
    InstanceId;
    /// The ARN of a listener rule or of a listener.
    PlaceArn;
    /// An instance refresh's id.
    RefreshId;
    /// An operation's id: short, unique in its store.
    OperationId;
    /// A plan's id: a digest of the plan's identity.
    PlanId;
    /// A CloudWatch alarm's name.
    AlarmName;
}

impl TargetGroupArn {
    /// The target group's name, cut out of the ARN; the whole ARN when it is not one.
    #[must_use]
    pub fn short(&self) -> String {
        super::text::escape(self.0.split(":targetgroup/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(&self.0))
    }
}

//! Scheduled actions are borrowed: they stand still while an operation needs its sizes, and go on when everything is given back.

use super::situation::Situation;
use crate::domain::call::CloudCall;
use crate::domain::group::ServerGroup;
use crate::operation::calls::SCHEDULED_ACTIONS;

impl Situation<'_> {
    /// The call that suspends the next group's scheduled actions; none once all that the plan names stand still.
    pub(super) fn suspend_scheduled(&self) -> Option<CloudCall> {
        let group = self.borrowed().find(|group| !stands_still(group))?;
        Some(CloudCall::SuspendProcesses { group: group.name.clone(), processes: vec![SCHEDULED_ACTIONS.to_owned()] })
    }

    /// The call that gives the next group's scheduled actions back; none once all that the plan borrowed go on.
    pub(super) fn resume_scheduled(&self) -> Option<CloudCall> {
        let group = self.borrowed().find(|group| stands_still(group))?;
        Some(CloudCall::ResumeProcesses { group: group.name.clone(), processes: vec![SCHEDULED_ACTIONS.to_owned()] })
    }

    fn borrowed(&self) -> impl Iterator<Item = &ServerGroup> {
        let read = self.plan.scope.slots().iter().filter_map(|slot| self.group(*slot));
        read.filter(|group| self.plan.suspends.contains(&group.name))
    }
}

fn stands_still(group: &ServerGroup) -> bool {
    group.suspended.iter().any(|process| process.raw() == SCHEDULED_ACTIONS)
}

//! Who drives an operation: one holder at a time, by epoch and deadline.

use serde::{Deserialize, Serialize};

use crate::domain::text::Untrusted;
use crate::domain::time::{BootTime, Millis};

/// How long a lease is good for.
pub const LEASE_LIFE: Millis = Millis::secs(30);
/// How often it is renewed.
pub const LEASE_RENEW: Millis = Millis::secs(10);
/// The longest a call may take; a call is sent only if the remaining lease exceeds it.
pub const CALL_TIMEOUT: Millis = Millis::secs(8);

/// A process, so that another one can tell whether it is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its host.
    pub host: Untrusted,
    /// The boot of that host.
    pub boot_id: String,
    /// Its process id.
    pub pid: u32,
    /// When the process started, in clock ticks since boot: a reused id has another start.
    pub started_ticks: u64,
}

/// A lease as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Rises with every change of holder.
    pub epoch: u64,
    /// The holder; none after it was given back.
    pub holder: Option<Holder>,
    /// When it runs out, on the holder's boot clock.
    pub deadline: BootTime,
}

/// What the asking process knows of the holder's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderProcess {
    /// It runs on this host.
    Alive,
    /// It is gone from this host.
    Gone,
    /// It is on another host: only time can tell.
    Elsewhere,
}

impl Lease {
    /// Whether somebody else may take it.
    #[must_use]
    pub fn is_free(&self, now: BootTime, boot_id: &str, process: HolderProcess) -> bool {
        let Some(holder) = &self.holder else { return true };
        if holder.boot_id != boot_id && process != HolderProcess::Elsewhere {
            return true;
        }
        match process {
            HolderProcess::Gone => true,
            HolderProcess::Alive | HolderProcess::Elsewhere => self.deadline <= now,
        }
    }

    /// Whether a call may still be sent under this lease.
    #[must_use]
    pub fn covers_a_call(&self, now: BootTime) -> bool {
        self.deadline > now.plus(CALL_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Lease {
        let holder = Holder { host: "bastion".into(), boot_id: "one".into(), pid: 7, started_ticks: 1 };
        Lease { epoch: 1, holder: Some(holder), deadline: BootTime(30_000) }
    }

    #[test]
    fn a_lease_is_free_when_its_process_is_gone_its_host_rebooted_or_its_time_is_over() {
        assert!(!held().is_free(BootTime(1), "one", HolderProcess::Alive));
        assert!(held().is_free(BootTime(1), "one", HolderProcess::Gone));
        assert!(held().is_free(BootTime(1), "two", HolderProcess::Gone));
        assert!(held().is_free(BootTime(30_000), "one", HolderProcess::Alive));
        assert!(!held().is_free(BootTime(1), "two", HolderProcess::Elsewhere));
    }

    #[test]
    fn no_call_is_sent_that_could_outlive_the_lease() {
        assert!(held().covers_a_call(BootTime(21_999)));
        assert!(!held().covers_a_call(BootTime(22_000)));
    }
}

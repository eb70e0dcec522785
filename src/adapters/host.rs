//! This host: its boot, its clock since boot, its processes and the person at the keyboard.

use std::sync::OnceLock;

use crate::domain::text::Untrusted;
use crate::domain::time::{BootTime, WorldTime};
use crate::operation::command::Who;
use crate::operation::lease::{Holder, HolderProcess};

/// Time since boot, counting suspend: what leases run on.
#[must_use]
pub fn boot_now() -> BootTime {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let secs = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    BootTime(secs.saturating_mul(1_000).saturating_add(nanos / 1_000_000))
}

/// The wall clock.
#[must_use]
pub fn wall_now() -> WorldTime {
    WorldTime(jiff::Timestamp::now().as_millisecond())
}

/// World time where nobody else keeps it: the wall clock as this process found it, going on with the boot clock. A wall clock that is set
/// in between moves no deadline and lets no wait end early.
#[must_use]
pub fn steady_now() -> WorldTime {
    static FOUND: OnceLock<(WorldTime, BootTime)> = OnceLock::new();
    let (wall, boot) = *FOUND.get_or_init(|| (wall_now(), boot_now()));
    wall.plus(boot_now().since(boot))
}

/// The id of this boot; boot times of two boots do not compare.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

/// The host's name.
#[must_use]
pub fn host_name() -> Untrusted {
    Untrusted::new(rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// This process, as a lease names its holder.
#[must_use]
pub fn this_process() -> Holder {
    process(std::process::id())
}

/// A process of this host, named so that no later one with its number is taken for it.
pub(super) fn process(pid: u32) -> Holder {
    Holder { host: host_name(), boot_id: boot_id(), pid, started_ticks: started_ticks(pid).unwrap_or(0) }
}

/// Whether a lease's holder still runs.
#[must_use]
pub fn holder_process(holder: &Holder) -> HolderProcess {
    if holder.host != host_name() {
        return HolderProcess::Elsewhere;
    }
    if holder.boot_id != boot_id() {
        return HolderProcess::Gone;
    }
    match started_ticks(holder.pid) {
        Some(started) if started == holder.started_ticks => HolderProcess::Alive,
        None if is_hidden(holder.pid) => HolderProcess::Elsewhere,
        _ => HolderProcess::Gone,
    }
}

/// A process that is there and may not be looked at (another user's, with `/proc` mounted to hide it): only its deadline can tell.
fn is_hidden(pid: u32) -> bool {
    let stat_is_readable = std::fs::metadata(format!("/proc/{pid}/stat")).is_ok();
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    !stat_is_readable && pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// When a process started, in clock ticks since boot; none if it is gone or only its corpse is left.
fn started_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name, field 2, may hold anything: what follows its closing bracket is regular. State is field 3, start time field 22.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The person at the keyboard, as far as the host can tell; `caller` is the cloud's word.
#[must_use]
pub fn who(caller: Untrusted) -> Who {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let login = env("USER").or_else(|| env("LOGNAME")).unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let user = env("SUDO_USER").map_or(login.clone(), |sudo| if sudo == login { login.clone() } else { format!("{sudo} as {login}") });
    let from = env("SSH_CONNECTION").and_then(|connection| connection.split(' ').next().map(Untrusted::from));
    Who { caller, user: user.into(), host: host_name(), from }
}

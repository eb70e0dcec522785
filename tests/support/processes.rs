//! Processes of this host, as `/proc` tells.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(40);

/// The screens on a state directory: processes of ours that are no driver.
pub fn screens(state_dir: &Path) -> Vec<u32> {
    let mark = format!("--state-dir={}", state_dir.display());
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok());
    let is_screen = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let is_ours = words.first().is_some_and(|program| program.ends_with(b"/qd"));
        is_ours && words.contains(&mark.as_bytes()) && !words.contains(&b"drive".as_slice())
    };
    pids.filter(is_screen).collect()
}

/// Processor time a process has used; none if it is gone.
pub fn busy(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// Waits until no screen is left; none of them may have spun meanwhile.
pub fn wait_for_no_screen(state_dir: &Path) {
    let began = Instant::now();
    let before: Vec<(u32, Duration)> = screens(state_dir).into_iter().filter_map(|pid| Some((pid, busy(pid)?))).collect();
    while !screens(state_dir).is_empty() {
        for (pid, used) in &before {
            let spent = busy(*pid).unwrap_or(*used).saturating_sub(*used);
            assert!(spent < Duration::from_millis(500) + began.elapsed() / 2, "{pid} spins: {spent:?} of {:?}", began.elapsed());
        }
        assert!(began.elapsed() < PATIENCE, "a screen outlives its terminal");
        std::thread::sleep(Duration::from_millis(20));
    }
}

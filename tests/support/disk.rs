//! A small disk of a test's own: a tmpfs in a mount namespace, which is gone when its last process is.

// A test that cannot mount has nothing to say but what it needs.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A mounted tmpfs.
pub struct SmallDisk {
    holder: Child,
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts so many MiB on an existing directory; the test fails, and says what it needs, where it has no right to.
    pub fn mounted(at: &Path, mib: u32) -> Self {
        let script = format!("mount -t tmpfs -o size={mib}m,mode=0700 tmpfs \"$1\" && echo mounted && exec cat");
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script, "sh"])
            .arg(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("this test needs unshare(1) of util-linux: {why}"));
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said.trim() != "mounted" {
            let mut why = String::new();
            let _ = holder.stderr.take().unwrap().read_to_string(&mut why);
            panic!("this test needs the right to mount a tmpfs in a namespace of its own (root, or CAP_SYS_ADMIN): {why}");
        }
        Self { holder, at: at.to_owned() }
    }

    /// A command that sees the disk; the program to run follows.
    pub fn enter(&self) -> Vec<String> {
        ["nsenter", "--target", &self.holder.id().to_string(), "--mount", "--"].map(str::to_owned).to_vec()
    }

    /// The disk as other namespaces see it.
    pub fn seen_from_outside(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), self.at.display()))
    }

    /// Writes until there is no room at all.
    pub fn fill(&self) {
        let told = self.run(&["dd", "if=/dev/zero", "bs=1k", &format!("of={}", self.at.join("ballast").display()), "oflag=append", "conv=notrunc"]);
        assert!(told.contains("No space left"), "{told}");
    }

    /// Makes room again.
    pub fn free(&self) {
        self.remove("ballast");
    }

    /// Removes a file, by its path on the disk.
    pub fn remove(&self, file: &str) {
        let told = self.run(&["rm", &self.at.join(file).display().to_string()]);
        assert_eq!(told, "");
    }

    /// Whether a file is there.
    pub fn has(&self, file: &str) -> bool {
        self.run(&["ls", &self.at.join(file).display().to_string()]).is_empty()
    }

    /// Runs a command to its end; what it wrote to standard error.
    fn run(&self, args: &[&str]) -> String {
        let enter = self.enter();
        let output = Command::new(&enter[0]).args(&enter[1..]).args(args).env("LC_ALL", "C").output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

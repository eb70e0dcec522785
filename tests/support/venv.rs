//! Python environments of tests, made once per machine and requirements file.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the endpoint's Python files are.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/endpoint")
}

/// A directory of ours in cargo's target directory, for what outlives one test.
pub fn scratch() -> Result<PathBuf, String> {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = tmp.parent().unwrap_or(tmp).join("aws-endpoint");
    fs::create_dir_all(&dir).map_err(|e| format!("cannot create {}: {e}", dir.display()))?;
    Ok(dir)
}

/// The Python interpreter with everything the AWS test endpoint needs.
pub fn python() -> Result<PathBuf, String> {
    python_with(&sources().join("requirements.txt"))
}

/// The Python interpreter with everything of a list installed; the first caller installs, the others wait.
pub fn python_with(list: &Path) -> Result<PathBuf, String> {
    let text = fs::read_to_string(list).map_err(|e| format!("cannot read {}: {e}", list.display()))?;
    let dir = scratch()?.join(format!("venv-{}", digest(&text)));
    let done = dir.join("complete");
    // The lock goes with its file handle, so a killed test run cannot leave it behind.
    let lock_path = dir.with_extension("lock");
    let lock = File::create(&lock_path).map_err(|e| format!("cannot create {}: {e}", lock_path.display()))?;
    lock.lock().map_err(|e| format!("cannot lock {}: {e}", lock_path.display()))?;
    let python = dir.join("bin/python");
    if !done.exists() {
        install(&dir, &python, list)?;
        fs::write(&done, "").map_err(|e| format!("cannot write {}: {e}", done.display()))?;
    }
    Ok(python)
}

fn digest(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn install(dir: &Path, python: &Path, list: &Path) -> Result<(), String> {
    // Half an environment from a run that was killed would satisfy neither python nor pip.
    let _ = fs::remove_dir_all(dir);
    run(
        Command::new("python3").args(["-m", "venv"]).arg(dir),
        "this test needs Python 3.11 or newer with its venv module: install python3 and python3-venv",
    )?;
    run(
        Command::new(python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(list),
        &format!("this test needs the packages of {}: pip could not install them", list.display()),
    )
}

/// Run a command to its end. The environment passes through: pip's settings are the machine's.
fn run(command: &mut Command, hint: &str) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{hint} ({command:?}: {e})"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{hint} ({command:?}: {})\n{said}", output.status))
}

//! A Python server of the tests on loopback: started, asked over HTTP, and ended with the test.

// A test without its server has nothing to say but why.
#![allow(clippy::panic)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::venv;

/// How long a start may take once the environment exists; about two seconds is usual.
const START: Duration = Duration::from_secs(240);
/// How long an answer may take; a server holds its lock for milliseconds.
const ANSWER: Duration = Duration::from_secs(120);

/// A running server. It ends with its standard input, hence with the test, however that dies.
pub struct Server {
    process: Child,
    address: String,
    log: PathBuf,
}

impl Server {
    /// Start a script of `tests/endpoint`; also the line of JSON it prints when it is ready.
    ///
    /// The test fails with a sentence if that is not possible.
    pub fn start(script: &str, args: &[&str], env: &[(String, String)]) -> (Self, Value) {
        Self::try_start(script, args, env).unwrap_or_else(|why| panic!("{script} did not start: {why}"))
    }

    fn try_start(script: &str, args: &[&str], env: &[(String, String)]) -> Result<(Self, Value), String> {
        let python = venv::python()?;
        let log = log_path()?;
        let errors = File::create(&log).map_err(|e| format!("cannot create {}: {e}", log.display()))?;
        let mut process = Command::new(&python)
            .arg("-B") // no compiled files among the sources
            .arg(venv::sources().join(script))
            .args(args)
            .arg("--stdin")
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|e| format!("cannot run {}: {e}", python.display()))?;
        let ready = match first_line(&mut process) {
            Ok(line) => line,
            Err(why) => {
                let _ = process.kill();
                let _ = process.wait();
                return Err(format!("{why}\n{}", fs::read_to_string(&log).unwrap_or_default()));
            }
        };
        let ready: Value = serde_json::from_str(&ready).map_err(|e| format!("{e} in {ready:?}"))?;
        let url = ready.get("url").and_then(Value::as_str).unwrap_or_default();
        let address = url.trim_start_matches("http://").to_owned();
        Ok((Self { process, address, log }, ready))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the server wrote to standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A document of the server's control plane; anything but a 200 ends the test.
    pub fn control(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(Value::to_string).unwrap_or_default();
        match self.http(method, path, "Content-Type: application/json\r\n", &body) {
            Ok((200, text)) => serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text:?}")),
            Ok((status, text)) => panic!("{method} {path} {body}: {status} {text}"),
            Err(why) => panic!("{method} {path}: {why}"),
        }
    }

    /// One request; `headers` are whole lines. The status is 0 if the connection ended without an answer.
    pub fn http(&self, method: &str, path: &str, headers: &str, body: &str) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n", self.address);
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(split(&String::from_utf8_lossy(&answer)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if !std::thread::panicking() {
            let _ = fs::remove_file(&self.log);
        }
    }
}

/// The status and body of an answer that ended with its connection; status 0 if there was none.
fn split(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, body.to_owned())
}

/// The first line the server writes, or why there is none.
fn first_line(server: &mut Child) -> Result<String, String> {
    let output = server.stdout.take().ok_or("no standard output")?;
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        let _ = send.send(read.map(|_| line));
    });
    match receive.recv_timeout(START) {
        Ok(Ok(line)) if !line.is_empty() => Ok(line),
        Ok(Ok(_)) => Err("it ended before it was ready".to_owned()),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err(format!("it was not ready after {} s", START.as_secs())),
    }
}

/// A file of its own for each server's standard error.
fn log_path() -> Result<PathBuf, String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = venv::scratch()?.join("logs");
    fs::create_dir_all(&dir).map_err(|e| format!("cannot create {}: {e}", dir.display()))?;
    Ok(dir.join(format!("{}-{number}.log", std::process::id())))
}

//! A real `sshd` on loopback, of the test's own: its keys, its configuration, its port.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

const PROGRAM: &str = "/usr/sbin/sshd";
const PATIENCE: Duration = Duration::from_secs(40);

/// A running server.
pub struct Sshd {
    server: Child,
    address: SocketAddr,
    key: PathBuf,
    dir: tempfile::TempDir,
}

impl Sshd {
    /// Starts one with these lines in its configuration; it lets this user in with a key, and misses a silent client after three seconds.
    pub fn with(lines: &str) -> Self {
        assert!(Path::new(PROGRAM).exists(), "this test needs {PROGRAM}: apt-get install openssh-server openssh-client");
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for key in ["host", "user"] {
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(key)));
        }
        std::fs::copy(at("user.pub"), at("authorized")).unwrap();
        // Where sshd puts itself before a client is known; only root can make it, and only root's sshd needs it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPrintMotd no\nPrintLastLog no\nClientAliveInterval 1\n\
             ClientAliveCountMax 3\n{lines}\n",
            address.port(),
            at("host").display(),
            at("authorized").display()
        );
        std::fs::write(at("config"), config).unwrap();
        let log = std::fs::File::create(at("log")).unwrap();
        let server = Command::new(PROGRAM).arg("-D").arg("-e").arg("-f").arg(at("config")).stdin(Stdio::null()).stderr(log).spawn().unwrap();
        let mut sshd = Self { server, address, key: at("user"), dir };
        sshd.wait_until_it_listens();
        sshd
    }

    fn wait_until_it_listens(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.server.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "no sshd ({ended:?}): {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The arguments of a client that comes in by `door`: this server, or something in front of it.
    fn arguments(&self, door: SocketAddr) -> Vec<String> {
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "LogLevel=ERROR", "ServerAliveInterval=0"];
        let mut arguments: Vec<String> = ["-F", "none", "-e", "none"].map(str::to_owned).to_vec();
        arguments.extend(options.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]));
        arguments.extend(["-i".to_owned(), self.key.display().to_string(), "-p".to_owned(), door.port().to_string()]);
        arguments.push(format!("{}@{}", user.trim(), door.ip()));
        arguments
    }

    /// A client with a terminal that asks for `command`; nothing asked for is what the server gives.
    pub fn client(&self, door: SocketAddr, command: &str) -> CommandBuilder {
        let mut client = CommandBuilder::new("ssh");
        client.arg("-tt");
        client.args(self.arguments(door));
        if !command.is_empty() {
            client.arg(command);
        }
        client.env("TERM", "xterm-256color");
        client
    }

    /// A client without a terminal, to its end.
    pub fn ask(&self, command: &str) -> super::yard::Ran {
        let mut client = Command::new("ssh");
        client.arg("-T").args(self.arguments(self.address)).arg(command).stdin(Stdio::null());
        super::yard::ran(client)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}: apt-get install openssh-client"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

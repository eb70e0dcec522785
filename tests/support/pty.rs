//! The program in a pseudo-terminal: what is on its screen is read as a person would, and waited for with a deadline.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// How long a screen may take to show what is waited for, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between looks at the screen.
const LOOK: Duration = Duration::from_millis(15);
/// A person reads a sheet before pressing a key on it: longer than the time in which keys do not count.
const READING: Duration = Duration::from_millis(400);

/// Where keys go in, and the terminal's own answers.
type Keyboard = Arc<Mutex<Box<dyn Write + Send>>>;

/// A program on a terminal of its own.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    writer: Option<Keyboard>,
    master: Option<Box<dyn MasterPty + Send>>,
    shown: Arc<Mutex<vt100::Parser>>,
    /// Every byte it wrote.
    written: Arc<Mutex<Vec<u8>>>,
    stop: Arc<AtomicBool>,
    /// Nothing is read for now.
    held: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    /// The line settings before the program began.
    before: String,
}

impl Terminal {
    /// Starts `command` on a terminal of that size.
    pub fn start(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let before = line_settings(&*pair.master);
        let child = pair.slave.spawn_command(command).unwrap();
        // Our own handle on its side would keep the terminal open after the program.
        drop(pair.slave);
        let shown = Arc::new(Mutex::new(vt100::Parser::new(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap(), 0)));
        let stop = Arc::new(AtomicBool::new(false));
        let (written, held) = (Arc::default(), Arc::default());
        let writer = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let reader = Reader {
            from: pair.master.try_clone_reader().unwrap(),
            shown: Arc::clone(&shown),
            written: Arc::clone(&written),
            answers: Arc::clone(&writer),
            stop: Arc::clone(&stop),
            held: Arc::clone(&held),
        };
        let reader = std::thread::spawn(move || reader.read_all());
        Self { child, writer: Some(writer), master: Some(pair.master), shown, written, stop, held, reader: Some(reader), before }
    }

    /// Every byte it writes, also after its end.
    pub fn written(&self) -> Arc<Mutex<Vec<u8>>> {
        Arc::clone(&self.written)
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.shown.lock().unwrap().screen().contents()
    }

    /// Waits until the screen holds every one of these texts.
    pub fn wait_for(&self, texts: &[&str]) -> String {
        self.wait_until(&format!("{texts:?}"), |shown| texts.iter().all(|text| shown.contains(text)))
    }

    /// Waits until the screen is as wanted.
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let shown = self.text();
            if wanted(&shown) {
                return shown;
            }
            assert!(began.elapsed() < PATIENCE, "waited for {what} on\n{shown}");
            std::thread::sleep(LOOK);
        }
    }

    /// Sends keys as they come from a keyboard.
    pub fn send(&mut self, keys: &str) {
        let mut writer = self.writer.as_ref().unwrap().lock().unwrap();
        writer.write_all(keys.as_bytes()).and_then(|()| writer.flush()).unwrap();
    }

    /// Sends keys to a sheet that was read before.
    pub fn send_after_reading(&mut self, keys: &str) {
        std::thread::sleep(READING);
        self.send(keys);
    }

    /// The terminal itself goes away, as with a lost connection.
    pub fn hang_up(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Whatever it draws now wakes the reader, which then lets go of the terminal.
        self.send("?");
        self.reader.take().unwrap().join().unwrap();
        drop(self.writer.take());
        drop(self.master.take());
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it outlives its terminal");
            std::thread::sleep(LOOK);
        }
    }

    /// Nothing is read any more until [`Terminal::read_on`]: what it writes stays where it is, and soon it cannot write.
    pub fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// Reads on.
    pub fn read_on(&self) {
        self.held.store(false, Ordering::SeqCst);
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Kills it, as the kernel does: it cannot say good-bye.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits for its end; the exit code. The terminal must be as it was found.
    pub fn ends(mut self) -> (u32, String) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.text());
            std::thread::sleep(LOOK);
        };
        let after = line_settings(&**self.master.as_ref().unwrap());
        assert_eq!(self.before, after, "the line settings differ");
        // With its side closed, reading ends by itself once everything was read.
        self.reader.take().unwrap().join().unwrap();
        let parser = self.shown.lock().unwrap();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.bracketed_paste(), "still brackets pastes");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        (status.exit_code(), screen.contents())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already in a test that went well.
        let _ = self.child.kill();
    }
}

/// What `stty -a` says.
fn line_settings(master: &dyn MasterPty) -> String {
    let output = Command::new("stty").args(["-a", "-F"]).arg(master.tty_name().unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The side of the terminal that people look at.
struct Reader {
    from: Box<dyn Read + Send>,
    shown: Arc<Mutex<vt100::Parser>>,
    written: Arc<Mutex<Vec<u8>>>,
    answers: Keyboard,
    stop: Arc<AtomicBool>,
    held: Arc<AtomicBool>,
}

impl Reader {
    fn read_all(mut self) {
        let mut bytes = [0_u8; 4096];
        while let Ok(read) = self.from.read(&mut bytes) {
            while self.held.load(Ordering::SeqCst) && !self.stop.load(Ordering::SeqCst) {
                std::thread::sleep(LOOK);
            }
            if read == 0 || self.stop.load(Ordering::SeqCst) {
                return;
            }
            self.written.lock().unwrap().extend_from_slice(&bytes[..read]);
            self.shown.lock().unwrap().process(&bytes[..read]);
            // As every terminal does when it is asked for its state.
            if bytes[..read].windows(4).any(|window| window == b"\x1b[5n") {
                let mut answers = self.answers.lock().unwrap();
                let _ = answers.write_all(b"\x1b[0n").and_then(|()| answers.flush());
            }
        }
    }
}

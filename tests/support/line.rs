//! A network line in front of a server on loopback: it can be slow, and it can go silent with both sides still believing in it.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A line.
pub struct Line {
    address: SocketAddr,
    silent: Arc<AtomicBool>,
}

impl Line {
    /// A line to `server` on which everything takes so long each way.
    pub fn to(server: SocketAddr, one_way: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let silent = Arc::new(AtomicBool::new(false));
        let silenced = Arc::clone(&silent);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(server).unwrap();
                carry(client.try_clone().unwrap(), server.try_clone().unwrap(), one_way, Arc::clone(&silenced));
                carry(server, client, one_way, Arc::clone(&silenced));
            }
        });
        Self { address, silent }
    }

    /// Where clients come in.
    pub const fn door(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing arrives any more, on either side, and nobody is told.
    pub fn go_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, one_way: Duration, silent: Arc<AtomicBool>) {
    let (sent, waiting) = channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut bytes = [0_u8; 16_384];
        while let Ok(read) = from.read(&mut bytes) {
            if read == 0 || sent.send((Instant::now() + one_way, bytes[..read].to_vec())).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || deliver(&waiting, &mut to, &silent));
}

fn deliver(waiting: &Receiver<(Instant, Vec<u8>)>, to: &mut TcpStream, silent: &AtomicBool) {
    while let Ok((due, bytes)) = waiting.recv() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if !silent.load(Ordering::SeqCst) && to.write_all(&bytes).is_err() {
            return;
        }
    }
    // The end of one side is told to the other, unless the line is dead.
    if !silent.load(Ordering::SeqCst) {
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
}

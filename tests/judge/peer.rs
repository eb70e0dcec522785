//! SciPy in a process of its own, and the dice that cases are drawn with.

// Each binary compiles all of this and uses a part of it.
#![allow(dead_code)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use quarterdeck::world::draw::mix;
use serde::{Deserialize, Serialize};

use crate::support::venv::python_with;

/// What is asked of it.
#[derive(Default, Serialize)]
pub struct Asked {
    pub samples: Vec<(Vec<f64>, Vec<f64>)>,
    pub counts: Vec<(u64, u64, f64)>,
    pub time: Vec<(Vec<f64>, Vec<f64>)>,
}

/// What it says.
#[derive(Deserialize)]
pub struct Told {
    pub samples: Vec<(f64, f64)>,
    pub counts: Vec<f64>,
    pub seconds: f64,
}

/// Asks SciPy; a machine without it is told what to install.
pub fn ask(asked: &Asked) -> Told {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge");
    let python = python_with(&dir.join("requirements.txt")).unwrap();
    let mut peer = Command::new(python).arg(dir.join("scipy_peer.py")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    peer.stdin.take().unwrap().write_all(&serde_json::to_vec(asked).unwrap()).unwrap();
    let answer = peer.wait_with_output().unwrap();
    assert!(answer.status.success(), "SciPy did not answer: {}", answer.status);
    serde_json::from_slice(&answer.stdout).unwrap()
}

/// Draws that a seed repeats.
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + usize::try_from(self.next() % (high - low + 1) as u64).unwrap()
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = ((-2.0 * (1.0 - self.unit()).ln()).sqrt(), std::f64::consts::TAU * self.unit());
        radius * angle.cos()
    }

    /// Poisson, by counting exponential gaps; normal where it is large.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 200.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u64;
        }
        let (mut sum, mut count) = (0.0, 0);
        loop {
            sum -= (1.0 - self.unit()).ln();
            if sum > mean {
                return count;
            }
            count += 1;
        }
    }
}

#!/usr/bin/env python3
"""Figures of the screen, from outside: a pseudo-terminal, a clock and /proc. Standard library only.

usage: screen.py QD [--endpoint-python PYTHON]

QD is a release build. Prints medians of 20 runs: from exec to the last byte of the first frame (with and without a stored
snapshot, simulated cloud and AWS), from key to paint while a slow fetch is in flight, bytes written while nothing changes, and memory.
PYTHON is an interpreter with tests/endpoint/requirements.txt installed (the tests make one under target/aws-endpoint);
without it the AWS figures are left out, and that is said.
"""
import argparse
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
OVERLAY = os.path.join(HERE, "..", "endpoint", "overlay.py")
QUIET = 0.15  # no byte for so long: the frame is over
RUNS = 20
SAFE = {
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "TERM": "xterm-256color",
}


class Screen:
    """The program in a terminal of its own."""

    def __init__(self, argv, rows=24, cols=80):
        self.begun = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(SAFE)
            os.execv(argv[0], argv)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def read(self, timeout):
        """Bytes that come within the time; none if nothing does."""
        ready, _, _ = select.select([self.fd], [], [], timeout)
        if not ready:
            return b""
        try:
            return os.read(self.fd, 65536)
        except OSError:
            return b""

    def burst(self, patience):
        """The first bytes and all that follow without a pause, with the time of the last one."""
        data, last = self.read(patience), time.perf_counter()
        while True:
            more = self.read(QUIET if data else 0)
            if not more:
                return data, last
            data, last = data + more, time.perf_counter()

    def first_frame(self):
        """The first frame's bytes, and milliseconds from exec to its last byte. A synchronised update ends where the frame ends."""
        data = b""
        while b"\x1b[?2026l" not in data:
            more = self.read(5)
            if not more:
                sys.exit(f"no frame came: {data[-200:]!r}")
            data += more
        return data, (time.perf_counter() - self.begun) * 1000

    def key(self, key):
        """Milliseconds from a key to the end of the frame it causes."""
        while self.read(0):
            pass
        sent = time.perf_counter()
        os.write(self.fd, key)
        data = b""
        while b"\x1b[?2026l" not in data:
            more = self.read(2)
            if not more:
                return None
            data += more
        return (time.perf_counter() - sent) * 1000

    def drain(self, seconds):
        """Bytes and writes that come in that time."""
        end, size, writes = time.perf_counter() + seconds, 0, 0
        while (left := end - time.perf_counter()) > 0:
            data = self.read(left)
            size, writes = size + len(data), writes + bool(data)
        return size, writes

    def resident_kib(self):
        """Resident memory."""
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def close(self):
        """Ends the program."""
        os.kill(self.pid, signal.SIGTERM)
        for _ in range(100):
            self.read(0.02)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
        os.close(self.fd)


def figure(name, values, unit, goal):
    """One line: median, the 99th of a hundred, and what it should be."""
    values = sorted(values)
    worst = values[min(len(values) - 1, int(len(values) * 0.99))]
    print(f"{name:<66} median {statistics.median(values):8.2f}  p99 {worst:8.2f} {unit:<4} (goal {goal})", flush=True)


def first_frames(name, argv, expect, runs=RUNS):
    times, sizes, seen = [], [], 0
    for _ in range(runs):
        screen = Screen(argv)
        data, took = screen.first_frame()
        times.append(took)
        sizes.append(len(data))
        seen += expect in data
        screen.close()
    figure(f"{name}: exec to last byte of the first frame", times, "ms", "<= 15")
    print(f"{'':<66} {statistics.median(sizes):.0f} bytes; {seen} of {runs} first frames show {expect.decode()}", flush=True)


def keys(name, screen, count=200):
    times = [took for at in range(count) if (took := screen.key(b"j" if at % 10 < 5 else b"k")) is not None]
    figure(f"{name}: key to paint, {len(times)} keys", times, "ms", "p99 <= 8")


def simulated(qd):
    with tempfile.TemporaryDirectory() as state:
        argv = [qd, "--sim", f"--state-dir={state}/s"]
        subprocess.run([*argv, "--sim-speed", "1", "fleets"], check=True, capture_output=True, env={**os.environ, **SAFE})
        first_frames("simulated cloud, stored snapshot", argv, b"web-prod")
        screen = Screen(argv)
        screen.first_frame()
        screen.drain(3)
        keys("simulated cloud", screen)
        print(f"{'simulated cloud: resident memory':<66} {screen.resident_kib() / 1024:8.1f} MiB (goal <= 30)", flush=True)
        screen.close()
        still = Screen([*argv, "--sim-speed", "0"])
        still.first_frame()
        still.drain(3)
        size, writes = still.drain(20)
        print(f"{'world stands still: written in 20 s':<66} {size} bytes in {writes} writes (ages step: now, 10s, 20s)", flush=True)
        still.close()


def ask(url, method="GET", body=None):
    data = json.dumps(body).encode() if body is not None else None
    return urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=10).read()


def aws(qd, python):
    server = subprocess.Popen([python, "-B", OVERLAY, "--port", "0", "--seed", "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={**os.environ, **SAFE, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"})
    url = json.loads(server.stdout.readline())["url"]
    try:
        with tempfile.TemporaryDirectory() as state:
            argv = [qd, f"--endpoint-url={url}", f"--state-dir={state}/s", f"--config={state}/fleets.toml"]
            first_frames("AWS, nothing stored", argv, b"waiting")
            subprocess.run([*argv, "fleets"], check=True, capture_output=True, env={**os.environ, **SAFE})
            first_frames("AWS, stored snapshot", argv, b"web-prod")
            screen = Screen(argv)
            screen.first_frame()
            screen.drain(4)
            ask(f"{url}/qd-test/fault", "POST", {"service": "*", "action": "*", "times": 1000, "kind": "latency", "seconds": 2})
            os.write(screen.fd, b"r")
            keys("AWS, a 2 s fetch in flight", screen)
            print(f"{'AWS: resident memory':<66} {screen.resident_kib() / 1024:8.1f} MiB", flush=True)
            screen.close()
    finally:
        server.stdin.close()
        server.wait(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("qd")
    parser.add_argument("--endpoint-python")
    options = parser.parse_args()
    qd = os.path.abspath(options.qd)
    print(f"{qd}: {os.path.getsize(qd) / 1e6:.1f} MB, {os.cpu_count()} cores")
    simulated(qd)
    if options.endpoint_python:
        aws(qd, options.endpoint_python)
    else:
        print("AWS: not measured, no --endpoint-python was given")


if __name__ == "__main__":
    main()

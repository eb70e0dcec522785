#!/usr/bin/env python3
"""Figures of the screen, from outside: a pseudo-terminal, a clock and /proc, side by side with other terminal programs. Standard library only.

usage: screen.py QD [--endpoint-python PYTHON] [--idle SECONDS] [--big]

QD is a release build. Each line names what is measured, what it came to, and what it should be; peers (htop, and taws where it is
installed) are measured the same way in the same run. A frame of ours ends where it says so (synchronised output); a peer's where nothing
follows for 40 ms. PYTHON is an interpreter with tests/endpoint/requirements.txt installed (the tests make one under target/aws-endpoint):
without it the figure during a slow fetch is left out, and that is said. --big adds the world of 1,000 fleets and 50,000 instances.
"""
import argparse
import fcntl
import json
import os
import pty
import select
import shutil
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
END = b"\x1b[?2026l"
PAUSE = 0.04
RUNS = 20
SAFE = {
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "TERM": "xterm-256color", "LANG": "C.UTF-8",
}


class Screen:
    """A program in a terminal of its own."""

    def __init__(self, argv, marks, size=(120, 40)):
        columns, rows = size
        self.marks = marks
        self.begun = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.environ.update(SAFE)
            os.execv(argv[0], argv)

    def read(self, timeout):
        """Bytes that come within the time; none if nothing does."""
        ready, _, _ = select.select([self.fd], [], [], timeout)
        try:
            return os.read(self.fd, 65536) if ready else b""
        except OSError:
            return b""

    def frame(self, patience=5):
        """The bytes of one frame and when its last one came; none if none comes."""
        data, last = b"", None
        while not (self.marks and END in data):
            more = self.read(PAUSE if data and not self.marks else patience)
            if not more:
                break
            data, last = data + more, time.perf_counter()
        return data, last

    def settle(self, seconds):
        """Lets it do what it does for that long; bytes and writes."""
        end, size, writes = time.perf_counter() + seconds, 0, 0
        while (left := end - time.perf_counter()) > 0:
            data = self.read(left)
            size, writes = size + len(data), writes + bool(data)
        return size, writes

    def key(self, key):
        """Milliseconds from a key to the end of the frame it causes, and that frame's bytes; none if it causes none."""
        while self.read(0):
            pass
        sent = time.perf_counter()
        os.write(self.fd, key)
        data, last = self.frame(2)
        return ((last - sent) * 1000, len(data)) if last else None

    def processor(self):
        """Seconds of processor time used so far."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        """Resident memory in MiB."""
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def close(self):
        """Ends the program."""
        os.kill(self.pid, signal.SIGTERM)
        for _ in range(150):
            self.read(0.02)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


def line(who, what, value, goal=""):
    print(f"{who:<8} {what:<58} {value:<44} {goal}", flush=True)


def spread(values, unit):
    values = sorted(values)
    worst = values[min(len(values) - 1, int(len(values) * 0.99))]
    return f"p50 {statistics.median(values):.2f}  p99 {worst:.2f} {unit}"


def opened(program):
    screen = Screen(program["argv"], program["marks"])
    screen.frame()
    screen.settle(program.get("warm", 2))
    return screen


def first_frames(program):
    times, sizes = [], []
    for _ in range(RUNS):
        screen = Screen(program["argv"], program["marks"])
        data, last = screen.frame()
        if not last:
            sys.exit(f"{program['name']} drew nothing: {data[-200:]!r}")
        times.append((last - screen.begun) * 1000)
        sizes.append(len(data))
        screen.close()
    line(program["name"], "exec to the last byte of the first frame, 120x40", spread(times, "ms"), "<= 15 ms")
    line(program["name"], "bytes of the first frame, 120x40", f"{statistics.median(sizes):.0f}", "<= 6000")


def keys(name, what, screen, pressed, goals, count=200):
    """Keys in turn; those that change nothing cause no frame and do not count."""
    told = [answer for at in range(count) if (answer := screen.key(pressed[at % len(pressed)]))]
    if not told:
        return line(name, what, "no key caused a frame")
    line(name, f"{what}: key to paint, {len(told)} keys", spread([took for took, _ in told], "ms"), goals[0])
    line(name, f"{what}: bytes", spread([size for _, size in told], "B"), goals[1])


def everyday(program, idle):
    first_frames(program)
    screen = opened(program)
    keys(program["name"], "cursor in the list", screen, program["moves"], ("p50 <= 2, p99 <= 8 ms", "<= 120 B"))
    line(program["name"], "resident memory", f"{screen.resident():.1f} MiB", "<= 20 MiB (100 fleets x 20)")
    screen.close()
    still = opened({**program, "argv": program.get("still", program["argv"]), "warm": 5})
    before = still.processor()
    size, writes = still.settle(idle)
    used = (still.processor() - before) / idle * 100
    line(program["name"], f"idle for {idle} s", f"{size} B, {writes} writes, {used:.2f} % of a processor", "a minute: <= 600 B, 15 writes, 0.3 %")
    still.close()


def ours(qd, state, scenario=""):
    argv = [qd, f"--sim{scenario}", f"--state-dir={state}/s"]
    subprocess.run([*argv, "--sim-speed", "1", "fleets"], check=True, capture_output=True, env={**os.environ, **SAFE})
    return {"name": "qd", "argv": argv, "marks": True, "moves": [b"j", b"k"], "still": [*argv, "--sim-speed", "0"]}


def peers():
    found = [("htop", [b"\x1b[B", b"\x1b[A"]), ("taws", [b"j", b"k"])]
    for name, moves in found:
        path = shutil.which(name)
        if path:
            yield {"name": name, "argv": [path], "marks": False, "moves": moves}
        else:
            line(name, "not installed, not measured", "", "apt-get install htop" if name == "htop" else "cargo install taws")


def linked_panes(program):
    """What follows the cursor elsewhere is drawn in a frame of its own: from the key to the end of that, for both panes."""
    screen = opened(program)
    for pane in (b"1", b"2"):
        screen.key(pane)
        screen.settle(1)
        times, sizes = [], []
        for at in range(60):
            sent = time.perf_counter()
            os.write(screen.fd, [b"j", b"k"][at % 2])
            _, first = screen.frame(2)
            data, last = screen.frame(0.3)
            if first and last:
                times.append((last - sent) * 1000)
                sizes.append(len(data))
            screen.settle(0.1)
        what = "images" if pane == b"1" else "fleets"
        line("qd", f"cursor in the {what}: what follows it", f"{spread(times, 'ms')}, {statistics.median(sizes):.0f} B", "<= 50 ms, <= 1500 B")
    screen.close()


def big(qd):
    """The same keys on six fleets and on a thousand, and the filter over fifty thousand servers."""
    for scenario in ("", "=big"):
        with tempfile.TemporaryDirectory() as state:
            program = ours(qd, state, scenario)
            screen = opened({**program, "warm": 15 if scenario else 3})
            name = "1,000 fleets, 50,000 servers" if scenario else "6 fleets"
            keys("qd", f"{name}: cursor", screen, [b"j", b"k"], ("within 2x of each other", ""))
            screen.key(b"/")
            keys("qd", f"{name}: a letter of the filter", screen, [b"w", b"\x7f"], ("<= 8 ms", ""), 60)
            line("qd", f"{name}: resident memory", f"{screen.resident():.1f} MiB", "<= 100 MiB with 50,000 servers")
            screen.close()


def ask(url, method="GET", body=None):
    data = json.dumps(body).encode() if body is not None else None
    return urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=10).read()


def aws(qd, python):
    """Keys while every call takes two seconds."""
    server = subprocess.Popen([python, "-B", OVERLAY, "--port", "0", "--seed", "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={**os.environ, **SAFE, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"})
    url = json.loads(server.stdout.readline())["url"]
    try:
        with tempfile.TemporaryDirectory() as state:
            argv = [qd, f"--endpoint-url={url}", f"--state-dir={state}/s", f"--config={state}/fleets.toml"]
            subprocess.run([*argv, "fleets"], check=True, capture_output=True, env={**os.environ, **SAFE})
            program = {"name": "qd aws", "argv": argv, "marks": True}
            first_frames(program)
            screen = opened({**program, "warm": 4})
            ask(f"{url}/qd-test/fault", "POST", {"service": "*", "action": "*", "times": 1000, "kind": "latency", "seconds": 2})
            os.write(screen.fd, b"r")
            keys("qd aws", "a 2 s fetch under way", screen, [b"j", b"k"], ("p50 <= 2, p99 <= 8 ms", ""))
            line("qd aws", "resident memory", f"{screen.resident():.1f} MiB")
            screen.close()
    finally:
        server.stdin.close()
        server.wait(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("qd")
    parser.add_argument("--endpoint-python")
    parser.add_argument("--idle", type=int, default=60)
    parser.add_argument("--big", action="store_true")
    options = parser.parse_args()
    qd = os.path.abspath(options.qd)
    print(f"{qd}: {os.path.getsize(qd) / 1e6:.1f} MB, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as state:
        program = ours(qd, state)
        everyday(program, options.idle)
        linked_panes(program)
    for peer in peers():
        everyday(peer, options.idle)
    if options.big:
        big(qd)
    if options.endpoint_python:
        aws(qd, options.endpoint_python)
    else:
        line("qd aws", "not measured: no --endpoint-python was given", "")


if __name__ == "__main__":
    main()

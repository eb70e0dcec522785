#!/usr/bin/env python3
"""Figures of the screen, from outside: a pseudo-terminal, a clock and /proc, side by side with other terminal programs. Standard library only.

usage: screen.py QD [--endpoint-python PYTHON ...] [--idle SECONDS] [--quick]

QD is a release build. At the end stands a table: each figure, what it came to for us and for the peers (htop, and taws where it is
installed), its limit, and whether it is met. Times are medians over many runs with the best beside them, since a machine that does other
things only ever makes them longer: `met` is by the median, `at best` by the best. A frame of ours ends where it says so (synchronised
output); a peer's where nothing follows for 40 ms, which is taken off. PYTHON is an interpreter with tests/endpoint/requirements.txt installed
(the tests make one under target/aws-endpoint; of several the first that has it is taken): without it, or with a build that knows no AWS, the
figures during a slow fetch are left out, and that is said. --quick leaves out the worlds of 100 and 1,000 fleets and the long log of a bake.
"""
import argparse
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import sqlite3
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
BATCHES = 5
SAFE = {
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "TERM": "xterm-256color", "LANG": "C.UTF-8",
}


class Table:
    """Figures in the order in which they were first told, a column for each program."""

    def __init__(self):
        self.rows, self.programs, self.notes = {}, [], []

    def tell(self, program, what, values, unit, limit=None):
        """A figure: its median, and its best where there are several."""
        values = sorted(values if isinstance(values, list) else [values])
        if program not in self.programs:
            self.programs.append(program)
        row = self.rows.setdefault(what, {"unit": unit, "limit": limit, "told": {}})
        row["limit"] = row["limit"] if limit is None else limit
        row["told"][program] = (statistics.median(values), values[0], len(values))
        print(f"  {program}: {what}: {self.shown(row, program)} {unit}", file=sys.stderr, flush=True)

    @staticmethod
    def shown(row, program):
        if program not in row["told"]:
            return "-"
        median, best, count = row["told"][program]
        number = (lambda value: f"{value:.0f}" if row["unit"] in ("B", "writes") else f"{value:.2f}")
        return number(median) if count == 1 else f"{number(median)} ({number(best)})"

    def verdict(self, row):
        """By our own figure only."""
        if row["limit"] is None or "qd" not in row["told"]:
            return ""
        median, best, _ = row["told"]["qd"]
        return "met" if median <= row["limit"] else "at best" if best <= row["limit"] else "MISSED"

    def show(self):
        lines = [["figure", *self.programs, "limit", ""]]
        for what, row in self.rows.items():
            limit = "" if row["limit"] is None else f"<= {row['limit']:g}"
            lines.append([f"{what}, {row['unit']}", *(self.shown(row, program) for program in self.programs), limit, self.verdict(row)])
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        for line in lines:
            print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
        for note in self.notes:
            print(note)
        return [line[0] for line in lines if line[-1] == "MISSED"]


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

    def answer(self, key, mark):
        """Milliseconds from a key to the end of the first frame that holds the mark: frames that something else causes do not count."""
        while self.read(0):
            pass
        sent = time.perf_counter()
        os.write(self.fd, key)
        while True:
            data, last = self.frame(2)
            if not last or mark in data:
                return (last - sent) * 1000 if last else None

    def processor(self):
        """Seconds of processor time used so far."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def drawing(self):
        """Milliseconds of processor time of the thread that takes keys and draws."""
        with open(f"/proc/{self.pid}/task/{self.pid}/schedstat") as stat:
            return int(stat.read().split()[0]) / 1e6

    def queued(self):
        """Milliseconds for which the thread that draws, the one that reads keys or this script was ready and other work had the processors."""
        waited = 0
        for task in (f"{self.pid}/task/{self.pid}", f"{self.pid}/task/{self.keyboard()}", "thread-self"):
            with open(f"/proc/{task}/schedstat") as stat:
                waited += int(stat.read().split()[1])
        return waited / 1e6

    def keyboard(self):
        """The thread that reads keys."""
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/comm") as name:
                if name.read().strip() == "qd-keys":
                    return task
        sys.exit("no thread of qd reads keys")

    def resident(self):
        """Resident memory in MiB."""
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def close(self, how=signal.SIGTERM):
        """Ends the program; seconds it took, and milliseconds of processor time of its whole life."""
        told = time.perf_counter()
        os.kill(self.pid, how)
        for _ in range(250):
            self.read(0.01)
            ended, _, used = os.wait4(self.pid, os.WNOHANG)
            if ended:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
            _, _, used = os.wait4(self.pid, 0)
        os.close(self.fd)
        return time.perf_counter() - told, (used.ru_utime + used.ru_stime) * 1000


def p99(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def opened(program):
    screen = Screen(program["argv"], program["marks"])
    screen.frame()
    screen.settle(program.get("warm", 2))
    return screen


def first_frames(table, program):
    times, sizes, used = [], [], []
    for _ in range(RUNS):
        screen = Screen(program["argv"], program["marks"])
        data, last = screen.frame()
        if not last:
            sys.exit(f"{program['name']} drew nothing: {data[-200:]!r}")
        times.append((last - screen.begun) * 1000)
        sizes.append(len(data))
        used.append(screen.close()[1])
    table.tell(program["name"], "exec to first frame, 120x40", times, "ms", 15)
    table.tell(program["name"], "processor time of start, first frame and end", used, "ms")
    table.tell(program["name"], "first frame, 120x40", statistics.median(sizes), "B", 6000)


def pressed(screen, keys, count):
    """Keys in turn: milliseconds and bytes of the frames they cause; a key that changes nothing causes none."""
    return [answer for at in range(count) if (answer := screen.key(keys[at % len(keys)]))]


def keys(table, name, what, screen, moves, limits, count=100, bytes_limit=None):
    """Batches of keys: the median over batches of each batch's p50 and p99, and the best batch."""
    batches = [batch for _ in range(BATCHES) if (batch := pressed(screen, moves, count))]
    if not batches:
        table.notes.append(f"{name}, {what}: no key caused a frame")
        return
    table.tell(name, f"{what}: key to paint, p50", [statistics.median([took for took, _ in batch]) for batch in batches], "ms", limits[0])
    table.tell(name, f"{what}: key to paint, p99", [p99([took for took, _ in batch]) for batch in batches], "ms", limits[1])
    if bytes_limit:
        table.tell(name, f"{what}: bytes of a key", statistics.median([size for batch in batches for _, size in batch]), "B", bytes_limit)


def everyday(table, program, idle):
    first_frames(table, program)
    screen = opened(program)
    keys(table, program["name"], "cursor in the list", screen, program["moves"], (2, 8), bytes_limit=120)
    table.tell(program["name"], "resident memory, everyday", screen.resident(), "MiB")
    table.tell(program["name"], "end after SIGHUP", screen.close(signal.SIGHUP)[0], "s", 2)
    still = opened({**program, "argv": program.get("still", program["argv"]), "warm": 8})
    before = still.processor()
    size, writes = still.settle(idle)
    used = (still.processor() - before) / idle * 100
    table.tell(program["name"], "idle, in a minute", size * 60 / idle, "B", 600)
    table.tell(program["name"], "idle, writes in a minute", writes * 60 / idle, "writes", 15)
    table.tell(program["name"], "idle, of a processor", used, "%", 0.3)
    still.close()


def ours(qd, state, scenario="", speed="1"):
    argv = [qd, f"--sim{scenario}", f"--state-dir={state}/s"]
    subprocess.run([*argv, "--sim-speed", speed, "fleets"], check=True, capture_output=True, env={**os.environ, **SAFE})
    return {"name": "qd", "argv": argv, "marks": True, "moves": [b"j", b"k"], "still": [*argv, "--sim-speed", "0"]}


def peers(table):
    for name, moves, package in [("htop", [b"\x1b[B", b"\x1b[A"], "apt-get install htop"), ("taws", [b"j", b"k"], "cargo install taws")]:
        path = shutil.which(name)
        if path:
            yield {"name": name, "argv": [path], "marks": False, "moves": moves}
        else:
            table.notes.append(f"{name} is not installed and was not measured: {package}")


def linked_panes(table, program):
    """What follows the cursor elsewhere is drawn in a frame of its own: from the key to the end of that, for both panes."""
    screen = opened(program)
    for pane, name in ((b"1", "images"), (b"2", "fleets")):
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
        table.tell("qd", f"cursor in the {name}: what follows it", times, "ms", 50)
        table.tell("qd", f"cursor in the {name}: bytes of what follows it", statistics.median(sizes), "B", 1500)
    screen.close()


def cut_down(state, fleets, servers):
    """Leaves a big simulated world so many fleets with so many servers in each."""
    world = sqlite3.connect(f"{state}/s/sim-big/world.sqlite")
    body = json.loads(world.execute("SELECT body FROM world").fetchone()[0])
    kept = body["fleets"] = body["fleets"][:fleets]
    names = json.dumps(kept)
    body["groups"] = {name: group for name, group in body["groups"].items() if f'"{name}"' in names}
    templates = {group["template"] for group in body["groups"].values()}
    body["templates"] = {name: template for name, template in body["templates"].items() if name in templates}
    for what in ("places", "target_groups", "alarms"):
        body[what] = {name: thing for name, thing in body[what].items() if f'"{name}"' in names}
    for group in body["groups"].values():
        most = min(servers, group["sizes"]["desired"])
        group["servers"] = group["servers"][:most]
        group["sizes"] = {"min": min(most, group["sizes"]["min"]), "max": max(most, group["sizes"]["max"]), "desired": most}
    world.execute("UPDATE world SET body = ?", [json.dumps(body).encode()])
    world.execute("UPDATE clock SET generation = generation + 1")
    world.commit()
    world.close()
    for name in os.listdir(f"{state}/s/sim-big"):
        if name.startswith("store."):
            os.remove(f"{state}/s/sim-big/{name}")


def worlds(table, qd):
    """The same screen over 10, 100 and 1,000 fleets of a world that stands still: keys, memory, and the filter over fifty thousand servers."""
    costs = {}
    for fleets, servers in ((10, 20), (100, 20), (1000, 50)):
        with tempfile.TemporaryDirectory() as state:
            program = ours(qd, state, "=big", "0")
            if fleets < 1000:
                cut_down(state, fleets, servers)
            subprocess.run([*program["argv"], "fleets"], check=True, capture_output=True, env={**os.environ, **SAFE})
            screen = opened({**program, "warm": 20 if fleets == 1000 else 5})
            what = f"{fleets:,} fleets x {servers}"
            costs[fleets] = []
            for _ in range(BATCHES):
                before = screen.drawing()
                told = pressed(screen, [b"j", b"k"], 100)
                costs[fleets].append((screen.drawing() - before) / max(len(told), 1))
            table.tell("qd", f"{what}: processor time of a key and its frames", costs[fleets], "ms")
            table.tell("qd", f"{what}: resident memory", screen.resident(), "MiB", {100: 20, 1000: 100}.get(fleets))
            if fleets == 1000:
                os.write(screen.fd, b"r")
                keys(table, "qd", f"while {what} are read", screen, [b"j", b"k"], (2, 8))
                screen.key(b"/")
                keys(table, "qd", f"{what}: a letter of the filter", screen, [b"9", b"\x7f"], (8, None), 20)
            screen.close()
    table.tell("qd", "a key with 1,000 fleets against 10", min(costs[1000]) / min(costs[10]), "times", 2)


LOG_LINES = 200_000
RECIPE = """name = "slow"
app = { name = "web", version = "9.9.9" }
base = { owner = "136693071363", name = "debian-12-amd64-*", architecture = "x86_64" }
builder = { instance_type = "t3.small" }
provisioner = [{ type = "shell", name = "slow", run = ["sleep 3000"] }]
"""


def log_lines(first, count):
    return "".join(f"Get:{at} http://mirror/pool/main/p/package-{at % 977} of a log that somebody follows [9 MB]\n" for at in range(first, first + count))


def bake_log(table, qd):
    """The page of a bake that is at work, over a log of 200,000 lines: keys while it is read, while it grows, while it is searched."""
    with tempfile.TemporaryDirectory() as state:
        program = ours(qd, state, speed="1")
        recipe = f"{state}/slow.toml"
        with open(recipe, "w") as file:
            file.write(RECIPE)
        run = lambda *words: subprocess.run([*program["argv"], *words], check=True, capture_output=True, text=True, env={**os.environ, **SAFE}).stdout
        run("--sim-speed", "20", "bake", recipe, "--yes", "--detach")
        path = next(path for _ in range(600) if (path := waited(f"{state}/s", "bakes/op-1.log")))
        run("--sim-speed", "0", "bakes")
        driver = json.loads(run("op", "op-1", "--json"))["driver"]["pid"]
        try:
            with open(path, "a") as log:
                log.write(log_lines(0, LOG_LINES))
            screen = opened({**program, "argv": program["still"]})
            what = f"a log of {LOG_LINES:,} lines"
            screen.key(b"b")
            screen.settle(1)
            os.write(screen.fd, b"\r")
            palette(table, screen, f"{what}, while it is read", 20)
            screen.settle(8)
            with open(path, "a") as log:
                grow = lambda at: (log.write(log_lines(LOG_LINES + at * 500, 500)), log.flush())
                palette(table, screen, f"{what}, while it grows", 60, grow)
            keys(table, "qd", f"{what}: a line up or down", screen, [b"k", b"k", b"j"], (None, 8), 40)
            typed, alone = [], []
            for _ in range(10):
                os.write(screen.fd, b"/")
                screen.settle(0.2)
                for letter in b"package-771 ":
                    queued = screen.queued()
                    if took := screen.answer(bytes([letter]), bytes([letter]) + b"_"):
                        typed.append(took)
                        alone.append(max(0, took - (screen.queued() - queued)))
                os.write(screen.fd, b"\x1b")
                screen.settle(0.3)
            table.tell("qd", f"{what}: a letter of a search, p99", p99(typed), "ms", 8)
            table.tell("qd", f"{what}: a letter of a search less the wait for a processor, p99", p99(alone), "ms")
            os.write(screen.fd, b"/package-771")
            screen.settle(1)
            os.write(screen.fd, b"\r")
            screen.settle(1)
            keys(table, "qd", f"{what}: the next match", screen, [b"n", b"n", b"N"], (None, 8), 40)
            table.tell("qd", f"{what}: resident memory", screen.resident(), "MiB")
            screen.close()
        finally:
            os.kill(driver, signal.SIGKILL)


def waited(state, name):
    """The path of a file below the state, once it is there."""
    time.sleep(0.1)
    return next((path for below in os.listdir(state) if os.path.exists(path := f"{state}/{below}/{name}")), None)


def palette(table, screen, what, count, before=lambda at: None):
    """Opens and closes the palette: its title is in no frame that something else causes."""
    told, alone = [], []
    for at in range(count):
        before(at)
        time.sleep(0.01)
        queued = screen.queued()
        if took := screen.answer(b":", b"GO TO"):
            told.append(took)
            alone.append(max(0, took - (screen.queued() - queued)))
        os.write(screen.fd, b"\x1b")
        screen.settle(0.12)
    table.tell("qd", f"{what}: key to paint, p50", statistics.median(told), "ms", 2)
    table.tell("qd", f"{what}: key to paint, p99", p99(told), "ms", 8)
    table.tell("qd", f"{what}: key to paint less the wait for a processor, p99", p99(alone), "ms")


def ask(url, method="GET", body=None):
    data = json.dumps(body).encode() if body is not None else None
    return urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=10).read()


def aws(table, qd, python):
    """The first frame over an endpoint, and keys while every call takes two seconds."""
    server = subprocess.Popen([python, "-B", OVERLAY, "--port", "0", "--seed", "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={**os.environ, **SAFE, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"})
    url = json.loads(server.stdout.readline())["url"]
    try:
        with tempfile.TemporaryDirectory() as state:
            argv = [qd, f"--endpoint-url={url}", f"--state-dir={state}/s", f"--config={state}/fleets.toml"]
            tried = subprocess.run([*argv, "fleets"], capture_output=True, env={**os.environ, **SAFE}, text=True)
            if tried.returncode:
                table.notes.append(f"over an endpoint: not measured: {tried.stderr.splitlines()[0]}")
                return
            program = {"name": "qd aws", "argv": argv, "marks": True}
            first_frames(table, program)
            screen = opened({**program, "warm": 4})
            ask(f"{url}/qd-test/fault", "POST", {"service": "*", "action": "*", "times": 1000, "kind": "latency", "seconds": 2})
            os.write(screen.fd, b"r")
            keys(table, "qd", "a 2 s fetch under way", screen, [b"j", b"k"], (2, 8), 40)
            table.tell("qd aws", "resident memory, everyday", screen.resident(), "MiB")
            screen.close()
    finally:
        server.stdin.close()
        server.wait(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("qd")
    parser.add_argument("--endpoint-python", nargs="+", default=[])
    parser.add_argument("--idle", type=int, default=60)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    qd, table = os.path.abspath(options.qd), Table()
    print(f"{qd}: {os.path.getsize(qd) / 1e6:.1f} MB, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as state:
        program = ours(qd, state)
        everyday(table, program, options.idle)
        linked_panes(table, program)
    for peer in peers(table):
        everyday(table, peer, options.idle)
    if not options.quick:
        worlds(table, qd)
        bake_log(table, qd)
    able = [python for python in options.endpoint_python if subprocess.run([python, "-c", "import moto"], stderr=subprocess.DEVNULL).returncode == 0]
    if able:
        aws(table, qd, able[0])
    else:
        table.notes.append("over an endpoint: not measured, no --endpoint-python that has moto was given")
    missed = table.show()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Records `demo.gif`: a canary that goes bad and is backed out by its count check, then a rollback in two keys.

usage: record.py QD

QD is the program to record (cargo build --release --no-default-features). Everything happens on a simulated cloud in a directory
that is removed afterwards; the keys are pressed when the screen shows what a person would wait for. Frames are drawn with
DejaVu Sans Mono (Debian package fonts-dejavu-core). The packages of requirements.txt go into target/demo once.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import venv

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS, ROWS = 80, 24
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono"
FONT_SIZE = 15
SPEED = 60
PATIENCE_S = 120.0
# How long a new line below the terminal is read before the next key.
READING_S = 1.5
# Frames nearer than this are one; a frame that nothing follows for long is cut to the longest.
SHORTEST_S, LONGEST_S = 0.12, 2.5
BACKGROUND, FOREGROUND, CAPTION = "#14171c", "#d0d4da", "#ffd479"
ANSI = {
    "black": "#14171c", "red": "#ff6b6b", "green": "#7bd88f", "brown": "#ffd479", "blue": "#6cb6ff", "magenta": "#d2a8ff", "cyan": "#76e3ea",
    "white": "#d0d4da", "brightblack": "#7d8590", "brightred": "#ff8f8f", "brightgreen": "#a5e8b3", "brightbrown": "#ffe3a1",
    "brightblue": "#9dceff", "brightmagenta": "#e2c5ff", "brightcyan": "#a5f0f4", "brightwhite": "#ffffff",
}


def with_packages():
    """Starts this script again in an environment that has its packages."""
    home = os.path.join(HERE, "..", "..", "target", "demo")
    python = os.path.join(home, "bin", "python")
    if os.path.realpath(sys.prefix) == os.path.realpath(home):
        return
    if not os.path.exists(os.path.join(home, "complete")):
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", os.path.join(HERE, "requirements.txt")], check=True)
        open(os.path.join(home, "complete"), "w", encoding="utf-8").close()
    os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])


class Recording:
    """The program in a terminal of its own, and every picture it showed with the time it stood."""

    def __init__(self, argv):
        import pyte

        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.frames = []
        self.caption = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"})
            os.execv(argv[0], argv)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def look(self, seconds):
        """Shows what comes within the time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.fd], [], [], left)
            if ready:
                self.stream.feed(os.read(self.fd, 65536))
                # The rest of a frame follows at once: half a frame is no picture.
                while select.select([self.fd], [], [], 0.01)[0]:
                    self.stream.feed(os.read(self.fd, 65536))
                self.keep()

    def keep(self):
        """Keeps the picture of this moment."""
        cells = [[self.screen.buffer[row][column] for column in range(COLUMNS)] for row in range(ROWS)]
        self.frames.append((time.monotonic(), cells, self.caption))

    def say(self, caption):
        """Changes the line below the terminal."""
        self.caption = caption
        self.keep()
        self.look(READING_S)

    def wait(self, *words):
        """Waits until the screen shows all the words."""
        began = time.monotonic()
        while not all(word in "\n".join(self.screen.display) for word in words):
            if time.monotonic() - began > PATIENCE_S:
                raise SystemExit(f"{words} did not come:\n" + "\n".join(self.screen.display))
            self.look(0.05)

    def press(self, keys, pause=0.7):
        """Presses keys as a person does, and looks at what they do."""
        os.write(self.fd, keys.encode())
        self.look(pause)

    def type(self, text):
        for letter in text:
            self.press(letter, 0.06)


def record(qd, state):
    """The story."""
    shown = Recording([qd, "--sim", "--state-dir", state])
    shown.wait("web-prod", "api-prod", "steady")
    shown.say("12 servers run 2.13.2. Deploy 2.15.0: it answers 4 % of its requests with errors")
    shown.press("D")
    shown.wait("2.15.0")
    while not any("> " in line and "2.15.0" in line.split("> ", 1)[1][:12] for line in shown.screen.display):
        shown.press("j", 0.25)
    shown.press("\r")
    shown.wait("y ")
    shown.say("D: the whole plan first, with every call it will make")
    shown.press("i", 0.3)
    shown.type("cart badge")
    shown.press("\r", 0.8)
    shown.press("y")
    shown.wait("canary", "claim the fleet")
    shown.say("y: a detached process drives it. This screen may be closed")
    shown.wait("5%")
    shown.say("one server at weight 0, then 5 % of the traffic, counted against stable")
    shown.wait("BACKING OUT")
    shown.say("the count check fails: it backs out by itself")
    shown.wait("BACKED OUT")
    shown.say("backed out: nobody pressed a key")
    shown.look(2.0)
    shown.press("\x1b")
    shown.say("api-prod runs 5.2.0 now. Its old group is warm: the way back takes seconds (R0)")
    while not any("> api-prod" in line for line in shown.screen.display):
        shown.press("j", 0.4)
    shown.look(1.6)
    shown.press("R", 0.4)
    shown.wait("ROLL BACK api-prod")
    shown.say("R: where to, by which way, how long it takes, what stands in the way")
    shown.press("y", 0.3)
    shown.wait("BAD TRAFFIC STOPPED", "5.1.0")
    shown.say("R y: all traffic is on 5.1.0 again")
    shown.look(3.0)
    os.kill(shown.pid, signal.SIGTERM)
    os.waitpid(shown.pid, 0)
    return shown.frames


def prepare(qd, state):
    """A fleet with a release to go back from."""
    run = [qd, "--sim", "--state-dir", state]
    subprocess.run([*run, "--sim-speed", "1200", "deploy", "api-prod", "--image", "5.2.0", "--reason", "demo", "--yes", "--detach"], check=True, capture_output=True)
    while True:
        told = subprocess.run([*run, "op", "op-1", "--json"], check=True, capture_output=True).stdout
        state_now = json.loads(told)["state"]
        if state_now == "holding":
            subprocess.run([*run, "promote", "op-1", "--reason", "demo"], check=True, capture_output=True)
        if state_now == "succeeded":
            break
        time.sleep(0.1)
    subprocess.run([*run, "--sim-speed", str(SPEED), "ops"], check=True, capture_output=True)


def colour(name, default):
    if name == "default":
        return default
    return ANSI.get(name) or "#" + name


def draw(cells, caption, fonts, width, height):
    """One picture."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (COLUMNS * width + 2 * width, (ROWS + 3) * height), BACKGROUND)
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            ink, paper = colour(cell.fg, FOREGROUND), colour(cell.bg, BACKGROUND)
            if cell.reverse:
                ink, paper = paper, ink
            left, top = (column + 1) * width, row * height + height // 2
            if paper != BACKGROUND:
                pen.rectangle((left, top, left + width - 1, top + height - 1), fill=paper)
            if cell.data.strip():
                pen.text((left, top), cell.data, font=fonts[cell.bold], fill=ink)
    pen.text((width, (ROWS + 1) * height + height // 2), caption, font=fonts[True], fill=CAPTION)
    return image


def save(frames, path):
    """The pictures as one moving one."""
    from PIL import ImageFont

    fonts = {bold: ImageFont.truetype(FONT + ("-Bold" if bold else "") + ".ttf", FONT_SIZE) for bold in (False, True)}
    width, height = round(fonts[False].getlength("M")), sum(fonts[False].getmetrics())
    shown, lasted = [], []
    for (at, cells, caption), after in zip(frames, [*frames[1:], (frames[-1][0] + LONGEST_S, None, None)]):
        stood = after[0] - at
        if stood < SHORTEST_S and after[1] is not None:
            continue
        shown.append(draw(cells, caption, fonts, width, height))
        lasted.append(int(min(max(stood, SHORTEST_S), LONGEST_S) * 1000))
    palette = shown[len(shown) // 2].quantize(colors=64)
    shown = [image.quantize(palette=palette, dither=0) for image in shown]
    shown[0].save(path, save_all=True, append_images=shown[1:], duration=lasted, loop=0, optimize=True)
    print(f"{path}: {len(shown)} pictures, {sum(lasted) / 1000:.0f} s, {os.path.getsize(path) / 1000:.0f} kB")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with_packages()
    qd = os.path.abspath(sys.argv[1])
    if not os.path.exists(FONT + ".ttf"):
        raise SystemExit(f"{FONT}.ttf is missing: install Debian's fonts-dejavu-core")
    with tempfile.TemporaryDirectory() as state:
        prepare(qd, state)
        frames = record(qd, state)
        subprocess.run([qd, "--sim", "--state-dir", state, "--sim-speed", "100000", "ops"], check=True, capture_output=True)
    save(frames, os.path.join(HERE, "demo.gif"))


if __name__ == "__main__":
    main()

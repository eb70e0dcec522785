"""moto with the parts of AWS that Quarterdeck's tests need, and a control plane for the tests.

    python overlay.py --port 0 --seed --stdin

prints one line of JSON, `{"url": ..., "seed": ...}`, when it is ready. With --port 0 the system
chooses the port and nobody can take it in between. With --stdin the server ends when its standard
input does, so that it cannot outlive the test that started it, however that test dies.
"""

import argparse
import json
import logging
import os
import sys
import threading

# The stock images would fill every listing.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

# ruff: noqa: E402, I001 (the order matters: `quick` must come before moto's EC2)
from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from emu import quick  # noqa: F401
from emu import (
    alarms,
    bakes,
    group_calls,
    groups,
    health,
    images,
    lives,
    refresh,
    refresh_calls,
    routing,
    templates,
    wire,
)
from emu.control import control
from emu.gate import Gate
from emu.world import SETTINGS


class Handler(MotoRequestHandler):
    """Small answers go out at once: with Nagle's algorithm each would wait for the client's ACK."""

    disable_nagle_algorithm = True

    def date_time_string(self, timestamp=None):
        """The Date of every answer, which the server adds itself."""
        return wire.date()

    def log_request(self, code="-", size="-"):
        """The call log is under /qd-test/calls."""


def install():
    """Patch moto. Target health comes first: groups look at it when they catch up."""
    patches = (images, bakes, lives, templates, health, routing, groups, alarms, refresh, refresh_calls, group_calls)
    for part in patches:
        part.install()


def _arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="loopback port, 0 to have one chosen")
    parser.add_argument("--seed", action="store_true", help="seed the estate before saying ready")
    parser.add_argument("--stdin", action="store_true", help="end with standard input")
    parser.add_argument("--settings", default="{}", help="JSON, as for POST /qd-test/settings")
    return parser.parse_args()


def _end_with_stdin():
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


def _seeded(url):
    """Seed without delays, then forget the calls it took."""
    import seed

    chosen = SETTINGS.as_dict()
    SETTINGS.change({name: 0 for name in chosen if name.endswith("_seconds")})
    try:
        return seed.seed(url)
    finally:
        SETTINGS.change(chosen)


def main():
    """Serve until told to end."""
    arguments = _arguments()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    install()
    SETTINGS.change(json.loads(arguments.settings))
    gate = Gate(DomainDispatcherApplication(create_backend_app), control)
    server = make_server("127.0.0.1", arguments.port, gate, threaded=True, request_handler=Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    if arguments.stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    estate = _seeded(url) if arguments.seed else None
    gate.log.clear()
    print(json.dumps({"url": url, "seed": estate}), flush=True)
    serving.join()


if __name__ == "__main__":
    main()

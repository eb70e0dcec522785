"""microburst between a client and the endpoint: an AWS endpoint with a bad network in front of it.

    python faultproxy.py --upstream http://127.0.0.1:PORT --stdin

prints one line of JSON, `{"url": ...}`, when it is ready. The system chooses the port, which the
program `microburst` itself cannot be asked for; all else is microburst's. Its control API is under
/_microburst. With --stdin it ends when its standard input does.
"""

import argparse
import json
import logging
import os
import socket
import sys
import threading

from aiohttp import web
from microburst.app import make_app
from microburst.core.pipeline import Microburst
from microburst.detection import detect, host

# One call of each service, as its SDK signs it: the first look at a service loads its model, which takes long.
WARM = {
    "autoscaling": "DescribeAutoScalingGroups",
    "ec2": "DescribeImages",
    "elasticloadbalancing": "DescribeRules",
    "sts": "GetCallerIdentity",
}


def _warm():
    # A loopback address names no service, and to find that out microburst would read the models of all of AWS.
    host._endpoint_prefix_map = dict
    for scope, action in WARM.items():
        credential = f"Credential=warm/20260101/us-east-1/{scope}/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-www-form-urlencoded",
            "Host": "127.0.0.1:1",
        }
        found = detect(headers, "POST", "/", {}, f"Action={action}".encode())
        if found.operation != action:
            raise SystemExit(f"microburst takes {scope}:{action} for {found.service}:{found.operation}")


def _end_with_stdin():
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


def main():
    """Serve until told to end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--stdin", action="store_true", help="end with standard input")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if arguments.stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    _warm()
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    print(json.dumps({"url": url}), flush=True)
    web.run_app(make_app(Microburst(arguments.upstream)), sock=listening, print=None, access_log=None)


if __name__ == "__main__":
    main()

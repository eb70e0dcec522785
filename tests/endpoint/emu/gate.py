"""The door in front of moto: logs each call, applies access and faults, holds the lock."""

import contextlib
import socket
import sys
import threading
import time
import traceback

from botocore.model import OperationNotFoundError
from werkzeug.test import run_wsgi_app

from . import access, budget, cbor, faults, wire
from .world import LOCK, tick

# werkzeug needs a status line to accept a response object; the socket is closed before it is sent.
NO_ANSWER = "499 No Answer"


class CallLog:
    """Every API call since the log was last cleared, in the order in which they arrived."""

    def __init__(self):
        self._lock = threading.Lock()
        self._calls = []
        self._seq = 0

    def begin(self, call):
        """Add a call that has not been answered yet: its status is null."""
        with self._lock:
            self._seq += 1
            entry = {
                "seq": self._seq,
                "time": time.time(),
                "service": call.service,
                "action": call.action,
                "access_key": call.access_key,
                "region": call.region,
                "status": None,
                "error": None,
                "request_id": None,
                "fault": None,
                "params": call.params,
            }
            self._calls.append(entry)
            return entry

    def listing(self):
        """A copy of the log."""
        with self._lock:
            return [dict(entry) for entry in self._calls]

    def clear(self):
        """Forget all calls."""
        with self._lock:
            self._calls.clear()


class Gate:
    """The WSGI application: control requests go to `control`, all others to moto."""

    def __init__(self, moto, control):
        self.moto, self.control = moto, control
        self.log, self.faults, self.budgets = CallLog(), faults.Faults(), budget.Budgets()
        self._last = {}

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/qd-test"):
            answer = self.control(self, environ)
        elif path.startswith("/moto-api"):
            answer = self._moto(environ)
        else:
            answer = self._api(wire.ApiCall(environ), environ)
        return _send(answer, environ, start_response)

    def _api(self, call, environ):
        entry = self.log.begin(call)
        fault = self.faults.take(call)

        def perform():
            if not self.budgets.spend(call.service):
                return wire.throttled(call.service)
            return access.refusal(call) or self._performed(call, environ)

        if fault:
            entry["fault"] = fault.kind
            answer = faults.apply(fault, call, perform, self._last.get(call.identity()))
        else:
            answer = perform()
            if not call.writes():
                self._last[call.identity()] = answer
        entry["status"], entry["error"] = answer.status, answer.error_code()
        entry["request_id"] = answer.request_id()
        return answer

    def _performed(self, call, environ):
        """moto's answer; what moto cannot do becomes an error a client can read."""
        try:
            if call.document is None:
                return self._moto(environ)
            answer = self._moto(cbor.as_json(environ, call.document))
            return wire.Answer(*cbor.from_json(environ, answer.status, answer.body, answer.headers))
        except (NotImplementedError, OperationNotFoundError):
            message = f"The action {call.action} is not valid for this web service."
            return wire.error(call.service, 400, "InvalidAction", message)
        except Exception:
            print(f"{call.service}:{call.action} {call.params}", file=sys.stderr)
            traceback.print_exc()
            return wire.broken(call.service)

    def _moto(self, environ):
        with LOCK:
            tick()
            body, status, headers = run_wsgi_app(self.moto, environ, buffered=True)
            tick()
            return wire.Answer(int(status.split()[0]), b"".join(body), list(headers))


def _send(answer, environ, start_response):
    if answer.status is None:
        _hang_up(environ)
        start_response(NO_ANSWER, [("Content-Length", "0")])
        return [b""]
    headers = [(k, v) for k, v in answer.headers if k.lower() not in ("date", "content-length")]
    headers.append(("Content-Length", str(len(answer.body))))
    start_response(f"{answer.status} Answer", headers)
    return [answer.body]


def _hang_up(environ):
    with contextlib.suppress(OSError):  # the client was faster
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)

"""Faults a test orders for the next calls of one operation."""

import dataclasses
import threading
import time

from . import wire

KINDS = (
    "throttle",
    "error500",
    "error500_after",
    "error",
    "timeout_before",
    "reply_lost_after",
    "latency",
    "stale",
)


@dataclasses.dataclass
class Fault:
    """One order: which calls, how many of them, and what happens to them.

    `skip` calls pass first (the second page fails, not the first); `contains` restricts it to
    calls with that text in a parameter; `status`, `code` and `message` belong to kind `error`.
    """

    service: str
    action: str
    kind: str
    times: int = 1
    seconds: float = 0.0
    skip: int = 0
    contains: str = ""
    status: int = 400
    code: str = "ValidationError"
    message: str = "injected"
    fired: int = 0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"no fault kind {self.kind!r}; there are {', '.join(KINDS)}")

    def matches(self, call):
        """Whether this call is one of those ordered."""
        named = self.service in ("*", call.service) and self.action in ("*", call.action)
        return named and (not self.contains or any(self.contains in v for v in call.params.values()))


class Faults:
    """The orders in force, taken in the order they came."""

    def __init__(self):
        self._lock = threading.Lock()
        self._orders = []

    def add(self, values):
        """Order a fault; the body of `POST /qd-test/fault`."""
        fault = Fault(**values)
        with self._lock:
            self._orders.append(fault)
        return dataclasses.asdict(fault)

    def clear(self):
        """Withdraw all orders."""
        with self._lock:
            self._orders.clear()

    def listing(self):
        """All orders with how often each has fired."""
        with self._lock:
            return [dataclasses.asdict(f) for f in self._orders]

    def take(self, call):
        """The fault for this call, if one is due; counts it."""
        with self._lock:
            for fault in self._orders:
                if fault.fired < fault.times and fault.matches(call):
                    if fault.skip > 0:
                        fault.skip -= 1
                        return None
                    fault.fired += 1
                    return fault
        return None


def apply(fault, call, perform, earlier):
    """Perform the call with the fault in the way; `earlier` is the last undisturbed answer to it."""
    if fault.kind == "stale":
        return earlier or perform()
    if fault.kind == "latency":
        time.sleep(fault.seconds)
        return perform()
    if fault.kind == "timeout_before":
        time.sleep(fault.seconds)
        return wire.Answer(None, b"")
    if fault.kind == "throttle":
        return wire.throttled(call.service)
    if fault.kind == "error500":
        return wire.broken(call.service)
    if fault.kind == "error":
        return wire.error(call.service, fault.status, fault.code, fault.message)
    perform()
    time.sleep(fault.seconds)
    return wire.broken(call.service) if fault.kind == "error500_after" else wire.Answer(None, b"")

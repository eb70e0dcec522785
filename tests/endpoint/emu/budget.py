"""Token buckets like AWS's, off unless a test sets them with the `budgets` setting.

ELB counts all calls of an account in one bucket of 40 that refills by 10 a second:
`{"budgets": {"elbv2": [40, 10]}}`. The lowest level seen tells whether a client kept a reserve.
"""

import threading

from .world import SETTINGS, now


class Budgets:
    """The buckets of the services that have one."""

    def __init__(self):
        self._lock = threading.Lock()
        self._buckets = {}

    def spend(self, service):
        """Take a token for a call; false if the bucket is empty. A service without one never is."""
        limits = SETTINGS.budgets.get(service)
        if limits is None:
            return True
        with self._lock:
            burst, refill = limits
            bucket = self._buckets.get(service)
            if bucket is None or bucket["limits"] != limits:
                bucket = {"limits": limits, "tokens": burst, "lowest": burst, "at": now()}
                self._buckets[service] = bucket
            bucket["tokens"] = min(burst, bucket["tokens"] + (now() - bucket["at"]) * refill)
            bucket["at"] = now()
            allowed = bucket["tokens"] >= 1
            bucket["tokens"] -= 1 if allowed else 0
            bucket["lowest"] = min(bucket["lowest"], bucket["tokens"])
            return allowed

    def listing(self):
        """Each bucket's level after its last call, and the lowest so far."""
        with self._lock:
            return {s: {"tokens": b["tokens"], "lowest": b["lowest"]} for s, b in self._buckets.items()}

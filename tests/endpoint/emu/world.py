"""What every part of the overlay shares: one lock, one clock, the settings, and the tick.

moto changes its inventory inside calls only. Things that happen by themselves on AWS (an instance
comes into service, a target has drained) are caught up on at the start of each call instead of by
a thread, so that a call sees one consistent world and a test can reason about what it will see.
"""

import dataclasses
import threading
import time

# moto's backends are plain dictionaries and its server is threaded: one call at a time.
LOCK = threading.RLock()

now = time.monotonic


@dataclasses.dataclass
class Settings:
    """Delays and switches a test may change while the endpoint runs; delays are seconds."""

    initial_seconds: float = 0.3  # a new target is `initial` this long
    drain_seconds: float = 0.3  # a deregistered target is `draining` this long, then gone
    pending_seconds: float = 0.2  # an instance is `Pending` this long
    terminating_seconds: float = 0.2  # an instance is `Terminating` at least this long
    image_pending_seconds: float = 2.0  # an image from CreateImage or CopyImage is `pending` this long
    bake_part_seconds: float = 0.5  # each part of a builder's script takes so long
    refresh_step_seconds: float = 0.2  # an instance refresh launches or terminates this often
    time_scale: float = 1.0  # waits a caller asks AWS for (warm-up, bake, checkpoint) pass so much faster
    page_size_cap: int = 0  # > 0: no list answers more per page, however many were asked for
    date_offset_seconds: float = 0.0  # shift of the Date header, for clocks that disagree
    replace_unhealthy: bool = False  # groups replace instances their health check calls unhealthy
    budgets: dict = dataclasses.field(default_factory=dict)  # service -> [burst, refill a second]
    capacity: dict = dataclasses.field(default_factory=dict)  # group name -> most instances it can get

    def change(self, values):
        """Set the given fields; an unknown name is an error, so that a misspelt test fails."""
        known = {f.name: f.type for f in dataclasses.fields(self)}
        for name in values:
            if name not in known:
                raise ValueError(f"no setting {name!r}; there are {', '.join(known)}")
        for name, value in values.items():
            setattr(self, name, value)

    def as_dict(self):
        """The settings as JSON shows them."""
        return dataclasses.asdict(self)


SETTINGS = Settings()

# Each part adds what it has to catch up on; the order is the order in which the modules install.
ON_TICK = []


def tick():
    """Let everything happen that is due. The caller holds the lock."""
    for step in ON_TICK:
        step()


def backends_in_use(backend_dict):
    """The region backends that exist already, without creating any."""
    for account in list(backend_dict.values()):
        yield from list(account.values())

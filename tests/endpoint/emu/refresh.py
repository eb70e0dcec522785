"""Instance refresh, which moto does not have: how one proceeds, tick by tick.

New instances get the desired configuration while the group's own template stays as it is until the
refresh has succeeded. That is what makes AWS's own rollback possible, and what a group saved with
`$Latest` cannot do. The calls are in `refresh_calls`. It is our reading of AWS, not AWS.
"""

import dataclasses
import datetime
import math
import uuid

from moto.autoscaling import models

from . import alarms, groups, health
from .world import ON_TICK, SETTINGS, backends_in_use, now

FORWARD = ("Pending", "InProgress", "Baking")
REPLACING = ("Pending", "InProgress", "RollbackInProgress")
RUNNING = (*FORWARD, "RollbackInProgress", "Cancelling")
# AWS gives up when nothing moved for this long.
GIVES_UP_SECONDS = 3600


def _utc():
    return datetime.datetime.now(datetime.UTC)


def passed(seconds):
    """What AWS's wait of so many seconds takes here."""
    return seconds / SETTINGS.time_scale


@dataclasses.dataclass
class Refresh:
    """One instance refresh; the fields with capitals in `shown` are AWS's."""

    group: object
    version: object
    configuration: dict
    preferences: dict
    todo: list = dataclasses.field(default_factory=list)
    total: int = 0
    status: str = "Pending"
    reason: str | None = None
    percent: int = 0
    checkpoint: int = 0  # how many of the checkpoints are passed
    rollback: dict | None = None
    ended: datetime.datetime | None = None

    def __post_init__(self):
        self.id, self.started = str(uuid.uuid4()), _utc()
        self.next, self.moved_at, self.resumes_at = now() + SETTINGS.refresh_step_seconds, now(), None
        self.bakes_until, self.seen = None, None
        skip = self.preferences["SkipMatching"]
        self.aim([s.instance.id for s in _candidates(self) if not (skip and is_version(s, self.version))])

    def aim(self, todo):
        """These instances are to be replaced by ones of `version`."""
        self.todo, self.total, self.percent = todo, len(todo), 0 if todo else 100
        self.moved_at = now()

    def shown(self):
        """As DescribeInstanceRefreshes answers."""
        pool = {"PercentageComplete": self.percent, "InstancesToUpdate": len(self.todo)}
        return {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group.name,
            "Status": self.status,
            "StatusReason": self.reason,
            "StartTime": self.started,
            "EndTime": self.ended,
            **pool,
            "ProgressDetails": {"LivePoolProgress": pool},
            "Preferences": self.preferences,
            "DesiredConfiguration": self.configuration or None,
            "RollbackDetails": self.rollback,
            "Strategy": "Rolling",
        }


def running(group):
    """The refresh in progress, if there is one; a group has at most one."""
    return next((r for r in group.refreshes if r.status in RUNNING), None)


def is_version(state, version):
    """Whether the instance was launched from this launch template version."""
    template = state.template or {}
    return template.get("LaunchTemplateId") == version.template.id and template.get("Version") == str(
        version.number
    )


def _standby(group):
    return [s for s in group.instance_states if s.lifecycle_state == "Standby"]


def _candidates(refresh):
    standby = _standby(refresh.group) if refresh.preferences["StandbyInstances"] == "Terminate" else []
    return [*groups.members(refresh.group), *standby]


def _free(refresh):
    """Those that may be replaced now: a protected one only if the refresh was told to."""
    takes = refresh.preferences["ScaleInProtectedInstances"] == "Refresh"
    all_of = {s.instance.id: s for s in _candidates(refresh)}
    refresh.todo = [i for i in refresh.todo if i in all_of]
    return [all_of[i] for i in refresh.todo if takes or not all_of[i].protected_from_scale_in]


def _is_ready(state, warmup):
    """In service, healthy by the group's own check, and warmed up."""
    group = state.auto_scaling_group
    good = state.lifecycle_state == "InService" and state.health_status == "Healthy"
    if good and "ELB" in group.health_check_type:
        good = all(health.state_of(tg, state.instance.id) == "healthy" for tg in health.groups_of(group))
    if not good:
        state.ready_at = None
        return False
    state.ready_at = now() if state.ready_at is None else state.ready_at
    return now() >= state.ready_at + passed(warmup)


def _ready(refresh):
    """The ready instances, old and new; only new ones have to warm up."""
    warmup = refresh.preferences["InstanceWarmup"]
    new = lambda s: is_version(s, refresh.version)
    return [s for s in groups.members(refresh.group) if _is_ready(s, warmup if new(s) else 0)]


def _bounds(refresh):
    """The fewest ready instances and the most instances there may be."""
    desired, preferences = refresh.group.desired_capacity, refresh.preferences
    low = math.ceil(desired * preferences["MinHealthyPercentage"] / 100)
    asked = preferences.get("MaxHealthyPercentage", 100)
    # One at a time goes on even where the percentages leave no room.
    most = max(desired + (asked > 100 or low >= desired > 1 or desired == 1 and low == 1), desired * asked // 100)
    return (low if most > desired else min(low, desired - 1)), most


def _allowed(refresh):
    """How many may have been replaced in all, by the checkpoint ahead."""
    points = refresh.preferences.get("CheckpointPercentages")
    if not points or refresh.status == "RollbackInProgress":
        return refresh.total
    point = points[min(refresh.checkpoint, len(points) - 1)]
    return math.ceil(refresh.total * point / 100)


def _replace(refresh):
    """Launch what fits, then terminate what is not needed any more."""
    group, free = refresh.group, _free(refresh)
    left = _allowed(refresh) - (refresh.total - len(refresh.todo))
    free = free[: max(0, left)]
    low, most = _bounds(refresh)
    room = min(most - group.desired_capacity, len(free)) - group.surge
    if room > 0:
        group.surge += room
        groups.settle(group)
    ready = _ready(refresh)
    for state in free:
        if state in ready:
            if len(ready) <= low:
                continue
            ready.remove(state)
        _take_out(refresh, state)


def _take_out(refresh, state):
    group = refresh.group
    refresh.todo.remove(state.instance.id)
    if state.lifecycle_state != "Standby":
        group.surge = max(0, group.surge - 1)
    groups.retire(group, state)
    groups.settle(group)


def _count(refresh):
    """Percent lags: a replaced instance counts once its successor is ready."""
    group = refresh.group
    ready = sum(is_version(s, refresh.version) for s in _ready(refresh))
    missing = max(0, group.desired_capacity - len(refresh.todo) - ready)
    done = max(0, refresh.total - len(refresh.todo) - missing)
    refresh.percent = int(100 * done / refresh.total) if refresh.total else 100
    seen = (len(refresh.todo), ready, len(group.instance_states))
    if seen != refresh.seen:
        refresh.seen, refresh.moved_at = seen, now()
    return missing == 0


def _at_checkpoint(refresh, settled):
    """Wait at a checkpoint, which ends by itself; true while the refresh stands there."""
    points = refresh.preferences.get("CheckpointPercentages")
    if not points or refresh.status == "RollbackInProgress":
        return False
    if refresh.resumes_at is not None:
        refresh.moved_at = now()
        if now() < refresh.resumes_at:
            return True
        refresh.resumes_at = None
        refresh.checkpoint += 1
        return False
    reached = refresh.total - len(refresh.todo) >= _allowed(refresh)
    if not (reached and settled and refresh.checkpoint < len(points) - 1):
        return False
    delay = refresh.preferences["CheckpointDelay"]
    refresh.resumes_at = now() + passed(delay)
    refresh.reason = f"Waiting {delay} seconds for the checkpoint at {points[refresh.checkpoint]}%."
    return True


def _is_over(refresh):
    """Nothing is left that this refresh is to replace."""
    if refresh.total - len(refresh.todo) >= _allowed(refresh):
        return True
    if refresh.preferences["ScaleInProtectedInstances"] == "Ignore":
        return not _free(refresh)
    return not refresh.todo


def _waits_for_standby(refresh):
    return refresh.preferences["StandbyInstances"] == "Wait" and any(
        not is_version(s, refresh.version) for s in _standby(refresh.group)
    )


def begin_rollback(refresh, why):
    """Go back to the group's own template, which is a numbered version."""
    group = refresh.group
    refresh.rollback = {
        "RollbackReason": why,
        "RollbackStartTime": _utc(),
        "PercentageCompleteOnRollback": refresh.percent,
        "InstancesToUpdateOnRollback": len(refresh.todo),
    }
    refresh.status, refresh.reason, refresh.resumes_at = "RollbackInProgress", why, None
    group.refresh_version, group.surge = None, 0
    refresh.version = groups.version_of(group)
    group.refresh_version = refresh.version
    ready = _ready(refresh)
    old = [s for s in _candidates(refresh) if not is_version(s, refresh.version)]
    old.sort(key=lambda s: s in ready)  # what is still coming up goes first
    for state in old[: max(0, len(groups.members(group)) - group.desired_capacity)]:
        groups.retire(group, state)
    refresh.aim([s.instance.id for s in old if s in group.instance_states])
    refresh.next = now() + SETTINGS.refresh_step_seconds


def begin_cancel(refresh):
    """Stop replacing; what is being launched comes up first."""
    refresh.status, refresh.reason = "Cancelling", "Cancelled due to user request."
    refresh.group.surge = 0
    refresh.group.refresh_version = None


def _end(refresh, status, reason=None):
    group = refresh.group
    refresh.status, refresh.ended, refresh.reason = status, _utc(), reason or refresh.reason
    group.refresh_version, group.surge = None, 0


def _succeed(refresh):
    """Only now does the group itself get the new template."""
    if refresh.status == "RollbackInProgress":
        _end(refresh, "RollbackSuccessful")
        return
    _end(refresh, "Successful", "Instance refresh succeeded.")
    refresh.percent = 100 if not refresh.todo else refresh.percent
    template = refresh.configuration.get("LaunchTemplate")
    if template:
        refresh.group._set_launch_configuration(None, template, None)


def _fail(refresh, why):
    if refresh.status == "RollbackInProgress":
        _end(refresh, "RollbackFailed", why)
    elif refresh.preferences["AutoRollback"]:
        begin_rollback(refresh, why)
    else:
        _end(refresh, "Failed", why)


def _alarm(refresh):
    """The name of a watched alarm that is in ALARM, or None. A rollback is not watched."""
    if refresh.status not in FORWARD:
        return None
    watched = (refresh.preferences.get("AlarmSpecification") or {}).get("Alarms") or []
    return next((name for name, state in alarms.states(watched).items() if state == "ALARM"), None)


def _advance(refresh):
    if refresh.status == "Cancelling":
        if not any(s.lifecycle_state == "Pending" for s in refresh.group.instance_states):
            _end(refresh, "Cancelled")
        return
    red = _alarm(refresh)
    if red:
        _fail(refresh, f"The CloudWatch alarm {red} went into ALARM state.")
    elif refresh.status == "Baking":
        if now() >= refresh.bakes_until:
            _succeed(refresh)
    else:
        _go_on(refresh)


def _go_on(refresh):
    if refresh.status == "Pending":
        refresh.status = "InProgress"
    _free(refresh)  # what went by itself need not be replaced
    settled = _count(refresh)
    if _at_checkpoint(refresh, settled):
        return
    if now() >= refresh.next and not _is_over(refresh):
        refresh.next = now() + SETTINGS.refresh_step_seconds
        _replace(refresh)
    elif _is_over(refresh) and settled and not _waits_for_standby(refresh):
        _all_replaced(refresh)
    if refresh.status in REPLACING and now() > refresh.moved_at + passed(GIVES_UP_SECONDS):
        _fail(refresh, "Instances did not become healthy or could not be replaced within one hour.")


def _all_replaced(refresh):
    bake = refresh.preferences.get("BakeTime") or 0
    if bake and refresh.status != "RollbackInProgress":
        refresh.status, refresh.bakes_until = "Baking", now() + passed(bake)
        refresh.reason = f"Waiting {bake} seconds of bake time."
    else:
        _succeed(refresh)


def _tick():
    for backend in backends_in_use(models.autoscaling_backends):
        for group in list(backend.autoscaling_groups.values()):
            refresh = running(group)
            if refresh:
                _advance(refresh)


def install():
    """Let refreshes proceed."""
    ON_TICK.append(_tick)

"""Instance refresh, which moto does not have: replace one instance a step, cancel, roll back.

The group's own template stays as it is until the refresh has succeeded; new instances get the
desired configuration meanwhile. That is what makes AWS's own rollback possible, and what a group
saved with `$Latest` cannot do.
"""

import datetime
import uuid

from moto.autoscaling import models
from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from . import groups
from .world import ON_TICK, SETTINGS, backends_in_use, now

RUNNING = ("Pending", "InProgress", "RollbackInProgress")
DEFAULTS = {
    "MinHealthyPercentage": 90,
    "InstanceWarmup": 0,
    "SkipMatching": False,
    "AutoRollback": False,
    "ScaleInProtectedInstances": "Wait",
    "StandbyInstances": "Wait",
}


def running(group):
    """The refresh in progress, if there is one; a group has at most one."""
    return next((r for r in group.refreshes if r["Status"] in RUNNING), None)


def _is_version(state, version):
    template = state.template or {}
    return template.get("LaunchTemplateId") == version.template.id and template.get("Version") == str(
        version.number
    )


def _wanted(group, configuration):
    asked = configuration.get("LaunchTemplate")
    if asked is None:
        return groups.version_of(group)
    backend = group.ec2_backend
    template_id, name = asked.get("LaunchTemplateId"), asked.get("LaunchTemplateName")
    template = (
        backend.get_launch_template(template_id) if template_id else backend.get_launch_template_by_name(name)
    )
    return template.get_version(asked.get("Version", "$Default"))


def _group(self):
    return self.autoscaling_backend.autoscaling_groups[self._get_param("AutoScalingGroupName")]


def _start(self):
    group = _group(self)
    if running(group):
        raise AutoscalingClientError(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        )
    configuration = self._get_param("DesiredConfiguration") or {}
    preferences = {**DEFAULTS, **(self._get_param("Preferences") or {})}
    version = _wanted(group, configuration)
    skip = preferences["SkipMatching"]
    todo = [s.instance.id for s in groups.members(group) if not (skip and _is_version(s, version))]
    refresh = {
        "InstanceRefreshId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Status": "Pending",
        "StartTime": datetime.datetime.now(datetime.UTC),
        "PercentageComplete": 0,
        "InstancesToUpdate": len(todo),
        "DesiredConfiguration": configuration,
        "Preferences": preferences,
        "_todo": todo,
        "_total": len(todo),
        "_next": now() + SETTINGS.refresh_step_seconds,
    }
    group.refreshes.insert(0, refresh)
    group.refresh_version = version
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def _describe(self):
    wanted = self._get_param("InstanceRefreshIds", [])
    found = [r for r in _group(self).refreshes if not wanted or r["InstanceRefreshId"] in wanted]
    return ActionResult({"InstanceRefreshes": [{k: v for k, v in r.items() if k[0] != "_"} for r in found]})


def _active(self):
    group = _group(self)
    refresh = running(group)
    if refresh is None:
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound",
            f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}",
        )
    return group, refresh


def _cancel(self):
    group, refresh = _active(self)
    _end(group, refresh, "Cancelled")
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def _rollback(self):
    group, refresh = _active(self)
    saved = str(group.launch_template_version)
    if not refresh["DesiredConfiguration"] or not saved.isdigit():
        raise AutoscalingClientError(
            "IrreversibleInstanceRefresh",
            "The desired configuration was not specified, or the group's launch template version is not a number.",
        )
    group.refresh_version = None
    old = groups.version_of(group)
    todo = [s.instance.id for s in groups.members(group) if not _is_version(s, old)]
    refresh.update(Status="RollbackInProgress", _todo=todo, _total=len(todo), InstancesToUpdate=len(todo))
    refresh["_next"] = now() + SETTINGS.refresh_step_seconds
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def _end(group, refresh, status):
    refresh["Status"] = status
    refresh["EndTime"] = datetime.datetime.now(datetime.UTC)
    group.refresh_version = None


def _succeed(group, refresh):
    """Only now does the group itself get the new template."""
    rolled_back = refresh["Status"] == "RollbackInProgress"
    _end(group, refresh, "RollbackSuccessful" if rolled_back else "Successful")
    template = refresh["DesiredConfiguration"].get("LaunchTemplate")
    if template and not rolled_back:
        group._set_launch_configuration(None, template, None)


def _replace_next(group, refresh):
    """Replace one instance; protected ones are waited for, which is AWS's default."""
    waiting = {s.instance.id: s for s in groups.members(group)}
    refresh["_todo"] = [i for i in refresh["_todo"] if i in waiting]
    free = [i for i in refresh["_todo"] if not waiting[i].protected_from_scale_in]
    if free:
        refresh["_todo"].remove(free[0])
        groups.retire(group, waiting[free[0]])
        groups.settle(group)
    left = len(refresh["_todo"])
    refresh["InstancesToUpdate"] = left
    refresh["PercentageComplete"] = 100 - int(100 * left / max(1, refresh["_total"]))


def _advance(group, refresh):
    if refresh["Status"] == "Pending":
        refresh["Status"] = "InProgress"
    while refresh["_todo"] and now() >= refresh["_next"]:
        refresh["_next"] += SETTINGS.refresh_step_seconds or 0.001
        left = len(refresh["_todo"])
        _replace_next(group, refresh)
        if len(refresh["_todo"]) == left:
            return
    settled = all(s.lifecycle_state == "InService" for s in groups.members(group))
    if not refresh["_todo"] and settled:
        _succeed(group, refresh)


def _tick():
    for backend in backends_in_use(models.autoscaling_backends):
        for group in list(backend.autoscaling_groups.values()):
            refresh = running(group)
            if refresh:
                _advance(group, refresh)


def install():
    """Add the four calls."""
    AutoScalingResponse.start_instance_refresh = _start
    AutoScalingResponse.describe_instance_refreshes = _describe
    AutoScalingResponse.cancel_instance_refresh = _cancel
    AutoScalingResponse.rollback_instance_refresh = _rollback
    ON_TICK.append(_tick)

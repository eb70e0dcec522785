"""Start, describe, cancel and roll back an instance refresh; what AWS refuses is refused."""

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from . import alarms, groups, refresh

DEFAULTS = {
    "MinHealthyPercentage": 90,
    "SkipMatching": False,
    "AutoRollback": False,
    "ScaleInProtectedInstances": "Wait",
    "StandbyInstances": "Wait",
}
LONGEST_SECONDS = 172800
CHOICES = {
    "ScaleInProtectedInstances": ("Refresh", "Ignore", "Wait"),
    "StandbyInstances": ("Terminate", "Ignore", "Wait"),
}


def _group(self):
    return self.autoscaling_backend.autoscaling_groups[self._get_param("AutoScalingGroupName")]


def _wanted(group, configuration):
    asked = configuration.get("LaunchTemplate")
    if asked is None:
        return groups.version_of(group)
    backend = group.ec2_backend
    template_id, name = asked.get("LaunchTemplateId"), asked.get("LaunchTemplateName")
    try:
        template = (
            backend.get_launch_template(template_id)
            if template_id
            else backend.get_launch_template_by_name(name)
        )
        return template.get_version(asked.get("Version", "$Default"))
    except Exception as error:
        raise ValidationError(f"You must use a valid fully-formed launch template. {error}") from error


def _cannot_go_back(group, configuration):
    """Why AWS could not roll this refresh back, or None."""
    if not configuration:
        return "The desired configuration was not specified."
    version = str(group.provided_launch_template_version or "$Default")
    if not version.isdigit():
        return f"The group's launch template version is {version}, which is not a number."
    asked = str((configuration.get("LaunchTemplate") or {}).get("Version", "$Default"))
    if not asked.isdigit():
        return f"The desired launch template version is {asked}, which is not a number."
    return None


def _check_percentages(told):
    low, high = told["MinHealthyPercentage"], told.get("MaxHealthyPercentage")
    if not 0 <= low <= 100:
        raise ValidationError("MinHealthyPercentage must be from 0 to 100.")
    if high is None:
        return
    if not 100 <= high <= 200:
        raise ValidationError("MaxHealthyPercentage must be from 100 to 200.")
    if high - low > 100:
        raise ValidationError("MaxHealthyPercentage minus MinHealthyPercentage may not exceed 100.")


def _check_waits(told):
    for name in ("InstanceWarmup", "CheckpointDelay", "BakeTime"):
        if not 0 <= told.get(name, 0) <= LONGEST_SECONDS:
            raise ValidationError(f"{name} must be from 0 to {LONGEST_SECONDS} seconds.")
    points = told.get("CheckpointPercentages", [])
    if points != sorted(set(points)) or any(not 1 <= p <= 100 for p in points):
        raise ValidationError("CheckpointPercentages must rise, each from 1 to 100.")


def _check_alarms(told):
    watched = (told.get("AlarmSpecification") or {}).get("Alarms") or []
    missing = [name for name in watched if name not in alarms.states(watched)]
    if len(watched) > 10 or missing:
        raise ValidationError(f"The alarms of a refresh must exist and be 10 at most; not found: {missing}.")


def _preferences(self, group, configuration):
    given = self._get_param("Preferences") or {}
    if "MaxHealthyPercentage" in given and "MinHealthyPercentage" not in given:
        raise ValidationError("MaxHealthyPercentage needs MinHealthyPercentage.")
    told = {**DEFAULTS, "InstanceWarmup": group.health_check_grace_period or 0, **given}
    if told.get("CheckpointPercentages"):
        told.setdefault("CheckpointDelay", 3600)
    _check_percentages(told)
    _check_waits(told)
    _check_alarms(told)
    for name, allowed in CHOICES.items():
        if told[name] not in allowed:
            raise ValidationError(f"{name} must be one of {', '.join(allowed)}.")
    why_not = _cannot_go_back(group, configuration) if told["AutoRollback"] else None
    if why_not:
        raise ValidationError(f"AutoRollback is not possible. {why_not}")
    return told


def _start(self):
    group = _group(self)
    if self._get_param("Strategy", "Rolling") != "Rolling":
        raise ValidationError("The strategy must be Rolling: no server is changed in place here.")
    if refresh.running(group):
        raise AutoscalingClientError(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        )
    configuration = self._get_param("DesiredConfiguration") or {}
    version = _wanted(group, configuration)
    told = _preferences(self, group, configuration)
    group.refresh_version, group.surge = version, 0
    started = refresh.Refresh(group, version, configuration, told)
    group.refreshes.insert(0, started)
    return ActionResult({"InstanceRefreshId": started.id})


def _describe(self):
    wanted = self._get_param("InstanceRefreshIds", [])
    found = [r.shown() for r in _group(self).refreshes if not wanted or r.id in wanted]
    return ActionResult({"InstanceRefreshes": found})


def _active(self, states):
    group = _group(self)
    found = refresh.running(group)
    if found is None or found.status not in states:
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound",
            f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}",
        )
    return found


def _cancel(self):
    found = _active(self, (*refresh.FORWARD, "RollbackInProgress"))
    refresh.begin_cancel(found)
    return ActionResult({"InstanceRefreshId": found.id})


def _rollback(self):
    found = _active(self, refresh.FORWARD)
    why_not = _cannot_go_back(found.group, found.configuration)
    if why_not:
        raise AutoscalingClientError("IrreversibleInstanceRefresh", why_not)
    refresh.begin_rollback(found, "Rollback requested by the user.")
    return ActionResult({"InstanceRefreshId": found.id})


def install():
    """Add the four calls."""
    AutoScalingResponse.start_instance_refresh = _start
    AutoScalingResponse.describe_instance_refreshes = _describe
    AutoScalingResponse.cancel_instance_refresh = _cancel
    AutoScalingResponse.rollback_instance_refresh = _rollback

"""The Auto Scaling calls that moto answers differently from AWS."""

import functools

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import AutoScalingBackend, TerminateInstanceActivity
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from . import groups, health, paging
from .world import SETTINGS, now

# These name a group that must exist; moto fails with a Python error where AWS has a sentence.
NEED_GROUP = (
    "update_auto_scaling_group set_desired_capacity delete_auto_scaling_group suspend_processes resume_processes "
    "attach_instances detach_instances attach_load_balancer_target_groups detach_load_balancer_target_groups "
    "describe_load_balancer_target_groups enter_standby exit_standby put_scaling_policy put_lifecycle_hook "
    "put_scheduled_update_group_action set_instance_protection put_warm_pool describe_warm_pool "
    "start_instance_refresh describe_instance_refreshes cancel_instance_refresh rollback_instance_refresh"
).split()


def _needs_group(original):
    @functools.wraps(original)
    def checked(self):
        name = self._get_param("AutoScalingGroupName")
        if name not in self.autoscaling_backend.autoscaling_groups:
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        return original(self)

    return checked


def _group(self):
    return self.autoscaling_backend.autoscaling_groups[self._get_param("AutoScalingGroupName")]


def _state(self):
    wanted = self._get_param("InstanceId")
    for group in self.autoscaling_backend.autoscaling_groups.values():
        for state in group.instance_states:
            if state.instance.id == wanted:
                return group, state
    raise ValidationError(f"Instance Id not found - No managed instance found for instance ID: {wanted}")


def _create_group(self):
    name = self._get_param("AutoScalingGroupName")
    if name in self.autoscaling_backend.autoscaling_groups:
        raise AutoscalingClientError(
            "AlreadyExists",
            "AutoScalingGroup by this name already exists - A group with this name already exists",
        )
    groups.check_sizes(
        self._get_int_param("MinSize"), self._get_int_param("MaxSize"), self._get_int_param("DesiredCapacity")
    )
    health.check_exist(self.autoscaling_backend, self._get_param("TargetGroupARNs", []))
    answer = _create_group_of_moto(self)
    # moto turns a grace period of 0, which is AWS's default here, into 300.
    _group(self).health_check_grace_period = self._get_int_param("HealthCheckGracePeriod", 0)
    return answer


def _delete_group(self):
    group = _group(self)
    if group.instances and not self._get_bool_param("ForceDelete", False):
        raise AutoscalingClientError(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
        )
    for state in list(group.instance_states):
        groups.retire(group, state)
    running = [s.instance.id for s in group.leaving if s.instance.state == "running"]
    if running:
        group.ec2_backend.terminate_instances(running)
    del self.autoscaling_backend.autoscaling_groups[group.name]
    return EmptyResult()


def _describe_groups(self):
    found = self.autoscaling_backend.describe_auto_scaling_groups(
        self._get_param("AutoScalingGroupNames", []), filters=self._get_param("Filters", [])
    )
    return ActionResult({"AutoScalingGroups": found})


def _describe_instances(self):
    wanted = self._get_param("InstanceIds", [])
    every = [s for g in self.autoscaling_backend.autoscaling_groups.values() for s in g.instances]
    return ActionResult({"AutoScalingInstances": [s for s in every if not wanted or s.instance.id in wanted]})


def _describe_activities(self):
    name = self._get_param("AutoScalingGroupName")
    found = [
        activity
        for group in self.autoscaling_backend.autoscaling_groups.values()
        if name in (None, group.name)
        for activity in group.activities
    ]
    return ActionResult({"Activities": sorted(found, key=lambda a: a["StartTime"], reverse=True)})


def _set_desired(self):
    group, wanted = _group(self), self._get_int_param("DesiredCapacity")
    if wanted > group.max_size:
        raise ValidationError(
            f"New SetDesiredCapacity value {wanted} is above max value {group.max_size} for the AutoScalingGroup."
        )
    if wanted < group.min_size:
        raise ValidationError(
            f"New SetDesiredCapacity value {wanted} is below min value {group.min_size} for the AutoScalingGroup."
        )
    group.set_desired_capacity(wanted)
    return EmptyResult()


def _terminate_instance(self):
    group, state = _state(self)
    before = group.desired_capacity
    if self._get_bool_param("ShouldDecrementDesiredCapacity", False):
        if before - 1 < group.min_size:
            raise ValidationError(
                f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without "
                "replacement will violate group's min size constraint. Either set "
                "shouldDecrementDesiredCapacity flag to false or lower group's min size."
            )
        group.desired_capacity = before - 1
    groups.retire(group, state)
    groups.settle(group)
    return ActionResult({"Activity": TerminateInstanceActivity(state.instance, before)})


def _set_instance_health(self):
    _, state = _state(self)
    state.said_unhealthy = self._get_param("HealthStatus") == "Unhealthy"
    return EmptyResult()


def _attach_target_groups(self):
    arns = self._get_param("TargetGroupARNs", [])
    health.check_exist(self.autoscaling_backend, arns)
    group = _group(self)
    group.append_target_groups(arns)
    group.detached = {arn: until for arn, until in group.detached.items() if arn not in arns}
    return EmptyResult()


def _detach_target_groups(self):
    group, arns = _group(self), self._get_param("TargetGroupARNs", [])
    for state in group.instance_states:
        health.deregister(group, state.instance.id, arns)
        state.known_to -= set(arns)  # attached again, they register again
    group.detached = {**group.detached, **{arn: now() + SETTINGS.drain_seconds for arn in arns}}
    group.target_group_arns = [arn for arn in group.target_group_arns if arn not in arns]
    return EmptyResult()


def _describe_target_groups(self):
    """Each with its state; one that was detached shows until its targets have drained."""
    group = _group(self)
    shown = [(arn, _attachment(group, arn)) for arn in group.target_group_arns]
    shown += [(arn, "Removing") for arn, until in group.detached.items() if now() < until]
    return ActionResult(
        {"LoadBalancerTargetGroups": [{"LoadBalancerTargetGroupARN": a, "State": s} for a, s in shown]}
    )


def _attachment(group, arn):
    in_service = [s for s in group.instance_states if s.lifecycle_state == "InService"]
    if any(arn not in s.known_to for s in in_service):
        return "Adding"
    target_group = next(tg for tg in health.groups_of(group) if tg.arn == arn)
    healthy = [s for s in in_service if health.state_of(target_group, s.instance.id) == "healthy"]
    return "InService" if healthy else "Added"


def _enter_standby(original):
    """Standby takes the instance out of its target groups; ExitStandby puts it back."""

    @functools.wraps(original)
    def enter(backend, group_name, instance_ids, should_decrement):
        group = backend.autoscaling_groups[group_name]
        for instance_id in instance_ids:
            health.deregister(group, instance_id)
        for state in group.instance_states:
            state.known_to = set() if state.instance.id in instance_ids else state.known_to
        return original(backend, group_name, instance_ids, should_decrement)

    return enter


def _describe_tags(self):
    return ActionResult(
        {"Tags": self.autoscaling_backend.describe_tags(filters=self._get_param("Filters", []))}
    )


def _write_tags(original):
    @functools.wraps(original)
    def write(self):
        for tag in self._get_param("Tags", []):
            if tag.get("ResourceId") not in self.autoscaling_backend.autoscaling_groups:
                raise ValidationError(
                    f"AutoScalingGroup name not found - AutoScalingGroup '{tag.get('ResourceId')}' not found"
                )
        return original(self)

    return write


def install():
    """Patch moto's Auto Scaling calls. Comes after the instance refresh calls are in place."""
    global _create_group_of_moto
    _create_group_of_moto = AutoScalingResponse.create_auto_scaling_group
    for name, call in {
        "create_auto_scaling_group": _create_group,
        "delete_auto_scaling_group": _delete_group,
        "describe_auto_scaling_groups": _describe_groups,
        "describe_auto_scaling_instances": _describe_instances,
        "describe_scaling_activities": _describe_activities,
        "describe_tags": _describe_tags,
        "set_desired_capacity": _set_desired,
        "set_instance_health": _set_instance_health,
        "terminate_instance_in_auto_scaling_group": _terminate_instance,
        "attach_load_balancer_target_groups": _attach_target_groups,
        "detach_load_balancer_target_groups": _detach_target_groups,
        "describe_load_balancer_target_groups": _describe_target_groups,
    }.items():
        setattr(AutoScalingResponse, name, call)
    AutoScalingBackend.enter_standby_instances = _enter_standby(AutoScalingBackend.enter_standby_instances)
    for name in ("create_or_update_tags", "delete_tags"):
        setattr(AutoScalingResponse, name, _write_tags(getattr(AutoScalingResponse, name)))
    for name in NEED_GROUP:
        setattr(AutoScalingResponse, name, _needs_group(getattr(AutoScalingResponse, name)))
    for method, key, default, most in (
        ("describe_auto_scaling_groups", "AutoScalingGroups", 50, 100),
        ("describe_auto_scaling_instances", "AutoScalingInstances", 50, 50),
        ("describe_scaling_activities", "Activities", 100, 100),
        ("describe_policies", "ScalingPolicies", 50, 100),
        ("describe_scheduled_actions", "ScheduledUpdateGroupActions", 50, 100),
        ("describe_tags", "Tags", 50, 100),
        ("describe_instance_refreshes", "InstanceRefreshes", 50, 100),
        ("describe_load_balancer_target_groups", "LoadBalancerTargetGroups", 100, 100),
    ):
        paging.paged(AutoScalingResponse, method, key, paging.AUTOSCALING, default, most)

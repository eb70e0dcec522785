"""Auto Scaling groups whose instances take time, keep their version, and spread over zones.

moto launches and terminates inside the call. Here a group only says what it wants; `settle` brings
it there at each tick, as Auto Scaling does, so that suspended processes, missing capacity and
instances that disappear all show the way they show on AWS.
"""

import datetime
import uuid

from moto.autoscaling import models
from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import ASG_NAME_TAG, AutoScalingBackend, FakeAutoScalingGroup, InstanceState

from . import health
from .world import ON_TICK, SETTINGS, backends_in_use, now

COUNTED = ("Pending", "InService")
WANTED = "an instance was started in response to a difference between desired and actual capacity."
NO_CAPACITY = (
    "We currently do not have sufficient capacity in the Availability Zone you requested. "
    "Launching EC2 instance failed."
)


def members(group):
    """The instances that count towards the desired capacity."""
    return [s for s in group.instance_states if s.lifecycle_state in COUNTED]


def version_of(group):
    """The launch template version new instances get; a running refresh asks for another one."""
    if group.refresh_version is not None:
        return group.refresh_version
    if group.ec2_launch_template is None:
        return None
    return group.ec2_launch_template.get_version(group.launch_template_version)


def note(group, description, cause, failure=None):
    """Add a scaling activity; the newest comes first, as DescribeScalingActivities shows them."""
    stamp = datetime.datetime.now(datetime.UTC)
    activity = {
        "ActivityId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Description": description,
        "Cause": f"At {stamp:%Y-%m-%dT%H:%M:%SZ} {cause}",
        "StartTime": stamp,
        "EndTime": stamp,
        "StatusCode": "Failed" if failure else "Successful",
        "StatusMessage": failure,
        "Progress": 100,
        "Details": "{}",
    }
    group.activities.insert(0, activity)
    del group.activities[100:]


def _emptiest_subnet(group):
    subnets = group.vpc_zone_identifier.split(",") if group.vpc_zone_identifier else [None]
    held = [s.instance.subnet_id for s in members(group)]
    return min(subnets, key=held.count)


def _run_instance(group, version):
    """One EC2 instance from the version, tagged as Auto Scaling tags it."""
    config = group.launch_config
    template = {"LaunchTemplateId": version.template.id, "Version": str(version.number)} if version else None
    tags = {
        **group.get_propagated_tags(),
        **(version.instance_tags if version else {}),
        ASG_NAME_TAG: group.name,
    }
    reservation = group.ec2_backend.run_instances(
        version.image_id if version else config.image_id,
        1,
        version.user_data if version else config.user_data,
        version.security_groups if version else config.security_groups,
        instance_type=version.instance_type if version else config.instance_type,
        tags={"instance": tags},
        placement=group.availability_zones[0],
        launch_config=config,
        launch_template=template,
        is_instance_type_default=False,
        associate_public_ip=config.associate_public_ip_address if config else None,
        subnet_id=_emptiest_subnet(group),
    )
    return reservation.instances[0]


def _launch(group):
    version = version_of(group)
    instance = _run_instance(group, version)
    instance.autoscaling_group = group
    state = InstanceState(
        instance,
        lifecycle_state="Pending",
        protected_from_scale_in=group.new_instances_protected_from_scale_in,
    )
    state.due = now() + SETTINGS.pending_seconds
    if version:
        state.template = {
            "LaunchTemplateId": version.template.id,
            "LaunchTemplateName": version.template.name,
            "Version": str(version.number),
        }
    group.instance_states.append(state)
    note(group, f"Launching a new EC2 instance: {instance.id}", WANTED)


def retire(group, state):
    """Start terminating: the targets drain first, and the instance runs until they have."""
    registered = health.deregister(group, state.instance.id)
    state.lifecycle_state = "Terminating"
    drain = SETTINGS.drain_seconds if registered else 0
    state.due = now() + max(SETTINGS.terminating_seconds, drain)
    group.instance_states.remove(state)
    group.leaving.append(state)
    note(group, f"Terminating EC2 instance: {state.instance.id}", "an instance was taken out of service.")


def _victim(group):
    """AWS's default policy: the fullest zone, there the oldest template version, then the oldest."""
    free = [s for s in members(group) if not s.protected_from_scale_in]
    zones = [s.availability_zone for s in members(group)]

    def order(state):
        version = int((state.template or {}).get("Version", 0))
        return (-zones.count(state.availability_zone), version, state.instance.launch_time)

    return min(free, key=order, default=None)


def _why_not(group, version):
    """Why no instance can be launched at the moment, in AWS's words, or None."""
    image_id = version.image_id if version else group.launch_config.image_id
    image = group.ec2_backend.amis.get(image_id)
    if image is None:
        return f"The image id '[{image_id}]' does not exist. Launching EC2 instance failed."
    if getattr(version, "deleted", False):
        return "The launch template version does not exist. Launching EC2 instance failed."
    if image.state != "available":
        return f"The image '{image_id}' is not available ({image.state}). Launching EC2 instance failed."
    room = SETTINGS.capacity.get(group.name)
    if room is not None and len(members(group)) >= room:
        return NO_CAPACITY
    return None


def _launch_missing(group, missing):
    for _ in range(missing):
        why_not = _why_not(group, version_of(group))
        if why_not is None:
            _launch(group)
        elif now() >= group.next_complaint:
            group.next_complaint = now() + 5
            note(group, "Launching a new EC2 instance.", WANTED, why_not)


def settle(group):
    """Launch what is missing and retire what is too much, unless that process is suspended."""
    suspended = group._suspended_processes
    missing = (group.desired_capacity or 0) + group.surge - len(members(group))
    if missing > 0 and "Launch" not in suspended:
        _launch_missing(group, missing)
    for _ in range(-missing if "Terminate" not in suspended else 0):
        victim = _victim(group)
        if victim is None:
            return
        retire(group, victim)


def _arrive(group):
    """Pending instances whose time has come go into service and into the target groups."""
    for state in group.instance_states:
        if state.lifecycle_state == "Pending" and now() >= state.due:
            state.lifecycle_state = "InService"
            state.in_service_at = now()
    if "AddToLoadBalancer" not in group._suspended_processes:
        health.register(group)


def _depart(group):
    gone = [s for s in group.leaving if now() >= s.due]
    group.leaving = [s for s in group.leaving if s not in gone]
    running = [s.instance.id for s in gone if s.instance.state != "terminated"]
    if running:
        group.ec2_backend.terminate_instances(running)


def _crash(group):
    """An image may say that its server dies some seconds after it came into service."""
    dead = [s for s in group.instance_states if s.lifecycle_state == "InService" and _has_crashed(s)]
    if dead:
        group.ec2_backend.terminate_instances([s.instance.id for s in dead])


def _has_crashed(state):
    after = health.wish(state.instance.ec2_backend, state.instance, health.CRASH)
    return after is not None and now() >= state.in_service_at + float(after)


def _forget_terminated(group):
    """Someone terminated the instance in EC2: the group's health check notices."""
    group.instance_states = [s for s in group.instance_states if s.instance.state == "running"]


def _judge(group):
    """What the health check of the group says of each instance, and the replacement if that is on."""
    for state in list(group.instance_states):
        bad = state.said_unhealthy or _load_balancer_says_no(group, state)
        state.health_status = "Unhealthy" if bad else "Healthy"
        suspended = {"HealthCheck", "ReplaceUnhealthy", "Terminate"} & set(group._suspended_processes)
        if bad and SETTINGS.replace_unhealthy and not suspended:
            retire(group, state)


def _load_balancer_says_no(group, state):
    if "ELB" not in group.health_check_type or state.lifecycle_state != "InService":
        return False
    if now() < state.in_service_at + (group.health_check_grace_period or 0):
        return False
    return any(health.state_of(tg, state.instance.id) == "unhealthy" for tg in health.groups_of(group))


def _tick():
    for backend in backends_in_use(models.autoscaling_backends):
        for group in list(backend.autoscaling_groups.values()):
            _crash(group)
            _forget_terminated(group)
            _arrive(group)
            _judge(group)
            settle(group)
            _arrive(group)  # with a delay of 0 a launch is in service in the same call
            _depart(group)


def check_sizes(low, high, desired):
    """The bounds AWS enforces and moto does not."""
    if low is not None and high is not None and low > high:
        raise ValidationError(f"Max bound, {high}, must be greater than or equal to min bound, {low}")
    if desired is not None and not (low or 0) <= desired <= (desired if high is None else high):
        raise ValidationError(
            f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}"
        )


def _check_template(group):
    if group.ec2_launch_template is None:
        return
    try:
        group.ec2_launch_template.get_version(group.launch_template_version)
    except Exception as error:
        raise ValidationError(f"You must use a valid fully-formed launch template. {error}") from error


def _set_template(self, launch_config_name, launch_template, mixed_instances_policy):
    before = {
        k: self.__dict__.get(k)
        for k in ("ec2_launch_template", "launch_template_version", "provided_launch_template_version")
    }
    _set_template_unchecked(self, launch_config_name, launch_template, mixed_instances_policy)
    try:
        _check_template(self)
    except ValidationError:
        self.__dict__.update(before)
        raise


def _template_shown(group):
    """A group with a mixed instances policy shows that instead."""
    template = group.ec2_launch_template
    if template is None or group.mixed_instances_policy:
        return None
    version = group.provided_launch_template_version
    return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": version}


def _update(
    self,
    availability_zones,
    desired_capacity,
    max_size,
    min_size,
    launch_config_name,
    launch_template,
    vpc_zone_identifier,
    health_check_period,
    health_check_type,
    new_instances_protected_from_scale_in=None,
    mixed_instances_policy=None,
):
    """UpdateAutoScalingGroup: all or nothing, and only what was given changes."""
    low = self.min_size if min_size is None else min_size
    high = self.max_size if max_size is None else max_size
    wanted = desired_capacity
    if wanted is None:
        wanted = max(low, min(high, self.desired_capacity))
    check_sizes(low, high, wanted)
    if mixed_instances_policy:
        self.mixed_instances_policy = mixed_instances_policy
    self._set_launch_configuration(launch_config_name, launch_template, mixed_instances_policy)
    self._set_azs_and_vpcs(availability_zones, vpc_zone_identifier, update=True)
    self.min_size, self.max_size = low, high
    for name, value in (
        ("health_check_grace_period", health_check_period),
        ("health_check_type", health_check_type),
        ("new_instances_protected_from_scale_in", new_instances_protected_from_scale_in),
    ):
        if value is not None:
            setattr(self, name, value)
    self.set_desired_capacity(wanted)


def _set_desired(self, capacity):
    self.desired_capacity = self.min_size if capacity is None else capacity
    settle(self)


def _init_group(self, *args, **kwargs):
    self.leaving, self.activities, self.refreshes, self.detached = [], [], [], {}
    # A refresh launches before it terminates: `surge` instances more than desired.
    self.refresh_version, self.surge, self.next_complaint = None, 0, 0
    _init_group_of_moto(self, *args, **kwargs)
    self.created_time = datetime.datetime.now(datetime.UTC)  # moto's has no zone


def _init_state(self, *args, **kwargs):
    _init_state_of_moto(self, *args, **kwargs)
    self.template, self.due, self.in_service_at = None, 0, now()
    self.said_unhealthy, self.known_to, self.ready_at = False, set(), None


def install():
    """Patch moto's groups; the calls themselves are in `group_calls`."""
    global _init_group_of_moto, _init_state_of_moto, _set_template_unchecked
    _init_group_of_moto, _init_state_of_moto = FakeAutoScalingGroup.__init__, InstanceState.__init__
    _set_template_unchecked = FakeAutoScalingGroup._set_launch_configuration
    FakeAutoScalingGroup.__init__ = _init_group
    FakeAutoScalingGroup._set_launch_configuration = _set_template
    FakeAutoScalingGroup.update = _update
    FakeAutoScalingGroup.set_desired_capacity = _set_desired
    FakeAutoScalingGroup.instances = property(lambda group: group.instance_states + group.leaving)
    FakeAutoScalingGroup.launch_template = property(_template_shown)
    InstanceState.__init__ = _init_state
    InstanceState.launch_template = property(lambda state: state.template)
    # The tick registers targets; moto would register instances that are not in service yet.
    AutoScalingBackend.update_attached_target_groups = lambda backend, name: None
    AutoScalingBackend.notify_terminate_instances = lambda backend, ids: None
    ON_TICK.append(_tick)

"""Target health: initial, healthy, unhealthy, draining, unused, as AWS reports them.

Which it is comes from the tag `emu:health` on the instance or, without one, on its image:
`healthy` (default), `unhealthy` (after the initial time) or `initial` (for ever). With the tag
`emu:crash-after` the instance ends that many seconds after it came into service.
"""

from moto.autoscaling.exceptions import ValidationError
from moto.elbv2 import models
from moto.elbv2.exceptions import InvalidTargetError, TargetGroupNotFoundError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeTargetGroup

from .world import ON_TICK, SETTINGS, backends_in_use, now

TAG, CRASH = "emu:health", "emu:crash-after"

# state -> (reason, description)
WORDS = {
    "healthy": (None, None),
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "unhealthy": ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unused": ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"),
    "stopped": ("Target.InvalidState", "Target is in the stopped state"),
    "absent": ("Target.NotRegistered", "Target is not registered to the target group"),
}

# AWS has more attributes than moto; these decide what Quarterdeck warns about.
DEFAULT_ATTRIBUTES = {
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}


def groups_of(group):
    """The target groups of an Auto Scaling group that still exist."""
    known = group.autoscaling_backend.elbv2_backend.target_groups
    return [known[arn] for arn in group.target_group_arns if arn in known]


def check_exist(backend, arns):
    """Refuse target groups that do not exist, as Auto Scaling does."""
    if any(arn not in backend.elbv2_backend.target_groups for arn in arns):
        raise ValidationError(
            "Provided Target Groups may not be valid. Please ensure they exist and try again."
        )


def register(group):
    """Register instances in service once per target group; what somebody deregistered stays out."""
    for target_group in groups_of(group):
        new = [
            s
            for s in group.instance_states
            if s.lifecycle_state == "InService" and target_group.arn not in s.known_to
        ]
        for state in new:
            state.known_to.add(target_group.arn)
        if new:
            target_group.register([{"Id": s.instance.id, "Port": target_group.port} for s in new])


def deregister(group, instance_id, arns=None):
    """Take an instance out of the group's target groups; true if it was in one."""
    holders = [
        tg for tg in groups_of(group) if instance_id in tg.targets and (arns is None or tg.arn in arns)
    ]
    for target_group in holders:
        target_group.deregister([{"Id": instance_id}])
    return bool(holders)


def state_of(target_group, target_id):
    """The word that describes a target; a key of WORDS."""
    if target_id in target_group.draining:
        return "draining"
    target = target_group.targets.get(target_id)
    if target is None:
        return "absent"
    instance = target_group.ec2_backend.get_instance_by_id(target_id)
    if instance is not None and instance.state != "running":
        return "stopped"
    if target_group.judged_at is None:
        return "unused"
    return _checked(target_group, target, instance)


def _checked(target_group, target, instance):
    told = wish(target_group.ec2_backend, instance, TAG, "healthy") if instance else "healthy"
    if told == "initial" or now() < max(target["judged_at"], target_group.judged_at):
        return "initial"
    return "unhealthy" if told == "unhealthy" else "healthy"


def wish(ec2, instance, tag, otherwise=None):
    """What a tag of the instance, or else of its image, asks for."""
    own = ec2.tags.get(instance.id, {}).get(tag)
    return own or ec2.tags.get(instance.image_id, {}).get(tag, otherwise)


def _health_for(self, target, _ec2):
    word = state_of(self, target["Id"])
    reason, description = WORDS[word]
    known = self.targets.get(target["Id"]) or self.draining.get(target["Id"]) or target
    state = {"stopped": "unused", "absent": "unused"}.get(word, word)
    port = known.get("Port", self.port)
    return FakeHealthStatus(target["Id"], port, str(port), state, reason, description)


def _register(self, targets):
    known = dict(self.targets)
    _register_of_moto(self, targets)
    for target in targets:
        before = known.get(target["Id"], {})
        self.targets[target["Id"]]["judged_at"] = before.get("judged_at", now() + SETTINGS.initial_seconds)
        self.draining.pop(target["Id"], None)


def _deregister(self, targets):
    for target in targets:
        known = self.targets.pop(target["Id"], None)
        if known is None and target["Id"] not in self.draining:
            raise InvalidTargetError()
        if known and self.judged_at is not None and SETTINGS.drain_seconds > 0:
            self.draining[target["Id"]] = {**known, "until": now() + SETTINGS.drain_seconds}


def _deregister_terminated(self, instance_ids):
    _deregister(self, [{"Id": i} for i in instance_ids if i in self.targets])


def _describe_health(self, target_group_arn, targets):
    target_group = self.target_groups.get(target_group_arn)
    if target_group is None:
        raise TargetGroupNotFoundError()
    asked = targets or [*target_group.targets.values(), *target_group.draining.values()]
    return [target_group.health_for(target, self.ec2_backend) for target in asked]


def forwards_to(action):
    """The target groups an action forwards to."""
    if action.data.get("Type") != "forward":
        return []
    many = action.data.get("ForwardConfig", {}).get("TargetGroups", [])
    return [t["TargetGroupArn"] for t in many] or [action.data["TargetGroupArn"]]


def _uses(backend):
    """Target group -> the load balancers that send it traffic (or would, at weight 0)."""
    uses = {}
    for balancer in backend.load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values():
                for action in rule.actions:
                    for arn in forwards_to(action):
                        uses.setdefault(arn, set()).add(balancer.arn)
    return uses


def _tick():
    for backend in backends_in_use(models.elbv2_backends):
        uses = _uses(backend)
        for target_group in backend.target_groups.values():
            balancers = sorted(uses.get(target_group.arn, ()))
            target_group.load_balancer_arns = balancers
            if not balancers:
                target_group.judged_at = None
            elif target_group.judged_at is None:
                target_group.judged_at = now() + SETTINGS.initial_seconds
            target_group.draining = {i: t for i, t in target_group.draining.items() if now() < t["until"]}


def _init(self, *args, **kwargs):
    _init_of_moto(self, *args, **kwargs)
    # Health checks start when a rule or listener first names the group; None: they have not.
    self.draining, self.judged_at = {}, None
    self.attributes = {k: str(v) for k, v in {**self.attributes, **DEFAULT_ATTRIBUTES}.items()}


def install():
    """Patch moto's target groups."""
    global _init_of_moto, _register_of_moto
    _init_of_moto, _register_of_moto = FakeTargetGroup.__init__, FakeTargetGroup.register
    FakeTargetGroup.__init__ = _init
    FakeTargetGroup.register = _register
    FakeTargetGroup.deregister = _deregister
    FakeTargetGroup.deregister_terminated_instances = _deregister_terminated
    FakeTargetGroup.health_for = _health_for
    ELBv2Backend.describe_target_health = _describe_health
    ON_TICK.append(_tick)

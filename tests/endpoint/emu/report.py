"""The endpoint's own state, for tests to compare with what a client believes."""

from moto.autoscaling import models as autoscaling
from moto.ec2.models import ec2_backends
from moto.elbv2 import models as elbv2

from . import health
from .world import backends_in_use


def _instance(state):
    return {
        "id": state.instance.id,
        "lifecycle": state.lifecycle_state,
        "health": state.health_status,
        "zone": state.availability_zone,
        "image": state.instance.image_id,
        "version": (state.template or {}).get("Version"),
        "protected": bool(state.protected_from_scale_in),
    }


def _group(group):
    return {
        "min": group.min_size,
        "max": group.max_size,
        "desired": group.desired_capacity,
        "template": group.launch_template,
        "subnets": group.vpc_zone_identifier,
        "health_check_type": group.health_check_type,
        "suspended": sorted(group._suspended_processes),
        "tags": {t["Key"]: t["Value"] for t in group.tags},
        "target_groups": list(group.target_group_arns),
        "refreshes": [_refresh(r) for r in group.refreshes],
        "instances": [_instance(s) for s in group.instances],
    }


def _refresh(refresh):
    shown = {k: v for k, v in refresh.shown().items() if k in ("Preferences", "DesiredConfiguration")}
    return {
        "id": refresh.id,
        "status": refresh.status,
        "reason": refresh.reason,
        "percent": refresh.percent,
        "left": len(refresh.todo),
        **shown,
    }


def _actions(actions):
    """Whole actions; the secret, which no API shows, is shown here to prove that it survived."""
    return [{"client_secret" if k == "_secret" else k: v for k, v in a.data.items()} for a in actions]


def _weights(actions):
    return {
        t["TargetGroupArn"]: t["Weight"]
        for a in actions
        for t in a.data.get("ForwardConfig", {}).get("TargetGroups", [])
    }


def _place(rule):
    return {"actions": _actions(rule.actions), "weights": _weights(rule.actions)}


def _listener(listener):
    shown = {"protocol": listener.protocol, "port": listener.port, **_place(listener._default_rule[0])}
    return {**shown, "rules": list(listener._non_default_rules)}


def _target_group(group):
    ids = [*group.targets, *group.draining]
    return {"name": group.name, "targets": {i: health.state_of(group, i) for i in ids}}


def _template(template):
    versions = [
        {"number": v.number, "description": v.description, "image": v.image_id, "data": v.data}
        for v in template.versions
        if not getattr(v, "deleted", False)
    ]
    return {"name": template.name, "default": template.default_version_number, "versions": versions}


def _image(backend, image):
    tags = dict(backend.tags.get(image.id, {}))
    return {"name": image.name, "state": image.state, "owner": image.owner_id, "tags": tags}


def _routing(state):
    for backend in backends_in_use(elbv2.elbv2_backends):
        state["target_groups"].update({arn: _target_group(g) for arn, g in backend.target_groups.items()})
        for balancer in backend.load_balancers.values():
            for listener in balancer.listeners.values():
                state["listeners"][listener.arn] = _listener(listener)
                for arn, rule in listener._non_default_rules.items():
                    shown = {"listener": listener.arn, "priority": str(rule.priority), **_place(rule)}
                    state["rules"][arn] = shown


def state():
    """Everything, by name or ARN. The caller holds the lock and has ticked."""
    parts = ("groups", "rules", "listeners", "target_groups", "templates", "images")
    found = {part: {} for part in parts}
    for backend in backends_in_use(autoscaling.autoscaling_backends):
        found["groups"].update({name: _group(g) for name, g in backend.autoscaling_groups.items()})
    _routing(found)
    for backend in backends_in_use(ec2_backends):
        found["templates"].update({i: _template(t) for i, t in backend.launch_templates.items()})
        found["images"].update({i: _image(backend, m) for i, m in backend.amis.items()})
    return found

"""Rules and listeners: whole action lists, weights, stickiness, and client secrets that stay inside.

A client that sends back what it read is the point: AWS never returns the OIDC client secret, so
the write must say UseExistingClientSecret, or the sign-in of everybody behind the rule is gone.
"""

import copy

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import ELBClientError, InvalidLoadBalancerActionException, ValidationError
from moto.elbv2.models import FakeAction
from moto.elbv2.responses import ELBV2Response

from . import paging

OIDC, COGNITO = "AuthenticateOidcConfig", "AuthenticateCognitoConfig"
NEEDED = {
    OIDC: ("Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "ClientId"),
    COGNITO: ("UserPoolArn", "UserPoolClientId", "UserPoolDomain"),
}
# What AWS fills in, and shows, when the caller leaves it out.
SIGN_IN_DEFAULTS = {
    "SessionCookieName": "AWSELBAuthSessionCookie",
    "Scope": "openid",
    "SessionTimeout": 604800,
    "OnUnauthenticatedRequest": "authenticate",
}
LAST = ("forward", "redirect", "fixed-response")


def _check_weight(target, where):
    weight = target.setdefault("Weight", 1)
    if not 0 <= weight <= 999:
        bound = "less than or equal to 999" if weight > 999 else "greater than or equal to 0"
        raise ValidationError(
            f"1 validation error detected: Value '{weight}' at '{where}.weight' failed to satisfy constraint: Member must have value {bound}"
        )


def _prepare_forward(action):
    """Both spellings of a forward become the long one, which is what AWS shows."""
    arn = action.get("TargetGroupArn")
    config = action.setdefault("ForwardConfig", {"TargetGroups": [{"TargetGroupArn": arn}]})
    targets = config.get("TargetGroups") or []
    if not targets or targets[0].get("TargetGroupArn") is None:
        raise ValidationError("A target group ARN must be specified")
    if len(targets) > 5 or len({t["TargetGroupArn"] for t in targets}) < len(targets):
        raise ValidationError("A forward action takes up to 5 different target groups")
    for target in targets:
        _check_weight(target, "actions.forwardConfig.targetGroups")
    if len(targets) == 1:
        action["TargetGroupArn"] = targets[0]["TargetGroupArn"]
    sticky = config.setdefault("TargetGroupStickinessConfig", {"Enabled": False})
    if sticky.get("Enabled") and not 1 <= int(sticky.get("DurationSeconds") or 0) <= 604800:
        raise ValidationError("The stickiness duration must be between 1 and 604800 seconds")


def _prepare_sign_in(action, name, previous):
    config = action.get(name) or {}
    missing = [field for field in NEEDED[name] if not config.get(field)]
    if missing:
        raise ValidationError(f"{name} must specify {', '.join(missing)}")
    for field, value in SIGN_IN_DEFAULTS.items():
        config.setdefault(field, value)
    if name == OIDC:
        keep = config.pop("UseExistingClientSecret", False)
        secret = config.pop("ClientSecret", None)
        # The secret lives beside the action's data, so that no answer can contain it.
        action["_secret"] = secret or _existing_secret(previous, keep)


def _existing_secret(previous, keep):
    old = next((a.data.get("_secret") for a in previous if a.data.get("_secret")), None)
    if not keep:
        raise ValidationError("You must specify a client secret or set UseExistingClientSecret to true")
    if old is None:
        raise ValidationError("There is no existing client secret to use")
    return old


def _check_order(actions):
    if len(actions) > 1:
        orders = [a.get("Order") for a in actions]
        if None in orders or len(set(orders)) < len(orders):
            raise InvalidLoadBalancerActionException("Each of several actions must have an order of its own")
    ordered = sorted(actions, key=lambda a: a.get("Order") or 1)
    kinds = [a.get("Type") for a in ordered]
    if not kinds or kinds[-1] not in LAST or any(k in LAST for k in kinds[:-1]):
        raise InvalidLoadBalancerActionException(
            "The actions must end with exactly one of forward, redirect and fixed-response"
        )
    return ordered


def prepare(actions, protocol, previous=()):
    """The action list as AWS keeps it, or the error AWS answers."""
    ordered = _check_order(copy.deepcopy(actions))
    for action in ordered:
        name = {"authenticate-oidc": OIDC, "authenticate-cognito": COGNITO}.get(action["Type"])
        if action["Type"] == "forward":
            _prepare_forward(action)
        elif name:
            if protocol != "HTTPS":
                raise InvalidLoadBalancerActionException(
                    f"Actions of type '{action['Type']}' need an HTTPS listener"
                )
            _prepare_sign_in(action, name, previous)
    return ordered


def _listener(self, arn):
    return self.elbv2_backend.describe_listeners(None, [arn])[0]


def _create_rule(self):
    params = self._get_params()
    listener = _listener(self, params["ListenerArn"])
    params["Actions"] = prepare(params["Actions"], listener.protocol)
    return _originals["create_rule"](self)


def _modify_rule(self):
    params = self._get_params()
    rule = self.elbv2_backend.describe_rules(None, [params["RuleArn"]])[0]
    if rule.is_default:
        raise ELBClientError("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be modified")
    if params.get("Actions"):
        protocol = _listener(self, rule.listener_arn).protocol
        params["Actions"] = prepare(params["Actions"], protocol, rule.actions)
    return _originals["modify_rule"](self)


def _create_listener(self):
    params = self._get_params()
    params["DefaultActions"] = prepare(params["DefaultActions"], params.get("Protocol"))
    return _originals["create_listener"](self)


def _modify_listener(self):
    params = self._get_params()
    listener = _listener(self, params["ListenerArn"])
    if params.get("DefaultActions"):
        protocol = params.get("Protocol") or listener.protocol
        actions = prepare(params["DefaultActions"], protocol, listener.default_actions)
        # moto checks the target groups of rules only.
        self.elbv2_backend._validate_actions([FakeAction(a) for a in copy.deepcopy(actions)])
        params["DefaultActions"] = actions
    return _originals["modify_listener"](self)


def _describe_rules(self):
    rules = self.elbv2_backend.describe_rules(self._get_param("ListenerArn"), self._get_param("RuleArns"))
    return ActionResult(
        {"Rules": sorted(rules, key=lambda r: (r.is_default, 0 if r.is_default else int(r.priority)))}
    )


def _describe_load_balancers(self):
    found = self.elbv2_backend.describe_load_balancers(
        self._get_param("LoadBalancerArns", []), self._get_param("Names", [])
    )
    return ActionResult({"LoadBalancers": list(found)})


def _describe_tags(self):
    if len(self._get_param("ResourceArns", [])) > 20:
        raise ValidationError(
            "1 validation error detected: Value at 'resourceArns' failed to satisfy constraint: Member must have length less than or equal to 20"
        )
    return _originals["describe_tags"](self)


def _init_action(self, data):
    _init_action_of_moto(self, data)
    self.__dict__.pop("_secret", None)


_originals = {}


def install():
    """Patch moto's rules and listeners."""
    global _init_action_of_moto
    _init_action_of_moto = FakeAction.__init__
    FakeAction.__init__ = _init_action
    for name, call in {
        "create_rule": _create_rule,
        "modify_rule": _modify_rule,
        "create_listener": _create_listener,
        "modify_listener": _modify_listener,
        "describe_rules": _describe_rules,
        "describe_load_balancers": _describe_load_balancers,
        "describe_tags": _describe_tags,
    }.items():
        _originals[name] = getattr(ELBV2Response, name)
        setattr(ELBV2Response, name, call)
    for method, key in (
        ("describe_rules", "Rules"),
        ("describe_listeners", "Listeners"),
        ("describe_load_balancers", "LoadBalancers"),
        ("describe_target_groups", "TargetGroups"),
    ):
        paging.paged(ELBV2Response, method, key, paging.ELB, 400, 400)

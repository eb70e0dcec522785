"""The control plane under /qd-test: what a test orders and reads beside the AWS calls."""

import json

from moto.ec2.models import ec2_backends

from . import images, report
from .access import ACCOUNT
from .wire import Answer
from .world import LOCK, SETTINGS, tick

REGION = "us-east-1"


def _calls(gate, method, _body):
    if method == "DELETE":
        gate.log.clear()
        return {}
    return gate.log.listing()


def _state(_gate, _method, _body):
    with LOCK:
        tick()
        return report.state()


def _fault(gate, method, body):
    if method == "POST":
        return gate.faults.add(body)
    if method == "DELETE":
        gate.faults.clear()
    return gate.faults.listing()


def _settings(_gate, method, body):
    with LOCK:
        if method == "POST":
            SETTINGS.change(body)
        return SETTINGS.as_dict()


def _budget(gate, _method, _body):
    return gate.budgets.listing()


def _image(_gate, _method, body):
    with LOCK:
        return images.change(ec2_backends[ACCOUNT][REGION], body)


def _tag(_gate, _method, body):
    """Set a tag of an instance or image, or take it away with a null value."""
    with LOCK:
        tags = ec2_backends[ACCOUNT][REGION].tags.setdefault(body["id"], {})
        if body["value"] is None:
            tags.pop(body["key"], None)
        else:
            tags[body["key"]] = body["value"]
        return tags


def _ready(_gate, _method, _body):
    return {"ready": True}


ROUTES = {
    "ready": _ready,
    "calls": _calls,
    "state": _state,
    "fault": _fault,
    "settings": _settings,
    "budget": _budget,
    "image": _image,
    "tag": _tag,
}


def _answer(status, document):
    body = json.dumps(document, default=str).encode()
    return Answer(status, body, [("Content-Type", "application/json")])


def control(gate, environ):
    """Serve one control request; a mistake in it is a 400 with the reason."""
    name = environ["PATH_INFO"].removeprefix("/qd-test/")
    route = ROUTES.get(name)
    if route is None:
        return _answer(404, {"error": f"no {name!r}; there are {', '.join(ROUTES)}"})
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        return _answer(200, route(gate, environ["REQUEST_METHOD"], json.loads(raw) if raw else {}))
    except (KeyError, TypeError, ValueError) as error:
        return _answer(400, {"error": f"{type(error).__name__}: {error}"})

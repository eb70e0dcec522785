"""Reading a signed call, and answering an error in the format of its service."""

import email.utils
import io
import re
import time
import uuid
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from . import cbor
from .world import SETTINGS

NAMESPACES = {
    "autoscaling": "http://autoscaling.amazonaws.com/doc/2011-01-01/",
    "elbv2": "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
# The name in a signature's scope is not always the name people use for the service.
SIGNING_NAMES = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}

CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[^/]+/([^/]+)/([^/]+)/aws4_request")
CODE = re.compile(rb"<Code>(.*?)</Code>")


class ApiCall:
    """Who calls what, taken from the signature's scope and the form or CBOR document."""

    def __init__(self, environ):
        scope = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        self.access_key, self.region, signed = scope.groups() if scope else (None, None, "unknown")
        self.service = SIGNING_NAMES.get(signed, signed)
        self.document = None
        if cbor.speaks(environ):
            self.document = cbor.document(environ, _raw(environ))
            self.params, self.action = cbor.flat(self.document), cbor.operation(environ)[1]
            return
        self.params = dict(parse_qsl(_form(environ), keep_blank_values=True))
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        self.action = self.params.pop("Action", None) or target.rpartition(".")[2] or environ["PATH_INFO"]
        self.params.pop("Version", None)

    def identity(self):
        """What makes two calls the same question."""
        return self.service, self.action, tuple(sorted(self.params.items()))

    def writes(self):
        """True for every call that can change something."""
        return not self.action.startswith(("Describe", "Get", "List", "Head", "/"))


def _raw(environ):
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(raw)
    return raw


def _form(environ):
    raw = _raw(environ)
    form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    return raw.decode("utf-8") if form else ""


class Answer:
    """A whole answer; `status` None means the connection closes without one."""

    def __init__(self, status, body, headers=(), code=None):
        self.status, self.body, self.headers, self.code = status, body, list(headers), code

    def request_id(self):
        """The request's id as the caller reads it, for the log."""
        return next((v for k, v in self.headers if k.lower() == "x-amzn-requestid"), None)

    def error_code(self):
        """The error code in the answer, for the log."""
        if self.code:
            return self.code
        found = CODE.search(self.body) if self.status and self.status >= 400 else None
        return found.group(1).decode() if found else None


def error(service, status, code, message):
    """An error as this service writes it: EC2, the query services and CloudWatch differ."""
    request_id = str(uuid.uuid4())
    if service == "cloudwatch":
        body, headers = cbor.error(code, message, request_id)
        return Answer(status, body, headers, code)
    code, message = escape(code), escape(message)
    if service == "ec2":
        inner = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        text = f"<Response>{inner}<RequestID>{request_id}</RequestID></Response>"
    else:
        kind = "Sender" if status < 500 else "Receiver"
        inner = f"<Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        space = NAMESPACES.get(service, "")
        text = f'<ErrorResponse xmlns="{space}">{inner}<RequestId>{request_id}</RequestId></ErrorResponse>'
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return Answer(
        status, body, [("Content-Type", "text/xml;charset=UTF-8"), ("x-amzn-RequestId", request_id)]
    )


def throttled(service):
    """The answer to a caller whose token bucket is empty."""
    if service == "ec2":
        return error(service, 503, "RequestLimitExceeded", "Request limit exceeded.")
    return error(service, 400, "Throttling", "Rate exceeded")


def broken(service):
    """A 500 of the service itself."""
    code = "InternalError" if service == "ec2" else "InternalFailure"
    return error(service, 500, code, "An internal error has occurred.")


def date():
    """The value of the Date header; clients correct their clock by it, so it can be shifted."""
    return email.utils.formatdate(time.time() + SETTINGS.date_offset_seconds, usegmt=True)

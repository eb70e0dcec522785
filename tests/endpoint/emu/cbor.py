"""Smithy RPC v2 CBOR, which today's SDKs speak to CloudWatch and moto does not.

A call is turned into the JSON protocol, which moto knows, and the answer back into CBOR, typed by
botocore's model: a number the model calls a float must be a CBOR float, a time must carry tag 1.
"""

import datetime
import gzip
import io
import json
import re

import botocore.session
import cbor2

PATH = re.compile(r"^/service/([^/]+)/operation/([^/]+)/?$")
CONTENT = [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]

_cloudwatch = botocore.session.get_session().get_service_model("cloudwatch")
MODELS = {_cloudwatch.metadata["targetPrefix"]: _cloudwatch}


def speaks(environ):
    """Whether the call is in this protocol."""
    return environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor"


def operation(environ):
    """The service's target prefix and the operation, from the path."""
    found = PATH.match(environ["PATH_INFO"])
    return found.groups() if found else ("", environ["PATH_INFO"])


def document(environ, raw):
    """The request's parameters; SDKs compress large ones."""
    if environ.get("HTTP_CONTENT_ENCODING", "") == "gzip":
        raw = gzip.decompress(raw)
    return _plain(cbor2.loads(raw)) if raw else {}


def _plain(value):
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def flat(value, name=""):
    """Parameters as the query protocol names them, `AlarmNames.member.1`, which is what the log shows."""
    if isinstance(value, dict):
        parts = [(f"{name}.{k}" if name else k, v) for k, v in value.items()]
    elif isinstance(value, list):
        parts = [(f"{name}.member.{n}", v) for n, v in enumerate(value, 1)]
    else:
        return {name: str(value)}
    return {k: v for part, inner in parts for k, v in flat(inner, part).items()}


def as_json(environ, values):
    """The same call in the JSON protocol."""
    prefix, name = operation(environ)
    body = json.dumps(values).encode()
    changed = {
        "PATH_INFO": "/",
        "RAW_URI": "/",
        "REQUEST_URI": "/",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/x-amz-json-1.0",
        "HTTP_ACCEPT": "application/json",
        "HTTP_X_AMZ_TARGET": f"{prefix}.{name}",
        "wsgi.input": io.BytesIO(body),
    }
    dropped = ("HTTP_SMITHY_PROTOCOL", "HTTP_CONTENT_ENCODING")
    return {k: v for k, v in environ.items() if k not in dropped} | changed


def from_json(environ, status, body, headers):
    """moto's JSON answer as status, body, headers and error code in CBOR."""
    values = json.loads(body) if body else {}
    kept = [(k, v) for k, v in headers if k.lower().startswith("x-amzn")]
    if status >= 300:
        told = values.get("message") or values.get("Message") or ""
        kind = str(values.get("__type") or "InternalFailure").split("#")[-1]
        return status, cbor2.dumps({"__type": kind, "message": told}), CONTENT + kept, kind
    prefix, name = operation(environ)
    shape = MODELS[prefix].operation_model(name).output_shape
    return status, cbor2.dumps(_typed(shape, values) if shape else {}), CONTENT + kept, None


def _typed(shape, value):
    kind = shape.type_name
    if kind == "structure":
        return {k: _typed(s, value[k]) for k, s in shape.members.items() if value.get(k) is not None}
    if kind == "list":
        return [_typed(shape.member, v) for v in value]
    if kind == "map":
        return {k: _typed(shape.value, v) for k, v in value.items()}
    if kind == "timestamp":
        if isinstance(value, str):
            value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        return cbor2.CBORTag(1, float(value))
    convert = {"float": float, "double": float, "integer": int, "long": int}.get(kind)
    return convert(value) if convert else value


def error(code, message, request_id):
    """The body and headers of an error."""
    return cbor2.dumps({"__type": code, "message": message}), [*CONTENT, ("x-amzn-requestid", request_id)]

"""Access keys that stand for credentials in trouble. Any other key may do everything.

| key | what it meets |
| --- | --- |
| EXPIREDKEY | its session has expired, for every call |
| INVALIDKEY | nobody knows it |
| DENIEDKEY | reads everything, writes nothing |
| NOELBKEY | as DENIEDKEY, and may not even read elbv2 |
"""

from . import wire

ACCOUNT = "123456789012"


def _expired(call):
    if call.service == "ec2":
        return wire.error("ec2", 400, "RequestExpired", "Request has expired.")
    return wire.error(
        call.service, 403, "ExpiredToken", "The security token included in the request is expired"
    )


def _unknown(call):
    if call.service == "ec2":
        return wire.error(
            "ec2", 401, "AuthFailure", "AWS was not able to validate the provided access credentials"
        )
    return wire.error(
        call.service, 403, "InvalidClientTokenId", "The security token included in the request is invalid."
    )


def _denied(call):
    prefix = {"elbv2": "elasticloadbalancing"}.get(call.service, call.service)
    message = f"User: arn:aws:iam::{ACCOUNT}:user/{call.access_key.lower()} is not authorized to perform: {prefix}:{call.action}"
    if call.service == "ec2":
        return wire.error(
            "ec2",
            403,
            "UnauthorizedOperation",
            f"You are not authorized to perform this operation. {message}",
        )
    return wire.error(call.service, 403, "AccessDenied", message)


def refusal(call):
    """The answer to a call this key may not make, or None."""
    key = call.access_key
    if key == "EXPIREDKEY":
        return _expired(call)
    if key == "INVALIDKEY":
        return _unknown(call)
    no_elb = key == "NOELBKEY" and call.service == "elbv2"
    if no_elb or (key in ("DENIEDKEY", "NOELBKEY") and call.writes()):
        return _denied(call)
    return None

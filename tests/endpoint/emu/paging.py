"""Pages for the list calls that moto answers whole, and a cap that makes small estates page."""

import functools

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.cloudwatch.exceptions import InvalidParameterValue
from moto.ec2.exceptions import EC2ClientError
from moto.elbv2.exceptions import ELBClientError

from .world import SETTINGS

# Tokens are opaque on AWS; the prefix keeps a client that invents one from being served.
PREFIX = "qd-page-"


class Dialect:
    """How one service names the parts of paging, and what it says about a bad token or size."""

    def __init__(self, names, error, bad_token, bad_size):
        self.size, self.token, self.answer = names
        # moto finds the wire format by the module of the exception's class.
        self.error, self.bad_token, self.bad_size = error, bad_token, bad_size


EC2 = Dialect(
    ("MaxResults", "NextToken", "NextToken"), EC2ClientError, "InvalidNextToken", "InvalidParameterValue"
)
AUTOSCALING = Dialect(
    ("MaxRecords", "NextToken", "NextToken"), AutoscalingClientError, "InvalidNextToken", "ValidationError"
)
CLOUDWATCH = Dialect(
    ("MaxRecords", "NextToken", "NextToken"),
    lambda _code, message: InvalidParameterValue(message),
    "InvalidNextToken",
    "InvalidParameterValue",
)
ELB = Dialect(("PageSize", "Marker", "NextMarker"), ELBClientError, "ValidationError", "ValidationError")


def _start(dialect, token, total):
    if not token:
        return 0
    number = token.removeprefix(PREFIX)
    if number == token or not number.isdigit() or int(number) > total:
        raise dialect.error(dialect.bad_token, f"The token '{token}' is not valid.")
    return int(number)


def _limit(dialect, asked, default, most):
    if asked is not None and not 1 <= asked <= most:
        raise dialect.error(
            dialect.bad_size,
            f"Value ( {asked} ) for parameter {dialect.size} is invalid. Expecting a value from 1 to {most}.",
        )
    limit = asked or default
    return min(limit, SETTINGS.page_size_cap) if SETTINGS.page_size_cap else limit


def paged(responses, method, key, dialect, default, most):
    """Wrap a response method that returns the whole list under `key` so that it answers in pages."""
    whole = getattr(responses, method)

    @functools.wraps(whole)
    def page(self):
        asked = self._get_param(dialect.size)
        limit = _limit(dialect, None if asked is None else int(asked), default, most)
        token = self._get_param(dialect.token)
        answer = whole(self)
        items = list(answer.result[key])
        start = _start(dialect, token, len(items))
        answer.result[key] = items[start : start + limit]
        rest = start + limit < len(items)
        answer.result[dialect.answer] = f"{PREFIX}{start + limit}" if rest else None
        return answer

    setattr(responses, method, page)

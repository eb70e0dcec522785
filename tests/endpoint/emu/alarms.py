"""CloudWatch: alarms that begin without data and keep their state, composite ones, percentiles, pages.

An alarm moves by SetAlarmState only: what a metric would do to it is not evaluated.
"""

import math
import re

from moto.cloudwatch import models
from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend, Statistics, cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse

from . import paging
from .world import backends_in_use

KEPT = ("state_reason", "state_reason_data", "state_value", "state_updated_timestamp", "state_transitioned_timestamp", "history")


def _put_alarm(self, name, *args, **kwargs):
    """moto starts an alarm at OK, and starts it again whenever somebody changes it."""
    before = self.alarms.get(name)
    alarm = _put_alarm_of_moto(self, name, *args, **kwargs)
    alarm.state_value = "INSUFFICIENT_DATA"
    alarm.state_transitioned_timestamp = alarm.state_updated_timestamp
    if before is not None:
        alarm.__dict__.update({field: getattr(before, field) for field in KEPT})
    return alarm


def _put_composite(self):
    """moto has alarms with a rule, and no call that makes one. The rule is not evaluated."""
    if not self._get_param("AlarmRule"):
        raise ValidationError("The parameter AlarmRule is required.")
    return self.put_metric_alarm()


def _update_state(self, reason, reason_data, state_value):
    """Said again is not changed: only a change moves the time since which it is so."""
    changed = state_value != self.state_value
    _update_state_of_moto(self, reason, reason_data, state_value)
    if changed:
        self.state_transitioned_timestamp = self.state_updated_timestamp


def _describe(self):
    """Composite alarms only for who asks for them, as AWS does."""
    answer = _describe_of_moto(self)
    kinds = self._get_param("AlarmTypes", ["MetricAlarm"])
    for kind in ("MetricAlarm", "CompositeAlarm"):
        if kind not in kinds:
            answer.result[f"{kind}s"] = []
    return answer


def _statistic(self, name):
    """Percentiles, interpolated; moto answers null."""
    percentile = re.fullmatch(r"p(\d{1,2}(?:\.\d+)?|100)", name)
    values = sorted(self.metric_single_values_list)
    if not percentile or not values:
        return _statistic_of_moto(self, name)
    place = (len(values) - 1) * float(percentile[1]) / 100
    low, high = math.floor(place), math.ceil(place)
    return values[low] + (values[high] - values[low]) * (place - low)


def states(names):
    """The state of each of these alarms that exists, for the services that watch alarms."""
    found = {}
    for backend in backends_in_use(cloudwatch_backends):
        found.update({name: backend.alarms[name].state_value for name in names if name in backend.alarms})
    return found


def install():
    """Patch moto's CloudWatch."""
    global _put_alarm_of_moto, _describe_of_moto, _statistic_of_moto, _update_state_of_moto
    _put_alarm_of_moto = CloudWatchBackend.put_metric_alarm
    _describe_of_moto = CloudWatchResponse.describe_alarms
    _statistic_of_moto = Statistics.get_statistics_for_type
    _update_state_of_moto = Alarm.update_state
    Alarm.update_state = _update_state
    CloudWatchBackend.put_metric_alarm = _put_alarm
    CloudWatchResponse.put_composite_alarm = _put_composite
    CloudWatchResponse.describe_alarms = _describe
    models.Statistics.get_statistics_for_type = _statistic
    paging.paged(CloudWatchResponse, "describe_alarms", "MetricAlarms", paging.CLOUDWATCH, 50, 100)

"""CloudWatch in CBOR: alarms, metrics, faults, access."""

import datetime

import cbor2
from selftest_base import Case, cbor, control

UTC = datetime.UTC


def put_alarm(name, **more):
    return cbor(
        "PutMetricAlarm",
        **{
            "AlarmName": name,
            "Namespace": "web",
            "MetricName": "errors",
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Period": 60,
            "Threshold": 1.0,
            "Statistic": "Sum",
            **more,
        },
    )


def set_state(name, state):
    return cbor("SetAlarmState", AlarmName=name, StateValue=state, StateReason="a test")


def alarm(name):
    return cbor("DescribeAlarms", AlarmNames=[name])[1]["MetricAlarms"][0]


class Alarms(Case):
    def test_a_new_alarm_has_no_data_and_keeps_its_state(self):
        self.assertEqual(put_alarm("new")[0], 200)
        shown = alarm("new")
        self.assertEqual((shown["StateValue"], shown["Threshold"]), ("INSUFFICIENT_DATA", 1.0))
        self.assertIsInstance(shown["Threshold"], float)
        self.assertIsInstance(shown["StateUpdatedTimestamp"], datetime.datetime)
        self.assertEqual(set_state("new", "ALARM")[0], 200)
        put_alarm("new", Threshold=2.0)
        self.assertEqual((alarm("new")["StateValue"], alarm("new")["Threshold"]), ("ALARM", 2.0))

    def test_what_is_not_there(self):
        self.assertEqual(cbor("DescribeAlarms", AlarmNames=["nobody"])[1]["MetricAlarms"], [])
        status, told = set_state("nobody", "OK")
        self.assertEqual((status, "NotFound" in told["__type"]), (404, True), told)
        status, told = cbor("NoSuchThing")
        self.assertEqual((status, told["__type"]), (400, "InvalidAction"))

    def test_pages(self):
        for number in range(3):
            put_alarm(f"page-{number}")
        first = cbor("DescribeAlarms", AlarmNamePrefix="page-", MaxRecords=2)[1]
        rest = cbor("DescribeAlarms", AlarmNamePrefix="page-", MaxRecords=2, NextToken=first["NextToken"])[1]
        names = [a["AlarmName"] for a in first["MetricAlarms"] + rest["MetricAlarms"]]
        self.assertEqual((names, rest.get("NextToken")), (["page-0", "page-1", "page-2"], None))

    def test_composite_alarms_only_when_asked_for(self):
        self.assertEqual(cbor("PutCompositeAlarm", AlarmName="whole", AlarmRule="ALARM(page-0)")[0], 200)
        self.assertEqual(cbor("PutCompositeAlarm", AlarmName="ruleless")[0], 400)
        answer = cbor("DescribeAlarms")[1]
        self.assertEqual(answer["CompositeAlarms"], [])
        asked = cbor("DescribeAlarms", AlarmNames=["whole"], AlarmTypes=["MetricAlarm", "CompositeAlarm"])[1]
        self.assertEqual([a["AlarmName"] for a in asked["CompositeAlarms"]], ["whole"])
        self.assertEqual(asked["MetricAlarms"], [])

    def test_only_a_change_moves_the_time_since_which_it_is_so(self):
        put_alarm("moves")
        set_state("moves", "ALARM")
        since = alarm("moves")["StateTransitionedTimestamp"]
        set_state("moves", "ALARM")
        again = alarm("moves")
        self.assertEqual(again["StateTransitionedTimestamp"], since)
        self.assertGreaterEqual(again["StateUpdatedTimestamp"], since)
        set_state("moves", "OK")
        self.assertGreater(alarm("moves")["StateTransitionedTimestamp"], since)

    def test_calls_are_logged_and_disturbed_as_others_are(self):
        put_alarm("logged")
        control("calls", method="DELETE")
        control("fault", {"service": "cloudwatch", "action": "DescribeAlarms", "kind": "throttle"})
        status, told = cbor("DescribeAlarms", AlarmNames=["logged"])
        self.assertEqual((status, told["__type"]), (400, "Throttling"))
        call = control("calls")[0]
        self.assertEqual(
            (call["service"], call["action"], call["error"], call["params"]),
            ("cloudwatch", "DescribeAlarms", "Throttling", {"AlarmNames.member.1": "logged"}),
        )
        control("fault", {"service": "cloudwatch", "action": "DescribeAlarms", "kind": "error500"})
        self.assertEqual(cbor("DescribeAlarms")[0], 500)


class Metrics(Case):
    def test_data_comes_back_with_percentiles(self):
        now = datetime.datetime.now(UTC).replace(second=0, microsecond=0)
        values = [float(v) for v in range(1, 102)]
        data = [{"MetricName": "latency", "Timestamp": now, "Value": v} for v in values]
        self.assertEqual(cbor("PutMetricData", Namespace="web", MetricData=data)[0], 200)
        query = lambda name, stat: {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": "web", "MetricName": "latency"},
                "Period": 60,
                "Stat": stat,
            },
        }
        span = {"StartTime": now - datetime.timedelta(minutes=5), "EndTime": now + datetime.timedelta(minutes=5)}
        queries = [query("p", "p50"), query("s", "Sum"), query("m", "Maximum")]
        status, told = cbor("GetMetricData", MetricDataQueries=queries, **span)
        self.assertEqual(status, 200, told)
        found = {r["Id"]: r["Values"] for r in told["MetricDataResults"]}
        self.assertEqual(found, {"p": [51.0], "s": [sum(values)], "m": [101.0]})
        self.assertIsInstance(told["MetricDataResults"][0]["Timestamps"][0], datetime.datetime)
        self.assertEqual(cbor2.dumps(found["p"][0])[0], 0xFB, "a float stays a float")

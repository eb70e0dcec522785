"""Access keys, faults, the call log, wire formats, concurrency."""

import email.utils
import threading
import time
import urllib.error
import urllib.request

import botocore.exceptions

import selftest_base
from selftest_base import Case, client, control


class Access(Case):
    def code(self, key, service, call, **arguments):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            getattr(client(service, key), call)(**arguments)
        response = caught.exception.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    def test_expired_and_unknown(self):
        for service, call in (
            ("autoscaling", "describe_auto_scaling_groups"),
            ("elbv2", "describe_load_balancers"),
            ("sts", "get_caller_identity"),
        ):
            self.assertEqual(self.code("EXPIREDKEY", service, call), ("ExpiredToken", 403))
            self.assertEqual(self.code("INVALIDKEY", service, call), ("InvalidClientTokenId", 403))
        self.assertEqual(self.code("EXPIREDKEY", "ec2", "describe_images"), ("RequestExpired", 400))
        self.assertEqual(self.code("INVALIDKEY", "ec2", "describe_images"), ("AuthFailure", 401))

    def test_reader(self):
        self.assertTrue(
            client("autoscaling", "DENIEDKEY").describe_auto_scaling_groups()["AutoScalingGroups"]
        )
        self.assertTrue(client("elbv2", "DENIEDKEY").describe_load_balancers()["LoadBalancers"])
        update = {"AutoScalingGroupName": "batch-1", "MinSize": 1}
        self.assertEqual(
            self.code("DENIEDKEY", "autoscaling", "update_auto_scaling_group", **update),
            ("AccessDenied", 403),
        )
        created = {"Resources": [self.image("web", "2.14.0")], "Tags": [{"Key": "a", "Value": "b"}]}
        self.assertEqual(
            self.code("DENIEDKEY", "ec2", "create_tags", **created), ("UnauthorizedOperation", 403)
        )

    def test_no_load_balancing(self):
        self.assertEqual(self.code("NOELBKEY", "elbv2", "describe_load_balancers"), ("AccessDenied", 403))
        self.assertTrue(client("ec2", "NOELBKEY").describe_images(Owners=["self"])["Images"])

    def test_identity(self):
        self.assertEqual(client("sts").get_caller_identity()["Account"], "123456789012")


class Faults(Case):
    def test_throttle_counts_and_skips(self):
        control(
            "fault",
            {
                "service": "elbv2",
                "action": "DescribeLoadBalancers",
                "kind": "throttle",
                "times": 2,
                "skip": 1,
            },
        )
        self.elb.describe_load_balancers()
        self.refused("Throttling", self.elb.describe_load_balancers)
        self.refused("Throttling", self.elb.describe_load_balancers)
        self.elb.describe_load_balancers()
        control("fault", {"service": "ec2", "action": "*", "kind": "throttle"})
        answer = self.refused("RequestLimitExceeded", self.ec2.describe_images)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 503)
        self.assertEqual([f["fired"] for f in control("fault")], [2, 1])

    def test_errors(self):
        control(
            "fault", {"service": "autoscaling", "action": "DescribeAutoScalingGroups", "kind": "error500"}
        )
        answer = self.refused("InternalFailure", self.asg.describe_auto_scaling_groups)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 500)
        control(
            "fault",
            {
                "service": "elbv2",
                "action": "DescribeTargetHealth",
                "kind": "error",
                "status": 403,
                "code": "AccessDenied",
            },
        )
        self.refused(
            "AccessDenied", self.elb.describe_target_health, TargetGroupArn=self.target_group("web-prod-a")
        )

    def test_reply_lost_after_the_effect(self):
        control(
            "fault", {"service": "autoscaling", "action": "CreateOrUpdateTags", "kind": "reply_lost_after"}
        )
        tag = {
            "ResourceId": "batch-4",
            "ResourceType": "auto-scaling-group",
            "Key": "lost",
            "Value": "reply",
            "PropagateAtLaunch": False,
        }
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            self.asg.create_or_update_tags(Tags=[tag])
        self.assertIn("lost", [t["Key"] for t in self.group("batch-4")["Tags"]])
        call = [c for c in control("calls") if c["action"] == "CreateOrUpdateTags"][-1]
        self.assertEqual((call["fault"], call["status"]), ("reply_lost_after", None))
        control("fault", {"service": "autoscaling", "action": "DeleteTags", "kind": "error500_after"})
        self.refused("InternalFailure", self.asg.delete_tags, Tags=[tag])
        self.assertNotIn("lost", [t["Key"] for t in self.group("batch-4")["Tags"]])

    def test_timeout_before_has_no_effect(self):
        control(
            "fault",
            {
                "service": "autoscaling",
                "action": "CreateOrUpdateTags",
                "kind": "timeout_before",
                "seconds": 3,
                "contains": "batch-4",
            },
        )
        impatient = client("autoscaling", timeout=1)
        tag = {
            "ResourceId": "batch-4",
            "ResourceType": "auto-scaling-group",
            "Key": "never",
            "Value": "x",
            "PropagateAtLaunch": False,
        }
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            impatient.create_or_update_tags(Tags=[tag])
        self.assertNotIn("never", [t["Key"] for t in self.group("batch-4")["Tags"]])

    def test_latency_delays_one_call_only(self):
        control("fault", {"service": "ec2", "action": "DescribeImages", "kind": "latency", "seconds": 1})
        slow = threading.Thread(target=client("ec2").describe_images)
        started = time.monotonic()
        slow.start()
        time.sleep(0.2)
        self.asg.describe_auto_scaling_groups()
        self.assertLess(time.monotonic() - started, 0.9)
        slow.join()
        self.assertGreater(time.monotonic() - started, 1)

    def test_stale_reads_show_what_was(self):
        before = self.group("batch-4")["MaxSize"]
        self.asg.update_auto_scaling_group(AutoScalingGroupName="batch-4", MaxSize=before + 1)
        action = "DescribeAutoScalingGroups"
        control("fault", {"service": "autoscaling", "action": action, "kind": "stale", "contains": "batch-4"})
        self.assertEqual(self.group("batch-4")["MaxSize"], before)
        self.assertEqual(self.group("batch-4")["MaxSize"], before + 1)
        self.asg.update_auto_scaling_group(AutoScalingGroupName="batch-4", MaxSize=before)

    def test_a_budget_runs_out_and_refills(self):
        control("settings", {"budgets": {"elbv2": [3, 2]}})
        for _ in range(3):
            self.elb.describe_load_balancers()
        self.refused("Throttling", self.elb.describe_load_balancers)
        self.assertLess(control("budget")["elbv2"]["lowest"], 1)
        time.sleep(0.6)
        self.elb.describe_load_balancers()

    def test_a_misspelt_order_is_refused(self):
        for path, values in (
            ("fault", {"service": "ec2", "action": "*", "kind": "trottle"}),
            ("settings", {"initial": 1}),
            ("nowhere", {}),
        ):
            with self.assertRaises(urllib.error.HTTPError):
                control(path, values)


class Wire(Case):
    def test_calls_are_logged_in_order(self):
        control("calls", method="DELETE")
        self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["batch-1"])
        self.elb.describe_load_balancers(Names=["web"])
        calls = control("calls")
        self.assertEqual(
            [(c["service"], c["action"], c["status"]) for c in calls],
            [("autoscaling", "DescribeAutoScalingGroups", 200), ("elbv2", "DescribeLoadBalancers", 200)],
        )
        self.assertEqual(calls[0]["params"], {"AutoScalingGroupNames.member.1": "batch-1"})
        self.assertEqual((calls[0]["access_key"], calls[0]["error"]), ("testing", None))

    def test_unimplemented_and_unknown(self):
        instance = self.group("batch-1")["Instances"][0]["InstanceId"]
        answer = self.refused("InvalidAction", self.ec2.create_replace_root_volume_task, InstanceId=instance)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertIn(
            "<Code>InvalidAction</Code>", self.raw("autoscaling", "Action=NoSuchThing&Version=2011-01-01")
        )

    def raw(self, service, form):
        request = urllib.request.Request(selftest_base.URL + "/", form.encode())
        request.add_header(
            "Authorization",
            f"AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0",
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def test_date_header(self):
        def skew():
            answer = self.elb.describe_load_balancers()["ResponseMetadata"]["HTTPHeaders"]["date"]
            return email.utils.parsedate_to_datetime(answer).timestamp() - time.time()

        self.assertLess(abs(skew()), 3)
        control("settings", {"date_offset_seconds": 600})
        self.assertLess(abs(skew() - 600), 3)

    def test_many_clients_at_once(self):
        failures = []

        def hammer(number):
            try:
                asg, name = client("autoscaling"), "batch-1"
                for turn in range(5):
                    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=(number + turn) % 3)
                    asg.describe_auto_scaling_groups()
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=hammer, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        group = self.group("batch-1")
        live = [i for i in group["Instances"] if i["LifecycleState"] in ("Pending", "InService")]
        self.assertEqual(len(live), group["DesiredCapacity"])
        self.asg.set_desired_capacity(AutoScalingGroupName="batch-1", DesiredCapacity=1)

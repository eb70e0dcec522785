"""What the self-tests share: clients, the control plane, waiting."""

import json
import time
import unittest
import urllib.error
import urllib.request

import boto3
import botocore.exceptions
import cbor2
from botocore.config import Config

URL = ""


def control(path, values=None, method=None):
    """One request to the control plane."""
    body = None if values is None else json.dumps(values).encode()
    method = method or ("GET" if body is None else "POST")
    request = urllib.request.Request(f"{URL}/qd-test/{path}", body, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def client(service, key="testing", timeout=10, region="us-east-1"):
    """A client that never tries again, so that each call is one call."""
    config = Config(retries={"max_attempts": 0}, read_timeout=timeout)
    session = boto3.session.Session(key, "testing", region_name=region)
    return session.client(service, endpoint_url=URL, config=config)


def cbor(operation, **values):
    """A CloudWatch call in the protocol of today's SDKs: status and document."""
    scope = "Credential=testing/20260101/us-east-1/monitoring/aws4_request"
    headers = {
        "smithy-protocol": "rpc-v2-cbor",
        "Content-Type": "application/cbor",
        "Accept": "application/cbor",
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
    }
    path = f"/service/GraniteServiceVersion20100801/operation/{operation}"
    request = urllib.request.Request(URL + path, cbor2.dumps(values), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, cbor2.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, cbor2.loads(error.read())


class Case(unittest.TestCase):
    """A test with clients, made once because that is slow."""

    @classmethod
    def setUpClass(cls):
        cls.ec2, cls.asg, cls.elb = client("ec2"), client("autoscaling"), client("elbv2")
        cls.before = control("settings")

    def tearDown(self):
        control("fault", method="DELETE")
        control("settings", self.before)

    def refused(self, code, call, **arguments):
        """The call is answered with this error code."""
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response

    def until(self, check, seconds=5):
        """Wait until the check returns something true; returns it."""
        deadline = time.monotonic() + seconds
        while True:
            found = check()
            if found:
                return found
            self.assertLess(time.monotonic(), deadline, "it did not happen in time")
            time.sleep(0.05)

    def group(self, name):
        """One group as the API shows it."""
        return self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]

    def health(self, arn):
        """Target id to state."""
        found = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {t["Target"]["Id"]: t["TargetHealth"]["State"] for t in found}

    def image(self, app, version):
        """The image id of a seeded version."""
        filters = [{"Name": "tag:qd:app", "Values": [app]}, {"Name": "tag:qd:version", "Values": [version]}]
        return self.ec2.describe_images(Owners=["self"], Filters=filters)["Images"][0]["ImageId"]

    def target_group(self, name):
        """The ARN of a seeded target group."""
        return self.elb.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]

    def template(self, name):
        """A seeded launch template."""
        return self.ec2.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"][0]

"""The estate every AWS test starts from.

    python seed.py --url http://127.0.0.1:PORT [--out seed.json]

It is made through the API, so what a test finds is what calls can make. What no call can set (an
image's creation date, an image that stays pending) goes through the endpoint's control plane. The
overlay runs `seed` in its own process, which saves the start of a second Python.
"""

import argparse
import base64
import datetime
import json
import sys
import urllib.request

import boto3
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"
CERTIFICATE = f"arn:aws:iam::{ACCOUNT}:server-certificate/example"

# app, version, what is special. The web versions are those of the simulated cloud, and two of
# 2.18.0, which cannot be told apart by version.
IMAGES = [
    ("web", "2.13.2", {}),
    ("web", "2.14.0", {}),
    ("web", "2.15.0", {}),
    ("web", "2.16.0", {"tags": {"emu:health": "unhealthy"}}),
    ("web", "2.17.0", {"state": "pending"}),
    ("web", "2.18.0", {"key": "web 2.18.0 first"}),
    ("web", "2.18.0", {"key": "web 2.18.0 second"}),
    ("api", "5.1.0", {}),
    ("api", "5.2.0", {}),
    ("shop", "1.4.0", {}),
    ("shop", "1.5.0", {}),
    ("search", "1.9.0", {}),
    ("search", "1.10.0", {}),
    ("worker", "3.3.0", {}),
    ("worker", "3.4.0", {}),
    ("legacy", "0.9.8", {}),
    ("legacy", "0.9.9", {}),
    ("mail", "1.0.0", {}),
    ("mail", "1.1.0", {}),
    ("queue", "7.0.0", {}),
    ("queue", "7.1.0", {}),
    ("base", "2026.10", {"owner_id": OTHER_ACCOUNT}),
]

OIDC = {
    "Issuer": "https://login.example.com",
    "AuthorizationEndpoint": "https://login.example.com/authorize",
    "TokenEndpoint": "https://login.example.com/token",
    "UserInfoEndpoint": "https://login.example.com/userinfo",
    "ClientId": "web-prod",
    "ClientSecret": "seeded-client-secret",
    "SessionTimeout": 3600,
}


def _post(url, path, values):
    request = urllib.request.Request(f"{url}/qd-test/{path}", json.dumps(values).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def _clients(url):
    config = Config(retries={"max_attempts": 0}, parameter_validation=False)
    session = boto3.session.Session("testing", "testing", region_name=REGION)
    return [session.client(name, endpoint_url=url, config=config) for name in ("ec2", "autoscaling", "elbv2")]


def _tags(values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


class Seeder:
    """Makes the estate and remembers every id in `made`, which is what tests read."""

    def __init__(self, url):
        self.url = url
        self.ec2, self.autoscaling, self.elb = _clients(url)
        self.made = {"region": REGION, "account": ACCOUNT, "images": {}, "fleets": {}, "plain_groups": []}

    def network(self):
        """One VPC with a subnet in each of three zones."""
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        zones = {zone: f"10.0.{64 * n}.0/20" for n, zone in enumerate("abc")}
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=block, AvailabilityZone=REGION + zone)["Subnet"][
                "SubnetId"
            ]
            for zone, block in zones.items()
        ]
        group = self.ec2.create_security_group(GroupName="servers", Description="servers", VpcId=self.vpc)
        self.security_group = group["GroupId"]
        self.made["vpc"], self.made["subnets"] = self.vpc, self.subnets

    def images(self):
        """The images, each a day younger than the one before, so that newest-first has an answer."""
        first = datetime.datetime(2026, 10, 1, 12, tzinfo=datetime.UTC)
        for number, (app, version, special) in enumerate(IMAGES):
            born = first + datetime.timedelta(days=number)
            self._image(app, version, special, born, f"{0x5EED0000 + number:08x}")

    def _image(self, app, version, special, born, commit):
        tags = {"qd:app": app, "qd:version": version, "qd:commit": commit, **special.get("tags", {})}
        key = special.get("key", f"{app} {version}")
        answer = self.ec2.register_image(
            Name=f"{app}-{version}-{commit}",
            Description=f"{app} {version}",
            Architecture="x86_64",
            VirtualizationType="hvm",
            RootDeviceName="/dev/xvda",
            TagSpecifications=[{"ResourceType": "image", "Tags": _tags(tags)}],
        )
        changes = {name: special[name] for name in ("state", "owner_id") if name in special}
        _post(self.url, "image", {"id": answer["ImageId"], "created_at": born.isoformat(), **changes})
        self.made["images"][key] = answer["ImageId"]

    def template(self, name, image, versions=2):
        """A template whose newest version runs the image; the default stays at version 1.

        A client that confuses the default version with the one a group is pinned to is found out.
        """
        data = {
            "ImageId": self.made["images"][image],
            "InstanceType": "t3.micro",
            "SecurityGroupIds": [self.security_group],
            "UserData": base64.b64encode(b"#!/bin/sh\necho ready\n").decode(),
            "MetadataOptions": {"HttpTokens": "required"},
        }
        first = data if versions == 1 else {**data, "InstanceType": "t3.nano"}
        made = self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=first)
        template_id = made["LaunchTemplate"]["LaunchTemplateId"]
        for _ in range(versions - 1):
            self.ec2.create_launch_template_version(
                LaunchTemplateId=template_id, LaunchTemplateData=data, VersionDescription="seed"
            )
        return {"id": template_id, "name": name, "version": str(versions)}

    def group(self, name, image, size, tags, target_groups=(), version=None):
        """A group of `size` instances; size None is an idle slot, 0/0/0."""
        template = self.template(f"lt-{name}", image)
        low, high, desired = (0, 0, 0) if size is None else size
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=low,
            MaxSize=high,
            DesiredCapacity=desired,
            LaunchTemplate={"LaunchTemplateId": template["id"], "Version": version or template["version"]},
            VPCZoneIdentifier=",".join(self.subnets),
            TargetGroupARNs=list(target_groups),
            HealthCheckType="ELB" if target_groups else "EC2",
            HealthCheckGracePeriod=0,
            Tags=[{**tag, "PropagateAtLaunch": True} for tag in _tags(tags)],
        )
        return {
            "name": name,
            "template": template,
            "image": self.made["images"][image],
            "target_groups": list(target_groups),
        }

    def target_group(self, name, dns_failover="off"):
        """A target group; dns_failover "1" is AWS's default and what Quarterdeck warns about."""
        made = self.elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=8080,
            VpcId=self.vpc,
            HealthCheckPath="/healthz",
            TargetType="instance",
        )
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        key = "target_group_health.dns_failover.minimum_healthy_targets.count"
        self.elb.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": key, "Value": dns_failover}]
        )
        return arn

    def listener(self, name, default, secure=False):
        """A load balancer of its own with one listener."""
        balancer = self.elb.create_load_balancer(
            Name=name, Subnets=self.subnets, SecurityGroups=[self.security_group]
        )
        arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
        extra = {"Certificates": [{"CertificateArn": CERTIFICATE}]} if secure else {}
        made = self.elb.create_listener(
            LoadBalancerArn=arn,
            Protocol="HTTPS" if secure else "HTTP",
            Port=443 if secure else 80,
            DefaultActions=[default],
            **extra,
        )
        return {"load_balancer": arn, "listener": made["Listeners"][0]["ListenerArn"]}

    def rule(self, listener, host, actions):
        """A rule for one host name."""
        made = self.elb.create_rule(
            ListenerArn=listener,
            Priority=10,
            Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}],
            Actions=actions,
        )
        return made["Rules"][0]["RuleArn"]


NOT_FOUND = {
    "Type": "fixed-response",
    "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no such host"},
}


def forward(weights, order=None, sticky=False):
    """A weighted forward; `weights` maps target group ARNs."""
    stickiness = {"Enabled": True, "DurationSeconds": 3600} if sticky else {"Enabled": False}
    config = {
        "TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()],
        "TargetGroupStickinessConfig": stickiness,
    }
    return {"Type": "forward", "ForwardConfig": config, **({"Order": order} if order else {})}


def _fleet_tags(fleet, slot=None):
    app = fleet.removesuffix("-prod")
    tags = {"qd:fleet": fleet, "app": app, "env": "prod"}
    return {**tags, "qd:slot": slot} if slot else tags


def web(s):
    """Behind a sign-in, with sticky clients: the rule that is hardest to send back unchanged."""
    blue, green = s.target_group("web-prod-a"), s.target_group("web-prod-b")
    place = s.listener("web", NOT_FOUND, secure=True)
    sign_in = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": OIDC}
    place["rule"] = s.rule(
        place["listener"], "web.example.com", [sign_in, forward({blue: 100, green: 0}, order=2, sticky=True)]
    )
    slots = {
        "a": s.group("web-prod-a", "web 2.13.2", (4, 12, 4), _fleet_tags("web-prod", "a"), [blue]),
        "b": s.group("web-prod-b", "web 2.13.2", None, _fleet_tags("web-prod", "b"), [green]),
    }
    s.made["fleets"]["web-prod"] = {**place, "slots": slots}


def api(s):
    """Weighted by the listener's default action, and in danger from DNS failover."""
    blue, green = s.target_group("api-prod-a", "1"), s.target_group("api-prod-b", "1")
    place = s.listener("api", forward({blue: 100, green: 0}))
    slots = {
        "a": s.group("api-prod-a", "api 5.1.0", (4, 12, 4), _fleet_tags("api-prod", "a"), [blue]),
        "b": s.group("api-prod-b", "api 5.1.0", None, _fleet_tags("api-prod", "b"), [green]),
    }
    s.made["fleets"]["api-prod"] = {**place, "slots": slots}


def shop(s):
    """No tags of ours: only the rule tells that these two are one fleet."""
    blue, green = s.target_group("shop-prod-blue"), s.target_group("shop-prod-green")
    place = s.listener("shop", NOT_FOUND)
    place["rule"] = s.rule(place["listener"], "shop.example.com", [forward({blue: 1, green: 0})])
    slots = {
        "a": s.group("shop-prod-blue", "shop 1.4.0", (2, 6, 2), {"Name": "shop"}, [blue]),
        "b": s.group("shop-prod-green", "shop 1.4.0", None, {"Name": "shop"}, [green]),
    }
    s.made["fleets"]["shop-prod"] = {**place, "slots": slots}


def search(s):
    """Two groups that share a target group: traffic follows the instances."""
    shared = s.target_group("search-prod")
    place = s.listener("search", NOT_FOUND)
    place["rule"] = s.rule(place["listener"], "search.example.com", [forward({shared: 1})])
    slots = {
        "a": s.group("search-prod-a", "search 1.9.0", (3, 9, 3), _fleet_tags("search-prod", "a"), [shared]),
        "b": s.group("search-prod-b", "search 1.9.0", None, _fleet_tags("search-prod", "b"), [shared]),
    }
    s.made["fleets"]["search-prod"] = {**place, "slots": slots}


def queue(s):
    """Workers in two groups, behind no load balancer."""
    slots = {
        "a": s.group("queue-prod-a", "queue 7.0.0", (4, 12, 4), _fleet_tags("queue-prod", "a")),
        "b": s.group("queue-prod-b", "queue 7.0.0", None, _fleet_tags("queue-prod", "b")),
    }
    s.made["fleets"]["queue-prod"] = {"slots": slots}


def mail(s):
    """One group behind a load balancer, saved with a number: what an instance refresh can roll back."""
    targets = s.target_group("mail-prod")
    place = s.listener("mail", forward({targets: 1}))
    slot = s.group("mail-prod", "mail 1.0.0", (4, 8, 4), _fleet_tags("mail-prod"), [targets])
    s.made["fleets"]["mail-prod"] = {**place, "slots": {"a": slot}}


def lone_groups(s):
    """A fleet without a route, one that a saved `$Latest` keeps from rolling back, and plain ones."""
    worker = s.group("worker-prod", "worker 3.3.0", (2, 6, 2), _fleet_tags("worker-prod"))
    legacy = s.group("legacy-prod", "legacy 0.9.8", (2, 4, 2), _fleet_tags("legacy-prod"), version="$Latest")
    s.made["fleets"]["worker-prod"] = {"slots": {"a": worker}}
    s.made["fleets"]["legacy-prod"] = {"slots": {"a": legacy}}
    for number in range(1, 7):
        size = number % 2
        s.made["plain_groups"].append(
            s.group(f"batch-{number}", "worker 3.3.0", (0, 2, size), {"app": "batch"})
        )


def seed(url):
    """Make the estate at this endpoint; returns all its ids."""
    seeder = Seeder(url)
    seeder.network()
    seeder.images()
    for part in (web, api, shop, search, queue, mail, lone_groups):
        part(seeder)
    return seeder.made


def main():
    """Seed an endpoint from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True)
    parser.add_argument("--out", help="write all ids to this file instead of standard output")
    arguments = parser.parse_args()
    made = seed(arguments.url)
    with open(arguments.out, "w", encoding="utf-8") if arguments.out else sys.stdout as out:
        json.dump(made, out, indent=1)


if __name__ == "__main__":
    main()

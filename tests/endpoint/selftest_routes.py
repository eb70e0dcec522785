"""Rules, listeners, weights, sign-in secrets, target health."""

import copy

from selftest_base import Case, control


def weights(actions):
    """Weights in order, of the forward in an action list."""
    return [
        t["Weight"] for a in actions if a["Type"] == "forward" for t in a["ForwardConfig"]["TargetGroups"]
    ]


def reweighted(actions, numbers, keep=True):
    """The actions as read, with other weights and the word that keeps the client secret."""
    actions = copy.deepcopy(actions)
    for action in actions:
        if action["Type"] == "authenticate-oidc" and keep:
            action["AuthenticateOidcConfig"]["UseExistingClientSecret"] = True
        if action["Type"] == "forward":
            for target, number in zip(action["ForwardConfig"]["TargetGroups"], numbers, strict=True):
                target["Weight"] = number
    return actions


class Routes(Case):
    def listener(self, name):
        balancer = self.elb.describe_load_balancers(Names=[name])["LoadBalancers"][0]["LoadBalancerArn"]
        return self.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]

    def rules(self, name):
        return self.elb.describe_rules(ListenerArn=self.listener(name)["ListenerArn"])["Rules"]


class Rules(Routes):
    def test_what_is_sent_back_is_what_was_read(self):
        rule = self.rules("web")[0]
        self.assertEqual([a["Type"] for a in rule["Actions"]], ["authenticate-oidc", "forward"])
        self.assertEqual(
            rule["Actions"][1]["ForwardConfig"]["TargetGroupStickinessConfig"],
            {"Enabled": True, "DurationSeconds": 3600},
        )
        self.assertNotIn("ClientSecret", rule["Actions"][0]["AuthenticateOidcConfig"])
        answer = self.elb.modify_rule(RuleArn=rule["RuleArn"], Actions=reweighted(rule["Actions"], [5, 95]))[
            "Rules"
        ][0]
        again = self.elb.describe_rules(RuleArns=[rule["RuleArn"]])["Rules"][0]
        self.assertEqual(answer["Actions"], again["Actions"])
        self.assertEqual(again["Actions"], reweighted(rule["Actions"], [5, 95], keep=False))
        self.assertEqual(again["Conditions"], rule["Conditions"])
        shown = control("state")["rules"][rule["RuleArn"]]
        self.assertEqual(shown["actions"][0]["client_secret"], "seeded-client-secret")
        self.assertEqual(sorted(shown["weights"].values()), [5, 95])
        self.elb.modify_rule(RuleArn=rule["RuleArn"], Actions=reweighted(again["Actions"], [100, 0]))

    def test_a_lost_secret_is_refused(self):
        rule = self.rules("web")[0]
        plain = reweighted(rule["Actions"], [50, 50], keep=False)
        self.refused("ValidationError", self.elb.modify_rule, RuleArn=rule["RuleArn"], Actions=plain)
        self.assertEqual(weights(self.rules("web")[0]["Actions"]), weights(rule["Actions"]))
        other = self.rules("shop")[0]["RuleArn"]
        self.refused(
            "InvalidLoadBalancerAction",
            self.elb.modify_rule,
            RuleArn=other,
            Actions=reweighted(rule["Actions"], [1, 1]),
        )

    def test_cognito(self):
        arn = self.target_group("web-prod-a")
        cognito = {
            "UserPoolArn": "arn:aws:cognito-idp:us-east-1:123456789012:userpool/p",
            "UserPoolClientId": "c",
            "UserPoolDomain": "d",
        }
        actions = [
            {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": cognito},
            {"Type": "forward", "Order": 2, "TargetGroupArn": arn},
        ]
        listener = self.listener("web")["ListenerArn"]
        condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/cognito"]}}
        made = self.elb.create_rule(
            ListenerArn=listener, Priority=20, Conditions=[condition], Actions=actions
        )["Rules"][0]
        read = self.elb.describe_rules(RuleArns=[made["RuleArn"]])["Rules"][0]["Actions"]
        self.assertEqual(read[0]["AuthenticateCognitoConfig"]["SessionTimeout"], 604800)
        self.assertEqual((read[1]["TargetGroupArn"], weights(read)), (arn, [1]))
        self.elb.modify_rule(RuleArn=made["RuleArn"], Actions=read)
        self.assertEqual(self.elb.describe_rules(RuleArns=[made["RuleArn"]])["Rules"][0]["Actions"], read)
        self.elb.delete_rule(RuleArn=made["RuleArn"])
        self.refused("RuleNotFound", self.elb.describe_rules, RuleArns=[made["RuleArn"]])

    def test_default_rule_and_listener(self):
        default = next(r for r in self.rules("api") if r["IsDefault"])
        self.refused(
            "OperationNotPermitted",
            self.elb.modify_rule,
            RuleArn=default["RuleArn"],
            Actions=default["Actions"],
        )
        listener = self.listener("api")
        wanted = reweighted(listener["DefaultActions"], [25, 75])
        answer = self.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=wanted)[
            "Listeners"
        ][0]
        self.assertEqual(answer["DefaultActions"], wanted)
        self.assertEqual(weights(self.listener("api")["DefaultActions"]), [25, 75])
        self.assertEqual(weights(self.rules("api")[-1]["Actions"]), [25, 75])
        self.elb.modify_listener(
            ListenerArn=listener["ListenerArn"], DefaultActions=listener["DefaultActions"]
        )

    def test_weights_are_bounded(self):
        rule = self.rules("shop")[0]
        for bad in ([1000, 0], [-1, 1]):
            actions = reweighted(rule["Actions"], bad)
            self.refused("ValidationError", self.elb.modify_rule, RuleArn=rule["RuleArn"], Actions=actions)
        self.elb.modify_rule(RuleArn=rule["RuleArn"], Actions=reweighted(rule["Actions"], [999, 0]))
        self.elb.modify_rule(RuleArn=rule["RuleArn"], Actions=rule["Actions"])

    def test_listener_weights_are_bounded_and_groups_exist(self):
        listener = self.listener("api")
        modify = self.elb.modify_listener
        self.refused(
            "ValidationError",
            modify,
            ListenerArn=listener["ListenerArn"],
            DefaultActions=reweighted(listener["DefaultActions"], [1000, 0]),
        )
        missing = reweighted(listener["DefaultActions"], [1, 1])
        missing[0]["ForwardConfig"]["TargetGroups"][0]["TargetGroupArn"] += "x"
        self.refused(
            "TargetGroupNotFound", modify, ListenerArn=listener["ListenerArn"], DefaultActions=missing
        )

    def test_pages(self):
        listener = self.listener("search")["ListenerArn"]
        forward = self.rules("search")[0]["Actions"]
        for priority in (50, 40, 30):
            condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": [f"/{priority}"]}}
            self.elb.create_rule(
                ListenerArn=listener, Priority=priority, Conditions=[condition], Actions=forward
            )
        pages = self.elb.get_paginator("describe_rules").paginate(
            ListenerArn=listener, PaginationConfig={"PageSize": 2}
        )
        self.assertEqual(
            [[r["Priority"] for r in p["Rules"]] for p in pages], [["10", "30"], ["40", "50"], ["default"]]
        )
        for call in ("describe_load_balancers", "describe_target_groups"):
            pages = list(self.elb.get_paginator(call).paginate(PaginationConfig={"PageSize": 3}))
            self.assertGreaterEqual(len(pages), 2)
        self.refused("ValidationError", self.elb.describe_rules, ListenerArn=listener, Marker="nonsense")

    def test_attributes_and_tags(self):
        shown = self.elb.describe_target_group_attributes(TargetGroupArn=self.target_group("api-prod-a"))[
            "Attributes"
        ]
        attributes = {a["Key"]: a["Value"] for a in shown}
        self.assertEqual(attributes["target_group_health.dns_failover.minimum_healthy_targets.count"], "1")
        self.assertEqual(attributes["deregistration_delay.timeout_seconds"], "300")
        arn = self.target_group("api-prod-a")
        self.assertEqual(self.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["ResourceArn"], arn)
        self.refused("ValidationError", self.elb.describe_tags, ResourceArns=[arn] * 21)


class Health(Routes):
    def test_initial_then_healthy_then_draining_then_gone(self):
        control("settings", {"initial_seconds": 0.6, "drain_seconds": 0.6, "pending_seconds": 0.2})
        arn = self.target_group("shop-prod-green")
        self.asg.update_auto_scaling_group(AutoScalingGroupName="shop-prod-green", MinSize=1, MaxSize=1)
        self.assertEqual(self.health(arn), {})
        self.until(lambda: list(self.health(arn).values()) == ["initial"])
        self.until(lambda: list(self.health(arn).values()) == ["healthy"])
        self.asg.update_auto_scaling_group(
            AutoScalingGroupName="shop-prod-green", MinSize=0, MaxSize=0, DesiredCapacity=0
        )
        self.assertEqual(list(self.health(arn).values()), ["draining"])
        self.until(lambda: not self.health(arn))

    def test_image_that_never_gets_healthy(self):
        arn = self.target_group("web-prod-b")
        template = self.template("lt-web-prod-b")["LaunchTemplateId"]
        made = self.ec2.create_launch_template_version(
            LaunchTemplateId=template,
            SourceVersion="2",
            LaunchTemplateData={"ImageId": self.image("web", "2.16.0")},
        )
        version = str(made["LaunchTemplateVersion"]["VersionNumber"])
        self.asg.update_auto_scaling_group(
            AutoScalingGroupName="web-prod-b",
            MinSize=1,
            MaxSize=2,
            LaunchTemplate={"LaunchTemplateId": template, "Version": version},
        )
        self.until(lambda: list(self.health(arn).values()) == ["unhealthy"])
        instance = self.group("web-prod-b")["Instances"][0]
        self.assertEqual((instance["LifecycleState"], instance["HealthStatus"]), ("InService", "Unhealthy"))
        self.ec2.create_tags(
            Resources=[instance["InstanceId"]], Tags=[{"Key": "emu:health", "Value": "healthy"}]
        )
        self.assertEqual(list(self.health(arn).values()), ["healthy"])
        self.assertEqual(self.group("web-prod-b")["Instances"][0]["HealthStatus"], "Healthy")
        control("tag", {"id": instance["InstanceId"], "key": "emu:health", "value": "unhealthy"})
        control("settings", {"replace_unhealthy": True})
        self.until(lambda: self.group("web-prod-b")["Instances"][-1]["InstanceId"] != instance["InstanceId"])
        control("settings", {"replace_unhealthy": False})
        self.asg.update_auto_scaling_group(
            AutoScalingGroupName="web-prod-b", MinSize=0, MaxSize=0, DesiredCapacity=0
        )

    def test_group_in_no_rule_is_unused_until_it_is(self):
        made = self.elb.create_target_group(
            Name="nowhere",
            Protocol="HTTP",
            Port=8080,
            VpcId=self.ec2.describe_instances()["Reservations"][0]["Instances"][0]["VpcId"],
        )
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        self.asg.attach_load_balancer_target_groups(
            AutoScalingGroupName="search-prod-a", TargetGroupARNs=[arn]
        )
        self.until(lambda: set(self.health(arn).values()) == {"unused"})
        reason = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"][0][
            "TargetHealth"
        ]["Reason"]
        self.assertEqual(reason, "Target.NotInUse")
        condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/nowhere"]}}
        rule = self.elb.create_rule(
            ListenerArn=self.listener("search")["ListenerArn"],
            Priority=90,
            Conditions=[condition],
            Actions=[{"Type": "forward", "TargetGroupArn": arn}],
        )["Rules"][0]["RuleArn"]
        self.assertEqual(set(self.health(arn).values()), {"initial"})
        self.until(lambda: set(self.health(arn).values()) == {"healthy"})
        used_by = self.elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0][
            "LoadBalancerArns"
        ]
        self.assertEqual(len(used_by), 1)
        attach, detach = (
            self.asg.attach_load_balancer_target_groups,
            self.asg.detach_load_balancer_target_groups,
        )
        named = {"AutoScalingGroupName": "search-prod-a", "TargetGroupARNs": [arn]}
        control("settings", {"drain_seconds": 0.4})
        detach(**named)
        self.assertEqual((set(self.health(arn).values()), self.attachment(arn)), ({"draining"}, "Removing"))
        attach(**named)
        self.until(lambda: list(self.health(arn).values()) == ["healthy"] * 3)
        self.assertEqual(self.attachment(arn), "InService", "attached again, they register again")
        detach(**named)
        self.until(lambda: not self.health(arn))
        self.assertEqual(self.attachment(arn), None)
        self.elb.delete_rule(RuleArn=rule)

    def attachment(self, arn):
        """How Auto Scaling calls this target group of the group, or None."""
        found = self.asg.describe_load_balancer_target_groups(AutoScalingGroupName="search-prod-a")
        states = {g["LoadBalancerTargetGroupARN"]: g["State"] for g in found["LoadBalancerTargetGroups"]}
        return states.get(arn)

    def test_seeded_targets(self):
        for name, size in (("web-prod-a", 4), ("api-prod-a", 4), ("search-prod", 3)):
            self.assertEqual(list(self.health(self.target_group(name)).values()), ["healthy"] * size)
        zones = {i["AvailabilityZone"] for i in self.group("web-prod-a")["Instances"]}
        self.assertEqual(zones, {"us-east-1a", "us-east-1b", "us-east-1c"})

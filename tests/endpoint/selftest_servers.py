"""Images, launch templates, groups, instances."""

import base64
import time

from selftest_base import Case, control


class Images(Case):
    def test_pages_hold_everything_once(self):
        pages = self.ec2.get_paginator("describe_images").paginate(
            Owners=["self"], PaginationConfig={"PageSize": 5}
        )
        ids = [[i["ImageId"] for i in page["Images"]] for page in pages]
        self.assertGreaterEqual(len(ids), 4)
        flat = sum(ids, [])
        self.assertEqual(len(flat), len(set(flat)))
        self.refused("InvalidNextToken", self.ec2.describe_images, MaxResults=5, NextToken="nonsense")

    def test_owners(self):
        mine = self.ec2.describe_images(Owners=["self"])["Images"]
        other = self.ec2.describe_images(Owners=["210987654321"])["Images"]
        both = self.ec2.describe_images(Owners=["self", "210987654321"])["Images"]
        self.assertEqual({i["OwnerId"] for i in mine}, {"123456789012"})
        self.assertEqual([i["OwnerId"] for i in other], ["210987654321"])
        self.assertEqual(len(both), len(mine) + 1)

    def test_one_missing_id_refuses_all(self):
        known = self.image("web", "2.14.0")
        self.refused(
            "InvalidAMIID.NotFound", self.ec2.describe_images, ImageIds=[known, "ami-00000000000000000"]
        )
        self.assertEqual(self.ec2.describe_images(ImageIds=[known])["Images"][0]["Architecture"], "x86_64")

    def test_states_and_dates(self):
        images = {i["Description"]: i for i in self.ec2.describe_images(Owners=["self"])["Images"]}
        self.assertEqual(images["web 2.17.0"]["State"], "pending")
        self.assertEqual(images["web 2.14.0"]["State"], "available")
        self.assertEqual(images["web 2.14.0"]["CreationDate"], "2026-10-02T12:00:00.000Z")
        tags = {t["Key"]: t["Value"] for t in images["web 2.16.0"]["Tags"]}
        self.assertEqual((tags["qd:app"], tags["emu:health"]), ("web", "unhealthy"))

    def test_create_image_is_pending_first(self):
        control("settings", {"image_pending_seconds": 0.5})
        instance = self.group("worker-prod")["Instances"][0]["InstanceId"]
        image = self.ec2.create_image(InstanceId=instance, Name="made")["ImageId"]
        state = lambda: self.ec2.describe_images(ImageIds=[image])["Images"][0]["State"]
        self.assertEqual(state(), "pending")
        self.until(lambda: state() == "available")
        control("image", {"id": image, "state": "failed"})
        shown = self.ec2.describe_images(ImageIds=[image])["Images"][0]
        self.assertEqual(
            (shown["State"], shown["StateReason"]["Code"]), ("failed", "Client.InvalidSnapshot.NotFound")
        )
        self.ec2.deregister_image(ImageId=image)
        self.refused("InvalidAMIID.NotFound", self.ec2.describe_images, ImageIds=[image])


class Templates(Case):
    def version(self, template, number):
        found = self.ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=[number])
        return found["LaunchTemplateVersions"][0]

    def test_source_version_keeps_the_rest(self):
        template = self.template("lt-batch-1")["LaunchTemplateId"]
        made = self.ec2.create_launch_template_version(
            LaunchTemplateId=template,
            SourceVersion="2",
            VersionDescription="qd sha256:1",
            LaunchTemplateData={"ImageId": "ami-11111111111111111"},
        )["LaunchTemplateVersion"]
        old, new = self.version(template, "2"), self.version(template, str(made["VersionNumber"]))
        self.assertEqual(
            {**old["LaunchTemplateData"], "ImageId": "ami-11111111111111111"}, new["LaunchTemplateData"]
        )
        self.assertEqual(base64.b64decode(new["LaunchTemplateData"]["UserData"]), b"#!/bin/sh\necho ready\n")
        self.assertEqual(new["VersionDescription"], "qd sha256:1")
        self.assertEqual(self.version(template, "$Latest")["VersionNumber"], made["VersionNumber"])
        self.assertEqual(self.version(template, "$Default")["VersionNumber"], 1)

    def test_client_token(self):
        template = self.template("lt-batch-2")["LaunchTemplateId"]
        arguments = {
            "LaunchTemplateId": template,
            "SourceVersion": "2",
            "ClientToken": "once",
            "LaunchTemplateData": {"ImageId": "ami-1"},
        }
        first = self.ec2.create_launch_template_version(**arguments)["LaunchTemplateVersion"]["VersionNumber"]
        again = self.ec2.create_launch_template_version(**arguments)["LaunchTemplateVersion"]["VersionNumber"]
        self.assertEqual(first, again)
        arguments["LaunchTemplateData"] = {"ImageId": "ami-2"}
        self.refused("IdempotentParameterMismatch", self.ec2.create_launch_template_version, **arguments)

    def test_pages_and_missing(self):
        template = self.template("lt-batch-3")["LaunchTemplateId"]
        for n in range(5):
            self.ec2.create_launch_template_version(
                LaunchTemplateId=template, SourceVersion="2", LaunchTemplateData={"ImageId": f"ami-{n}"}
            )
        pages = self.ec2.get_paginator("describe_launch_template_versions").paginate(
            LaunchTemplateId=template, PaginationConfig={"PageSize": 3}
        )
        pages = [[v["VersionNumber"] for v in p["LaunchTemplateVersions"]] for p in pages]
        self.assertEqual(pages, [[7, 6, 5], [4, 3, 2], [1]])
        self.refused(
            "InvalidLaunchTemplateId.VersionNotFound",
            self.ec2.describe_launch_template_versions,
            LaunchTemplateId=template,
            Versions=["99"],
        )
        self.refused(
            "InvalidLaunchTemplateId.NotFound",
            self.ec2.describe_launch_template_versions,
            LaunchTemplateId="lt-00000000000000000",
        )
        self.refused(
            "InvalidLaunchTemplateId.NotFound",
            self.ec2.describe_launch_templates,
            LaunchTemplateIds=["lt-00000000000000000"],
        )

    def test_deleted_versions_are_gone(self):
        template = self.template("lt-batch-4")["LaunchTemplateId"]
        for n in range(2):
            self.ec2.create_launch_template_version(
                LaunchTemplateId=template, SourceVersion="2", LaunchTemplateData={"ImageId": f"ami-{n}"}
            )
        answer = self.ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=["4", "1"])
        gone = [v["VersionNumber"] for v in answer["SuccessfullyDeletedLaunchTemplateVersions"]]
        kept = [v["VersionNumber"] for v in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]]
        self.assertEqual((gone, kept), ([4], [1]), "the default version stays")
        self.refused(
            "InvalidLaunchTemplateId.VersionNotFound",
            self.ec2.describe_launch_template_versions,
            LaunchTemplateId=template,
            Versions=["4"],
        )
        self.assertEqual(self.version(template, "$Latest")["VersionNumber"], 3)
        self.ec2.create_launch_template_version(
            LaunchTemplateId=template, SourceVersion="2", LaunchTemplateData={"ImageId": "ami-5"}
        )
        self.assertEqual(self.version(template, "$Latest")["VersionNumber"], 5, "a number is given once")


class Groups(Case):
    def test_instances_keep_their_version(self):
        group = self.group("worker-prod")
        template = group["LaunchTemplate"]["LaunchTemplateId"]
        self.assertEqual({i["LaunchTemplate"]["Version"] for i in group["Instances"]}, {"2"})
        image = self.image("worker", "3.4.0")
        self.ec2.create_launch_template_version(
            LaunchTemplateId=template, SourceVersion="2", LaunchTemplateData={"ImageId": image}
        )
        self.asg.update_auto_scaling_group(
            AutoScalingGroupName="worker-prod",
            LaunchTemplate={"LaunchTemplateId": template, "Version": "3"},
            MinSize=3,
        )
        group = self.until(lambda: (lambda g: len(g["Instances"]) == 3 and g)(self.group("worker-prod")))
        versions = {i["InstanceId"]: i["LaunchTemplate"]["Version"] for i in group["Instances"]}
        self.assertEqual(sorted(versions.values()), ["2", "2", "3"])
        found = self.ec2.describe_instances(InstanceIds=list(versions))["Reservations"]
        images = {i["InstanceId"]: i["ImageId"] for r in found for i in r["Instances"]}
        old = self.image("worker", "3.3.0")
        for instance, version in versions.items():
            self.assertEqual(images[instance], image if version == "3" else old)
        self.assertEqual(len({i["AvailabilityZone"] for i in group["Instances"]}), 3)

    def test_min_size_raises_desired_and_pending_comes_first(self):
        control("settings", {"pending_seconds": 0.5, "terminating_seconds": 0.5})
        self.asg.update_auto_scaling_group(AutoScalingGroupName="batch-2", MinSize=2, MaxSize=3)
        group = self.group("batch-2")
        self.assertEqual((group["MinSize"], group["MaxSize"], group["DesiredCapacity"]), (2, 3, 2))
        self.assertEqual([i["LifecycleState"] for i in group["Instances"]], ["Pending", "Pending"])
        self.until(lambda: {i["LifecycleState"] for i in self.group("batch-2")["Instances"]} == {"InService"})
        ids = [i["InstanceId"] for i in self.group("batch-2")["Instances"]]
        self.asg.update_auto_scaling_group(
            AutoScalingGroupName="batch-2", MinSize=0, MaxSize=0, DesiredCapacity=0
        )
        self.assertEqual({i["LifecycleState"] for i in self.group("batch-2")["Instances"]}, {"Terminating"})
        self.until(lambda: not self.group("batch-2")["Instances"])
        gone = self.ec2.describe_instances(InstanceIds=ids)["Reservations"]
        self.assertEqual({i["State"]["Name"] for r in gone for i in r["Instances"]}, {"terminated"})
        activities = self.asg.describe_scaling_activities(AutoScalingGroupName="batch-2")["Activities"]
        self.assertEqual(len(activities), 4)

    def test_bounds(self):
        update = self.asg.update_auto_scaling_group
        self.refused("ValidationError", update, AutoScalingGroupName="batch-4", MinSize=3, MaxSize=2)
        self.refused("ValidationError", update, AutoScalingGroupName="batch-4", DesiredCapacity=3)
        self.refused("ValidationError", update, AutoScalingGroupName="batch-4", MinSize=3)
        self.refused(
            "ValidationError",
            self.asg.set_desired_capacity,
            AutoScalingGroupName="batch-4",
            DesiredCapacity=3,
        )
        self.refused("ValidationError", update, AutoScalingGroupName="nobody", MinSize=1)
        self.refused("ValidationError", self.asg.suspend_processes, AutoScalingGroupName="nobody")
        template = self.group("batch-4")["LaunchTemplate"]["LaunchTemplateId"]
        self.refused(
            "ValidationError",
            update,
            AutoScalingGroupName="batch-4",
            LaunchTemplate={"LaunchTemplateId": template, "Version": "9"},
        )
        group = self.group("batch-4")
        self.assertEqual(
            (
                group["MinSize"],
                group["MaxSize"],
                group["DesiredCapacity"],
                group["LaunchTemplate"]["Version"],
            ),
            (0, 2, 0, "2"),
        )

    def test_pages(self):
        pages = self.asg.get_paginator("describe_auto_scaling_groups").paginate(
            PaginationConfig={"PageSize": 4}
        )
        names = [[g["AutoScalingGroupName"] for g in p["AutoScalingGroups"]] for p in pages]
        self.assertGreaterEqual(len(names), 4)
        self.assertEqual(len(sum(names, [])), len(set(sum(names, []))))
        self.refused("ValidationError", self.asg.describe_auto_scaling_groups, MaxRecords=101)
        control("settings", {"page_size_cap": 2})
        self.assertEqual(len(self.asg.describe_auto_scaling_groups(MaxRecords=100)["AutoScalingGroups"]), 2)

    def test_an_image_may_crash(self):
        control("settings", {"pending_seconds": 0, "terminating_seconds": 0})
        image = self.image("worker", "3.3.0")
        group = self.group("batch-3")
        self.assertEqual(group["Instances"][0]["LifecycleState"], "InService")
        first = group["Instances"][0]["InstanceId"]
        control("tag", {"id": first, "key": "emu:crash-after", "value": "0.1"})
        ids = lambda: [i["InstanceId"] for i in self.group("batch-3")["Instances"]]
        self.until(lambda: ids() and first not in ids())
        self.assertEqual(self.group("batch-3")["Instances"][0]["LifecycleState"], "InService")
        self.assertEqual(self.ec2.describe_images(ImageIds=[image])["Images"][0]["State"], "available")

    def test_suspended_launch(self):
        self.asg.suspend_processes(AutoScalingGroupName="batch-6", ScalingProcesses=["Launch"])
        self.assertEqual([p["ProcessName"] for p in self.group("batch-6")["SuspendedProcesses"]], ["Launch"])
        self.asg.set_desired_capacity(AutoScalingGroupName="batch-6", DesiredCapacity=1)
        self.assertEqual(self.group("batch-6")["Instances"], [])
        self.asg.resume_processes(AutoScalingGroupName="batch-6", ScalingProcesses=["Launch"])
        self.assertEqual(len(self.group("batch-6")["Instances"]), 1)

    def test_no_capacity(self):
        control("settings", {"capacity": {"batch-5": 2}})
        self.asg.update_auto_scaling_group(AutoScalingGroupName="batch-5", MaxSize=5, MinSize=4)
        self.assertEqual(len(self.group("batch-5")["Instances"]), 2)
        activities = self.asg.describe_scaling_activities(AutoScalingGroupName="batch-5")["Activities"]
        self.assertIn("Failed", {a["StatusCode"] for a in activities})

    def test_missing_image_launches_nothing(self):
        template = self.template("lt-batch-6")["LaunchTemplateId"]
        data = {"ImageId": "ami-99999999999999999"}
        self.ec2.create_launch_template_version(
            LaunchTemplateId=template, SourceVersion="2", LaunchTemplateData=data
        )
        pinned = {"LaunchTemplateId": template, "Version": "3"}
        self.asg.create_auto_scaling_group(
            AutoScalingGroupName="no-image",
            MinSize=1,
            MaxSize=1,
            LaunchTemplate=pinned,
            VPCZoneIdentifier=control("state")["groups"]["batch-6"]["subnets"],
        )
        self.assertEqual(self.group("no-image")["Instances"], [])
        activity = self.asg.describe_scaling_activities(AutoScalingGroupName="no-image")["Activities"][0]
        self.assertIn("does not exist", activity["StatusMessage"])
        self.refused(
            "AlreadyExists",
            self.asg.create_auto_scaling_group,
            AutoScalingGroupName="no-image",
            MinSize=0,
            MaxSize=0,
        )
        self.asg.delete_auto_scaling_group(AutoScalingGroupName="no-image")

    def test_standby_and_one_terminated(self):
        name = "search-prod-a"
        first = self.group(name)["Instances"][0]["InstanceId"]
        arn = self.target_group("search-prod")
        self.asg.enter_standby(
            AutoScalingGroupName=name, InstanceIds=[first], ShouldDecrementDesiredCapacity=False
        )
        self.assertNotEqual(self.health(arn)[first], "healthy")
        self.until(lambda: list(self.health(arn).values()) == ["healthy"] * 3)
        self.assertEqual(len(self.group(name)["Instances"]), 4)
        self.asg.exit_standby(AutoScalingGroupName=name, InstanceIds=[first])
        self.until(lambda: list(self.health(arn).values()) == ["healthy"] * 4)
        terminate = self.asg.terminate_instance_in_auto_scaling_group
        terminate(InstanceId=first, ShouldDecrementDesiredCapacity=True)
        self.until(lambda: len(self.group(name)["Instances"]) == 3)
        self.refused("ValidationError", terminate, InstanceId=first, ShouldDecrementDesiredCapacity=True)
        other = self.group(name)["Instances"][0]["InstanceId"]
        self.refused("ValidationError", terminate, InstanceId=other, ShouldDecrementDesiredCapacity=True)

    def test_terminated_behind_the_groups_back(self):
        before = self.group("batch-3")["Instances"][0]["InstanceId"]
        self.ec2.terminate_instances(InstanceIds=[before])
        after = [i["InstanceId"] for i in self.group("batch-3")["Instances"]]
        self.assertEqual((len(after), before in after), (1, False))

    def test_describe_calls_that_find_nothing(self):
        self.assertEqual(self.asg.describe_policies(AutoScalingGroupName="web-prod-a")["ScalingPolicies"], [])
        found = self.asg.describe_scheduled_actions(AutoScalingGroupName="web-prod-a")
        self.assertEqual(found["ScheduledUpdateGroupActions"], [])
        self.assertEqual(
            self.asg.describe_lifecycle_hooks(AutoScalingGroupName="web-prod-a")["LifecycleHooks"], []
        )
        self.assertNotIn(
            "WarmPoolConfiguration", self.asg.describe_warm_pool(AutoScalingGroupName="web-prod-a")
        )

    def test_policies_and_schedules_are_kept(self):
        tracking = {
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
            "TargetValue": 50.0,
        }
        self.asg.put_scaling_policy(
            AutoScalingGroupName="shop-prod-blue",
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration=tracking,
        )
        policy = self.asg.describe_policies(AutoScalingGroupName="shop-prod-blue")["ScalingPolicies"][0]
        self.assertEqual(policy["TargetTrackingConfiguration"]["TargetValue"], 50.0)
        self.asg.put_scheduled_update_group_action(
            AutoScalingGroupName="shop-prod-blue",
            ScheduledActionName="night",
            Recurrence="0 22 * * *",
            MinSize=1,
        )
        action = self.asg.describe_scheduled_actions(AutoScalingGroupName="shop-prod-blue")[
            "ScheduledUpdateGroupActions"
        ][0]
        self.assertEqual((action["Recurrence"], action["MinSize"]), ("0 22 * * *", 1))

    def test_tags(self):
        tag = {
            "ResourceId": "batch-1",
            "ResourceType": "auto-scaling-group",
            "Key": "qd:claim",
            "Value": "x",
            "PropagateAtLaunch": False,
        }
        self.asg.create_or_update_tags(Tags=[tag])
        self.assertIn(("qd:claim", "x"), [(t["Key"], t["Value"]) for t in self.group("batch-1")["Tags"]])
        self.asg.delete_tags(Tags=[tag])
        self.assertNotIn("qd:claim", [t["Key"] for t in self.group("batch-1")["Tags"]])
        self.refused(
            "ValidationError", self.asg.create_or_update_tags, Tags=[{**tag, "ResourceId": "nobody"}]
        )

"""Instance refreshes: how they proceed, wait, end, are cancelled and roll back."""

import time

import selftest_alarms
from selftest_base import Case, control

LIVE = ("Pending", "InService")


class Refreshing(Case):
    """Calls of one group, and what its instances are."""

    name = "mail-prod"

    def setUp(self):
        control("settings", {"refresh_step_seconds": 0.05, "pending_seconds": 0.1, "initial_seconds": 0.1})
        self.watched = []

    def version(self):
        """A new version with the group's image, which is as good as another one here."""
        template = self.group(self.name)["LaunchTemplate"]["LaunchTemplateId"]
        made = self.ec2.create_launch_template_version(
            LaunchTemplateId=template, SourceVersion="2", LaunchTemplateData={}
        )
        number = str(made["LaunchTemplateVersion"]["VersionNumber"])
        return {"LaunchTemplate": {"LaunchTemplateId": template, "Version": number}}

    def start(self, wanted, **preferences):
        preferences = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 125, "InstanceWarmup": 0, **preferences}
        return self.asg.start_instance_refresh(
            AutoScalingGroupName=self.name, DesiredConfiguration=wanted, Preferences=preferences
        )["InstanceRefreshId"]

    def newest(self):
        return self.asg.describe_instance_refreshes(AutoScalingGroupName=self.name)["InstanceRefreshes"][0]

    def live(self):
        return [i for i in self.group(self.name)["Instances"] if i["LifecycleState"] in LIVE]

    def look(self):
        refresh, live = self.newest(), self.live()
        self.watched.append((refresh["Status"], refresh["PercentageComplete"], len(live)))
        return refresh

    def ends(self, status, seconds=15):
        """Watch it to its end; the refresh as it is then."""
        over = ("Successful", "Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed")
        found = self.until(lambda: (lambda r: r["Status"] in over and r)(self.look()), seconds)
        self.assertEqual(found["Status"], status, (found, self.watched))
        return found

    def statuses(self):
        return list(dict.fromkeys(status for status, _, _ in self.watched))

    def versions(self):
        return {i["LaunchTemplate"]["Version"] for i in self.live()}

    def rest(self):
        """Back to where the group began, for the next test."""
        wanted = {"LaunchTemplate": {**self.group(self.name)["LaunchTemplate"], "Version": "2"}}
        wanted["LaunchTemplate"].pop("LaunchTemplateName")
        if self.versions() != {"2"} or self.group(self.name)["LaunchTemplate"]["Version"] != "2":
            self.start(wanted, MaxHealthyPercentage=200)
            self.ends("Successful")


class Forward(Refreshing):
    def test_launches_before_it_terminates_and_writes_the_template_last(self):
        wanted = self.version()
        number = wanted["LaunchTemplate"]["Version"]
        self.start(wanted)
        self.refused("InstanceRefreshInProgress", self.asg.start_instance_refresh, AutoScalingGroupName=self.name)
        self.until(lambda: self.look()["PercentageComplete"] >= 25)
        self.assertEqual(self.group(self.name)["LaunchTemplate"]["Version"], "2", "the group's own comes last")
        done = self.ends("Successful")
        self.assertEqual((done["PercentageComplete"], done["InstancesToUpdate"]), (100, 0))
        self.assertTrue({count for _, _, count in self.watched} <= {4, 5}, self.watched)
        percents = [percent for _, percent, _ in self.watched]
        self.assertEqual(percents, sorted(percents))
        self.assertEqual((self.versions(), self.group(self.name)["LaunchTemplate"]["Version"]), ({number}, number))
        self.rest()

    def test_without_a_maximum_one_goes_before_one_comes(self):
        self.start(self.version(), MinHealthyPercentage=75, MaxHealthyPercentage=100)
        self.ends("Successful")
        ready = lambda: len(self.live())
        self.assertEqual((ready(), max(count for _, _, count in self.watched)), (4, 4))
        self.rest()

    def test_skip_matching_replaces_nothing_and_recycling_everything(self):
        same = {"LaunchTemplate": {**self.group(self.name)["LaunchTemplate"]}}
        same["LaunchTemplate"].pop("LaunchTemplateName")
        before = {i["InstanceId"] for i in self.live()}
        self.start(same, SkipMatching=True)
        self.assertEqual(self.ends("Successful")["PercentageComplete"], 100)
        self.assertEqual({i["InstanceId"] for i in self.live()}, before)
        self.start(same, SkipMatching=False)
        self.ends("Successful")
        self.assertFalse({i["InstanceId"] for i in self.live()} & before)

    def test_checkpoints_and_bake_time_pass_by_themselves(self):
        control("settings", {"time_scale": 100})
        self.start(self.version(), CheckpointPercentages=[50, 100], CheckpointDelay=60, BakeTime=60)
        found = self.until(lambda: (lambda r: "checkpoint" in r.get("StatusReason", "") and r)(self.look()))
        self.assertEqual((found["PercentageComplete"], found["InstancesToUpdate"]), (50, 2))
        began = time.monotonic()
        self.ends("Successful")
        self.assertGreater(time.monotonic() - began, 1.0)
        self.assertEqual(self.statuses(), ["InProgress", "Baking", "Successful"])
        self.rest()

    def test_protected_instances_are_waited_for_ignored_or_taken(self):
        first = self.live()[0]["InstanceId"]
        protect = lambda on: self.asg.set_instance_protection(
            AutoScalingGroupName=self.name, InstanceIds=[first], ProtectedFromScaleIn=on
        )
        protect(True)
        ids = lambda: {i["InstanceId"] for i in self.live()}
        self.start(self.version(), ScaleInProtectedInstances="Wait")
        self.until(lambda: self.look()["InstancesToUpdate"] == 1)
        time.sleep(0.5)
        self.assertEqual(self.look()["Status"], "InProgress")
        protect(False)
        self.ends("Successful")
        self.assertNotIn(first, ids())
        first = self.live()[0]["InstanceId"]
        protect(True)
        self.start(self.version(), ScaleInProtectedInstances="Ignore")
        self.assertEqual(self.ends("Successful")["InstancesToUpdate"], 1)
        self.assertIn(first, ids())
        self.start(self.version(), ScaleInProtectedInstances="Refresh")
        self.ends("Successful")
        self.assertNotIn(first, ids())
        self.rest()

    def test_what_cannot_be_meant_is_refused(self):
        wanted = self.version()
        for told in (
            {"MinHealthyPercentage": 101},
            {"MaxHealthyPercentage": 201},
            {"MinHealthyPercentage": 10, "MaxHealthyPercentage": 200},
            {"CheckpointPercentages": [50, 20]},
            {"BakeTime": 172801},
            {"AlarmSpecification": {"Alarms": ["nobody"]}},
        ):
            with self.assertRaises(self.asg.exceptions.ClientError, msg=told):
                self.start(wanted, **told)
        wanted["LaunchTemplate"]["Version"] = "999"
        with self.assertRaises(self.asg.exceptions.ClientError):
            self.start(wanted)
        self.assertEqual(self.versions(), {"2"})


class Back(Refreshing):
    def test_a_rollback_ends_where_it_began(self):
        self.start(self.version())
        self.until(lambda: self.look()["InstancesToUpdate"] <= 2)
        self.asg.rollback_instance_refresh(AutoScalingGroupName=self.name)
        self.refused("ActiveInstanceRefreshNotFound", self.asg.rollback_instance_refresh, AutoScalingGroupName=self.name)
        done = self.ends("RollbackSuccessful")
        self.assertLessEqual(done["RollbackDetails"]["InstancesToUpdateOnRollback"], 2)
        self.assertIn("RollbackInProgress", self.statuses())
        self.assertEqual((self.versions(), self.group(self.name)["LaunchTemplate"]["Version"]), ({"2"}, "2"))
        for call in (self.asg.cancel_instance_refresh, self.asg.rollback_instance_refresh):
            self.refused("ActiveInstanceRefreshNotFound", call, AutoScalingGroupName=self.name)

    def test_a_cancelled_one_leaves_what_it_replaced(self):
        self.start(self.version())
        self.until(lambda: self.look()["InstancesToUpdate"] <= 2)
        self.asg.cancel_instance_refresh(AutoScalingGroupName=self.name)
        self.ends("Cancelled")
        self.assertEqual(len(self.versions()), 2)
        self.assertEqual((len(self.live()), self.group(self.name)["LaunchTemplate"]["Version"]), (4, "2"))
        self.rest()

    def test_an_alarm_rolls_back_or_fails(self):
        selftest_alarms.put_alarm("mail-errors")
        selftest_alarms.set_state("mail-errors", "OK")
        watched = {"AlarmSpecification": {"Alarms": ["mail-errors"]}}
        control("settings", {"time_scale": 100})
        self.start(self.version(), AutoRollback=True, BakeTime=3600, **watched)
        self.until(lambda: self.look()["Status"] == "Baking")
        selftest_alarms.set_state("mail-errors", "ALARM")
        done = self.ends("RollbackSuccessful")
        self.assertIn("mail-errors", done["RollbackDetails"]["RollbackReason"])
        self.assertEqual(self.versions(), {"2"})
        self.start(self.version(), AutoRollback=False, **watched)
        self.assertIn("mail-errors", self.ends("Failed")["StatusReason"])
        selftest_alarms.set_state("mail-errors", "OK")
        self.rest()

    def test_an_image_that_never_becomes_healthy_is_given_up(self):
        control("settings", {"time_scale": 2000})
        template = self.group(self.name)["LaunchTemplate"]["LaunchTemplateId"]
        bad = self.image("web", "2.16.0")
        made = self.ec2.create_launch_template_version(
            LaunchTemplateId=template, SourceVersion="2", LaunchTemplateData={"ImageId": bad}
        )
        wanted = {
            "LaunchTemplate": {
                "LaunchTemplateId": template,
                "Version": str(made["LaunchTemplateVersion"]["VersionNumber"]),
            }
        }
        before = {i["InstanceId"] for i in self.live()}
        self.start(wanted, AutoRollback=True)
        self.ends("RollbackSuccessful")
        self.assertEqual({i["InstanceId"] for i in self.live()}, before, "no healthy server went")


class Latest(Refreshing):
    name = "legacy-prod"

    def test_latest_cannot_roll_back(self):
        wanted = self.version()
        with self.assertRaises(self.asg.exceptions.ClientError) as caught:
            self.start(wanted, AutoRollback=True)
        self.assertIn("$Latest", str(caught.exception))
        self.start(wanted)
        self.refused(
            "IrreversibleInstanceRefresh", self.asg.rollback_instance_refresh, AutoScalingGroupName=self.name
        )
        self.ends("Successful")
        number = wanted["LaunchTemplate"]["Version"]
        self.assertEqual((self.versions(), self.group(self.name)["LaunchTemplate"]["Version"]), ({number}, number))

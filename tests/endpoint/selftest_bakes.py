"""Builders: client tokens, consoles, their end, and images of them."""

from selftest_base import Case, client, control

SCRIPT = """#cloud-config
 QD_OPERATION={mark} QD_RECIPE=web
{commands}
  qd_part p0 60 provisioner_0
  qd_part seal 60 seal
  qd_power_off
"""
TAGS = [{"Key": "qd:operation", "Value": "s/op-1"}]


class Bakes(Case):
    def run_builder(self, mark, commands="true"):
        kinds = ("instance", "volume")
        specs = [{"ResourceType": kind, "Tags": TAGS} for kind in kinds]
        data = SCRIPT.format(mark=mark, commands=commands)
        answer = self.ec2.run_instances(
            ImageId=self.image("web", "2.14.0"), MinCount=1, MaxCount=1, ClientToken=mark, UserData=data, TagSpecifications=specs
        )
        return answer["Instances"][0]["InstanceId"]

    def state_of(self, instance):
        answer = self.ec2.describe_instances(InstanceIds=[instance])
        return answer["Reservations"][0]["Instances"][0]["State"]["Name"]

    def console_of(self, instance):
        return self.ec2.get_console_output(InstanceId=instance, Latest=True)["Output"]

    def test_the_same_token_makes_no_second_instance(self):
        self.assertEqual(self.run_builder("b-once"), self.run_builder("b-once"))

    def test_a_builder_tells_of_its_parts_stops_and_can_be_imaged_once(self):
        control("settings", {"bake_part_seconds": 0.1})
        builder = self.run_builder("b-good")
        self.until(lambda: self.state_of(builder) == "stopped")
        self.assertIn(" done ok p0=ok seal=ok #", self.console_of(builder))
        specs = [{"ResourceType": kind, "Tags": TAGS} for kind in ("image", "snapshot")]
        made = self.ec2.create_image(InstanceId=builder, Name="self-test", TagSpecifications=specs)
        shown = self.ec2.describe_images(ImageIds=[made["ImageId"]])["Images"][0]
        self.assertEqual(shown["Tags"], TAGS)
        self.refused(
            "InvalidAMIName.Duplicate", self.ec2.create_image, InstanceId=builder, Name="self-test"
        )

    def test_a_key_pair_is_deleted_by_its_id(self):
        made = self.ec2.create_key_pair(KeyName="by-id")["KeyPairId"]
        self.ec2.delete_key_pair(KeyPairId=made)
        names = [key["KeyName"] for key in self.ec2.describe_key_pairs()["KeyPairs"]]
        self.assertNotIn("by-id", names)

    def test_a_copy_is_made_once_for_a_token_and_has_its_tags(self):
        there = client("ec2", region="eu-west-1")
        specs = [{"ResourceType": "image", "Tags": TAGS}]
        ask = {"SourceImageId": self.image("web", "2.14.0"), "SourceRegion": "us-east-1", "Name": "a-copy", "TagSpecifications": specs}
        first = there.copy_image(ClientToken="copy-1", **ask)["ImageId"]
        self.assertEqual(there.copy_image(ClientToken="copy-1", **ask)["ImageId"], first)
        shown = there.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": ["a-copy"]}])["Images"]
        self.assertEqual([(image["ImageId"], image["Tags"]) for image in shown], [(first, TAGS)])
        self.refused("InvalidAMIName.Duplicate", there.copy_image, ClientToken="copy-2", **ask)

    def test_a_builder_on_which_something_fails_goes_on_running(self):
        control("settings", {"bake_part_seconds": 0.1})
        builder = self.run_builder("b-bad", "false")
        self.until(lambda: " done failed p0=failed seal=skipped #" in self.console_of(builder))
        self.assertEqual(self.state_of(builder), "running")

"""The life of images: ancestry, protection, snapshots in pages and snapshots in use."""

from selftest_base import Case, control


class Lives(Case):
    def register(self, name, **changes):
        made = self.ec2.register_image(Name=name, RootDeviceName="/dev/xvda")["ImageId"]
        control("image", {"id": made, **changes})
        return made

    def shown(self, image):
        return self.ec2.describe_images(ImageIds=[image])["Images"][0]

    def snapshot(self, image):
        return self.shown(image)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]

    def test_ancestry_is_a_chain_to_where_the_record_ends(self):
        first = self.register("lives-first")
        second = self.register("lives-second", source=first)
        chain = self.ec2.get_image_ancestry(ImageId=second)["ImageAncestryEntries"]
        self.assertEqual([entry["ImageId"] for entry in chain], [second, first])
        self.assertEqual(self.shown(second)["SourceImageId"], first)

    def test_a_protected_image_is_not_deregistered(self):
        image = self.register("lives-protected")
        self.ec2.enable_image_deregistration_protection(ImageId=image)
        self.assertEqual(self.shown(image)["DeregistrationProtection"], "enabled-without-cooldown")
        self.refused("OperationNotPermitted", self.ec2.deregister_image, ImageId=image)

    def test_a_snapshot_is_deleted_only_after_its_image_went(self):
        image = self.register("lives-snapshot")
        snapshot = self.snapshot(image)
        self.refused("InvalidSnapshot.InUse", self.ec2.delete_snapshot, SnapshotId=snapshot)
        self.ec2.deregister_image(ImageId=image)
        self.ec2.delete_snapshot(SnapshotId=snapshot)

    def test_two_images_may_stand_on_one_snapshot(self):
        one = self.register("lives-one")
        two = self.register("lives-two", stands_on=self.snapshot(one))
        self.assertEqual(self.snapshot(one), self.snapshot(two))

    def test_snapshots_come_in_pages(self):
        control("settings", {"page_size_cap": 3})
        first = self.ec2.describe_snapshots(OwnerIds=["self"], MaxResults=1000)
        self.assertEqual(len(first["Snapshots"]), 3)
        self.assertIn("NextToken", first)

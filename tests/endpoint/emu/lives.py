"""The life of images: what each was made from, protection against deregistration, and pages of snapshots."""

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import amis
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from . import paging


def _source(image):
    chosen = image.__dict__.get("qd_source")
    if chosen is not None:
        return chosen or None
    instance = image.__dict__.get("instance")
    return getattr(instance, "image_id", None)


def _ancestry(self):
    """The chain from the image up, as far as this account sees it."""
    backend, chain = self.ec2_backend, []
    image = backend.describe_images(ami_ids=[self._get_param("ImageId")])[0]
    while image is not None and image.id not in [entry["ImageId"] for entry in chain]:
        entry = {"ImageId": image.id, "ImageOwnerAlias": image.owner_id, "SourceImageId": image.source_image_id}
        chain.append({key: value for key, value in entry.items() if value})
        image = backend.amis.get(image.source_image_id)
    return ActionResult({"ImageAncestryEntries": chain})


def _protect(self):
    image = self.ec2_backend.describe_images(ami_ids=[self._get_param("ImageId")])[0]
    image.deregistration_protection = "enabled-without-cooldown"
    return ActionResult({"Return": "true"})


def _deregister(self, ami_id):
    image = self.amis.get(ami_id)
    if image is not None and image.deregistration_protection != "disabled":
        raise EC2ClientError("OperationNotPermitted", f"The image {ami_id} has deregistration protection enabled.")
    return _deregister_once(self, ami_id)


def _mappings(image):
    """The image's own snapshot, or that of another image it was registered on."""
    mappings = _mappings_once.fget(image)
    other = image.__dict__.get("qd_stands_on")
    if other:
        mappings[0]["Ebs"]["SnapshotId"] = other
    return mappings


def change(image, values):
    """What `POST /qd-test/image` sets of these."""
    if "source" in values:
        image.qd_source = values["source"]
    if "stands_on" in values:
        image.qd_stands_on = values["stands_on"]


def install():
    """Patch moto's images and snapshots; `images` and `bakes` come before."""
    global _deregister_once, _mappings_once
    _deregister_once, _mappings_once = amis.AmiBackend.deregister_image, amis.Ami.block_device_mappings
    amis.AmiBackend.deregister_image = _deregister
    amis.Ami.block_device_mappings = property(_mappings)
    amis.Ami.source_image_id = property(_source)
    amis.Ami.deregistration_protection = "disabled"
    AmisResponse.get_image_ancestry = _ancestry
    AmisResponse.enable_image_deregistration_protection = _protect
    paging.paged(ElasticBlockStore, "describe_snapshots", "Snapshots", paging.EC2, 1000, 1000)

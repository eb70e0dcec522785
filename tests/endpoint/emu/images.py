"""Images: the `pending` time, architecture, tags at birth, pages, and not-found for any missing id."""

import datetime

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidAMIIdError
from moto.ec2.models import amis
from moto.ec2.responses.amis import AmisResponse

from . import lives, paging
from .world import SETTINGS, now


def _state(image):
    return (
        "pending" if now() < image.__dict__.get("ready_at", 0) else image.__dict__.get("settled", "available")
    )


def _settle(image, state):
    image.__dict__["settled"] = state


def _pending_at_birth(original):
    """CreateImage and CopyImage answer at once; the image is usable later."""

    def make(self, *args, **kwargs):
        image = original(self, *args, **kwargs)
        image.ready_at = now() + SETTINGS.image_pending_seconds
        image.root_device_type = "ebs"
        return image

    return make


def _describe_images(self, ami_ids=None, filters=None, exec_users=None, owners=None):
    # moto answers with what it finds; AWS refuses the whole call if one id is missing.
    missing = [i for i in ami_ids or [] if i.startswith("ami-") and i not in self.amis]
    if missing:
        raise InvalidAMIIdError(missing)
    return _whole_describe(self, ami_ids, filters, exec_users, owners)


def _register_image(self):
    self.error_on_dryrun()
    image = self.ec2_backend.register_image(self._get_param("Name"), self._get_param("Description", ""))
    image.architecture = self._get_param("Architecture", "i386")
    image.virtualization_type = self._get_param("VirtualizationType", "hvm")
    image.root_device_name = self._get_param("RootDeviceName", image.root_device_name)
    image.root_device_type = "ebs"
    for spec in self._get_param("TagSpecifications", []):
        if spec.get("ResourceType") == "image":
            image.add_tags({tag["Key"]: tag["Value"] for tag in spec["Tags"]})
    return ActionResult({"ImageId": image.id})


def change(backend, values):
    """Set what no API of AWS lets a client set; the body of `POST /qd-test/image`."""
    image = backend.amis[values["id"]]
    if "state" in values:
        image.state = values["state"]
        image.ready_at = float("inf") if values["state"] == "pending" else 0
    if "available_in" in values:
        image.state, image.ready_at = "available", now() + values["available_in"]
    if values.get("state") == "failed":
        image.state_reason = {
            "Code": "Client.InvalidSnapshot.NotFound",
            "Message": "The snapshot could not be made",
        }
    if "owner_id" in values:
        image.owner_id = values["owner_id"]
    if "created_at" in values:
        image.creation_date = datetime.datetime.fromisoformat(values["created_at"].replace("Z", "+00:00"))
    lives.change(image, values)
    return {"id": image.id, "state": image.state, "owner_id": image.owner_id}


def install():
    """Patch moto's images."""
    global _whole_describe
    _whole_describe = amis.AmiBackend.describe_images
    amis.AmiBackend.describe_images = _describe_images
    amis.Ami.state = property(_state, _settle)
    for name in ("create_image", "copy_image"):
        setattr(amis.AmiBackend, name, _pending_at_birth(getattr(amis.AmiBackend, name)))
    AmisResponse.register_image = _register_image
    paging.paged(AmisResponse, "describe_images", "Images", paging.EC2, 1000, 1000)

"""Builders: user data that is read instead of run, the console it would print, client tokens, image names that are taken, copies of images, and
key pairs deleted by their id.

Nothing of the user data is executed. Its script names its parts in lines `qd_part WORD SECONDS FUNCTION`; each takes
`bake_part_seconds` here, and a part whose commands are only `false` fails.
"""

import base64
import gzip
import hashlib
import time

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import amis, ec2_backends
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.general import General
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.key_pairs import KeyPairs

from .world import ON_TICK, SETTINGS, backends_in_use, now

# What an instance's console keeps.
RING = 64 * 1024


class _Script:
    """What the user data of an instance would do, and when."""

    def __init__(self, document):
        self.mark = document.partition("QD_OPERATION=")[2].split(None, 1)[0]
        lines = [line.strip() for line in document.splitlines()]
        self.parts = [line.split()[1] for line in lines if line.startswith("qd_part ")]
        self.powers_off = "qd_power_off" in document
        failing = next((word for word in self.parts if word.startswith("p")), None) if "false" in lines else None
        self.failing = failing
        self.began, self.wall = now(), time.time()

    def lines(self):
        """Every marker, with the seconds after the launch at which it is printed."""
        number, at, failed, ends = 1, SETTINGS.bake_part_seconds, False, []
        yield at, self._marker(number, at, "boot")
        for word in self.parts:
            if failed:
                number += 1
                yield at, self._marker(number, at, f"end {word} skipped - 0")
                ends.append(f"{word}=skipped")
                continue
            number += 1
            yield at, self._marker(number, at, f"begin {word}")
            at += SETTINGS.bake_part_seconds
            failed = word == self.failing
            number += 1
            how = "failed 1" if failed else "ok 0"
            yield at, self._marker(number, at, f"end {word} {how} {int(SETTINGS.bake_part_seconds * 1000)}")
            ends.append(f"{word}={'failed' if failed else 'ok'}")
        yield at, self._marker(number + 1, at, " ".join(["done", "failed" if failed else "ok", *ends]))

    def _marker(self, number, at, words):
        body = f"qd1 {self.mark} {number} {int(self.wall + at)} {words}"
        return f"@{body} #{hashlib.sha256(body.encode()).hexdigest()[:8]}"

    def console(self):
        """What was printed until now."""
        age = now() - self.began
        text = "".join(f"{line}\r\n" for at, line in self.lines() if at <= age)
        return text[-RING:]

    def is_off(self):
        """Whether it has powered its instance off: only when all went well."""
        *_, (at, last) = self.lines()
        return self.powers_off and " done ok" in last and now() - self.began > at


def _script(instance):
    if "qd_script" not in instance.__dict__:
        data = base64.b64decode(instance.user_data.as_bytes()) if instance.user_data else b""
        document = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        text = document.decode(errors="replace")
        instance.__dict__["qd_script"] = _Script(text) if "qd_part " in text else None
    return instance.__dict__["qd_script"]


def _instances():
    for backend in backends_in_use(ec2_backends):
        for reservation in backend.reservations.values():
            yield from reservation.instances


def _power_off():
    for instance in _instances():
        script = _script(instance)
        if script and instance._state.name == "running" and script.is_off():
            instance.stop()


def _console(self):
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    script = _script(instance)
    text = script.console() if script else "Cloud-init v. 24.1 finished at Wed, 01 Jan 2025 00:00:25 +0000.\r\n"
    return ActionResult({"InstanceId": instance.id, "Output": base64.b64encode(text.encode()).decode()})


def _run_instances(self):
    token = self._get_param("ClientToken")
    known = self.ec2_backend.__dict__.setdefault("qd_tokens", {})
    if token in known:
        return ActionResult(self.ec2_backend.reservations[known[token]])
    before = set(self.ec2_backend.reservations)
    answer = _run_once(self)
    if token:
        known[token] = next(iter(set(self.ec2_backend.reservations) - before))
    return answer


def _create_image(self, instance_id, name, description, tag_specifications):
    taken = next((image for image in self.amis.values() if image.name == name), None)
    if taken:
        raise EC2ClientError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {taken.id}")
    # moto knows no tags of the snapshots that are made with an image.
    image_tags = [spec for spec in tag_specifications if spec["ResourceType"] == "image"]
    return _create_once(self, instance_id, name, description, image_tags)


def _copy_image(self):
    # moto knows neither the token nor the tags of a copy.
    backend, token, name = self.ec2_backend, self._get_param("ClientToken"), self._get_param("Name")
    known = backend.__dict__.setdefault("qd_copies", {})
    if token in known:
        return ActionResult({"ImageId": known[token]})
    taken = next((image for image in backend.amis.values() if image.name == name), None)
    if taken:
        raise EC2ClientError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {taken.id}")
    source, region = self._get_param("SourceImageId"), self._get_param("SourceRegion")
    image = backend.copy_image(source, region, name, self._get_param("Description"))
    for spec in self._get_param("TagSpecifications", []):
        if spec.get("ResourceType") == "image":
            image.add_tags({tag["Key"]: tag["Value"] for tag in spec["Tags"]})
    if token:
        known[token] = image.id
    return ActionResult({"ImageId": image.id})


def _delete_key_pair(self):
    # moto knows a key pair by its name only.
    wanted = self._get_param("KeyPairId")
    found = next((key for key in self.ec2_backend.key_pairs.values() if key.id == wanted), None)
    if wanted and found:
        self.ec2_backend.delete_key_pair(found.key_name)
        return ActionResult({"Return": True, "KeyPairId": wanted})
    return _delete_key_once(self)


def _check_mapping(device_mapping):
    # AWS takes the size of a device that the image has from there; moto asks for it.
    ebs = device_mapping.get("Ebs", {})
    if "DeviceName" in device_mapping and ebs and not ebs.get("VolumeSize") and not ebs.get("SnapshotId"):
        ebs["VolumeSize"] = 8
    _check_once(device_mapping)


def install():
    """Patch moto's instances and images; `images` comes before."""
    global _run_once, _create_once, _check_once, _delete_key_once
    _check_once = InstanceResponse._validate_block_device_mapping
    InstanceResponse._validate_block_device_mapping = staticmethod(_check_mapping)
    _run_once, _create_once = InstanceResponse.run_instances, amis.AmiBackend.create_image
    InstanceResponse.run_instances = _run_instances
    amis.AmiBackend.create_image = _create_image
    General.get_console_output = _console
    AmisResponse.copy_image = _copy_image
    _delete_key_once, KeyPairs.delete_key_pair = KeyPairs.delete_key_pair, _delete_key_pair
    ON_TICK.append(_power_off)

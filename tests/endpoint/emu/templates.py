"""Launch templates: versions that build on another one, client tokens, pages."""

import copy
import json

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    EC2ClientError,
    InvalidLaunchTemplateIdNotFound,
    InvalidLaunchTemplateVersionNotFound,
)
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data

from . import paging


def _template(self):
    name, template_id = self._get_param("LaunchTemplateName"), self._get_param("LaunchTemplateId")
    if bool(name) == bool(template_id):
        raise EC2ClientError(
            "MissingParameter", "Specify either a launch template ID or a launch template name."
        )
    backend = self.ec2_backend
    return (
        backend.get_launch_template(template_id) if template_id else backend.get_launch_template_by_name(name)
    )


def _same_token(self):
    """What an earlier call with this client token made, or None.

    The same token with other arguments is an error on AWS, which is what makes a token safe to
    send again after an answer that was lost.
    """
    token = self._get_param("ClientToken")
    if not token:
        return None, lambda _made: None
    told = {k: v for k, v in self.params.items() if k != "ClientToken"}
    arguments = json.dumps(told, sort_keys=True, default=str)
    used = self.ec2_backend.__dict__.setdefault("client_tokens", {})
    key = (self._get_action(), token)
    if key in used and used[key][0] != arguments:
        raise EC2ClientError(
            "IdempotentParameterMismatch",
            f"The client token '{token}' was used before with different request parameters.",
        )
    return used[key][1] if key in used else None, lambda made: used.update({key: (arguments, made)})


def _version_data(self, template):
    """The parameters given, on top of those of the source version."""
    data = dict(self._get_param("LaunchTemplateData", {}))
    if "UserData" in data:
        data["UserData"] = parse_user_data(data["UserData"])
    source = self._get_param("SourceVersion")
    if source is None:
        return data
    return {**copy.deepcopy(template.get_version(source).data), **data}


def _shown(self, template, version):
    return {
        "CreateTime": version.create_time,
        "CreatedBy": f"arn:{self.partition}:iam::{self.current_account}:root",
        "DefaultVersion": template.is_default(version),
        "LaunchTemplateData": version.data,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionDescription": version.description,
        "VersionNumber": version.number,
    }


def _create_version(self):
    template = _template(self)
    self.error_on_dryrun()
    made, remember = _same_token(self)
    if made is None:
        made = template.create_version(_version_data(self, template), self._get_param("VersionDescription"))
        remember(made)
    return ActionResult({"LaunchTemplateVersion": _shown(self, template, made)})


def _create_template(self):
    made, remember = _same_token(self)
    if made is not None:
        return made
    answer = _create_template_once(self)
    remember(answer)
    return answer


def _all_templates_versions(self, wanted):
    if not set(wanted) <= {"$Latest", "$Default"} or not wanted:
        raise EC2ClientError(
            "InvalidParameterValue",
            "Without a launch template only the versions $Latest and $Default can be described.",
        )
    templates = self.ec2_backend.launch_templates.values()
    return [(t, t.get_version(v)) for t in templates for v in wanted]


def _chosen_versions(self, template, wanted):
    if wanted:
        return [(template, template.get_version(v)) for v in wanted]
    low = int(self._get_param("MinVersion") or 1)
    high = int(self._get_param("MaxVersion") or len(template.versions))
    return [(template, v) for v in reversed(_there(template)) if low <= v.number <= high]


def _describe_versions(self):
    self.error_on_dryrun()
    wanted = self._get_param("Versions", [])
    if self._get_param("LaunchTemplateId") or self._get_param("LaunchTemplateName"):
        found = _chosen_versions(self, _template(self), wanted)
    else:
        found = _all_templates_versions(self, wanted)
    return ActionResult({"LaunchTemplateVersions": [_shown(self, t, v) for t, v in found]})


def _describe_templates(self):
    self.error_on_dryrun()
    ids = self._get_param("LaunchTemplateIds", [])
    for template_id in ids:
        if template_id not in self.ec2_backend.launch_templates:
            raise InvalidLaunchTemplateIdNotFound(template_id)
    found = self.ec2_backend.describe_launch_templates(
        template_names=self._get_param("LaunchTemplateNames", []),
        template_ids=ids,
        filters=self._filters_from_querystring(),
    )
    return ActionResult({"LaunchTemplates": [_shown_template(self, t) for t in found]})


def _shown_template(self, template):
    return {
        "CreateTime": template.create_time,
        "CreatedBy": f"arn:{self.partition}:iam::{self.current_account}:root",
        "DefaultVersionNumber": template.default_version_number,
        "LatestVersionNumber": template.latest_version_number,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Tags": template.tags,
    }


def _get_version(self, number):
    # moto reads version 0 as the last one and fails on words.
    word = str(number).lower()
    if word == "$latest":
        return _there(self)[-1]
    if word == "$default":
        return self.default_version()
    if word not in [str(v.number) for v in _there(self)]:
        raise InvalidLaunchTemplateVersionNotFound(template_id=self.id, version=number)
    return self.versions[int(word) - 1]


def _there(template):
    """The versions that were not deleted; a number is never given twice."""
    return [v for v in template.versions if not getattr(v, "deleted", False)]


def _delete_versions(self):
    """Delete numbered versions; the default one stays, and each is answered for."""
    template = _template(self)
    self.error_on_dryrun()
    gone, kept = [], []
    for number in self._get_param("Versions", []):
        shown = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "VersionNumber": number}
        found = next((v for v in _there(template) if str(v.number) == str(number)), None)
        if found is None or template.is_default(found):
            code = "launchTemplateVersionDoesNotExist" if found is None else "unexpectedError"
            kept.append({**shown, "ResponseError": {"Code": code, "Message": f"Version {number} stays."}})
        else:
            found.deleted = True
            gone.append(shown)
    return ActionResult(
        {
            "SuccessfullyDeletedLaunchTemplateVersions": gone,
            "UnsuccessfullyDeletedLaunchTemplateVersions": kept,
        }
    )


def install():
    """Patch moto's launch templates."""
    global _create_template_once
    _create_template_once = LaunchTemplates.create_launch_template
    LaunchTemplates.create_launch_template = _create_template
    LaunchTemplates.create_launch_template_version = _create_version
    LaunchTemplates.delete_launch_template_versions = _delete_versions
    LaunchTemplates.describe_launch_template_versions = _describe_versions
    LaunchTemplates.describe_launch_templates = _describe_templates
    LaunchTemplate.get_version = _get_version
    paging.paged(
        LaunchTemplates, "describe_launch_template_versions", "LaunchTemplateVersions", paging.EC2, 200, 200
    )
    paging.paged(LaunchTemplates, "describe_launch_templates", "LaunchTemplates", paging.EC2, 200, 200)

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster templates: how a cluster is built, kept in Magnum."""

from __future__ import annotations

import typing as t

from . import inline_groups, template_groups, template_revisions
from .errors import CloudError, Conflict, InvalidInput, TemplateNotFound
from .fields import Change, Field, labels
from .profiles import PROFILES
from .reconcile import Step
from .references import is_uuid
from .resource import CloudResource
from .waiter import Raw

_PUBLISHING = ("public", "hidden")
"""All that Magnum changes while clusters use the template, one at a time."""

_UNUSED = "unused_revisions"
_GROUPS = inline_groups.OPTION


def _bool(name: str, key: str = "", *aliases: str) -> Field:
    return Field(name, "bool", key, spec={"aliases": list(aliases)} if aliases else {})


def _ref(name: str, kind: str, key: str = "", *aliases: str) -> Field:
    spec: dict[str, t.Any] = {"aliases": list(aliases)} if aliases else {}
    if kind == "keypair":
        spec["no_log"] = False  # the name of a public key
    return Field(name, key=key, ref=kind, spec=spec)


class ClusterTemplateResource(CloudResource):
    """A Magnum cluster template."""

    kind = "cluster_template"
    not_found = TemplateNotFound
    fields: tuple[Field, ...] = (
        Field("coe", spec={"choices": ["kubernetes"]}),
        _ref("image", "image", "image_id", "image_id"),
        _ref("keypair", "keypair", "keypair_id", "keypair_id"),
        _ref("hardware", "flavor", "flavor_id", "flavor", "flavor_id"),
        _ref(
            "master_hardware",
            "flavor",
            "master_flavor_id",
            "master_flavor",
            "master_flavor_id",
        ),
        _ref(
            "external_network", "network", "external_network_id", "external_network_id"
        ),
        _ref("fixed_network", "network"),
        _ref("fixed_subnet", "subnet"),
        Field("network_driver"),
        Field("volume_driver"),
        Field("docker_storage_driver"),
        Field("docker_volume_size", "int"),
        Field("dns_nameserver"),
        Field("apiserver_port", "int"),
        Field("server_type", spec={"choices": ["vm", "bm"]}),
        _bool("floating_ip_enabled", "", "is_floating_ip_enabled"),
        _bool("master_lb_enabled", "", "is_master_lb_enabled"),
        _bool("registry_enabled", "", "is_registry_enabled"),
        _bool("tls_disabled", "", "is_tls_disabled"),
        Field("insecure_registry"),
        Field("http_proxy"),
        Field("https_proxy"),
        Field("no_proxy"),
        Field("labels", "dict", merge=True),
        _bool("public", "", "is_public"),
        _bool("hidden"),
    )
    options: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "profile": {"type": "str", "choices": list(PROFILES)},
        "on_in_use": {
            "type": "str",
            "choices": ["fail", "new_revision"],
            "default": "fail",
        },
        "prune": {"type": "bool", "default": False},
        _GROUPS: inline_groups.OPTIONS[_GROUPS],
    }

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Keep what was asked for."""
        super().__init__(*args, **kwargs)
        self._family: list[Raw] = []
        self._clusters: list[Raw] | None = None
        if self.params.get("prune"):
            self.fields = (*self.fields, Field(_UNUSED, "list"))

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check the values that need no cloud."""
        size, port = params["docker_volume_size"], params["apiserver_port"]
        if size is not None and size < 1:
            raise InvalidInput(f"docker_volume_size: {size} is below 1")
        if port is not None and not 1024 <= port <= 65535:
            raise InvalidInput(f"apiserver_port: {port} is not within 1024 to 65535")
        inline_groups.check(params[_GROUPS] or [])
        name, longest = params["name"], template_revisions.LONGEST
        revises = params["on_in_use"] == "new_revision"
        if revises and (len(name) > longest or "," in name):
            raise InvalidInput(
                f"name: {name!r} must be {longest} characters at most and hold no ',' "
                "with on_in_use: new_revision"
            )

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """The options that were given, over the defaults of the profile."""
        profile = PROFILES.get(self.params["profile"] or "", {})
        asked = super().desired(have)
        marks = {**profile.get("labels", {}), **asked.get("labels", {})}
        if self.params[_GROUPS] is not None:
            marks[template_groups.LABEL] = template_groups.text(self.params[_GROUPS])
        if self.params["prune"]:
            asked[_UNUSED] = []
        return {**profile, **asked, **({"labels": marks} if marks else {})}

    def find(self) -> Raw | None:
        """The newest revision of this project by name, or any template by id."""
        return self._find(public=False)

    def find_usable(self) -> Raw | None:
        """As C(find); else one that another project has made public."""
        return self._find(public=True)

    def _find(self, public: bool) -> Raw | None:
        magnum, project = self.cloud.magnum, self.cloud.project_id
        listed = magnum.templates()
        found = template_revisions.named(listed, self.name, project, public)
        raw: Raw | None = found[-1] if found else None
        if raw is None and is_uuid(self.name):
            raw = magnum.template(self.name)  # lists leave hidden ones out
        self._family = template_revisions.of(listed, raw) if raw else []
        return raw

    def all(self) -> list[Raw]:
        """All templates that may be seen."""
        return self.cloud.magnum.templates()

    def refresh(self, raw: Raw) -> Raw | None:
        """The same template again."""
        return self.cloud.magnum.template(raw["uuid"])

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """The shape that users see."""
        shown = view(raw)
        if self.params.get("prune"):
            shown[_UNUSED] = self._unused(raw)
        return shown

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """A new one needs an image; one in use can't be changed."""
        if raw is None and "image" not in values:
            raise InvalidInput(
                f"{self} does not exist, and to create it the option image is needed"
            )
        if raw is not None and set(values) - {*_PUBLISHING, _UNUSED}:
            self._refuse_in_use([raw], "changed")
        for group in self.params[_GROUPS] or []:
            self._check_references(group)
        return super().prepare(values, raw)

    def _check_references(self, group: Raw) -> None:
        """What a node group refers to is there; the cluster will look it up."""
        for option, kind in (("hardware", "flavor"), ("image", "image")):
            if group.get(option):
                where = f"{_GROUPS}: {group['name']}: {option}"
                self.references.resolve(where, kind, group[option])

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Make the template."""
        return self._make(values, {"name": self.name})

    def supersedes(self, raw: Raw, changes: t.Sequence[Change]) -> bool:
        """Where Magnum would refuse the changes, and a new revision is allowed."""
        if self.params["on_in_use"] != "new_revision":
            return False
        names = {change.field.name for change in changes}
        return bool(names - {*_PUBLISHING, _UNUSED}) and bool(self._users([raw]))

    def revision(self, raw: Raw) -> dict[str, t.Any]:
        """Name, number and tags of the next revision."""
        own = view(template_revisions.following(raw, self._family))
        return {name: own[name] for name in ("name", "revision_of", "revision", "tags")}

    def revise(self, raw: Raw, values: dict[str, t.Any]) -> Raw:
        """Make the next revision."""
        made = self._make(values, template_revisions.following(raw, self._family))
        self._family = [*self._family, made]
        return made

    def _make(self, values: dict[str, t.Any], own: Raw) -> Raw:
        sent = {name: value for name, value in values.items() if name != _UNUSED}
        body = {"coe": "kubernetes", **self.body(sent), **own}
        return self.cloud.magnum.create("/clustertemplates", body)

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """One PATCH for all, and one each for what Magnum publishes apart."""
        apart = [{name: values[name]} for name in _PUBLISHING if name in values]
        rest = {k: v for k, v in values.items() if k not in (*_PUBLISHING, _UNUSED)}
        steps = [self._patch(raw, part) for part in ([rest] if rest else []) + apart]
        if _UNUSED in values:
            several = len(self._unused(raw)) > 1
            steps.append(Step(lambda: self._prune(raw), lambda now: True, several))
        return steps

    def _prune(self, raw: Raw) -> None:
        """Delete the older revisions that no cluster uses."""
        unused = self._unused(raw)
        for old in [one for one in self._family if one["name"] in unused]:
            self.cloud.magnum.delete_template(old["uuid"])
            self._family.remove(old)

    def _unused(self, raw: Raw) -> list[str]:
        """Names of the older revisions that no cluster uses."""
        number = template_revisions.mark(raw)[1]
        older = [x for x in self._family if template_revisions.mark(x)[1] < number]
        used = {user["template_id"] for user in self._users(older)}
        return [one["name"] for one in older if one["uuid"] not in used]

    def _patch(self, raw: Raw, values: dict[str, t.Any]) -> Step:
        patch = [
            # Magnum takes labels in a patch as the text of a dictionary.
            {"op": "replace", "path": f"/{key}", "value": repr(value)}
            if key == "labels"
            else {"op": "replace", "path": f"/{key}", "value": value}
            for key, value in self.body(values).items()
        ]
        magnum, uuid = self.cloud.magnum, raw["uuid"]
        return Step(lambda: magnum.patch_template(uuid, patch), lambda now: True)

    def check_delete(self, raw: Raw) -> None:
        """Refuse while clusters use it."""
        self._refuse_in_use(self._meant(raw), "deleted")

    def delete(self, raw: Raw) -> None:
        """Delete the template, the newest revision last: by it the rest is found."""
        for number, one in enumerate(self._meant(raw)):
            try:
                self.cloud.magnum.delete_template(one["uuid"])
            except CloudError as error:
                error.unclear = error.unclear or number > 0  # the others are gone
                raise

    def _meant(self, raw: Raw) -> list[Raw]:
        """All revisions by the template's name; else only the one that is named."""
        whole = template_revisions.mark(raw)[0] == self.name
        return self._family if whole else [raw]

    def _users(self, templates: list[Raw]) -> list[Raw]:
        """The clusters that use one of these templates."""
        if not templates:
            return []
        ids = {raw["uuid"] for raw in templates}
        if self._clusters is None:
            self._clusters = self.cloud.magnum.clusters()
        return [
            {
                "id": cluster["uuid"],
                "name": cluster["name"],
                "template_id": cluster["cluster_template_id"],
            }
            for cluster in self._clusters
            if cluster["cluster_template_id"] in ids
        ]

    def _refuse_in_use(self, templates: list[Raw], done: str) -> None:
        """Raise a Conflict that names the clusters which use one of these."""
        users = self._users(templates)
        if users:
            names = ", ".join(sorted(user["name"] for user in users))
            raise Conflict(
                f"{self} can't be {done} while clusters use it: {names}. Delete them "
                "first, create a template of another name"
                + (", or set on_in_use: new_revision" if done == "changed" else ""),
                details={"clusters": users},
            )


def view(raw: Raw) -> dict[str, t.Any]:
    """A template in the shape that users see."""
    fields = ClusterTemplateResource.fields
    name, revision = template_revisions.mark(raw)
    return {
        "id": raw.get("uuid"),
        "name": raw["name"],
        "revision_of": name,
        "revision": revision,
        **{field.name: raw.get(field.api_key) for field in fields},
        "labels": labels(raw.get("labels")),
        _GROUPS: template_groups.of(raw),
        "cluster_distro": raw.get("cluster_distro"),
        "driver": raw.get("driver"),
        "tags": [tag for tag in (raw.get("tags") or "").split(",") if tag],
        "project_id": raw.get("project_id"),
        "user_id": raw.get("user_id"),
        "created_at": raw.get("created_at"),
        "updated_at": raw.get("updated_at"),
    }

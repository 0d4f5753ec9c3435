# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster templates: how a cluster is built, kept in Magnum."""

from __future__ import annotations

import typing as t

from .errors import Conflict, InvalidInput, TemplateNotFound
from .fields import Field, labels
from .profiles import PROFILES
from .reconcile import Step
from .resource import CloudResource
from .waiter import Raw

_PUBLISHING = ("public", "hidden")
"""All that Magnum changes while clusters use the template, one at a time."""


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
    fields = (
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
    }

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check the values that need no cloud."""
        size, port = params["docker_volume_size"], params["apiserver_port"]
        if size is not None and size < 1:
            raise InvalidInput(f"docker_volume_size: {size} is below 1")
        if port is not None and not 1024 <= port <= 65535:
            raise InvalidInput(f"apiserver_port: {port} is not within 1024 to 65535")

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """The options that were given, over the defaults of the profile."""
        profile = PROFILES.get(self.params["profile"] or "", {})
        asked = super().desired(have)
        marks = {**profile.get("labels", {}), **asked.get("labels", {})}
        return {**profile, **asked, **({"labels": marks} if marks else {})}

    def find(self) -> Raw | None:
        """A template of this project by name, or any by id."""
        return self.cloud.magnum.find_template(self.name, self.cloud.project_id)

    def find_usable(self) -> Raw | None:
        """As C(find); else one that another project has made public."""
        return self.cloud.magnum.find_usable_template(self.name, self.cloud.project_id)

    def all(self) -> list[Raw]:
        """All templates that may be seen."""
        return self.cloud.magnum.templates()

    def refresh(self, raw: Raw) -> Raw | None:
        """The same template again."""
        return self.cloud.magnum.template(raw["uuid"])

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """The shape that users see."""
        return view(raw)

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """A new one needs an image; one in use can't be changed."""
        if raw is None and "image" not in values:
            raise InvalidInput(
                f"{self} does not exist, and to create it the option image is needed"
            )
        if raw is not None and set(values) - set(_PUBLISHING):
            self._refuse_in_use(raw, "changed")
        return super().prepare(values, raw)

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Make the template."""
        body = {"coe": "kubernetes", **self.body(values), "name": self.name}
        return self.cloud.magnum.create("/clustertemplates", body)

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """One PATCH for all, and one each for what Magnum publishes apart."""
        apart = [{name: values[name]} for name in _PUBLISHING if name in values]
        rest = {k: v for k, v in values.items() if k not in _PUBLISHING}
        return [self._patch(raw, part) for part in ([rest] if rest else []) + apart]

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
        self._refuse_in_use(raw, "deleted")

    def delete(self, raw: Raw) -> None:
        """Delete the template."""
        self.cloud.magnum.delete_template(raw["uuid"])

    def _refuse_in_use(self, raw: Raw, done: str) -> None:
        """Raise a Conflict that names the clusters which use the template."""
        users = [
            {"id": cluster["uuid"], "name": cluster["name"]}
            for cluster in self.cloud.magnum.clusters()
            if cluster["cluster_template_id"] == raw["uuid"]
        ]
        if users:
            names = ", ".join(sorted(user["name"] for user in users))
            raise Conflict(
                f"{self} can't be {done} while clusters use it: {names}. Delete them "
                "first, or create a template of another name",
                details={"clusters": users},
            )


def view(raw: Raw) -> dict[str, t.Any]:
    """A template in the shape that users see."""
    fields = ClusterTemplateResource.fields
    return {
        "id": raw.get("uuid"),
        "name": raw["name"],
        **{field.name: raw.get(field.api_key) for field in fields},
        "labels": labels(raw.get("labels")),
        "cluster_distro": raw.get("cluster_distro"),
        "driver": raw.get("driver"),
        "tags": [tag for tag in (raw.get("tags") or "").split(",") if tag],
        "project_id": raw.get("project_id"),
        "user_id": raw.get("user_id"),
        "created_at": raw.get("created_at"),
        "updated_at": raw.get("updated_at"),
    }

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster templates: how a cluster is built, kept in Magnum."""

from __future__ import annotations

import typing as t
from functools import cached_property, partial

from ..engine.errors import Conflict, InvalidInput, TemplateNotFound
from ..engine.fields import TEXT, Change, Field, api_values, labels
from ..engine.resource import Revision, Step
from ..engine.status import Raw
from ..services.exact import is_uuid
from ..services.kubernetes_names import check_name
from . import (
    inline_groups,
    magnum_rules,
    template_groups,
    template_revisions,
)
from .profiles import PROFILES
from .resource import CloudResource
from .subnets import subnet_of

_PUBLISHING = ("public", "hidden")
"""All that Magnum changes while clusters use the template, one at a time."""

_STORAGE = ("docker_storage_driver", "docker_volume_size")
_UNUSED = "unused_revisions"
_FAMILY = "family"
"""Under this key, a template that was found has all its revisions."""
_GROUPS = inline_groups.OPTION


class ClusterTemplateResource(CloudResource):
    """A Magnum cluster template."""

    kind = "cluster_template"
    not_found = TemplateNotFound
    fields = (
        Field("coe", spec={"choices": ["kubernetes"]}),
        Field(
            "image",
            key="image_id",
            ref="image",
            needed=True,
            spec={"aliases": ["image_id"]},
        ),
        Field(
            "keypair",
            key="keypair_id",
            ref="keypair",
            # The name of a public key.
            spec={"aliases": ["keypair_id"], "no_log": False},
        ),
        Field(
            "hardware",
            key="flavor_id",
            ref="flavor",
            spec={"aliases": ["flavor", "flavor_id"]},
        ),
        Field(
            "master_hardware",
            key="master_flavor_id",
            ref="flavor",
            spec={"aliases": ["master_flavor", "master_flavor_id"]},
        ),
        Field(
            "external_network",
            key="external_network_id",
            ref="network",
            spec={"aliases": ["external_network_id"]},
        ),
        Field("fixed_network", ref="network"),
        Field("fixed_subnet", ref="subnet"),
        Field("network_driver"),
        Field("volume_driver"),
        Field("docker_storage_driver"),
        Field("docker_volume_size", "int", least=1),
        Field("dns_nameserver"),
        Field("apiserver_port", "int", least=1024, most=65535),
        Field("server_type", spec={"choices": ["vm", "bm"]}),
        Field(
            "floating_ip_enabled", "bool", spec={"aliases": ["is_floating_ip_enabled"]}
        ),
        Field("master_lb_enabled", "bool", spec={"aliases": ["is_master_lb_enabled"]}),
        Field("registry_enabled", "bool", spec={"aliases": ["is_registry_enabled"]}),
        Field("tls_disabled", "bool", spec={"aliases": ["is_tls_disabled"]}),
        Field("insecure_registry"),
        Field("http_proxy"),
        Field("https_proxy"),
        Field("no_proxy"),
        Field("labels", "dict", merge=True, values=TEXT, clean=labels),
        Field("public", "bool", spec={"aliases": ["is_public"]}),
        Field("hidden", "bool"),
        # Computed where `prune` is set.
        Field(_UNUSED, "list", option=False),
    )
    options = (
        Field("profile", spec={"choices": list(PROFILES)}),
        Field(
            "on_in_use", spec={"choices": ["fail", "new_revision"], "default": "fail"}
        ),
        Field("prune", "bool", spec={"default": False}),
        inline_groups.GROUPS,
    )

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check what can be checked without the cloud."""
        super().validate(params)
        inline_groups.check_groups(params[_GROUPS] or [])
        name, longest = params["name"], template_revisions.LONGEST
        revises = params["on_in_use"] == "new_revision"
        if revises and (len(name) > longest or "," in name):
            raise InvalidInput(
                f"name: {name!r} must be {longest} characters at most and hold no ',' "
                "with on_in_use: new_revision"
            )

    # Look -------------------------------------------------------------------

    def find(self) -> Raw | None:
        """Look up the newest revision by name in this project, or any by id."""
        return self._find(public=False)

    def find_visible(self) -> Raw | None:
        """Look it up as `find` does; else one that another project has made public."""
        return self._find(public=True)

    def _find(self, public: bool) -> Raw | None:
        magnum, project = self.cloud.magnum, self.cloud.project_id
        listed = magnum.templates()
        revisions = template_revisions.matching(listed, self.name, project, public)
        raw: Raw | None = revisions[-1] if revisions else None
        if raw is None and is_uuid(self.name):
            raw = magnum.template(self.name)  # lists leave hidden ones out
        if raw is None:
            near = template_revisions.names(listed, project, public)
            magnum.exact.missed("template", self.name, near)
            return None
        return {**raw, _FAMILY: template_revisions.family(listed, raw)}

    def near_misses(self) -> t.Sequence[str]:
        """Return the names of other templates that are nearly its own."""
        return self.cloud.magnum.exact.near("template", self.name)

    def all(self) -> list[Raw]:
        """Return all templates that may be seen."""
        return self.cloud.magnum.templates()

    def refresh(self, raw: Raw) -> Raw | None:
        """Read the same template again."""
        return self.cloud.magnum.template(raw["uuid"])

    def load(self, raw: Raw) -> Raw:
        """Find the unused revisions, where they are to be removed."""
        if not self.params["prune"]:
            return raw
        if _FAMILY not in raw:
            listed = self.cloud.magnum.templates()
            raw = {**raw, _FAMILY: template_revisions.family(listed, raw)}
        return {**raw, _UNUSED: self._unused(raw)}

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """Return the shape that users see."""
        return template_view(raw)

    def _unused(self, raw: Raw) -> list[str]:
        """Return the names of the older revisions that no cluster uses."""
        number = template_revisions.mark(raw)[1]
        older = [
            other
            for other in raw[_FAMILY]
            if template_revisions.mark(other)[1] < number
        ]
        used = {user["template_id"] for user in self._users(older)}
        return [other["name"] for other in older if other["uuid"] not in used]

    # Compare ----------------------------------------------------------------

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return the values that the options give, over the defaults of the profile."""
        profile = PROFILES.get(self.params["profile"] or "", {})
        values = super().desired(have)
        marks = {**profile.get("labels", {}), **values.get("labels", {})}
        if self.params[_GROUPS] is not None:
            marks[template_groups.LABEL] = template_groups.text(self.params[_GROUPS])
        values = {**profile, **values}
        if marks:
            values["labels"] = marks
        if self.params["prune"]:
            values[_UNUSED] = []
        return values

    def revision(self, raw: Raw, changes: t.Sequence[Change]) -> Revision | None:
        """Return the next one, where Magnum refuses the changes and it is allowed."""
        if self.params["on_in_use"] != "new_revision":
            return None
        names = {change.field.name for change in changes}
        if not names - {*_PUBLISHING, _UNUSED} or not self._users([raw]):
            return None
        own = template_revisions.following(raw, raw[_FAMILY])
        shown = template_view(own)
        return Revision(
            {name: shown[name] for name in ("name", "revision_of", "revision", "tags")},
            lambda values: self._make(values, own),
        )

    # Write ------------------------------------------------------------------

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Refuse to change one in use, and resolve references."""
        if raw is not None and set(values) - {*_PUBLISHING, _UNUSED}:
            self._refuse_in_use([raw], "changed")
        for group in self.params[_GROUPS] or []:
            self._check_references(group)
        resolved = super().prepare(values, raw)
        self._check_rules(values, raw)
        return {**resolved, **self._subnet(resolved, raw)}

    def _check_rules(self, values: Raw, raw: Raw | None) -> None:
        """Refuse what Magnum would refuse, where it is set."""
        find = self.references.raw
        if values.get("external_network"):
            name = values["external_network"]
            magnum_rules.check_external(name, find("network", name))
        if values.get("image"):
            name = values["image"]
            magnum_rules.check_image(name, find("image", name))
        whole = {**(self.view(raw) if raw else {}), **values}
        if not values.keys().isdisjoint(_STORAGE):
            magnum_rules.check_docker_volume(*(whole.get(name) for name in _STORAGE))
        for option in ("hardware", "master_hardware"):
            if raw is None and values.get(option):
                flavor = find("flavor", values[option])
                marks = values.get("labels") or {}
                warning = magnum_rules.check_disk(option, flavor, marks)
                if warning:
                    self.cloud.warn(warning)

    def _check_references(self, group: Raw) -> None:
        """Check the name of a node group, and that what it names exists.

        The cluster will look it up.
        """
        check_name(f"{_GROUPS}: name", group["name"])
        for option, kind in (("hardware", "flavor"), ("image", "image")):
            if group.get(option):
                where = f"{_GROUPS}: {group['name']}: {option}"
                self.references.resolve(where, kind, group[option])

    def _subnet(self, values: Raw, raw: Raw | None) -> Raw:
        """Return the subnet that goes with a network, where either is set."""
        network = values.get("fixed_network")
        if not network and raw and values.get("fixed_subnet"):
            known = self.references.find("network", raw.get("fixed_network") or "")
            network = known.id if known else None
        if not network:
            return {}
        neutron = self.cloud.neutron
        return {"fixed_subnet": subnet_of(neutron, network, values.get("fixed_subnet"))}

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Make the template."""
        return self._make(values, {"name": self.name})

    def _make(self, values: dict[str, t.Any], own: Raw) -> Raw:
        sent = {name: value for name, value in values.items() if name != _UNUSED}
        body = {"coe": "kubernetes", **self.body(sent), **own}
        return self.cloud.magnum.create("/clustertemplates", body)

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Send one PATCH for all, and one each for what Magnum publishes apart."""
        apart = [{name: values[name]} for name in _PUBLISHING if name in values]
        rest = {k: v for k, v in values.items() if k not in (*_PUBLISHING, _UNUSED)}
        steps = [self._patch(raw, part) for part in ([rest] if rest else []) + apart]
        if _UNUSED in values:
            steps.append(Step(self._prune(raw), lambda now: True))
        return steps

    def _prune(self, raw: Raw) -> list[t.Callable[[], None]]:
        """Return the writes that delete the older revisions which no cluster uses."""
        delete = self.cloud.magnum.delete_template
        unused = [other for other in raw[_FAMILY] if other["name"] in raw[_UNUSED]]
        return [partial(delete, old["uuid"]) for old in unused]

    def _patch(self, raw: Raw, values: dict[str, t.Any]) -> Step:
        patch = [
            # Magnum takes labels in a patch as the text of a dictionary.
            {"op": "replace", "path": f"/{key}", "value": repr(value)}
            if key == "labels"
            else {"op": "replace", "path": f"/{key}", "value": value}
            for key, value in self.body(values).items()
        ]
        magnum, uuid = self.cloud.magnum, raw["uuid"]
        return Step([lambda: magnum.patch_template(uuid, patch)], lambda now: True)

    def check_delete(self, raw: Raw) -> None:
        """Refuse while clusters use it."""
        self._refuse_in_use(self._meant(raw), "deleted")

    def deletions(self, raw: Raw) -> list[t.Callable[[], None]]:
        """Delete the template, the newest revision last: by it the rest is found."""
        delete = self.cloud.magnum.delete_template
        return [partial(delete, template["uuid"]) for template in self._meant(raw)]

    def _meant(self, raw: Raw) -> list[Raw]:
        """Return all revisions for the template's name, else only the one named."""
        whole = template_revisions.mark(raw)[0] == self.name
        return raw[_FAMILY] if whole else [raw]

    @cached_property
    def _clusters(self) -> list[Raw]:
        return self.cloud.magnum.clusters()

    def _users(self, templates: list[Raw]) -> list[Raw]:
        """Return the clusters that use one of these templates."""
        if not templates:
            return []
        ids = {raw["uuid"] for raw in templates}
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


def template_view(raw: Raw) -> dict[str, t.Any]:
    """Return a template as users see it; unused revisions where they are known."""
    name, revision = template_revisions.mark(raw)
    fields = ClusterTemplateResource.fields
    return {
        "id": raw.get("uuid"),
        "name": raw["name"],
        "revision_of": name,
        "revision": revision,
        **api_values((f for f in fields if f.option or f.name in raw), raw),
        _GROUPS: template_groups.declared(raw),
        "cluster_distro": raw.get("cluster_distro"),
        "driver": raw.get("driver"),
        "tags": [tag for tag in (raw.get("tags") or "").split(",") if tag],
        "project_id": raw.get("project_id"),
        "user_id": raw.get("user_id"),
        "created_at": raw.get("created_at"),
        "updated_at": raw.get("updated_at"),
    }

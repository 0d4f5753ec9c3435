# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The template of a cluster: which one it has, and which one it is to have."""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine.fields import KNOWN_AFTER_APPLY
from ..engine.status import Raw
from ..services.session import Cloud
from . import template_revisions
from .references import References


@dataclasses.dataclass
class TemplateChoice:
    """Chooses among the revisions of a cluster's template.

    Attributes:
        cloud: Where the templates live.
        references: Finds templates by name or id.
        upgrade: Whether a cluster gets the newest revision of its template.
    """

    cloud: Cloud
    references: References
    upgrade: bool
    _hidden: dict[str, Raw | None] = dataclasses.field(default_factory=dict)
    _warned: set[str] = dataclasses.field(default_factory=set)

    def load(self, cluster: Raw) -> Raw:
        """Return name, revision and driver of a cluster's template, and its drift."""
        listed = self.references.templates()
        template = self._template(cluster["cluster_template_id"], listed)
        if template is None:
            return {"template_name": None, "template_driver": None}
        newest = template_revisions.newest(listed, template)
        name, number = template_revisions.mark(template)
        latest = template_revisions.mark(newest)[1]
        drift = {"template_id": newest["uuid"], "revision": latest}
        return {
            "template_name": name,
            "template_driver": template.get("driver"),
            "template_revision": number,
            "template_drift": drift if latest != number else None,
        }

    def warn_of_drift(self, have: t.Mapping[str, t.Any]) -> None:
        """Warn once that a cluster's template has a newer revision.

        Args:
            have: The view of the cluster.
        """
        drift = have["template_drift"]
        if drift and have["id"] not in self._warned:
            self._warned.add(have["id"])
            self.cloud.warn(
                f"cluster {have['name']!r} has revision {have['template_revision']} of "
                f"template {have['template']!r}, the newest is {drift['revision']}"
            )

    def desired(self, ident: str, have: t.Mapping[str, t.Any]) -> str:
        """Return the template that a cluster is to have, as its view would show it.

        Any revision of a template will do, unless the cluster is to be upgraded.

        Args:
            ident: Name or id of a template.
            have: The view of the cluster.
        """
        if ident == have["template_id"]:
            return str(have["template"])
        revisions = self.references.template_revisions(ident)
        if self.upgrade:
            revisions = revisions[-1:]
        if have["template_id"] in [revision["uuid"] for revision in revisions]:
            return str(have["template"])
        return str(revisions[0]["name"]) if self.upgrade and revisions else ident

    def coming(
        self, ident: str | None, have: t.Mapping[str, t.Any] | None
    ) -> Raw | None:
        """Return the template that a cluster will have, as far as it is known.

        Args:
            ident: What `desired` gave, or for a new cluster the option.
            have: The view of the cluster, None for a new one.
        """
        if have and (not self.upgrade or ident in (None, have["template"])):
            return self.of_id(have["template_id"])
        revisions = self.references.template_revisions(ident) if ident else []
        return revisions[-1] if revisions else None

    def known(self, ident: str) -> Raw | None:
        """Return the template of this id, None where it is not known yet."""
        return None if ident == KNOWN_AFTER_APPLY else self.of_id(ident)

    def of_id(self, uuid: str) -> Raw | None:
        """Return the template of this id."""
        return self._template(uuid, self.references.templates())

    def _template(self, uuid: str, listed: list[Raw]) -> Raw | None:
        """Return the template of this id; lists leave out hidden ones."""
        for raw in listed:
            if raw["uuid"] == uuid:
                return raw
        if uuid not in self._hidden:
            self._hidden[uuid] = self.cloud.magnum.template(uuid)
        return self._hidden[uuid]

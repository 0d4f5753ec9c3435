# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of cluster templates: what a driver needs of them, and what they make."""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine.errors import Conflict
from ..engine.status import Raw
from ..services.drivers import CAPI_HELM, CLUSTER_API, Driver
from ..services.session import Cloud
from .references import References


class Target(t.NamedTuple):
    """What an upgrade leads to.

    Attributes:
        image: Id of the image of all nodes, None if it is not known.
        version: Version of Kubernetes, empty if it is not known.
        version_of_image: Whether nodes with the image have that version.
    """

    image: str | None
    version: str
    version_of_image: bool


@dataclasses.dataclass
class TemplateImages:
    """The images of cluster templates.

    Attributes:
        cloud: Where they are.
        references: Finds them by name or id.
    """

    cloud: Cloud
    references: References
    _read: dict[str, Raw] = dataclasses.field(default_factory=dict)

    def check(self, driver: Driver, template: Raw) -> None:
        """Check what a driver reads only after Magnum has accepted a request.

        Raises:
            Conflict: Something is missing, and the message says how to add it.
        """
        name = template["name"]
        if driver is CAPI_HELM:
            image = self._image(template)
            for key, sample in (("os_distro", "ubuntu"), ("kube_version", "v1.33.4")):
                if image and not image.get(key):
                    raise Conflict(
                        f"template: the image {image['name']!r} of template {name!r} "
                        f"has no property {key}, which {driver.title} requires. Set "
                        f"it: openstack image set --property {key}={sample} "
                        f"{image['id']}"
                    )
        if driver is CLUSTER_API and not (template.get("labels") or {}).get("kube_tag"):
            raise Conflict(
                f"template: the template {name!r} has no label kube_tag, from which "
                f"{driver.title} takes the version of Kubernetes. Declare the template "
                "with it, for example kube_tag: v1.33.4"
            )

    def target(self, driver: Driver, template: Raw) -> Target:
        """Return what an upgrade to a template leads to."""
        image = self._image(template)
        of_image = driver is not CLUSTER_API
        labels = template.get("labels") or {}
        version = image.get("kube_version") if of_image else labels.get("kube_tag")
        return Target(image.get("id"), version or "", of_image)

    def _image(self, template: Raw) -> Raw:
        """Return the image of a template, empty if it is gone."""
        ident = template.get("image_id")
        if not ident:
            return {}
        if ident not in self._read:
            known = self.references.find("image", ident)
            found = self.cloud.glance.find(f"/images/{known.id}") if known else None
            self._read[ident] = found or {}
        return self._read[ident]

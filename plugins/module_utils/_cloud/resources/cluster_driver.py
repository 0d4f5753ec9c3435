# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of a cluster: what it needs, and what proves that a change is done."""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine.fields import KNOWN_AFTER_APPLY
from ..engine.status import Raw
from ..services.drivers import (
    Driver,
    check_labeled_bounds,
    check_least,
    driver_of,
    infrastructure_id,
)
from ..services.session import Cloud
from .servers import ServerProof
from .sizes import scales_itself
from .template_choice import TemplateChoice
from .template_images import Target, TemplateImages


@dataclasses.dataclass
class ClusterDriver:
    """What depends on the driver of a cluster.

    Attributes:
        cloud: Where the cluster is.
        params: The options of the cluster.
        template: Finds its template.
        images: Finds the image of that.
    """

    cloud: Cloud
    params: t.Mapping[str, t.Any]
    template: TemplateChoice
    images: TemplateImages

    def of(self, raw: Raw | None, values: t.Mapping[str, t.Any]) -> Driver:
        """Return the driver of a cluster; of a new one, as its template has it.

        Args:
            raw: The cluster, None for a new one.
            values: What a new one is made of.
        """
        if raw is not None:
            return driver_of(raw.get("template_driver"), infrastructure_id(raw))
        template = self.template.coming(values["template"], None)
        return driver_of((template or {}).get("driver"), None)

    def proof(self, raw: Raw) -> ServerProof | None:
        """Return what proves changes by servers; None if Magnum's word is enough."""
        driver = driver_of(raw.get("template_driver"), infrastructure_id(raw))
        proof = ServerProof(self.cloud)
        return proof if driver.cluster_api and proof.applies(raw) else None

    def scales(self, raw: Raw | None, values: t.Mapping[str, t.Any]) -> bool:
        """Return whether a cluster has an autoscaler (arguments as those of `of`)."""
        return scales_itself(self.labels(raw, values))

    def labels(self, raw: Raw | None, values: t.Mapping[str, t.Any]) -> Raw:
        """Return the labels of a cluster (arguments as those of `of`)."""
        if raw is not None:
            return raw.get("labels") or {}
        own = values.get("labels", {})
        if own and self.params["merge_labels"] is False:
            return dict(own)
        template = self.template.coming(values["template"], None) or {}
        return {**(template.get("labels") or {}), **own}

    def check(
        self,
        what: object,
        raw: Raw | None,
        values: t.Mapping[str, t.Any],
        driver: Driver,
    ) -> None:
        """Check what a driver for Cluster API reads after Magnum accepted a request.

        Args:
            what: How messages call the cluster.
            raw: The cluster, None for a new one.
            values: What is set, with ids in the place of names.
            driver: The driver.
        """
        labels = self.labels(raw, values)
        if scales_itself(labels):
            if values.get("min_node_count") is not None:
                check_least(driver, what, values["min_node_count"])
            check_labeled_bounds(driver, what, labels, dict(values), raw is None)
        zone = values.get("labels", {}).get("availability_zone")
        if zone and "availability_zone" in driver.lacks:
            self.cloud.warn(
                f"availability_zone: {driver.title} ignores the zone {zone!r}, and "
                "Nova chooses that of each node"
            )
        if raw and "template" in values and self.params["max_batch_size"]:
            self.cloud.warn(
                f"max_batch_size: {driver.title} ignores this option, and upgrades all "
                "node groups of the cluster"
            )
        ident = values.get("template", KNOWN_AFTER_APPLY)
        if ident != KNOWN_AFTER_APPLY:
            template = self.template.of_id(ident)
            if template:
                self.images.check(driver, template)

    def target(self, raw: Raw, ident: str) -> Target | None:
        """Return what the nodes of a template are like, with Cluster API.

        Args:
            raw: The cluster.
            ident: Id of the template.
        """
        driver = self.of(raw, {})
        template = self.template.of_id(ident) if driver.cluster_api else None
        if template is None:
            return None
        target = self.images.target(driver, template)
        before = self.template.of_id(raw["cluster_template_id"])
        image = template.get("image_id")
        if before and before is not template and before.get("image_id") == image:
            return target._replace(image=None)  # no node is replaced
        return target

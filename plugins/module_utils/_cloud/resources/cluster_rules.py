# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Magnum or its driver would refuse of a new cluster."""

from __future__ import annotations

import dataclasses

from ..engine.errors import InvalidInput
from ..engine.status import Raw
from ..services.session import Cloud
from . import magnum_rules
from .cluster_spec import ClusterSpec
from .references import References
from .subnets import FIXED, IN_LOCATION, subnet_of


@dataclasses.dataclass
class ClusterRules:
    """Rules of new clusters.

    Attributes:
        cloud: Where the clusters will be.
        references: Finds what they name.
        in_location: Whether their network follows from a location.
    """

    cloud: Cloud
    references: References
    in_location: bool

    def subnet(self, spec: ClusterSpec) -> Raw:
        """Return the subnet of the network, where only the latter is named.

        Args:
            spec: The cluster.

        Returns:
            The value of `fixed_subnet`; nothing where it is named already.

        Raises:
            InvalidInput: The network has none or several, or not the one that is named.
        """
        own, subnet = spec.values.get("fixed_network"), spec.values.get("fixed_subnet")
        theirs = spec.template.get("fixed_subnet")
        if (theirs and not own and not subnet) or (subnet and self.in_location):
            return {}
        network = own or self._network_of(spec.template)
        if not network:
            return {}
        found = subnet_of(
            self.cloud.neutron,
            network,
            subnet,
            IN_LOCATION if self.in_location else FIXED,
            # Cluster API takes all subnets of a network.
            needed=not theirs and not spec.driver.cluster_api,
        )
        return {"fixed_subnet": found} if found else {}

    def check(self, spec: ClusterSpec) -> None:
        """Refuse what Magnum would refuse.

        Args:
            spec: The cluster.

        Raises:
            InvalidInput: Names the option, and what to do.
        """
        balanced, labels = bool(spec.get("master_lb_enabled")), spec.labels
        magnum_rules.check_masters(spec.values.get("master_count", 1), balanced)
        if balanced:
            self._check_balancers()
        for option in ("hardware", "master_hardware"):
            name = spec.get(option)
            flavor = self.references.raw("flavor", name) if name else None
            warning = magnum_rules.check_disk(option, flavor, labels)
            if warning:
                self.cloud.warn(warning)
        magnum_rules.check_docker_volume(
            spec.template.get("docker_storage_driver"), spec.get("docker_volume_size")
        )
        if not spec.values.get("keypair"):
            self._check_keypair(spec.template)

    def _check_balancers(self) -> None:
        """Refuse load balancers in a cloud that has none."""
        if not self.cloud.offers("load-balancer"):
            raise InvalidInput(
                "master_lb_enabled: this cloud has no service for load balancers "
                "(Octavia). Set master_lb_enabled: false and master_count: 1"
            )

    def _check_keypair(self, template: Raw) -> None:
        """Refuse a template that names the keypair of another user."""
        name = template.get("keypair_id")
        if name and not self.references.find("keypair", name):
            raise InvalidInput(
                f"keypair: the template {template['name']!r} names the keypair "
                f"{name!r}, which you do not have: keypairs belong to users, and the "
                f"template is one of user {template.get('user_id')}. Set keypair to "
                "one of your own"
            )

    def _network_of(self, template: Raw) -> str | None:
        """Return the id of the network that a template names."""
        name = template.get("fixed_network")
        known = self.references.find("network", name) if name else None
        return known.id if known else None

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Magnum or its driver would refuse of a new cluster."""

from __future__ import annotations

import dataclasses

from ..engine.status import Raw
from ..services.session import Cloud
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

    def subnet(self, new: ClusterSpec) -> Raw:
        """Return the subnet of the network, where only the latter is named.

        Args:
            new: The cluster.

        Returns:
            The value of `fixed_subnet`; nothing where it is named already.

        Raises:
            InvalidInput: The network has none or several, or not the one that is named.
        """
        own, subnet = new.values.get("fixed_network"), new.values.get("fixed_subnet")
        theirs = new.template.get("fixed_subnet")
        if (theirs and not own and not subnet) or (subnet and self.in_location):
            return {}
        network = own or self._network_of(new.template)
        if not network:
            return {}
        found = subnet_of(
            self.cloud.neutron,
            network,
            subnet,
            IN_LOCATION if self.in_location else FIXED,
            # Cluster API takes all subnets of a network.
            needed=not theirs and not new.driver.cluster_api,
        )
        return {"fixed_subnet": found} if found else {}

    def _network_of(self, template: Raw) -> str | None:
        """Return the id of the network that a template names."""
        name = template.get("fixed_network")
        known = self.references.find("network", name) if name else None
        return known.id if known else None

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for Neutron's agents: there is no switch to plug a port into.

``up`` copies this file next to the configuration, where neutron finds it.
"""

from neutron_lib import constants
from neutron_lib.plugins.ml2 import api


class BedMechanismDriver(api.MechanismDriver):
    """Binds every port at once, without an agent."""

    connectivity = "l2"

    def initialize(self) -> None:
        """Do nothing: there is nothing to set up."""

    def bind_port(self, context: api.PortContext) -> None:
        """Bind the port to its first segment.

        Args:
            context: The port, and where it may be bound.
        """
        segment = context.segments_to_bind[0]
        context.set_binding(
            segment[api.ID], "other", {}, status=constants.PORT_STATUS_ACTIVE
        )

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cinder's own fake driver says that its capacity is infinite; this one has figures.

``up`` copies this file next to the configuration, where cinder-volume finds it.
"""

from cinder.tests import fake_driver


class BedVolumeDriver(fake_driver.FakeLoggingVolumeDriver):
    """Cinder's fake driver with figures."""

    def _update_volume_stats(self) -> None:
        super()._update_volume_stats()
        self._stats["pools"][0].update(
            total_capacity_gb=100_000,
            free_capacity_gb=64_000,
            provisioned_capacity_gb=36_000,
            allocated_capacity_gb=36_000,
            reserved_percentage=0,
        )

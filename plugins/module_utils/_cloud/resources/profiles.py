# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles of cluster templates: defaults for the four kinds of cluster.

The labels are marks of our own: Magnum ignores them; reports and the matching of
workloads read them.
"""

from __future__ import annotations

import typing as t

_DRIVERS: dict[str, t.Any] = {
    "coe": "kubernetes",
    "network_driver": "flannel",
    "docker_storage_driver": "overlay2",
}

PROFILES: dict[str, dict[str, t.Any]] = {
    "gpu_intensive": {
        **_DRIVERS,
        "volume_driver": "cinder",
        "labels": {
            "gpu_enabled": "true",
            "workload_type": "training",
            "power_monitoring": "kepler",
        },
    },
    "npu_optimized": {
        **_DRIVERS,
        "labels": {
            "npu_enabled": "true",
            "workload_type": "inference",
            "power_monitoring": "kepler",
        },
    },
    "hybrid_balanced": {
        **_DRIVERS,
        "volume_driver": "cinder",
        "labels": {
            "gpu_enabled": "true",
            "npu_enabled": "true",
            "workload_type": "mixed",
            "power_monitoring": "kepler",
        },
    },
    "cpu_only": {
        **_DRIVERS,
        "labels": {"workload_type": "general", "power_monitoring": "kepler"},
    },
}
"""What each profile sets. An option takes precedence over it."""

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pretend hardware: compute hosts, and the accelerators that each one has.

Nova's fake driver gives every host vCPU, memory and disk in plenty. Accelerators
are inventories in Placement, so they run out for real.
"""

from __future__ import annotations

# host: (inventories as resource class -> total, traits)
HOSTS: dict[str, tuple[dict[str, int], tuple[str, ...]]] = {
    "mi300x-1": ({"CUSTOM_GPU_MI300X": 8}, ("CUSTOM_GPU_AMD", "CUSTOM_MI300X")),
    "mi300x-2": ({"CUSTOM_GPU_MI300X": 8}, ("CUSTOM_GPU_AMD", "CUSTOM_MI300X")),
    "a100-1": ({"CUSTOM_GPU_A100": 8}, ("CUSTOM_GPU_NVIDIA", "CUSTOM_A100")),
    "h100-1": ({"CUSTOM_GPU_H100": 4}, ("CUSTOM_GPU_NVIDIA", "CUSTOM_H100")),
    "gaudi3-1": ({"CUSTOM_NPU_GAUDI3": 8}, ("CUSTOM_NPU_INTEL", "CUSTOM_GAUDI3")),
    # Plain CPU capacity, and the one class that tests may exhaust without
    # getting into each other's way.
    "cpu-1": ({"CUSTOM_GPU_SCARCE": 2}, ("CUSTOM_SCARCE",)),
}

# Resource class: what the device plugin in a node calls it.
KUBERNETES = {
    "CUSTOM_GPU_MI300X": "amd.com/gpu",
    "CUSTOM_GPU_A100": "nvidia.com/gpu",
    "CUSTOM_GPU_H100": "nvidia.com/gpu",
    "CUSTOM_NPU_GAUDI3": "habana.ai/gaudi",
    "CUSTOM_GPU_SCARCE": "nvidia.com/gpu",
}


def provider_config(host: str) -> dict:
    """Describe a host's accelerators as Nova's provider configuration wants it.

    Args:
        host: A name in `HOSTS`.

    Returns:
        What the YAML file for nova-compute holds.
    """
    inventories, traits = HOSTS[host]
    return {
        "meta": {"schema_version": "1.0"},
        "providers": [
            {
                "identification": {"uuid": "$COMPUTE_NODE"},
                "inventories": {
                    "additional": [
                        {name: {"total": total, "max_unit": total}}
                        for name, total in inventories.items()
                    ]
                },
                "traits": {"additional": list(traits)},
            }
        ],
    }

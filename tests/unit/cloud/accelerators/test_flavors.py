# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accelerators of flavors that others made."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.accelerators import (
    extra_specs,
    flavors,
)

Known = tuple[Any, Any, int, str]


@pytest.mark.parametrize(
    ("specs", "known"),
    [
        ({}, []),
        ({"resources:VCPU": "0", "hw:cpu_policy": "dedicated"}, []),
        (
            {"resources:CUSTOM_GPU_MI300X": "8"},
            [("amd", "MI300X", 8, "gpu")],
        ),
        (
            {"resources1:CUSTOM_GPU_A100_80GB": "4", "resources:VGPU": "1"},
            [("nvidia", "A100_80GB", 4, "gpu"), (None, None, 1, "gpu")],
        ),
        ({"resources:PGPU": "2"}, [(None, None, 2, "gpu")]),
        ({"resources:CUSTOM_NPU_GAUDI3": "8"}, [("intel", "GAUDI3", 8, "npu")]),
        ({"resources:CUSTOM_NPU_XYZ": "1"}, [(None, "XYZ", 1, "npu")]),
        ({"resources:CUSTOM_GPU_H100": "many"}, []),
        ({"resources:CUSTOM_GPU_H100": "0"}, []),
        ({"resources:CUSTOM_BAREMETAL": "1"}, []),
        (
            {"pci_passthrough:alias": "l40s:2, mlx5:1"},
            [("nvidia", "L40S", 2, "gpu")],
        ),
        ({"pci_passthrough:alias": "gaudi2:8"}, [("intel", "GAUDI2", 8, "npu")]),
        ({"pci_passthrough:alias": "my-gpu:1"}, [(None, "MY_GPU", 1, "gpu")]),
        # A network card and a disk whose names are like those of GPUs.
        ({"pci_passthrough:alias": "x710:1,p4510:2,nvme:1,e810"}, []),
    ],
)
def test_flavors_of_others(specs: dict[str, str], known: list[Known]) -> None:
    names = ("vendor", "model", "count", "kind")
    devices = flavors.accelerators(specs)
    assert [tuple(device[name] for name in names) for device in devices] == known
    assert all(set(device) == set(flavors.SHOWN) for device in devices)


def test_flavors_of_ours() -> None:
    given = {"vendor": "amd", "model": "MI300X", "count": 8, "memory_gib": 192}
    hardware = extra_specs.Contents(extra_specs.normalize([given]), None, None, {})
    devices = flavors.accelerators(extra_specs.encode(hardware))
    assert devices == [{**given, "kind": "gpu"}]

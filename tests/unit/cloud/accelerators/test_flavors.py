# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accelerators of flavors that others made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.accelerators import (
    extra_specs,
    flavors,
)

Devices = list[tuple[Any, Any, Any, Any, Any]]
METAL = {"resources:VCPU": "0", "resources:MEMORY_MB": "0", "resources:DISK_GB": "0"}

A100, H100 = ("nvidia", "A100"), ("nvidia", "H100")


def devices(reading: flavors.Reading) -> Devices:
    assert all(tuple(each) == flavors.SHOWN for each in reading.accelerators)
    return [tuple(each.values()) for each in reading.accelerators]


@pytest.mark.parametrize(
    ("specs", "known"),
    [
        ({}, []),
        ({"resources:VCPU": "0", "hw:cpu_policy": "dedicated"}, []),
        (
            {"resources:CUSTOM_GPU_MI300X": "8"},
            [("amd", "MI300X", 8, 192, "gpu")],
        ),
        (
            {"resources1:CUSTOM_GPU_A100_80GB": "4", "resources:VGPU": "1"},
            [(*A100, 4, 80, "gpu"), (None, None, 1, None, "gpu")],
        ),
        ({"resources:PGPU": "2"}, [(None, None, 2, None, "gpu")]),
        ({"resources:CUSTOM_NPU_GAUDI3": "8"}, [("intel", "Gaudi3", 8, 128, "npu")]),
        ({"resources:CUSTOM_NPU_XYZ": "1"}, [(None, "XYZ", 1, None, "npu")]),
        (
            {"resources:CUSTOM_NVIDIA_700": "1", "hw:numa_nodes": "8"},
            [("nvidia", "NVIDIA_700", 1, None, "gpu")],
        ),
        ({"resources:CUSTOM_PCI_10DE_20B5": "2"}, [(*A100, 2, 80, "gpu")]),
        ({"resources:CUSTOM_GPU_H100": "0"}, []),
        ({"resources:CUSTOM_BAREMETAL": "1", **METAL}, []),
        ({"resources:CUSTOM_FPGA": "1", "resources:FPGA": "1"}, []),
        # Groups are numbered, or have names.
        (
            {"resources_GPU1:VGPU": "1", "resources_GPU-2:VGPU": "1"},
            [(None, None, 2, None, "gpu")],
        ),
        # Traits of the same group tell which ones.
        (
            {"resources:PGPU": "2", "trait:CUSTOM_GPU_NVIDIA_A100": "required"},
            [(*A100, 2, None, "gpu")],
        ),
        (
            {"resources:PGPU": "2", "trait:CUSTOM_GPU_NVIDIA_A100": "forbidden"},
            [(None, None, 2, None, "gpu")],
        ),
        (
            {
                "resources1:VGPU": "1",
                "trait1:CUSTOM_A40": "required",
                "resources2:VGPU": "1",
                "trait2:CUSTOM_NVIDIA_11": "required",
            },
            [
                ("nvidia", "A40", 1, None, "gpu"),
                ("nvidia", "NVIDIA_11", 1, None, "gpu"),
            ],
        ),
        (
            {"pci_passthrough:alias": "l40s:2, mlx5:1"},
            [("nvidia", "L40S", 2, 48, "gpu")],
        ),
        ({"pci_passthrough:alias": "gaudi2:8"}, [("intel", "Gaudi2", 8, 96, "npu")]),
        ({"pci_passthrough:alias": "my-gpu:1"}, [(None, "my-gpu", 1, None, "gpu")]),
        ({"pci_passthrough:alias": "v100_32:2"}, [("nvidia", "V100", 2, 32, "gpu")]),
        (
            {
                "pci_passthrough:alias": "my-gpu:1",
                "trait:CUSTOM_GPU_H100": "required",
            },
            [(*H100, 1, None, "gpu")],
        ),
        # Equal ones add up, whichever way they are written.
        (
            {"pci_passthrough:alias": "a100:2,gpu-a100:1,A100_80GB:4"},
            [(*A100, 3, None, "gpu"), (*A100, 4, 80, "gpu")],
        ),
        (
            {"resources:CUSTOM_GPU_A100": "1", "pci_passthrough:alias": "a100:2"},
            [(*A100, 3, None, "gpu")],
        ),
        # The four functions of each of two cards.
        (
            {
                "pci_passthrough:alias": (
                    "nv2080vga:2,nv2080aud:2,nv2080usb:2,nv2080bus:2"
                )
            },
            [("nvidia", "RTX 2080", 2, 8, "gpu")],
        ),
        # A network card and a disk whose names are like those of GPUs.
        ({"pci_passthrough:alias": "x710:1,p4510:2,nvme:1,e810"}, []),
        ({"pci_passthrough:alias": "IB:1"}, []),
        ({"pci_passthrough:alias": ""}, []),
        # What flavors tell people.
        (
            {
                "gpu:model": "1080 Ti",
                "gpu:number": "1",
                "gpu:vendor": "NVIDIA Corporation",
                "pci_passthrough:alias": "NVIDIA1080TI:1",
            },
            [("nvidia", "GTX 1080 Ti", 1, 11, "gpu")],
        ),
        (
            {
                "Accelerator:Type": "GPU",
                "Accelerator:Vendor": "NVIDIA",
                "Accelerator:Model": "Tesla V100",
                "Accelerator:Number": "4",
                "pci_passthrough:alias": "GPU:2",
            },
            [("nvidia", "V100", 2, None, "gpu")],
        ),
        ({"gpu:number": "2"}, [(None, None, 2, None, "gpu")]),
        (
            {"accelerator:type": "FPGA", "accelerator:number": "1"},
            [],
        ),
        (
            {
                "resources:CUSTOM_BAREMETAL_GPU": "1",
                "gpu:number": "8",
                "gpu:model": "H100",
                **METAL,
            },
            [(*H100, 8, None, "gpu")],
        ),
    ],
)
def test_flavors_of_others(specs: dict[str, str], known: Devices) -> None:
    reading = flavors.read(specs)
    assert devices(reading) == known
    assert reading.warnings == []


@pytest.mark.parametrize(
    ("specs", "known", "warning"),
    [
        (
            {"resources:CUSTOM_GPU_H100": "many"},
            [(*H100, None, None, "gpu")],
            "resources:CUSTOM_GPU_H100 has the count 'many', which is no number",
        ),
        (
            {"pci_passthrough:alias": "v100:x,mlx5:y"},
            [("nvidia", "V100", None, None, "gpu")],
            "pci_passthrough:alias=v100 has the count 'x', which is no number",
        ),
        (
            {"pci_passthrough:alias": "a100"},
            [(*A100, None, None, "gpu")],
            "pci_passthrough:alias=a100 has no count",
        ),
        (
            {"pci_passthrough:alias": "a100:-1"},
            [(*A100, None, None, "gpu")],
            "pci_passthrough:alias=a100 has the count '-1', which is no number",
        ),
        # What is known of one part does not make the sum known.
        (
            {"pci_passthrough:alias": "a100:2,gpu-a100:"},
            [(*A100, None, None, "gpu")],
            "pci_passthrough:alias=gpu-a100 has no count",
        ),
        (
            {"resources:CUSTOM_BAREMETAL_GPU": "1", **METAL},
            [(None, "BAREMETAL_GPU", None, None, "gpu")],
            "resources:CUSTOM_BAREMETAL_GPU asks for a whole node",
        ),
        (
            {"resources:CUSTOM_GPU_A100": "1", **METAL},
            [(*A100, None, None, "gpu")],
            "resources:CUSTOM_GPU_A100 asks for a whole node",
        ),
        (
            {"gpu:number": "some"},
            [(None, None, None, None, "gpu")],
            "gpu:number has the count 'some', which is no number",
        ),
    ],
)
def test_how_many_is_not_known(
    specs: dict[str, str], known: Devices, warning: str
) -> None:
    reading = flavors.read(specs)
    assert devices(reading) == known
    [text] = reading.warnings
    assert text.startswith(warning)


PROFILES = {
    "a100": [{"resources:PGPU": "2", "trait:CUSTOM_NVIDIA_20B5": "required"}],
    "two-groups": [
        {"resources:PGPU": "1", "trait:CUSTOM_NVIDIA_1EB8": "required"},
        {"resources:VGPU": "1", "trait:CUSTOM_NVIDIA_1EB8_T4_2B": "required"},
        {"resources:PGPU": "2", "trait:CUSTOM_NVIDIA_1EB8": "required"},
    ],
    "any-pci": [
        {
            "resources:CUSTOM_PCI": "1",
            "trait:CUSTOM_PCI_NVIDIA": "required",
            "trait:CUSTOM_PCI_PRODUCT_ID_2330": "required",
        }
    ],
    "nvme-profile": [
        {"resources:CUSTOM_PCI": "1", "trait:CUSTOM_PCI_PRODUCT_ID_0010": "required"}
    ],
    "gpu80-4": [{"resources:CUSTOM_GPU_COMPUTE_80GB": "4"}],
    "gpu-but-an-fpga": [
        {"resources:FPGA": "1", "trait:CUSTOM_FPGA_INTEL_PAC_ARRIA10": "required"}
    ],
    "plain": [{"resources:PGPU": "1"}],
}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("a100", [(*A100, 2, 80, "gpu")]),
        (
            "two-groups",
            [("nvidia", "T4", 3, 16, "gpu"), ("nvidia", "T4", 1, 2, "gpu")],
        ),
        ("any-pci", [(*H100, 1, 80, "gpu")]),
        ("nvme-profile", []),
        ("gpu80-4", [(None, "COMPUTE_80GB", 4, 80, "gpu")]),
        ("gpu-but-an-fpga", []),
        ("plain", [(None, None, 1, None, "gpu")]),
    ],
)
def test_device_profiles_that_cyborg_knows(name: str, known: Devices) -> None:
    reading = flavors.read({"accel:device_profile": name}, PROFILES)
    assert devices(reading) == known
    assert reading.warnings == []


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("gpu-a100", [(*A100, None, None, "gpu")]),
        ("v620-singlevf", [("amd", "V620", None, None, "gpu")]),
        ("mydp", [(None, "mydp", None, None, None)]),
        ("fpga-dp", []),
        ("ssd-profile", []),
        ("", []),
    ],
)
def test_device_profiles_that_nobody_knows(name: str, known: Devices) -> None:
    reading = flavors.read({"accel:device_profile": name})
    assert devices(reading) == known
    assert len(reading.warnings) == len(known)
    for text in reading.warnings:
        assert "Cyborg can't be asked" in text
        assert "flavor_accelerators" in text
    other = flavors.read({"accel:device_profile": name}, PROFILES)
    assert devices(other) == known
    assert all("Cyborg has none such" in text for text in other.warnings)


KEYS = st.sampled_from(
    [
        *("resources:VGPU", "resources1:CUSTOM_GPU_A100", "resources:CUSTOM_PCI"),
        *("trait1:CUSTOM_NVIDIA_1EB8", "trait:CUSTOM_PCI_PRODUCT_ID_20B5"),
        *("pci_passthrough:alias", "accel:device_profile", "gpu:number", "GPU:Model"),
    ]
)
TEXTS = st.text() | st.sampled_from(["1", "0", "required", "a100:2", "a100:,:2", "gpu"])


@given(st.dictionaries(KEYS | st.text(), TEXTS), st.none() | st.just(PROFILES))
@settings(max_examples=200, deadline=None)
def test_whatever_others_write_is_read(specs: dict[str, str], profiles: Any) -> None:
    reading = flavors.read(specs, profiles)
    assert all(each["count"] != 0 for each in reading.accelerators)
    unknown = [each for each in reading.accelerators if each["count"] is None]
    assert bool(reading.warnings) >= bool(unknown)


def test_flavors_of_ours() -> None:
    given = {"vendor": "amd", "model": "MI300X", "count": 8, "memory_gib": 192}
    hardware = extra_specs.Contents(extra_specs.normalize([given]), None, None, {})
    reading = flavors.read(extra_specs.encode(hardware))
    assert reading == ([{**given, "kind": "gpu"}], [])

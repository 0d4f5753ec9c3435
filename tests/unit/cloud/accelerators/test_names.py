# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of accelerators as flavors, resource classes and traits have them.

The names are those of public flavor lists, of the documentation of Nova, Cyborg and
NVIDIA's vGPU software, and their relatives in other spellings.
"""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.accelerators import (
    catalogue,
    models,
    names,
)

NVIDIA = {
    "A100": [
        ("A100", None),
        ("a100", None),
        ("gpu-a100", None),
        ("gpu_a100", None),
        ("nvidia-a100-80gb", 80),
        ("a100-40g", 40),
        ("A100_80GB", 80),
        ("a100-80", 80),
        ("A100-80GiB", 80),
        ("a10080gb", 80),
        ("a100sxm4", None),
        ("NVIDIA-A100-SXM4-40GB", 40),
        ("NVIDIA A100 80GB PCIe", 80),
        ("a100_numa1", None),
        ("a100-nvlink", None),
        ("CUSTOM_A100", None),
        ("CUSTOM_GPU_A100", None),
        ("CUSTOM_GPU_A100_80GB", 80),
        ("CUSTOM_NVIDIA_A100_80GB", 80),
        ("CUSTOM_PCI_10DE_20B0", 40),
        ("CUSTOM_PCI_10DE_20B5", 80),
        # Parts of one: the memory is that of the part.
        ("CUSTOM_VGPU_A100_10C", 10),
        ("CUSTOM_MIG_A100_1G_5GB", 5),
        ("GRID A100D-10C", 10),
        ("A100-1-5C", 5),
    ],
    "H100": [
        ("h100", None),
        ("H100SXM", None),
        ("h100pcie", None),
        ("H100-SXM5-80GB", 80),
        ("h100-nvl-94gb", 94),
        ("CUSTOM_PGPU_H100", None),
        ("CUSTOM_PCI_10DE_2330", 80),
        ("H100XM-80C", 80),
    ],
    "H200": [("h200", 141), ("H200SXM", 141), ("nvidia_h200_nvl", 141)],
    "H20": [("h20", None), ("H20_96GB", 96)],
    "GH200": [("gh200", None), ("GH200-96GB", 96)],
    "B200": [("b200", 180), ("CUSTOM_GPU_B200", 180)],
    "GB300": [("gb300", None)],
    "V100": [
        ("v100", None),
        ("v100_32", 32),
        ("Tesla-V100-PCIE-32GB", 32),
        ("V100DX-32Q", 32),
        ("v100x", None),
    ],
    "V100S": [("v100s", 32), ("CUSTOM_PCI_10DE_1DF6", 32)],
    "P100": [("p100", None), ("TESLA_P100_16GB", 16)],
    "K80": [("k80", 12), ("K80", 12), ("tesla-k80", 12)],
    "M60": [("m60", 8), ("GRID_M60", 8)],
    "T4": [
        ("T4", 16),
        ("t4", 16),
        ("t4gpu", 16),
        ("T4-2B", 2),
        ("T4-1B4", 1),
        ("CUSTOM_T4_2B", 2),
        ("CUSTOM_PCI_10DE_1EB8", 16),
    ],
    "A2": [("nvidia_a2", 16)],
    "A10": [("nvidia_a10", 24), ("A10-24Q", 24)],
    "A16": [("a16", 16), ("A16-4A", 4)],
    "A30": [("A30_GPU", 24), ("gpu_a30", 24)],
    "A40": [("A40-48Q", 48), ("CUSTOM_VGPU_A40", None), ("CUSTOM_A40_FULL", 48)],
    "L4": [("nvidia-l4", 24)],
    "L40": [("l40", 48)],
    "L40S": [("l40s", 48), ("L40S-12Q", 12)],
    "L40G": [("L40G", 24)],
    "L2": [("nvidia-l2", 24)],
    "RTX A6000": [("A6000", 48), ("rtx_a6000", 48), ("rtxa6000", 48)],
    "RTX PRO 6000": [("rtxpro6000", 96), ("CUSTOM_GPU_RTX_PRO_6000", 96)],
    "RTX 6000 Ada": [("RTX-6000-Ada", 48)],
    "Quadro RTX 6000": [("quadro-rtx-6000", 24)],
    "Quadro RTX 8000": [("RTX8000", 48), ("quadro_rtx8000", 48)],
    "TITAN V": [("titanv", 12)],
    "TITAN Xp": [("titan-xp", 12)],
    "TITAN RTX": [("titan_rtx", 24), ("rtxtitan", 24)],
    "GT 1030": [("g1030", 2)],
    "GTX 1080": [("gtx1080", 8)],
    "GTX 1080 Ti": [("NVIDIA1080TI", 11), ("1080 Ti", 11), ("gtx-1080ti", 11)],
    "RTX 2080": [("nv2080vga", 8), ("rtx2080", 8)],
    "RTX 2080 Ti": [("rtx2080ti", 11), ("2080ti-rtx-a", 11)],
    "RTX 3090": [("rtx-3090", 24), ("geforce3090", 24)],
    "RTX 4070 Ti Super": [("geforce4070tisuper", 16)],
    "RTX 4090": [("RTX4090", 24), ("nvidia-4090", 24)],
}
AMD = {
    "MI210": [("mi210", 64)],
    "MI250": [("instinct-mi250", 128)],
    "MI250X": [("MI250X", 128)],
    "MI300X": [("mi300x", 192), ("CUSTOM_GPU_MI300X", 192), ("MI300X_VF", None)],
    "V620": [("CUSTOM_AMD_V620_VF", None), ("CUSTOM_PCI_1002_73A1", 32)],
}
INTEL_NPU = {
    "Gaudi2": [("gaudi2", 96), ("CUSTOM_NPU_GAUDI2", 96), ("HL-225", 96)],
    "Gaudi3": [("Gaudi-3", 128), ("hl-325l", 128), ("CUSTOM_PCI_1DA3_1060", 128)],
    "NPU": [("intel-npu", None)],
}
INTEL = {
    "Flex 170": [("flex170", 16), ("CUSTOM_PCI_8086_56C0", 16)],
    "Flex 140": [("intel-flex-140", None)],
    "Max 1550": [("intel-max-1550", 128)],
    "Max 1100": [("pvc1100", 48)],
}
HUAWEI = {
    "Ascend 910B": [("ascend910b", None), ("910B3", None), ("npu_910b_64gb", 64)],
    "Ascend 910": [("huawei-ascend-910", None), ("CUSTOM_PCI_19E5_D801", None)],
    "Ascend 310P": [("Ascend-310P3", None)],
    "Ascend 310": [("CUSTOM_NPU_ASCEND_310", None)],
}
KNOWN = [
    (name, (vendor, model, memory, kind, True))
    for vendor, kind, table in (
        ("nvidia", "gpu", NVIDIA),
        ("amd", "gpu", AMD),
        ("intel", "npu", INTEL_NPU),
        ("intel", "gpu", INTEL),
        ("huawei", "npu", HUAWEI),
    )
    for model, rows in table.items()
    for name, memory in rows
]
UNKNOWN = [
    ("gpu", (None, "gpu", None, "gpu")),
    ("GPU", (None, "GPU", None, "gpu")),
    ("my-gpu", (None, "my-gpu", None, "gpu")),
    ("gpu6000", (None, "gpu6000", None, "gpu")),
    ("nvidia", ("nvidia", "nvidia", None, "gpu")),
    ("nvidia-gpu", ("nvidia", "nvidia-gpu", None, "gpu")),
    ("geforce-gtx", ("nvidia", "geforce-gtx", None, "gpu")),
    # Of three generations, with other memory each.
    ("rtx6000", ("nvidia", "rtx6000", None, "gpu")),
    ("amd-gpu", ("amd", "amd-gpu", None, "gpu")),
    ("radeon", ("amd", "radeon", None, "gpu")),
    ("MI300", ("amd", "MI300", None, "gpu")),
    ("gaudi", ("intel", "gaudi", None, "npu")),
    ("npu", (None, "npu", None, "npu")),
    ("a100_or_h100", ("nvidia", "a100_or_h100", None, "gpu")),
    ("CUSTOM_GPU", (None, "GPU", None, "gpu")),
    ("CUSTOM_GPU_NVIDIA", ("nvidia", "NVIDIA", None, "gpu")),
    ("CUSTOM_GPU_COMPUTE_80GB", (None, "COMPUTE_80GB", 80, "gpu")),
    ("CUSTOM_NPU_XYZ", (None, "XYZ", None, "npu")),
    # Types of mediated devices are numbers.
    ("CUSTOM_NVIDIA_11", ("nvidia", "NVIDIA_11", None, "gpu")),
    ("CUSTOM_NVIDIA_700", ("nvidia", "NVIDIA_700", None, "gpu")),
    ("CUSTOM_MIG_1G_10GB", ("nvidia", "MIG_1G_10GB", 10, "gpu")),
    # An A2 or an A16, and one that nobody has seen yet.
    ("CUSTOM_PCI_10DE_25B6", ("nvidia", "PCI_10DE_25B6", None, "gpu")),
    ("CUSTOM_PCI_10DE_4A00", ("nvidia", "PCI_10DE_4A00", None, "gpu")),
]
OTHERS = [
    *("a1", "C62x", "IB", "e810", "x710", "intel_x710", "mlx5", "cx7", "sriov_nic"),
    *("nvme", "p4510", "numa0", "usb-input", "input", "4090", "L2", "no-gpu"),
    # Functions of a graphics card, and things beside one.
    *("nv2080aud", "nv2080usb", "nv2080bus", "gpu-audio", "nic-h100", "h100_nvswitch"),
    *("CUSTOM_PCI_10DE_10F8", "CUSTOM_PCI_10DE_22A3", "CUSTOM_PCI_1002_AB28"),
    *("CUSTOM_PCI_8086_1572", "CUSTOM_PCI_15B3_101E", "CUSTOM_PCI_10EE_5000"),
    *("CUSTOM_FPGA_INTEL_PAC_ARRIA10", "CUSTOM_FPGA_A10", "CUSTOM_NIC", "CUSTOM_SSD"),
    *("CUSTOM_BAREMETAL", "CUSTOM_BAREMETAL_GOLD", "CUSTOM_PMEM_NAMESPACE_MEDIUM"),
    *("CUSTOM_AMD_EPYC", "CUSTOM_QAT", ""),
    # Places, kinds of nodes, and an FPGA that are named like models.
    *("CUSTOM_RACK_A2", "CUSTOM_BAREMETAL_A10", "CUSTOM_ROW_P4", "intel_a10"),
]


@pytest.mark.parametrize(("name", "identity"), KNOWN)
def test_a_model_has_one_name(name: str, identity: tuple[Any, ...]) -> None:
    assert names.identify(name) == identity


@pytest.mark.parametrize("name", [name for name, _identity in KNOWN])
def test_case_and_separators_do_not_matter(name: str) -> None:
    expected = names.identify(name)
    for other in (name.lower(), name.upper(), re.sub("[-_ ]", "-", name)):
        assert names.identify(other) == expected, other


@pytest.mark.parametrize(("name", "identity"), UNKNOWN)
def test_an_unknown_model_keeps_its_own_text(
    name: str, identity: tuple[Any, ...]
) -> None:
    assert names.identify(name) == (*identity, False)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_accelerator(name: str) -> None:
    assert names.identify(name) is None


@pytest.mark.parametrize(
    ("name", "several", "model"),
    [
        ("CUSTOM_BAREMETAL_GPU", True, "BAREMETAL_GPU"),
        ("CUSTOM_GPU_BAREMETAL", True, "BAREMETAL"),
        ("CUSTOM_BAREMETAL_A100_NVME", True, "A100"),
        ("CUSTOM_DGX_A100", True, "A100"),
        ("CUSTOM_8XA100", True, "A100"),
        ("CUSTOM_H100X8", True, "H100"),
        ("CUSTOM_BAREMETAL_AMD", True, None),
        ("CUSTOM_BAREMETAL_NO_GPU", True, None),
        ("CUSTOM_GPU_A100", False, "A100"),
        ("mi300x", False, "MI300X"),
        ("gtx1080", False, "GTX 1080"),
    ],
)
def test_nodes(name: str, several: bool, model: str | None) -> None:
    identity = names.identify(name, is_node=several)
    assert names.has_several(name) == several
    assert (identity.model if identity else None) == model


@pytest.mark.parametrize(
    ("traits", "is_part", "identity"),
    [
        (["CUSTOM_GPU_NVIDIA_A100"], False, ("nvidia", "A100", None, "gpu", True)),
        # As Cyborg sets them: in Ussuri, since then, and for a type of vGPU.
        (
            ["CUSTOM_GPU_NVIDIA", "CUSTOM_GPU_PRODUCT_ID_1EB8"],
            False,
            ("nvidia", "T4", 16, "gpu", True),
        ),
        (
            ["OWNER_CYBORG", "CUSTOM_NVIDIA_1EB8"],
            False,
            ("nvidia", "T4", 16, "gpu", True),
        ),
        (["CUSTOM_NVIDIA_1EB8"], True, ("nvidia", "T4", None, "gpu", True)),
        (["CUSTOM_NVIDIA_1EB8_T4_2B"], True, ("nvidia", "T4", 2, "gpu", True)),
        (["CUSTOM_NVIDIA_11"], True, ("nvidia", "NVIDIA_11", None, "gpu", False)),
        # 1020 is of NVIDIA a K20X, of Habana a Gaudi2.
        (["CUSTOM_PCI_PRODUCT_ID_1020"], False, None),
        (["CUSTOM_A100", "CUSTOM_H100"], False, None),
        (["CUSTOM_RACK_A10", "CUSTOM_ZONE_T4"], False, None),
        # Of a device 2235 is an A40, of a part it is a type of some GPU.
        (["CUSTOM_NVIDIA_2235"], False, ("nvidia", "A40", 48, "gpu", True)),
        (["CUSTOM_NVIDIA_2235"], True, ("nvidia", "NVIDIA_2235", None, "gpu", False)),
        (["HW_CPU_X86_AVX2", "CUSTOM_NVLINK"], False, None),
        ([], False, None),
    ],
)
def test_traits(traits: list[str], is_part: bool, identity: Any) -> None:
    assert names.of_traits(traits, is_part) == identity


def test_names_that_are_made_to_take_long() -> None:
    parts = ("GTX_", "NPU", "DX", "8X", "80G", "A100", "NV", "_", "1G_", "SXM")
    started = time.monotonic()
    for part in parts:
        for end in ("", "!", "Z"):
            names.identify(f"A100{part * 250}"[:254] + end)
    assert time.monotonic() - started < 10


# The table ----------------------------------------------------------------------------


def test_each_model_is_found_by_its_own_name() -> None:
    for known in models.MODELS:
        vendor = {"huawei": ""}.get(known.vendor, known.vendor)
        name = f"{vendor} {known.model}" if known.model != "Gaudi" else "Gaudi 1"
        found = names.identify(name)
        assert found, name
        assert found[:2] == (known.vendor, known.model)
        assert found.kind == known.kind
        assert known.source.startswith("https://")


def test_no_two_models_have_one_name_or_id() -> None:
    all_names = [known.model for known in models.MODELS]
    assert len(set(all_names)) == len(all_names)
    ids = [(k.vendor, ident) for k in models.MODELS for ident in k.ids]
    assert len(set(ids)) == len(ids)
    for known in models.MODELS:
        for ident in known.ids:
            assert re.fullmatch("[0-9A-F]{4}", ident)
            others = models.OTHER_FUNCTIONS.get(
                {"nvidia": "10DE", "amd": "1002"}.get(known.vendor, ""), ""
            )
            assert not re.fullmatch(others, ident), (known.model, ident)


def test_the_catalogue_of_hardware_has_the_same_names() -> None:
    for model in catalogue.CATALOGUE.values():
        found = names.identify(f"{model.vendor} {model.model}")
        assert found
        assert found[:2] == (model.vendor, model.model)
        assert found.kind == model.kind

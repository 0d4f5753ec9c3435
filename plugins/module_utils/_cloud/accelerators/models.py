# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one name of each model of accelerator, and how flavors spell it: data.

PCI ids are those of https://pci-ids.ucw.cz, and Ascend's those in the scripts of
Huawei's driver package.
"""

from __future__ import annotations

import typing as t


class Known(t.NamedTuple):
    """A model of accelerator.

    Attributes:
        kind: `gpu` or `npu`.
        vendor: Its vendor.
        model: Its name, without form factor, interface and memory.
        memory: GiB of each variant, as the vendor counts them; empty where the vendor
            has no figure for one device, or it is the host's.
        ids: PCI product ids, each with the GiB of that variant; None if the id does not
            tell the variant.
        spelling: Pattern for it in upper case, with `_` for what is neither letter nor
            digit.
        source: Where name and memory are from.
    """

    kind: str
    vendor: str
    model: str
    memory: tuple[int, ...]
    ids: dict[str, int | None]
    spelling: str
    source: str


_AMD = "https://www.amd.com/en/products/accelerators/instinct.html"
_ASCEND = "https://www.hiascend.com/en/hardware/product"
_CUDA = "https://developer.nvidia.com/cuda-gpus"
_GAUDI = "https://www.intel.com/content/www/us/en/products/details/processors/ai-accelerators.html"
_INTEL = "https://www.intel.com/content/www/us/en/products/details/discrete-gpus/data-center-gpu.html"
_KERNEL = "https://docs.kernel.org/accel/"
_NVIDIA = "https://docs.nvidia.com/vgpu/gpus-supported-by-vgpu.html"
_RADEON = "https://www.amd.com/en/products/graphics/workstations/radeon-pro.html"

_Memory = t.Union[int, t.Tuple[int, ...]]


def _row(
    kind: str,
    vendor: str,
    source: str,
    model: str,
    memory: _Memory = (),
    ids: str = "",
    spelling: str = "",
) -> Known:
    """Return a model.

    Args:
        kind: As in `Known`.
        vendor: As in `Known`.
        source: As in `Known`.
        model: As in `Known`.
        memory: GiB of the only variant, or of each.
        ids: PCI product ids such as `20B0:40 20B2:80 20F0`.
        spelling: As in `Known`; the words of the name by default.
    """
    sizes = (memory,) if isinstance(memory, int) else memory
    only = sizes[0] if len(sizes) == 1 else None
    parts = (each.partition(":") for each in ids.split())
    known = {ident: int(size) if size else only for ident, _colon, size in parts}
    words = spelling or "_?".join(model.upper().split())
    return Known(kind, vendor, model, sizes, known, words, source)


def _nvidia(
    model: str, memory: _Memory = (), ids: str = "", spelling: str = ""
) -> Known:
    return _row("gpu", "nvidia", _NVIDIA, model, memory, ids, spelling)


def _geforce(model: str, memory: _Memory, ids: str = "") -> Known:
    """Return a card of the GeForce line, written with or without GTX or RTX.

    A bare number can be anything: it counts after the name of the line or vendor.
    """
    _line, number, *more = model.upper().split()
    spelling = "_?".join([number, *more])
    if not more:
        spelling = rf"(?:GTX|RTX|GT|GEFORCE|NVIDIA|NV|GPU)_?{number}"
    return _row("gpu", "nvidia", _CUDA, model, memory, ids, spelling)


def _amd(model: str, memory: _Memory = (), ids: str = "") -> Known:
    return _row("gpu", "amd", _AMD, model, memory, ids)


def _radeon(model: str, memory: _Memory, ids: str = "") -> Known:
    return _row("gpu", "amd", _RADEON, model, memory, ids)


def _intel(model: str, memory: _Memory, ids: str, spelling: str) -> Known:
    return _row("gpu", "intel", _INTEL, model, memory, ids, spelling)


def _gaudi(model: str, memory: int, ids: str, spelling: str) -> Known:
    return _row("npu", "intel", _GAUDI, model, memory, ids, spelling)


def _ascend(model: str, ids: str, spelling: str) -> Known:
    return _row("npu", "huawei", _ASCEND, model, (), ids, spelling)


_BEFORE_ASCEND = "(?:(?:ASCEND|HUAWEI|NPU)_?)+"

MODELS: tuple[Known, ...] = (
    _nvidia("K40", 12, "1023 1024 1027 1029 102A 102E", "K40[CMST]?"),
    _nvidia("K80", 12, "102D"),
    _nvidia("M10", 8, "13BD"),
    _nvidia("M40", (12, 24), "17FD"),
    _nvidia("M60", 8, "13F2"),
    _nvidia("P4", 8, "1BB3"),
    _nvidia("P40", 24, "1B38"),
    _nvidia("P100", (12, 16), "15F7:12 15F8:16 15F9:16"),
    _nvidia(
        "V100", (16, 32), "1DB1:16 1DB3:16 1DB4:16 1DB5:32 1DB6:32 1DB8:32 1DF5:16"
    ),
    _nvidia("V100S", 32, "1DF6"),
    _nvidia("T4", 16, "1EB8"),
    _nvidia("A2", 16),
    _nvidia("A10", 24, "2236"),
    _nvidia("A10G", 24, "2237"),
    _nvidia("A16", 16),
    _nvidia("A30", 24, "20B7 20B9"),
    _nvidia("A40", 48, "2235"),
    _nvidia(
        "A100", (40, 80), "20B0:40 20B1:40 20B2:80 20B3:64 20B5:80 20B8 20F0 20F1:40"
    ),
    _nvidia("A800", (40, 80), "20BD:40 20F3:80 20F5:80 20F6:40"),
    # L2 alone can be a layer of a network.
    _nvidia("L2", 24, "", "(?:NVIDIA|GPU)_?L2"),
    _nvidia("L4", 24, "27B8"),
    _nvidia("L20", 48, "26B7 26BA"),
    _nvidia("L40", 48, "26B5"),
    _nvidia("L40G", 24, "26B8"),
    _nvidia("L40S", 48, "26B9"),
    _nvidia("H20", (96, 141), "2329:96 232C:141"),
    _nvidia(
        "H100", (80, 94, 96), "2321:94 2330:80 2331:80 2336 2337:64 2338:96 2339:94"
    ),
    _nvidia("H800", (80, 94), "2322:80 2324:80 233A:94"),
    _nvidia("H200", 141, "2335 233B"),
    _nvidia("GH200", (96, 144), "2342:96 2348:144"),
    _nvidia("B100", (), "29BC"),
    _nvidia("B200", 180, "2901 2909:168"),
    _nvidia("B300", (), "3182"),
    _nvidia("GB200", (), "2941"),
    _nvidia("GB300", (), "31C2 31C3"),
    _nvidia("RTX PRO 4000", 24, "2C34"),
    _nvidia("RTX PRO 4500", 32, "2C31 2C3A"),
    _nvidia("RTX PRO 5000", (48, 72), "2BB3"),
    _nvidia("RTX PRO 6000", 96, "2BB1 2BB4 2BB5"),
    _nvidia("RTX 4000 Ada", 20, "27B0 27B2"),
    _nvidia("RTX 4500 Ada", 24, "27B1"),
    _nvidia("RTX 5000 Ada", 32, "26B2"),
    _nvidia("RTX 6000 Ada", 48, "26B1"),
    _nvidia("RTX A2000", (6, 12), "2531:6 2571:12", "(?:RTX_?)?A2000"),
    _nvidia("RTX A4000", 16, "24B0", "(?:RTX_?)?A4000"),
    _nvidia("RTX A4500", 20, "2232", "(?:RTX_?)?A4500"),
    _nvidia("RTX A5000", 24, "2231", "(?:RTX_?)?A5000"),
    _nvidia("RTX A5500", 24, "2233", "(?:RTX_?)?A5500"),
    _nvidia("RTX A6000", 48, "2230", "(?:RTX_?)?A6000"),
    # Without Quadro and Ada, a name such as RTX 6000 can be of three generations.
    _nvidia("Quadro RTX 4000", 8, "1EB1"),
    _nvidia("Quadro RTX 5000", 16, "1EB0"),
    _nvidia("Quadro RTX 6000", 24, "1E36"),
    _nvidia("Quadro RTX 8000", 48, "", "(?:QUADRO_?)?RTX_?8000"),
    _nvidia("TITAN RTX", 24, "1E02", "TITAN_?RTX|RTX_?TITAN"),
    _nvidia("TITAN V", 12, "1D81"),
    _nvidia("TITAN X", 12, "17C2 1B00"),
    _nvidia("TITAN Xp", 12, "1B02"),
    _row("gpu", "nvidia", _CUDA, "GT 1030", 2, "1D01", "(?:GT?|GEFORCE)_?1030"),
    _geforce("GTX 1050 Ti", 4, "1C82"),
    _geforce("GTX 1060", (3, 6), "1B83:6 1B84:3 1C02:3 1C03:6 1C06:6"),
    _geforce("GTX 1070", 8, "1B81"),
    _geforce("GTX 1070 Ti", 8, "1B82"),
    _geforce("GTX 1080", 8, "1B80"),
    _geforce("GTX 1080 Ti", 11, "1B06"),
    _geforce("GTX 1650", 4, "1F82"),
    _geforce("GTX 1660", 6, "2184"),
    _geforce("GTX 1660 Super", 6, "21C4"),
    _geforce("GTX 1660 Ti", 6, "2182"),
    _geforce("RTX 2060", (6, 12), "1E89:6 1F03:12 1F08:6"),
    _geforce("RTX 2060 Super", 8, "1F06 1F42 1F47"),
    _geforce("RTX 2070", 8, "1F02 1F07"),
    _geforce("RTX 2070 Super", 8, "1E84 1EC2 1EC7"),
    _geforce("RTX 2080", 8, "1E82 1E87"),
    _geforce("RTX 2080 Super", 8, "1E81"),
    _geforce("RTX 2080 Ti", 11, "1E04 1E07"),
    _geforce("RTX 3060", (8, 12), "24C7:8 2503 2504"),
    _geforce("RTX 3060 Ti", 8, "2414 2486 2489 24C9"),
    _geforce("RTX 3070", 8, "2484 2488"),
    _geforce("RTX 3070 Ti", 8, "2482"),
    _geforce("RTX 3080", (10, 12), "2206:10 220A:12 2216:10"),
    _geforce("RTX 3080 Ti", 12, "2208"),
    _geforce("RTX 3090", 24, "2204"),
    _geforce("RTX 3090 Ti", 24, "2203"),
    _geforce("RTX 4060", 8, "2808 2882"),
    _geforce("RTX 4060 Ti", (8, 16), "2803:8 2805:16"),
    _geforce("RTX 4070", 12, "2786"),
    _geforce("RTX 4070 Super", 12, "2783"),
    _geforce("RTX 4070 Ti", 12, "2782"),
    _geforce("RTX 4070 Ti Super", 16, "2689 2705"),
    _geforce("RTX 4080", 16, "2704"),
    _geforce("RTX 4080 Super", 16, "2702 2703"),
    _geforce("RTX 4090", 24, "2684"),
    _geforce("RTX 5060", 8, "2D05"),
    _geforce("RTX 5060 Ti", (8, 16), "2D04"),
    _geforce("RTX 5070", 12, "2F04"),
    _geforce("RTX 5070 Ti", 16, "2C05"),
    _geforce("RTX 5080", 16, "2C02"),
    _geforce("RTX 5090", 32, "2B85"),
    _amd("MI25", 16),
    _amd("MI50", (16, 32), "66A1"),
    _amd("MI60", 32),
    _amd("MI100", 32, "738C 738E"),
    _amd("MI210", 64, "740F"),
    _amd("MI250", 128),
    _amd("MI250X", 128, "7408"),
    _amd("MI300A", 128, "74A0"),
    _amd("MI300X", 192, "74A1 74A9 74B5 74BD"),
    _amd("MI308X", (), "74A2"),
    _amd("MI325X", 256, "74A5 74B9"),
    _amd("MI350X", 288, "75A0"),
    _amd("MI355X", 288, "75A3"),
    _radeon("V520", 8),
    _radeon("V620", 32, "73A1 73AE"),
    _radeon("V710", 28, "7460 7461"),
    _radeon("W6800", 32),
    _radeon("W7800", (32, 48)),
    _radeon("W7900", 48),
    _row("npu", "amd", _KERNEL + "amdxdna/amdnpu.html", "XDNA", (), "1502 17F0"),
    # One card is two devices.
    _intel("Flex 140", (), "56C1", "FLEX_?140"),
    _intel("Flex 170", 16, "56C0", "FLEX_?170"),
    _intel("Max 1100", 48, "0BD9 0BDA 0BDB", "(?:MAX|PVC)_?1100"),
    _intel("Max 1550", 128, "0BD4 0BD5 0BD6", "(?:MAX|PVC)_?1550"),
    _gaudi("Gaudi", 32, "1000 1010", "GAUDI_?1|HL_?20[05]"),
    _gaudi("Gaudi2", 96, "1020", "GAUDI_?2|HL_?225[A-Z]?"),
    _gaudi("Gaudi3", 128, "1060 1063", "GAUDI_?3|HL_?3[23][58][A-Z]?"),
    _row("npu", "intel", _KERNEL, "NPU", (), "643E 7D1D AD1D B03E", "INTEL_?NPU"),
    _ascend("Ascend 310", "D100", f"{_BEFORE_ASCEND}310"),
    _ascend("Ascend 310P", "D500", f"(?:{_BEFORE_ASCEND})?310P[0-9]?"),
    _ascend("Ascend 910", "D801", f"{_BEFORE_ASCEND}910A?"),
    _ascend("Ascend 910B", "D802", f"(?:{_BEFORE_ASCEND})?910B[0-9]?"),
    _ascend("Ascend 910C", "D803", f"(?:{_BEFORE_ASCEND})?910C"),
)
"""All models."""

PCI_VENDORS: dict[str, tuple[str, str]] = {
    "1002": ("amd", "gpu"),
    "1022": ("amd", "npu"),
    "10DE": ("nvidia", "gpu"),
    "19E5": ("huawei", "npu"),
    "1DA3": ("intel", "npu"),
    "8086": ("intel", ""),
}
"""Vendor by PCI vendor id, and which kind of its accelerators bear this one; 8086 is on
both."""

MAKERS: dict[str, str] = {
    "10DE": "gpu",
    "1002": "gpu",
    "1DA3": "npu",
}
"""PCI vendor ids whose other products count as accelerators of unknown model, with the
kind: new ones, and ids that several models have (25B6 is an A2 or A16). The other
vendors make far more network cards and bridges."""

OTHER_FUNCTIONS: dict[str, str] = {
    # Audio, USB and USB-C functions of graphics cards, and NVSwitches.
    "10DE": (
        "0BE[0-9A-F]|0E0[89ABCF]|0E1[AB]|0FB[089ABC]|10E[F]|10F[0-9]|1AD[6-9AB]"
        "|1AE[BCDF]|1AF1|22[8-9D][BE1]|22A3|22B[A-E]|22E[89BC]|2F80"
    ),
    "1002": "A[AB][0-9A-F]{2}|73A[46]|744[46]",
}
"""Patterns for PCI product ids of these vendors that are no accelerators."""

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which accelerator a name means that somebody gave to one: pure functions.

What is known to be an accelerator, but of no known model, keeps its own text as its
model. What says nothing of accelerators is none.
"""

from __future__ import annotations

import re
import typing as t

from .models import MAKERS, MODELS, OTHER_FUNCTIONS, PCI_VENDORS, Known


class Identity(t.NamedTuple):
    """What a name tells of an accelerator; None where it does not tell.

    Attributes:
        vendor: Its vendor.
        model: Its model, or the name's own text.
        memory_gib: Memory of one device, or of the part of one that the name means.
        kind: `gpu` or `npu`.
        is_known: Whether the model is one of `MODELS`.
    """

    vendor: str | None
    model: str | None
    memory_gib: float | None
    kind: str | None
    is_known: bool = False


# Names run these together: NVIDIA1080TI, H100SXM, t4gpu, a100sxm4, 8xA100.
_BEFORE = (
    "NVIDIA|NV|TESLA|GEFORCE|GTX|RTX|QUADRO|GRID|GPU|VGPU|PGPU|NPU|PCI|MIG|AMD|RADEON"
    "|PRO|INSTINCT|INTEL|HABANA|HUAWEI|[1-9][0-9]?X"
)
_AFTER = (
    "SXM[2-6]?|PCIE?|NVL|NVLINK|OAM|HBM[23]?E?|ADA|GPUS?|VGPU|VGA|VF|X[1-9][0-9]?"
    "|[1-9][0-9]{0,2}G(?:I?B)?"
)
# Of virtual GPUs: A100D-80C, V100DX-32Q, H100XM-80C, H100L-94C.
_VARIANT = "(?:DX|XM|XL|[DLX])?"
_MODEL = "|".join(
    f"(?P<m{number}>{known.spelling})"
    for number, known in sorted(enumerate(MODELS), key=lambda row: -len(row[1].model))
)
_KNOWN = re.compile(
    rf"(?<![A-Z0-9])(?:(?:{_BEFORE})_?){{0,5}}(?:{_MODEL})"
    rf"(?P<rest>{_VARIANT}(?:_?(?:{_AFTER})){{0,5}})(?![A-Z0-9])"
)

_NO_ACCELERATOR = re.compile(
    r"(?<![A-Z0-9])(?:(?:SRIOV)?NICS?|FPGAS?|SSDS?|NVMES?|QAT|HCAS?|DPUS?|MLX\d*|CX\d\w*"
    r"|CONNECTX\w*|BLUEFIELD\d*|BF\d|NVSWITCH\w*|AUD(?:IO)?|USB\w*|UCSI|HDMI|EPYC"
    r"|XEON|CPUS?|SEV|PENSANDO|(?:NON?|WITHOUT)_?GPUS?)(?![A-Z0-9])"
)
_NO_ACCELERATOR_NODE = re.compile(r"FPGA|(?<![A-Z0-9])(?:NON?|WITHOUT)_?GPU")
"""A bare-metal class names a whole node, which may have disks and CPUs besides."""

_FAMILIES: tuple[tuple[str, str | None, str], ...] = (
    (r"GAUDI|HABANA", "intel", "npu"),
    (r"ASCEND", "huawei", "npu"),
    (r"(?<!I)NPU", None, "npu"),
    (r"INSTINCT|RADEON|FIREPRO|(?<![A-Z0-9])MI[1-9]\d\d?", "amd", "gpu"),
    (r"NVIDIA|GEFORCE|TESLA|QUADRO|GTX|RTX|(?<![A-Z0-9])MIG_\dG", "nvidia", "gpu"),
    (r"PONTE_VECCHIO|(?<![A-Z0-9])XPU", "intel", "gpu"),
    (r"GPU|(?<![A-Z0-9])MDEVS?(?![A-Z0-9])", None, "gpu"),
)
"""Patterns for what surely is an accelerator, with its vendor and kind."""

_VENDORS = (
    ("nvidia", "NVIDIA"),
    ("amd", r"(?<![A-Z0-9])AMD"),
    ("intel", "INTEL"),
    ("huawei", "HUAWEI"),
)
_NODE = re.compile(
    r"BARE_?METAL|(?<![A-Z0-9])(?:(?:BM|DGX|HGX)(?![A-Z0-9])|[1-9]\d?X(?=[A-Z]))"
    r"|(?<=[A-Z0-9])X[1-9]\d?(?![A-Z0-9])"
)
_PCI = re.compile(r"(?:CUSTOM_)?PCI_(?P<vendor>[0-9A-F]{4})_(?P<product>[0-9A-F]{4})")
_PRODUCT = re.compile(r"CUSTOM_(?:NVIDIA|(?:GPU|PCI)_PRODUCT_ID)_(?P<id>[0-9A-F]{4})")
_SHORT = 3
"""Characters of models, such as T4 and A40, that can be anything else too."""
_BESIDE = re.compile(r"(?:_(?:\d+[ABCQ]?|PASSTHROUGH|DEDICATED|FULL|SHARED))*")
"""What such a model may have beside it."""
_PART = re.compile(r"VGPU|(?<![A-Z0-9])(?:MIG|MDEVS?)(?![A-Z0-9])|VFS?(?![A-Z0-9])")


def identify(
    name: str, is_node: bool = False, is_part: bool = False
) -> Identity | None:
    """Return which accelerator a name means.

    Args:
        name: That of an alias, a resource class, a trait, a device profile or a model.
        is_node: Whether it names a whole bare-metal node.
        is_part: Whether a part of a device is meant, whose memory is its own.

    Returns:
        None if it means no accelerator, or says nothing of one.
    """
    plain = _plain(name)
    pci = _PCI.fullmatch(plain)
    if pci:
        return _of_pci(pci["vendor"], pci["product"], name)
    if _NO_ACCELERATOR_NODE.search(plain) if is_node else is_other(name):
        return None
    found = {_number(match): match for match in _KNOWN.finditer(plain)}
    models = [MODELS[number] for number in found]
    family = _family(plain, models, is_node)
    if len(found) == 1:
        [match], [known] = found.values(), models
        if _is_meant(known, match, plain):
            is_part = is_part or bool(_PART.search(plain))
            memory = _memory(known, plain[match.start("rest") :], is_part)
            return _known(known, memory)
    if not family:
        return None
    return Identity(family[0], own_text(name), _size(plain), family[1])


def of_traits(traits: t.Collection[str], is_part: bool = False) -> Identity | None:
    """Return the one accelerator that traits name, as Cyborg or an operator set them.

    Args:
        traits: The traits.
        is_part: Whether a part of a device is meant, whose memory is its own.

    Returns:
        None if they name none, or several. A known model counts for more than others.
    """
    found = set()
    for trait in traits:
        product = _of_product(trait, traits, is_part)
        found.add(product or identify(trait, is_part=is_part))
    told = {each for each in found if each}
    known = {each for each in told if each.is_known} or told
    return known.pop() if len(known) == 1 else None


def is_other(name: str) -> bool:
    """Return whether a name is that of something else: a network card, an FPGA."""
    return bool(_NO_ACCELERATOR.search(_plain(name)))


def has_several(name: str) -> bool:
    """Return whether one thing of this name has an unknown number of devices.

    Classes of bare-metal nodes count nodes: `CUSTOM_BAREMETAL_A100`, `CUSTOM_8XA100`.
    """
    return bool(_NODE.search(_plain(name)))


def own_text(name: str) -> str:
    """Return a name as the model that is not known, without what classes begin with."""
    return re.sub(r"^CUSTOM_(?:[GN]PU_(?=\w))?", "", name)


def _plain(name: str) -> str:
    plain = re.sub("[^A-Z0-9]+", "_", name.upper()).strip("_")
    return plain.replace("_CORPORATION", "")


def _number(match: re.Match[str]) -> int:
    """Return the number of the model in `MODELS` that was found."""
    return next(number for number in range(len(MODELS)) if match[f"m{number}"])


def _is_meant(known: Known, match: re.Match[str], plain: str) -> bool:
    """Return whether a name surely means the model that was found in it.

    `INTEL_A10` is an FPGA. In a class or trait, where anything can be named, a model
    such as A2 counts by itself only: `CUSTOM_RACK_A2` is a place.
    """
    if _vendor(plain) not in (None, known.vendor):
        return False
    if not plain.startswith("CUSTOM_") or len(known.model) > _SHORT:
        return True
    rest = plain[len("CUSTOM_") :].replace(match[0], "", 1)
    return _kinship(plain) is not None or bool(_BESIDE.fullmatch(rest))


def _family(
    plain: str, models: list[Known], is_node: bool
) -> tuple[str | None, str] | None:
    """Return vendor and kind of what surely is an accelerator.

    Args:
        plain: Its name.
        models: Models that were found in the name.
        is_node: Whether it names a whole bare-metal node.
    """
    family = _kinship(plain)
    vendors = {known.vendor for known in models}
    if family or len(models) > 1:
        vendor, kind = family or (None, models[0].kind)
        vendor = vendor or _vendor(plain)
        return vendors.pop() if not vendor and len(vendors) == 1 else vendor, kind
    # Every other CPU is of AMD, so that a node of theirs says nothing.
    if not is_node and re.search(r"(?<![A-Z0-9])AMD(?![A-Z0-9])", plain):
        return "amd", "gpu"
    return None


def _kinship(plain: str) -> tuple[str | None, str] | None:
    """Return vendor and kind of the first family whose pattern a name has."""
    for pattern, vendor, kind in _FAMILIES:
        if re.search(pattern, plain):
            return vendor, kind
    return None


def _known(known: Known, memory: float | None) -> Identity:
    return Identity(known.vendor, known.model, memory, known.kind, True)


def _vendor(plain: str) -> str | None:
    found = [vendor for vendor, pattern in _VENDORS if re.search(pattern, plain)]
    return found[0] if len(found) == 1 else None


def _memory(known: Known, rest: str, is_part: bool) -> float | None:
    """Return the memory that a name tells, or that all devices of its model have.

    Args:
        known: The model.
        rest: What the name has after the model.
        is_part: Whether it means a part of a device.
    """
    told = _size(rest)
    if told is None:
        numbers = (int(each) for each in re.findall(r"_(\d{1,3})(?![A-Z0-9])", rest))
        told = next((number for number in numbers if number in known.memory), None)
    if told is None and len(known.memory) == 1 and not is_part:
        return known.memory[0]
    return told


def _size(plain: str) -> int | None:
    """Return the GiB that are written in a name: `80GB`, `80G`, and `10C` of a vGPU."""
    profile = re.search(r"_(\d{1,3})(?:[ACQ]|B4?)(?![A-Z0-9])", plain)
    # In MIG's names, such as 1G_10GB, the first number counts slices.
    sizes = re.findall(r"(\d{1,3})G(?:I?B)?(?![A-Z0-9])", plain)
    if profile:
        return int(profile[1])
    return int(sizes[-1]) if sizes else None


def _of_pci(vendor: str, product: str, name: str) -> Identity | None:
    """Return the accelerator of these PCI ids."""
    maker, kind = PCI_VENDORS.get(vendor, (None, ""))
    for known in MODELS:
        same = known.vendor == maker and kind in ("", known.kind)
        if same and product in known.ids:
            return _known(known, known.ids[product])
    functions = OTHER_FUNCTIONS.get(vendor)
    if vendor not in MAKERS or re.fullmatch(functions or "", product):
        return None
    return Identity(maker, own_text(name), None, MAKERS[vendor])


def _of_product(
    trait: str, traits: t.Collection[str], is_part: bool
) -> Identity | None:
    """Return the accelerator of a product id, which Cyborg sets as a trait.

    Another trait, or the same, names its vendor.
    """
    match = _PRODUCT.fullmatch(trait)
    vendors = {_vendor(_plain(each)) for each in traits} - {None}
    # What has digits only can be the number of a type of virtual GPU.
    is_type = is_part and match and match["id"].isdigit()
    if not match or len(vendors) != 1 or is_type:
        return None
    [vendor] = vendors
    for known in MODELS:
        if known.vendor == vendor and match["id"] in known.ids:
            return _known(known, None if is_part else known.ids[match["id"]])
    return None

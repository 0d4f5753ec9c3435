# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of devices as Kubernetes counts them, by the hints of a node.

Hints are the labels of NVIDIA's, AMD's and Intel's feature discovery, the annotation of
HAMi, and the names of resources.

Sources: the k8s-device-plugin of NVIDIA (docs/gpu-feature-discovery) and of AMD
(resource naming strategies, node labeller), Intel's device plugins (NFD rules).
"""

from __future__ import annotations

import math
import re
import typing as t
from dataclasses import replace

from ..._fleet import partitions
from ..._fleet.types import Record
from ..._fleet.units import Units, capped, mig, shared
from . import hami

_GPU, _SHARED = "nvidia.com/gpu", "nvidia.com/gpu.shared"
_AMD = re.compile(r"amd\.com/(?:gpu|(?P<mode>[sdtqc]px)_.*)")
_MODE = re.compile(r"amd\.com/(?:.*\.)?compute(?:-memory)?-partition")
_INTEL = re.compile(r"gpu\.intel\.com/(?:i915|xe)")
_INTEL_COUNT = re.compile(r"gpu\.intel\.com/device-id\..*\.count")
_VGPU = re.compile(
    r"nvidia\.com/(?:GRID_|NVIDIA_)(?P<model>[A-Z0-9]+)[-_]"
    r"(?:(?P<slices>[1-7])[-_])?(?P<memory>[0-9]{1,3})[ABCQ]"
)
_MEMORY = {
    **{"T4": 16, "L4": 24, "L40": 48, "L40S": 48, "A2": 16, "A10": 24, "A16": 16},
    **{"A30": 24, "A40": 48, "A100": 40, "A100D": 80, "A100X": 80, "H100": 80},
    **{"H100XM": 80, "H100L": 94, "H200X": 141, "H200L": 141, "B200X": 180},
}
"""Gigabytes of the devices that vGPU types are named after."""


class _Found(t.NamedTuple):
    """How much of a device the units of some resources are.

    Attributes:
        fractions: The fraction of one unit, by name of the resource.
        counted: How many devices there are, as a hint counts them.
        parts: Resources whose units need not fill a device.
        unsized: Resources of which no hint says how many units make a device.
    """

    fractions: dict[str, float]
    counted: int | None = None
    parts: frozenset[str] = frozenset()
    unsized: tuple[str, ...] = ()


def units(capacity: dict[str, int], labels: Record, annotations: Record) -> Units:
    """Return the units of a node.

    Args:
        capacity: Units by name of the resource.
        labels: Labels of the node.
        annotations: Annotations of the node.
    """
    cards = hami.cards(annotations)
    found = [
        _of_cards(capacity, cards) if cards else _nvidia(capacity, labels),
        _mig(capacity, labels),
        _amd(capacity, labels),
        _intel(capacity, labels),
        _vgpu(capacity),
    ]
    known = Units(
        counts=capacity,
        fractions={k: v for each in found for k, v in each.fractions.items()},
        parts=frozenset().union(*(each.parts for each in found)),
        unsized=tuple(name for each in found for name in each.unsized),
    )
    counted = sum(each.counted or 0 for each in found)
    # Depending on its release, feature discovery leaves out devices that are divided.
    is_whole = counted and (not known.parts or counted >= round(known.devices))
    return replace(known, counted=counted) if is_whole else known


def anywhere(resource: str) -> float:
    """Return the fraction that one unit of a resource is on a node not known."""
    mode = _AMD.fullmatch(resource)
    if mode and mode["mode"]:
        return 1 / (partitions.amd_parts(mode["mode"]) or 1)
    size = partitions.profile(resource)
    return partitions.part(size, None) if size else 1.0


def _of_cards(capacity: dict[str, int], cards: hami.Cards) -> _Found:
    if hami.RESOURCE not in capacity:
        return _Found({}, cards.number)
    return _Found({hami.RESOURCE: cards.number / cards.slots}, cards.number)


def _nvidia(capacity: dict[str, int], labels: Record) -> _Found:
    """Return what NVIDIA's whole devices are: alone, shared, or all divided alike."""
    whole, more = capacity.get(_GPU, 0), capacity.get(_SHARED, 0)
    counted = _integer(labels, "nvidia.com/gpu.count")
    if not whole and not more:
        return _Found({}, counted)
    product = _text(labels, "nvidia.com/gpu.product")
    replicas = _integer(labels, "nvidia.com/gpu.replicas")
    size = partitions.profile(product) if "-MIG-" in product else None
    if size:  # their feature discovery counts the parts
        each = partitions.per_device(size, product)
        units = each * max(1, replicas or 1)
        counted = math.ceil(counted / each) if counted else None
        names = frozenset((_GPU, _SHARED))
        return _Found(dict.fromkeys(names, 1 / units), counted, names)
    if whole and more:
        # Some devices are shared under a name of their own, and the others are whole.
        shares = {_GPU: 1.0, _SHARED: _shares(more, counted, whole, replicas)}
    elif whole:
        shares = {_GPU: shared(whole, _whole(capacity, counted), replicas) or 1.0}
    else:
        shares = {_SHARED: shared(more, _whole(capacity, counted), replicas)}
    unsized = tuple(name for name, share in shares.items() if share is None)
    fractions = {
        name: share or capped(capacity[name]) for name, share in shares.items()
    }
    return _Found(fractions, counted, unsized=unsized)


def _shares(
    units: int, counted: int | None, whole: int, replicas: int | None
) -> float | None:
    left = counted - whole if counted and counted > whole else None
    return shared(units, left, replicas)


def _whole(capacity: dict[str, int], counted: int | None) -> int | None:
    """Return the number of devices that are not divided; None if this is unknown."""
    if counted is None or not any(map(_profile, capacity)):
        return counted
    divided = partitions.devices(
        (partitions.part(size, None), count)
        for name, count in capacity.items()
        if (size := _profile(name))
    )
    # Depending on its release, feature discovery counts the divided ones too.
    return counted - divided if counted > divided else None


def _mig(capacity: dict[str, int], labels: Record) -> _Found:
    """Return what MIG instances with names of their own are."""
    sizes = {name: size for name in capacity if (size := _profile(name))}
    if not sizes:
        return _Found({})
    product = _text(labels, "nvidia.com/gpu.product")
    replicas = {
        name: max(1, _integer(labels, f"{name.removesuffix('.shared')}.replicas") or 1)
        if name.endswith(".shared")
        else 1
        for name in sizes
    }
    counts = {
        name: (size, -(-capacity[name] // replicas[name]))
        for name, size in sizes.items()
    }
    counted = _integer(labels, "nvidia.com/gpu.count")
    whole = capacity.get(_GPU, 0)
    divided = counted - whole if counted and counted > whole else None
    fractions = mig(counts, product or None, divided)
    return _Found(
        {name: share / replicas[name] for name, share in fractions.items()},
        parts=frozenset(sizes),
    )


def _profile(resource: str) -> partitions.Profile | None:
    is_mig = resource.startswith("nvidia.com/mig-")
    return partitions.profile(resource) if is_mig else None


def _amd(capacity: dict[str, int], labels: Record) -> _Found:
    """Return what AMD's partitions are, by the resource's name or the node's label."""
    product = _text(labels, "amd.com/gpu.product-name")
    modes = (str(labels[name]) for name in sorted(labels) if _MODE.fullmatch(name))
    mode = next((mode for mode in modes if partitions.amd_parts(mode)), "spx")
    fractions = {
        name: 1 / (partitions.amd_parts(match["mode"] or mode, product) or 1)
        for name in capacity
        if (match := _AMD.fullmatch(name))
    }
    return _Found(fractions)


def _intel(capacity: dict[str, int], labels: Record) -> _Found:
    """Return what Intel's devices are, which its plugin may share."""
    listed = [_integer(labels, name) for name in labels if _INTEL_COUNT.fullmatch(name)]
    counted = sum(filter(None, listed)) or None
    fractions = {
        name: shared(count, counted) or 1.0
        for name, count in capacity.items()
        if _INTEL.fullmatch(name)
    }
    return _Found(fractions, counted if fractions else None)


def _vgpu(capacity: dict[str, int]) -> _Found:
    """Return what vGPU types are, by their share of a device's memory or slices."""
    fractions: dict[str, float] = {}
    unsized = []
    for name, count in capacity.items():
        match = _VGPU.fullmatch(name)
        if match is None:
            continue
        memory, whole = int(match["memory"]), _MEMORY.get(match["model"])
        if match["slices"]:
            size = partitions.Profile(int(match["slices"]), memory)
            fractions[name] = partitions.part(size, match["model"])
        elif whole:
            fractions[name] = min(1.0, memory / whole)
        else:
            fractions[name] = capped(count)
            unsized.append(name)
    return _Found(fractions, unsized=tuple(unsized))


def _text(labels: Record, name: str) -> str:
    value = labels.get(name)
    return value if isinstance(value, str) else ""


def _integer(labels: Record, name: str) -> int | None:
    text = str(labels.get(name))
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None

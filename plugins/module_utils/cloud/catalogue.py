# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accelerators that are known by name: data, and how options are filled from it."""

from __future__ import annotations

import re
import typing as t

from .errors import InvalidInput


class Model(t.NamedTuple):
    """A model of accelerator.

    Attributes:
        kind: C(gpu) or C(npu).
        vendor: Its vendor.
        model: Its name, as it stands in resource classes.
        memory_gib: Memory of one device as its vendor counts it; None where it uses
            that of the host.
        power_watts: Highest power of one device; None where the vendor tells none.
        source: Where the figures are from.
    """

    kind: str
    vendor: str
    model: str
    memory_gib: int | None
    power_watts: int | None
    source: str


_AMD = "https://www.amd.com/en/products/accelerators/instinct"
_NVIDIA = "https://www.nvidia.com/en-us/data-center"
_GAUDI = "https://www.intel.com/content/www/us/en/products/details/processors/ai-accelerators"

CATALOGUE: dict[str, Model] = {
    "amd-mi300x": Model("gpu", "amd", "MI300X", 192, 750, f"{_AMD}/mi300/mi300x.html"),
    "amd-mi250": Model("gpu", "amd", "MI250", 128, 560, f"{_AMD}/mi200/mi250.html"),
    # SXM modules; cards for PCI slots take less power.
    "nvidia-a100": Model("gpu", "nvidia", "A100", 80, 400, f"{_NVIDIA}/a100/"),
    "nvidia-a100-80": Model("gpu", "nvidia", "A100", 80, 400, f"{_NVIDIA}/a100/"),
    "nvidia-a100-40": Model("gpu", "nvidia", "A100", 40, 400, f"{_NVIDIA}/a100/"),
    "nvidia-h100": Model("gpu", "nvidia", "H100", 80, 700, f"{_NVIDIA}/h100/"),
    "nvidia-h200": Model("gpu", "nvidia", "H200", 141, 700, f"{_NVIDIA}/h200/"),
    # 1440 GB in a DGX of eight.
    "nvidia-b200": Model("gpu", "nvidia", "B200", 180, 1000, f"{_NVIDIA}/dgx-b200/"),
    "nvidia-l40s": Model("gpu", "nvidia", "L40S", 48, 350, f"{_NVIDIA}/l40s/"),
    "intel-gaudi2": Model("npu", "intel", "Gaudi2", 96, 600, f"{_GAUDI}/gaudi2.html"),
    "intel-gaudi3": Model("npu", "intel", "Gaudi3", 128, 900, f"{_GAUDI}/gaudi3.html"),
    # Parts of a processor: memory and power are the host's.
    "intel-npu": Model(
        "npu",
        "intel",
        "NPU",
        None,
        None,
        "https://docs.kernel.org/accel/",
    ),
    "amd-xdna": Model(
        "npu",
        "amd",
        "XDNA",
        None,
        None,
        "https://docs.kernel.org/accel/amdxdna/amdnpu.html",
    ),
}
"""By the name that C(gpu_type) and C(npu_type) take."""


def declared(params: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]] | None:
    """The accelerators that options ask for, with what the catalogue knows filled in.

    Args:
        params: C(accelerators), or C(gpu_type), C(gpu_count), C(npu_type) and
            C(npu_count).

    Returns:
        None where nothing is asked for.

    Raises:
        InvalidInput: Something is missing, unknown or given twice.
    """
    short = [_short(params, kind) for kind in ("gpu", "npu")]
    listed = [one for one in short if one]
    given = params["accelerators"]
    if given is None:
        given = listed or None
    elif listed:
        raise InvalidInput(
            "accelerators: can't be given together with gpu_type, gpu_count, npu_type "
            "and npu_count, which are short for it"
        )
    if given is None:
        return None
    return [_filled(one, number) for number, one in enumerate(given)]


def power(accelerators: t.Iterable[t.Mapping[str, t.Any]]) -> float | None:
    """Power of these accelerators in W, None where the catalogue lacks one of them."""
    known = [(one["count"], _find(one)) for one in accelerators]
    watts = [count * (model.power_watts or 0) for count, model in known if model]
    return (
        float(sum(watts)) if watts and len(watts) == len(known) and all(watts) else None
    )


def _short(params: t.Mapping[str, t.Any], kind: str) -> dict[str, t.Any] | None:
    """What C(gpu_type) and C(gpu_count), or the same for NPUs, stand for."""
    name, count = params[f"{kind}_type"], params[f"{kind}_count"]
    if name is None and count is None:
        return None
    if name is None or count is None:
        missing, other = ("type", "count") if name is None else ("count", "type")
        raise InvalidInput(f"{kind}_{missing}: is needed beside {kind}_{other}")
    names = sorted(key for key, model in CATALOGUE.items() if model.kind == kind)
    if name.lower() not in names:
        raise InvalidInput(
            f"{kind}_type: {name!r} is none of {', '.join(names)}; describe others "
            "with accelerators"
        )
    model = CATALOGUE[name.lower()]
    return {
        "kind": kind,
        "vendor": model.vendor,
        "model": model.model,
        "count": count,
        "memory_gib": model.memory_gib,
    }


def _filled(given: t.Mapping[str, t.Any], number: int) -> dict[str, t.Any]:
    """An accelerator, with kind, vendor and memory of a known model."""
    known = _find(given)
    if not given.get("vendor") and not known:
        raise InvalidInput(
            f"accelerators[{number}]: {given['model']!r} is not in the catalogue, so "
            "that vendor is needed"
        )
    filled = dict(given)
    if known:
        for key in ("kind", "vendor", "memory_gib"):
            if filled.get(key) is None:
                filled[key] = getattr(known, key)
    return filled


def _find(given: t.Mapping[str, t.Any]) -> Model | None:
    """The known model that is meant; where there are several, by its memory."""
    fitting = [
        model
        for model in CATALOGUE.values()
        if _plain(model.model) == _plain(given["model"])
        and (given.get("vendor") or model.vendor).lower() == model.vendor
        and (given.get("kind") or model.kind) == model.kind
    ]
    memory = given.get("memory_gib")
    same = [model for model in fitting if memory in (None, model.memory_gib)]
    found = same or fitting
    return found[0] if found else None


def _plain(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())

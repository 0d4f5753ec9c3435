# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accelerators that are known by name: data, and how it completes options."""

from __future__ import annotations

import re
import typing as t

from ..engine.errors import InvalidInput


class Model(t.NamedTuple):
    """A model of accelerator.

    Attributes:
        kind: `gpu` or `npu`.
        vendor: Its vendor.
        model: Its name, as resource classes contain it.
        memory_gib: Memory of one device as its vendor counts it; None where it uses
            that of the host.
        power_watts: Highest power of one device; None where the vendor publishes none.
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
"""By the name that `gpu_type` and `npu_type` take."""


def declared(params: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]] | None:
    """Return the accelerators that options declare, completed from the catalogue.

    Args:
        params: `accelerators`, or `gpu_type`, `gpu_count`, `npu_type` and
            `npu_count`.

    Returns:
        None where no option declares any.

    Raises:
        InvalidInput: Something is missing, unknown or declared twice.
    """
    by_type = [_by_type(params, kind) for kind in ("gpu", "npu")]
    short = [accelerator for accelerator in by_type if accelerator]
    accelerators = params["accelerators"]
    if accelerators is not None and short:
        raise InvalidInput(
            "accelerators: can't be given together with gpu_type, gpu_count, npu_type "
            "and npu_count, which are short for it"
        )
    if accelerators is None:
        accelerators = short or None
    if accelerators is None:
        return None
    return [_completed(item, number) for number, item in enumerate(accelerators)]


def power(accelerators: t.Iterable[t.Mapping[str, t.Any]]) -> float | None:
    """Return their power in W, None where the catalogue lacks that of one of them."""
    watts = []
    for accelerator in accelerators:
        model = _model(accelerator)
        if model is None or not model.power_watts or not accelerator["count"]:
            return None
        watts.append(accelerator["count"] * model.power_watts)
    return float(sum(watts)) if watts else None


def _by_type(params: t.Mapping[str, t.Any], kind: str) -> dict[str, t.Any] | None:
    """Return what `gpu_type` and `gpu_count`, or the same for NPUs, are short for."""
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


def _completed(accelerator: t.Mapping[str, t.Any], number: int) -> dict[str, t.Any]:
    """Return an accelerator with kind, vendor and memory of a known model."""
    model = _model(accelerator)
    if not accelerator.get("vendor") and not model:
        raise InvalidInput(
            f"accelerators[{number}]: {accelerator['model']!r} is not in the "
            "catalogue, so that vendor is needed"
        )
    completed = dict(accelerator)
    if model:
        for key in ("kind", "vendor", "memory_gib"):
            if completed.get(key) is None:
                completed[key] = getattr(model, key)
    return completed


def _model(accelerator: t.Mapping[str, t.Any]) -> Model | None:
    """Return the known model; where several have the name, the one of its memory."""
    models = [
        model
        for model in CATALOGUE.values()
        if _plain(model.model) == _plain(accelerator["model"])
        and (accelerator.get("vendor") or model.vendor).lower() == model.vendor
        and (accelerator.get("kind") or model.kind) == model.kind
    ]
    memory = accelerator.get("memory_gib")
    same = [model for model in models if memory in (None, model.memory_gib)]
    return next(iter(same or models), None)


def _plain(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources of Kubernetes that are devices: how many there are, and are requested."""

from __future__ import annotations

import functools
import re
import typing as t

from ..._fleet.types import Record

RESOURCES = (
    "nvidia.com/gpu",
    "nvidia.com/gpu.shared",
    "nvidia.com/mig-*",
    # KubeVirt's names of vGPU types and of devices passed through.
    "nvidia.com/GRID_*",
    "nvidia.com/NVIDIA_*",
    "nvidia.com/AD1*",
    "nvidia.com/GA1*",
    "nvidia.com/GB1*",
    "nvidia.com/GB2*",
    "nvidia.com/GH1*",
    "nvidia.com/GV1*",
    "nvidia.com/TU1*",
    "amd.com/gpu",
    "amd.com/spx_*",
    "amd.com/dpx_*",
    "amd.com/tpx_*",
    "amd.com/qpx_*",
    "amd.com/cpx_*",
    "gpu.intel.com/i915",
    "gpu.intel.com/xe",
    "habana.ai/gaudi",
    "intel.com/npu",
    "npu.intel.com/accel",
    "cambricon.com/mlu*",
    "enflame.com/gcu",
    "huawei.com/Ascend*",
    "hygon.com/dcu",
    "iluvatar.com/gpu",
    "kunlunxin.com/xpu",
    "metax-tech.com/gpu",
    "mthreads.com/gpu",
    "qualcomm.com/qaic",
    "tenstorrent.com/*",
)
"""Resources that are devices, or parts of them; `*` stands for anything."""

_QUANTITY = re.compile(r"([0-9]{1,9})(k?)")

IsDevice = t.Callable[[str], t.Any]
"""Tells whether a resource is a device, by its name."""


def matcher(resources: t.Iterable[str]) -> IsDevice:
    """Return what recognizes resources by their names, in which `*` is anything."""
    patterns = (re.escape(name).replace(r"\*", ".*") for name in resources)
    # Names are few, and each is looked up once for each container.
    return functools.lru_cache(1024)(re.compile("|".join(patterns)).fullmatch)


def names(quantities: Record | None, is_device: IsDevice) -> bool:
    """Return whether any resource is a device, even if there is none of it."""
    return any(map(is_device, quantities or ()))


def counts(quantities: Record | None, is_device: IsDevice) -> dict[str, int]:
    """Return the counts of those resources that are devices.

    Args:
        quantities: Quantities by name of the resource, as the API writes them.
        is_device: Recognizes devices.
    """
    devices = {
        name: _quantity(quantity)
        for name, quantity in (quantities or {}).items()
        if is_device(name)
    }
    return {name: count for name, count in devices.items() if count}


def requests(spec: Record, is_device: IsDevice) -> dict[str, int]:
    """Return what a pod requests in effect, as Kubernetes counts it.

    The containers run together, and with them the sidecars (init containers that are
    restarted always); the other init containers run one by one before them, each with
    the sidecars that come before it. The larger of both is what the node holds ready.
    """
    together: dict[str, int] = {}
    before: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    for container in spec.get("initContainers") or []:
        requested = _requested(container, is_device)
        if container.get("restartPolicy") == "Always":
            for name, count in requested.items():
                sidecars[name] = sidecars.get(name, 0) + count
            requested = {}
        for name in {*requested, *sidecars}:
            most = requested.get(name, 0) + sidecars.get(name, 0)
            before[name] = max(before.get(name, 0), most)
    for container in spec.get("containers") or []:
        for name, count in _requested(container, is_device).items():
            together[name] = together.get(name, 0) + count
    total = {
        name: max(together.get(name, 0) + sidecars.get(name, 0), before.get(name, 0))
        for name in {*together, *before, *sidecars}
    }
    return {name: count for name, count in sorted(total.items()) if count}


def _requested(container: Record, is_device: IsDevice) -> dict[str, int]:
    """Devices of a container; of extended resources request and limit are the same."""
    resources = container.get("resources") or {}
    limits, requested = resources.get("limits"), resources.get("requests")
    return counts({**(limits or {}), **(requested or {})}, is_device)


def _quantity(text: t.Any) -> int | None:
    """A count of an extended resource, which is an integer: `8`, `1k`."""
    match = _QUANTITY.fullmatch(str(text))
    return int(match.group(1)) * (1000 if match.group(2) else 1) if match else None

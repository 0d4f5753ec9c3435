# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the accelerators of any flavor, whoever made it: pure functions."""

from __future__ import annotations

import re
import typing as t

from . import extra_specs

SHOWN = ("vendor", "model", "count", "memory_gib", "kind")

# Names as resource classes and PCI aliases hold them: CUSTOM_GPU_A100_80GB, a100-80gb.
_VENDORS = {
    "amd": r"MI\d{2,3}\w*|V[67][12]0|RADEON\w*|INSTINCT\w*|AMD",
    "nvidia": (
        r"G?B[123]00|GH200|H[128]00|H20|A100|A[1348]0|A[28]|A16|A800|L40S?|L4|L20|L2"
        r"|V100\w*|T4|P100|P40|P4|RTX\w*|QUADRO\w*|TESLA\w*|NVIDIA"
    ),
    "intel": r"GAUDI\d?|FLEX|PVC|MAX_1\d{3}",
}
_CLASS = re.compile(r"resources\w*:(?:CUSTOM_(?P<kind>[GN]PU)_(?P<model>\w+)|[VP]GPU)")


def accelerators(specs: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
    """Return the accelerators that a flavor's extra specs ask for.

    Where `gpufleet.openstack.hardware` did not make the flavor, they are read off
    what Nova acts on: resource classes `CUSTOM_GPU_*`, `CUSTOM_NPU_*`, `VGPU` and
    `PGPU`, and PCI aliases that are named after a known model, or hold `gpu`.

    Returns:
        `vendor, model, count, memory_gib, kind` of each; what is unknown is None.
    """
    ours = extra_specs.decode(specs).accelerators
    if ours:
        return [{key: device[key] for key in SHOWN} for device in ours]
    devices = []
    for key, value in sorted(specs.items()):
        match = _CLASS.fullmatch(key)
        if match and re.fullmatch("[1-9][0-9]*", value):
            kind, model = (match.group("kind") or "GPU").lower(), match.group("model")
            devices.append(_accelerator(kind, model, int(value)))
    for part in specs.get("pci_passthrough:alias", "").split(","):
        alias, _separator, count = part.strip().rpartition(":")
        name = re.sub(r"\W", "_", alias.upper())
        known = _vendor(name) or re.search("GPU|NPU", name)
        if known and re.fullmatch("[1-9][0-9]*", count):
            kind = "npu" if re.search("NPU|GAUDI", name) else "gpu"
            devices.append(_accelerator(kind, name, int(count)))
    return devices


def _accelerator(kind: str, model: str | None, count: int) -> dict[str, t.Any]:
    vendor = _vendor(model) if model else None
    return dict(zip(SHOWN, (vendor, model, count, None, kind)))


def _vendor(name: str) -> str | None:
    """Return whose model this is, None where no part of the name is known."""
    for vendor, models in _VENDORS.items():
        if re.search(rf"(?:^|_)(?:{models})(?:_|$)", name):
            return vendor
    return None

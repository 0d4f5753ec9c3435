# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that amdgpu's file gpu_metrics holds, versions 1.1 to 1.8.

Source: struct gpu_metrics_v1_* in the kernel's kgd_pp_interface.h, natural alignment,
little endian; a field of all ones is not there.
"""

from __future__ import annotations

import struct

from .record import Record

_ENERGY_JOULES = 2.0**-16

# Offset and type of a field, by version.
_UP_TO_3 = {
    "temperature_celsius": (6, "H"),
    "memory_temperature_celsius": (8, "H"),
    "utilization_percent": (16, "H"),
    "memory_utilization_percent": (18, "H"),
    "power_watts": (22, "H"),
    "pcie_width": (74, "H"),
}
_FROM_4 = {
    "temperature_celsius": (4, "H"),
    "memory_temperature_celsius": (6, "H"),
    "power_watts": (10, "H"),
    "utilization_percent": (12, "H"),
    "memory_utilization_percent": (14, "H"),
}
_LAYOUTS = {
    1: _UP_TO_3,
    2: _UP_TO_3,
    3: {**_UP_TO_3, "throttle": (112, "Q")},
    4: {**_FROM_4, "energy": (24, "Q"), "pcie_width": (48, "H")},
    5: {**_FROM_4, "energy": (88, "Q"), "pcie_width": (112, "H")},
    6: {**_FROM_4, "energy": (16, "Q"), "pcie_width": (60, "H")},
    7: {**_FROM_4, "energy": (24, "Q"), "pcie_width": (68, "H")},
    8: {**_FROM_4, "energy": (24, "Q"), "pcie_width": (68, "H")},
}

# SMU_THROTTLER_*_BIT in the kernel's amdgpu_smu.h: the same for all chips.
_THROTTLE = (
    (0, 7, "power_limit"),
    (16, 23, "current_limit"),
    (32, 43, "temperature_limit"),
    (44, 45, "voltage_regulator_temperature"),
    (46, 47, "processor_hot"),
)


def read(table: bytes) -> Record:
    """Facts of a table; those that it does not have are left out.

    Args:
        table: Content of the file.

    Returns:
        Fields of a device, `errors` among them where the version is unknown or the
        table is shorter than it says.
    """
    if len(table) < 4:
        return {}
    size, major, minor = struct.unpack_from("<HBB", table)
    layout = _LAYOUTS.get(minor) if major == 1 else None
    if layout is None:
        return {"errors": [f"gpu_metrics: version {major}.{minor} is not known"]}
    if size > len(table):
        return {"errors": [f"gpu_metrics: {len(table)} bytes of {size}"]}
    facts: Record = {}
    for name, (offset, kind) in layout.items():
        if offset + struct.calcsize(kind) > size:
            continue
        (value,) = struct.unpack_from(f"<{kind}", table, offset)
        if value == 2 ** (8 * struct.calcsize(kind)) - 1:
            continue
        if name == "energy":
            facts["energy_joules"] = round(value * _ENERGY_JOULES, 3)
        elif name == "throttle":
            facts["throttle_reasons"] = throttle_reasons(value)
        elif name == "pcie_width":
            facts[name] = value or None
        elif name.endswith(("_celsius", "_watts")):
            facts[name] = float(value)
        else:
            facts[name] = value
    return facts


def throttle_reasons(status: int) -> list[str]:
    """Names of the groups of throttlers that are active.

    Args:
        status: `indep_throttle_status`, one bit for each throttler.
    """
    bits = {bit for bit in range(64) if status >> bit & 1}
    return [
        name
        for first, last, name in _THROTTLE
        if bits.intersection(range(first, last + 1))
    ]

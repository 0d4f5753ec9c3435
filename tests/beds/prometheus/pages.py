# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of exporters, in the shapes that real ones have been seen to write.

dcgm-exporter 3 and 4 (old and new spelling of labels, MIG, blank values), ROCm's
device-metrics-exporter (prefix, empty model, zero id), node_exporter, Kepler,
kube-state-metrics.
"""

from __future__ import annotations

from collections.abc import Mapping

BLANK = 9223372036854775794


def line(
    name: str, labels: Mapping[str, object], value: object, moment: float | None = None
) -> str:
    """A line, with its time in seconds where the exporter tells it."""
    told = ",".join(f'{key}="{value}"' for key, value in labels.items())
    time = "" if moment is None else f" {int(moment * 1000)}"
    return f"{name}{{{told}}} {value}{time}\n"


def dcgm(
    host: Mapping[str, str],
    number: int,
    values: Mapping[str, object],
    moment: float | None = None,
    **labels: object,
) -> str:
    """A GPU as dcgm-exporter tells it."""
    told = {
        "gpu": number,
        "UUID": f"GPU-{next(iter(host.values()))}-{number}",
        "pci_bus_id": f"00000000:{number + 16:02X}:00.0",
        "device": f"nvidia{number}",
        "modelName": "NVIDIA H100 80GB HBM3",
        **host,
        **labels,
    }
    return "".join(
        line(f"DCGM_FI_{name}", told, value, moment) for name, value in values.items()
    )


def amd(
    host: str,
    number: int,
    values: Mapping[str, object],
    prefix: str = "",
    **labels: object,
) -> str:
    """A GPU as ROCm's device-metrics-exporter tells it."""
    told = {
        "card_model": "",
        "card_series": "AMD Instinct MI300X VF",
        "card_vendor": "Advanced Micro Devices, Inc. [AMD/ATI]",
        "container": "",
        "gpu_compute_partition_type": "spx",
        "gpu_id": number,
        "gpu_memory_partition_type": "nps1",
        "gpu_partition_id": "NA",
        "gpu_uuid": "00000000-0000-0000-0000-000000000000",
        "hostname": host,
        "namespace": "",
        "pod": "",
        "serial_number": "",
        **labels,
    }
    return "".join(
        line(f"{prefix}gpu_{name}", told, value) for name, value in values.items()
    )

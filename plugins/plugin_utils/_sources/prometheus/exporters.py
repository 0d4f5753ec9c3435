# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of exporters: how each names its metrics and labels.

Sources: NVIDIA's dcgm-exporter (etc/default-counters.csv and its releases' labels),
ROCm's device-metrics-exporter (docs/configuration/metricslist.md), Kepler
(docs/user/metrics.md), and the role node_telemetry of this collection.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ..._fleet.partitions import slices

MIB = 2**20


class Metric(t.NamedTuple):
    """A metric.

    Attributes:
        name: Its name.
        key: What it is of a device: one of `record.NUMBERS`, or a number that
            `devices` makes one of these of.
        factor: What its value is multiplied by.
    """

    name: str
    key: str
    factor: float = 1


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """How an exporter names things.

    Attributes:
        name: What it is called here.
        vendor: Vendor of its devices; None where the label `vendor` names it.
        number: Label of a device's number on its node.
        uuid: Label of a device's id.
        models: Labels of its model, the best first.
        metrics: What is read; of those with the same key the first that is there.
        part: Label of a part of a device; empty where there is none.
        profile: Label of the part's size; empty where there is none.
        undivided: Values of the label `part` that stand for a whole device.
        whole_is_first_part: Whether the first part of a divided device is labeled as
            a whole one is.
        sums_memory: Whether each part has its own memory; else it is the device's.
        slices: Returns how many slices a device of a model has, of which its parts
            take as many as their sizes say; None where the parts fill the device.
        prefixed: Whether sites may put a prefix before the names.
        heartbeat: Metric of the time at which a node's devices were read, where that
            is not when it was scraped: node_exporter serves a file that is old too.
    """

    name: str
    number: str
    uuid: str
    models: tuple[str, ...]
    metrics: tuple[Metric, ...]
    vendor: str | None = None
    part: str = ""
    profile: str = ""
    undivided: tuple[str, ...] = ()
    whole_is_first_part: bool = False
    sums_memory: bool = False
    slices: t.Callable[[str | None], int] | None = None
    prefixed: bool = False
    heartbeat: str | None = None

    def names(self, known: t.Iterable[str]) -> dict[str, list[str]]:
        """Return the names of its metrics among those that Prometheus knows.

        Returns:
            Names by the exporter's own name of the metric.
        """
        names: dict[str, list[str]] = {}
        for name in sorted(known):
            for metric in self.metrics:
                if name == metric.name or self._is_prefixed(name, metric.name):
                    names.setdefault(metric.name, []).append(name)
        return names

    def _is_prefixed(self, name: str, metric: str) -> bool:
        # A prefix is one word, as of amd_gpu_health.
        return self.prefixed and bool(re.fullmatch(rf"[A-Za-z0-9]+_{metric}", name))

    def model(self, labels: t.Mapping[str, str]) -> str | None:
        """Return the model in labels; None where it is a number of PCI only."""
        models = (labels.get(name) for name in self.models)
        return next(
            (each for each in models if each and not each.startswith("0x")), None
        )


EXPORTERS = (
    Exporter(
        name="nvidia",
        vendor="nvidia",
        number="gpu",
        part="GPU_I_ID",
        profile="GPU_I_PROFILE",
        uuid="UUID",
        models=("modelName", "DCGM_FI_DEV_NAME"),
        sums_memory=True,
        slices=slices,
        metrics=(
            Metric("DCGM_FI_DEV_GPU_TEMP", "temperature_celsius"),
            Metric("DCGM_FI_DEV_POWER_USAGE", "power_watts"),
            Metric("DCGM_FI_DEV_GPU_UTIL", "utilization_percent"),
            Metric("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "engine_active", 100),
            Metric("DCGM_FI_DEV_MEMORY_TEMP", "memory_temperature_celsius"),
            Metric("DCGM_FI_DEV_FB_USED", "memory_used_bytes", MIB),
            Metric("DCGM_FI_DEV_FB_FREE", "memory_free_bytes", MIB),
            Metric("DCGM_FI_DEV_FB_RESERVED", "memory_reserved_bytes", MIB),
            Metric("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "energy_joules", 1e-3),
            Metric("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "ecc_uncorrected"),
            Metric("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "ecc_corrected"),
            Metric("DCGM_FI_DEV_ROW_REMAP_FAILURE", "row_remap_failed"),
            Metric("DCGM_FI_DEV_ROW_REMAP_PENDING", "row_remap_pending"),
        ),
    ),
    Exporter(
        name="amd",
        vendor="amd",
        number="gpu_id",
        part="gpu_partition_id",
        profile="gpu_compute_partition_type",
        uuid="gpu_uuid",
        models=("card_series", "card_model"),
        undivided=("0", "NA"),
        whole_is_first_part=True,
        prefixed=True,
        metrics=(
            Metric("gpu_junction_temperature", "temperature_celsius"),
            Metric("gpu_edge_temperature", "temperature_celsius"),
            Metric("gpu_package_power", "power_watts"),
            Metric("gpu_average_package_power", "power_watts"),
            Metric("gpu_power_usage", "power_watts"),
            Metric("gpu_gfx_activity", "utilization_percent"),
            Metric("gpu_gfx_busy_instantaneous", "engine_active"),
            Metric("gpu_memory_temperature", "memory_temperature_celsius"),
            Metric("gpu_used_vram", "memory_used_bytes", MIB),
            Metric("gpu_total_vram", "memory_total_bytes", MIB),
            Metric("gpu_energy_consumed", "energy_joules", 1e-6),
            Metric("gpu_ecc_uncorrect_total", "ecc_uncorrected"),
            Metric("gpu_ecc_correct_total", "ecc_corrected"),
            Metric("gpu_health", "healthy"),
        ),
    ),
    Exporter(
        name="kepler",
        number="gpu",
        uuid="gpu_uuid",
        models=("gpu_name",),
        metrics=(Metric("kepler_node_gpu_watts", "power_watts"),),
    ),
    # module_utils/_node/telemetry.py
    Exporter(
        name="gpufleet",
        number="device",
        uuid="uuid",
        models=("model",),
        heartbeat="gpufleet_heartbeat_timestamp_seconds",
        metrics=(
            Metric("gpufleet_device_healthy", "healthy"),
            Metric("gpufleet_device_temperature_celsius", "temperature_celsius"),
            Metric(
                "gpufleet_device_memory_temperature_celsius",
                "memory_temperature_celsius",
            ),
            Metric("gpufleet_device_power_watts", "power_watts"),
            Metric("gpufleet_device_utilization_ratio", "utilization_percent", 100),
            Metric("gpufleet_device_memory_used_bytes", "memory_used_bytes"),
            Metric("gpufleet_device_memory_total_bytes", "memory_total_bytes"),
            Metric("gpufleet_device_energy_joules_total", "energy_joules"),
            Metric("gpufleet_device_ecc_corrected_total", "ecc_corrected"),
            Metric("gpufleet_device_ecc_uncorrected_total", "ecc_uncorrected"),
            Metric("gpufleet_device_row_remap_failed", "row_remap_failed"),
            Metric("gpufleet_device_row_remap_pending", "row_remap_pending"),
        ),
    ),
)

REMEDY = (
    "let Prometheus scrape dcgm-exporter (NVIDIA) or ROCm's device-metrics-exporter"
)

_UNREAD = (
    ("nvidia_smi_", "nvidia_gpu_exporter"),
    ("nvidia_gpu_", "nvidia_gpu_prometheus_exporter"),
    ("habanalabs_", "Intel Gaudi's metric exporter"),
    ("xpum_", "Intel's XPU Manager"),
    ("npu_chip_info_", "Ascend's npu-exporter"),
    ("mlu_", "Cambricon's mlu-exporter"),
    ("dcu_", "Hygon's dcu-exporter"),
    ("ix_gpu_", "Iluvatar's ix-exporter"),
    ("mx_gpu_", "MetaX' mx-exporter"),
    ("enflame_gcu_", "Enflame's gcu-exporter"),
    ("neuroncore_", "AWS Neuron Monitor"),
    ("rocm_smi_", "an exporter of rocm-smi"),
)
"""How names of metrics of devices begin that no `Exporter` has, and whose they are."""


def unread(known: t.Iterable[str]) -> dict[str, str]:
    """Return exporters of devices that are not read, by the name of one metric each."""
    names = sorted(known)
    found = {
        who: next((name for name in names if name.startswith(prefix)), "")
        for prefix, who in _UNREAD
    }
    return {name: who for who, name in found.items() if name}

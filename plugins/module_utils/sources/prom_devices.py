# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices from what exporters tell Prometheus of them.

Sources: NVIDIA's dcgm-exporter (etc/default-counters.csv and its releases' labels),
ROCm's device-metrics-exporter (docs/configuration/metricslist.md), Kepler
(docs/user/metrics.md), and the role node_telemetry of this collection.
"""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timezone

from ..fleet.join import Measured
from ..fleet.model import Record
from .prom_api import Labels, Prometheus, Sample

MIB = 2**20

_LATE = 60.0
"""Seconds after which a series of a device lags behind the others of its node."""

NAMES = (
    "node",
    "kubernetes_node",
    "exported_node",
    "Hostname",
    "exported_Hostname",
    "hostname",
    "exported_hostname",
)
"""Labels that name a node, the surest first: a host's name may be that of a pod."""

SERIALS = ("serial_number", "DCGM_FI_DEV_SERIAL", "serial")

PODS = (
    ("exported_namespace", "exported_pod", "exported_container"),
    ("namespace", "pod", "container"),
)


class Metric(t.NamedTuple):
    """A metric: its name, what it is of a device, and by what it is multiplied."""

    name: str
    key: str
    factor: float = 1


class Exporter(t.NamedTuple):
    """How an exporter names things.

    Attributes:
        vendor: Of its devices, None where it tells those of all.
        number: Label of a device's number on its node.
        part: Label of a part of a device.
        profile: Label of the part's size.
        uuid: Label of a device's id.
        models: Labels of its model, the best first.
        metrics: What is read; of those with the same key the first that is there.
        prefixed: Whether sites may put a prefix before the names.
        heartbeat: Metric that tells when a node's devices were read, where that is
            not when it was scraped: node_exporter tells a file as long as it is there.
    """

    vendor: str | None
    number: str
    part: str
    profile: str
    uuid: str
    models: tuple[str, ...]
    metrics: tuple[Metric, ...]
    prefixed: bool = False
    heartbeat: str | None = None


EXPORTERS = (
    Exporter(
        "nvidia",
        "gpu",
        "GPU_I_ID",
        "GPU_I_PROFILE",
        "UUID",
        ("modelName", "DCGM_FI_DEV_NAME"),
        (
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
        "amd",
        "gpu_id",
        "gpu_partition_id",
        "gpu_compute_partition_type",
        "gpu_uuid",
        ("card_series", "card_model"),
        (
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
        prefixed=True,
    ),
    Exporter(
        None,
        "gpu",
        "",
        "",
        "gpu_uuid",
        ("gpu_name",),
        (Metric("kepler_node_gpu_watts", "power_watts"),),
    ),
    # node/telemetry.py
    Exporter(
        None,
        "device",
        "",
        "",
        "uuid",
        ("model",),
        (
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
        heartbeat="gpufleet_heartbeat_timestamp_seconds",
    ),
)

_NUMBERS = (
    "temperature_celsius",
    "memory_temperature_celsius",
    "power_watts",
    "utilization_percent",
    "memory_used_bytes",
    "memory_total_bytes",
    "energy_joules",
    "ecc_uncorrected",
    "ecc_corrected",
)


class _Key(t.NamedTuple):
    """Which series belong to one device, or to a part of it."""

    target: str
    host: str
    number: str
    part: str


def metrics_of(exporter: Exporter, names: t.Iterable[str]) -> dict[str, list[str]]:
    """Names under which an exporter's metrics are there, by its own name of them."""
    known = [metric.name for metric in exporter.metrics]
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        for own in known:
            # A prefix is one word, as of amd_gpu_health.
            if name == own or (
                exporter.prefixed and re.fullmatch(rf"[A-Za-z0-9]+_{own}", name)
            ):
                found.setdefault(own, []).append(name)
    return found


def read(
    server: Prometheus,
    exporter: Exporter,
    there: dict[str, list[str]],
    query: t.Callable[[str], list[Sample]],
) -> list[Measured]:
    """What an exporter tells of all devices: a query for each metric.

    Args:
        server: Makes selectors.
        exporter: Whose metrics.
        there: As C(metrics_of) tells.
        query: Asks the server; of a query that fails it makes a warning.

    Returns:
        Each of its targets, with its devices.
    """
    selector = server.selector(f'{exporter.number}!=""')
    values: dict[_Key, Record] = {}
    by = ", ".join(filter(None, ("instance", *NAMES, exporter.number, exporter.part)))
    for metric in exporter.metrics:
        for name in there.get(metric.name, ()):
            for sample in query(f"max by ({by}) ({name}{selector})"):
                of_key = values.setdefault(_key(exporter, sample.labels), {})
                of_key.setdefault(metric.key, sample.value * metric.factor)
    labels: dict[_Key, Labels] = {}
    times: dict[_Key, float] = {}
    for metric in exporter.metrics:
        # One that all devices have tells all labels.
        for name in there.get(metric.name, ()) if set(values) - set(labels) else ():
            for sample in query(f"timestamp({name}{selector})"):
                key = _key(exporter, sample.labels)
                if sample.value >= times.get(key, 0):
                    labels[key], times[key] = sample.labels, sample.value
    if exporter.heartbeat:
        beats: dict[tuple[str, str], float] = {}
        for sample in query(f"{exporter.heartbeat}{server.selector()}"):
            beats[_key(exporter, sample.labels)[:2]] = sample.value
        # Without a heartbeat nothing tells that it is of now.
        times = {key: beats.get(key[:2], 0) for key in times}
    keys = sorted({*labels, *values})
    return _targets(exporter, keys, labels, times, values)


def _key(exporter: Exporter, labels: Labels) -> _Key:
    part = labels.get(exporter.part, "") if exporter.part else ""
    # Of a device that is not divided AMD's exporter says "0" or "NA".
    part = "" if exporter.vendor == "amd" and part in ("0", "NA") else part
    target = labels.get("instance", "")
    return _Key(target, host_name(labels), labels.get(exporter.number, ""), part)


def host_name(labels: Labels) -> str:
    """Name of the node that a series is of."""
    for name in NAMES:
        if labels.get(name):
            return labels[name]
    return address_of(labels)


def address_of(labels: Labels) -> str:
    """Host of the target that a series is of, without its port."""
    match = re.match(
        r"(?:\w+://)?(?:\[([^\]]+)\]|([^:/]+))", labels.get("instance") or ""
    )
    return (match.group(1) or match.group(2)) if match else ""


def aliases_of(labels: Labels) -> tuple[str, ...]:
    """All that names the node that a series is of."""
    told = [labels.get(name) for name in NAMES] + [address_of(labels)]
    return tuple(dict.fromkeys(name for name in told if name))


def _targets(
    exporter: Exporter,
    keys: list[_Key],
    labels: dict[_Key, Labels],
    times: dict[_Key, float],
    values: dict[_Key, Record],
) -> list[Measured]:
    by_host: dict[tuple[str, str], dict[str, list[_Key]]] = {}
    for key in keys:
        numbers = by_host.setdefault((key.target, key.host), {})
        numbers.setdefault(key.number, []).append(key)
    found = []
    for of_host in by_host.values():
        every = [key for parts in of_host.values() for key in parts]
        newest = max((times[key] for key in every if key in times), default=None)
        aliases = dict.fromkeys(
            alias for key in every for alias in aliases_of(labels.get(key, {}))
        )
        devices = [
            _device(exporter, index, parts, labels, times, values, newest)
            for index, parts in of_host.items()
        ]
        devices.sort(key=lambda device: device["index"])
        facts = {
            "gathered_at": None if newest is None else _iso(newest),
            "devices": devices,
        }
        found.append(Measured(every[0].host, tuple(aliases), facts))
    return found


def _device(
    exporter: Exporter,
    index: str,
    parts: list[_Key],
    labels: dict[_Key, Labels],
    times: dict[_Key, float],
    values: dict[_Key, Record],
    newest: float | None,
) -> Record:
    """A device of its series, and of those of its parts."""
    told: Labels = {}
    for part in reversed(parts):  # the whole comes first, and counts most
        told = {**told, **{k: v for k, v in labels.get(part, {}).items() if v}}
    late = [
        part
        for part in parts
        if newest is not None and times.get(part, newest) < newest - _LATE
    ]
    numbers = _numbers([values.get(part, {}) for part in parts if part not in late])
    divided = [part for part in parts if part.part]
    whole = parts[0].part == ""
    if divided and exporter.vendor == "amd":
        divided, whole = parts, False  # the first part has the number of a whole
    if divided and (not whole or numbers.get("utilization_percent") is None):
        numbers["utilization_percent"] = _of_parts(exporter, divided, labels, values)
    elif numbers.get("utilization_percent") is None:
        numbers["utilization_percent"] = numbers.get("engine_active")
    if exporter.vendor == "nvidia" and not whole:
        # Each part tells its own memory, but what all of the device draws.
        for key in ("memory_used_bytes", "memory_free_bytes", "memory_reserved_bytes"):
            each = [values[part][key] for part in parts if key in values.get(part, {})]
            numbers[key] = sum(each) if each else None
    memory = [numbers.get(f"memory_{what}_bytes") for what in ("used", "free")]
    if numbers.get("memory_total_bytes") is None and None not in memory:
        reserved = numbers.get("memory_reserved_bytes") or 0
        numbers["memory_total_bytes"] = sum(one or 0 for one in memory) + reserved
    healthy = numbers.get("healthy")
    uuid = told.get(exporter.uuid)
    pci = told.get("pci_bus_id", "").lower()
    remap = {
        name: None if value is None else value > 0
        for name in ("row_remap_failed", "row_remap_pending")
        for value in [numbers.get(name)]
    }
    return {
        "index": int(index) if index.isdigit() else 0,
        # The first four of the domain's eight digits are zeros.
        "pci_bus_id": pci[4:] if re.match(r"0000[0-9a-f]{4}:", pci) else pci or None,
        "vendor": exporter.vendor or told.get("vendor"),
        "model": _model(exporter, told),
        "uuid": uuid if uuid and uuid.strip("0-") else None,
        "serial": next(filter(None, map(told.get, SERIALS)), None),
        **{name: numbers.get(name) for name in _NUMBERS},
        **remap,
        "health": "unknown" if healthy is None else "ok" if healthy else "failed",
        "health_reasons": ["its exporter says so"] if healthy == 0 else [],
        "partitions": [],
        "processes": None,
        "pods": sorted({pod for part in parts for pod in _pods(labels.get(part, {}))}),
    }


def _numbers(told: list[Record]) -> dict[str, float | None]:
    """Numbers of a device: of the whole where it tells them, else of its parts."""
    found: dict[str, float | None] = {}
    for values in reversed(told):
        found.update(values)
    return found


def _of_parts(
    exporter: Exporter,
    parts: list[_Key],
    labels: dict[_Key, Labels],
    values: dict[_Key, Record],
) -> float | None:
    """Utilization of a device as that of its parts, by their size."""
    used = total = 0.0
    for part in parts:
        told = values.get(part, {})
        active = told.get("engine_active", told.get("utilization_percent"))
        if active is None:
            return None
        size = re.match(r"\d+", labels.get(part, {}).get(exporter.profile, ""))
        weight = int(size.group()) if size else 1
        used += active * weight
        total += weight
    slices = 4 if "A30" in str(_model(exporter, labels.get(parts[0], {}))) else 7
    return used / (slices if exporter.vendor == "nvidia" else total)


def _model(exporter: Exporter, labels: Labels) -> str | None:
    """Its model, None where that is told as a number of PCI only."""
    told = (labels.get(name) for name in exporter.models)
    return next((one for one in told if one and not one.startswith("0x")), None)


def _pods(labels: Labels) -> t.Iterator[tuple[str, str]]:
    """Namespace and name of the pod that holds a device.

    Where Prometheus has put its own labels in front, those without C(exported_) are of
    the exporter itself.
    """
    for namespace, pod, container in PODS:
        if labels.get(pod) and labels.get(namespace):
            if "exporter" not in labels.get(container, ""):
                yield labels[namespace], labels[pod]
            return


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds")

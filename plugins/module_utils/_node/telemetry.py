# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a node's accelerators as metrics, for node_exporter's textfile collector.

The role node_telemetry installs this package on nodes, where a timer runs this file as
a program: `python3 -m gpufleet_node.telemetry FILE`.
"""

from __future__ import annotations

import argparse
import time
import typing as t

from . import collect, textfile
from .files import Roots
from .options import Options
from .record import Record

LABELS = ("pci_bus_id", "vendor", "kind", "model", "uuid", "serial")
"""Fields of a device that identify it, beside its index."""


class Metric(t.NamedTuple):
    """A metric of a device: its name and help, and of which field by what factor."""

    name: str
    field: str
    help: str
    factor: float = 1


METRICS = (
    Metric("utilization_ratio", "utilization_percent", "How busy it is, 0 to 1.", 0.01),
    Metric("memory_total_bytes", "memory_total_bytes", "Memory that it has."),
    Metric("memory_used_bytes", "memory_used_bytes", "Memory in use."),
    Metric("power_watts", "power_watts", "What it draws."),
    Metric("power_limit_watts", "power_limit_watts", "What it may draw."),
    Metric("energy_joules_total", "energy_joules", "What it has drawn."),
    Metric("temperature_celsius", "temperature_celsius", "The hottest of its chip."),
    Metric(
        "memory_temperature_celsius",
        "memory_temperature_celsius",
        "That of its memory.",
    ),
    Metric(
        "ecc_corrected_total", "ecc_corrected", "Corrected errors since driver load."
    ),
    Metric(
        "ecc_uncorrected_total",
        "ecc_uncorrected",
        "Uncorrectable errors since driver load.",
    ),
    Metric("row_remap_pending", "row_remap_pending", "1 where rows wait for a reset."),
    Metric("row_remap_failed", "row_remap_failed", "1 where rows can't be remapped."),
)


def metrics(facts: Record, now: float) -> str:
    """Return a page of metrics.

    What is not known of a device has no series.

    Args:
        facts: As `collect.collect` returns them.
        now: Seconds since the epoch.
    """
    page = textfile.Page()
    _add_node(page, facts, now)
    devices = [(_labels(facts, device), device) for device in facts["devices"]]
    page.add(
        "device_healthy",
        "0 for a device that has failed.",
        [(labels, _healthy(device)) for labels, device in devices],
    )
    page.add(
        "device_throttled",
        "1 where something holds it back.",
        [(labels, _throttled(device)) for labels, device in devices],
    )
    for metric in METRICS:
        page.add(
            f"device_{metric.name}",
            metric.help,
            [
                (labels, None if value is None else value * metric.factor)
                for labels, device in devices
                for value in [device[metric.field]]
            ],
        )
    page.add(
        "xid_timestamp_seconds",
        "When NVIDIA's driver has written an XID or SXid last.",
        _xids(facts, now),
    )
    return page.text()


def _add_node(page: textfile.Page, facts: Record, now: float) -> None:
    """Add what is of the whole node: the reading itself, and the count of devices."""
    node = {"hostname": facts["hostname"]}
    page.add(
        "heartbeat_timestamp_seconds", "When these were read.", [(node, round(now, 3))]
    )
    page.add(
        "read_duration_seconds",
        "How long that took.",
        [(node, facts["elapsed_ms"] / 1000)],
    )
    page.add(
        "backend_ok",
        "1 where a way to read devices works.",
        [
            ({**node, "backend": name}, backend["ok"])
            for name, backend in facts["backends"].items()
        ],
    )
    summary = facts["summary"]
    page.add("devices", "Devices of the node.", [(node, summary["device_count"])])
    page.add(
        "devices_expected",
        "Devices that it should have.",
        [(node, summary["expected_count"])],
    )


def _labels(facts: Record, device: Record) -> Record:
    named = {name: device[name] for name in LABELS if device[name] is not None}
    return {"hostname": facts["hostname"], "device": device["index"], **named}


def _healthy(device: Record) -> float | None:
    return None if device["health"] == "unknown" else device["health"] != "failed"


def _throttled(device: Record) -> float | None:
    reasons = device["throttle_reasons"]
    return None if reasons is None else bool(reasons)


def _xids(facts: Record, now: float) -> list[tuple[Record, float | None]]:
    """When each XID or SXid of each device was written last, by what it asks for."""
    last: dict[tuple[str, str, int, str], float] = {}
    for event in facts["xid_events"] or []:  # the oldest first
        if event["age_seconds"] is not None:
            address, code = event["pci_bus_id"], event["code"]
            key = (address, event["type"], code, event["action"] or "")
            last[key] = round(now - event["age_seconds"], 1)
    host = {"hostname": facts["hostname"]}
    return [
        (
            {
                **host,
                "pci_bus_id": address,
                "type": kind,
                "xid": code,
                **({"action": action} if action else {}),
            },
            moment,
        )
        for (address, kind, code, action), moment in last.items()
    ]


def main(arguments: t.Sequence[str] | None = None) -> None:
    """Read the devices once, and write the metrics."""
    parser = argparse.ArgumentParser(prog="telemetry", description=main.__doc__)
    parser.add_argument("file", help="file to write, its name ends with .prom")
    parser.add_argument("--expected-count", type=int, help="devices there should be")
    for name, usual in Roots()._asdict().items():
        parser.add_argument(f"--path-{name}", default=usual, help=f"usually {usual}")
    given = parser.parse_args(arguments)
    facts = collect.collect(
        Options(
            roots=Roots(given.path_sysfs, given.path_procfs, given.path_dev),
            # node_exporter itself has metrics of ports, and no metric names processes.
            gather=("metrics", "xid"),
            expected_count=given.expected_count,
        )
    )
    try:
        textfile.write(given.file, metrics(facts, time.time()))
    except OSError as error:
        parser.exit(1, f"{given.file} can't be written: {error}\n")


if __name__ == "__main__":
    main()

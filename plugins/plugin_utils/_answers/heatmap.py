# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The heatmap: the devices that draw most, are hottest, and are busiest."""

from __future__ import annotations

import math
import typing as t
from heapq import nsmallest

from .._fleet.types import Fleet, Record
from .naming import model
from .overview import common


class Metric(t.NamedTuple):
    """What is shown of devices, and the axis it is drawn on."""

    key: t.Literal["power_watts", "temperature_celsius", "utilization_percent"]
    serial: int
    unit: str
    least: int
    most: int


METRICS = {
    "power": Metric("power_watts", 2, "W", 0, 850),
    "temperature": Metric("temperature_celsius", 3, "℃", 20, 110),
    "utilization": Metric("utilization_percent", 1, "%", 0, 100),
}


def report(fleet: Fleet, top_k: int = 5, matrix: bool = False) -> Record:
    """Return the heatmap of a fleet, with the field names of the Clusters API.

    Args:
        fleet: The fleet.
        top_k: How many devices are listed for each metric, those of the highest values;
            among equals by node, then device.
        matrix: Whether `matrix` holds all devices, node by node, None where unknown.
    """
    metrics = {
        name: _metric(fleet, metric, top_k, matrix) for name, metric in METRICS.items()
    }
    return {**metrics, **common(fleet)}


def _metric(fleet: Fleet, metric: Metric, top_k: int, matrix: bool) -> Record:
    key = metric.key
    points = [
        (-value, node.name, device["index"], device["model"] or None)
        for node in fleet.nodes
        for device in node.devices or ()
        if (value := device[key]) is not None
    ]
    top = nsmallest(top_k, points, key=lambda point: point[:3])
    highest = -min((point[0] for point in points), default=0.0)
    shown: Record = {
        "serial": metric.serial,
        "unit": metric.unit,
        # In steps of ten, and never below the usual.
        "yAxisMax": max(metric.most, math.ceil(highest / 10) * 10),
        "yAxisMin": metric.least,
        "data": [
            {
                "nodeName": name,
                "deviceId": index,
                # Always a float: clients of the API may have a type for it.
                "value": -float(value),
                "gpuModel": kind,
            }
            for value, name, index, kind in top
        ],
    }
    if matrix:
        shown["matrix"] = [
            {
                "nodeName": node.name,
                "gpuModel": model(node),
                "values": [device[key] for device in node.devices or ()],
            }
            for node in fleet.nodes
        ]
    return shown

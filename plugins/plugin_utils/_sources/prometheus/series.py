# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The series of an exporter's devices: their labels, times and values."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .api import Labels, Prometheus, Sample
from .exporters import Exporter
from .labels import NAMES, host_name

Query = t.Callable[[str], list[Sample]]
"""Sends an instant query; of one that fails it makes a warning."""


Names = dict[str, list[str]]
"""Names of metrics that there are, by the exporter's own name of the metric."""


class Key(t.NamedTuple):
    """Which series belong to one device, or to a part of it."""

    target: str
    host: str
    number: str
    part: str


@dataclass
class Series:
    """What the series of a device, or of a part of it, have in common.

    Attributes:
        key: What they are of.
        labels: Labels of the newest.
        time: When it was scraped, in seconds since the epoch; None where not known.
        values: Values by key of the metric.
    """

    key: Key
    labels: Labels = field(default_factory=dict)
    time: float | None = None
    values: dict[str, float] = field(default_factory=dict)


def read(
    server: Prometheus, exporter: Exporter, query: Query, names: Names
) -> list[Series]:
    """Read the series of all devices: a query for each metric.

    Args:
        server: Makes selectors.
        exporter: The exporter.
        query: Sends the queries.
        names: The exporter's metrics, as `Exporter.names` returns them.

    Returns:
        The series in the order of their keys.
    """
    series: dict[Key, Series] = {}
    selector = server.selector(f'{exporter.number}!=""')
    _read_values(exporter, selector, query, names, series)
    _read_labels(exporter, selector, query, names, series)
    if exporter.heartbeat:
        beats = query(f"{exporter.heartbeat}{server.selector()}")
        _date(exporter, series, beats)
    return [series[key] for key in sorted(series)]


def _read_values(
    exporter: Exporter,
    selector: str,
    query: Query,
    names: Names,
    series: dict[Key, Series],
) -> None:
    """Read the values of each metric, the largest of each key."""
    by = ", ".join(filter(None, ("instance", *NAMES, exporter.number, exporter.part)))
    for metric in exporter.metrics:
        for name in names.get(metric.name, ()):
            for labels, value in query(f"max by ({by}) ({name}{selector})"):
                each = _of(exporter, labels, series)
                each.values.setdefault(metric.key, value * metric.factor)


def _read_labels(
    exporter: Exporter,
    selector: str,
    query: Query,
    names: Names,
    series: dict[Key, Series],
) -> None:
    """Read labels and times, of one metric where all devices have it."""
    for metric in exporter.metrics:
        if all(each.time is not None for each in series.values()):
            return
        for name in names.get(metric.name, ()):
            for labels, time in query(f"timestamp({name}{selector})"):
                each = _of(exporter, labels, series)
                if time >= (each.time or 0):
                    each.labels, each.time = labels, time


def _date(
    exporter: Exporter, series: dict[Key, Series], heartbeats: list[Sample]
) -> None:
    """Put the time of a node's heartbeat in the place of that of the scrape."""
    times = {_key(exporter, labels)[:2]: value for labels, value in heartbeats}
    for key, each in series.items():
        if each.time is not None:
            # Without a heartbeat, nobody knows that it is of now.
            each.time = times.get(key[:2], 0)


def _of(exporter: Exporter, labels: Labels, series: dict[Key, Series]) -> Series:
    key = _key(exporter, labels)
    return series.get(key) or series.setdefault(key, Series(key))


def _key(exporter: Exporter, labels: Labels) -> Key:
    part = labels.get(exporter.part, "") if exporter.part else ""
    return Key(
        target=labels.get("instance", ""),
        host=host_name(labels),
        number=labels.get(exporter.number, ""),
        part="" if part in exporter.undivided else part,
    )

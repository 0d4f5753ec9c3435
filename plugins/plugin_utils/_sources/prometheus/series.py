# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The series of an exporter's devices: their labels, times and values."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .api import Labels, Prometheus, Sample
from .exporters import Exporter
from .labels import NAMES

Query = t.Callable[[str], list[Sample]]
"""Sends an instant query; of one that fails it makes a warning."""


Names = dict[str, list[str]]
"""Names of metrics that there are, by the exporter's own name of the metric."""


class Key(t.NamedTuple):
    """Which series belong to one device, or to a part of it.

    Attributes:
        cluster: What a label says; empty where none does.
        target: The label `instance`.
        host: The surest of the labels that name the node.
        number: Number of the device.
        part: Which part; empty for the whole.
    """

    cluster: str
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
        holders: Labels of all that are as new: pods that share a device have one each.
        time: When it was scraped, in seconds since the epoch; None where not known.
        values: Values by key of the metric.
    """

    key: Key
    labels: Labels = field(default_factory=dict)
    holders: list[Labels] = field(default_factory=list)
    time: float | None = None
    values: dict[str, float] = field(default_factory=dict)


class Reader:
    """Reads the series of an exporter: a query for each metric.

    Args:
        server: Makes selectors.
        exporter: The exporter.
        query: Sends the queries.
        cluster: Label of the cluster's name.
    """

    def __init__(
        self, server: Prometheus, exporter: Exporter, query: Query, cluster: str
    ) -> None:
        self._server = server
        self._exporter = exporter
        self._query = query
        self._cluster = cluster
        self._series: dict[Key, Series] = {}

    def read(self, names: Names) -> list[Series]:
        """Return the series of all devices, in the order of their keys.

        Args:
            names: The exporter's metrics, as `Exporter.names` returns them.
        """
        exporter = self._exporter
        selector = self._server.selector(f'{exporter.number}!=""')
        self._read_values(selector, names)
        self._read_labels(selector, names)
        if exporter.heartbeat:
            query = f"{exporter.heartbeat}{self._server.selector()}"
            self._date(self._query(query))
        return [self._series[key] for key in sorted(self._series)]

    def _read_values(self, selector: str, names: Names) -> None:
        """Read the values of each metric, the largest of each key."""
        exporter = self._exporter
        labels_of_key = ("instance", self._cluster, *NAMES)
        kept = (*labels_of_key, exporter.number, exporter.part)
        by = ", ".join(dict.fromkeys(filter(None, kept)))
        for metric in exporter.metrics:
            for name in names.get(metric.name, ()):
                for labels, value in self._query(f"max by ({by}) ({name}{selector})"):
                    values = self._of(labels).values
                    values.setdefault(metric.key, value * metric.factor)

    def _read_labels(self, selector: str, names: Names) -> None:
        """Read labels and times, of one metric where all devices have it."""
        for metric in self._exporter.metrics:
            if all(each.time is not None for each in self._series.values()):
                return
            for name in names.get(metric.name, ()):
                for labels, time in self._query(f"timestamp({name}{selector})"):
                    each = self._of(labels)
                    if each.time is None or time > each.time:
                        each.labels, each.time, each.holders = labels, time, [labels]
                    elif time == each.time:
                        each.holders.append(labels)

    def _date(self, heartbeats: list[Sample]) -> None:
        """Put the time of a node's heartbeat in the place of that of the scrape."""
        times = {self._key(labels)[:3]: value for labels, value in heartbeats}
        for key, each in self._series.items():
            if each.time is not None:
                # Without a heartbeat, nobody knows that it is of now.
                each.time = times.get(key[:3], 0)

    def _of(self, labels: Labels) -> Series:
        key = self._key(labels)
        return self._series.get(key) or self._series.setdefault(
            key, Series(key, labels)
        )

    def _key(self, labels: Labels) -> Key:
        exporter = self._exporter
        part = labels.get(exporter.part, "") if exporter.part else ""
        return Key(
            cluster=labels.get(self._cluster, ""),
            target=labels.get("instance", ""),
            host=next(filter(None, map(labels.get, NAMES)), ""),
            number=labels.get(exporter.number, ""),
            part="" if part in exporter.undivided else part,
        )

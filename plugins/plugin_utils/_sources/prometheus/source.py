# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source Prometheus: devices, RDMA ports, storage, and Kubernetes' workloads.

One query for each metric, for the whole fleet.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ....module_utils._node import xid_catalog
from ..._fleet.types import Consumer, Measured, Record, Schedule, Storage, Telemetry
from ..base import HTTP, Source, no_telemetry, wrong_http
from ..failure import SourceError
from . import devices, exporters, kube_state, workloads
from .api import Labels, Prometheus, Sample
from .exporters import EXPORTERS
from .labels import Places, pci_address
from .ports import ports
from .series import Query, Reader

CLUSTER = "cluster"
"""Label of the name of a series' cluster, as Thanos and Mimir usually have it."""

_OPTIONS: Record = {
    "url": {"type": "str"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "matchers": {"type": "str"},
    "cluster_label": {"type": "str", "default": CLUSTER},
    **HTTP,
}

ARGUMENT_SPEC: Record = {
    **_OPTIONS,
    "url": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 20},
    "cluster": {"type": "str"},
}
"""Where a server is, for plugins that read no other source."""

_XIDS = "DCGM_EXP_XID_ERRORS_COUNT"
_XID_TIMES = "gpufleet_xid_timestamp_seconds"


def read(options: Record, timeout: float) -> Telemetry:
    """Read the metrics of all exporters.

    Args:
        options: As `api.Prometheus` takes them; `cluster`, the name of the cluster of
            all that is read; `cluster_label`, the label that names the cluster of each
            series; and `workloads`, whether to read kube-state-metrics where it is,
            which is the default.
        timeout: Seconds for all requests together.

    Raises:
        SourceError: It did not answer at all.
    """
    warnings: list[str] = []
    server = Prometheus(options, timeout, warnings.append)
    names = set(server.names())
    label = options.get("cluster_label") or CLUSTER

    def query(text: str) -> list[Sample]:
        try:
            return server.query(text)
        except SourceError as error:
            warnings.append(f"{text.partition('{')[0]}...: {error}")
            return []

    places = Places(label, kube_state.pods(server, names, query))
    measured = _devices(server, names, query, places, warnings.append)
    if _XIDS in names:
        # Those of the window for which dcgm-exporter counts them.
        counted = query(f"{_XIDS}{server.selector()} > 0")
        windows = [(each, _window(each)) for each, _count in counted]
        measured += _xids("nvidia", windows, places)
    if _XID_TIMES in names:
        measured += _xids(
            "gpufleet", query(f"time() - {_XID_TIMES}{server.selector()}"), places
        )
    if "node_infiniband_state_id" in names:
        measured += ports(server, names, query, places)
    schedules: list[Schedule] = []
    if options.get("workloads", True) and "kube_node_status_capacity" in names:
        schedules = workloads.schedules(server, label)
        warnings += workloads.strange(query, server)
    storage = _storage(server, query) if "juicefs_total_space" in names else None
    measured, schedules = _of_clusters(
        options.get("cluster"), label, measured, schedules, warnings.append
    )
    return Telemetry(
        measured=measured,
        schedules=schedules,
        storage=storage,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _of_clusters(
    wanted: str | None,
    label: str,
    measured: list[Measured],
    schedules: list[Schedule],
    warn: t.Callable[[str], None],
) -> tuple[list[Measured], list[Schedule]]:
    """Return what was read, with the name that the user has for its cluster.

    Where series are of several clusters, it is what is of the one that the user names,
    or else all of it, each with the name in its label.
    """
    named = {*(one.cluster for one in measured), *(one.cluster for one in schedules)}
    named.discard(None)
    if wanted is None:
        return measured, [replace(one, labeled=bool(one.cluster)) for one in schedules]
    if wanted not in named and len(named) > 1:
        listed = ", ".join(sorted(filter(None, named))[:5])
        warn(
            f"cluster: {wanted} is none of {listed}, which the label {label} says. "
            "Narrow it down by matchers, or leave out cluster"
        )
        return measured, [replace(one, labeled=bool(one.cluster)) for one in schedules]
    if wanted in named:
        # What no label names may be of any cluster, but for kube-state-metrics.
        measured = [one for one in measured if one.cluster in (None, wanted)]
        schedules = [one for one in schedules if one.cluster in (None, wanted)]
    else:
        measured = [replace(one, cluster=None) for one in measured]
    return measured, [_renamed(one, wanted) for one in schedules]


def _renamed(schedule: Schedule, cluster: str) -> Schedule:
    rows: list[Consumer] = [{**row, "cluster": cluster} for row in schedule.consumers]
    return replace(schedule, cluster=cluster, consumers=rows)


def _check(options: Record) -> str | None:
    return wrong_http(options) if options["url"] else ".url: Prometheus' is missing"


def _prepare(options: Record, types: t.Collection[str]) -> Record:
    # Kubernetes itself knows better than what Prometheus has heard of it.
    return {**options, "workloads": "kubernetes" not in types}


SOURCE = Source(
    type="prometheus",
    options=_OPTIONS,
    check=_check,
    prepare=_prepare,
    read=read,
    failed=no_telemetry,
)


def _devices(
    server: Prometheus,
    names: set[str],
    query: Query,
    places: Places,
    warn: t.Callable[[str], None],
) -> list[Measured]:
    """Nodes with the devices that the exporters have measured."""
    measured: list[Measured] = []
    for exporter in EXPORTERS:
        metrics = exporter.names(names)
        if metrics:
            series = Reader(server, exporter, query, places.label).read(metrics)
            measured += devices.measured(exporter, series, places, warn)
            if not series:
                _warn_of_unnumbered(server, query, exporter, metrics, warn)
    for name, who in exporters.unread(names).items():
        if query(f"count({name}{server.selector()})"):
            warn(
                f"metrics such as {name} ({who}) are not read; {exporters.REMEDY}, or "
                "use the role node_telemetry"
            )
    return measured


def _warn_of_unnumbered(
    server: Prometheus,
    query: Query,
    exporter: exporters.Exporter,
    metrics: dict[str, list[str]],
    warn: t.Callable[[str], None],
) -> None:
    """Warn of series that don't say of which device they are."""
    name = next(iter(metrics.values()))[0]
    if query(f"count({name}{server.selector()})"):
        warn(
            f"series of {name} have no label {exporter.number}, so their devices are "
            f"not known; {exporters.REMEDY}"
        )


def _xids(
    exporter: str,
    samples: t.Iterable[tuple[Labels, float | None]],
    places: Places,
) -> list[Measured]:
    """XIDs that an exporter has counted, each with its age in seconds."""
    measured = []
    for labels, age in samples:
        event = {
            "type": labels.get("type") or xid_catalog.XID,
            "code": _integer(labels.get("xid", "")),
            "pci_bus_id": pci_address(labels.get("pci_bus_id", "")),
            # Clocks of two machines differ a little.
            "age_seconds": None if age is None else max(0.0, age),
            "action": labels.get("action"),
        }
        place = places.of(labels)
        measured.append(
            Measured(
                name=place.name,
                aliases=place.aliases,
                target=place.target,
                cluster=places.cluster(labels) or None,
                exporter=exporter,
                facts={"devices": [], "xid_events": [event]},
            )
        )
    return measured


def _integer(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _window(labels: Labels) -> float | None:
    """Seconds that an XID is old at most: dcgm-exporter counts those of a window."""
    milliseconds = _integer(labels.get("window_size_in_ms", ""))
    return None if milliseconds is None else milliseconds / 1000


def _storage(server: Prometheus, query: Query) -> Storage | None:
    """Space of all JuiceFS volumes; every mount of a volume has a series."""

    def total(metric: str) -> int | None:
        samples = query(f"sum(max by (vol_name) ({metric}{server.selector()}))")
        return int(samples[0].value) if samples else None

    return {
        "total_bytes": total("juicefs_total_space"),
        "used_bytes": total("juicefs_used_space"),
    }

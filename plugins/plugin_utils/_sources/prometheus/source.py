# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source Prometheus: devices, RDMA ports, storage, and Kubernetes' workloads.

One query for each metric, for the whole fleet.
"""

from __future__ import annotations

import typing as t

from ....module_utils._node import xid_catalog
from ..._fleet.types import Measured, Record, Schedule, Storage, Telemetry
from ..base import TLS, Source, no_telemetry
from ..failure import SourceError
from . import devices, series
from .api import Labels, Prometheus, Sample
from .exporters import EXPORTERS
from .labels import address_of, aliases_of, host_name
from .ports import ports
from .series import Query
from .workloads import schedule as schedule_of

_OPTIONS: Record = {
    "url": {"type": "str"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "matchers": {"type": "str"},
    **TLS,
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
        options: As `api.Prometheus` takes them; `cluster`, the name of the Kubernetes
            cluster of kube-state-metrics; and `workloads`, whether to read
            kube-state-metrics where it is, which is the default.
        timeout: Seconds for all requests together.

    Raises:
        SourceError: It did not answer at all.
    """
    warnings: list[str] = []
    server = Prometheus(options, timeout, warnings.append)
    names = set(server.names())

    def query(text: str) -> list[Sample]:
        try:
            return server.query(text)
        except SourceError as error:
            warnings.append(f"{text.partition('{')[0]}...: {error}")
            return []

    measured = _devices(server, names, query, warnings.append)
    if _XIDS in names:
        # Those of the window for which dcgm-exporter counts them.
        counted = query(f"{_XIDS}{server.selector()} > 0")
        measured += _xids("nvidia", ((labels, None) for labels, _count in counted))
    if _XID_TIMES in names:
        aged = query(f"time() - {_XID_TIMES}{server.selector()}")
        measured += _xids("gpufleet", aged)
    if "node_infiniband_state_id" in names:
        measured += ports(server, names, query)
    schedules: list[Schedule] = []
    if options.get("workloads", True) and "kube_node_status_capacity" in names:
        schedules = [schedule_of(server, query, options.get("cluster"))]
    storage = _storage(server, query) if "juicefs_total_space" in names else None
    return Telemetry(
        measured=measured,
        schedules=schedules,
        storage=storage,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _check(options: Record) -> str | None:
    return None if options["url"] else ".url: Prometheus' is missing"


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
    server: Prometheus, names: set[str], query: Query, warn: t.Callable[[str], None]
) -> list[Measured]:
    """Nodes with the devices that the exporters have measured."""
    measured: list[Measured] = []
    for exporter in EXPORTERS:
        metrics = exporter.names(names)
        if metrics:
            each = series.read(server, exporter, query, metrics)
            measured += devices.measured(exporter, each, warn)
    return measured


def _xids(
    exporter: str, samples: t.Iterable[tuple[Labels, float | None]]
) -> list[Measured]:
    """XIDs that an exporter has counted, each with its age in seconds."""
    measured = []
    for labels, age in samples:
        code = _code(labels.get("xid", ""))
        event = {
            "code": code,
            "pci_bus_id": labels.get("pci_bus_id"),
            "age_seconds": age,
            "action": xid_catalog.ACTIONS.get(code or 0),
        }
        measured.append(
            Measured(
                name=host_name(labels),
                aliases=aliases_of(labels),
                target=address_of(labels),
                exporter=exporter,
                facts={"devices": [], "xid_events": [event]},
            )
        )
    return measured


def _code(text: str) -> int | None:
    """The code of an XID; they have up to three digits."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _storage(server: Prometheus, query: Query) -> Storage | None:
    """Space of all JuiceFS volumes; every mount of a volume has a series."""

    def total(metric: str) -> int | None:
        samples = query(f"sum(max by (vol_name) ({metric}{server.selector()}))")
        return int(samples[0].value) if samples else None

    return {
        "total_bytes": total("juicefs_total_space"),
        "used_bytes": total("juicefs_used_space"),
    }

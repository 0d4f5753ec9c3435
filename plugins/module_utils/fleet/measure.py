# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with what a system of measurements knows of them: pure, on plain data."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta, timezone

from . import join, state
from .fleet import Host
from .model import Record

_LATE = timedelta(seconds=60)
"""What was told so much before the newest is of an exporter that is gone."""


def measure(
    hosts: t.Sequence[Host],
    measured: t.Sequence[join.Measured],
    now: datetime | None = None,
    stale_after: float = state.STALE_AFTER,
) -> list[Host]:
    """Give hosts what was measured of them.

    A node is the host that has its name or one of its addresses, or its name up to the
    first dot; one that no host is stands as a host of its own. Facts that tell of now
    stay, and only what they lack is added; else the measured ones take their place.

    Args:
        hosts: All hosts.
        measured: What was measured, of a host any number of times.
        now: The time, with its zone; the clock's without it.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
    """
    now = now or datetime.now(timezone.utc)
    find = join.finder(hosts)
    told: dict[str, list[Record]] = {}
    for one in measured:
        name = find((one.name, *one.aliases)) or one.name
        told.setdefault(name, []).append(one.facts)
    known = {host.name: host for host in hosts}
    for name, found in told.items():
        host = known.setdefault(name, Host(name))
        facts = _merged(found)
        if state.unusable(host.facts, now, stale_after) is None:
            facts = _completed(host.facts or {}, facts)
        known[name] = host._replace(facts=facts)
    return list(known.values())


def _merged(told: list[Record]) -> Record:
    """One record of several exporters' of a node; of what two tell, the newer."""
    times = [state.moment_of(facts.get("gathered_at")) for facts in told]
    newest = max((one for one in times if one), default=None)
    old = datetime.min.replace(tzinfo=timezone.utc)
    in_order = sorted(
        zip(times, range(len(told)), told),
        key=lambda each: (each[0] or old, -each[1]),
        reverse=True,
    )
    devices: dict[t.Any, Record] = {}
    found: Record = {"gathered_at": newest and newest.isoformat()}
    for moment, _number, facts in in_order:
        if moment and newest and newest - moment > _LATE:
            continue
        for device in facts["devices"]:
            same = device["uuid"] or (device["vendor"], device["index"])
            devices[same] = _filled(devices.get(same, {}), device)
        for key in ("rdma_ports", "xid_events"):
            if facts.get(key) is not None:
                found[key] = [*found.get(key, []), *facts[key]]
    listed = sorted(
        devices.values(), key=lambda device: (device["index"], device["vendor"] or "")
    )
    if len({device["index"] for device in listed}) < len(listed):
        # Each vendor counts its own from 0.
        listed = [{**device, "index": index} for index, device in enumerate(listed)]
    return {**found, "devices": listed}


def _filled(device: Record, more: Record) -> Record:
    """A device with what it lacked."""
    lacking = {key for key, value in device.items() if value in (None, [])}
    return {
        **device,
        **{k: v for k, v in more.items() if k not in device or k in lacking},
    }


def _completed(facts: Record, measured: Record) -> Record:
    """Facts with what they lack: ports, and the pods that hold devices."""
    pods = {
        ident: device["pods"]
        for device in measured["devices"]
        for ident in (device["uuid"], device["pci_bus_id"])
        if ident
    }
    devices = [
        {
            **device,
            "pods": pods.get(device.get("uuid")) or pods.get(device["pci_bus_id"], []),
        }
        for device in facts["devices"]
    ]
    more: Record = {"devices": devices}
    for listed in ("rdma_ports", "xid_events"):
        if facts.get(listed) is None and listed in measured:
            more[listed] = measured[listed]
    return {**facts, **more}


def assign(joined: join.Joined) -> join.Joined:
    """Tell the devices of Kubernetes' workloads, where the devices tell their pods.

    A workload has them where all its pods are found; a node's schedule where there are
    as many as are given out.
    """
    held: dict[tuple[str | None, str, str], list[tuple[str, int]]] = {}
    hosts = []
    for host in joined.hosts:
        indexes = []
        cluster = join.cluster_of(host)
        clusters = [None, cluster] if cluster else [None]
        for device in (host.facts or {}).get("devices") or []:
            pods = device.get("pods") or []
            if pods:
                indexes.append(device["index"])
            for namespace, pod in pods:
                for one in clusters:
                    of_pod = held.setdefault((one, namespace, pod), [])
                    of_pod.append((host.name, device["index"]))
        offers = tuple(_with_devices(one, indexes) for one in host.offers)
        hosts.append(host._replace(offers=offers))
    rows = []
    for row in joined.consumers:
        told = [
            held.get((row["cluster"], row["namespace"], pod["name"]), [])
            for pod in (row["pods"] if row["source"] == "k8s" else [])
        ]
        devices = [device for of_pod in told for device in of_pod]
        rows.append({**row, "devices": devices} if told and all(told) else row)
    return joined._replace(hosts=hosts, consumers=rows)


def _with_devices(offer: state.Offer, indexes: list[int]) -> state.Offer:
    counts = offer.devices is None and offer.allocated == len(indexes)
    return offer._replace(devices=tuple(indexes)) if counts and indexes else offer

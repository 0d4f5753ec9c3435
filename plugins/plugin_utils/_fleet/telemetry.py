# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with what systems of measurements know of them."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from . import matching, state
from .readings import Measurement
from .types import Consumer, Device, Facts, Host, Offer, Port, Record, XidEvent
from .values import Warn, shown

LATE = 60.0
"""Seconds; what is so much older than the newest is of an exporter that is gone."""


def measure(
    hosts: Sequence[Host],
    measured: Sequence[Measurement],
    now: datetime,
    warn: Warn,
    stale_after: float = state.STALE_AFTER,
) -> list[Host]:
    """Return hosts with what was measured of them.

    A node is the host that has its name or one of its addresses, or its name up to the
    first dot; one that no host is stands as a host of its own. Facts that tell of now
    stay, and only what they lack is added; else the measured ones take their place.

    Args:
        hosts: All hosts.
        measured: What was measured, of a host any number of times.
        now: The time, with its zone.
        warn: Takes warnings.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
    """
    known = {host.name: host for host in hosts}
    for name, listed in _by_host(hosts, measured, warn).items():
        host = known.get(name) or Host(name)
        facts = _merged(listed)
        if host.facts and state.unusable(host.facts, now, stale_after) is None:
            facts = _completed(host.facts, facts)
        known[name] = replace(host, facts=facts)
    return list(known.values())


def _by_host(
    hosts: Sequence[Host], measured: Sequence[Measurement], warn: Warn
) -> dict[str, list[Facts]]:
    """Return what was measured of each host.

    An exporter can set labels that name another node. What contradicts itself, or the
    target that is certainly the node's, is of nobody.
    """
    find = matching.finder(hosts)
    by_exporter: dict[tuple[str, str], dict[str, list[Facts]]] = {}
    texts: list[str] = []
    for each in measured:
        claims = {find((name,)) for name in (each.name, *each.aliases)} - {None}
        if len(claims) > 1:
            names = ", ".join(sorted(filter(None, claims)))
            texts.append(f"{shown(each.target)} names several nodes ({names})")
            continue
        name = next(iter(claims), None) or each.name
        targets = by_exporter.setdefault((name, each.exporter), {})
        targets.setdefault(each.target, []).append(each.facts)
    by_host: dict[str, list[Facts]] = {}
    for (name, _exporter), targets in by_exporter.items():
        sure = {target for target in targets if target and find((target,)) == name}
        kept = sure or _present(targets)
        if len(kept) > 1 and not sure:
            kept = set()
        texts += [
            f"{shown(target)} names {name}, as another target does"
            for target in sorted(_present(targets) - kept)
        ]
        for target in kept:
            by_host.setdefault(name, []).extend(targets[target])
    for text in dict.fromkeys(texts):
        warn(f"prometheus: target {text}; what it exports is left out")
    return by_host


def _present(targets: dict[str, list[Facts]]) -> set[str]:
    """Return the targets that are not gone."""
    listed = [facts for each in targets.values() for facts in each]
    present, _newest = _newest_first(listed)
    kept = {id(facts) for facts in present}
    return {
        target
        for target, each in targets.items()
        if any(id(facts) in kept for facts in each)
    }


def _merged(listed: list[Facts]) -> Facts:
    """Return the facts of several exporters as one; of what two know, the newer."""
    ranked, newest = _newest_first(listed)
    devices: dict[object, Device] = {}
    ports: list[Port] = []
    events: list[XidEvent] = []
    for facts in ranked:
        for device in facts.devices:
            same = device["uuid"] or (device["vendor"], device["index"])
            known = devices.get(same)
            devices[same] = _filled(known, device) if known else device
        ports += facts.ports or []
        events += facts.xid_events or []
    return Facts(
        gathered_at=newest.isoformat() if newest else None,
        devices=_numbered(list(devices.values())),
        are_of_devices=any(facts.devices for facts in ranked),
        ports=ports if any(facts.ports is not None for facts in ranked) else None,
        xid_events=events
        if any(facts.xid_events is not None for facts in ranked)
        else None,
    )


def _newest_first(listed: list[Facts]) -> tuple[list[Facts], datetime | None]:
    """Return facts without those of exporters that are gone, and the newest time.

    Facts that tell no time are the last.
    """
    times = [(state.moment_of(facts.gathered_at), facts) for facts in listed]
    newest = max((moment for moment, _facts in times if moment), default=None)
    old = datetime.min.replace(tzinfo=UTC)
    times.sort(key=lambda pair: pair[0] or old, reverse=True)  # keeps equals in order
    late = timedelta(seconds=LATE)
    present = [
        facts
        for moment, facts in times
        if not (moment and newest and newest - moment > late)
    ]
    return present, newest


def _numbered(devices: list[Device]) -> list[Device]:
    """Return devices in order; numbered anew if each vendor counts its own from 0."""
    devices.sort(key=lambda device: (device["index"], device["vendor"] or ""))
    if len({device["index"] for device in devices}) == len(devices):
        return devices
    return [{**device, "index": index} for index, device in enumerate(devices)]


def _filled(device: Device, older: Device) -> Device:
    """Return a device with what it lacked."""
    lacking = {
        key: value
        for key, value in older.items()
        if t.cast(Record, device).get(key) in (None, [])
    }
    return t.cast("Device", {**device, **lacking})


def _completed(facts: Facts, measured: Facts) -> Facts:
    """Return facts with what they lack: ports, and the pods that hold devices."""
    pods = {
        ident: device.get("pods", [])
        for device in measured.devices
        for ident in (device["uuid"], device["pci_bus_id"])
        if ident
    }
    devices: list[Device] = [
        {
            **device,
            "pods": pods.get(device["uuid"] or "")
            or pods.get(device["pci_bus_id"] or "", []),
        }
        for device in facts.devices
    ]
    return replace(
        facts,
        devices=devices,
        ports=measured.ports if facts.ports is None else facts.ports,
        xid_events=measured.xid_events
        if facts.xid_events is None
        else facts.xid_events,
    )


_Pod = tuple[str | None, str, str]
"""Cluster, namespace and name."""


def assign(joined: matching.Joined) -> matching.Joined:
    """Return Kubernetes' workloads with their devices, if the devices know their pods.

    A workload has them if all its pods are found; a node's offer if there are as many
    as are given out.
    """
    devices_of: dict[_Pod, list[tuple[str, int]]] = {}
    hosts = []
    for host in joined.hosts:
        indexes = [index for index, _pods in _held(host)]
        for index, pods in _held(host):
            for cluster in dict.fromkeys((None, matching.cluster_of(host))):
                for namespace, pod in pods:
                    key = (cluster, namespace, pod)
                    devices_of.setdefault(key, []).append((host.name, index))
        offers = tuple(_with_devices(offer, indexes) for offer in host.offers)
        hosts.append(replace(host, offers=offers) if indexes else host)
    rows = [_with_pods(row, devices_of) for row in joined.consumers]
    return replace(joined, hosts=hosts, consumers=rows)


def _held(host: Host) -> t.Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield indexes of the devices that pods hold, with these pods."""
    for device in host.facts.devices if host.facts else []:
        pods = device.get("pods")
        if pods:
            yield device["index"], pods


def _with_pods(
    row: Consumer, devices_of: dict[_Pod, list[tuple[str, int]]]
) -> Consumer:
    """Return a workload with its devices, if all its pods' devices are known."""
    if row["source"] != "k8s" or not row["pods"]:
        return row
    cluster, namespace = row.get("cluster"), row["namespace"] or ""
    held = [
        devices_of.get((cluster, namespace, str(pod.get("name") or "")), [])
        for pod in row["pods"]
    ]
    if not all(held):
        return row
    return {**row, "devices": [device for devices in held for device in devices]}


def _with_devices(offer: Offer, indexes: list[int]) -> Offer:
    if offer.devices is not None or not indexes or offer.allocated != len(indexes):
        return offer
    return replace(offer, devices=tuple(indexes))

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
from .matching import in_cluster, new_key
from .readings import Measurement
from .recognition import Finder, cluster_of
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
    foreign: bool = False,
) -> list[Host]:
    """Return hosts with what was measured of them.

    A node is the host that has its name or one of its addresses, or its name up to the
    first dot, in its cluster where its series name one; one that no host is stands as a
    host of its own. Facts that tell of now stay, and only what they lack is added; else
    the measured ones take their place.

    Args:
        hosts: All hosts.
        measured: What was measured, of a host any number of times.
        now: The time, with its zone.
        warn: Takes warnings.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
        foreign: Whether labels have names of their own for clusters.
    """
    known = {host.key: host for host in hosts}
    locate = _Locator(hosts, foreign)
    by_node = _once(_by_node(locate, measured, warn), set(known), warn)
    for node, listed in by_node.items():
        facts = _merged(listed)
        host = known.get(node.key or "")
        if host is None:
            key = new_key(node.name, node.cluster, known)
            host = in_cluster(Host(node.name, key=key), node.cluster)
        if host.facts and state.unusable(host.facts, now, stale_after) is None:
            facts = _completed(host.facts, facts)
        known[host.key] = replace(host, facts=facts)
    return list(known.values())


class _Node(t.NamedTuple):
    """What was measured: the host with a key, or else a node that no host is."""

    key: str | None
    cluster: str | None
    name: str


_Target = tuple[str | None, str]
"""Where something was measured: name of the cluster, and address."""


def _by_node(
    locate: _Locator, measured: Sequence[Measurement], warn: Warn
) -> dict[_Node, list[Facts]]:
    """Return what was measured of each node.

    An exporter can set labels that name another node. What contradicts itself, or the
    target that is certainly the node's, is of nobody.
    """
    by_exporter: dict[tuple[_Node, str], dict[_Target, list[Facts]]] = {}
    texts: list[str] = []
    for each in measured:
        node, problem = locate.node(each)
        if node is None:
            texts.append(f"{shown(each.target)} {problem}")
            continue
        targets = by_exporter.setdefault((node, each.exporter), {})
        targets.setdefault((each.cluster, each.target), []).append(each.facts)
    by_node: dict[_Node, list[Facts]] = {}
    for (node, _exporter), targets in by_exporter.items():
        sure = {target for target in targets if locate.is_at(target, node)}
        kept = sure or _present(targets)
        of_one = len({cluster for cluster, _address in kept}) == 1
        if not of_one or (len(kept) > 1 and not sure):
            kept = set()
        texts += [
            f"{shown(target[1])} names {node.name}, as another target does"
            for target in sorted(_present(targets) - kept, key=lambda one: one[1])
        ]
        for target in kept:
            by_node.setdefault(node, []).extend(targets[target])
    for text in dict.fromkeys(texts):
        warn(f"prometheus: target {text}; what it exports is left out")
    return by_node


class _Locator:
    """Finds the host of a measurement.

    Args:
        hosts: The hosts.
        foreign: Whether labels have names of their own for clusters.
    """

    def __init__(self, hosts: Sequence[Host], foreign: bool) -> None:
        self._finder = Finder(hosts)
        self._foreign = foreign

    def node(self, measured: Measurement) -> tuple[_Node | None, str]:
        """Return what was measured; or None, and why nobody can tell."""
        cluster = self._cluster(measured.cluster)
        names = (measured.name, *measured.aliases)
        keys = {self._find(name, measured.cluster) for name in names} - {None}
        if len(keys) > 1:
            listed = ", ".join(sorted(filter(None, keys)))
            return None, f"names several nodes ({listed})"
        key = next(iter(keys), None)
        if key is None:
            for name in (measured.name, measured.target):
                several = self._finder.several(name, cluster)
                if several:
                    listed = ", ".join(sorted(filter(None, map(cluster_of, several))))
                    return None, f"names {name}, as several nodes are ({listed})"
            return _Node(None, measured.cluster, measured.name), ""
        return _Node(key, None, key), ""

    def is_at(self, target: _Target, node: _Node) -> bool:
        """Return whether the address of a target is certainly a host's."""
        cluster, address = target
        if not address or node.key is None:
            return False
        return self._find(address, cluster) == node.key

    def _find(self, name: str, label: str | None) -> str | None:
        """Return the key of a host; of one with the very label, even if that is odd."""
        exact = self._finder.find_in(name, label) if label and self._foreign else None
        return exact or self._finder.find(name, self._cluster(label))

    def _cluster(self, label: str | None) -> str | None:
        return None if self._foreign else label


def _once(
    by_node: dict[_Node, list[Facts]], known: set[str], warn: Warn
) -> dict[_Node, list[Facts]]:
    """Return what was measured without devices that are there under two names.

    An exporter whose node nobody knows, such as one that names its pod, has measured
    the devices of a node that another one names. Those of a host count.
    """
    owners: dict[str, _Node] = {}
    kept: dict[_Node, list[Facts]] = {}
    for node in sorted(by_node, key=lambda node: (node.key not in known, node.name)):
        uuids = {
            device["uuid"]
            for facts in by_node[node]
            for device in facts.devices
            if device["uuid"]
        }
        other = next((owners[uuid] for uuid in sorted(uuids) if uuid in owners), None)
        if other is None or node.key in known:
            kept[node] = by_node[node]
            for uuid in uuids:
                owners.setdefault(uuid, node)
        else:
            warn(
                f"prometheus: {node.name} has the devices of {other.name}; they are "
                "counted once"
            )
    return kept


def _present(targets: dict[_Target, list[Facts]]) -> set[_Target]:
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
    devices: list[Device] = []
    ports: dict[object, Port] = {}
    events: dict[object, XidEvent] = {}
    for facts in ranked:
        own = len(devices)
        for device in facts.devices:
            # Of one exporter's devices no two are the same.
            same = _position(device, devices[:own])
            if same is None:
                devices.append(device)
            else:
                devices[same] = _filled(devices[same], device)
        for port in facts.ports or []:
            same_port = (port.device, port.port) if port.device else len(ports)
            ports.setdefault(same_port, port)
        for event in facts.xid_events or []:
            _add_event(events, event)
    return Facts(
        gathered_at=newest.isoformat() if newest else None,
        devices=_numbered(devices),
        are_of_devices=any(facts.devices for facts in ranked),
        ports=list(ports.values())
        if any(facts.ports is not None for facts in ranked)
        else None,
        xid_events=list(events.values())
        if any(facts.xid_events is not None for facts in ranked)
        else None,
    )


def _add_event(events: dict[object, XidEvent], event: XidEvent) -> None:
    """Add an event, of two readings of the same one the younger."""
    key = (event.type, event.code, event.pci_bus_id)
    other = events.setdefault(key, event)
    ages = [each.age_seconds for each in (other, event) if each.age_seconds is not None]
    events[key] = replace(
        other, age_seconds=min(ages, default=None), action=other.action or event.action
    )


def _position(device: Device, others: list[Device]) -> int | None:
    """Return the place of a device among those that another exporter has measured."""
    for position, other in enumerate(others):
        if _is_same(device, other):
            return position
    return None


def _is_same(device: Device, other: Device) -> bool:
    """Return whether two records are of one device, by the surest that both know."""
    known = t.cast(Record, device), t.cast(Record, other)
    for key in ("pci_bus_id", "uuid", "serial"):
        one, two = (record[key] for record in known)
        if one and two:
            return bool(one == two)
    return (device["vendor"], device["index"]) == (other["vendor"], other["index"])


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


_Pod = tuple[str, str, str]
"""Key of the host, namespace and name."""


def assign(joined: matching.Joined) -> matching.Joined:
    """Return Kubernetes' workloads with their devices, if the devices know their pods.

    A workload has them if all its pods are found, each on the host that Kubernetes says
    it is on; a node's offer if there are as many as are given out.
    """
    devices_of: dict[_Pod, list[int]] = {}
    hosts = []
    for host in joined.hosts:
        indexes = []
        for index, pods in _held(host):
            indexes.append(index)
            for namespace, pod in pods:
                devices_of.setdefault((host.key, namespace, pod), []).append(index)
        offers = tuple(_with_devices(offer, indexes) for offer in host.offers)
        hosts.append(replace(host, offers=offers) if indexes else host)
    rows = [
        _with_pods(row, keys, devices_of)
        for row, keys in zip(joined.consumers, joined.keys, strict=True)
    ]
    return replace(joined, hosts=hosts, consumers=rows)


def _held(host: Host) -> t.Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield indexes of the devices that pods hold, with these pods."""
    for device in host.facts.devices if host.facts else []:
        pods = device.get("pods")
        if pods:
            yield device["index"], pods


def _with_pods(
    row: Consumer, keys: matching.Keys, devices_of: dict[_Pod, list[int]]
) -> Consumer:
    """Return a workload with its devices, if all its pods' devices are known."""
    if row["source"] != "k8s" or not row["pods"] or not devices_of:
        return row
    held: list[tuple[str, int]] = []
    for pod in row["pods"]:
        key = keys.get(str(pod.get("node") or ""), "")
        ident = (key, row["namespace"] or "", str(pod.get("name") or ""))
        indexes = devices_of.get(ident)
        if not indexes:
            return row
        held += [(key, index) for index in indexes]
    return {**row, "devices": held}


def _with_devices(offer: Offer, indexes: list[int]) -> Offer:
    if offer.devices is not None or not indexes or offer.allocated != len(indexes):
        return offer
    return replace(offer, devices=tuple(indexes))

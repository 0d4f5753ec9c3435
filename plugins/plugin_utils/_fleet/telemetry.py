# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with what systems of measurements know of them."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from . import state
from .hosts import in_cluster, new_key
from .merging import completed, merged, newest_first
from .readings import Measurement
from .recognition import Finder, cluster_of
from .types import Facts, Host
from .values import Warn, shown


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
        facts = merged(listed)
        host = known.get(node.key or "")
        if host is None:
            key = new_key(node.name, node.cluster, known)
            host = in_cluster(Host(node.name, key=key), node.cluster)
        if host.facts and state.unusable(host.facts, now, stale_after) is None:
            facts = completed(host.facts, facts)
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
    present, _newest = newest_first(listed)
    kept = {id(facts) for facts in present}
    return {
        target
        for target, each in targets.items()
        if any(id(facts) in kept for facts in each)
    }

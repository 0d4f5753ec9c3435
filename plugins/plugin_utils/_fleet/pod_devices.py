# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of Kubernetes with the devices that they hold, as exporters tell."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from . import matching
from .types import Consumer, Host, Offer

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

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes and pods of Kubernetes, as far as devices are concerned."""

from __future__ import annotations

import re
import typing as t

from ..._fleet.types import Offer, Record, Scheduled
from ..partial import text
from .owners import Owner, owner_of
from .resources import IsDevice, counts, requests
from .shares import anywhere, shares

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Node(t.NamedTuple):
    """A node.

    Attributes:
        name: Its name.
        provider_id: Id of its server, None where no cloud has set it.
        aliases: Its addresses.
        capacity: How many devices it has, None where not known.
        missing: How many of these can't be allocated.
        shares: How much of a device one unit of each resource is.
        cordoned: Whether it takes no new pods.
        not_ready: Why it is not ready, and since when; None where it is.
    """

    name: str
    provider_id: str | None
    aliases: tuple[str, ...]
    capacity: float | None
    missing: float
    shares: dict[str, float]
    cordoned: bool
    not_ready: tuple[str, str | None] | None

    @classmethod
    def of(cls, raw: Record, is_device: IsDevice) -> Node | None:
        """Read a node; None where it has no devices."""
        metadata, spec = raw["metadata"], raw.get("spec") or {}
        status = raw.get("status") or {}
        units = counts(status.get("capacity"), is_device)
        allocatable = counts(status.get("allocatable"), is_device)
        fractions = shares(units, metadata.get("labels") or {})
        capacity = sum(count * fractions[name] for name, count in units.items())
        if not capacity:
            return None
        missing = sum(
            max(0, count - allocatable.get(name, 0)) * fractions[name]
            for name, count in units.items()
        )
        server = _UUID.search(spec.get("providerID") or "")
        return cls(
            name=text(metadata["name"]),
            provider_id=server.group() if server else None,
            aliases=tuple(each["address"] for each in status.get("addresses") or []),
            capacity=round(capacity, 3),
            missing=round(missing, 3),
            shares=fractions,
            cordoned=bool(spec.get("unschedulable")),
            not_ready=_not_ready(status),
        )

    @classmethod
    def unknown(cls, raw: Record) -> Node:
        """Return a node of which no more than its name can be read."""
        return cls(
            name=text(raw["metadata"]["name"]),
            provider_id=None,
            aliases=(),
            capacity=None,
            missing=0,
            shares={},
            cordoned=False,
            not_ready=None,
        )

    def scheduled(self, allocated: float | None) -> Scheduled:
        """Return the node with how many of its devices are given out."""
        if self.capacity is None:
            allocated = None
        faults: list[tuple[str, str, str | None]] = []
        if self.not_ready:
            faults.append(("not_ready", *self.not_ready))
        if self.missing:
            evidence = (
                f"{self.missing:g} devices can't be given out: their plugin says so"
            )
            faults.append(("not_allocatable", evidence, None))
        offer = Offer(
            source="kubernetes",
            capacity=self.capacity,
            allocated=None if allocated is None else round(allocated, 3),
            maintenance="cordoned" if self.cordoned else None,
            faults=tuple(faults),
        )
        return Scheduled(
            name=self.name,
            offer=offer,
            provider_id=self.provider_id,
            aliases=self.aliases,
        )


def _not_ready(status: Record) -> tuple[str, str | None] | None:
    """Why a node is not ready, and since when; None where it is."""
    ready = next(
        (each for each in status.get("conditions") or [] if each["type"] == "Ready"),
        {"status": "Unknown", "reason": "it has never said"},
    )
    if ready["status"] == "True":
        return None
    evidence = f"Ready is {ready['status']}: {ready.get('reason')}"
    return evidence, ready.get("lastTransitionTime")


def node_of(pod: Record) -> str | None:
    """Return the name of the node of a pod; None where it waits for one.

    Raises:
        ValueError: It is no name.
    """
    name = pod["spec"].get("nodeName")
    return text(name) if name else None


class Pod(t.NamedTuple):
    """A pod that requests devices.

    Attributes:
        name: Its name.
        namespace: Its namespace.
        uid: Its id.
        node: Name of its node, None where it waits for one.
        owner: Its controller, None where it has none.
        devices: Units that it requests, by name of the resource; None where it can't
            be read.
    """

    name: str
    namespace: str
    uid: str
    node: str | None
    owner: Owner | None
    devices: dict[str, int] | None

    @classmethod
    def of(cls, raw: Record, is_device: IsDevice) -> Pod | None:
        """Read a pod; None where it requests no devices, or has ended."""
        if (raw.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return None
        devices = requests(raw["spec"], is_device)
        if not devices:
            return None
        metadata = raw["metadata"]
        owner = owner_of(metadata)
        if owner and owner.kind == "Node":
            owner = None  # a static pod: it is its own
        return cls(
            name=text(metadata["name"]),
            namespace=text(metadata["namespace"]),
            uid=text(metadata["uid"]),
            node=node_of(raw),
            owner=owner,
            devices=devices,
        )

    @classmethod
    def unknown(cls, raw: Record) -> Pod:
        """Return a pod of which no more than its node can be read."""
        return cls(
            name="", namespace="", uid="", node=node_of(raw), owner=None, devices=None
        )

    @property
    def units(self) -> int:
        """How many units it requests."""
        return sum((self.devices or {}).values())

    def equivalent(self, node: Node | None) -> float | None:
        """Return how many devices that is, on its node or, without it, anywhere."""
        if self.devices is None:
            return None
        fractions = node.shares if node else {}
        return sum(
            count * (fractions[name] if name in fractions else anywhere(name))
            for name, count in self.devices.items()
        )

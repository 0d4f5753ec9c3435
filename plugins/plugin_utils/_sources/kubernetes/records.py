# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes and pods of Kubernetes, as far as devices are concerned."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ..._fleet.types import Offer, Record, Scheduled
from ..._fleet.units import Units
from ..partial import text
from . import hami, shares
from .claims import Claimed
from .owners import Owner, owner_of
from .resources import IsDevice, counts, names, requests

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_NOT_UNDERSTOOD = "what Kubernetes tells of the node is not understood"
_UNKNOWN_PODS = "it is not known what a pod on the node holds"


class Node(t.NamedTuple):
    """A node.

    Attributes:
        name: Its name.
        provider_id: Id of its server, None where no cloud has set it.
        aliases: Its addresses.
        machine: Id of its machine; None if it tells none.
        units: What it has; None if this is not known.
        withheld: How many devices of these can't be allocated.
        cards: The cards that HAMi shares there; None without HAMi.
        has_devices: Whether it is known for devices, even if it has none now.
        cordoned: Whether it takes no new pods.
        not_ready: Why it is not ready, and since when; None where it is.
    """

    name: str
    provider_id: str | None = None
    aliases: tuple[str, ...] = ()
    machine: str | None = None
    units: Units | None = None
    withheld: float = 0.0
    cards: hami.Cards | None = None
    has_devices: bool = True
    cordoned: bool = False
    not_ready: tuple[str, str | None] | None = None

    @classmethod
    def of(cls, raw: Record, is_device: IsDevice) -> Node:
        """Read a node."""
        metadata, spec = raw["metadata"], raw.get("spec") or {}
        status = raw.get("status") or {}
        labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
        capacity = counts(status.get("capacity"), is_device)
        allocatable = counts(status.get("allocatable"), is_device)
        units = shares.units(capacity, labels, notes) if capacity else Units()
        is_named = bool(capacity) or names(status.get("capacity"), is_device)
        server = _UUID.search(spec.get("providerID") or "")
        return cls(
            name=text(metadata["name"]),
            provider_id=server.group() if server else None,
            aliases=tuple(each["address"] for each in status.get("addresses") or []),
            machine=(status.get("nodeInfo") or {}).get("systemUUID") or None,
            units=units if capacity else shares.units({}, labels, notes),
            withheld=units.of(
                {
                    name: max(0, count - allocatable.get(name, 0))
                    for name, count in capacity.items()
                }
            ),
            cards=hami.cards(notes),
            has_devices=is_named or _is_labeled(labels),
            cordoned=bool(spec.get("unschedulable")),
            not_ready=_not_ready(status),
        )

    @classmethod
    def unknown(cls, raw: Record) -> Node:
        """Return a node of which no more than its name can be read."""
        return cls(name=text(raw["metadata"]["name"]))

    def scheduled(self, allocated: float | None, claimed: Claimed | None) -> Scheduled:
        """Return the node as a scheduler's.

        Args:
            allocated: How many devices its pods hold; None if this is not known.
            claimed: Devices there that are given out by resource claims; None if there
                are none.
        """
        offer = Offer(
            source="kubernetes",
            reason=None if self.units else _NOT_UNDERSTOOD,
            has_devices=self.has_devices,
            maintenance="cordoned" if self.cordoned else None,
            faults=(("not_ready", *self.not_ready),) if self.not_ready else (),
        )
        if self.units is not None:
            offer = replace(offer, **self._devices(allocated, claimed))
        return Scheduled(
            name=self.name,
            offer=offer,
            provider_id=self.provider_id,
            aliases=self.aliases,
        )

    def _devices(self, allocated: float | None, claimed: Claimed | None) -> Record:
        """Return what an offer says of the devices."""
        units = self.units or Units()
        capacity, most = units.devices, units.most
        if claimed:
            # Of those that a device plugin offers too, there are no more for it.
            capacity, most = max(capacity, claimed.count), max(most, claimed.count)
        elif allocated is None and not units.counts:
            # Given out by claims that are not known.
            return {"counted": units.counted, "reason": _UNKNOWN_PODS}
        listed = ", ".join(f"{n} of {name}" for name, n in units.counts.items())
        return {
            "capacity": round(capacity, 3),
            "most": round(most, 3),
            "counted": units.counted,
            "withheld": round(self.withheld, 3),
            "allocated": None if allocated is None else round(allocated, 3),
            "reason": _UNKNOWN_PODS if allocated is None else None,
            "units": listed or None,
            "unsized": bool(units.unsized),
            "has_devices": self.has_devices or claimed is not None,
        }


def _is_labeled(labels: Record) -> bool:
    """Return whether a feature discovery has found devices."""
    return labels.get("nvidia.com/gpu.present") == "true" or any(
        str(name).startswith("amd.com/gpu.") for name in labels
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
        claims: Names of its resource claims; None for one that was not made yet.
        sharing: What HAMi's scheduler takes from it.
        waits: Why it has no node, as its conditions say; empty where it has one.
    """

    name: str
    namespace: str
    uid: str
    node: str | None
    owner: Owner | None
    devices: dict[str, int] | None
    claims: tuple[str | None, ...] = ()
    sharing: hami.Request | None = None
    waits: str = ""

    @classmethod
    def of(cls, raw: Record, is_device: IsDevice) -> Pod | None:
        """Read a pod; None where it requests no devices, or has ended."""
        status, spec = raw.get("status") or {}, raw["spec"]
        if status.get("phase") in ("Succeeded", "Failed"):
            return None
        devices = requests(spec, is_device)
        claims = _claims(spec, status) if "resourceClaims" in spec else ()
        if not devices and not claims:
            return None
        if status.get("extendedResourceClaimStatus"):
            devices = {}  # the scheduler has made a claim of them
            claims = (*claims, status["extendedResourceClaimStatus"].get("name"))
        metadata = raw["metadata"]
        owner = owner_of(metadata)
        if owner and owner.kind == "Node":
            owner = None  # a static pod: it is its own
        node = node_of(raw)
        return cls(
            name=text(metadata["name"]),
            namespace=text(metadata["namespace"]),
            uid=text(metadata["uid"]),
            node=node,
            owner=owner,
            devices=devices,
            claims=claims,
            sharing=hami.request(spec, metadata.get("annotations") or {}),
            waits="" if node else _waits(spec, status),
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

    def equivalent(self, node: Node) -> float | None:
        """Return how many devices of a node its extended resources are."""
        if self.devices is None or node.units is None:
            return None
        if node.cards and hami.RESOURCE in self.devices:
            return hami.equivalent(
                self.devices[hami.RESOURCE], self.sharing, node.cards
            )
        return node.units.of(self.devices)


GATED = "SchedulingGated"


def _waits(spec: Record, status: Record) -> str:
    """Return why a pod has no node: the reason of its condition PodScheduled."""
    if spec.get("schedulingGates"):
        return GATED
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("reason"):
            return _word(condition["reason"])
    return "Unscheduled"


def _word(value: object) -> str:
    """Return a reason as its name; what is no name is `Unscheduled` too."""
    return value if isinstance(value, str) and value.isalnum() else "Unscheduled"


def _claims(spec: Record, status: Record) -> tuple[str | None, ...]:
    """Return the names of a pod's resource claims; None for one not made yet."""
    made = {
        each["name"]: each.get("resourceClaimName")
        for each in status.get("resourceClaimStatuses") or []
    }
    return tuple(
        each.get("resourceClaimName") or made.get(each["name"])
        for each in spec["resourceClaims"] or []
        # Of one that a template need not make, the name is there, and null.
        if each.get("resourceClaimName") or made.get(each["name"], "") is not None
    )

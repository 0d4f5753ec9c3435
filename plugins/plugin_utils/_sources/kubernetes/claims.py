# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices of Kubernetes' dynamic resource allocation (DRA).

Drivers publish their devices in ResourceSlices; the scheduler allocates them to
ResourceClaims, which pods name. Source: the API resource.k8s.io, v1beta1 to v1.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ....module_utils._schedulers.errors import SchedulerError
from ....module_utils._schedulers.kubernetes import JSON, Get, Refused, listed
from ..._fleet import partitions
from ..._fleet.types import Record
from ..partial import guarded, text
from .resources import IsDevice

_GROUP = "/apis/resource.k8s.io"
_VERSIONS = ("v1", "v1beta2", "v1beta1")

_DRIVER = re.compile(r"(?:v?gpu|npu|gaudi|tpu|dcu|mlu|xpu|gcu|mig)\..+")
"""Drivers, and classes, of accelerators. Drivers of networks and CPUs are others."""

_HINT = (
    ". It requires the right to list resourceclaims and resourceslices of "
    "resource.k8s.io, which the ClusterRole gpufleet:readers grants since 0.2.0"
)

Device = tuple[str, str, str]
"""Driver, pool and name of a device."""

Ident = tuple[str, str]
"""Namespace and name of a claim."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """Devices of a node that claims give out.

    Attributes:
        count: How many devices there are.
        allocated: How many of them are given out.
    """

    count: float
    allocated: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A resource claim.

    Attributes:
        ident: Its namespace and name.
        devices: What it was given; None if it was given nothing yet.
        wanted: How many devices it requests.
    """

    ident: Ident
    devices: tuple[Device, ...] | None
    wanted: int


@dataclass(frozen=True, slots=True)
class Claims:
    """All devices of dynamic resource allocation, and who claims them.

    Attributes:
        claims: The claims, by namespace and name.
        nodes: Node and size, as a fraction of a device, of each published device.
        counts: How many devices each node has.
    """

    claims: dict[Ident, Claim] = field(default_factory=dict)
    nodes: dict[Device, tuple[str, float]] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)

    def by_node(self) -> dict[str, Claimed]:
        """Return the devices of each node."""
        given = {
            device for claim in self.claims.values() for device in claim.devices or ()
        }
        allocated: dict[str, float] = {}
        for device in given & self.nodes.keys():
            node, size = self.nodes[device]
            allocated[node] = allocated.get(node, 0.0) + size
        return {
            node: Claimed(count, min(count, allocated.get(node, 0.0)))
            for node, count in self.counts.items()
        }

    def units(self, ident: Ident) -> int | None:
        """Return how many devices, or parts, a claim holds, or else wants.

        Returns:
            None if there is no such claim.
        """
        claim = self.claims.get(ident)
        if claim is None:
            return None
        return claim.wanted if claim.devices is None else len(claim.devices)

    def equivalent(self, ident: Ident) -> float:
        """Return how many devices that is."""
        claim = self.claims[ident]
        if claim.devices is None:
            return float(claim.wanted)
        # What no driver publishes any more is a device all the same.
        return sum(self.nodes.get(each, ("", 1.0))[1] for each in claim.devices)


def read(get: Get, is_device: IsDevice, warn: t.Callable[[str], None]) -> Claims | None:
    """Read slices and claims.

    Args:
        get: Sends the requests.
        is_device: Recognizes further drivers by their names.
        warn: Takes warnings.

    Returns:
        None if they could not be read. Where the cluster has no such API, there are
        none.
    """

    def is_ours(name: str) -> bool:
        return bool(_DRIVER.fullmatch(name) or is_device(name))

    try:
        root = _root(get)
        if root is None:
            return Claims()
        read_slice = guarded(_slice, "resource slice", warn)
        slices = listed(get, f"{root}/resourceslices", read_slice)
        read_claim = guarded(lambda raw: _claim(raw, is_ours), "resource claim", warn)
        claims = listed(get, f"{root}/resourceclaims", read_claim)
    except SchedulerError as error:
        is_forbidden = isinstance(error, Refused) and error.status == 403
        warn(f"resource claims are not known: {error}{_HINT if is_forbidden else ''}")
        return None
    found = Claims(claims={claim.ident: claim for claim in claims})
    for entry in _newest([each for each in slices if is_ours(each.driver)]):
        _add(found, entry)
    return found


class _Slice(t.NamedTuple):
    driver: str
    pool: str
    generation: int
    node: str | None
    devices: list[Record]


def _root(get: Get) -> str | None:
    """Return the API's root; None if the cluster does not serve its slices."""
    for version in _VERSIONS:
        root = f"{_GROUP}/{version}"
        try:
            resources = get(root, {}, JSON).get("resources") or []
        except Refused as error:
            if error.status == 404:
                continue
            raise
        if any(each.get("name") == "resourceslices" for each in resources):
            return root
    return None


def _slice(raw: Record) -> _Slice:
    spec = raw["spec"]
    pool = spec["pool"]
    return _Slice(
        driver=text(spec["driver"]),
        pool=text(pool["name"]),
        generation=int(pool.get("generation") or 0),
        node=spec.get("nodeName"),
        devices=list(spec.get("devices") or []),
    )


def _newest(slices: list[_Slice]) -> list[_Slice]:
    """Return the slices of the last generation of each pool."""
    last: dict[tuple[str, str], int] = {}
    for each in slices:
        key = (each.driver, each.pool)
        last[key] = max(last.get(key, 0), each.generation)
    return [each for each in slices if each.generation == last[each.driver, each.pool]]


def _add(found: Claims, entry: _Slice) -> None:
    """Add the devices of a slice; those of no node alone are nobody's."""
    if not entry.node:
        return
    whole: set[str] = set()
    for raw in entry.devices:
        attributes = (raw.get("basic") or raw).get("attributes") or {}
        values = {
            str(name).rpartition("/")[2]: next(iter(value.values()), None)
            for name, value in attributes.items()
        }
        name = text(raw["name"])
        size = partitions.profile(str(values.get("profile") or ""))
        parent = values.get("parentUUID") if size else values.get("uuid")
        product = values.get("productName")
        share = (
            partitions.part(size, str(product) if product else None) if size else 1.0
        )
        whole.add(str(parent or name))
        found.nodes[entry.driver, entry.pool, name] = (entry.node, share)
    found.counts[entry.node] = found.counts.get(entry.node, 0.0) + len(whole)


def _claim(raw: Record, is_ours: t.Callable[[str], bool]) -> Claim:
    """Return a claim. Access for administrators takes a device from nobody."""
    metadata = raw["metadata"]
    status = raw.get("status") or {}
    allocation = status.get("allocation")
    devices = None
    if allocation:
        results = (allocation.get("devices") or {}).get("results") or []
        devices = tuple(
            (text(each["driver"]), text(each["pool"]), text(each["device"]))
            for each in results
            if is_ours(each["driver"]) and not each.get("adminAccess")
        )
    wanted = (raw["spec"].get("devices") or {}).get("requests") or []
    return Claim(
        ident=(text(metadata["namespace"]), text(metadata["name"])),
        devices=devices,
        wanted=sum(_wanted(each, is_ours) for each in wanted),
    )


def _wanted(raw: Record, is_ours: t.Callable[[str], bool]) -> int:
    """Return how many devices a request is for; the first of alternatives counts."""
    first = next(iter(raw.get("firstAvailable") or []), None)
    exact = raw.get("exactly") or first or raw
    if exact.get("adminAccess") or not is_ours(str(exact.get("deviceClassName"))):
        return 0
    return int(exact.get("count") or 1)

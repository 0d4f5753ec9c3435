# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many devices a node has: the most that anybody says who knows devices.

The flavor, the labels of a feature discovery, and measurements count devices.
Schedulers count units: as many devices as those say, or the parts of so many.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .types import Host, Offer

_NEGLIGIBLE = 1e-3
"""Devices. Offers are rounded to so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The devices of a node.

    Attributes:
        devices: How many there are.
        measured: How many were measured just now; None if nothing was.
        declared: How many the flavor declares; 0 if it declares none.
        offers: What the schedulers say that can tell of devices.
        scales: By source: how many devices there are for one that it counts.
        warnings: What is odd.
    """

    devices: float
    measured: int | None = None
    declared: int = 0
    offers: tuple[Offer, ...] = ()
    scales: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def offered(self, offer: Offer) -> float:
        """Return how many devices a scheduler has."""
        return (offer.capacity or 0.0) * self.scales.get(offer.source, 1.0)

    def withheld(self, offer: Offer) -> float:
        """Return how many of these it gives to nobody."""
        return offer.withheld * self.scales.get(offer.source, 1.0)

    @property
    def available(self) -> float:
        """Return how many devices all who look have: schedulers, and measurements."""
        known = [
            self.offered(offer) - self.withheld(offer)
            for offer in self.offers
            if offer.capacity is not None
        ]
        if self.measured is not None:
            known.append(self.measured)
        return max(0.0, min(known, default=self.devices))

    @property
    def missing(self) -> float:
        """Return how many devices a scheduler, or measurements, lack."""
        known = [self.offered(offer) for offer in self.offers if offer.capacity]
        if self.measured is not None:
            known.append(self.measured)
        lacking = self.devices - min(known, default=self.devices)
        return lacking if lacking > _NEGLIGIBLE else 0.0

    def evidence(self) -> str:
        """Return who says how many devices there are."""
        counted = max((offer.counted or 0 for offer in self.offers), default=0)
        parts = [
            f"{self.measured} devices are there" if self.measured is not None else "",
            f"{self.declared} are declared" if self.declared else "",
            f"labels count {counted}" if counted else "",
            *(
                f"{offer.source} has {self.offered(offer):g}"
                for offer in self.offers
                if offer.capacity is not None
            ),
        ]
        return ", ".join(filter(None, parts))


def of(host: Host, declared: int, is_fresh: bool) -> Capacity:
    """Return how many devices a host has.

    Args:
        host: What the sources know of it.
        declared: How many its flavor declares; 0 if it declares none.
        is_fresh: Whether its facts tell of now. Devices don't vanish by themselves: old
            facts still tell how many there are.
    """
    offers = speaking(host.offers)
    measured = len(host.facts.devices) if host.facts else 0
    counted = max((offer.counted or 0 for offer in offers), default=0)
    known = max(declared, counted, measured)
    scales: dict[str, float] = {}
    warnings: list[str] = []
    for offer in offers:
        scale = _scale(host, offer, known, max(declared, counted) == known)
        if scale != 1.0:
            scales[offer.source] = scale
        warnings += _warnings(host, offer, known, scale)
    devices = max((known, *(_offered(offer, scales) for offer in offers)))
    return Capacity(
        devices=_whole(devices),
        measured=measured if is_fresh else None,
        declared=declared,
        offers=offers,
        scales=scales,
        warnings=tuple(warnings),
    )


def speaking(offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """Return the offers of the schedulers that know of devices, if one does."""
    if len(offers) < 2:
        return offers
    return tuple(offer for offer in offers if offer.has_devices) or offers


def _offered(offer: Offer, scales: Mapping[str, float]) -> float:
    return (offer.capacity or 0.0) * scales.get(offer.source, 1.0)


def _whole(devices: float) -> float:
    """Return a number of devices without what rounding has made of it."""
    nearest = round(devices)
    return nearest if abs(devices - nearest) < _NEGLIGIBLE else math.ceil(devices)


def _scale(host: Host, offer: Offer, known: int, is_certain: bool) -> float:
    """Return how many devices one is that an offer counts.

    Args:
        host: The host.
        offer: What a scheduler has there.
        known: How many devices there are; 0 if nobody says.
        is_certain: Whether the flavor or a label says so. Measurements may lack some.
    """
    capacity = offer.capacity or 0.0
    if not known or not capacity or abs(capacity - known) < _NEGLIGIBLE:
        return 1.0
    if capacity < known:
        is_part = offer.most is not None and offer.most + _NEGLIGIBLE >= known
        return known / capacity if is_part else 1.0
    if is_certain or _are_parts(host, offer, known):
        return known / capacity
    return 1.0


def _are_parts(host: Host, offer: Offer, measured: int) -> bool:
    """Return whether the units of an offer are parts of the devices that are measured.

    Otherwise the others are missing.
    """
    capacity = offer.capacity or 0.0
    if offer.unsized or _partitions(host) == capacity:
        return True
    return offer.units is not None and capacity % measured == 0


def _partitions(host: Host) -> int:
    """Return how many parts the measured devices have, of a whole one 1."""
    devices = host.facts.devices if host.facts else []
    return sum(max(1, len(device["partitions"])) for device in devices)


def _warnings(host: Host, offer: Offer, known: int, scale: float) -> Iterator[str]:
    """Yield that it is not certain how much of a device a unit is."""
    capacity = offer.capacity or 0.0
    what = f"{host.name}: {offer.source} has {offer.units or f'{capacity:g} devices'}"
    if scale < 1.0 and not offer.unsized and capacity % known:
        yield f"{what}, and there are {known} devices: each is {scale:.3g} of one"
    if offer.unsized and not known:
        yield (
            f"{what}, and nobody says how many of these make a device: they count as "
            f"{capacity:g}"
        )


def given_out(capacity: Capacity) -> tuple[float | None, str | None]:
    """Return how many devices schedulers have given out; or why this is not known."""
    offers = capacity.offers
    reasons = [
        offer.reason or f"it is not known what {offer.source} has given out"
        for offer in offers
        if offer.allocated is None
    ]
    if reasons:
        return None, "; ".join(reasons)
    return max(_allocated(offer, capacity) for offer in offers), None


def _allocated(offer: Offer, capacity: Capacity) -> float:
    return (offer.allocated or 0.0) * capacity.scales.get(offer.source, 1.0)


def largest(capacity: Capacity) -> Offer | None:
    """Return the offer that has given out most; None without one."""
    offers = sorted(capacity.offers, key=lambda offer: _allocated(offer, capacity))
    return offers[-1] if offers else None


def shortages(capacity: Capacity) -> Iterator[tuple[str, str, str | None]]:
    """Yield rules that a node breaks by too few devices, with evidence and since."""
    for offer in capacity.offers:
        if offer.capacity == 0 and (capacity.devices or offer.has_devices):
            many = f"none of {capacity.devices:g}" if capacity.devices else "no"
            text = f"{offer.source} offers {many} devices: no device plugin runs there"
            yield "not_allocatable", text, None
        withheld = capacity.withheld(offer)
        if withheld:
            text = f"{withheld:g} devices can't be given out: their plugin says so"
            yield "not_allocatable", text, None
    if capacity.missing:
        yield "devices_missing", capacity.evidence(), None

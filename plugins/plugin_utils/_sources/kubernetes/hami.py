# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAMi, which shares devices by slots, memory and cores.

Its device plugin offers several slots of each card and writes the cards into an
annotation of the node; its scheduler writes what a pod got into one of the pod.

Sources: https://project-hami.io/docs (protocol design, device registration); what a pod
gets that names no amount: pkg/device/nvidia/device.go (`GenerateResourceRequests`) and
`defaultMemory: 0`, `defaultCores: 0` in charts/hami of HAMi 2.9 and 2.10.
"""

from __future__ import annotations

import json
import re
import typing as t

from ..._fleet.types import Record
from ..._fleet.values import is_number

RESOURCE = "nvidia.com/gpu"
MEMORY, PERCENTAGE, CORES = (
    "nvidia.com/gpumem",
    "nvidia.com/gpumem-percentage",
    "nvidia.com/gpucores",
)

_REGISTERED = ("hami.io/node-nvidia-register", "volcano.sh/node-vgpu-register")
_ALLOCATED = "hami.io/vgpu-devices-allocated"
_GIVEN = re.compile(r"[^,:;]+,[^,:;]*,(?P<memory>\d{1,9}),(?P<cores>\d{1,3})(?=[:;]|$)")


class Cards(t.NamedTuple):
    """The cards of a node.

    Attributes:
        number: How many there are.
        slots: How many units all of them offer.
        memory: Memory of the smallest, in MiB; None if it is unknown.
    """

    number: int
    slots: int
    memory: float | None


def cards(annotations: Record) -> Cards | None:
    """Return the cards of a node; None if HAMi does not share them."""
    texts = (annotations.get(name) for name in _REGISTERED)
    text = next((text for text in texts if isinstance(text, str) and text), None)
    try:
        found = list(_cards(text)) if text else []
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # a form of another release
    slots = sum(slots for slots, _memory in found)
    if not slots:
        return None
    memory = min(memory for _slots, memory in found)
    return Cards(len(found), slots, memory or None)


def _cards(text: str) -> t.Iterator[tuple[int, float]]:
    """Yield slots and memory of each card, of either form of the annotation."""
    if text.startswith("["):
        for card in json.loads(text):
            memory = card.get("devmem")
            yield int(card["count"]), float(memory) if is_number(memory) else 0.0
        return
    for entry in filter(None, text.split(":")):
        _uuid, slots, memory, *_more = entry.split(",")
        yield int(slots), float(memory)


class Request(t.NamedTuple):
    """What a pod wants of each card.

    Attributes:
        memory: In MiB; None if it names no amount, which HAMi takes 0 for, too.
        percent: Percent of the memory; None if it names none.
        cores: Percent of the cores.
        given: What it got, as HAMi's scheduler has written it; empty before that.
    """

    memory: int | None
    percent: int | None
    cores: int
    given: str


def request(spec: Record, annotations: Record) -> Request | None:
    """Return what a pod wants of each card; None if nothing says so."""
    given = annotations.get(_ALLOCATED) if annotations else None
    limits = [_limits(each) for each in spec.get("containers") or []]
    if not given and not any(limits):
        return None

    def most(name: str) -> int | None:
        known = [int(each[name]) for each in limits if str(each.get(name)).isdecimal()]
        return max(known, default=None)

    text = given if isinstance(given, str) else ""
    return Request(most(MEMORY) or None, most(PERCENTAGE), most(CORES) or 0, text)


def _limits(container: Record) -> Record:
    resources = container.get("resources") or {}
    limits = resources.get("limits") or {}
    return limits if any(name in limits for name in (MEMORY, PERCENTAGE, CORES)) else {}


def equivalent(units: int, wanted: Request | None, node: Cards) -> float:
    """Return how many devices the slots of a pod are: the largest of its shares.

    Without an amount of memory it gets all of a card's, which is HAMi's default. Where
    a site has set another, HAMi's scheduler has written it into what the pod got.

    Args:
        units: Slots that it requests.
        wanted: What it wants of each card, and got.
        node: The cards of its node.
    """
    slot = node.number / node.slots
    given = list(_GIVEN.finditer(wanted.given)) if wanted else []
    if given and node.memory:
        return sum(
            _share(slot, int(each["memory"]) / node.memory, int(each["cores"]))
            for each in given
        )
    if wanted is None:
        return float(units)
    memory = (100 if wanted.percent is None else wanted.percent) / 100
    if wanted.memory is not None and node.memory:
        memory = wanted.memory / node.memory
    return units * _share(slot, memory, wanted.cores)


def _share(slot: float, memory: float, cores: int) -> float:
    return min(1.0, max(slot, memory, cores / 100))

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the accelerators of any flavor, whoever made it: pure functions."""

from __future__ import annotations

import re
import typing as t

from . import extra_specs, names
from .names import Identity

SHOWN = ("vendor", "model", "count", "memory_gib", "kind")

DEVICE_PROFILE = "accel:device_profile"
"""The extra spec with the name of a device profile of Cyborg."""

Profiles = t.Mapping[str, t.Sequence[t.Mapping[str, str]]]
"""Groups of each device profile, by its name."""

_ALIAS = "pci_passthrough:alias"
# Groups are numbered or, from microversion 2.86 on, named: resources_GPU1:VGPU.
_CLASS = re.compile(r"resources(?P<group>[\w-]*):(?P<name>\w+)")
_TRAIT = re.compile(r"trait(?P<group>[\w-]*):(?P<name>\w+)")
_TOLD = re.compile("(?:gpu|accelerator):(type|vendor|model|number)", re.IGNORECASE)
_ANY_GPU = Identity(None, None, None, "gpu")


class Reading(t.NamedTuple):
    """What a flavor says of accelerators.

    Attributes:
        accelerators: `vendor, model, count, memory_gib, kind` of each; what is unknown
            is None.
        warnings: What could not be understood.
    """

    accelerators: list[dict[str, t.Any]]
    warnings: list[str]


class _Request(t.NamedTuple):
    """Devices that an extra spec asks for.

    Attributes:
        identity: Which ones.
        number: How many; None if that is not known.
        warning: Why that is so.
    """

    identity: Identity
    number: int | None
    warning: str | None = None


def read(specs: t.Mapping[str, str], profiles: Profiles | None = None) -> Reading:
    """Return the accelerators that a flavor's extra specs ask for.

    Where `gpufleet.openstack.hardware` did not make the flavor, they are read off what
    Nova acts on: resource classes, PCI aliases, and a device profile of Cyborg.

    Args:
        specs: The extra specs.
        profiles: What Cyborg knows of device profiles; None without an answer.
    """
    ours = extra_specs.decode(specs).accelerators
    if ours:
        return Reading([{key: device[key] for key in SHOWN} for device in ours], [])
    requests = [
        *_of_classes(specs),
        *_of_aliases(specs),
        *_of_profile(specs.get(DEVICE_PROFILE), profiles),
    ]
    requests = _with_told(requests, specs)
    return Reading(
        _summed(requests), [each.warning for each in requests if each.warning]
    )


def _summed(requests: list[_Request]) -> list[dict[str, t.Any]]:
    """Return accelerators, equal ones as one with the sum of their counts."""
    counts: dict[Identity, list[int | None]] = {}
    for identity, count, _warning in requests:
        counts.setdefault(identity, []).append(count)
    return [
        {
            "vendor": identity.vendor,
            "model": identity.model,
            "count": None if None in each else sum(count or 0 for count in each),
            "memory_gib": identity.memory_gib,
            "kind": identity.kind,
        }
        for identity, each in counts.items()
    ]


def _of_classes(specs: t.Mapping[str, str]) -> t.Iterator[_Request]:
    """Yield what resource classes ask for, of a flavor or of a group of a profile."""
    # A flavor of bare metal asks for no CPUs: its server gets a node as a whole.
    is_metal = specs.get("resources:VCPU") == "0"
    for key, value in sorted(specs.items()):
        match = _CLASS.fullmatch(key)
        if match:
            is_node = is_metal or names.has_several(match["name"])
            identity = _of_class(specs, match["name"], match["group"], is_node)
            yield from _requested(identity, key, value, is_node)


def _of_class(
    specs: t.Mapping[str, str], name: str, group: str, is_node: bool
) -> Identity | None:
    """Return the devices of a resource class, which the traits of its group narrow."""
    identity = None
    if name in ("VGPU", "PGPU", "GPU"):
        identity = _ANY_GPU
    elif name.startswith("CUSTOM_"):
        identity = names.identify(name, is_node)
    # CUSTOM_PCI is Cyborg's class for devices of any kind: only traits tell which.
    if name != "CUSTOM_PCI" and (identity is None or identity.is_known):
        return identity
    by_trait = names.of_traits(_traits(specs, group), name == "VGPU")
    is_better = by_trait and (by_trait.is_known or not (identity and identity.model))
    return by_trait if is_better else identity


def _traits(specs: t.Mapping[str, str], group: str) -> set[str]:
    """Return the traits that a group requires."""
    matches = [
        _TRAIT.fullmatch(key) for key, value in specs.items() if value == "required"
    ]
    return {match["name"] for match in matches if match and match["group"] == group}


def _of_aliases(specs: t.Mapping[str, str]) -> t.Iterator[_Request]:
    """Yield what PCI aliases ask for."""
    for part in specs.get(_ALIAS, "").split(","):
        alias, colon, count = part.strip().partition(":")
        identity = names.identify(alias)
        if identity and not identity.is_known:
            by_trait = names.of_traits(_traits(specs, ""))
            identity = by_trait if by_trait and by_trait.is_known else identity
        key, several = f"{_ALIAS}={alias}", names.has_several(alias)
        yield from _requested(identity, key, count if colon else None, several)


def _of_profile(name: str | None, profiles: Profiles | None) -> t.Iterator[_Request]:
    """Yield what a device profile asks for.

    Where Cyborg does not tell, its name may. If that says nothing either, it may be a
    device of any kind that Cyborg has, accelerators among them.
    """
    if not name:
        return
    if profiles is not None and name in profiles:
        for group in profiles[name]:
            yield from _of_classes(group)
        return
    if names.is_other(name):
        return
    identity = names.identify(name) or Identity(None, name, None, None)
    reason = "Cyborg can't be asked" if profiles is None else "Cyborg has none such"
    why = f"{DEVICE_PROFILE}={name}: {reason}, so that the devices are unknown"
    yield _Request(identity, None, f"{why}; flavor_accelerators can declare them")


def _requested(
    identity: Identity | None, key: str, count: str | None, several: bool
) -> t.Iterator[_Request]:
    """Yield the request for devices, unless it is for none.

    Args:
        identity: Which devices; None if these are no accelerators.
        key: Where the flavor asks for them.
        count: For how many, as the flavor has it; None if it has nothing.
        several: Whether one of these has an unknown number of devices.
    """
    if identity is None:
        return
    digits = (count or "").strip()
    number = int(digits) if re.fullmatch("[0-9]{1,9}", digits) else None
    if number is None:
        told = f"the count {count[:60]!r}, which is no number" if count else "no count"
        yield _Request(identity, None, f"{key} has {told}: how many is unknown")
    elif number and several:
        text = f"{key} asks for a whole node, and how many devices that has is unknown"
        yield _Request(identity, None, f"{text}; flavor_accelerators can declare them")
    elif number:
        yield _Request(identity, number)


def _with_told(requests: list[_Request], specs: t.Mapping[str, str]) -> list[_Request]:
    """Return requests, completed by what a flavor tells people.

    Sites of EGI set `Accelerator:Vendor`, `Accelerator:Model` and the like, others
    `gpu:vendor`. Nova ignores them, so that what it acts on comes first.
    """
    matches = [match for match in map(_TOLD.fullmatch, specs) if match]
    told = {match[1].lower(): specs[match[0]] for match in matches}
    name = f"{told.get('vendor', '')} {told.get('model') or told.get('type') or 'GPU'}"
    identity = names.identify(name.strip())
    if not told or identity is None or len(requests) > 1:
        return requests
    if not identity.is_known:
        identity = identity._replace(model=told.get("model"))
    request = requests[0] if requests else _Request(identity, None)
    if identity.is_known and not request.identity.is_known:
        request = request._replace(identity=identity)
    if request.number is None and ("number" in told or not requests):
        key = next((m[0] for m in matches if m[1].lower() == "number"), matches[0][0])
        return list(_requested(request.identity, key, told.get("number"), False))
    return [request]

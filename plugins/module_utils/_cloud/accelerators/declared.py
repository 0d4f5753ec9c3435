# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option `flavor_accelerators`: what the user says of flavors that others made."""

from __future__ import annotations

import typing as t

from ..engine.errors import InvalidInput
from . import names

OPTION = "flavor_accelerators"

Declared = t.Dict[str, t.List[t.Dict[str, t.Any]]]
"""`vendor, model, count, memory_gib, kind` of each accelerator, by name of flavor."""

_KINDS = ("gpu", "npu")
_KEYS = ("kind", "vendor", "model", "count", "memory_gib")
_MOST = 2**20
_LIKE = "Give a list such as [{vendor: nvidia, model: A100, count: 4}]"


def flavor_accelerators(value: object) -> Declared:
    """Return the accelerators of flavors, completed with what is known of models.

    Args:
        value: The option; None for nothing.

    Raises:
        InvalidInput: It is no such mapping.
    """
    if value is None:
        return {}
    if not isinstance(value, t.Mapping):
        raise InvalidInput(
            f"{OPTION}: must be a mapping of names of flavors to lists of accelerators"
        )
    declared: Declared = {}
    for flavor, devices in value.items():
        where = f"{OPTION}[{str(flavor)!r}]"
        if not isinstance(devices, (list, tuple)):
            raise InvalidInput(
                f"{where}: must be a list, an empty one for no accelerators. {_LIKE}"
            )
        declared[str(flavor)] = [
            _device(device, f"{where}[{number}]")
            for number, device in enumerate(devices)
        ]
    return declared


def _device(device: object, where: str) -> dict[str, t.Any]:
    """Return an accelerator with every key.

    Raises:
        InvalidInput: A value that can't be. The message begins with `where`.
    """
    if not isinstance(device, t.Mapping):
        raise InvalidInput(f"{where}: must be a dictionary. {_LIKE}")
    unknown = sorted(set(map(str, device)) - set(_KEYS))
    if unknown:
        raise InvalidInput(
            f"{where}.{unknown[0]}: no such key; there are {', '.join(_KEYS)}"
        )
    model = _text(device.get("model"), f"{where}.model")
    if model is None:
        raise InvalidInput(f"{where}.model: is required, for example A100")
    known = names.identify(model)
    if known and not known.is_known:
        known = None
    vendor = _text(device.get("vendor"), f"{where}.vendor")
    vendor = vendor.lower() if vendor else None
    if known and vendor not in (None, known.vendor):
        known = None
    if not vendor and not known:
        raise InvalidInput(
            f"{where}.vendor: is required, because {model!r} is no model that is known "
            "by name"
        )
    memory = _memory(device.get("memory_gib"), f"{where}.memory_gib")
    kind = _kind(device.get("kind"), f"{where}.kind")
    return {
        "vendor": vendor or (known and known.vendor),
        "model": known.model if known else model,
        "count": _count(device.get("count", 1), f"{where}.count"),
        "memory_gib": known.memory_gib if known and memory is None else memory,
        "kind": kind or (known.kind if known else "gpu"),
    }


def _text(value: object, where: str) -> str | None:
    """Return a name; None if it is not set."""
    if value is None:
        return None
    if isinstance(value, (bool, dict, list)) or not 0 < len(str(value).strip()) <= 100:
        raise InvalidInput(f"{where}: {value!r:.60} must be a name of 1 to 100 letters")
    return str(value).strip()


def _count(value: object, where: str) -> int:
    number = _number(value)
    if number is None or number != int(number):
        limits = f"a whole number from 1 to {_MOST}"
        raise InvalidInput(f"{where}: {value!r:.60} must be {limits}")
    return int(number)


def _memory(value: object, where: str) -> float | None:
    if value is None:
        return None
    number = _number(value)
    if number is None:
        raise InvalidInput(f"{where}: {value!r:.60} must be a number from 1 to {_MOST}")
    return int(number) if number == int(number) else number


def _number(value: object) -> float | None:
    """Return a number, which Jinja may have made a text of; None if it is none."""
    try:
        number = float("nan" if isinstance(value, bool) else str(value))
    except ValueError:
        return None
    return number if 1 <= number <= _MOST else None


def _kind(value: object, where: str) -> str | None:
    if value is None or value in _KINDS:
        return str(value) if value else None
    raise InvalidInput(f"{where}: {value!r:.60} must be one of {', '.join(_KINDS)}")

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accelerators in a flavor's extra specs: pure functions, both ways.

Our own keys carry the scope C(gpufleet:) (Nova's scheduler filters look at unscoped
ones), one per kind of accelerator, and C(gpufleet:keys) lists the keys of other scopes
that we set, so that they can be taken back and nobody else's are touched:

    gpufleet:accelerator.0       {"kind":"gpu","model":"A100","resource_class":...}
    gpufleet:power_watts         400
    gpufleet:hourly_cost         2.5
    gpufleet:keys                resources:CUSTOM_GPU_A100
    resources:CUSTOM_GPU_A100    4
"""

from __future__ import annotations

import json
import math
import re
import typing as t

from .errors import InvalidInput

SCOPE = "gpufleet:"
_ACCELERATOR = SCOPE + "accelerator."
_POWER = SCOPE + "power_watts"
_COST = SCOPE + "hourly_cost"
_KEYS = SCOPE + "keys"
_RESOURCES = "resources:"
_ALIAS = "pci_passthrough:alias"

LONGEST_VALUE = 255
"""Nova's limit for the value of an extra spec."""

Specs = t.Dict[str, str]


class Hardware(t.NamedTuple):
    """What a flavor's extra specs say, taken apart.

    Attributes:
        accelerators: C(kind, vendor, model, count, memory_gib, resource_class,
            pci_alias) of each.
        power_watts: Electrical power of a node under load, in W.
        hourly_cost: Price of a node and hour, in the operator's currency.
        others: The extra specs that are not ours.
    """

    accelerators: list[dict[str, t.Any]]
    power_watts: float | None
    hourly_cost: float | None
    others: Specs


def normalize(
    accelerators: t.Iterable[t.Mapping[str, t.Any]],
) -> list[dict[str, t.Any]]:
    """Accelerators with every key, as they are compared and shown.

    Raises:
        InvalidInput: A value that can't be, or two that ask for the same thing.
    """
    result = []
    asked = set()
    for number, given in enumerate(accelerators):
        where = f"accelerators[{number}]"
        one = {
            "kind": given.get("kind") or "gpu",
            "vendor": given["vendor"],
            "model": given["model"],
            "count": given["count"],
            "memory_gib": given.get("memory_gib"),
            "resource_class": given.get("resource_class") or None,
            "pci_alias": given.get("pci_alias") or None,
        }
        if one["count"] < 1:
            raise InvalidInput(f"{where}.count: {one['count']} is below 1")
        if one["pci_alias"] and one["resource_class"]:
            raise InvalidInput(f"{where}: give resource_class or pci_alias, not both")
        if one["pci_alias"] and not re.fullmatch(r"[\w.-]+", one["pci_alias"]):
            raise InvalidInput(
                f"{where}.pci_alias: {one['pci_alias']!r} may hold letters, digits, "
                "'_', '-' and '.' only"
            )
        if not one["pci_alias"]:
            one["resource_class"] = one["resource_class"] or resource_class(
                one["kind"], one["model"]
            )
            if not re.fullmatch(r"[A-Z0-9_]+", one["resource_class"]):
                raise InvalidInput(
                    f"{where}.resource_class: {one['resource_class']!r} may hold upper "
                    "case letters, digits and '_' only"
                )
        key = one["pci_alias"] or one["resource_class"]
        if key in asked:
            raise InvalidInput(f"{where}: {key} is asked for twice; add up the counts")
        asked.add(key)
        result.append(one)
    return result


def resource_class(kind: str, model: str) -> str:
    """Placement's name for a model: C(CUSTOM_GPU_MI300X)."""
    return f"CUSTOM_{kind}_{re.sub('[^A-Za-z0-9]+', '_', model)}".upper()


def encode(hardware: Hardware) -> Specs:
    """The extra specs that are ours, for normalized accelerators."""
    specs: Specs = {}
    aliases = []
    for number, one in enumerate(hardware.accelerators):
        shown = {k: v for k, v in sorted(one.items()) if k != "count" and v is not None}
        specs[f"{_ACCELERATOR}{number}"] = json.dumps(shown, separators=(",", ":"))
        if one["pci_alias"]:
            aliases.append(f"{one['pci_alias']}:{one['count']}")
        else:
            specs[_RESOURCES + one["resource_class"]] = str(one["count"])
    if aliases:
        specs[_ALIAS] = ",".join(aliases)
    foreign = sorted(key for key in specs if not key.startswith(SCOPE))
    if foreign:
        specs[_KEYS] = ",".join(foreign)
    if hardware.power_watts is not None:
        specs[_POWER] = _text(hardware.power_watts)
    if hardware.hourly_cost is not None:
        specs[_COST] = _text(hardware.hourly_cost)
    for key, value in specs.items():
        if len(value) > LONGEST_VALUE:
            raise InvalidInput(
                f"accelerators: the extra spec {key} would be {len(value)} characters "
                f"long, Nova allows {LONGEST_VALUE}; name fewer kinds or shorter models"
            )
    return specs


def decode(specs: t.Mapping[str, str]) -> Hardware:
    """What extra specs say.

    The count is read off the key that Nova acts on, not off our own: where somebody
    changed or removed it by hand, the difference shows and is put right.
    """
    ours = own_keys(specs)
    aliases = dict(
        part.rpartition(":")[::2] for part in specs.get(_ALIAS, "").split(",") if part
    )
    accelerators = []
    for key in sorted(
        (k for k in specs if k.startswith(_ACCELERATOR)),
        key=lambda k: (len(k), k),
    ):
        try:
            one = json.loads(specs[key])
        except ValueError:
            one = None
        if not isinstance(one, dict):
            continue  # broken by hand: not known, so it is written again
        alias = one.get("pci_alias")
        text = (
            aliases.get(str(alias))
            if alias
            else specs.get(_RESOURCES + str(one.get("resource_class")))
        )
        accelerators.append(
            {
                "kind": one.get("kind"),
                "vendor": one.get("vendor"),
                "model": one.get("model"),
                "count": int(text) if text and re.fullmatch("[0-9]+", text) else 0,
                "memory_gib": one.get("memory_gib"),
                "resource_class": one.get("resource_class"),
                "pci_alias": alias,
            }
        )
    return Hardware(
        accelerators,
        _number(specs.get(_POWER)),
        _number(specs.get(_COST)),
        {key: value for key, value in specs.items() if key not in ours},
    )


def plan(have: t.Mapping[str, str], hardware: Hardware) -> tuple[Specs, list[str]]:
    """What to set and what to remove, so that a flavor says this.

    Args:
        have: The extra specs as they are.
        hardware: What they shall say; C(others) are set, and none is removed.

    Returns:
        The extra specs to set, and the keys to remove.
    """
    want = {**encode(hardware), **hardware.others}
    # One key holds all aliases, those that others have asked for too.
    named = [*decode(have).accelerators, *hardware.accelerators]
    ours = {str(one["pci_alias"]) for one in named}
    parts = [part for part in have.get(_ALIAS, "").split(",") if part]
    foreign = [part for part in parts if part.rpartition(":")[0] not in ours]
    if foreign and (_ALIAS in want or _ALIAS in own_keys(have)):
        want[_ALIAS] = ",".join(foreign + want.get(_ALIAS, "").split(",")).strip(",")
    new = {key: value for key, value in want.items() if have.get(key) != value}
    return new, sorted(own_keys(have) - set(want))


def own_keys(specs: t.Mapping[str, str]) -> set[str]:
    """The keys among these extra specs that we set."""
    listed = {key for key in specs.get(_KEYS, "").split(",") if key in specs}
    return listed | {key for key in specs if key.startswith(SCOPE)}


def _text(number: float) -> str:
    """The shortest text that reads as this number again: C(400), C(2.5)."""
    return str(int(number)) if number == int(number) else repr(number)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is None or math.isfinite(number) else None

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accelerators in a flavor's extra specs: pure functions, both ways.

Our own keys carry the scope `gpufleet:` (Nova's scheduler filters look at unscoped
ones), one per kind of accelerator, and `gpufleet:keys` lists the keys of other scopes
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

from ..engine.errors import InvalidInput

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


class Contents(t.NamedTuple):
    """What a flavor's extra specs say, taken apart.

    Attributes:
        accelerators: `kind, vendor, model, count, memory_gib, resource_class,
            pci_alias` of each.
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
    """Return accelerators with every key, as they are compared and shown.

    Raises:
        InvalidInput: A value that can't be, or two that ask for the same thing.
    """
    result = []
    keys = set()
    for number, accelerator in enumerate(accelerators):
        where = f"accelerators[{number}]"
        whole = _whole(accelerator, where)
        key = whole["pci_alias"] or whole["resource_class"]
        if key in keys:
            raise InvalidInput(f"{where}: {key} is asked for twice; add up the counts")
        keys.add(key)
        result.append(whole)
    return result


def _whole(accelerator: t.Mapping[str, t.Any], where: str) -> dict[str, t.Any]:
    """Return an accelerator with every key.

    Raises:
        InvalidInput: A value that can't be. The message begins with `where`.
    """
    kind = accelerator.get("kind") or "gpu"
    model, count = accelerator["model"], accelerator["count"]
    alias = accelerator.get("pci_alias") or None
    name = accelerator.get("resource_class") or None
    if count < 1:
        raise InvalidInput(f"{where}.count: {count} is below 1")
    if alias and name:
        raise InvalidInput(f"{where}: give resource_class or pci_alias, not both")
    if alias and not re.fullmatch(r"[\w.-]+", alias):
        raise InvalidInput(
            f"{where}.pci_alias: {alias!r} may hold letters, digits, '_', '-' and '.' "
            "only"
        )
    if not alias:
        name = name or resource_class(kind, model)
        if not re.fullmatch(r"[A-Z0-9_]+", name):
            raise InvalidInput(
                f"{where}.resource_class: {name!r} may hold upper case letters, digits "
                "and '_' only"
            )
    return {
        "kind": kind,
        "vendor": accelerator["vendor"],
        "model": model,
        "count": count,
        "memory_gib": accelerator.get("memory_gib"),
        "resource_class": name,
        "pci_alias": alias,
    }


def resource_class(kind: str, model: str) -> str:
    """Return Placement's name for a model: `CUSTOM_GPU_MI300X`."""
    return f"CUSTOM_{kind}_{re.sub('[^A-Za-z0-9]+', '_', model)}".upper()


def encode(contents: Contents) -> Specs:
    """Return the extra specs that are ours, for normalized accelerators."""
    specs: Specs = {}
    aliases = []
    for number, accelerator in enumerate(contents.accelerators):
        kept = {
            key: value
            for key, value in sorted(accelerator.items())
            if key != "count" and value is not None
        }
        specs[f"{_ACCELERATOR}{number}"] = json.dumps(kept, separators=(",", ":"))
        if accelerator["pci_alias"]:
            aliases.append(f"{accelerator['pci_alias']}:{accelerator['count']}")
        else:
            key = _RESOURCES + accelerator["resource_class"]
            specs[key] = str(accelerator["count"])
    if aliases:
        specs[_ALIAS] = ",".join(aliases)
    foreign = sorted(key for key in specs if not key.startswith(SCOPE))
    if foreign:
        specs[_KEYS] = ",".join(foreign)
    if contents.power_watts is not None:
        specs[_POWER] = _text(contents.power_watts)
    if contents.hourly_cost is not None:
        specs[_COST] = _text(contents.hourly_cost)
    for key, value in specs.items():
        if len(value) > LONGEST_VALUE:
            raise InvalidInput(
                f"accelerators: the extra spec {key} would be {len(value)} characters "
                f"long, Nova allows {LONGEST_VALUE}; name fewer kinds or shorter models"
            )
    return specs


def decode(specs: t.Mapping[str, str]) -> Contents:
    """Return what extra specs say.

    The count is read off the key that Nova acts on, not off our own: where somebody
    changed or removed it by hand, the difference shows and is put right.
    """
    keys = sorted(
        (key for key in specs if key.startswith(_ACCELERATOR)),
        key=lambda key: (len(key), key),
    )
    accelerators = [_decoded(specs, key) for key in keys]
    ours = own_keys(specs)
    return Contents(
        [accelerator for accelerator in accelerators if accelerator],
        _number(specs.get(_POWER)),
        _number(specs.get(_COST)),
        {key: value for key, value in specs.items() if key not in ours},
    )


def _decoded(specs: t.Mapping[str, str], key: str) -> dict[str, t.Any] | None:
    """Return the accelerator of a key; None where somebody broke it by hand.

    One that is broken is not known, so it is written again.
    """
    try:
        kept = json.loads(specs[key])
    except ValueError:
        return None
    if not isinstance(kept, dict):
        return None
    alias = kept.get("pci_alias")
    if alias:
        parts = specs.get(_ALIAS, "").split(",")
        counts = dict(part.rpartition(":")[::2] for part in parts if part)
        count = counts.get(str(alias))
    else:
        count = specs.get(_RESOURCES + str(kept.get("resource_class")))
    return {
        "kind": kept.get("kind"),
        "vendor": kept.get("vendor"),
        "model": kept.get("model"),
        "count": int(count) if count and re.fullmatch("[0-9]+", count) else 0,
        "memory_gib": kept.get("memory_gib"),
        "resource_class": kept.get("resource_class"),
        "pci_alias": alias,
    }


def plan(have: t.Mapping[str, str], contents: Contents) -> tuple[Specs, list[str]]:
    """Return what to set and what to remove, so that a flavor says this.

    Args:
        have: The extra specs as they are.
        contents: What they shall say; `others` are set, and none is removed.

    Returns:
        The extra specs to set, and the keys to remove.
    """
    want = {**encode(contents), **contents.others}
    # One key holds all aliases, those that others have asked for too.
    accelerators = [*decode(have).accelerators, *contents.accelerators]
    ours = {str(accelerator["pci_alias"]) for accelerator in accelerators}
    parts = [part for part in have.get(_ALIAS, "").split(",") if part]
    foreign = [part for part in parts if part.rpartition(":")[0] not in ours]
    if foreign and (_ALIAS in want or _ALIAS in own_keys(have)):
        want[_ALIAS] = ",".join(foreign + want.get(_ALIAS, "").split(",")).strip(",")
    new = {key: value for key, value in want.items() if have.get(key) != value}
    return new, sorted(own_keys(have) - set(want))


def own_keys(specs: t.Mapping[str, str]) -> set[str]:
    """Return the keys among these extra specs that we set."""
    listed = {key for key in specs.get(_KEYS, "").split(",") if key in specs}
    return listed | {key for key in specs if key.startswith(SCOPE)}


def _text(number: float) -> str:
    """Return the shortest text that reads as this number again: `400`, `2.5`."""
    return str(int(number)) if number == int(number) else repr(number)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is None or math.isfinite(number) else None

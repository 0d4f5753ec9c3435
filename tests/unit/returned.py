# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds what code returns against the RETURN of its module."""

from __future__ import annotations

import importlib
import typing as t
from functools import cache

import yaml

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.fields import (
    KNOWN_AFTER_APPLY,
)

Docs = dict[str, t.Any]

_MODULES = "ansible_collections.gpufleet.openstack.plugins.modules"
_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "dict": (dict,),
    "float": (float, int),
    "int": (int,),
    "list": (list,),
    "str": (str,),
}


@cache
def documented(module: str) -> Docs:
    """Return what a module documents of its result, by key."""
    code = importlib.import_module(f"{_MODULES}.{module}")
    return dict(yaml.safe_load(code.RETURN))


def check(value: Docs, module: str, *path: str) -> None:
    """Fail where a dictionary is not what a module documents of its result.

    Args:
        value: What is returned.
        module: The module.
        path: Keys that lead to the dictionary within the result.
    """
    docs = documented(module)
    for key in path:
        docs = docs[key]["contains"]
    assert not list(faults(value, docs, ".".join([module, *path])))


def optional(docs: Docs) -> set[str]:
    """Return the documented keys that are not always there."""
    return {
        key for key, doc in docs.items() if doc.get("returned", "success") != "success"
    }


def faults(value: Docs, docs: Docs, where: str) -> t.Iterator[str]:
    """Yield how a dictionary differs from its documentation, all the way down.

    Args:
        value: What is returned.
        docs: What is documented, by key.
        where: Names the dictionary in messages.
    """
    for key in sorted(set(value) - set(docs)):
        yield f"{where}.{key} is not documented"
    for key in sorted(set(docs) - set(value) - optional(docs)):
        yield f"{where}.{key} is documented and not returned"
    for key in sorted(set(value) & set(docs)):
        yield from _value_faults(value[key], docs[key], f"{where}.{key}")


def _value_faults(value: t.Any, doc: Docs, where: str) -> t.Iterator[str]:
    if value is None or value == KNOWN_AFTER_APPLY:
        return
    kind = doc["type"]
    if not isinstance(value, _TYPES[kind]) or (
        isinstance(value, bool) and kind != "bool"
    ):
        yield f"{where} is documented as {kind}, and is {value!r}"
    elif kind == "dict" and "contains" in doc:
        yield from faults(value, doc["contains"], where)
    elif kind == "list":
        element = {**doc, "type": doc["elements"]}
        for number, item in enumerate(value):
            yield from _value_faults(item, element, f"{where}[{number}]")

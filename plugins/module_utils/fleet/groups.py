# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of hosts and groups for nodes, the same on every run. Pure functions."""

from __future__ import annotations

import hashlib
import re
import typing as t
from collections import Counter

from .model import Record

ALL, LOST = "gpu_nodes", "ungrouped_gpu_nodes"

_TAKEN = ("all", "ungrouped", "localhost")
"""Names that mean something to Ansible."""


class Group(t.NamedTuple):
    """A group that a node is in.

    Attributes:
        name: Its name.
        parent: The group that it is a child of, None where of none.
    """

    name: str
    parent: str | None = None


class _Label(t.NamedTuple):
    """What a node is grouped by, before its name is told apart from others.

    Attributes:
        kind: C(cluster), C(location) and so on.
        key: What it stands for; two that are the same have the same.
        text: Its name, as people know it.
    """

    kind: str
    key: str
    text: str


_PARENTS = {"cluster": "location", "node_group": "cluster"}


def host_names(
    nodes: t.Sequence[Record], taken: t.Iterable[str] = ()
) -> dict[str, str]:
    """Names of hosts by id of the node: its own, with its id where others have it.

    Args:
        nodes: All of the inventory.
        taken: Names that no host may have: those of groups.
    """
    names = {node["id"]: str(node["name"]) for node in nodes}
    return _told_apart(names, "-", {*taken, *_TAKEN})


def groups(nodes: t.Sequence[Record]) -> dict[str, list[Group]]:
    """Groups by id of the node, and which of them are children of which.

    Returns:
        All groups of each node, those too that it is in as a child of another.
    """
    labels = {node["id"]: _labels(node) for node in nodes}
    plain = {
        label: safe(f"{label.kind}_{label.text}")
        for found in labels.values()
        for label in found
    }
    names = _told_apart(plain, "_", {ALL, LOST, *_TAKEN})
    result = {}
    for node in nodes:
        of_kind = {label.kind: names[label] for label in labels[node["id"]]}
        result[node["id"]] = [
            *([Group(ALL)] if node["hardware"]["accelerators"] else []),
            *([Group(LOST)] if node["reason"] else []),
            *(
                Group(names[label], of_kind.get(_PARENTS.get(label.kind, "")))
                for label in labels[node["id"]]
            ),
        ]
    return result


def _labels(node: Record) -> list[_Label]:
    cluster, group = node["cluster"], node["node_group"]
    labels = [_Label("status", node["status"], node["status"])]
    if node["role"]:
        labels.append(_Label("role", node["role"], node["role"]))
    if node["location"]:
        where = (node["cloud"], node["region"], node["project_id"], node["location"])
        key = "/".join(str(part) for part in where)
        labels.append(_Label("location", key, node["location"]))
    if cluster:
        labels.append(_Label("cluster", cluster["id"], cluster["name"]))
    if cluster and group:
        key, text = f"{cluster['id']}/{group}", f"{cluster['name']}_{group}"
        labels.append(_Label("node_group", key, text))
    name = node["hardware"]["name"]
    if name:
        labels.append(_Label("hardware", name, name))
    for one in node["hardware"]["accelerators"]:
        known = [one[part] for part in ("vendor", "model") if one[part]]
        text = "_".join(known) or "unknown"
        labels.append(_Label("accelerator", "/".join(known), text))
    return list(dict.fromkeys(labels))


def safe(name: str) -> str:
    """A name as groups may have it: lower case letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "unnamed"


_Key = t.TypeVar("_Key", str, _Label)


def _told_apart(
    names: dict[_Key, str], separator: str, taken: set[str]
) -> dict[_Key, str]:
    """Names that are all different and none of those that are taken.

    Where several would have the same name, all of them get a mark of what they stand
    for, so that none changes its name by the order in which they are read.
    """
    counts = Counter(names.values())
    found = names
    for length in (8, 64):
        found = {
            key: name
            if counts[name] == 1 and name not in taken
            else f"{name}{separator}{_mark(key)[:length]}"
            for key, name in names.items()
        }
        if len(set(found.values())) == len(found):
            break
    return found


def _mark(key: str | _Label) -> str:
    """What tells a thing from others of its name: its id, or a digest of its key."""
    text = key if isinstance(key, str) else key.key
    if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f-]{27}", text):
        return text if isinstance(key, str) else text.replace("-", "_")
    return hashlib.sha256(text.encode()).hexdigest()

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of hosts and groups for nodes, the same on every run."""

from __future__ import annotations

import hashlib
import re
import typing as t
from collections import Counter

from . import state
from .types import NodeState, Server

ALL, LOST = "gpu_nodes", "ungrouped_gpu_nodes"

_TAKEN = ("all", "ungrouped")
"""Groups that every inventory of Ansible has."""

STATES = tuple(
    f"gpu_{word}"
    for word in (
        *(state.HEALTHY, state.FAULTY, state.MAINTENANCE),
        *(state.IDLE, state.PARTIAL, state.BUSY, state.UNKNOWN),
    )
)
"""Groups by how nodes do."""

_HOST = re.compile(r"[a-z0-9][a-z0-9._-]{0,200}", re.ASCII)
"""A name that is no pattern, path or option, and that a file can have."""

_NO_HOST = re.compile(
    r"""
    # An address in any of the forms that resolvers accept, such as 127.1.
    (?:(?:0x[0-9a-f]*|[0-9]+)\.*)+
    # A name of the controller itself.
    | (?:ip6-)?(?:localhost|loopback)[0-9]*(?:\..*)? | .*\.localhost\.?
    # In `host_vars`, the file of the host without this ending.
    | .*\.(?:yml|yaml|json)
    """,
    re.ASCII | re.VERBOSE,
)

LONGEST_GROUP = 100
"""Characters of a group's name, without a mark that tells it from others."""


class Group(t.NamedTuple):
    """A group that a node is in.

    Attributes:
        name: Its name.
        parent: The group that it is a child of, None if it has none.
    """

    name: str
    parent: str | None = None


class _Label(t.NamedTuple):
    """What a node is grouped by, before its name is told apart from others.

    Attributes:
        kind: `cluster`, `location` and so on.
        key: What it stands for; two that are the same have the same.
        text: Its name, as people know it.
    """

    kind: str
    key: str
    text: str


_PARENTS = {"cluster": "location", "node_group": "cluster"}


def host_names(
    nodes: t.Sequence[Server], taken: t.Iterable[str] = ()
) -> dict[str, str]:
    """Return names of hosts by id of the node.

    A host has the name of its server, or the server's id where that name is not safe,
    is taken, or belongs to several servers. Upper and lower case are the same name, as
    they are for DNS and some file systems.

    Args:
        nodes: All of the inventory.
        taken: Names that no host may have: those of groups, and of other hosts.

    Returns:
        The names. A node whose id can't be a name either is missing.
    """
    reserved = {name.lower() for name in (*taken, *_TAKEN, *STATES)}
    names = {str(node["id"]): str(node["name"]) for node in nodes}
    counts = Counter(name.lower() for name in names.values())
    ids = {ident.lower() for ident in names}

    def is_free(name: str) -> bool:
        return name not in reserved and is_host_name(name)

    result = {}
    for ident, name in names.items():
        lower = name.lower()
        if counts[lower] == 1 and lower not in ids and is_free(lower):
            result[ident] = name
        elif is_free(ident.lower()):
            result[ident] = ident
    return result


def is_host_name(name: str) -> bool:
    """Return whether a name can be that of a host, and means nothing to Ansible."""
    lower = name.lower()
    return bool(_HOST.fullmatch(lower)) and not _NO_HOST.fullmatch(lower)


def groups(
    nodes: t.Sequence[Server], taken: t.Iterable[str] = ()
) -> dict[str, list[Group]]:
    """Return groups by id of the node, and which are children of which.

    Args:
        nodes: All of the inventory.
        taken: Names that no group may have: those of hosts.

    Returns:
        All groups of each node, those too that it is in as a child of another.
    """
    labels = {str(node["id"]): _labels(node) for node in nodes}
    plain = {
        label: safe(f"{label.kind}_{label.text}")
        for listed in labels.values()
        for label in listed
    }
    names = _distinct(plain, {name.lower() for name in taken})
    result = {}
    for node in nodes:
        own = labels[str(node["id"])]
        by_kind = {label.kind: names[label] for label in own}
        result[str(node["id"])] = [
            *([Group(ALL)] if node["hardware"]["accelerators"] else []),
            *([Group(LOST)] if node["reason"] else []),
            *(
                Group(names[label], by_kind.get(_PARENTS.get(label.kind, "")))
                for label in own
            ),
        ]
    return result


def of_state(node_state: NodeState) -> list[str]:
    """Return the groups of a node that say how it does."""
    words = [node_state["health"]]
    if node_state["health"] == state.HEALTHY:
        words.append(node_state["allocation"])
    return [f"gpu_{word}" for word in words]


def _labels(node: Server) -> list[_Label]:
    cluster, group = node["cluster"], node["node_group"]
    status, role, location = node["status"], node["role"], node["location"]
    labels = [_Label("status", str(status), str(status))]
    if role:
        labels.append(_Label("role", role, role))
    if location:
        place = (node["cloud"], node["region"], node["project_id"], location)
        labels.append(_Label("location", "/".join(map(str, place)), location))
    if cluster:
        labels.append(_Label("cluster", str(cluster["id"]), str(cluster["name"])))
        if group:
            key, text = f"{cluster['id']}/{group}", f"{cluster['name']}_{group}"
            labels.append(_Label("node_group", key, text))
    name = node["hardware"]["name"]
    if name:
        labels.append(_Label("hardware", name, name))
    for accelerator in node["hardware"]["accelerators"]:
        known = [part for part in (accelerator["vendor"], accelerator["model"]) if part]
        text = "_".join(known) or "unknown"
        labels.append(_Label("accelerator", "/".join(known), text))
    return list(dict.fromkeys(labels))


def safe(name: str) -> str:
    """Return a name as groups may have it: lower case letters, digits and `_`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "unnamed"


def _distinct(names: dict[_Label, str], taken: set[str]) -> dict[_Label, str]:
    """Return names that are all different, of usual length, and not taken.

    If several would have the same name, all of them get a mark of what they stand
    for, so that none changes its name by the order in which they are read. No other
    name can look so: `safe` leaves no two `_` side by side.
    """
    counts = Counter(names.values())
    return {
        label: name
        if counts[name] == 1 and name not in taken and len(name) <= LONGEST_GROUP
        else f"{name[:LONGEST_GROUP]}__{_mark(label)}"
        for label, name in names.items()
    }


def _mark(label: _Label) -> str:
    """Return what tells a thing from its namesakes: its id, or its key's digest."""
    if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f-]{27}", label.key):
        return label.key.replace("-", "_")
    return hashlib.sha256(label.key.encode()).hexdigest()[:32]

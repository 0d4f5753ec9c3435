# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible connects to a server."""

from __future__ import annotations

import shlex
import typing as t

from .addresses import connectable
from .membership import MASTER
from .types import Server
from .values import shown

USERS = {
    "almalinux": "almalinux",
    "centos": "centos",
    "debian": "debian",
    "fedora": "fedora",
    "fedora-coreos": "core",
    "flatcar": "core",
    "rocky": "rocky",
    "ubuntu": "ubuntu",
}
"""The users that images let in, by os_distro."""


KINDS = {"private": (4, False), "floating": (4, True), "ipv6": (6, False)}
"""The kinds of addresses, by version and whether they are floating."""


class Wanted(t.NamedTuple):
    """What the user asks of connections.

    Attributes:
        address: Kinds of addresses, names of `KINDS`, the preferred one first.
        network: Name of the network that the address is of, if it must be one.
        jump_host: `master`, or what `ssh` takes as ProxyJump.
    """

    address: t.Sequence[str]
    network: str | None
    jump_host: str | None


def variables(
    node: Server, wanted: Wanted, warn: t.Callable[[str], None]
) -> dict[str, str]:
    """Return Ansible's variables of a connection to a server.

    Args:
        node: The server.
        wanted: What the user asks for.
        warn: Takes a warning for each address that can't be.
    """
    address = _address(node, wanted, warn)
    user = USERS.get(str(node["os_distro"]))
    jump = wanted.jump_host
    if jump == "master":
        jump = None
        master = node["cluster"]["master_address"] if node["cluster"] else None
        if master and node["role"] == MASTER and _has(node, master):
            address = master
        elif master:
            host = f"[{master}]" if ":" in master else master
            jump = f"{user}@{host}" if user else host
    known = {"ansible_host": address}
    if jump:
        option = shlex.quote(f"ProxyJump={jump}")
        known["ansible_ssh_common_args"] = f"-o {option}"
    if user:
        known["ansible_user"] = user
    return known


def _address(node: Server, wanted: Wanted, warn: t.Callable[[str], None]) -> str:
    """Return the address that Ansible connects to.

    Without one Ansible would connect to the host's name, which may be that of another
    machine. RFC 2606 promises that no name in `.invalid` ever resolves.
    """
    for kind in wanted.address:
        for entry in node["addresses"]:
            if (entry["version"], entry["floating"]) != KINDS[kind]:
                continue
            if wanted.network not in (None, entry["network"]):
                continue
            address = connectable(entry["address"], entry["version"])
            if address:
                return address
            warn(
                f"{shown(entry['address'])} can't be the address of a server, and is "
                "left out"
            )
    return f"no-{'-or-'.join(wanted.address)}-address.invalid"


def _has(node: Server, address: str) -> bool:
    return any(entry["address"] == address for entry in node["addresses"])

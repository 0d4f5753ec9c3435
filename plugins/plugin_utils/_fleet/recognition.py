# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what a host is recognized elsewhere: server id, address, name.

Names and private addresses are unique within a cluster at best. So two sides are
compared within the cluster that both of them name, and where both know the server's
id, another id is a veto.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass
from itertools import chain

from .types import Host, Scheduled, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What another system knows of a machine that may be a host.

    Attributes:
        ident: Id of its server; None if not known.
        names: Its names and addresses.
        cluster: Name of its cluster; None if not known.
    """

    ident: str | None
    names: tuple[str, ...]
    cluster: str | None

    @classmethod
    def of_server(cls, server: Server) -> Claim:
        """Return what a cloud knows of a server."""
        addresses = (entry["address"] for entry in server["addresses"])
        cluster = server["cluster"]
        return cls(
            ident=server["id"],
            names=(str(server["name"]), *addresses),
            cluster=cluster["name"] if cluster else None,
        )

    @classmethod
    def of_node(cls, node: Scheduled, cluster: str | None) -> Claim:
        """Return what a scheduler knows of a node of a cluster."""
        names = (node.name, *node.aliases)
        return cls(ident=node.provider_id, names=names, cluster=cluster)


def cluster_of(host: Host) -> str | None:
    """Return the name of the cluster that a host is of."""
    cluster = host.server["cluster"] if host.server else None
    return cluster["name"] if cluster else None


def pairs(hosts: t.Sequence[Host], claims: t.Sequence[Claim]) -> dict[int, str]:
    """Return which claims are of which hosts: keys of hosts by number of the claim.

    By server id, else by address, else by name, whole or up to the first dot. What
    several hosts or several claims have in common tells nothing.
    """
    found: dict[int, str] = {}
    taken: set[str] = set()
    for host_texts, claim_texts in _WAYS:
        if len(found) == min(len(hosts), len(claims)):
            break
        index = _Index(hosts, host_texts)
        texts = [claim_texts(claim) for claim in claims]
        counts = Counter(chain.from_iterable(map(set, texts)))
        wanted: dict[str, list[int]] = {}
        for number, claim in enumerate(claims):
            if number in found:
                continue
            keys = {
                key
                for text in texts[number]
                if counts[text] == 1
                for key in [index.find(text, claim)]
                if key is not None and key not in taken
            }
            if len(keys) == 1:
                wanted.setdefault(keys.pop(), []).append(number)
        for key, numbers in wanted.items():
            if len(numbers) == 1:
                found[numbers[0]] = key
                taken.add(key)
    return found


class Finder:
    """Finds hosts by single names and addresses.

    Args:
        hosts: The hosts.
    """

    def __init__(self, hosts: t.Sequence[Host]) -> None:
        self._whole = _Index(hosts, lambda host: {*_addresses(host), *_names(host)})
        self._short = _Index(hosts, _short_names)

    def find(self, name: str, cluster: str | None = None) -> str | None:
        """Return the key of the host that alone has a name or address.

        Args:
            name: Whole, or else up to the first dot.
            cluster: Name of the cluster that it is of; None if not known.
        """
        claim = Claim(ident=None, names=(), cluster=cluster)
        lower = name.lower()
        found = self._whole.find(lower, claim)
        return found or self._short.find(_short(lower), claim)

    def find_in(self, name: str, cluster: str) -> str | None:
        """Return the key of the host with a name or address in a cluster."""
        claim = Claim(ident=None, names=(), cluster=cluster)
        hosts = [
            host
            for host in self._whole.all(name.lower(), claim)
            if cluster_of(host) == cluster
        ]
        return hosts[0].key if len(hosts) == 1 else None

    def several(self, name: str, cluster: str | None = None) -> list[Host]:
        """Return the hosts that have a name, if it tells them not apart."""
        claim = Claim(ident=None, names=(), cluster=cluster)
        lower = name.lower()
        hosts = self._whole.all(lower, claim) or self._short.all(_short(lower), claim)
        return hosts if len(hosts) > 1 else []


class _Index:
    """Hosts by one kind of text.

    Args:
        hosts: The hosts.
        texts_of: Returns the texts of a host.
    """

    def __init__(
        self, hosts: t.Iterable[Host], texts_of: t.Callable[[Host], t.Iterable[str]]
    ) -> None:
        self._hosts: dict[str, list[Host]] = {}
        for host in hosts:
            for text in texts_of(host):
                self._hosts.setdefault(text, []).append(host)

    def all(self, text: str, claim: Claim) -> list[Host]:
        """Return the hosts with a text that may be what a claim is of."""
        hosts = self._hosts.get(text)
        if hosts is None:
            return []
        hosts = [host for host in hosts if not _contradicts(host, claim)]
        if len(hosts) > 1 and claim.cluster is not None:
            # One of the same cluster goes before those whose cluster nobody knows.
            same = [host for host in hosts if cluster_of(host) == claim.cluster]
            return same or hosts
        return hosts

    def find(self, text: str, claim: Claim) -> str | None:
        """Return the key of the only host with a text; None if there is none."""
        hosts = self.all(text, claim)
        return hosts[0].key if len(hosts) == 1 else None


def _contradicts(host: Host, claim: Claim) -> bool:
    ident = host.server["id"] if host.server else None
    if ident and claim.ident and ident != claim.ident:
        return True
    return claim.cluster is not None and cluster_of(host) not in (None, claim.cluster)


def _addresses(host: Host) -> set[str]:
    listed = host.server["addresses"] if host.server else []
    return {*(entry["address"].lower() for entry in listed), *host.aliases}


def _names(host: Host) -> set[str]:
    server = host.server["name"] if host.server else None
    itself = host.facts.hostname if host.facts else None
    names = {name.lower() for name in (host.name, server, itself) if name}
    return {*names, *host.aliases}


def _short_names(host: Host) -> set[str]:
    return {_short(name) for name in _names(host)}


def _short(name: str) -> str:
    """Return a name up to its first dot; an address is no name."""
    first, dot, _rest = name.partition(".")
    return name if dot and first.isdecimal() else first


def _ids(host: Host) -> t.Iterable[str]:
    ident = host.server["id"] if host.server else None
    return (ident,) if ident else ()


def _lower(claim: Claim) -> list[str]:
    return [name.lower() for name in claim.names]


_WAYS: tuple[
    tuple[t.Callable[[Host], t.Iterable[str]], t.Callable[[Claim], list[str]]], ...
] = (
    (_ids, lambda claim: [claim.ident] if claim.ident else []),
    (_addresses, _lower),
    (_names, _lower),
    (_short_names, lambda claim: [_short(claim.names[0].lower())]),
)
"""What of a host is compared with what of a claim, the surest way first."""

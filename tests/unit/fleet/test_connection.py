# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a server's addresses Ansible connects to."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    connection,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Address,
    Server,
)
from unit.fleet.factory import server


def entry(
    address: str, version: int | None = 4, network: str = "a", floating: bool = False
) -> Address:
    return {
        "network": network,
        "address": address,
        "version": version,
        "floating": floating,
    }


FIXED, FLOATING = entry("10.0.0.3"), entry("203.0.113.9", floating=True)
SIX, OTHER = entry("2001:db8::5", 6), entry("192.0.2.77", network="b")
LOCAL, LOOP = entry("fe80::1", 6), entry("127.0.0.1")
DUAL = [SIX, FIXED, FLOATING, OTHER]
USUAL = ["private", "ipv6"]


@pytest.mark.parametrize(
    ("addresses", "kinds", "network", "host"),
    [
        (DUAL, USUAL, None, "10.0.0.3"),
        (DUAL, ["ipv6", "private"], None, "2001:db8::5"),
        (DUAL, ["floating", "private"], None, "203.0.113.9"),
        (DUAL, ["private"], "b", "192.0.2.77"),
        (DUAL, ["floating", "private"], "b", "192.0.2.77"),
        (DUAL, ["floating", "ipv6"], "b", "no-floating-or-ipv6-address.invalid"),
        (DUAL, ["private"], "c", "no-private-address.invalid"),
        ([SIX], USUAL, None, "2001:db8::5"),
        ([SIX], ["private"], None, "no-private-address.invalid"),
        ([SIX], ["floating", "private", "ipv6"], None, "2001:db8::5"),
        ([FLOATING], USUAL, None, "no-private-or-ipv6-address.invalid"),
        ([], USUAL, None, "no-private-or-ipv6-address.invalid"),
        # What leads to another machine is passed over for the next kind.
        ([LOOP, SIX], USUAL, None, "2001:db8::5"),
        ([LOCAL, FIXED], ["ipv6", "private"], None, "10.0.0.3"),
        ([LOCAL], ["ipv6"], None, "no-ipv6-address.invalid"),
        # Nova says 4 of this one.
        ([entry("2001:db8::5", 4)], USUAL, None, "no-private-or-ipv6-address.invalid"),
        ([entry("10.0.0.3", None)], USUAL, None, "no-private-or-ipv6-address.invalid"),
    ],
)
def test_addresses(
    addresses: list[Address], kinds: list[str], network: str | None, host: str
) -> None:
    assert _variables(addresses, kinds, network)[0]["ansible_host"] == host


def test_an_address_that_is_no_servers_is_warned_of() -> None:
    known, warnings = _variables([LOOP, SIX], USUAL)
    assert known == {"ansible_host": "2001:db8::5"}
    assert warnings == ["'127.0.0.1' can't be the address of a server, and is left out"]


def _variables(
    addresses: list[Address], kinds: list[str], network: str | None = None
) -> tuple[dict[str, str], list[str]]:
    """The variables of a connection, and the warnings."""
    node = t.cast(Server, server(addresses=addresses))
    warnings: list[str] = []
    wanted = connection.Wanted(kinds, network, None)
    return connection.variables(node, wanted, warnings.append), warnings

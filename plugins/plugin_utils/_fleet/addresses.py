# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses from outside: which of them Ansible may connect to."""

from __future__ import annotations

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def connectable(text: object, version: int | None = None) -> str | None:
    """Return an address as it is usually written; None if it can't be a server's.

    A server's address never leads to the controller, to its links, or to many hosts.

    Args:
        text: The address.
        version: 4 or 6, if it must be one of these.
    """
    # Only an address of a link has a zone, and it may hold any text.
    if not isinstance(text, str) or "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if version not in (None, address.version) or not _is_of_a_server(address):
        return None
    return str(address)


def _is_of_a_server(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        # In place of the library's properties, which take ten times as long: this
        # network, loopback, link-local, and multicast with all that is reserved.
        first, second = address.packed[:2]
        return first not in (0, 127) and first < 224 and (first, second) != (169, 254)
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return _is_of_a_server(inner)
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
    )

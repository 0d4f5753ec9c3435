# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxies that the environment names, by one rule for all clients of ours."""

from __future__ import annotations

import contextlib
import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def of_environment(url: str) -> str | None:
    """Return the proxy that `HTTP_PROXY` or `HTTPS_PROXY` names for an address.

    `NO_PROXY` may hold networks beside what Python's own library reads there, as it
    may for the library that OpenStack's clients use.

    Args:
        url: The address.
    """
    parts, proxies = urlsplit(url), getproxies()
    host, proxy = parts.hostname or "", proxies.get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]) or proxy_bypass(host):
        return None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a name
        networks = []
    else:
        networks = proxies.get("no", "").split(",")
    for network in networks:
        with contextlib.suppress(ValueError):  # a name
            if address in ipaddress.ip_network(network.strip(), strict=False):
                return None
    return proxy if "://" in proxy else f"http://{proxy}"

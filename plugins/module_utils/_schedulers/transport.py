# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to an API server, directly or through a proxy."""

from __future__ import annotations

import typing as t
from urllib.parse import unquote, urlsplit

from .. import _http, _libraries
from .._proxies import of_environment
from . import tls
from .errors import SchedulerError
from .kubeconfig import Access

_NO_PROXY = "the address of the proxy must be a URL with http, https or socks5"
"""Without the address, which may hold a password."""

_SOCKS = ("socks4://", "socks4a://", "socks5://", "socks5h://")


def pool(access: Access) -> t.Any:
    """Return urllib3's pool of connections. A request is sent twice where it failed.

    Raises:
        SchedulerError: A Python package is missing, or a certificate, or the address of
            the proxy, is of no use.
    """
    try:
        import urllib3
    except ImportError as error:
        raise SchedulerError(_libraries.missing("urllib3", error)) from error
    options: dict[str, t.Any] = {
        "ssl_context": tls.context(access),
        # A connection that was kept may be closed by now. How long a busy server asks
        # to wait is not for urllib3, which would wait for any time.
        "retries": urllib3.Retry(1, respect_retry_after_header=False),
    }
    if access.server_name:
        options["server_hostname"] = access.server_name
    proxy = access.proxy or of_environment(access.server)
    if not proxy:
        made = urllib3.PoolManager(**options)
    elif proxy.lower().startswith(_SOCKS):
        return _socks(proxy, options)
    else:
        made = _proxied(proxy, options)
    made.pool_classes_by_scheme = _http.pools()
    return made


def _proxied(proxy: str, options: dict[str, t.Any]) -> t.Any:
    import urllib3

    try:
        parts = urlsplit(proxy)
        if parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            options["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=login)
        return urllib3.ProxyManager(proxy, **options)
    except (ValueError, urllib3.exceptions.HTTPError) as error:
        raise SchedulerError(_NO_PROXY) from error


def _socks(proxy: str, options: dict[str, t.Any]) -> t.Any:
    try:
        from urllib3.contrib.socks import SOCKSProxyManager
    except ImportError as error:
        text = _libraries.missing("PySocks", error)
        raise SchedulerError(f"{text}. A SOCKS proxy requires it") from error
    try:
        return SOCKSProxyManager(proxy, **options)
    except ValueError as error:
        raise SchedulerError(_NO_PROXY) from error

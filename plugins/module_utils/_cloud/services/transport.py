# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries a session's requests: answers within limits, and no way elsewhere."""

from __future__ import annotations

import functools
import threading
import time
import typing as t
from urllib.parse import urljoin, urlsplit

from ... import _http

_PORTS = {"http": 80, "https": 443}


class Unusable(Exception):
    """An answer is too large, or redirects to another server; the message says so."""


def limit(session: t.Any, seconds: t.Callable[[float], float]) -> None:
    """Hold all answers to a session of keystoneauth to the limits of `_http`.

    Tokens and passwords go along with a redirect, so that only those to the same server
    are followed: Heat answers so to the name of a stack.

    Args:
        session: The session; its requests raise `Unusable` then.
        seconds: Returns how long an answer may take in all, of the timeout that the
            session sets.
    """
    import requests
    from keystoneauth1.session import TCPKeepAliveAdapter

    class Answer(requests.Response):
        """An answer whose JSON is not deeper than others."""

        def json(self, **_options: t.Any) -> t.Any:
            try:
                return _http.load(self.content)
            except _http.TooMuch as error:
                raise Unusable(f"a body that is {error}") from error

    class Adapter(TCPKeepAliveAdapter):
        """Reads answers to their end, within the limits."""

        def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = _http.pools()

        def proxy_manager_for(self, proxy: str, **kwargs: t.Any) -> t.Any:
            manager = super().proxy_manager_for(proxy, **kwargs)
            if not proxy.lower().startswith("socks"):
                manager.pool_classes_by_scheme = _http.pools()
            return manager

        def build_response(self, *args: t.Any) -> requests.Response:
            answer: requests.Response = super().build_response(*args)
            answer.__class__ = Answer
            return answer

        def send(
            self, request: requests.PreparedRequest, *args: t.Any, **kwargs: t.Any
        ) -> requests.Response:
            deadline = time.monotonic() + seconds(kwargs["timeout"])
            request.headers["Accept-Encoding"] = _http.ENCODING
            sender = functools.partial(super().send, request, *args)
            answer = _whole(sender, {**kwargs, "stream": True}, deadline)
            _check_redirect(answer)
            return answer

    for scheme in list(session.session.adapters):
        session.session.mount(scheme, Adapter())


def _whole(send: t.Callable[..., t.Any], options: t.Any, deadline: float) -> t.Any:
    """Return an answer of requests with its whole body, which keeps the limits.

    Args:
        send: Sends the request.
        options: Options of `send` but for its timeout.
        deadline: When the body must be complete, by `time.monotonic`.
    """
    import requests
    import urllib3

    def exchange() -> t.Any:
        answer = send(**{**options, "timeout": _http.seconds_until(deadline)})
        try:
            encoding = answer.headers.get("Content-Encoding")
            answer._content = _http.read(answer.raw, encoding, deadline)
        except BaseException:
            answer.close()
            raise
        answer._content_consumed = True
        return answer

    try:
        return _http.within(deadline, exchange)
    except _http.Late as error:
        raise requests.exceptions.ReadTimeout(str(error)) from error
    except _http.NotJson as error:
        raise Unusable(f"a body that is {error}") from error
    except urllib3.exceptions.HTTPError as error:
        # The connection broke while the body was read.
        raise requests.exceptions.ChunkedEncodingError(error) from error


def sign_in_surely(auth: t.Any) -> None:
    """Let no sign-in hang, and no request fail because another one signs in.

    Keystoneauth signs in under a lock. Where Keystone asks for a token before it gives
    one, it waits for that lock itself, forever. And a request whose token has ended is
    sent again only if no other request has dropped that token in the meantime.

    Args:
        auth: The plugin of a session.
    """
    from keystoneauth1 import exceptions, identity

    if not isinstance(auth, identity.BaseIdentityPlugin):
        return
    sign_in, drop = auth.get_auth_ref, auth.invalidate
    under_way: set[int] = set()

    def sign_in_once(session: t.Any) -> t.Any:
        thread = threading.get_ident()
        if thread in under_way:
            raise exceptions.DiscoveryFailure("Keystone asks for a token first")
        under_way.add(thread)
        try:
            return sign_in(session)
        finally:
            under_way.discard(thread)

    vars(auth).update(
        get_auth_ref=sign_in_once,
        invalidate=lambda: drop() or True,
        _lock=threading.RLock(),
    )


def _check_redirect(answer: t.Any) -> None:
    """Raise where an answer redirects to another server."""
    location = answer.headers.get("Location")
    if location is None or answer.status_code not in _http.REDIRECTS:
        return
    try:
        address = urljoin(answer.url, location)
        same = _server(address) == _server(answer.url)
    except ValueError:
        address, same = location, False
    if not same:
        raise Unusable(
            f"a redirect from {_http.shown(answer.url)} to {_http.shown(address)}, "
            "which is another server and would be sent the credentials. If you trust "
            "it, set auth_url or the endpoint in Keystone's catalog to its address"
        )
    # keystoneauth follows no relative ones.
    answer.headers["Location"] = address


def _server(address: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of an address.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)

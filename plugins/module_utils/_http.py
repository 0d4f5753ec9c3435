# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTP, within limits of size, depth and time.

`request` is for servers that need no library of their own. What such a library's
connections answer is held to the same limits by `within`, `read`, `parse` and `pools`.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import threading
import time
import typing as t
import urllib.request
import zlib
from urllib.parse import unquote, urlencode, urljoin, urlsplit, urlunsplit

from ._proxies import of_environment
from ._secrets import remember, without_credentials

Json = t.Dict[str, t.Any]

MOST_BYTES = 128 * 2**20
"""Bytes of an answer, decompressed: twice what 100,000 devices take in Prometheus."""

MOST_VALUES = 10_000_000
"""Values in an answer, which in memory take up to twenty times their bytes."""

DEEPEST = 64
"""Lists and objects within each other; a pod has about 15."""

ENCODING = "gzip"
"""What `Accept-Encoding` may ask for."""

REDIRECTS = (301, 302, 303, 305, 307, 308)

_PIECE = 2**16
_LONGEST_TEXT = 500

_T = t.TypeVar("_T")


class HttpError(Exception):
    """No JSON object came back."""


class NoAnswer(HttpError):
    """The server did not answer; the message is the reason."""


class Late(NoAnswer):
    """The deadline came before the end of the answer."""

    def __init__(self) -> None:
        super().__init__("its answer was not complete before the timeout")


class NotJson(HttpError):
    """The answer is no JSON object; the message says what it is."""


class TooMuch(NotJson):
    """The answer is larger or deeper than any usual one."""


class Refused(HttpError):
    """The server answered with an error, or with a redirect, which is not followed.

    Args:
        status: The HTTP status.
        reason: The `error` of the answer, or else the text of the status.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Readable(t.Protocol):
    """What the bytes of an answer come from; nothing means the end."""

    def read(self, amount: int, /) -> bytes:
        """Return up to so many bytes."""


# Any client's answers ---------------------------------------------------------------


def read(stream: Readable, encoding: str | None, deadline: float) -> bytes:
    """Read the body of an answer.

    A single read of the stream may wait for long: only within `within` does the
    deadline end it.

    Args:
        stream: The body as it was sent. Of urllib3 that is an answer to a request with
            `preload_content=False` and `decode_content=False`.
        encoding: The header `Content-Encoding`.
        deadline: When it must have ended, by `time.monotonic`.

    Raises:
        NotJson: It is too long, or not in an encoding that was requested.
        Late: The deadline has passed.
    """
    if encoding not in (None, "", "identity", "gzip", "x-gzip"):
        raise NotJson(f"in the encoding {encoding!r}, which was not requested")
    unzip = zlib.decompressobj(31) if encoding and "gzip" in encoding else None
    content = bytearray()
    while True:
        if time.monotonic() > deadline:
            raise Late
        piece = stream.read(_PIECE)
        if not piece:
            break
        if unzip:
            try:
                # At most a byte too many, however much is in there.
                piece = unzip.decompress(piece, MOST_BYTES + 1 - len(content))
            except zlib.error as error:
                raise NotJson("no valid gzip") from error
            if unzip.unused_data:
                raise NotJson("longer than the gzip in it")
        content += piece
        check_size(len(content))
    return bytes(content)


def check_size(size: int) -> None:
    """Check how many bytes have been read.

    Raises:
        TooMuch: More than of any usual answer.
    """
    if size > MOST_BYTES:
        raise TooMuch(f"larger than {MOST_BYTES >> 20} MiB, the most that is read")


def parse(content: bytes) -> Json:
    """Parse a JSON object.

    Raises:
        NotJson: It is none, or has more values or levels than any usual one.
    """
    try:
        parsed = load(content)
    except ValueError as error:
        raise NotJson("no JSON") from error
    if not isinstance(parsed, dict):
        raise NotJson("no JSON object")
    return parsed


def load(content: bytes) -> t.Any:
    """Parse JSON.

    Raises:
        ValueError: It is none.
        TooMuch: It has more values or levels than any usual one.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise TooMuch(f"larger than {MOST_VALUES} values, the most that are read")
    too_deep = f"nested more than {DEEPEST} levels deep, the most that are read"
    try:
        parsed = json.loads(content)
    except RecursionError as error:
        raise TooMuch(too_deep) from error
    level = [parsed] if isinstance(parsed, (dict, list)) else []
    for _depth in range(DEEPEST):
        level = [
            value
            for parent in level
            for value in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(value, (dict, list))
        ]
        if not level:
            return parsed
    raise TooMuch(too_deep)


# A deadline that nothing outlives ---------------------------------------------------


def within(deadline: float, exchange: t.Callable[[], _T]) -> _T:
    """Return what an exchange over `Ending` connections returns, or end it in time.

    Args:
        deadline: When it must have ended, by `time.monotonic`.
        exchange: Connects, sends and reads, all in this thread.

    Raises:
        Late: The deadline has passed.
    """
    seconds_until(deadline)
    _of_thread.deadline = deadline
    try:
        return exchange()
    except Exception as error:
        if time.monotonic() >= deadline:
            raise Late from error
        raise
    finally:
        _of_thread.deadline = None


def seconds_until(deadline: float) -> float:
    """Return the seconds that are left, as a timeout of sockets.

    Raises:
        Late: None is left.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise Late
    return left


_of_thread = threading.local()


def _deadline() -> float | None:
    """Return the deadline of what this thread does."""
    return getattr(_of_thread, "deadline", None)


class _Raw(io.RawIOBase):
    """Reads a socket until a deadline, however often it is read.

    Args:
        connected: The socket.
        raw: What reads it.
        deadline: The deadline.
    """

    def __init__(self, connected: t.Any, raw: t.Any, deadline: float) -> None:
        self._socket = connected
        self._raw = raw
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        self._socket.settimeout(seconds_until(self._deadline))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that ends at the deadline of the thread that waits for it."""

    def __init__(self, sock: t.Any, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(sock, *args, **kwargs)
        deadline = _deadline()
        if deadline is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Raw(sock, raw, deadline))


class Ending:
    """Mixin of the connections of http.client and urllib3, which `within` ends."""

    response_class: t.Any = _Response
    _sock: t.Any = None

    @property
    def sock(self) -> t.Any:
        """The socket, once there is one."""
        return self._sock

    @sock.setter
    def sock(self, connected: t.Any) -> None:
        self._sock = connected
        self._limit()

    def connect(self) -> None:
        """Connect, and make TLS, in a thread: to look up a name can't be interrupted.

        What follows the look-up ends at the deadline by itself.
        """
        deadline = _deadline()
        errors: list[BaseException] = []

        def run() -> None:
            _of_thread.deadline = deadline
            try:
                # A mixin's: mypy does not see whose it will be.
                super(Ending, self).connect()  # type: ignore[misc]
            except BaseException as error:  # noqa: BLE001 -- raised where it is waited for
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(None if deadline is None else seconds_until(deadline))
        if thread.is_alive():
            raise Late
        if errors:
            raise errors[0]

    def request(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        """Send a request, maybe over a connection that was made for another."""
        self._limit()
        return super().request(*args, **kwargs)  # type: ignore[misc]

    def _limit(self) -> None:
        deadline = _deadline()
        if self._sock is not None and deadline is not None:
            self._sock.settimeout(seconds_until(deadline))


def pools() -> dict[str, t.Any]:
    """Return pools of such connections: `pool_classes_by_scheme` of urllib3."""
    from urllib3 import connectionpool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Plain(Ending, HTTPConnection):
        pass

    class Tls(Ending, HTTPSConnection):
        pass

    class PlainPool(connectionpool.HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


# One request ------------------------------------------------------------------------


def request(
    url: str,
    headers: t.Mapping[str, str],
    deadline: float,
    *,
    form: t.Mapping[str, str] | None = None,
    user: str | None = None,
    password: str | None = None,
    validate_certs: bool = True,
    ca_cert: str | None = None,
    client_cert: str | None = None,
    client_key: str | None = None,
) -> Json:
    """Request a JSON object. Redirects are not followed.

    Args:
        url: The address; a user and password in it are those of `user` and `password`.
        headers: Headers beside `Accept`.
        deadline: When the answer must be complete, by `time.monotonic`.
        form: A form to send with POST.
        user: User of basic authentication.
        password: The user's password.
        validate_certs: Whether to check the server's certificate.
        ca_cert: Path of the CA certificates to check it with.
        client_cert: Path of a certificate to show to the server.
        client_key: Path of its key, if that is in a file of its own.

    Returns:
        The answer.

    Raises:
        NoAnswer: The server did not answer in time, or not in HTTP.
        NotJson: It answered with something else.
        Refused: It answered with an error or a redirect.
    """
    address, in_url = _address(url)
    login = f"{user}:{password or ''}" if user else in_url
    every = {"Accept": "application/json", "Accept-Encoding": ENCODING, **headers}
    if login:
        every["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    remember([login.partition(":")[2], *_credentials(every)])
    data = urlencode(form).encode() if form else None
    proxy = of_environment(address)
    proxies = {urlsplit(address).scheme: proxy} if proxy else {}

    connecting = _Connecting(validate_certs, ca_cert, client_cert, client_key)

    def exchange() -> tuple[int, str, str, bytes]:
        opener = urllib.request.OpenerDirector()
        opener.add_handler(urllib.request.ProxyHandler(proxies))
        opener.add_handler(connecting)
        opener.add_handler(urllib.request.UnknownHandler())
        sent = urllib.request.Request(address, data, every)
        with opener.open(sent, timeout=seconds_until(deadline)) as answer:
            encoding = answer.headers.get("Content-Encoding")
            location = urljoin(address, str(answer.headers.get("Location")))
            content = read(answer, encoding, deadline)
            return answer.status, str(answer.reason), location, content

    try:
        status, reason, location, content = within(deadline, exchange)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoAnswer(shown(getattr(error, "reason", None) or error)) from error
    if status in REDIRECTS:
        raise Refused(status, redirect_text(location, "url"))
    if status >= 300:
        raise Refused(status, _reason(content) or shown(reason))
    return parse(content)


def _credentials(headers: t.Mapping[str, str]) -> t.Iterator[str]:
    for name, value in headers.items():
        if is_secret(name):
            yield value
            yield value.rpartition(" ")[2]


def is_secret(header: str) -> bool:
    """Return whether a header holds a credential, as its name says."""
    words = ("auth", "token", "secret", "key", "password", "cookie")
    return any(word in header.lower() for word in words)


def redirect_text(address: str, option: str) -> str:
    """Return why a redirect ends in an error.

    Args:
        address: Where it leads.
        option: The option that has the address which redirects.
    """
    return (
        f"it redirects to {shown(address)}, and redirects are not followed, as "
        f"credentials would be sent along. If you trust it, set {option} to it"
    )


def shown(text: object) -> str:
    """Return what a message shows of a text from outside."""
    printable = "".join(filter(str.isprintable, str(text)[:_LONGEST_TEXT]))
    return without_credentials(printable)


def _address(url: str) -> tuple[str, str]:
    """Return an address, and the user and password that it holds.

    Raises:
        NoAnswer: It is none.
    """
    try:
        parts = urlsplit(url)
        login, _at, place = parts.netloc.rpartition("@")
        if not parts.hostname or parts.port == 0:
            raise ValueError("no host")
    except ValueError as error:
        # Not shown: what looks like a port may be part of a password.
        raise NoAnswer("url is no valid address") from error
    return urlunsplit(parts._replace(netloc=place)), unquote(login)


def _reason(content: bytes) -> str:
    try:
        return shown(parse(content)["error"])
    except (NotJson, KeyError):
        return ""


class _Connecting(urllib.request.AbstractHTTPHandler):
    """Opens connections that end at a deadline.

    Args:
        validate_certs: Whether to check a server's certificate.
        ca_cert: Path of the CA certificates to check it with.
        client_cert: Path of a certificate to show to the server.
        client_key: Path of its key, if that is in a file of its own.
    """

    def __init__(
        self,
        validate_certs: bool,
        ca_cert: str | None,
        client_cert: str | None,
        client_key: str | None,
    ) -> None:
        super().__init__()
        self._validate_certs = validate_certs
        self._ca_cert = ca_cert
        self._client_cert = client_cert
        self._client_key = client_key

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def http_open(self, sent: urllib.request.Request) -> t.Any:
        """Send a request without TLS."""
        return self.do_open(_Plain, sent)

    def https_open(self, sent: urllib.request.Request) -> t.Any:
        """Send a request with TLS."""
        # Imported here: it takes 0.1 s, and most modules send no such request.
        from ansible.module_utils.urls import make_context

        try:
            context = make_context(
                cafile=self._ca_cert,
                validate_certs=self._validate_certs,
                client_cert=self._client_cert,
                client_key=self._client_key,
            )
        except OSError as error:
            names = {
                "ca_cert": self._ca_cert,
                "client_cert": self._client_cert,
                "client_key": self._client_key,
            }
            given = ", ".join(f"{name}: {path}" for name, path in names.items() if path)
            raise NoAnswer(
                f"no certificates can be read from {given}: {error}"
            ) from error
        return self.do_open(_Tls, sent, context=context)


class _Plain(Ending, http.client.HTTPConnection):
    pass


class _Tls(Ending, http.client.HTTPSConnection):
    pass

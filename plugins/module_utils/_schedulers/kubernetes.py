# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of Kubernetes' API: raw JSON, lists page by page, errors of one type.

It needs urllib3 and no more: the official client writes keys to files, and its model
classes take four times the time.
"""

from __future__ import annotations

import functools
import re
import time
import typing as t
from urllib.parse import urljoin

from .. import _http
from .._secrets import remember
from . import transport
from .errors import SchedulerError
from .kubeconfig import Access

Record = t.Dict[str, t.Any]

JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Asks for no more than the metadata of what is listed."""

PAGE = 500
MOST_PAGES = 500
MOST_OBJECTS = PAGE * MOST_PAGES
"""Of a list, in all its pages. Kubernetes is made for 150,000 pods."""

_RESTARTS = 2
_LONGEST_MARK = 8192
"""Characters of the mark of a next page, which holds a name and a namespace."""

Get = t.Callable[[str, t.Dict[str, str], str], Record]
"""Sends a GET of a path, a query and a form of answer; raises `SchedulerError`."""

_T = t.TypeVar("_T")


class Refused(SchedulerError):
    """The API server answered with an error.

    Args:
        status: The HTTP status.
        message: The message of its answer.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the API server answered {status}: {message}")
        self.status = status


def client(access: Access, timeout: float) -> Get:
    """Return a client for an API server.

    Args:
        access: How it is reached.
        timeout: Seconds for all requests together.

    Raises:
        SchedulerError: A Python package is missing, or a certificate is of no use.
    """
    connections = transport.pool(access)
    deadline = time.monotonic() + timeout
    headers = {"Authorization": access.authorization} if access.authorization else {}
    remember((access.authorization or "").split(" ")[1:])

    def exchange(path: str, query: dict[str, str], accept: str) -> _Answer:
        answer = connections.request(
            "GET",
            access.server + path,
            fields=query,
            headers={**headers, "Accept": accept},
            timeout=_http.seconds_until(deadline),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            encoding = answer.headers.get("Content-Encoding")
            content = _http.read(answer, encoding, deadline)
        finally:
            answer.close()
        return _Answer(answer.status, answer.headers, content)

    def get(path: str, query: dict[str, str], accept: str) -> Record:
        send = functools.partial(exchange, path, query, accept)
        try:
            answer = _http.within(deadline, send)
            pause = _pause(answer)
            if pause is not None and pause < deadline - time.monotonic():
                time.sleep(pause)
                answer = _http.within(deadline, send)
        except _http.NotJson as error:
            raise _odd(path, error) from error
        except Exception as error:  # urllib3's, certificates'
            # Of urllib3's error about several attempts, that of the last.
            reason = _http.shown(getattr(error, "reason", None) or error)
            message = f"the API server did not answer: {reason}"
            raise SchedulerError(message) from error
        if answer.status in _http.REDIRECTS:
            target = urljoin(access.server + path, answer.headers.get("Location", ""))
            why = _http.redirect_text(target, "server of the kubeconfig")
            raise Refused(answer.status, why)
        return _checked(path, answer.status, answer.content)

    return get


class _Answer(t.NamedTuple):
    status: int
    headers: t.Mapping[str, str]
    content: bytes


def _pause(answer: _Answer) -> int | None:
    """Seconds after which a server that is busy asks to be asked again."""
    wait = answer.headers.get("Retry-After", "")
    return (
        int(wait) if answer.status == 429 and re.fullmatch("[0-9]{1,3}", wait) else None
    )


def _odd(path: str, error: _http.NotJson) -> SchedulerError:
    return SchedulerError(f"the API server's answer to {path} is {error}")


def _checked(path: str, status: int, content: bytes) -> Record:
    """Return the JSON object of an answer, or raise what the answer means."""
    if status == 200:
        try:
            return _http.parse(content)
        except _http.NotJson as error:
            raise _odd(path, error) from error
    try:
        message = _http.parse(content)["message"]
    except (_http.NotJson, KeyError):
        message = "no message"
    raise Refused(status, _http.shown(message))


def listed(
    get: Get,
    path: str,
    keep: t.Callable[[Record], _T | None],
    query: t.Mapping[str, str] | None = None,
    accept: str = JSON,
) -> list[_T]:
    """List objects, and return what `keep` makes of each.

    A list whose next page has expired meanwhile (410) is begun again.

    Args:
        get: Sends the requests.
        path: Path of the list.
        keep: Makes of an object what is returned; None leaves it out.
        query: Selectors.
        accept: Form of the answer.
    """
    attempt = 0
    while True:
        try:
            return list(_pages(get, path, keep, dict(query or {}), accept))
        except Refused as error:
            attempt += 1
            if error.status != 410 or attempt > _RESTARTS:
                raise


def _pages(
    get: Get,
    path: str,
    keep: t.Callable[[Record], _T | None],
    query: dict[str, str],
    accept: str,
) -> t.Iterator[_T]:
    query["limit"] = str(PAGE)
    objects = 0
    for _page in range(MOST_PAGES):
        answer = get(path, query, accept)
        items = answer.get("items") or []
        if "items" not in answer or not isinstance(items, list):
            raise SchedulerError(f"the API server answered {path} with no list")
        objects += len(items)
        if objects > MOST_OBJECTS:
            break
        for item in items:
            kept = keep(item)
            if kept is not None:
                yield kept
        mark = _next_page(answer)
        if mark is None:
            return
        query["continue"] = mark
    raise SchedulerError(
        f"the API server's list {path} has no end: more than {MOST_PAGES} pages or "
        f"{MOST_OBJECTS} objects"
    )


def _next_page(answer: Record) -> str | None:
    """Return the mark of the next page, which is sent back as it came."""
    metadata = answer.get("metadata")
    mark = metadata.get("continue") if isinstance(metadata, dict) else None
    if not mark:
        return None
    if not isinstance(mark, str) or len(mark) > _LONGEST_MARK:
        raise SchedulerError("the API server's mark of a next page is none")
    return mark

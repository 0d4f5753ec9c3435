# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API server's raw JSON: lists page by page, and errors of one type.

It is asked over the official client's transport, which knows kubeconfigs, tokens and
certificates. Its model classes take four times the time.
"""

from __future__ import annotations

import json
import typing as t

from ..fleet.model import Record
from .failure import SourceError

JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Asks for no more than the metadata of what is listed."""

PAGE = 500
_RESTARTS = 2

Get = t.Callable[[str, t.Dict[str, str], str], Record]
"""Answers a GET of path, query and Accept; raises C(Refused) or C(SourceError)."""

_T = t.TypeVar("_T")


class Refused(SourceError):
    """The API server answered with an error.

    Args:
        status: Of HTTP.
        message: What it said.
    """

    def __init__(self, status: int, message: str) -> None:
        """Keep both."""
        super().__init__(f"the API server answered {status}: {message}")
        self.status = status


def client(kubeconfig: str | Record | None, context: str | None, timeout: float) -> Get:
    """A client for the cluster of a kubeconfig.

    Args:
        kubeconfig: Its path, or what is in it; without it E(KUBECONFIG), or
            C(~/.kube/config).
        context: Name of the context in it; without it the current one.
        timeout: Seconds for each request.

    Raises:
        SourceError: The Python package is missing, or the kubeconfig is of no use.
    """
    try:
        from kubernetes import config
    except ImportError as error:
        raise SourceError(
            f"the Python package kubernetes is needed on the controller: {error}"
        ) from error
    try:
        if isinstance(kubeconfig, dict):
            api = config.new_client_from_config_dict(kubeconfig, context=context)
        else:
            api = config.new_client_from_config(kubeconfig, context=context)
    except Exception as error:  # a kubeconfig can be wrong in any way
        raise SourceError(f"kubeconfig: {error}") from error

    def get(path: str, query: dict[str, str], accept: str) -> Record:
        settings = api.configuration
        headers = {"Accept": accept}
        try:
            for one in settings.auth_settings().values():
                headers[one["key"]] = one["value"]
            answer = api.rest_client.pool_manager.request(
                "GET",
                settings.host + path,
                fields=query,
                headers=headers,
                timeout=timeout,
                retries=1,
            )
        except Exception as error:  # urllib3's, certificates', a login plugin's
            raise SourceError(f"the API server did not answer: {error}") from error
        return _checked(path, answer.status, answer.data)

    return get


def _checked(path: str, status: int, content: bytes) -> Record:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if status != 200:
        message = found.get("message") if isinstance(found, dict) else None
        raise Refused(status, str(message or "no message"))
    if not isinstance(found, dict):
        raise SourceError(f"the API server answered {path} with no JSON object")
    return found


def listed(
    get: Get,
    path: str,
    keep: t.Callable[[Record], _T | None],
    query: t.Mapping[str, str] | None = None,
    accept: str = JSON,
) -> list[_T]:
    """All that C(keep) keeps of a list's objects; those are left out where it is None.

    A list whose next page has expired meanwhile (410) is begun again.

    Args:
        get: Asks the API server.
        path: Of the list.
        keep: Makes of an object what is kept.
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
    while True:
        answer = get(path, query, accept)
        if "items" not in answer:
            raise SourceError(f"the API server answered {path} with no list")
        for item in answer.get("items") or []:
            kept = keep(item)
            if kept is not None:
                yield kept
        mark = (answer.get("metadata") or {}).get("continue")
        if not mark:
            return
        query["continue"] = mark

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' HTTP API: series of instant queries, and names of metrics.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import json
import math
import typing as t
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

from ansible.module_utils.urls import open_url

from ..fleet.model import Record
from .failure import SourceError

Labels = t.Dict[str, str]


class Sample(t.NamedTuple):
    """Labels and value of a series."""

    labels: Labels
    value: float


class Prometheus:
    """A server.

    Args:
        options: C(url), C(token) or C(user) and C(password), C(validate_certs) and
            C(ca_cert); C(matchers) narrow down all that is asked for.
        timeout: Seconds for each request.
        warn: Takes a warning for the user.
    """

    def __init__(
        self, options: Record, timeout: float, warn: t.Callable[[str], None]
    ) -> None:
        """Keep them."""
        self._url = options["url"].rstrip("/")
        self._options = options
        self._timeout = timeout
        self._warn = warn

    def names(self) -> list[str]:
        """Names of all metrics.

        Raises:
            SourceError: It did not answer.
        """
        matchers = self._options.get("matchers")
        query = f"?{urlencode({'match[]': self.selector()})}" if matchers else ""
        found = self._get(f"/api/v1/label/__name__/values{query}")
        return [name for name in found or [] if isinstance(name, str)]

    def selector(self, *matchers: str) -> str:
        """What stands behind the name of a metric: these matchers and the user's."""
        told = [*matchers, self._options.get("matchers") or ""]
        return "{" + ",".join(filter(None, told)) + "}"

    def query(self, query: str) -> list[Sample]:
        """Series of an instant query.

        Values that are no number are left out, and the largest that mean "blank" in
        NVIDIA's DCGM.

        Raises:
            SourceError: It did not answer, or not with series.
        """
        found = self._get("/api/v1/query", {"query": query})
        if not isinstance(found, dict) or found.get("resultType") != "vector":
            raise SourceError("Prometheus answered a query with no series")
        samples = []
        for one in found.get("result") or []:
            try:
                labels, value = one["metric"], float(one["value"][1])
            except (KeyError, IndexError, TypeError, ValueError):
                raise SourceError(
                    "Prometheus answered a series of no known shape"
                ) from None
            if math.isfinite(value) and not _blank(value):
                samples.append(Sample(labels, value))
        return samples

    def _get(self, path: str, form: Record | None = None) -> t.Any:
        options = self._options
        headers = {"Accept": "application/json"}
        if options.get("token"):
            headers["Authorization"] = f"Bearer {options['token']}"
        try:
            answer = open_url(
                self._url + path,
                data=urlencode(form) if form else None,
                headers=headers,
                method="POST" if form else "GET",
                timeout=self._timeout,
                url_username=options.get("user"),
                url_password=options.get("password"),
                force_basic_auth=bool(options.get("user")),
                validate_certs=options.get("validate_certs", True),
                ca_path=options.get("ca_cert"),
            )
            found = _json(answer.read())
        except HTTPError as error:
            raise SourceError(
                f"Prometheus answered {error.code}: {_reason(error)}"
            ) from error
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise SourceError(f"Prometheus did not answer: {reason}") from error
        if found.get("status") != "success":
            raise SourceError(f"Prometheus says: {found.get('error')}")
        for text in found.get("warnings") or []:
            self._warn(f"Prometheus warns: {text}")
        return found.get("data")


def _blank(value: float) -> bool:
    """Whether a value is one of DCGM's for "blank": of 32 bits, 64 bits, or a float."""
    return (
        2147483632 <= value <= 2147483647
        or 140737488355328 <= value <= 140737488355343
        or value >= 9223372036854775792
    )


def _json(content: bytes) -> Record:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SourceError("what Prometheus answered is no JSON object")
    return found


def _reason(error: HTTPError) -> str:
    """What the answer says of an error; or its status."""
    try:
        return str(_json(error.read())["error"])
    except (SourceError, KeyError, OSError):
        return str(error.reason)

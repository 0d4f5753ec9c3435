# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' HTTP API: series of instant queries, and names of metrics.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import math
import time
import typing as t
from urllib.parse import urlencode

from ....module_utils import _http
from ..._fleet.types import Record
from ..base import headers, tls
from ..failure import SourceError

Labels = dict[str, str]

LONGEST_LABELS = 16384
"""Characters of all values of the labels of a series; usual ones have some hundreds."""


class Sample(t.NamedTuple):
    """Labels and value of a series."""

    labels: Labels
    value: float


class Prometheus:
    """A server.

    Args:
        options: `url`, `token` or `user` and `password`, and those of `base.HTTP`;
            `matchers` narrow down every query.
        timeout: Seconds for all requests together.
        warn: Takes warnings for the user.
    """

    def __init__(
        self, options: Record, timeout: float, warn: t.Callable[[str], None]
    ) -> None:
        self._url = options["url"].rstrip("/")
        self._options = options
        self._deadline = time.monotonic() + timeout
        self._warn = warn

    def names(self) -> list[str]:
        """Return the names of all metrics.

        Raises:
            SourceError: It did not answer.
        """
        matchers = self._options.get("matchers")
        query = f"?{urlencode({'match[]': self.selector()})}" if matchers else ""
        names = self._get(f"/api/v1/label/__name__/values{query}")
        if not isinstance(names, (list, type(None))):
            raise SourceError("Prometheus answered with no list of names of metrics")
        return [name for name in names or () if isinstance(name, str)]

    def selector(self, *matchers: str) -> str:
        """Return the selector of these matchers and the user's, `{...}`."""
        every = [*matchers, self._options.get("matchers") or ""]
        return "{" + ",".join(filter(None, every)) + "}"

    def query(self, query: str) -> list[Sample]:
        """Return the series of an instant query.

        Values that are no number are left out, and the largest that mean "blank" in
        NVIDIA's DCGM.

        Raises:
            SourceError: It did not answer, or not with series.
        """
        data = self._get("/api/v1/query", {"query": query})
        if not isinstance(data, dict) or data.get("resultType") != "vector":
            raise SourceError("Prometheus answered a query with no series")
        series = data.get("result") or []
        if not isinstance(series, list):
            raise SourceError("Prometheus answered a query with no list of series")
        samples = [_sample(record) for record in series]
        unknown = samples.count(None)
        if unknown:
            self._warn(
                f"{query.partition('{')[0]}...: Prometheus answered {unknown} series "
                "of no known shape, which are left out"
            )
        return [
            sample
            for sample in samples
            if sample and math.isfinite(sample.value) and not _blank(sample.value)
        ]

    def _get(self, path: str, form: Record | None = None) -> t.Any:
        options = self._options
        token = options.get("token")
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = _http.request(
                self._url + path,
                {**bearer, **headers(options)},
                self._deadline,
                form=form,
                user=options.get("user"),
                password=options.get("password"),
                **tls(options),
            )
        except _http.Refused as error:
            raise SourceError(f"Prometheus answered {error.status}: {error}") from error
        except _http.NoAnswer as error:
            raise SourceError(f"Prometheus did not answer: {error}") from error
        except _http.NotJson as error:
            raise SourceError(f"what Prometheus answered is {error}") from error
        if answer.get("status") != "success":
            raise SourceError(
                f"Prometheus says: {_http.shown(answer.get('error')):.300}"
            )
        warnings = answer.get("warnings")
        for text in warnings if isinstance(warnings, list) else ():
            self._warn(f"Prometheus warns: {_http.shown(text):.300}")
        return answer.get("data")


def _sample(record: t.Any) -> Sample | None:
    """A series; None where it is none, or its labels are of no use."""
    try:
        labels, value = record["metric"], float(record["value"][1])
        sound = len("".join(labels.values())) <= LONGEST_LABELS
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError):
        return None
    return Sample(labels, value) if sound else None


def _blank(value: float) -> bool:
    """Whether a value is one of DCGM's for "blank": of 32 bits, 64 bits, or a float."""
    return (
        2147483632 <= value <= 2147483647
        or 140737488355328 <= value <= 140737488355343
        or value >= 9223372036854775792
    )

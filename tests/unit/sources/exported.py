# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Prometheus that holds given series, and answers the queries that are sent to it.

It knows as much of PromQL as these queries need; tests/beds/prometheus is a real one.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Labels = dict[str, str]
Metrics = dict[str, list[tuple[Labels, float]]]

_SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)\{(.*)\}")
_MATCHER = re.compile(r'(\w+)(=~|!=|=)"((?:[^"\\]|\\.)*)"')
_BY = re.compile(r"max by \((.*?)\) \((.*)\)")


@contextmanager
def prometheus(
    metrics: Metrics, tls: ssl.SSLContext | None = None
) -> Iterator[Prometheus]:
    """Serve series of now, over TLS if its settings are given."""
    server = Prometheus(metrics, tls)
    try:
        yield server
    finally:
        server.close()


class Prometheus:
    """A server.

    Attributes:
        metrics: Its series, by name of the metric.
        headers: Headers of the requests.
        url: Its address.
    """

    def __init__(self, metrics: Metrics, tls: ssl.SSLContext | None = None) -> None:
        self.metrics = metrics
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                outer.headers.append(dict(self.headers.items()))
                length = int(self.headers.get("Content-Length") or 0)
                form = parse_qs(self.rfile.read(length).decode())
                content = json.dumps(outer.answer(form)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 -- the library's name

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        threading.Thread(
            target=self._http.serve_forever, args=(0.02,), daemon=True
        ).start()
        self.url = (
            f"http{'s' if tls else ''}://127.0.0.1:{self._http.server_address[1]}"
        )

    def close(self) -> None:
        """Serve no more."""
        self._http.shutdown()
        self._http.server_close()

    def answer(self, form: dict[str, list[str]]) -> dict[str, Any]:
        """What it answers to a form; without a query, the names of its metrics."""
        if "query" not in form:
            return {"status": "success", "data": sorted(self.metrics)}
        series = self.evaluate(form["query"][0])
        result = [
            {"metric": labels, "value": [0, str(value)]} for labels, value in series
        ]
        data = {"resultType": "vector", "result": result}
        return {"status": "success", "data": data}

    def evaluate(self, query: str) -> list[tuple[Labels, float]]:
        """Return the series of a query."""
        by = _BY.fullmatch(query)
        if by:
            names = by.group(1).split(", ")
            highest: dict[tuple[tuple[str, str], ...], float] = {}
            for labels, value in self.evaluate(by.group(2)):
                kept = tuple((name, labels[name]) for name in names if labels.get(name))
                highest[kept] = max(value, highest.get(kept, value))
            return [(dict(kept), value) for kept, value in highest.items()]
        if query.startswith("time() - "):
            now = time.time()
            inner = self.evaluate(query.removeprefix("time() - "))
            return [(labels, now - value) for labels, value in inner]
        function, _bracket, inner = query.partition("(")
        if function == "timestamp":
            now = time.time()
            return [(labels, now) for labels, _value in self.evaluate(inner[:-1])]
        if function == "count":
            counted = len(self.evaluate(inner[:-1]))
            return [({}, counted)] if counted else []
        match = _SELECTOR.fullmatch(query)
        assert match, query
        return [
            (labels, value)
            for labels, value in self.metrics.get(match.group(1), ())
            if all(_fits(labels, *each) for each in _MATCHER.findall(match.group(2)))
        ]


def _fits(labels: Labels, name: str, sign: str, text: str) -> bool:
    own = labels.get(name, "")
    if sign == "=~":
        return re.fullmatch(text, own) is not None
    return (own == text) == (sign == "=")

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One odd value in an answer of a source: no exception, other hosts are unaffected.

Records are recorded ones. The transport is replaced, so that thousands of answers take
seconds; what parses them is the code that real answers meet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.openstack import (
    source as openstack,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.prometheus import (
    api,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.slurm import (
    source as slurm,
)
from unit.fuzz import records
from unit.fuzz.odd import oddities
from unit.fuzz.records import Record
from unit.fuzz.tally import LONG, Tally

REPORTS = ("overview", "consumers", "heatmap", "nodes")

Check = Callable[..., None]


@pytest.fixture
def check(tally: Tally, tmp_path: Path) -> Check:
    """Return what sees that reports survive odd values, and other nodes are as usual."""

    def run(
        source: Record, odd: str, usual: Any, answer: Callable[[Any], None], each: int
    ) -> None:
        """Try them all.

        Args:
            source: Options of the source.
            odd: Name of the node that the records are of.
            usual: The records, as they are usually.
            answer: Lets the source answer with these records.
            each: How many odd values each part gets.
        """

        def reports() -> list[Record]:
            options = {"sources": [source], "max_age": 0, "now": "2026-11-18T12:26:40Z"}
            return _reports.compute(REPORTS, options, {}, str(tmp_path))

        answer(usual)
        found = reports()
        # Nothing but that nobody has measured these nodes of late.
        assert all("facts" in text for text in found[0]["warnings"])
        others = {row["name"]: row for row in found[3]["data"]}
        assert others.pop(odd)
        assert others
        for path, value, changed in oddities(usual, 2 * each if LONG else each):
            what = partial("{}: {!r:.60}".format, path, value)
            answer(_lists(changed))
            with tally.trying(what):
                found = reports()
                json.dumps(found, allow_nan=False)
                rows = {row["name"]: row for row in found[3]["data"]}
                tally.compare(what, others, rows)
        tally.check(least=500)

    return run


def _lists(changed: Record) -> Record:
    """Leave lists lists: what is odd is within their records."""
    return {
        name: items if isinstance(items, list) and len(items) < 10 else []
        for name, items in changed.items()
    }


# Kubernetes -----------------------------------------------------------------------


def test_kubernetes(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    lists, odd = records.kubernetes(), records.of_kubernetes_node()
    changed: dict[str, Any] = {}

    def answer(items: Any) -> None:
        changed.clear()
        for path, listed in lists.items():
            usual = [item for item in listed["items"] if item not in odd[path]]
            changed[path] = {**listed, "items": [*usual, *items[path]]}

    def get(path: str, query: Record, accept: str) -> Record:
        if path in changed:
            return dict(changed[path])
        return records.kubernetes_resources(path, lists)

    monkeypatch.setattr(kubernetes, "client", lambda *_arguments: get)
    source = {"type": "kubernetes", "kubeconfig": "none", "cluster": "training"}
    check(source, "nv-gpu-0000", odd, answer, 3)


# Slurm ----------------------------------------------------------------------------


def test_slurm(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, odd = records.slurm(), records.of_slurm_node()
    changed: Record = {}

    def answer(items: Any) -> None:
        for kind, listed in recorded.items():
            usual = [record for record in listed if record not in odd[kind]]
            changed[kind] = [*usual, *items[kind]]

    monkeypatch.setattr(
        slurm.client, "commands", lambda *_arguments: lambda what: changed[what]
    )
    source = {"type": "slurm", "cluster": "slurm"}
    check(source, "gpu003", odd, answer, 4)


# Prometheus -----------------------------------------------------------------------


def test_prometheus(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, odd = records.prometheus("usual"), records.prometheus("odd")
    changed: Record = {}

    def answer(series: Any) -> None:
        for name, listed in usual.items():
            changed[name] = [*listed, *series[name]]

    def request(url: str, *_arguments: Any, **options: Any) -> Record:
        if "__name__" in url:
            return {"status": "success", "data": list(usual)}
        query = options["form"]["query"]
        found = next(
            (
                rows
                for name, rows in changed.items()
                if re.search(rf"\b{name}\b", query)
            ),
            [],
        )
        if query.startswith("timestamp("):
            found = [
                {**row, "value": [records.NOW, str(records.NOW)]}
                if isinstance(row, dict)
                else row
                for row in found
            ]
        data = {"resultType": "vector", "result": found}
        return {"status": "success", "data": data}

    monkeypatch.setattr(api._http, "request", request)
    source = {"type": "prometheus", "url": "http://prometheus.test", "cluster": "k"}
    check(source, "odd", odd, answer, 4)


# OpenStack ------------------------------------------------------------------------


def test_openstack(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    lists, odd = records.openstack(), records.of_openstack_node()
    changed: Record = {}

    def answer(items: Any) -> None:
        for kind, listed in lists.items():
            usual = [record for record in listed if record not in odd[kind]]
            changed[kind] = [*usual, *items[kind]]

    def read(kind: str) -> Callable[..., Any]:
        return lambda *_arguments: changed[kind]

    cloud = SimpleNamespace(
        region="RegionOne",
        keystone=SimpleNamespace(sign_in=lambda: None),
        nova=SimpleNamespace(
            flavors=read("flavors"), server_pages=lambda _query: [changed["servers"]]
        ),
        magnum=SimpleNamespace(clusters=read("clusters"), node_groups=read("groups")),
        heat=SimpleNamespace(all_stacks=read("stacks")),
        glance=SimpleNamespace(list=read("images")),
        neutron=SimpleNamespace(list=read("networks")),
        cinder=SimpleNamespace(get=lambda _path: {"pools": changed["pools"]}),
    )
    monkeypatch.setattr(openstack, "Cloud", lambda *_arguments, **_options: cloud)
    check({"type": "openstack", "cloud": "one"}, records.ODD_SERVER, odd, answer, 4)

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory's groups say of every host what the reports say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.inventory import gpu_nodes
from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import types
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources import table
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.inventory_variables import (
    PORTS as VARIABLE,
)
from unit.fleet import factory, fleets

NOW = datetime.now(UTC)
URL = {"url": "http://prometheus.example.com"}


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


class Plugin(gpu_nodes.InventoryModule):
    """The plugin with options and facts that a test gives it."""

    def __init__(
        self, facts: dict[str, Any], path: str = "gpu_nodes.yml", **options: Any
    ) -> None:
        super().__init__()
        self.facts = facts
        self.options = {
            "address": ["private"],
            "stale_after": 300,
            "prometheus": URL,
            **options,
        }
        self.inventory = InventoryData()
        self.loader = DataLoader()
        self._path = path

    def get_option(self, name: str) -> Any:
        return self.options.get(name)

    def _facts(self) -> Any:
        return self.facts.get

    def words(self, name: str) -> set[str]:
        """How a host does, by its groups."""
        names = {group.name for group in self.inventory.get_host(name).get_groups()}
        return {name[4:] for name in names if name.startswith("gpu_")} - {"nodes"}


def added(plugin: Plugin, servers: list[Any], telemetry: types.Telemetry) -> Plugin:
    """The plugin after it has added servers, which Prometheus has measured so."""
    with mock.patch.object(gpu_nodes.prometheus, "read", return_value=telemetry):
        plugin._add(servers)
    return plugin


def reported(
    hostvars: dict[str, Any], kind: str, telemetry: types.Telemetry
) -> dict[str, Any]:
    """Rows of the nodes' report, by name."""
    source = {"type": kind, **(URL if kind == "prometheus" else {})}
    schedules = list(telemetry.schedules)
    answers = table.Answers([], [telemetry], schedules, [])
    if kind == "facts":
        answers = table.Answers([], [], [], [])
    with mock.patch.object(table, "read", return_value=answers):
        [report] = _reports.compute(["nodes"], {"sources": [source]}, hostvars, "")
    return {row["name"]: row for row in report["data"]}


@st.composite
def servers(draw: st.DrawFn) -> list[Any]:
    return [
        factory.server(
            f"n{number}",
            draw(st.integers(1, 8)),
            status=draw(st.sampled_from(["ACTIVE", "ACTIVE", "ERROR"])),
            role=draw(st.sampled_from(["worker", "master"])),
            created_at=draw(st.sampled_from([ago(60), ago(7200), None])),
        )
        for number in range(draw(st.integers(1, 4)))
    ]


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """Facts, some of them of another time."""
    age = draw(st.sampled_from([0, 100, 500, -30, -500]))
    return {
        "gathered_at": ago(age),
        "devices": draw(fleets.device_lists()),
        "rdma_ports": draw(fleets.port_lists),
    }


@given(st.data(), servers(), st.sampled_from(["facts", "prometheus"]))
def test_groups_are_as_reports_say(data: Any, nodes: list[Any], kind: str) -> None:
    names = [node["name"] for node in nodes]
    facts = {name: data.draw(st.none() | records()) for name in names}
    expected = {name: data.draw(st.none() | st.integers(0, 4)) for name in names}
    scheduled = [
        factory.scheduled(name, offer=data.draw(fleets.offers))
        for name in names
        if data.draw(st.booleans())
    ]
    cluster = data.draw(st.sampled_from([None, "training"]))
    schedule = factory.schedule(*scheduled, source="kubernetes", cluster=cluster)
    telemetry = types.Telemetry(
        measured=[
            types.Measured(name=name, facts=record)
            for name, record in facts.items()
            if record
        ],
        schedules=data.draw(st.sampled_from([(), (schedule,)])),
    )
    plugin = Plugin(facts, telemetry=kind)
    for node in nodes:  # another file of the plugin has them too
        name = plugin.inventory.add_host(node["name"])
        plugin.inventory.set_variable(name, "gpufleet_node", node)
        plugin.inventory.set_variable(name, VARIABLE, expected[name])
    added(plugin, nodes, telemetry)
    hostvars = {
        node["name"]: {
            "gpufleet_node": node,
            "gpufleet": facts[node["name"]],
            VARIABLE: expected[node["name"]],
        }
        for node in nodes
    }
    rows = reported(hostvars, kind, telemetry)
    assert {name for name in names if plugin.words(name)} == rows.keys()
    for name, row in rows.items():
        healthy = {row["allocation"]} if row["health"] == "healthy" else set()
        assert plugin.words(name) == {row["health"], *healthy}
        health = plugin.inventory.get_host(name).vars["gpufleet_health"]
        rules = [fault["rule"] for fault in row["faults"]]
        assert [fault["rule"] for fault in health["faults"]] == rules


def test_a_node_that_never_joined_is_faulty() -> None:
    old = factory.server("old", 8, created_at=ago(7200))
    new = factory.server("new", 8, created_at=ago(60))
    schedule = factory.schedule(source="kubernetes", cluster="training")
    telemetry = types.Telemetry(schedules=[schedule])
    plugin = added(Plugin({}, telemetry="prometheus"), [old, new], telemetry)
    assert plugin.words("old") == {"faulty"}
    assert plugin.words("new") == {"healthy", "unknown"}


def test_ports_that_are_expected(tmp_path: Path) -> None:
    """By what people have written beside the inventory, nearest to the host."""
    for name, count in (("all", 1), ("cluster_training", 2)):
        (tmp_path / "group_vars").mkdir(exist_ok=True)
        (tmp_path / "group_vars" / f"{name}.yml").write_text(f"{VARIABLE}: {count}\n")
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "special.yml").write_text(f"{VARIABLE}: 1\n")
    nodes = [
        factory.server("usual", 1),
        factory.server("special", 1),
        factory.server("apart", 1, cluster=factory.cluster("other")),
    ]
    ports = [{"state": "ACTIVE"}, {"state": "DOWN"}]
    record = {"devices": [factory.device(0)], "rdma_ports": ports}
    facts = {node["name"]: record for node in nodes}
    plugin = Plugin(facts, str(tmp_path / "gpu_nodes.yml"), telemetry="facts")
    added(plugin, nodes, types.Telemetry())
    assert plugin.words("usual") == {"faulty"}
    assert plugin.words("special") == plugin.words("apart") == {"healthy", "idle"}
    [fault] = plugin.inventory.get_host("usual").vars["gpufleet_health"]["faults"]
    assert fault["evidence"] == "1 RDMA ports are active, 2 are expected"

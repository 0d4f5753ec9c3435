# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin as a user runs it, on a recorded cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.inventory import gpu_nodes
from fakes.recorded.server import Cloud
from integration.inventory import Inventory
from unit.fleet import factory

PASSWORD = "never-to-be-seen"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud(servers=5, clusters=2)
    yield made
    made.close()


@pytest.fixture
def inventory(cloud: Cloud, tmp_path: Path) -> Inventory:
    config = cloud.config
    config["auth"]["password"] = PASSWORD
    file = tmp_path / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": {"recorded": config}}))
    return Inventory(tmp_path, {"OS_CLIENT_CONFIG_FILE": str(file)}, cloud="recorded")


def _float(cloud: Cloud, name: str, address: str) -> None:
    """Give a server a floating address, and one of another network."""
    [server] = [one for one in cloud.lists["servers"] if one["name"] == name]
    [(network, [port])] = server["addresses"].items()
    floating = {**port, "OS-EXT-IPS:type": "floating", "addr": address}
    six = {**port, "version": 6, "addr": "2001:db8::5"}
    storage = {**port, "addr": "192.0.2.77"}
    server["addresses"] = {network: [port, floating, six], "storage": [storage]}


def test_jump_through_the_master(cloud: Cloud, inventory: Inventory) -> None:
    _float(cloud, "cluster-0-stack-master-0", "203.0.113.9")
    found = inventory.listing(jump_host="master")
    master = found.hosts["cluster-0-stack-master-0"]
    assert master["ansible_host"] == "203.0.113.9"
    assert "ansible_ssh_common_args" not in master
    node = found.hosts["cluster-0-stack-node-0"]
    assert node["ansible_ssh_common_args"] == "-o ProxyJump=core@203.0.113.9"
    assert node["ansible_host"].startswith("10.0.")
    assert "'cluster-1' has no master with a floating address" in found.warnings
    assert "ansible_ssh_common_args" not in found.hosts["cluster-1-stack-node-0"]
    # The masters need not be hosts for that.
    found = inventory.listing(jump_host="master", include_masters=False)
    assert found.hosts["cluster-0-stack-node-0"]["ansible_ssh_common_args"]
    assert not found.nodes(role="master")


def test_jump_host_by_name(inventory: Inventory) -> None:
    found = inventory.listing(jump_host="ops@bastion.example.com:2222")
    told = {host["ansible_ssh_common_args"] for host in found.hosts.values()}
    assert told == {"-o ProxyJump=ops@bastion.example.com:2222"}


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "10.0.0.3"),
        ({"address": "floating"}, "203.0.113.9"),
        ({"address": "ipv6"}, "2001:db8::5"),
        ({"network": "storage"}, "192.0.2.77"),
        ({"network": "storage", "address": "floating"}, "no-floating-address.invalid"),
        ({"address": ["ipv6", "private"]}, "2001:db8::5"),
        ({"address": ["private", "ipv6"]}, "10.0.0.3"),
        ({"network": "storage", "address": ["floating", "private"]}, "192.0.2.77"),
        (
            {"network": "storage", "address": ["floating", "ipv6"]},
            "no-floating-or-ipv6-address.invalid",
        ),
    ],
)
def test_addresses(
    cloud: Cloud, inventory: Inventory, options: dict[str, Any], address: str
) -> None:
    _float(cloud, "cluster-0-stack-master-0", "203.0.113.9")
    host = inventory.listing(**options).hosts["cluster-0-stack-master-0"]
    assert host["ansible_host"] == address


def test_a_server_with_ipv6_alone(cloud: Cloud, inventory: Inventory) -> None:
    name = "cluster-0-stack-node-0"
    [server] = [one for one in cloud.lists["servers"] if one["name"] == name]
    [(network, [port])] = server["addresses"].items()
    server["addresses"] = {network: [{**port, "version": 6, "addr": "2001:db8::5"}]}
    assert inventory.listing().hosts[name]["ansible_host"] == "2001:db8::5"


def test_constructed(inventory: Inventory) -> None:
    told = {
        "compose": {"watts": "gpufleet_node.hardware.power_watts"},
        "groups": {"hot": "(gpufleet_node.hardware.power_watts or 0) > 500"},
        "keyed_groups": [{"prefix": "az", "key": "gpufleet_node.availability_zone"}],
    }
    found = inventory.listing(**told)
    # Before ansible-core 2.19 a template makes a text of it.
    assert found.hosts["cluster-0-stack-node-0"]["watts"] in (900, "900.0")
    assert found.groups["hot"] == found.groups["gpu_nodes"]
    assert found.groups["az_nova"] == set(found.hosts)
    wrong = {"compose": {"watts": "gpufleet_node.nothing.there"}}
    assert "watts" not in next(iter(inventory.listing(**wrong).hosts.values()))
    assert "watts" in inventory.error(strict=True, **wrong)


@pytest.mark.parametrize(
    "template",
    [
        "{{ 6 * 7000 }}",
        "{% if true %}4{% endif %}{# #}2000",
        # Before ansible-core 2.19 a text may say itself what marks its expressions.
        "#jinja2: variable_start_string: '[[', variable_end_string: ']]'\n[[ 6 * 7000 ]]",
    ],
)
def test_text_of_the_cloud_is_no_template(
    cloud: Cloud, inventory: Inventory, tmp_path: Path, template: str
) -> None:
    cloud.lists["clusters"][0]["name"] = template
    for stack in cloud.lists["stacks"]:
        tags = [tag for tag in stack["tags"] or [] if not tag.startswith("name=")]
        stack["tags"] = stack["tags"] and [*tags, f"name={template}"]
    for version in ("servers", "servers 2.100"):
        first, *_others, last = cloud.lists[version]
        first["OS-EXT-AZ:availability_zone"] = template
        first["flavor"]["original_name"] = template
        first["addresses"] = {template: next(iter(first["addresses"].values()))}
        last["name"] = template
    texts = {
        "names": "{{ [inventory_hostname, inventory_hostname_short, group_names] }}",
        "hosts": "{{ groups }}",
        "nodes": "{{ groups.all | map('extract', hostvars, 'gpufleet_node') }}",
        "joined": "{{ inventory_hostname ~ gpufleet_node.availability_zone }}",
    }
    playbook = tmp_path / "play.yml"
    debug = {"ansible.builtin.debug": {"msg": texts}}
    play = {"hosts": "all", "gather_facts": False, "tasks": [debug]}
    playbook.write_text(yaml.safe_dump([play]))
    done = inventory.run("ansible-playbook", str(playbook), include_standalone=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "42000" not in done.stdout
    shown = json.dumps(template)
    for field in ("availability_zone", "location", "name", "network"):
        assert f'"{field}": {shown}' in done.stdout, field
    assert f"[{shown}" not in done.stdout  # no host has it as its name


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"cluster": ["a"]},
            "cluster (did you mean 'clusters'?): no such option; there are",
        ),
        ({"address": "public"}, "address"),
        ({"address": []}, "address: [] names no kind of address; name one or more of"),
        ({"include_masters": "perhaps"}, "include_masters: 'perhaps' is neither"),
        ({"stale_after": -1}, "stale_after: -1 must be 0 or more"),
        ({"stale_after": "soon"}, "stale_after"),
        ({"telemetry": "prometheus"}, "prometheus: missing required arguments: url"),
        (
            {"telemetry": "prometheus", "prometheus": {"uri": "x"}},
            "prometheus: missing required arguments: url",
        ),
        (
            {"telemetry": "prometheus", "prometheus": {"url": "x", "uri": "x"}},
            "prometheus: uri",
        ),
        ({"prometheus": {"url": "x"}}, "prometheus: requires telemetry: prometheus"),
        ({"cloud": "no-such"}, "no-such"),
        ({"flavor_accelerators": ["a"]}, "flavor_accelerators"),
        (
            {"flavor_accelerators": {"a": [{"model": "X9"}]}},
            "flavor_accelerators['a'][0].vendor: is required, because 'X9' is no model",
        ),
        (
            {"flavor_accelerators": {"a": {"model": "A100"}}},
            "flavor_accelerators['a']: must be a list",
        ),
    ],
)
def test_bad_input(inventory: Inventory, options: dict[str, Any], text: str) -> None:
    assert text in inventory.error(**options)


@pytest.mark.parametrize(
    ("name", "text", "warned"),
    [
        ("site.yml", "plugin: gpufleet.openstack.gpu_nodes\n", True),
        ("nodes.yaml", "# ours\nplugin: 'gpufleet.openstack.gpu_nodes'  # x", True),
        ("gpu_nodes.yml.bak.yml", "plugin: gpufleet.openstack.gpu_nodes", True),
        ("site.yml", "plugin: openstack.cloud.openstack\n", False),
        ("site.yml", "all:\n  vars:\n    plugin: gpufleet.openstack.gpu_nodes", False),
        ("site.yml", "\xff\xfe", False),
        ("site.ini", "plugin: gpufleet.openstack.gpu_nodes\n", False),
        ("site.gpu_nodes.yml", "plugin: gpufleet.openstack.gpu_nodes\n", None),
    ],
)
def test_suffixes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    warned: bool | None,
) -> None:
    file = tmp_path / name
    file.write_bytes(text.encode("latin-1"))
    plugin, warnings = gpu_nodes.InventoryModule(), []
    monkeypatch.setattr(plugin.display, "warning", warnings.append)
    assert plugin.verify_file(str(file)) is (warned is None)
    said = (
        f"{file}: the name of a file with plugin: gpufleet.openstack.gpu_nodes must end "
        "in gpu_nodes.yml or gpu_nodes.yaml. Rename the file"
    )
    assert warnings == ([said] if warned else [])


def test_cache(cloud: Cloud, inventory: Inventory, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    options = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(folder),
    }
    # What is not whole is not kept: the next run shall see the cluster again.
    cloud.disturb = lambda request: 404 if "/clusters" in request else None
    assert "ungrouped_gpu_nodes" in inventory.listing(**options).groups
    cloud.disturb = lambda request: None
    first = inventory.listing(**options)
    assert "ungrouped_gpu_nodes" not in first.groups
    cloud.requests.clear()
    assert inventory.listing(**options).hosts == first.hosts
    assert cloud.requests == []
    # Another project is not shown what the first one has.
    inventory.environment["OS_PROJECT_NAME"] = "another"
    inventory.listing(**options)
    assert cloud.requests
    kept = list(folder.iterdir())
    assert len(kept) == 2
    for path in kept:
        assert PASSWORD not in path.read_text()
        assert "gpufleet_health" not in path.read_text()


def test_accelerators_that_are_declared(
    cloud: Cloud, inventory: Inventory, tmp_path: Path
) -> None:
    [name] = {
        one["flavor"]["original_name"]
        for one in cloud.lists["servers 2.100"]
        if "-node-" in one["name"]
    }
    options: dict[str, Any] = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(tmp_path / "cache"),
    }
    before = inventory.listing(**options)
    assert "accelerator_nvidia_l40s" not in before.groups
    # They are part of what the cache is kept by.
    declared = {name: [{"model": "l40s", "count": 2}]}
    found = inventory.listing(**options, flavor_accelerators=declared)
    nodes = found.groups["accelerator_nvidia_l40s"]
    assert nodes == found.groups["gpu_nodes"] == before.groups["gpu_nodes"]
    assert found.hosts[min(nodes)]["gpufleet_node"]["hardware"]["accelerators"] == [
        {
            "vendor": "nvidia",
            "model": "L40S",
            "count": 2,
            "memory_gib": 48,
            "kind": "gpu",
        }
    ]
    assert "no flavor" not in found.warnings
    found = inventory.listing(**options, flavor_accelerators={name: [], "typo": []})
    assert "gpu_nodes" not in found.groups
    assert "flavor_accelerators: there is no flavor 'typo'" in found.warnings


def test_no_secret_at_any_verbosity(inventory: Inventory) -> None:
    done = inventory.run("ansible-inventory", "--list", "-vvvvv")
    assert done.returncode == 0
    assert PASSWORD not in done.stdout + done.stderr
    given = {"auth": {"auth_url": "http://127.0.0.1:1", "password": PASSWORD}}
    more = {"username": "a", "project_name": "b", "user_domain_id": "default"}
    given["auth"] |= more
    failed = inventory.run("ansible-inventory", "--list", "-vvvvv", cloud=None, **given)
    assert failed.returncode != 0
    assert PASSWORD not in failed.stdout + failed.stderr


def test_telemetry_of_a_cache_that_keeps_nothing(inventory: Inventory) -> None:
    found = inventory.listing(telemetry="facts")
    assert "keeps no facts between runs" in found.warnings
    assert found.groups["gpu_unknown"] == found.groups["gpu_nodes"]


def test_telemetry_of_a_prometheus_that_is_down(inventory: Inventory) -> None:
    token = "never-to-be-seen-either"
    asked = {"url": "http://127.0.0.1:1", "token": token}
    found = inventory.listing(telemetry="prometheus", prometheus=asked)
    assert "telemetry: Prometheus did not answer" in found.warnings
    assert token not in found.warnings
    assert found.groups["gpu_unknown"] == found.groups["gpu_nodes"]
    text = inventory.error(telemetry="prometheus", prometheus=asked, strict=True)
    assert "prometheus: Prometheus did not answer" in text


def test_telemetry(inventory: Inventory, tmp_path: Path) -> None:
    facts = tmp_path / "facts"
    inventory.environment.update(
        ANSIBLE_CACHE_PLUGIN="ansible.builtin.jsonfile",
        ANSIBLE_CACHE_PLUGIN_CONNECTION=str(facts),
    )
    device = factory.device(0, [1], pci_bus_id="a")
    told = json.dumps({"gpufleet": {"devices": [device]}})
    host = "cluster-0-stack-node-0"
    kept = inventory.run(
        *("ansible", host, "--connection", "local", "-m", "ansible.builtin.set_fact"),
        *("-a", json.dumps({"cacheable": True, **json.loads(told)})),
    )
    assert kept.returncode == 0, kept.stdout
    found = inventory.listing(telemetry="facts", stale_after=0)
    assert found.groups["gpu_busy"] == {host}
    assert found.groups["gpu_unknown"] == found.groups["gpu_nodes"] - {host}
    assert found.hosts[host]["gpufleet_health"]["allocated"] == 1
    assert found.hosts[host]["gpufleet_devices"] == [device]
    assert "gpufleet_health" not in found.hosts["cluster-0-stack-master-0"]

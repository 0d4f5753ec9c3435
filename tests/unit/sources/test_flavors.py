# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accelerators of flavors that others made, as inventory and reports see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services import (
    api,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.openstack import (
    filters,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.openstack import (
    source as openstack,
)
from fakes.recorded.server import Cloud, Record

FLAVOR = "theirs"


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud of one cluster with a master and two nodes, and one standalone server."""
    monkeypatch.setattr(api, "PAUSES", (0.01,))
    file = tmp_path / "clouds.yaml"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    made = Cloud(servers=3, clusters=1)
    file.write_text(yaml.safe_dump({"clouds": {"one": made.config}}))
    yield made
    made.close()


def with_specs(cloud: Cloud, specs: dict[str, str]) -> None:
    """Give the nodes a flavor with these extra specs, and no other."""
    for kind in ("servers", "servers 2.100"):
        for server in cloud.lists[kind]:
            if "-node-" in server["name"]:
                flavor = {"original_name": FLAVOR, "extra_specs": specs}
                server["flavor"] = {**server["flavor"], **flavor}


def with_cyborg(cloud: Cloud, profiles: list[Record]) -> None:
    """Give the cloud a Cyborg with these device profiles."""
    url = f"http://{cloud.address}/cyborg/v2"
    [token] = (one for key, one in cloud._recorded.items() if key.startswith("POST"))
    endpoint = {"interface": "public", "region": "RegionOne", "region_id": "RegionOne"}
    service = {"type": "accelerator", "name": "cyborg", "id": "cyborg"}
    catalog = token["token"]["catalog"]
    catalog.append({**service, "endpoints": [{**endpoint, "id": "c", "url": url}]})
    link = {"rel": "self", "href": url}
    version = {"id": "v2.0", "status": "CURRENT", "links": [link]}
    cloud._recorded[f"GET {url}"] = {"version": version, **version}
    cloud._recorded[f"GET {url}/device_profiles"] = {"device_profiles": profiles}


def read(declared: Any = None) -> openstack.Region:
    wanted = filters.Filters()
    regions = openstack.read_regions({"cloud": "one"}, None, None, wanted, declared)
    assert regions[0].failure is None
    return regions[0]


def accelerators(region: openstack.Region) -> list[Record]:
    """The accelerators of the nodes, which all have the same."""
    nodes = [node for node in region.nodes if node["role"] == "worker"]
    assert len(nodes) == 2
    assert nodes[0]["hardware"] == nodes[1]["hardware"]
    assert all(set(one) == set(KEYS) for one in nodes[0]["hardware"]["accelerators"])
    return [dict(one) for one in nodes[0]["hardware"]["accelerators"]]


KEYS = ("vendor", "model", "count", "memory_gib", "kind")
A100 = dict(zip(KEYS, ("nvidia", "A100", 2, 80, "gpu"), strict=True))
PROFILE = {"accel:device_profile": "two-a100"}
GROUPS = [{"resources:PGPU": "2", "trait:CUSTOM_NVIDIA_20B5": "required"}]


def test_families(cloud: Cloud) -> None:
    with_specs(cloud, {"pci_passthrough:alias": "a100-80g:2,mlx5:1"})
    region = read()
    assert accelerators(region) == [A100]
    assert (region.missing, region.warnings) == ([], [])
    assert not [one for one in cloud.requests if "cyborg" in one]


def test_a_count_that_is_no_number_is_warned_of_once(cloud: Cloud) -> None:
    with_specs(cloud, {"pci_passthrough:alias": "a100-80g:x"})
    region = read()
    assert accelerators(region) == [{**A100, "count": None}]
    assert region.missing == []
    [warning] = region.warnings
    assert warning.startswith("flavor 'theirs': pci_passthrough:alias=a100-80g has the")


def test_device_profiles(cloud: Cloud) -> None:
    with_specs(cloud, PROFILE)
    with_cyborg(cloud, [{"name": "two-a100", "groups": GROUPS}])
    region = read()
    assert (region.missing, region.warnings) == ([], [])
    assert accelerators(region) == [A100]
    assert sum("device_profiles" in one for one in cloud.requests) == 1


@pytest.mark.parametrize(
    "profiles",
    [
        [],
        [{"name": "two-a100"}, {"groups": GROUPS}],
        [{"name": "two-a100", "groups": "odd"}],
        [{"name": "two-a100", "groups": ["odd", None]}],
        ["odd", None],
    ],
)
def test_odd_device_profiles(cloud: Cloud, profiles: Any) -> None:
    with_specs(cloud, PROFILE)
    with_cyborg(cloud, profiles)
    region = read()
    assert region.missing == []
    names = [one.get("name") for one in profiles if isinstance(one, dict)]
    assert len(region.warnings) == ("two-a100" not in names)


def test_a_cloud_without_cyborg(cloud: Cloud) -> None:
    with_specs(cloud, PROFILE)
    region = read()
    assert region.missing == []
    [warning] = region.warnings
    assert "'theirs': accel:device_profile=two-a100: Cyborg can't be asked" in warning
    assert accelerators(region) == [{**A100, "count": None, "memory_gib": None}]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_cyborg_that_does_not_answer(cloud: Cloud, status: int) -> None:
    with_specs(cloud, PROFILE)
    with_cyborg(cloud, [])
    cloud.disturb = lambda one: status if "device_profiles" in one else None
    region = read()
    assert accelerators(region)[0]["count"] is None
    [missing] = region.missing
    assert missing.startswith("device profiles are not known: ")


def test_what_the_user_declares_takes_precedence(cloud: Cloud) -> None:
    with_specs(cloud, {**PROFILE, "pci_passthrough:alias": "h100:x"})
    region = read({FLAVOR: [A100]})
    assert accelerators(region) == [A100]
    assert (region.missing, region.warnings) == ([], [])
    assert accelerators(read({FLAVOR: []})) == []
    assert accelerators(read({"other": [A100]})) != [A100]


def test_a_flavor_that_is_not_there(cloud: Cloud) -> None:
    with_specs(cloud, {})
    assert read({FLAVOR: [A100], "m1.master": []}).no_flavors == []
    assert read({FLAVOR: [A100], "Theirs": [A100]}).no_flavors == ["Theirs"]
    # What can't be read is not said to be missing.
    cloud.disturb = lambda one: 403 if "/flavors" in one else None
    assert read({"Theirs": [A100]}).no_flavors == []


# As a source of reports ---------------------------------------------------------------


def report(tmp_path: Path, declared: Any = None) -> Record:
    source = {"type": "openstack", "cloud": "one", "flavor_accelerators": declared}
    options = {"sources": [source], "max_age": 0}
    return _reports.compute(["overview", "nodes"], options, {}, str(tmp_path))[0]


def test_reports_count_what_is_declared(cloud: Cloud, tmp_path: Path) -> None:
    with_specs(cloud, {})
    declared = {FLAVOR: [{"vendor": "nvidia", "model": "a100-80gb", "count": 2}]}
    overview = report(tmp_path, declared)
    assert (overview["totalNodes"], overview["totalGpus"]) == (2, 4)
    assert [row["model"] for row in overview["byModel"]] == ["A100"]
    assert not [one for one in overview["warnings"] if "no flavor" in one]
    [warning] = [
        one
        for one in report(tmp_path, {"Theirs": []})["warnings"]
        if "no flavor 'Theirs'" in one
    ]
    assert warning.startswith("openstack: flavor_accelerators: ")


def test_an_unknown_number_is_not_zero(cloud: Cloud, tmp_path: Path) -> None:
    with_specs(cloud, PROFILE)
    overview = report(tmp_path)
    assert (overview["totalNodes"], overview["unknownNodes"]) == (2, 2)
    assert (overview["totalGpus"], overview["idleGpus"]) == (None, None)
    told = [one for one in overview["warnings"] if "how many devices there are" in one]
    assert len(told) == 2
    source = {"type": "openstack", "cloud": "one"}
    options = {"sources": [source], "max_age": 0}
    [nodes] = _reports.compute(["nodes"], options, {}, str(tmp_path))
    assert {node["capacity"] for node in nodes["data"]} == {None}
    assert {node["allocation"] for node in nodes["data"]} == {"unknown"}


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            {FLAVOR: [{"model": "A100", "count": 0}]},
            "sources[0].flavor_accelerators['theirs'][0].count: 0 must be a whole "
            "number from 1 to 1048576",
        ),
        (["theirs"], "flavor_accelerators"),
    ],
)
def test_wrong_declarations(tmp_path: Path, declared: Any, message: str) -> None:
    with pytest.raises(_reports.BadRequest) as caught:
        report(tmp_path, declared)
    assert message in str(caught.value)

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of flavors that others made, on a real Nova without a Cyborg."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from integration.cloud_site import Site
from integration.inventory import Inventory

Accelerators = list[tuple[Any, ...]]
KEYS = ("vendor", "model", "count", "memory_gib", "kind")

SPECS: dict[str, tuple[dict[str, str], Accelerators]] = {
    # Somebody's names of devices that this Nova does not have: they are set when the
    # servers are there.
    "alias": (
        {"pci_passthrough:alias": "H100SXM:2,gpu-h100:1,mlx5:1"},
        [("nvidia", "H100", 3, None, "gpu")],
    ),
    "count": (
        {"pci_passthrough:alias": "v100_32:x"},
        [("nvidia", "V100", None, 32, "gpu")],
    ),
    "profile": (
        {"accel:device_profile": "gpu-a100"},
        [("nvidia", "A100", None, None, "gpu")],
    ),
    "class": (
        {"resources:CUSTOM_NVIDIA_700": "1"},
        [("nvidia", "NVIDIA_700", 1, None, "gpu")],
    ),
    "network": ({"pci_passthrough:alias": "mlx5:1"}, []),
}
DECLARED = [{"model": "l40s", "count": 4}]


def test_flavors_of_others(site: Site, tmp_path: Path) -> None:
    names = _servers(site)
    member = site.member
    environment = {**member.environment, **member.proxy}
    inventory = Inventory(tmp_path, environment, cloud=member.cloud)
    found = inventory.listing(
        include_standalone=True, flavor_accelerators={names["declared"]: DECLARED}
    )
    seen = {
        host["gpufleet_node"]["hardware"]["name"]: [
            tuple(one[key] for key in KEYS)
            for one in host["gpufleet_node"]["hardware"]["accelerators"]
        ]
        for host in found.hosts.values()
    }
    expected = {names[of]: known for of, (_specs, known) in SPECS.items() if known}
    expected[names["declared"]] = [("nvidia", "L40S", 4, 48, "gpu")]
    expected[names["booted"]] = [("nvidia", "A100", 1, None, "gpu")]
    assert seen == expected
    assert "accelerator_nvidia_h100" in found.groups
    assert f"flavor '{names['count']}': pci_passthrough:alias=v100_32" in found.warnings
    assert "Cyborg can't be asked" in found.warnings
    assert "are not known" not in found.warnings
    _queries(site, names)
    _report(site, inventory, names, tmp_path)


def _servers(site: Site) -> dict[str, str]:
    """Make a server of each flavor; the flavors' names by what they are for."""
    names = {}
    for of in (*SPECS, "declared"):
        names[of] = site.name(of)
        options = {"name": names[of], "vcpus": 1, "ram": 512, "disk": 1}
        site.as_admin.compute.create_flavor(**options)
    names["booted"] = site.hardware("CUSTOM_GPU_A100", 1)
    nova = site.as_member.compute
    image = nova.find_image("fedora-coreos-40").id
    made = [
        nova.create_server(
            name=of, flavor_id=site.flavor_id(name), image_id=image, networks="none"
        )
        for of, name in names.items()
    ]
    for server in made:
        nova.wait_for_server(server, wait=300)
    for of, (specs, _known) in SPECS.items():
        for key, value in specs.items():
            site.set_extra_spec(names[of], key, value)
    return names


def _queries(site: Site, names: dict[str, str]) -> None:
    """The query of hardware says the same."""
    asked = ("alias", "count")
    tasks = [("hardware_info", {"name": names[of]}) for of in asked]
    for of, done in zip(asked, site.member.run(tasks), strict=True):
        [hardware] = done["hardware"]
        told = [tuple(one[key] for key in KEYS) for one in hardware["accelerators"]]
        assert told == SPECS[of][1]


def _report(
    site: Site, inventory: Inventory, names: dict[str, str], tmp_path: Path
) -> None:
    """What is declared counts; what nobody counts is unknown, and not 0."""
    source = {
        "type": "openstack",
        "cloud": site.member.cloud,
        "flavor_accelerators": {names["declared"]: DECLARED},
    }
    options = {"sources": [source], "reports": ["overview", "nodes"]}
    done = inventory.run(
        *("ansible", "localhost", "-m", "gpufleet.openstack.fleet_info"),
        *("--tree", str(tmp_path / "tree"), "-a", json.dumps(options)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "tree/localhost").read_text())
    overview, nodes = told["overview"], told["nodes"]["data"]
    assert overview["totalNodes"] == len(SPECS) + 1
    assert overview["totalGpus"] == 3 + 1 + 4 + 1
    capacities = {node["hardware"]: node["capacity"] for node in nodes}
    assert capacities == {
        names["alias"]: 3,
        names["class"]: 1,
        names["declared"]: 4,
        names["booted"]: 1,
        names["count"]: None,
        names["profile"]: None,
    }
    models = {row["model"]: row["totalGpus"] for row in overview["byModel"]}
    assert models == {
        "A100": 1,
        "H100": 3,
        "L40S": 4,
        "NVIDIA_700": 1,
        "V100": None,
    }

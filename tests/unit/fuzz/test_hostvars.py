# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One odd value in a host's variables: no exception, and other hosts are unaffected."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import record
from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from unit.fuzz.odd import oddities
from unit.fuzz.tally import Tally

NOW = "2026-11-24T12:00:00Z"
REPORTS = ("overview", "consumers", "heatmap", "nodes")
HELD = {"pid": 7, "name": "python3", "user": "alice", "memory_bytes": 2**30}


def device(index: int) -> dict[str, Any]:
    """A device with a value in every field, as gpu_facts returns it."""
    known = record.new_device(f"0000:{index:02x}:00.0", "nvidia", "gpu")
    metrics = {name: 1.0 for name in record.METRICS if name.endswith(("s", "t"))}
    return {
        **known,
        **metrics,
        "index": index,
        "model": "H100",
        "uuid": f"GPU-{index}",
        "memory_total_bytes": 2**36,
        "memory_used_bytes": 2**30,
        "row_remap_pending": False,
        "row_remap_failed": False,
        "throttle_reasons": ["sw_power_cap"],
        "pcie_generation": 5,
        "pcie_width": 16,
        "partitions": [{"index": 0, "profile": "1g.10gb", "processes": [HELD]}],
        "processes": [HELD],
        "health": "ok",
        "health_reasons": ["xid 63"],
        "sources": ["nvml"],
        "errors": ["nvml.serial: not supported"],
    }


def variables(name: str) -> dict[str, Any]:
    """Variables of a host, as inventory and gpu_facts set them."""
    return {
        "gpufleet_node": {
            "id": f"id-{name}",
            "name": name,
            "status": "ACTIVE",
            "cluster": {
                "id": "c",
                "name": "training",
                "status": "CREATE_COMPLETE",
                "health_status": "HEALTHY",
                "master_address": "203.0.113.7",
            },
            "node_group": "default-worker",
            "role": "worker",
            "location": "frankfurt",
            "availability_zone": "nova",
            "hardware": {
                "name": "gpu.h100.1",
                "accelerators": [
                    {
                        "vendor": "nvidia",
                        "model": "H100",
                        "count": 1,
                        "memory_gib": 80,
                        "kind": "gpu",
                    }
                ],
                "vcpus": 8,
                "ram_mib": 65536,
                "power_watts": 700,
                "hourly_cost": 2.5,
            },
            "addresses": [
                {
                    "network": "n",
                    "address": "10.0.0.5",
                    "version": 4,
                    "floating": False,
                }
            ],
            "created_at": "2026-11-01T00:00:00Z",
            "project_id": "p",
            "os_distro": "ubuntu",
            "cloud": "mycloud",
            "region": "RegionOne",
            "reason": None,
        },
        "ansible_facts": {
            "gpufleet": {
                "schema_version": 1,
                "gathered_at": NOW,
                "hostname": name,
                "devices": [device(0)],
                "rdma_ports": [
                    {
                        "device": "mlx5_0",
                        "port": 1,
                        "state": "ACTIVE",
                        "phys_state": "LinkUp",
                        "rate_gbps": 400.0,
                        "link_layer": "InfiniBand",
                        "numa_node": 0,
                    }
                ],
                "backends": {"nvml": {"status": "ok", "version": "12"}},
                "summary": {"devices": 1, "healthy": 1},
                "xid_events": [
                    {"time": NOW, "pci_bus_id": "0000:00:00.0", "xid": 63, "count": 1}
                ],
                "gathered": ["inventory", "metrics"],
            }
        },
        "gpufleet_expected_rdma_ports": 1,
    }


def reports(hostvars: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    return _reports.compute(REPORTS, {"now": NOW}, hostvars, str(folder))


@pytest.mark.parametrize("form", ["ansible_facts", "gpufleet"])
def test_one_odd_value_of_a_host(form: str, tmp_path: Path, tally: Tally) -> None:
    odd_host, others = variables("odd"), {n: variables(n) for n in ("a", "z")}
    if form == "gpufleet":  # hand-written, or of a fact cache
        odd_host["gpufleet"] = odd_host.pop("ansible_facts")["gpufleet"]
    usual = reports({"odd": odd_host, **others}, tmp_path)
    rows = {row["name"]: row for row in usual[3]["data"]}
    assert set(rows) == {"a", "odd", "z"}
    assert not usual[0]["warnings"]
    del rows["odd"]
    for path, odd, host in oddities(odd_host):
        what = partial("{}: {!r:.60}".format, path, odd)
        with tally.trying(what):
            found = reports({"odd": host, **others}, tmp_path)
            json.dumps(found, allow_nan=False)
            assert all("odd" in text for text in found[0]["warnings"])
            tally.compare(what, rows, {row["name"]: row for row in found[3]["data"]})
    tally.check(least=1_000)

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports from a real Prometheus that scrapes exporters' pages of many shapes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from beds.prometheus import pages
from beds.prometheus.server import Prometheus, Target
from fakes.recorded.server import Cloud
from integration.inventory import Inventory
from unit.fleet import factory

USUAL = {"DEV_GPU_TEMP": 50, "DEV_POWER_USAGE": 400.5, "DEV_GPU_UTIL": 80}
MEMORY = {"DEV_FB_USED": 1024, "DEV_FB_FREE": 512, "DEV_FB_RESERVED": 512}


def targets(now: float) -> list[Target]:
    """One for each trap."""
    new, old = {"hostname": "gpu1"}, {"Hostname": "dcgm-exporter-sn5rp"}
    pod = {"namespace": "team", "pod": "train-0", "container": "main"}
    mig = {"Hostname": "dcgm-exporter-gpu3"}
    return [
        # Labels as they are spelled since 2026; the first device has a pod.
        Target(
            "10.0.0.1:9400",
            pages.dcgm(
                new, 0, {**USUAL, **MEMORY, "DEV_MEMORY_TEMP": pages.BLANK}, **pod
            )
            + pages.dcgm(new, 1, {**USUAL, "DEV_GPU_UTIL": 0, "DEV_POWER_USAGE": 90})
            + pages.dcgm(new, 1, {"DEV_ROW_REMAP_FAILURE": 1})
            + pages.line(
                "DCGM_EXP_XID_ERRORS_COUNT",
                {"gpu": 0, "hostname": "gpu1", "xid": 79, "window_size_in_ms": 300000},
                2,
            )
            + "DCGM_FI_DEV_ROW_REMAP_FAILURE 0\n",
        ),
        # The exporter's pod for a name, and labels that Prometheus has renamed.
        Target(
            "10.0.0.2:9400",
            pages.dcgm(old, 0, USUAL, **{**pod, "pod": "train-1"})
            + pages.dcgm(old, 1, {**USUAL, "DEV_GPU_UTIL": 0}),
            {
                "node": "gpu2",
                "namespace": "monitoring",
                "pod": "dcgm-exporter-sn5rp",
                "container": "exporter",
            },
            honor_labels=False,
        ),
        # Two parts of an A30, of two slices each: no utilization of the whole. Only
        # kube-state-metrics knows that the exporter's pod is on gpu3.
        Target(
            "10.244.0.3:9400",
            "".join(
                pages.dcgm(
                    mig,
                    0,
                    {"DEV_POWER_USAGE": 150, "PROF_GR_ENGINE_ACTIVE": active},
                    modelName="NVIDIA A30",
                    GPU_I_PROFILE="2g.12gb",
                    GPU_I_ID=part,
                )
                for part, active in ((1, 0.9), (2, 0.3))
            ),
        ),
        # A virtual function: a prefix, no model, no id; the second is not well.
        Target(
            "10.0.0.4:5000",
            pages.amd(
                "gpu4.example.com",
                0,
                {"junction_temperature": 60, "gfx_activity": 30, "package_power": 300},
                prefix="amd_",
            )
            + pages.amd("gpu4.example.com", 1, {"health": 0}, prefix="amd_"),
        ),
        # Two minutes old when it is told.
        Target("10.0.0.5:9400", pages.dcgm({"hostname": "gpu5"}, 0, USUAL, now - 120)),
        # A node that the inventory does not have, and NaN.
        Target(
            "10.0.0.6:9400",
            pages.dcgm(
                {"hostname": "stranger"}, 0, {**USUAL, "DEV_POWER_USAGE": "NaN"}
            ),
        ),
        # Kepler knows what a device draws of which no other tells it.
        Target(
            "gpu6.example.com:28282",
            pages.line(
                "kepler_node_gpu_watts",
                {"gpu": 0, "gpu_uuid": "GPU-stranger-0", "gpu_name": "NVIDIA H100"},
                333,
            ),
            {"node": "stranger"},
        ),
        Target("10.0.0.1:9100", _infiniband()),
        # A pair of them, on a node of their own.
        *(
            Target(
                f"10.0.0.{last}:8080",
                _kube_state(),
                {"pod": f"ksm-{last}", "node": "cpu1"},
                honor_labels=False,
            )
            for last in (10, 11)
        ),
        Target(
            "10.0.0.9:9567",
            pages.line("juicefs_total_space", {"vol_name": "a", "mp": "/a"}, 10**13)
            + pages.line("juicefs_total_space", {"vol_name": "a", "mp": "/b"}, 10**13)
            + pages.line("juicefs_used_space", {"vol_name": "a", "mp": "/a"}, 4e12),
        ),
    ]


def _infiniband() -> str:
    lines = [pages.line("node_uname_info", {"nodename": "gpu1"}, 1)]
    for port, state in (("1", 4), ("2", 1)):
        labels = {"device": "mlx5_0", "port": port}
        for name, value in (
            ("state_id", state),
            ("physical_state_id", 5),
            ("rate_bytes_per_second", 5e10),
        ):
            lines.append(pages.line(f"node_infiniband_{name}", labels, value))
    return "".join(lines)


def _kube_state() -> str:
    lines = []
    for node in ("gpu1", "gpu2"):
        for status in ("capacity", "allocatable"):
            labels = {"node": node, "resource": "nvidia_com_gpu", "unit": "integer"}
            lines.append(pages.line(f"kube_node_status_{status}", labels, 2))
        for status in ("true", "false", "unknown"):
            labels = {"node": node, "condition": "Ready", "status": status}
            value = int(status == "true")
            lines.append(pages.line("kube_node_status_condition", labels, value))
        lines.append(pages.line("kube_node_spec_unschedulable", {"node": node}, 0))
    for pod, node, phase in (
        ("train-0", "gpu1", "Running"),
        ("train-1", "gpu2", "Running"),
        ("done", "gpu2", "Succeeded"),
        ("waits", "", "Pending"),
    ):
        ident = {"namespace": "team", "pod": pod, "uid": f"uid-{pod}"}
        asked = {"container": "main", "node": node, "resource": "nvidia_com_gpu"}
        name = "kube_pod_container_resource_requests"
        lines.append(pages.line(name, {**ident, **asked, "unit": "integer"}, 1))
        for told in ("Pending", "Running", "Succeeded", "Failed"):
            labels = {**ident, "phase": told}
            lines.append(
                pages.line("kube_pod_status_phase", labels, int(told == phase))
            )
        owner = {"owner_kind": "ReplicaSet", "owner_name": "train-5f"}
        labels = {**ident, **owner, "owner_is_controller": "true"}
        lines.append(pages.line("kube_pod_owner", labels, 1))
    exporter = {"namespace": "gpu", "pod": "dcgm-exporter-gpu3", "node": "gpu3"}
    place = {"pod_ip": "10.244.0.3", "host_ip": "10.0.0.3"}
    lines.append(pages.line("kube_pod_info", {**exporter, **place}, 1))
    owner = {"owner_kind": "Deployment", "owner_name": "train"}
    labels = {"namespace": "team", "replicaset": "train-5f", **owner}
    lines.append(pages.line("kube_replicaset_owner", labels, 1))
    return "".join(lines)


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    server = Prometheus(folder, targets(time.time()))
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Fleet:
    """`fleet_info` over a static inventory of the nodes, under longer names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        hosts: dict[str, Any] = {}
        for number, count in ((1, 2), (2, 2), (3, 1), (4, 2), (5, 1)):
            name = f"gpu{number}.example.com"
            address = factory.address(f"10.0.0.{number}")
            node = factory.server(name, count, addresses=[address])
            hosts[name] = {"gpufleet_node": node}
        (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))

    def __call__(self, url: str, **options: Any) -> dict[str, Any]:
        source = {"type": "prometheus", "url": url, **options.pop("source", {})}
        told = {
            "sources": [{"type": "facts"}, source],
            "reports": ["overview", "consumers", "heatmap", "nodes"],
            "stale_after": 100,
            **options,
        }
        tree = self.folder / "tree"
        done = subprocess.run(
            [
                *(Path(sys.executable).parent / "ansible", "localhost", "-vvvv"),
                *("-i", self.folder / "hosts.yml", "--tree", tree),
                *("-m", "gpufleet.openstack.fleet_info", "-a", json.dumps(told)),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.output = done.stdout + done.stderr
        assert "Traceback" not in self.output
        return dict(json.loads((tree / "localhost").read_text()))


def test_what_exporters_tell(prometheus: Prometheus, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    found = fleet(prometheus.url)
    _nodes(found["nodes"]["data"])
    _overview(found["overview"])
    _heatmap(found["heatmap"])
    [row] = found["consumers"]["data"]
    assert (row["kind"], row["name"], row["source"]) == ("Deployment", "train", "k8s")
    assert row["stat"]["gpuRequest"] == 2
    assert row["stat"]["gpuUtilization"] == 0.8
    _failures(prometheus, fleet)


def test_telemetry_of_the_inventory(tmp_path: Path) -> None:
    """A recorded cloud, whose nodes a real Prometheus tells of."""
    cloud = Cloud(servers=4, clusters=2)
    one, other = (f"cluster-{number}-stack-node-0" for number in range(2))
    folder = tmp_path / "prometheus"
    folder.mkdir()
    page = pages.dcgm({"hostname": one}, 0, USUAL) + pages.dcgm(
        {"hostname": other}, 0, {**USUAL, "DEV_ROW_REMAP_FAILURE": 1}
    )
    server = Prometheus(folder, [Target("10.9.9.9:9400", page)])
    file = tmp_path / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": {"recorded": cloud.config}}))
    try:
        server.start()
        found = Inventory(
            tmp_path, {"OS_CLIENT_CONFIG_FILE": str(file)}, cloud="recorded"
        ).listing(telemetry="prometheus", prometheus={"url": server.url})
    finally:
        server.stop()
        cloud.close()
    assert found.warnings == ""
    assert found.groups["gpu_faulty"] == {other}
    assert one in found.groups["gpu_healthy"]
    # Nobody tells what is given out.
    assert one in found.groups["gpu_unknown"]
    [device] = found.hosts[one]["gpufleet_devices"]
    assert device["power_watts"] == 400.5
    [fault] = found.hosts[other]["gpufleet_health"]["faults"]
    assert fault["rule"] == "row_remap"


def _nodes(rows: list[dict[str, Any]]) -> None:
    nodes = {row["name"].partition(".")[0]: row for row in rows}
    assert set(nodes) == {"gpu1", "gpu2", "gpu3", "gpu4", "gpu5", "stranger"}
    devices = {name: node["devices"] or [] for name, node in nodes.items()}
    first, second = devices["gpu1"]
    assert first["model"] == "NVIDIA H100 80GB HBM3"
    assert first["pci_bus_id"] == "0000:10:00.0"
    assert (first["temperature_celsius"], first["power_watts"]) == (50, 400.5)
    assert first["memory_total_bytes"] == 2 * 2**30
    assert first["memory_temperature_celsius"] is None
    assert second["utilization_percent"] == 0
    [divided] = devices["gpu3"]
    assert divided["utilization_percent"] == pytest.approx(60)
    assert divided["power_watts"] == 150
    assert devices["gpu4"][0]["model"] == "AMD Instinct MI300X VF"
    assert devices["gpu4"][0]["uuid"] is None
    assert devices["gpu4"][0]["power_watts"] == 300
    assert devices["gpu4"][1]["health"] == "failed"
    assert devices["gpu5"] == []
    assert "s old" in nodes["gpu5"]["reason"]
    assert devices["stranger"][0]["power_watts"] == 333
    assert nodes["gpu3"]["allocated"] is None


def _overview(overview: dict[str, Any]) -> None:
    assert overview["warnings"] == [
        "1 nodes' facts are older than 100 s, the oldest 2 min"
    ]
    told = {
        (fault["node"].partition(".")[0], fault["rule"]) for fault in overview["faults"]
    }
    assert told == {("gpu1", "row_remap"), ("gpu1", "xid"), ("gpu4", "device_failed")}
    assert overview["pendingGpus"] == 1
    assert overview["storageStat"]["totalBytes"] == 10**13
    assert overview["storageStat"]["utilizationRate"] == 0.4
    rdma = overview["rdmaClusterStat"]
    assert (rdma["totalPorts"], rdma["activePorts"]) == (2, 1)
    assert rdma["bandwidth"] == "400Gbps"
    # Of gpu1 one device is faulty, and the other allocated; of gpu2 one of two is. The
    # XID names no device, and may be of the one that is faulty.
    assert (overview["allocatedGpus"], overview["idleGpus"]) == (2, 1)
    assert (overview["allocationRate"], overview["utilization"]) == (0.6667, 0.8)
    assert overview["faultyGpus"] == 2
    assert overview["utilizationBasis"] == "device"


def _heatmap(heatmap: dict[str, Any]) -> None:
    hottest = heatmap["temperature"]["data"][0]
    assert (hottest["nodeName"], hottest["value"]) == ("gpu4.example.com", 60)
    most = heatmap["power"]["data"][0]
    assert (most["value"], most["gpuModel"]) == (400.5, "NVIDIA H100 80GB HBM3")


def _failures(prometheus: Prometheus, fleet: Fleet) -> None:
    """What can't be read is named, and unknown."""
    for source, text in (
        ({"url": "http://127.0.0.1:1"}, "prometheus: Prometheus did not answer"),
        ({"url": f"{prometheus.url}/x"}, "prometheus: Prometheus answered 404"),
        ({"matchers": "a=b"}, "prometheus: Prometheus answered 400: 1:4: parse error"),
    ):
        overview = fleet(prometheus.url, source=source)["overview"]
        assert text in overview["warnings"][0], overview["warnings"]
        assert overview["unknownGpus"] == overview["totalGpus"] == 8
        assert overview["allocationRate"] is None
    narrowed = fleet(prometheus.url, source={"matchers": 'hostname="stranger"'})
    measured = [row["name"] for row in narrowed["nodes"]["data"] if row["devices"]]
    assert measured == ["stranger"]
    [warning] = narrowed["overview"]["warnings"]
    assert warning.startswith("5 nodes have no facts")

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus that does not answer as it should; series that few sites have.

What it answers when all is well: tests/integration/test_prometheus.py, by a real one.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import readings
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.failure import (
    SourceError,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.prometheus import (
    exporters,
    workloads,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.prometheus import (
    labels as of_nodes,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.prometheus import (
    source as prometheus,
)

TOKEN = "s3cret-token"
NAMES = {"status": "success", "data": ["DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_UTIL"]}


def vector(*samples: tuple[dict[str, str], Any]) -> dict[str, Any]:
    """What an instant query answers."""
    result = [
        {"metric": labels, "value": [1e9, str(value)]} for labels, value in samples
    ]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


class Server:
    """Answers as a test says.

    Attributes:
        answer: Makes of a path and a query status and body.
        authorizations: Headers that were sent.
    """

    def __init__(self) -> None:
        self.answer: Callable[[str, str], tuple[int, Any]] = lambda path, query: (
            200,
            NAMES,
        )
        self.authorizations: set[str | None] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                query = self.rfile.read(length).decode()
                outer.authorizations.add(self.headers.get("Authorization"))
                status, body = outer.answer(self.path, query)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 -- the library's name

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(
            target=self.http.serve_forever, args=(0.02,), daemon=True
        ).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (401, b"", "Prometheus answered 401: Unauthorized"),
        (200, b"<html>", "what Prometheus answered is no JSON"),
        (200, {"status": "error", "error": "no space"}, "Prometheus says: no space"),
        (422, {"status": "error", "error": "too many"}, "answered 422: too many"),
    ],
)
def test_answers_of_no_use(server: Server, status: int, body: Any, text: str) -> None:
    server.answer = lambda path, query: (status, body)
    with pytest.raises(SourceError, match=text) as caught:
        prometheus.read({"url": server.url, "token": TOKEN}, 5)
    assert TOKEN not in str(caught.value)
    assert server.authorizations == {f"Bearer {TOKEN}"}


def test_user_and_password(server: Server) -> None:
    server.answer = lambda path, query: (200, {"status": "success", "data": []})
    prometheus.read({"url": server.url, "user": "a", "password": "b"}, 5)
    assert server.authorizations == {"Basic YTpi"}


@pytest.mark.parametrize(
    "body",
    [
        {"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}},
        {"status": "success", "data": {"resultType": "vector", "result": [{}]}},
        b"half a pa",
    ],
)
def test_a_query_that_fails_leaves_the_others(server: Server, body: Any) -> None:
    labels = {"gpu": "0", "instance": "10.0.0.1:9400"}

    def answer(path: str, query: str) -> tuple[int, Any]:
        if "__name__" in path:
            return 200, NAMES
        if "GPU_UTIL" in query:
            return 200, body
        return 200, vector((labels, time.time() if "timestamp" in query else 50))

    server.answer = answer
    telemetry = prometheus.read({"url": server.url}, 5)
    [node] = telemetry.measured
    [device] = node.facts["devices"]
    assert device["temperature_celsius"] == 50
    assert device["utilization_percent"] is None
    [warning] = telemetry.warnings
    assert "DCGM_FI_DEV_GPU_UTIL" in warning


def test_warnings_of_an_answer(server: Server) -> None:
    answer = {"status": "success", "data": [], "warnings": ["a store is down"]}
    server.answer = lambda path, query: (200, answer)
    assert prometheus.read({"url": server.url}, 5).warnings == (
        "Prometheus warns: a store is down",
    )


def test_one_that_hangs(server: Server, tmp_path: Path) -> None:
    def answer(path: str, query: str) -> tuple[int, Any]:
        time.sleep(3)
        return 200, NAMES

    server.answer = answer
    source = {"type": "prometheus", "url": server.url, "timeout": 1}
    started = time.monotonic()
    [report] = _reports.compute(["overview"], {"sources": [source]}, {}, str(tmp_path))
    assert time.monotonic() - started < 2.5
    assert report["warnings"][0].startswith("prometheus: ")


# What series mean -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "name", "aliases"),
    [
        ({"instance": "10.0.0.1:9400"}, "10.0.0.1", ("10.0.0.1",)),
        ({"instance": "[fd00::1]:9400"}, "fd00::1", ("fd00::1",)),
        ({"instance": "http://gpu1:9400/metrics"}, "gpu1", ("gpu1",)),
        (
            {"instance": "10.0.0.1:9400", "Hostname": "pod-x", "node": "gpu1"},
            "gpu1",
            ("gpu1", "pod-x", "10.0.0.1"),
        ),
        ({}, "", ()),
    ],
)
def test_names(series: dict[str, str], name: str, aliases: tuple[str, ...]) -> None:
    place = of_nodes.Places("cluster").of(series)
    assert (place.name, place.aliases) == (name, aliases)


@pytest.mark.parametrize(
    ("nodes", "name", "target"),
    [
        (["gpu1"], "gpu1", "host-of-gpu1"),
        # Any target may have series of this name: of two that differ none counts.
        (["gpu1", "gpu2"], "dcgm-x", "10.244.0.1"),
        ([], "dcgm-x", "10.244.0.1"),
    ],
)
def test_the_node_of_a_pod(nodes: list[str], name: str, target: str) -> None:
    pods = [
        {
            "pod": "dcgm-x",
            "pod_ip": "10.244.0.1",
            "node": node,
            "host_ip": f"host-of-{node}",
        }
        for node in nodes
    ]
    places = of_nodes.Places("cluster", pods)
    place = places.of({"Hostname": "dcgm-x", "instance": "10.244.0.1:9400"})
    assert (place.name, place.target) == (name, target)
    # Of another cluster it is another pod.
    other = places.of({"Hostname": "dcgm-x", "cluster": "B"})
    assert other.name == "dcgm-x"
    # What Prometheus itself has labeled is surer.
    labeled = places.of({"node": "n", "instance": "10.244.0.1:9400"})
    assert labeled.name == "n"


def test_prefixes_are_one_word() -> None:
    amd = exporters.EXPORTERS[1]
    names = ["gpu_health", "amd_gpu_health", "slurm_node_gpu_health", "gpu_healthy"]
    assert amd.names(names) == {"gpu_health": ["amd_gpu_health", "gpu_health"]}


def measured_devices(
    server: Server, series: dict[str, list[tuple[dict[str, str], Any]]]
) -> Any:
    """Devices by host, of series by name; all series now."""

    def answer(path: str, query: str) -> tuple[int, Any]:
        if "__name__" in path:
            return 200, {"status": "success", "data": list(series)}
        [name] = [name for name in series if f"{name}%7B" in query]
        if "timestamp%28" in query:
            return 200, vector(*((labels, 1e9) for labels, _value in series[name]))
        return 200, vector(*series[name])

    server.answer = answer
    telemetry = prometheus.read({"url": server.url}, 5)
    warnings = list(telemetry.warnings)
    measured = readings.measurements([telemetry], warnings.append)
    assert warnings == []
    return {node.name: node.facts.devices for node in measured}


@pytest.mark.parametrize(
    "value", [9223372036854775794, 2147483632, 140737488355328, "NaN", "+Inf"]
)
def test_blank_values(server: Server, value: Any) -> None:
    labels = {"gpu": "0", "hostname": "a"}
    devices = measured_devices(
        server,
        {
            "DCGM_FI_DEV_GPU_TEMP": [(labels, 50)],
            "DCGM_FI_DEV_MEMORY_TEMP": [(labels, value)],
        },
    )
    [device] = devices["a"]
    assert device["temperature_celsius"] == 50
    assert device["memory_temperature_celsius"] is None


def test_negative_values(server: Server) -> None:
    """Below zero are temperatures only; what else is, is unknown and series."""
    labels = {"gpu": "0", "hostname": "a"}
    series = {
        "DCGM_FI_DEV_POWER_USAGE": [(labels, -5)],
        "DCGM_FI_DEV_GPU_TEMP": [(labels, -5)],
    }
    with pytest.raises(AssertionError, match="power_watts can't be -5"):
        measured_devices(server, series)
    answer = prometheus.read({"url": server.url}, 5)
    [node] = readings.measurements([answer], print)
    [device] = node.facts.devices
    assert (device["power_watts"], device["temperature_celsius"]) == (None, -5)


def test_energy_and_memory_have_units(server: Server) -> None:
    nvidia = {"gpu": "0", "hostname": "a"}
    amd = {"gpu_id": "0", "hostname": "b", "gpu_partition_id": "0"}
    devices = measured_devices(
        server,
        {
            "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": [(nvidia, 5000)],
            "gpu_energy_consumed": [(amd, 5000000)],
            "gpu_total_vram": [(amd, 1024)],
        },
    )
    assert devices["a"][0]["energy_joules"] == devices["b"][0]["energy_joules"] == 5
    assert devices["b"][0]["memory_total_bytes"] == 2**30


def test_our_own_metrics_are_as_old_as_their_heartbeat(server: Server) -> None:
    """node_exporter tells a file that nobody writes any more as if it were new."""
    labels = {"hostname": "a", "device": "1", "pci_bus_id": "0000:05:00.0"}
    more = {"vendor": "amd", "model": "MI300X", "serial": "1234", "instance": "a:9100"}
    series = {
        "gpufleet_device_utilization_ratio": [({**labels, **more}, 0.25)],
        "gpufleet_heartbeat_timestamp_seconds": [
            ({"hostname": "a", "instance": "a:9100"}, 1e9 - 500)
        ],
        "gpufleet_xid_timestamp_seconds": [({**labels, "xid": "79"}, 30)],
    }
    measured_devices(server, series)
    node, xids = prometheus.read({"url": server.url}, 5).measured
    [device] = node.facts["devices"]
    assert device["utilization_percent"] == 25
    assert (device["vendor"], device["serial"]) == ("amd", "1234")
    assert node.facts["gathered_at"] == "2001-09-09T01:38:20.000+00:00"
    [event] = xids.facts["xid_events"]
    # Prometheus has series its age.
    assert (event["code"], event["age_seconds"], event["action"]) == (79, 30, None)

    del series["gpufleet_heartbeat_timestamp_seconds"]
    node, _xids = prometheus.read({"url": server.url}, 5).measured
    assert node.facts["gathered_at"] == "1970-01-01T00:00:00.000+00:00"


def test_ages_of_xids(server: Server) -> None:
    """dcgm-exporter counts those of a window; clocks differ by some seconds."""
    counted = {
        "Hostname": "a",
        "xid": "154",
        "pci_bus_id": "00000000:4E:00.0",
        "window_size_in_ms": "300000",
    }
    ours = {"hostname": "a", "xid": "24007", "type": "sxid", "action": "RESET_NVSWITCH"}
    windowless = {**counted, "window_size_in_ms": ""}
    series: dict[str, Any] = {
        "DCGM_EXP_XID_ERRORS_COUNT": [(counted, 2), (windowless, 1)],
        "gpufleet_xid_timestamp_seconds": [(ours, -3)],
    }
    measured_devices(server, series)
    known = prometheus.read({"url": server.url}, 5).measured
    events = [event for each in known for event in each.facts["xid_events"]]
    assert [
        (event["type"], event["code"], event["age_seconds"], event["action"])
        for event in events
    ] == [
        ("xid", 154, 300, None),
        ("xid", 154, None, None),
        ("sxid", 24007, 0, "RESET_NVSWITCH"),
    ]
    assert events[0]["pci_bus_id"] == "0000:4e:00.0"


def test_a_model_that_is_a_number_of_pci(server: Server) -> None:
    amd = {"gpu_id": "0", "hostname": "b", "card_model": "0x1002"}
    devices = measured_devices(server, {"gpu_junction_temperature": [(amd, 1)]})
    assert devices["b"][0]["model"] is None


def test_parts_of_nvidia_have_memory_of_their_own(server: Server) -> None:
    first, second = (
        {"gpu": "0", "hostname": "a", "GPU_I_ID": part, "GPU_I_PROFILE": "3g.40gb"}
        for part in "12"
    )
    devices = measured_devices(
        server,
        {
            "DCGM_FI_DEV_POWER_USAGE": [(first, 400), (second, 400)],
            "DCGM_FI_DEV_FB_USED": [(first, 1024), (second, 2048)],
            "DCGM_FI_DEV_FB_FREE": [(first, 1024), (second, 0)],
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE": [(first, 0.7), (second, 0)],
        },
    )
    [device] = devices["a"]
    assert device["power_watts"] == 400
    assert device["memory_used_bytes"] == 3 * 2**30
    assert device["memory_total_bytes"] == 4 * 2**30
    assert device["utilization_percent"] == pytest.approx(30)


def test_parts_of_amd_are_one_device(server: Server) -> None:
    rows = [
        ({"gpu_id": "0", "hostname": "b", "gpu_partition_id": str(part)}, 10 * part)
        for part in range(8)
    ]
    devices = measured_devices(server, {"gpu_gfx_busy_instantaneous": rows})
    [device] = devices["b"]
    assert device["utilization_percent"] == pytest.approx(35)


@pytest.mark.parametrize(
    ("label", "resource"),
    [
        ("nvidia_com_gpu", "nvidia.com/gpu"),
        ("nvidia_com_gpu_shared", "nvidia.com/gpu.shared"),
        ("nvidia_com_mig_1g_10gb", "nvidia.com/mig-1g.10gb"),
        ("nvidia_com_NVIDIA_A10_12Q", "nvidia.com/NVIDIA_A10_12Q"),
        ("amd_com_cpx_nps4", "amd.com/cpx_nps4"),
        ("gpu_intel_com_i915", "gpu.intel.com/i915"),
        ("huawei_com_Ascend910", "huawei.com/Ascend910"),
    ],
)
def test_resources_by_the_labels_of_kube_state_metrics(
    label: str, resource: str
) -> None:
    assert workloads._resource({"resource": label}) == resource
    assert re.fullmatch(workloads._DEVICES.partition('"')[2][:-1], label)

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import gzip
import json
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from beds.openstack import vm_inside
from beds.openstack.devices import devices_of
from beds.openstack.layout import Bed

HEAT = {"user_id": "u", "password": "p", "project_id": "q"}
DATA = json.dumps({"os-collect-config": {"heat": HEAT}})


def user_data(source: str, **more: Any) -> str:
    file = {
        "path": "/var/lib/cloud/data/cfn-init-data",
        "contents": {"source": source, **more},
    }
    other = {"path": "/etc/motd", "contents": {"source": "data:,hello"}}
    ignition = {"storage": {"files": [other, file]}}
    return base64.b64encode(json.dumps(ignition).encode()).decode()


def test_credentials_in_plain_text() -> None:
    assert vm_inside.credentials(user_data("data:," + DATA)) == HEAT


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_credentials_in_base64(compression: str | None) -> None:
    raw = gzip.compress(DATA.encode()) if compression else DATA.encode()
    source = "data:;base64," + base64.b64encode(raw).decode()
    given = user_data(source, compression=compression)
    assert vm_inside.credentials(given) == HEAT


@pytest.mark.parametrize(
    "data", [None, "", base64.b64encode(b"#cloud-config").decode()]
)
def test_other_servers_have_no_agent(data: str | None) -> None:
    assert vm_inside.credentials(data) is None


def test_control_is_kept_and_changed_in_part(tmp_path: Path) -> None:
    assert vm_inside.get_control(tmp_path) == vm_inside.Control()
    vm_inside.set_control(tmp_path, delay=3)
    vm_inside.set_control(tmp_path, fail=["node-1"])
    expected = vm_inside.Control(delay=3, fail=["node-1"])
    assert vm_inside.get_control(tmp_path) == expected


def test_discovery_answers_the_size_that_it_was_asked_for() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), vm_inside.Discovery)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/new?size=3"
        token = requests.get(address, timeout=5).text
        answer = requests.get(f"{token}/_config/size", timeout=5).json()
        assert answer["node"]["value"] == "3"
    finally:
        server.shutdown()
        server.server_close()


class FakeCloud:
    """Two servers, one with a deployment each time it is asked."""

    def __init__(self) -> None:
        self.signals: list[int] = []

    def call(self, method: str, service: str, path: str, **more: Any) -> Any:
        if path.startswith("/servers?"):
            return {"servers": [{"id": "1", "name": "a-node-1"}]}
        if path.startswith("/servers/"):
            data = json.dumps(
                {
                    "os-collect-config": {
                        "heat": {**HEAT, "stack_id": "s", "resource_name": "r"}
                    }
                }
            )
            server = {
                "OS-EXT-SRV-ATTR:user_data": user_data("data:," + data),
                "OS-EXT-SRV-ATTR:host": "a100-1",
                "flavor": {"extra_specs": {"resources:CUSTOM_GPU_A100": "2"}},
            }
            return {"server": server}
        if path.endswith("/metadata"):
            inputs = {
                "deploy_signal_transport": "HEAT_SIGNAL",
                "deploy_user_id": "u",
                "deploy_password": "p",
                "deploy_project_id": "q",
                "deploy_stack_id": "s",
                "deploy_resource_name": "d",
            }
            listed = [{"name": name, "value": value} for name, value in inputs.items()]
            return {"metadata": {"deployments": [{"id": "x", "inputs": listed}]}}
        self.signals.append(more["json"]["deploy_status_code"])
        return None


class HalfDeleted(FakeCloud):
    """The stack of the first server is being deleted: Heat knows nothing to deploy."""

    def call(self, method: str, service: str, path: str, **more: Any) -> Any:
        if path.startswith("/servers?"):
            servers = [{"id": "0", "name": "gone"}, {"id": "1", "name": "a-node-1"}]
            return {"servers": servers}
        if path.endswith("/metadata") and not self.asked:
            self.asked = True
            return {}
        return super().call(method, service, path, **more)

    asked = False


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    for name in ("run", "data"):
        (tmp_path / name).mkdir()
    return Bed(tmp_path, tmp_path)


def test_a_deployment_is_signalled_once_also_after_a_restart(bed: Bed) -> None:
    cloud = FakeCloud()
    for _start in range(2):
        agents = vm_inside.Agents(cloud, bed)
        agents.round()
        agents.round()
    assert cloud.signals == [0]
    assert len(devices_of(bed.data, "1")) == 2


def test_a_server_fails_when_told_so(bed: Bed) -> None:
    vm_inside.set_control(bed.run, fail=["node-1"])
    cloud = FakeCloud()
    vm_inside.Agents(cloud, bed).round()
    assert cloud.signals == [1]


def test_others_go_on_where_one_fails(bed: Bed) -> None:
    cloud = HalfDeleted()
    vm_inside.Agents(cloud, bed).round()
    assert cloud.signals == [0]


@pytest.mark.parametrize("change", [{"paused": True}, {"delay": 60}])
def test_nothing_is_signalled_when_paused_or_delayed(
    bed: Bed, change: dict[str, Any]
) -> None:
    vm_inside.set_control(bed.run, **change)
    cloud = FakeCloud()
    vm_inside.Agents(cloud, bed).round()
    assert cloud.signals == []

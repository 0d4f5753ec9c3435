# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

import pytest

from beds.openstack import devices
from beds.openstack.vm_kubernetes import heat_params

CLASS = "CUSTOM_GPU_A100"


def uuids(found: list[devices.Device]) -> list[str]:
    return [one.uuid for one in found]


def test_a_device_stays_in_its_place(tmp_path: Path) -> None:
    first = devices.plug(tmp_path, "first", "a100-1", {CLASS: 2})
    second = devices.plug(tmp_path, "second", "a100-1", {CLASS: 1})
    elsewhere = devices.plug(tmp_path, "third", "a100-2", {CLASS: 1})
    seen = uuids(first) + uuids(second) + uuids(elsewhere)
    assert len(set(seen)) == 4
    assert len({one.serial for one in first + second + elsewhere}) == 4
    assert devices.plug(tmp_path, "first", "a100-1", {CLASS: 2}) == first
    assert devices.devices_of(tmp_path, "first") == first

    devices.unplug(tmp_path, {"second", "third"})
    assert devices.devices_of(tmp_path, "first") == []
    # Who comes next to that host gets the same two, and a new one.
    later = devices.plug(tmp_path, "later", "a100-1", {CLASS: 3})
    assert uuids(later)[:2] == uuids(first)
    assert uuids(later)[2] not in seen
    assert devices.devices_of(tmp_path, "second") == second


@pytest.mark.parametrize(
    ("resource_class", "form"),
    [
        ("CUSTOM_GPU_A100", r"GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("CUSTOM_GPU_MI300X", r"GPU-[0-9a-f]{16}"),
        ("CUSTOM_NPU_GAUDI3", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ],
)
def test_a_uuid_is_written_as_the_driver_does(resource_class: str, form: str) -> None:
    found = devices.device(f"host-1/{resource_class}/0")
    assert re.fullmatch(form, found.uuid)
    assert re.fullmatch(r"\d{13}", found.serial)


def test_a_server_without_devices(tmp_path: Path) -> None:
    assert devices.plug(tmp_path, "master", "cpu-1", {}) == []
    devices.unplug(tmp_path, set())


def test_heat_params() -> None:
    script = 'cat > x <<EOF\nCLUSTER_UUID="u"\nKUBE_TAG="v1.36.3"\nEMPTY=""\nEOF\n'
    other = {"config": {"not": "a script"}}
    found = heat_params([{"id": "1"}, other, {"config": script}])
    assert found == {"CLUSTER_UUID": "u", "KUBE_TAG": "v1.36.3", "EMPTY": ""}
    assert heat_params([other]) == {}

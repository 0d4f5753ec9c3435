# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import configparser
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from beds.openstack import catalog, config, hardware, layout, services


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> layout.Bed:
    root = tmp_path_factory.mktemp("root")
    bed = layout.Bed(root / "bed", root / "venv", root / "capi")
    layout.make_secrets(bed, config.SECRETS)
    layout.save_ports(bed, {name: 20000 + i for i, name in enumerate(services.PORTS)})
    config.write_config(bed)
    return bed


def read(bed: layout.Bed, name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read(bed.conf / name)
    return parser


@pytest.mark.parametrize(
    "name", [p.name for p in config.TEMPLATES.glob("*.conf") if p.name[0] != "_"]
)
def test_nothing_is_left_to_fill_in(bed: layout.Bed, name: str) -> None:
    path = bed.conf / name
    if name == "nova-compute.conf":
        path = bed.conf / "nova-compute-cpu-1.conf"
    assert "$" not in path.read_text()


@pytest.mark.parametrize(
    "name", ["placement", "glance-api", "neutron", "nova", "heat", "magnum", "cinder"]
)
def test_every_service_logs_in_as_itself(bed: layout.Bed, name: str) -> None:
    section = read(bed, f"{name}.conf")["keystone_authtoken"]
    user = name.removesuffix("-api")
    assert section["username"] == user
    assert section["password"] == bed.secrets[user]
    assert section["auth_url"] == bed.url("keystone", "/v3")


def test_each_database_has_its_own_address(bed: layout.Bed) -> None:
    nova = read(bed, "nova.conf")
    assert "/nova_api?" in nova["api_database"]["connection"]
    assert "/nova_cell1?" in nova["database"]["connection"]


@pytest.mark.parametrize("file", ["clouds.yaml", "secrets.json", "conf/nova.conf"])
def test_files_with_passwords_are_private(bed: layout.Bed, file: str) -> None:
    assert (bed.path / file).stat().st_mode & 0o777 == 0o600


def test_clouds_yaml_has_admin_and_member(bed: layout.Bed) -> None:
    clouds = yaml.safe_load(bed.clouds.read_text())["clouds"]
    assert clouds["bed-admin"]["auth"]["username"] == "admin"
    assert clouds["bed"]["auth"]["username"] == "demo"


@pytest.mark.parametrize("host", hardware.HOSTS)
def test_every_host_offers_its_accelerators(bed: layout.Bed, host: str) -> None:
    file = bed.conf / "providers" / host / "accelerators.yaml"
    provider = yaml.safe_load(file.read_text())["providers"][0]
    assert provider["identification"]["uuid"] == "$COMPUTE_NODE"
    totals = {
        name: inventory["total"]
        for item in provider["inventories"]["additional"]
        for name, inventory in item.items()
    }
    assert totals == hardware.HOSTS[host][0]


def test_the_bed_has_every_kind_of_hardware() -> None:
    totals: dict[str, list[int]] = {}
    for inventories, _traits in hardware.HOSTS.values():
        for name, total in inventories.items():
            totals.setdefault(name, []).append(total)
    assert totals == {
        "CUSTOM_GPU_MI300X": [8, 8],
        "CUSTOM_GPU_A100": [8],
        "CUSTOM_GPU_H100": [4],
        "CUSTOM_NPU_GAUDI3": [8],
        "CUSTOM_GPU_SCARCE": [2],
    }


@pytest.mark.parametrize("file", [layout.REQUIREMENTS, layout.CAPI_REQUIREMENTS])
def test_every_pin_is_exact(file: Path) -> None:
    for line in file.read_text().splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            assert "==" in line or line.lstrip().startswith("--hash=sha256:")


def test_each_region_has_a_magnum_of_its_own(bed: layout.Bed) -> None:
    here, there = read(bed, "magnum.conf"), read(bed, "magnum-capi.conf")
    for section, key in [
        ("api", "port"),
        ("database", "connection"),
        ("DEFAULT", "transport_url"),
        ("keystone_auth", "region_name"),
        ("nova_client", "region_name"),
    ]:
        assert here[section][key] != there[section][key], (section, key)
    section = "keystone_authtoken"
    assert here[section]["username"] == there[section]["username"] == "magnum"


def test_the_message_bus_has_what_each_service_uses(bed: layout.Bed) -> None:
    offered = json.loads((bed.conf / "rabbitmq.json").read_text())
    names = {host["name"] for host in offered["vhosts"]}
    for name in ("nova", "magnum", "magnum-capi"):
        url = read(bed, f"{name}.conf")["DEFAULT"]["transport_url"]
        assert (urlsplit(url).path[1:] or "/") in names


def test_region_capi_has_no_heat() -> None:
    kinds = {entry[1] for entry in catalog.REGIONS[catalog.CAPI_REGION].values()}
    everything = {entry[1] for entry in catalog.CATALOG.values()}
    assert everything - kinds == {"orchestration", "cloudformation"}

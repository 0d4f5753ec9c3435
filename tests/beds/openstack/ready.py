# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks every service something real, until all answer as they should."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import requests
from keystoneauth1.exceptions import ClientException
from openstack.connection import Connection
from openstack.exceptions import SDKException

from beds.kubernetes import management

from .clouds import connect
from .hardware import HOSTS
from .initialize import sql
from .layout import Bed, BedError
from .processes import running, tail
from .services import services

PATIENCE = 240

# A check returns what is still missing, or an empty string.
Check = Callable[[Bed, Connection], str]


def _mariadb(bed: Bed, _admin: Connection) -> str:
    sql(bed, "SELECT 1;")
    return ""


def _rabbitmq(bed: Bed, _admin: Connection) -> str:
    with socket.create_connection(("127.0.0.1", bed.ports["rabbitmq"]), 5) as link:
        link.settimeout(5)
        link.sendall(b"AMQP\x00\x00\x09\x01")
        return "" if link.recv(7)[:1] == b"\x01" else "no AMQP greeting"


def _keystone(_bed: Bed, admin: Connection) -> str:
    admin.authorize()
    return ""


def _placement(_bed: Bed, admin: Connection) -> str:
    listed = admin.placement.get("/resource_providers").json()["resource_providers"]
    ids = {provider["name"]: provider["uuid"] for provider in listed}
    for host, (inventories, _traits) in HOSTS.items():
        if host not in ids:
            return f"host {host} is not in Placement yet"
        url = f"/resource_providers/{ids[host]}/inventories"
        have = admin.placement.get(url).json()["inventories"]
        if not inventories.keys() <= have.keys():
            return f"host {host} has no accelerators in Placement yet"
    return ""


def _nova(_bed: Bed, admin: Connection) -> str:
    listed = admin.compute.get("/os-services").json()["services"]
    up = {(s["binary"], s["host"]) for s in listed if s["state"] == "up"}
    want = {("nova-compute", host) for host in HOSTS}
    want |= {("nova-conductor", "bed"), ("nova-scheduler", "bed")}
    missing = sorted("/".join(pair) for pair in want - up)
    if missing:
        return f"not up: {', '.join(missing)}"
    # Only hosts that are mapped to a cell get servers.
    listed = admin.compute.get("/os-hypervisors").json()["hypervisors"]
    unmapped = HOSTS.keys() - {h["hypervisor_hostname"] for h in listed}
    return f"not discovered: {', '.join(sorted(unmapped))}" if unmapped else ""


def _neutron(_bed: Bed, admin: Connection) -> str:
    admin.network.get("/networks")
    return ""


def _glance(_bed: Bed, admin: Connection) -> str:
    admin.image.get("/images")
    return ""


def _heat(_bed: Bed, admin: Connection) -> str:
    engines = admin.orchestration.get("/services").json()["services"]
    return "" if any(e["status"] == "up" for e in engines) else "no engine is up"


def _heat_cfn(bed: Bed, _admin: Connection) -> str:
    # Signals come with a signature; without one the service asks for it.
    code = requests.get(bed.url("heat-cfn", "/v1/"), timeout=20).status_code
    return "" if code < 500 else f"answers {code}"


def _magnum(_bed: Bed, admin: Connection) -> str:
    magnum = admin.container_infrastructure_management
    listed = magnum.get("/mservices").json()["mservices"]
    return "" if any(s["state"] == "up" for s in listed) else "no conductor is up"


def _magnum_capi(bed: Bed, _admin: Connection) -> str:
    return _magnum(bed, connect(bed.clouds, "capi-admin"))


def _manager(name: str) -> Check:
    def check(bed: Bed, _admin: Connection) -> str:
        return "" if management.is_ready(bed, name) else "is not ready"

    return check


def _cinder(_bed: Bed, admin: Connection) -> str:
    listed = admin.block_storage.get("/os-services").json()["services"]
    up = {service["binary"] for service in listed if service["state"] == "up"}
    missing = {"cinder-scheduler", "cinder-volume"} - up
    if missing:
        return f"not up: {', '.join(sorted(missing))}"
    pools = admin.block_storage.get("/scheduler-stats/get_pools").json()["pools"]
    return "" if pools else "no storage pool reported yet"


def _vm_inside(bed: Bed, _admin: Connection) -> str:
    requests.get(bed.url("vm-inside", "/new?size=1"), timeout=20).raise_for_status()
    return ""


CHECKS: dict[str, Check] = {
    "mariadb": _mariadb,
    "rabbitmq": _rabbitmq,
    "keystone": _keystone,
    "glance": _glance,
    "neutron": _neutron,
    "nova-api": _nova,
    "placement": _placement,
    "heat-api": _heat,
    "heat-cfn": _heat_cfn,
    "magnum-api": _magnum,
    "magnum-capi-api": _magnum_capi,
    "cinder-api": _cinder,
    "vm-inside": _vm_inside,
    **{name: _manager(name) for name in management.MANAGERS},
}
NOT_YET = (ClientException, SDKException, requests.RequestException, OSError, BedError)


def wait_ready(
    bed: Bed, names: list[str] | None = None, patience: float = PATIENCE
) -> None:
    """Wait until services answer.

    Args:
        bed: The bed.
        names: Keys of `CHECKS`; all when not given.
        patience: How many seconds at most.

    Raises:
        BedError: A service died or does not get ready; holds the end of its log.
    """
    deadline = time.monotonic() + patience
    admin = connect(bed.clouds, "bed-admin")
    for name in names or CHECKS:
        while True:
            _insist_alive(bed, names)
            try:
                missing = CHECKS[name](bed, admin)
            except NOT_YET as problem:
                missing = f"{type(problem).__name__}: {problem}".splitlines()[0]
            if not missing:
                break
            if time.monotonic() > deadline:
                raise BedError(
                    f"{name} is not ready after {patience:.0f} s: {missing}\n"
                    f"the end of its log ({bed.log}/{name}.log):\n{tail(bed, name)}\n"
                    f"next: `python -m beds.openstack logs {name} -n 100`, or start over with"
                    " `python -m beds.openstack reset` and `up`"
                )
            time.sleep(0.3)


def _insist_alive(bed: Bed, names: list[str] | None) -> None:
    for service in services(bed):
        if names and service.name not in names:
            continue
        if not running(bed.run, service.name):
            raise BedError(
                f"{service.name} ended by itself\n"
                f"the end of its log ({bed.log}/{service.name}.log):\n"
                f"{tail(bed, service.name)}\n"
                f"next: `python -m beds.openstack logs {service.name} -n 100`; run `up` again, or"
                " start over with `python -m beds.openstack reset`"
            )

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clouds with Cluster API answer."""

from __future__ import annotations

import typing as t

from unit.cloud.fakes import PROJECT, Raw
from unit.cloud.resources.clusters import TEMPLATE, cluster

HELM_ID, KUBE_ID = "train-lfhd5anuthod", "kube-ab12c"
HELM, KUBE = "k8s_capi_helm_v1", "k8s_cluster_api_ubuntu"
SERVERS = {
    ident: f"GET /v2.1/servers/detail?name=%5E{ident}-" for ident in (HELM_ID, KUBE_ID)
}
NO_HOST = {"message": "No valid host was found. ", "code": 500}


def capi(status: str = "CREATE_COMPLETE", ident: str = HELM_ID, **values: t.Any) -> Raw:
    """What Magnum says of a cluster: no stack and no addresses."""
    raw = cluster(status, node_addresses=[], master_addresses=[], **values)
    del raw["stack_id"]
    return {**raw, "cluster_id": ident}


def template(driver: str | None = None, **values: t.Any) -> Raw:
    return {
        "uuid": TEMPLATE,
        "name": "gpu-a100",
        "project_id": PROJECT,
        "public": False,
        "driver": driver,
        "image_id": "old",
        "flavor_id": "gpu.a100.4",
        "master_flavor_id": "m1.master",
        "labels": {},
        **values,
    }


def server(name: str, status: str = "ACTIVE", **values: t.Any) -> Raw:
    """What Nova says of a server."""
    return {
        "id": f"id-{name}",
        "name": name,
        "status": status,
        "addresses": {},
        "image": {"id": "old"},
        **values,
    }


def nodes(
    workers: int = 2,
    masters: int = 1,
    group: str = "default-worker",
    ident: str = HELM_ID,
    **values: t.Any,
) -> list[Raw]:
    """The servers of a cluster of a driver for Cluster API."""
    names = [f"{ident}-control-plane-{n}" for n in range(masters)]
    names += [f"{ident}-{group}-7x2kq-{n}" for n in range(workers)]
    return [server(name, **values) for name in names]


def failed(name: str = "default-worker-7x2kq-9") -> Raw:
    """A server for which there was no room."""
    return server(f"{HELM_ID}-{name}", "ERROR", fault=NO_HOST)

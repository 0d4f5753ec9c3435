# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the clouds of the clusters' tests answer, and how to say it."""

from __future__ import annotations

import typing as t

from unit.cloud.fakes import PROJECT, TEMPLATES, USER, Raw, Reply, Site, templates

ID = "7c1c1a0e-1d5b-4e51-9f5a-6d2f5a1f0001"
TEMPLATE = "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d1"
OTHER_TEMPLATE = "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d2"

STACK_ID = "4b1c3a7e-7a86-4f0e-8f0a-0a4b2f6d9b7c"

BY_NAME = "GET /v1/clusters/train"
BY_ID = f"GET /v1/clusters/{ID}"
GROUPS = f"{BY_ID}/nodegroups"
WORKERS = f"{GROUPS}/w"
TEMPLATE_BY_ID = f"GET /v1/clustertemplates/{TEMPLATE}"
CREATE = "POST /v1/clusters"
RESIZE = f"POST /v1/clusters/{ID}/actions/resize"
BOUNDS = f"PATCH /v1/clusters/{ID}/nodegroups/w"
DELETE = f"DELETE /v1/clusters/{ID}"
VIEW = [GROUPS, WORKERS, TEMPLATES]
"""What it takes to show a cluster."""

FLAVORS = "GET /v2.1/flavors/detail?is_public=None"
LIMITS = "GET /v2.1/limits"
CANDIDATES = "GET /v0.1/allocation_candidates?resources=CUSTOM_GPU_A100%3A4"
QUOTAS = f"GET /v2.0/quotas/{PROJECT}/details.json"
CLUSTER_QUOTA = f"GET /v1/quotas/{PROJECT}/Cluster"
CLUSTERS = "GET /v1/clusters/detail"
ROOM = [FLAVORS, LIMITS, QUOTAS, CLUSTER_QUOTA, CLUSTERS, CANDIDATES]
"""What it takes to look if there is room for a new one."""
MORE_ROOM = [FLAVORS, LIMITS, QUOTAS, CANDIDATES]
"""What it takes to look if there is room for more nodes."""
REFUSED = Reply(403, {"errors": [{"detail": "not for you"}]})
A100 = {
    "id": "7",
    "name": "gpu.a100.4",
    "vcpus": 48,
    "ram": 524288,
    "extra_specs": {"resources:CUSTOM_GPU_A100": "4"},
}
MASTER = {"id": "8", "name": "m1.master", "vcpus": 2, "ram": 4096, "extra_specs": {}}

MISSING = Reply(404, {"errors": [{"detail": "not found"}]})
OLD, NEW = "2026-01-01T10:00:00+00:00", "2026-01-01T11:00:00+00:00"


def cluster(status: str = "CREATE_COMPLETE", **values: t.Any) -> Raw:
    """What Magnum says of the cluster; two workers, unless they are given."""
    count = values.setdefault("node_count", 2)
    return {
        "uuid": ID,
        "name": "train",
        "status": status,
        "status_reason": None,
        "health_status": "HEALTHY",
        "faults": {},
        "cluster_template_id": TEMPLATE,
        "keypair": "ops",
        "master_count": 1,
        "flavor_id": "gpu.a100.4",
        "master_flavor_id": "m1.master",
        "labels": {"gpu_enabled": "true", "kube_tag": "v1.28.9"},
        "docker_volume_size": None,
        "fixed_network": None,
        "fixed_subnet": None,
        "floating_ip_enabled": False,
        "master_lb_enabled": False,
        "node_addresses": [f"10.0.0.{10 + n}" for n in range(count)],
        "master_addresses": ["10.0.0.5"],
        "stack_id": STACK_ID,
        "create_timeout": 60,
        "project_id": PROJECT,
        "user_id": USER,
        "created_at": OLD,
        "updated_at": OLD,
        **values,
    }


def limits(instances: int = -1, cores: int = -1, ram: int = -1, **more: int) -> Raw:
    """What Nova says of the quota; three instances, 10 cores and 8 GiB are used."""
    absolute = {
        "maxTotalInstances": instances,
        "totalInstancesUsed": 3,
        "maxTotalCores": cores,
        "totalCoresUsed": 10,
        "maxTotalRAMSize": ram,
        "totalRAMUsed": 8192,
        **more,
    }
    return {"limits": {"absolute": absolute}}


def quota(**limits: int) -> Raw:
    """What Neutron says of these quotas; one of each is used."""
    details = {name: {"limit": most, "used": 1} for name, most in limits.items()}
    return {"quota": details}


def workers(count: int = 2, low: int | None = None, high: int | None = None) -> Raw:
    return {
        "uuid": "w",
        "name": "default-worker",
        "role": "worker",
        "is_default": True,
        "flavor_id": "gpu.a100.4",
        "image_id": "img",
        "node_count": count,
        "min_node_count": low,
        "max_node_count": high,
        "node_addresses": [],
        "status": "CREATE_COMPLETE",
        "status_reason": None,
    }


MASTERS = {
    **workers(1),
    "uuid": "m",
    "name": "default-master",
    "role": "master",
    "is_default": True,
}


def with_template(site: Site) -> None:
    """A cloud with a template, and no cluster."""
    template = {
        "uuid": TEMPLATE,
        "name": "gpu-a100",
        "project_id": PROJECT,
        "public": False,
        "flavor_id": "gpu.a100.4",
        "master_flavor_id": "m1.master",
    }
    site.on(FLAVORS, {"flavors": [A100, MASTER]})
    site.on(LIMITS, limits())
    site.on(QUOTAS, quota())
    site.on(CLUSTER_QUOTA, {"hard_limit": 20})
    site.on(CLUSTERS, {"clusters": []})
    site.on(CANDIDATES, REFUSED)
    site.on(TEMPLATES, templates(template))
    site.on(TEMPLATE_BY_ID, template)
    site.on(BY_NAME, MISSING)


def groups(site: Site, *answers: Raw) -> None:
    """The default workers, one answer for each time that they are read."""
    listed = [
        {**group, "min_node_count": None, "max_node_count": None}
        for group in (MASTERS, answers[0])
    ]
    site.on(GROUPS, {"nodegroups": listed})
    site.on(WORKERS, *answers)


def there(site: Site, raw: Raw | None = None, *answers: Raw) -> None:
    """There is a cluster, with these default workers."""
    site.on(BY_NAME, raw or cluster())
    groups(site, *(answers or (workers(),)))


def changing(**values: t.Any) -> tuple[Raw, Raw, Raw]:
    """The cluster after a write: the old status stands, then it works, then is done."""
    return (
        cluster(),
        cluster("UPDATE_IN_PROGRESS"),
        cluster("UPDATE_COMPLETE", updated_at=NEW, **values),
    )

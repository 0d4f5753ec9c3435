# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quotas of a project that clusters need, in one list for all who look at them."""

from __future__ import annotations

import typing as t

from ..engine.errors import CloudError
from ..engine.status import Raw
from ..services.session import Cloud

MEMBERS = "server_group_members"
"""A quota on the size of each group, where the others are on the sum of all."""


class Quota(t.NamedTuple):
    """A quota.

    Attributes:
        name: What users see, which is the service's own name of it.
        service: The service that has it.
        limit: Where the service's numbers have the limit; negative for none.
        used: Where they have what is used, empty for nothing.
    """

    name: str
    service: str
    limit: str
    used: str


def _detailed(name: str, service: str) -> Quota:
    return Quota(name, service, f"{name}.limit", f"{name}.used")


QUOTAS = (
    Quota("instances", "Nova", "maxTotalInstances", "totalInstancesUsed"),
    Quota("cores", "Nova", "maxTotalCores", "totalCoresUsed"),
    Quota("ram_mib", "Nova", "maxTotalRAMSize", "totalRAMUsed"),
    Quota("server_groups", "Nova", "maxServerGroups", "totalServerGroupsUsed"),
    Quota(MEMBERS, "Nova", "maxServerGroupMembers", ""),
    *(
        _detailed(name, "Neutron")
        for name in (
            "network",
            "subnet",
            "router",
            "port",
            "floatingip",
            "security_group",
        )
    ),
    Quota("volumes", "Cinder", "maxTotalVolumes", "totalVolumesUsed"),
    Quota("gigabytes", "Cinder", "maxTotalVolumeGigabytes", "totalGigabytesUsed"),
    _detailed("load_balancer", "Octavia"),
    _detailed("clusters", "Magnum"),
)

NAMES = tuple(quota.name for quota in QUOTAS)


def read(cloud: Cloud, names: t.Collection[str]) -> tuple[dict[str, int], list[str]]:
    """Read what is left of quotas.

    Args:
        cloud: Where the project is.
        names: The quotas; only the services that have them are asked.

    Returns:
        What is left, by name, without what has no limit; and what could not be read,
        with the reason.
    """
    wanted = [quota for quota in QUOTAS if quota.name in names]
    free: dict[str, int] = {}
    skipped = []
    for service in dict.fromkeys(quota.service for quota in wanted):
        own = [quota for quota in wanted if quota.service == service]
        try:
            numbers = _READERS[service](cloud)
        except CloudError as error:
            listed = ", ".join(quota.name for quota in own)
            skipped.append(f"quota of {listed}: {error.message}")
            continue
        for quota in own:
            limit = numbers.get(quota.limit)
            if limit is not None and limit >= 0:
                free[quota.name] = limit - (numbers.get(quota.used) or 0)
    return free, skipped


def _nova(cloud: Cloud) -> Raw:
    return dict(cloud.nova.limits())


def _neutron(cloud: Cloud) -> Raw:
    path = f"/quotas/{cloud.project_id}/details.json"
    return {
        f"{name}.{key}": number
        for name, numbers in cloud.neutron.get(path)["quota"].items()
        for key, number in numbers.items()
    }


def _cinder(cloud: Cloud) -> Raw:
    return dict(cloud.cinder.get("/limits")["limits"]["absolute"])


def _octavia(cloud: Cloud) -> Raw:
    quota = cloud.octavia.get(f"/lbaas/quotas/{cloud.project_id}")["quota"]
    query = {"project_id": cloud.project_id}
    listed = cloud.octavia.list("/lbaas/loadbalancers", "loadbalancers", query)
    return {
        "load_balancer.limit": quota.get("load_balancer"),
        "load_balancer.used": len(listed),
    }


def _magnum(cloud: Cloud) -> Raw:
    project = cloud.project_id
    quota = cloud.magnum.get(f"/quotas/{project}/Cluster")
    own = [raw for raw in cloud.magnum.clusters() if raw["project_id"] == project]
    return {"clusters.limit": quota["hard_limit"], "clusters.used": len(own)}


_READERS: dict[str, t.Callable[[Cloud], Raw]] = {
    "Nova": _nova,
    "Neutron": _neutron,
    "Cinder": _cinder,
    "Octavia": _octavia,
    "Magnum": _magnum,
}

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster is made of, and what that takes of the project's quotas.

Magnum puts options and template together in magnum/api/controllers/v1/cluster.py
(`_post`). What its Heat driver then makes is in
magnum/drivers/k8s_fedora_coreos_v1/templates and magnum/drivers/heat/template_def.py
(`add_lb_env_file` and the like).
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine.status import Raw
from ..services.drivers import Driver

_KEYS = {
    "hardware": "flavor_id",
    "keypair": "keypair_id",
    "master_hardware": "master_flavor_id",
}
"""Names of properties in the API's templates, where they differ."""


@dataclasses.dataclass(frozen=True)
class ClusterSpec:
    """What a cluster is made of.

    Attributes:
        values: Its options, with references resolved; of one that exists, what Magnum
            says of it.
        driver: Its driver.
        template: The template of a new one, empty where that is not known yet.
        merge_labels: Whether its labels are added to those of the template.
    """

    values: Raw
    driver: Driver
    template: Raw = dataclasses.field(default_factory=dict)
    merge_labels: bool = True

    def get(self, name: str) -> t.Any:
        """Return the value of an option, or what the template has in its place."""
        value = self.values.get(name)
        if value is None or value == "":
            return self.template.get(_KEYS.get(name, name))
        return value

    @property
    def labels(self) -> Raw:
        """All labels."""
        own: Raw = self.values.get("labels") or {}
        if own and not self.merge_labels:
            return own
        return {**(self.template.get("labels") or {}), **own}

    def quota_of_cluster(self) -> dict[str, int]:
        """Return what a new cluster takes besides its nodes, by name of the quota."""
        if self.driver.cluster_api:
            return {"clusters": 1}
        balancers = (
            2 if self.get("master_lb_enabled") else 0
        )  # for the API and for etcd
        reached = self.get("floating_ip_enabled") or _true(
            self.labels.get("master_lb_floating_ip_enabled")
        )
        own = 0 if self.get("fixed_network") else 1
        return {
            "clusters": 1,
            "floatingip": 1 if balancers and reached else 0,
            "load_balancer": balancers,
            "network": own,
            "port": balancers,
            "router": own,
            "security_group": 2,
            "subnet": own,
        }

    def quota_of_nodes(self, masters: int, workers: int) -> dict[str, int]:
        """Return what nodes take besides what their flavors say, by name of the quota.

        Args:
            masters: How many masters are added.
            workers: How many other nodes are added.
        """
        nodes = masters + workers
        if self.driver.cluster_api:
            return {"port": nodes}
        sizes = [_number(self.labels.get("boot_volume_size"))] * nodes
        sizes += [_number(self.get("docker_volume_size"))] * nodes
        sizes += [_number(self.labels.get("etcd_volume_size"))] * masters
        return {
            "floatingip": nodes if self.get("floating_ip_enabled") else 0,
            "gigabytes": sum(sizes),
            "port": nodes,
            "volumes": sum(size > 0 for size in sizes),
        }

    @property
    def unknown(self) -> list[str]:
        """What of all this is not known of its driver."""
        if not self.driver.cluster_api:
            return []
        return [
            f"{self.driver.title}: what it takes of the quotas of volumes, floating "
            "addresses, load balancers and security groups is not known"
        ]


def _number(value: t.Any) -> int:
    """Return the number in a label, 0 for anything else."""
    text = str(value)
    return int(text) if text.isdecimal() else 0


def _true(value: t.Any) -> bool:
    """Return whether a label is one of the texts that oslo.utils takes for true."""
    return str(value).strip().lower() in ("1", "t", "true", "on", "y", "yes")

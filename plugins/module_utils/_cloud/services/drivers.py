# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Magnum's drivers: which one made a cluster, and what it can't do."""

from __future__ import annotations

import re
import typing as t

from ..engine.errors import Conflict, InvalidInput
from ..engine.status import Raw
from .kubernetes_names import check_name

MASTERS, WORKERS = "default-master", "default-worker"
"""The node groups that a cluster comes with."""

LONGEST = 58
"""Characters of a name that Cluster API keeps when it appends to it."""

_GROUP_NAME = re.compile("[a-z][a-z0-9-]+[a-z0-9]")

_WAYS_OUT = {
    "node_labels": "Leave it out, and set the labels on the Kubernetes nodes of the "
    "group, whose names begin with the cluster's infrastructure_id and the name of the "
    "group",
    "node_taints": "Leave it out, and set the taints on the Kubernetes nodes of the "
    "group, whose names begin with the cluster's infrastructure_id and the name of the "
    "group",
    "labels": "Leave it out: all node groups have the labels of their cluster",
    "availability_zone": "Leave it out: Nova chooses the zone of each node. For a node "
    "group in a certain zone, use a flavor that is bound to it",
    "image": "Leave it out: all nodes of a cluster have the image of its template. For "
    "another image, create a cluster from another template",
    "nodes_to_remove": "Leave it out, and set a smaller node_count, for which the "
    "driver chooses the nodes. To have a certain node replaced, drain it and delete "
    "its Node object in Kubernetes",
    "rotate_ca_after": "Leave it out. To get a new CA, create another cluster",
}
"""What to do instead, by option."""


class Driver(t.NamedTuple):
    """A driver of Magnum, or a family of them.

    Attributes:
        name: What users see; empty if the driver is unknown.
        title: What messages call it.
        names: How its names in Magnum begin.
        pattern: What the infrastructure id of its clusters looks like.
        cluster_api: Whether Cluster API makes the servers. Magnum then publishes no
            addresses, reports no failures, and can be early to report success.
        lacks: Options that the driver accepts and ignores, or fails on later.
        least: Nodes that a node group must keep with an autoscaler.
        bounds_by_label: Whether labels of a cluster with an autoscaler are the bounds
            of its default workers, where they have the names of these.
        server_groups: Whether it puts the servers of each node group into a server
            group of Nova.
    """

    name: str
    title: str
    names: tuple[str, ...] = ()
    pattern: str = ""
    cluster_api: bool = False
    lacks: frozenset[str] = frozenset()
    least: int = 0
    bounds_by_label: bool = False
    server_groups: bool = True


UNKNOWN = Driver("", "Magnum's driver")
HEAT = Driver(
    "heat",
    "Magnum's Heat driver",
    ("k8s_fedora_", "k8s_coreos_"),
    pattern="[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
)
CAPI_HELM = Driver(
    "capi-helm",
    "magnum-capi-helm",
    ("k8s_capi_helm_",),
    pattern=r".+-[a-z0-9]{12}",
    cluster_api=True,
    lacks=frozenset(
        [
            "availability_zone",
            "image",
            "labels",
            "node_labels",
            "node_taints",
            "nodes_to_remove",
            "rotate_ca_after",
        ]
    ),
    least=1,
    bounds_by_label=True,
    server_groups=False,
)
CLUSTER_API = Driver(
    "cluster-api",
    "magnum-cluster-api",
    ("k8s_cluster_api_",),
    pattern=r"kube-[a-z0-9]{5}",
    cluster_api=True,
    lacks=frozenset(["node_labels", "node_taints", "rotate_ca_after"]),
)
_DRIVERS = (HEAT, CLUSTER_API, CAPI_HELM)


def infrastructure_id(cluster: Raw) -> str | None:
    """Return what a cluster is called below Magnum.

    That is the id of its Heat stack, or the name of its Cluster API resource, with
    which the names of its servers begin. Microversion 1.13 renamed it.
    """
    return cluster.get("stack_id") or cluster.get("cluster_id")


def driver_of(name: str | None, infrastructure: str | None) -> Driver:
    """Return the driver of a cluster.

    Args:
        name: The driver's name in the cluster's template (Magnum 23 and later).
        infrastructure: What `infrastructure_id` returned.
    """
    for driver in _DRIVERS if name else ():
        if str(name).startswith(driver.names):
            return driver
    if name:
        return UNKNOWN._replace(name=name, title=f"the driver {name}")
    for driver in _DRIVERS if infrastructure else ():
        if re.fullmatch(driver.pattern, str(infrastructure)):
            return driver
    return UNKNOWN


def lacking(shown: str | None) -> frozenset[str]:
    """Return the options that a driver ignores.

    Args:
        shown: Its name, as users see it.
    """
    return next((each.lacks for each in _DRIVERS if each.name == shown), frozenset())


def refuse(driver: Driver, what: object, values: t.Mapping[str, t.Any]) -> None:
    """Refuse what a driver would accept and ignore, before anything is written.

    Args:
        driver: The driver.
        what: How messages call the resource.
        values: Values by name of the option; empty ones ask for nothing.

    Raises:
        Conflict: Names option, value, driver, and what to do instead.
    """
    for option in sorted(driver.lacks.intersection(values)):
        if values[option]:
            raise Conflict(
                f"{what}: {option}: {driver.title} does not support this option (the "
                f"value is {values[option]!r}). {_WAYS_OUT[option]}",
                details={"option": option, "driver": driver.name},
            )


def check_group_name(driver: Driver, name: str) -> None:
    """Check the name of a new node group.

    It becomes a label of the nodes (`--node-labels` in magnum/drivers/common/templates/
    kubernetes/fragments/configure-kubernetes-minion.sh), and with Cluster API a part of
    names in Kubernetes.

    Raises:
        InvalidInput: The driver can't have a node group of this name.
    """
    if driver.cluster_api and not _GROUP_NAME.fullmatch(name):
        raise InvalidInput(
            f"name: {name!r} must begin with a lower-case letter, hold lower-case "
            "letters, digits and '-' only, end with a letter or a digit, and have 3 "
            f"characters at least, as {driver.title} makes names of Kubernetes of it"
        )
    check_name("name", name)


def check_least(driver: Driver, what: object, least: int | None) -> None:
    """Check the lower bound of a node group of a cluster with an autoscaler.

    Args:
        driver: The driver of the cluster.
        what: How messages call the node group.
        least: The lower bound, None for none.

    Raises:
        InvalidInput: It is too low.
    """
    if (least or 0) < driver.least:
        raise InvalidInput(
            f"{what}: min_node_count: {least or 0} is below {driver.least}, which "
            f"{driver.title} requires with the label auto_scaling_enabled=true"
        )


def check_labeled_bounds(
    driver: Driver, what: object, labels: Raw, values: Raw, new: bool
) -> None:
    """Check the bounds of the default workers of a cluster with an autoscaler.

    Magnum sets bounds after the creation, for which the driver knows labels alone; and
    later too, a label takes precedence.

    Args:
        driver: The driver of the cluster.
        what: How messages call the cluster or node group.
        labels: The labels of the cluster.
        values: The bounds to set.
        new: Whether the cluster is created.

    Raises:
        Conflict: The driver can't create the cluster, or would ignore a bound.
    """
    if not driver.bounds_by_label:
        return
    low = str(labels.get("min_node_count") or 0)
    if new and (not low.isdecimal() or int(low) < driver.least):
        raise Conflict(
            f"{what}: labels: {driver.title} can't create a cluster with the label "
            f"auto_scaling_enabled=true unless the label min_node_count is "
            f"{driver.least} or more (it is {low}). Set it in labels, or in those of "
            "the template"
        )
    for bound in ("min_node_count", "max_node_count"):
        label, value = labels.get(bound), values.get(bound)
        if None not in (label, value) and str(label) != str(value):
            raise Conflict(
                f"{what}: {bound}: {driver.title} takes this bound of the default "
                f"workers from the cluster's label {bound}={label}, and would ignore "
                f"{value}. Set {label}; for another bound, create another cluster"
            )


# Names of servers ---------------------------------------------------------------------


def prefix(infrastructure: str, group: str = MASTERS) -> str:
    """Return how Cluster API begins the names of the servers of a node group.

    What begins with the infrastructure id alone is a master: magnum-capi-helm adds
    `control-plane` to it, and magnum-cluster-api something random.
    """
    parts = [infrastructure] if group == MASTERS else [infrastructure, group]
    return "".join(f"{_plain(part)}-" for part in parts)[:LONGEST]


def group_of(server: str, prefixes: t.Mapping[str, str]) -> str | None:
    """Return the value of the longest prefix that a server's name begins with."""
    name = re.sub("[^a-z0-9]+", "-", server.lower())
    found = [start for start in prefixes if name.startswith(start)]
    return prefixes[max(found, key=len)] if found else None


def _plain(name: str) -> str:
    """Return a name as the drivers put it into names of Kubernetes."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")

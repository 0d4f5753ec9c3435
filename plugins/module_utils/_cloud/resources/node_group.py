# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node groups of a cluster: equal nodes, with a size and its bounds."""

from __future__ import annotations

import typing as t
from functools import partial

from ..engine.errors import (
    CloudError,
    ClusterNotFound,
    Conflict,
    InvalidInput,
    NodeGroupNotFound,
    ResourceError,
)
from ..engine.fields import Field, api_values, labels
from ..engine.resource import Step
from ..engine.status import FAILED, Raw, status_of
from ..engine.waiter import Turn
from ..services.drivers import (
    UNKNOWN,
    Driver,
    check_group_name,
    check_labeled_bounds,
    check_least,
    driver_of,
    infrastructure_id,
    refuse,
)
from ..services.magnum import NODE_LABELS, ZERO_NODES
from .resource import CloudResource
from .servers import LASTS, ServerProof
from .sizes import BOUNDS, check_bounds, scales_itself, steps_to
from .stack_behind import StackBehind

_IN_KUBERNETES = (
    "set them on the Kubernetes nodes, which the label "
    "magnum.openstack.org/nodegroup=NAME selects"
)
_PATCHED = (*BOUNDS, "node_labels", "node_taints")
_TAINT = {
    "key": {"type": "str", "required": True, "no_log": False},
    "value": {"type": "str"},
    "effect": {
        "type": "str",
        "required": True,
        "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
    },
}


def _taints(values: t.Iterable[Raw] | None) -> list[Raw]:
    """Return taints in one form: Kubernetes has no order and no empty value."""
    taints = [
        {name: taint[name] for name in _TAINT if taint.get(name)}
        for taint in values or []
    ]
    return sorted(taints, key=lambda taint: (taint["key"], taint["effect"]))


class NodeGroupResource(CloudResource):
    """A node group of a Magnum cluster."""

    kind = "node_group"
    not_found = NodeGroupNotFound
    way_out = "Magnum can't change it; create a node group of another name"
    fields = (
        Field("hardware", key="flavor_id", ref="flavor", change="frozen"),
        Field("image", key="image_id", ref="image", change="frozen"),
        Field("role", change="frozen"),
        Field("labels", "dict", change="frozen", merge=True, clean=labels),
        Field("node_count", "int", least=0),
        Field("min_node_count", "int", least=0),
        Field("max_node_count", "int", least=1),
        Field("node_labels", "dict", clean=labels),
        Field(
            "node_taints",
            "list",
            clean=_taints,
            spec={"elements": "dict", "options": _TAINT},
        ),
    )
    options = (
        Field("cluster", spec={"required": True}),
        Field("availability_zone"),
        Field("recreate_failed", "bool", spec={"default": False}),
    )

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.recreate_failed = bool(self.params["recreate_failed"])
        self._cluster: Raw | None = None
        self._driver: Driver | None = None
        self._scales = False
        self._proof = ServerProof(self.cloud)
        self._stack = StackBehind(self.cloud)

    def adopt(self, cluster: Raw | None, driver: Driver, scales: bool) -> None:
        """Take over what is known of the cluster, if the group is declared with it.

        Args:
            cluster: The cluster, None if it does not exist yet.
            driver: Its driver.
            scales: Whether it has an autoscaler.
        """
        self._cluster, self._driver, self._scales = cluster, driver, scales

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check what can be checked without the cloud."""
        super().validate(params)
        check_bounds(params)
        if params["availability_zone"] and "availability_zone" in (
            params["labels"] or {}
        ):
            raise InvalidInput(
                "availability_zone: is among the labels too; leave one of them out"
            )

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return the values that the options give; to Magnum the zone is a label."""
        values = super().desired(have)
        zone = self.params["availability_zone"]
        if zone:
            values["labels"] = {**values.get("labels", {}), "availability_zone": zone}
        return values

    @property
    def cluster(self) -> str:
        """Id of the cluster.

        Raises:
            ClusterNotFound: There is no such cluster.
        """
        return str(self._whole_cluster()["uuid"])

    def _whole_cluster(self) -> Raw:
        if self._cluster is None:
            ident = self.params["cluster"]
            cluster = self.cloud.magnum.find_cluster(ident, self.cloud.project_id)
            if cluster is None:
                hint = self.cloud.magnum.exact.hint("cluster", ident)
                raise ClusterNotFound(
                    f"cluster: there is no cluster {ident!r} in this project{hint}"
                )
            self._cluster = cluster
        return self._cluster

    def driver(self) -> Driver:
        """Return the driver of the cluster; `UNKNOWN` if the cluster does not exist."""
        if self._driver is None:
            try:
                cluster = self._whole_cluster()
            except ClusterNotFound:
                return UNKNOWN  # in check mode, an earlier task would create it
            self._driver = driver_of(None, infrastructure_id(cluster))
            if self._driver is UNKNOWN:
                template = self.cloud.magnum.template(cluster["cluster_template_id"])
                self._driver = driver_of((template or {}).get("driver"), None)
        return self._driver

    def find(self) -> Raw | None:
        """Return a node group of the cluster by name or id.

        Without its cluster there is none, which is what `state=absent` asks for, and
        what a plan on an empty cloud begins with.
        """
        try:
            cluster = self.cluster
        except ClusterNotFound as error:
            absent = self.params["state"] == "absent"
            if not absent and not self.references.check_mode:
                raise
            if not absent:
                self.cloud.warn(f"{error.message} yet")
            elif self.cloud.magnum.exact.near("cluster", self.params["cluster"]):
                self.cloud.warn(error.message)
            return None
        return self.cloud.magnum.find_node_group(cluster, self.name)

    def near_misses(self) -> t.Sequence[str]:
        """Return the names that Magnum takes for its own."""
        return self.cloud.magnum.exact.near("node group", self.name)

    def refresh(self, raw: Raw) -> Raw | None:
        """Return the same node group again."""
        return self.cloud.magnum.find_node_group(self.cluster, raw["uuid"])

    def all(self) -> list[Raw]:
        """Return all node groups of the cluster."""
        magnum = self.cloud.magnum
        listed = magnum.node_groups(self.cluster)
        return [magnum.node_group(self.cluster, group["uuid"]) for group in listed]

    status = staticmethod(status_of)

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """Return the shape that users see."""
        return view(raw)

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Check sizes against bounds, and what Magnum and its driver can do."""
        if raw is not None:
            check_bounds({**self.view(raw), **values})
        else:
            self.refuse_near_miss("Magnum")
        if values.get("node_count") == 0:
            self.cloud.magnum.require(ZERO_NODES, "A node group without a node")
        if "node_labels" in values or "node_taints" in values:
            what = "What node_labels and node_taints ask for"
            self.cloud.magnum.require(NODE_LABELS, what, _IN_KUBERNETES)
        self._check_driver(values, raw)
        return super().prepare(values, raw)

    def _check_driver(self, values: Raw, raw: Raw | None) -> None:
        """Refuse what the cluster's driver can't do."""
        driver = self.driver()
        if raw is None:
            check_group_name(driver, self.name)
        zone = (values.get("labels") or {}).get("availability_zone")
        refuse(driver, self, {**values, "availability_zone": zone})
        cluster = self._cluster or {}
        scales = self._scales or scales_itself(cluster.get("labels"))
        if scales and (raw is None or "min_node_count" in values):
            check_least(driver, self, values.get("min_node_count"))
        if scales and raw is not None and raw.get("is_default"):
            check_labeled_bounds(
                driver, self, cluster.get("labels") or {}, values, False
            )

    def obstacles(self, raw: Raw) -> str:
        """Return what the servers of the group and the quota say, for Cluster API."""
        cluster = self._proven(raw)
        if cluster is None:
            return ""
        own = {name: raw[name] for name in ("node_count", "flavor_id")}
        return self._proof.summary({**cluster, "master_count": 0, **own}, raw["name"])

    def turn(self) -> Turn:
        """Return the cluster: Magnum changes one thing of it at a time."""
        cluster = self.cluster

        def describe(raw: Raw | None) -> str:
            text = status_of(raw).text if raw else "not there"
            return (
                f"{self}: nothing was written, as cluster {self.params['cluster']!r} "
                f"was still {text}"
            )

        def look(raw: Raw) -> None:
            whole = {**self._whole_cluster(), **raw}
            proof = ServerProof(self.cloud)
            if self.driver().cluster_api and proof.applies(whole):
                proof.look(self, whole)

        return Turn(lambda: self.cloud.magnum.cluster(cluster), describe, look)

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Ask for the node group."""
        body = {"name": self.name, **self.body(values)}
        if "labels" in values:
            body["merge_labels"] = True
        return self.cloud.magnum.create_node_group(self.cluster, body)

    def complete(self, raw: Raw) -> bool:
        """Return whether all nodes are there, as far as addresses or servers show."""
        addresses = raw.get("node_addresses")
        cluster = None if addresses else self._proven(raw)
        if cluster is None:
            return not addresses or len(addresses) == raw["node_count"]
        if not scales_itself(cluster.get("labels")):
            self._proof.require_sizes(cluster, {raw["name"]: raw["node_count"]})
        return True

    def _proven(self, raw: Raw) -> Raw | None:
        """Return the cluster with the names of its groups, if its servers prove things.

        Args:
            raw: This node group, which may not be listed any more.
        """
        try:
            cluster = self._whole_cluster()
        except ClusterNotFound:
            return None
        if not self.driver().cluster_api or not self._proof.applies(cluster):
            return None
        if "group_names" not in cluster:
            groups = self.cloud.magnum.node_groups(cluster["uuid"])
            names = [group["name"] for group in groups]
            self._cluster = cluster = {**cluster, "group_names": names}
        return {**cluster, "group_names": [*cluster["group_names"], raw["name"]]}

    def look_behind(self, raw: Raw) -> None:
        """Raise where a server or stack has failed and Magnum does not say so."""
        self._stack.look(self, raw, raw.get("stack_id"))
        cluster = self._proven(raw)
        if cluster and status_of(raw).operation != "delete":
            seen = {**cluster, "status": raw["status"]}
            self._proof.look(self, seen, raw["name"])

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Widen the bounds, resize, narrow the bounds: the order Magnum accepts."""
        cluster = self._proven(raw)
        if cluster:
            self._proof.remember(cluster)
        size = values.get("node_count")
        if size is None and status_of(raw).phase == FAILED:
            size = raw["node_count"]
        have = self.view(raw)
        now = {name: have[name] for name in _PATCHED}
        return steps_to(
            size,
            now,
            {name: values.get(name, now[name]) for name in _PATCHED},
            lambda number: self._resize(raw, number),
            lambda changed: self._patch(raw, changed),
        )

    def _resize(self, raw: Raw, size: int) -> Step:
        magnum, group = self.cloud.magnum, raw["uuid"]
        return Step(
            [lambda: magnum.resize(self.cluster, size, group)],
            lambda now: now["node_count"] == size and self.complete(now),
            self.turn(),
            self._lasts(raw),
        )

    def _lasts(self, raw: Raw) -> float:
        return LASTS if self._proven(raw) else 0.0

    def _patch(self, raw: Raw, changed: Raw) -> Step:
        magnum, group = self.cloud.magnum, raw["uuid"]

        def reached(now: Raw) -> bool:
            shown = view(now)
            return all(shown[name] == changed[name] for name in changed)

        write = partial(magnum.update_node_group, self.cluster, group, changed)
        return Step([write], reached, self.turn(), self._lasts(raw))

    def check_delete(self, raw: Raw) -> None:
        """Refuse for the two that a cluster came with: they go with it."""
        if raw.get("is_default"):
            raise Conflict(
                f"{self} came with its cluster and goes only with it; resize it, or "
                "delete the cluster"
            )

    def delete(self, raw: Raw) -> None:
        """Ask for the node group's deletion."""
        self.cloud.magnum.delete_node_group(self.cluster, raw["uuid"])

    def emptied(self, raw: Raw) -> bool:
        """Return whether all servers of the group are gone too, for Cluster API."""
        cluster = self._proven(raw)
        return cluster is None or self._proof.emptied(cluster, raw["name"])

    def failure(self, raw: Raw) -> CloudError:
        """Return what Magnum says about the failure."""
        status = status_of(raw)
        return ResourceError(
            f"{self} is {status.text}: {status.reason or 'Magnum gives no reason'}",
            details={"id": raw["uuid"], "status": status.text},
        )


def view(raw: Raw) -> dict[str, t.Any]:
    """Return a node group as users see it; lists of Magnum leave much out."""
    return {
        "id": raw.get("uuid"),
        "name": raw["name"],
        "cluster_id": raw.get("cluster_id"),
        "is_default": raw.get("is_default"),
        **api_values(NodeGroupResource.fields, raw),
        "labels": labels(raw["labels"]) if "labels" in raw else None,
        "availability_zone": (raw.get("labels") or {}).get("availability_zone"),
        "node_addresses": raw.get("node_addresses"),
        "status": raw.get("status"),
        "status_reason": raw.get("status_reason"),
    }

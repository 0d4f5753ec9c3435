# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node groups of a cluster: equal nodes, with a size and its bounds."""

from __future__ import annotations

import typing as t
from functools import cached_property, partial

from ..engine.errors import (
    CloudError,
    ClusterNotFound,
    Conflict,
    InvalidInput,
    NodeGroupNotFound,
    ResourceError,
)
from ..engine.fields import TEXT, Field, api_values, labels
from ..engine.resource import Step
from ..engine.status import FAILED, Raw, status_of
from ..engine.waiter import Look, Turn
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
from ..services.kubernetes_names import check_key, check_name, check_value
from ..services.magnum import NODE_LABELS, ZERO_NODES
from . import magnum_rules
from .resource import CloudResource
from .servers import LASTS, ServerProof
from .servers_behind import ServersBehind
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


class Declared(t.NamedTuple):
    """What is known of the cluster of a group that is declared with it.

    Attributes:
        cluster: The cluster with its `group_names`, None if it is not needed yet.
        driver: Its driver.
        scales: Whether it has an autoscaler.
        labels: Its labels.
    """

    cluster: Raw | None = None
    driver: Driver = UNKNOWN
    scales: bool = False
    labels: t.Mapping[str, t.Any] = {}


class NodeGroupResource(CloudResource):
    """A node group of a Magnum cluster.

    Args:
        declared: What is known of its cluster; None if it is declared by itself.
    """

    kind = "node_group"
    not_found = NodeGroupNotFound
    way_out = "Magnum can't change it; create a node group of another name"
    fields = (
        Field("hardware", key="flavor_id", ref="flavor", change="frozen"),
        Field("image", key="image_id", ref="image", change="frozen"),
        Field("role", change="frozen"),
        Field(
            "labels",
            "dict",
            change="frozen",
            merge=True,
            values=TEXT,
            clean=labels,
        ),
        Field("node_count", "int", least=0),
        Field("min_node_count", "int", least=0),
        Field("max_node_count", "int", least=1),
        Field("node_labels", "dict", values=TEXT, clean=labels),
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

    def __init__(
        self, *args: t.Any, declared: Declared | None = None, **kwargs: t.Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.recreate_failed = bool(self.params["recreate_failed"])
        self._declared = declared

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check what can be checked without the cloud."""
        super().validate(params)
        check_bounds(params)
        for key, value in labels(params["node_labels"]).items():
            check_key("node_labels", key)
            check_value(f"node_labels: {key}", value)
        for taint in _taints(params["node_taints"]):
            check_key("node_taints", taint["key"])
            check_value(f"node_taints: {taint['key']}", taint.get("value", ""))
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
        if self._cluster is None:
            ident = self.params["cluster"]
            magnum, project = self.cloud.magnum, self.cloud.project_id
            hint = magnum.exact.hint("cluster", ident)
            if self.params.get("state") != "absent":  # where it is no failure
                hint = hint or magnum.other_clusters(ident, project)
            raise ClusterNotFound(
                f"cluster: there is no cluster {ident!r} in this project{hint}"
            )
        return str(self._cluster["uuid"])

    @cached_property
    def _cluster(self) -> Raw | None:
        """The cluster; None in check mode, if an earlier task would create it."""
        if self._declared:
            return self._declared.cluster
        ident = self.params["cluster"]
        return self.cloud.magnum.find_cluster(ident, self.cloud.project_id)

    @cached_property
    def _group_names(self) -> list[str]:
        if self._cluster and "group_names" in self._cluster:
            return list(self._cluster["group_names"])
        return [group["name"] for group in self.cloud.magnum.node_groups(self.cluster)]

    @cached_property
    def _driver(self) -> Driver:
        """The driver of the cluster."""
        if self._declared:
            return self._declared.driver
        if self._cluster is None:
            return UNKNOWN
        driver = driver_of(None, infrastructure_id(self._cluster))
        if driver is UNKNOWN:
            ident = self._cluster["cluster_template_id"]
            template = self.cloud.magnum.template(ident)
            driver = driver_of((template or {}).get("driver"), None)
        return driver

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
            self._check_new(values)
        if values.get("node_count") == 0:
            self.cloud.magnum.require(ZERO_NODES, "A node group without a node")
        if "node_labels" in values or "node_taints" in values:
            what = "What node_labels and node_taints ask for"
            self.cloud.magnum.require(NODE_LABELS, what, _IN_KUBERNETES)
        self._check_driver(values, raw)
        return super().prepare(values, raw)

    def _check_new(self, values: Raw) -> None:
        """Refuse what Magnum or Heat would refuse of a new one."""
        if not self._driver.cluster_api:
            self.cloud.require_trusts(self)
        if values.get("role") == "master":
            raise InvalidInput(
                "role: 'master' is that of default-master, which Magnum makes with the "
                "cluster. Leave it out, or set another one"
            )
        if values.get("role"):
            check_name("role", values["role"])
        marks = (self._cluster or {}).get("labels") or {}
        marks = self._declared.labels if self._declared else marks
        name = values.get("hardware")
        flavor = self.references.raw("flavor", name) if name else None
        warning = magnum_rules.check_disk("hardware", flavor, marks)
        if warning:
            self.cloud.warn(warning)

    def _check_driver(self, values: Raw, raw: Raw | None) -> None:
        """Refuse what the cluster's driver can't do."""
        driver = self._driver
        if raw is None:
            check_group_name(driver, self.name)
        zone = (values.get("labels") or {}).get("availability_zone")
        refuse(driver, self, {**values, "availability_zone": zone})
        own = (self._cluster or {}).get("labels") or {}
        scales = self._declared.scales if self._declared else scales_itself(own)
        if scales and (raw is None or "min_node_count" in values):
            check_least(driver, self, values.get("min_node_count"))
        if scales and raw is not None and raw.get("is_default"):
            check_labeled_bounds(driver, self, own, values, False)

    def arriving(self, raw: Raw) -> bool:
        """Return whether servers of the group are missing, for Cluster API."""
        cluster = self._proven(raw)
        if cluster is None:
            return False
        proof = ServerProof(self.cloud)
        seen = {**cluster, "status": raw["status"]}
        return proof.arriving(seen, raw["node_count"], raw["name"])

    def obstacles(self, raw: Raw) -> str:
        """Return how its Heat stack ended; what servers say, for Cluster API."""
        cluster = self._proven(raw)
        if cluster is None:
            return StackBehind(self.cloud).obstacle(raw, raw.get("stack_id"))
        own = {name: raw[name] for name in ("node_count", "flavor_id")}
        shown = {**cluster, "master_count": 0, **own}
        return ServerProof(self.cloud).summary(shown, raw["name"])

    def turn(self) -> Turn:
        """Return the cluster: Magnum changes one thing of it at a time."""
        cluster = self.cluster

        def describe(raw: Raw | None) -> str:
            text = status_of(raw).text if raw else "not there"
            return (
                f"{self}: nothing was written, as cluster {self.params['cluster']!r} "
                f"was still {text}"
            )

        servers = ServersBehind(ServerProof(self.cloud))

        def look(raw: Raw) -> None:
            whole, proof = {**(self._cluster or {}), **raw}, servers.proof
            if self._driver.cluster_api and proof.applies(whole):
                servers.look(self, whole, proof.size_of(whole))

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
            sizes = {raw["name"]: raw["node_count"]}
            ServerProof(self.cloud).require_sizes(cluster, sizes)
        return True

    def _proven(self, raw: Raw) -> Raw | None:
        """Return the cluster with the names of its groups, if its servers prove things.

        Args:
            raw: This node group, which may not be listed any more.
        """
        cluster = self._cluster
        if cluster is None or not self._driver.cluster_api:
            return None
        if not ServerProof(self.cloud).applies(cluster):
            return None
        return {**cluster, "group_names": [*self._group_names, raw["name"]]}

    def watch(self, proof: ServerProof | None = None) -> Look:
        """Return what raises where a server or stack failed and Magnum is silent.

        Args:
            proof: Knows the servers before the change that is waited for.
        """
        stack = StackBehind(self.cloud)
        servers = ServersBehind(proof or ServerProof(self.cloud))

        def look(raw: Raw) -> None:
            stack.look(self, raw, raw.get("stack_id"))
            cluster = self._proven(raw)
            if cluster and status_of(raw).operation != "delete":
                scales = scales_itself(cluster.get("labels"))
                size = None if scales else raw["node_count"]
                seen = {**cluster, "status": raw["status"]}
                servers.look(self, seen, size, raw["name"])

        return look

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Return the writes that change it, with a look at its servers."""
        cluster = self._proven(raw)
        proof = ServerProof(self.cloud).since(cluster) if cluster else None
        steps = self.plain_steps(raw, values)
        return [step._replace(look=self.watch(proof)) for step in steps]

    def plain_steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Widen the bounds, resize, narrow the bounds: the order Magnum accepts."""
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
        return cluster is None or ServerProof(self.cloud).emptied(cluster, raw["name"])

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

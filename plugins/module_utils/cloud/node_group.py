# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node groups of a cluster: equal nodes, with a size and its bounds."""

from __future__ import annotations

import typing as t

from .errors import (
    CloudError,
    ClusterNotFound,
    Conflict,
    InvalidInput,
    NodeGroupNotFound,
    ResourceError,
)
from .fields import Field, labels
from .magnum import NODE_LABELS, ZERO_NODES, status_of
from .reconcile import Step
from .resource import CloudResource
from .sizes import BOUNDS, check_bounds, in_order
from .waiter import BUSY, FAILED, Raw, Status, wait_until

_WAY_OUT = "Magnum can't change it; create a node group of another name"
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
_COUNTS = {"node_count": 0, "min_node_count": 0, "max_node_count": 1}

T = t.TypeVar("T")


class NodeGroupResource(CloudResource):
    """A node group of a Magnum cluster."""

    kind = "node_group"
    not_found = NodeGroupNotFound
    fields = (
        Field(
            "hardware", key="flavor_id", ref="flavor", change="frozen", way_out=_WAY_OUT
        ),
        Field("image", key="image_id", ref="image", change="frozen", way_out=_WAY_OUT),
        Field("role", change="frozen", way_out=_WAY_OUT),
        Field("labels", "dict", merge=True, change="frozen", way_out=_WAY_OUT),
        Field("node_count", "int"),
        Field("min_node_count", "int"),
        Field("max_node_count", "int"),
        Field("node_labels", "dict"),
        Field("node_taints", "list", spec={"elements": "dict", "options": _TAINT}),
    )
    options: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "cluster": {"type": "str", "required": True},
        "availability_zone": {"type": "str"},
        "recreate_failed": {"type": "bool", "default": False},
    }

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Keep what was asked for."""
        super().__init__(*args, **kwargs)
        self.recreate_failed = bool(self.params.get("recreate_failed"))
        self._cluster = ""

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check the values that need no cloud."""
        for name, least in _COUNTS.items():
            if params[name] is not None and params[name] < least:
                raise InvalidInput(f"{name}: {params[name]} is below {least}")
        check_bounds(params)
        if params["availability_zone"] and "availability_zone" in (
            params["labels"] or {}
        ):
            raise InvalidInput(
                "availability_zone: is among the labels too; leave one of them out"
            )

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """The options that were given; to Magnum the zone is a label."""
        asked = super().desired(have)
        zone = self.params.get("availability_zone")
        if zone:
            asked["labels"] = {**asked.get("labels", {}), "availability_zone": zone}
        if "node_labels" in asked:
            asked["node_labels"] = labels(asked["node_labels"])
        if "node_taints" in asked:
            asked["node_taints"] = _taints(asked["node_taints"])
        return asked

    @property
    def cluster(self) -> str:
        """Id of the cluster.

        Raises:
            ClusterNotFound: There is no such cluster.
        """
        if not self._cluster:
            ident = self.params["cluster"]
            found = self.cloud.magnum.find_cluster(ident, self.cloud.project_id)
            if found is None:
                raise ClusterNotFound(
                    f"cluster: there is no cluster {ident!r} in this project"
                )
            self._cluster = found["uuid"]
        return self._cluster

    def find(self) -> Raw | None:
        """A node group of the cluster by name or id.

        Without its cluster there is none, which is what C(state=absent) asks for, and
        what a plan on an empty cloud begins with.
        """
        try:
            cluster = self.cluster
        except ClusterNotFound as error:
            if self.params.get("state") != "absent":
                if not self.references.check_mode:
                    raise
                self.cloud.warn(f"{error.message} yet")
            return None
        return self.cloud.magnum.find_node_group(cluster, self.name)

    def refresh(self, raw: Raw) -> Raw | None:
        """The same node group again."""
        return self.cloud.magnum.find_node_group(self.cluster, raw["uuid"])

    def all(self) -> list[Raw]:
        """All node groups of the cluster."""
        magnum = self.cloud.magnum
        listed = magnum.node_groups(self.cluster)
        return [magnum.node_group(self.cluster, group["uuid"]) for group in listed]

    def status(self, raw: Raw) -> Status:
        """Magnum's status."""
        return status_of(raw)

    def stands_in(self, cluster: str) -> None:
        """Tell the id of its cluster, which then is not looked up."""
        self._cluster = cluster

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """The shape that users see."""
        return view(raw)

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Sizes must fit the bounds, and Magnum must know what is asked for."""
        if raw is not None:
            check_bounds({**self.view(raw), **values})
        if values.get("node_count") == 0:
            self.cloud.magnum.require(ZERO_NODES, "A node group without a node")
        if "node_labels" in values or "node_taints" in values:
            what = "What node_labels and node_taints ask for"
            self.cloud.magnum.require(NODE_LABELS, what, _IN_KUBERNETES)
        return super().prepare(values, raw)

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Ask for the node group, once the cluster is at rest."""
        body = {"name": self.name, **self.body(values)}
        if "labels" in values:
            body["merge_labels"] = True
        magnum = self.cloud.magnum
        return self._in_turn(lambda: magnum.create_node_group(self.cluster, body))

    def complete(self, raw: Raw) -> bool:
        """Whether the addresses are all there, where the driver publishes them."""
        addresses = raw.get("node_addresses")
        return not addresses or len(addresses) == raw["node_count"]

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Widen the bounds, resize, narrow the bounds: the order Magnum accepts."""
        size = values.get("node_count")
        if size is None and status_of(raw).phase == FAILED:
            size = raw["node_count"]
        have = self.view(raw)
        now = {name: have[name] for name in _PATCHED}
        return in_order(
            size,
            now,
            {name: values.get(name, now[name]) for name in _PATCHED},
            lambda number: self._resize(raw, number),
            lambda changed: self._patch(raw, changed),
        )

    def _resize(self, raw: Raw, size: int) -> Step:
        magnum, group = self.cloud.magnum, raw["uuid"]
        return Step(
            lambda: self._in_turn(lambda: magnum.resize(self.cluster, size, group)),
            lambda found: found["node_count"] == size and self.complete(found),
        )

    def _patch(self, raw: Raw, changed: Raw) -> Step:
        magnum, group = self.cloud.magnum, raw["uuid"]

        def reached(found: Raw) -> bool:
            there = self.view(found)
            return all(there[name] == changed[name] for name in changed)

        return Step(
            lambda: self._in_turn(
                lambda: magnum.update_node_group(self.cluster, group, changed)
            ),
            reached,
        )

    def check_delete(self, raw: Raw) -> None:
        """The two that a cluster came with go with it."""
        if raw.get("is_default"):
            raise Conflict(
                f"{self} came with its cluster and goes only with it; resize it, or "
                "delete the cluster"
            )

    def delete(self, raw: Raw) -> None:
        """Ask for the node group's deletion, once the cluster is at rest."""
        magnum = self.cloud.magnum
        self._in_turn(lambda: magnum.delete_node_group(self.cluster, raw["uuid"]))

    def failure(self, raw: Raw) -> CloudError:
        """What Magnum says about the failure."""
        status = status_of(raw)
        return ResourceError(
            f"{self} is {status.text}: {status.reason or 'Magnum gives no reason'}",
            details={"id": raw["uuid"], "status": status.text},
        )

    def _in_turn(self, write: t.Callable[[], T]) -> T:
        """Write once nothing is under way on the cluster.

        Magnum changes one thing of a cluster at a time. Between the look at its
        status and the write another one may begin: then it is this one's turn later.
        """
        while True:
            wait_until(
                poll=lambda: self.cloud.magnum.cluster(self.cluster),
                judge=lambda raw: raw is not None and status_of(raw).phase != BUSY,
                describe=lambda raw: (
                    f"{self}: nothing was written, as cluster "
                    f"{self.params['cluster']!r} was still "
                    + (status_of(raw).text if raw else "not there")
                ),
                clock=self.cloud.clock,
            )
            try:
                return write()
            except (Conflict, InvalidInput) as error:
                under_way = "in progress" in error.message.replace("_", " ").lower()
                if not under_way or not self.cloud.clock.pause(2):
                    raise


def _taints(values: t.Iterable[Raw] | None) -> list[Raw]:
    """Taints in one order and form: Kubernetes knows no order, and no empty value."""
    given = [
        {name: taint[name] for name in _TAINT if taint.get(name)}
        for taint in values or []
    ]
    return sorted(given, key=lambda taint: (taint["key"], taint["effect"]))


def view(raw: Raw) -> dict[str, t.Any]:
    """A node group in the shape that users see; lists of Magnum leave much out."""
    return {
        "id": raw.get("uuid"),
        "name": raw["name"],
        "cluster_id": raw.get("cluster_id"),
        "role": raw.get("role"),
        "is_default": raw.get("is_default"),
        "hardware": raw.get("flavor_id"),
        "image": raw.get("image_id"),
        "labels": labels(raw["labels"]) if "labels" in raw else None,
        "availability_zone": (raw.get("labels") or {}).get("availability_zone"),
        "node_count": raw.get("node_count"),
        "min_node_count": raw.get("min_node_count"),
        "max_node_count": raw.get("max_node_count"),
        "node_labels": labels(raw.get("node_labels")),
        "node_taints": _taints(raw.get("node_taints")),
        "node_addresses": raw.get("node_addresses"),
        "status": raw.get("status"),
        "status_reason": raw.get("status_reason"),
    }

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPU clusters: Magnum clusters, from their creation to their deletion."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t
from functools import partial

from ..engine.errors import (
    CloudError,
    ClusterNotFound,
    InvalidInput,
    ResourceError,
)
from ..engine.fields import TEXT, Field, labels
from ..engine.resource import Step
from ..engine.status import FAILED, Raw, status_of
from ..engine.waiter import Look
from ..services.drivers import driver_of, infrastructure_id
from ..services.magnum import ZERO_NODES
from . import (
    cluster_groups,
    cluster_view,
    inline_groups,
    node_group,
    nodes_to_remove,
    template_groups,
)
from .capacity import CapacityCheck
from .cluster_driver import ClusterDriver
from .cluster_location import ClusterLocation
from .cluster_rules import ClusterRules
from .cluster_spec import ClusterSpec
from .cluster_steps import ClusterSteps
from .inline_groups import InlineGroups
from .node_group import Declared
from .nodes_to_remove import NodesToRemove
from .resource import CloudResource
from .servers import ServerProof
from .servers_behind import ServersBehind
from .sizes import BOUNDS, autoscaled, check_bounds
from .stack_behind import StackBehind
from .template_choice import TemplateChoice
from .template_images import TemplateImages

_LEAVING = nodes_to_remove.OPTION
_GROUPS = inline_groups.OPTION
_SIZES = ("node_count", *BOUNDS)
_LOADED = ("group_names", "template_driver")
"""What `load` reads and is needed while the cluster is polled."""


class GpuClusterResource(CloudResource):
    """A Magnum cluster.

    `node_count`, `min_node_count` and `max_node_count` are those of its default
    worker group.
    """

    kind = "gpu_cluster"
    not_found = ClusterNotFound
    way_out = (
        "Magnum can't change it; create a cluster of another name, or delete this one"
    )
    fields: tuple[Field, ...] = (
        Field(
            "template",
            key="cluster_template_id",
            ref="template",
            change="frozen",
            way_out="set upgrade: true where Magnum's driver can upgrade, or create a "
            "cluster of another name",
            needed=True,
            spec={"aliases": ["cluster_template_id"]},
        ),
        # The name of a public key.
        Field("keypair", ref="keypair", change="frozen", spec={"no_log": False}),
        Field("master_count", "int", least=1, change="frozen"),
        Field("node_count", "int", least=0),
        Field("min_node_count", "int", least=0),
        Field("max_node_count", "int", least=1),
        Field(
            "hardware",
            key="flavor_id",
            ref="flavor",
            change="frozen",
            spec={"aliases": ["flavor", "flavor_id"]},
        ),
        Field(
            "master_hardware",
            key="master_flavor_id",
            ref="flavor",
            change="frozen",
            spec={"aliases": ["master_flavor", "master_flavor_id"]},
        ),
        Field(
            "labels",
            "dict",
            change="frozen",
            merge=True,
            values=TEXT,
            clean=labels,
        ),
        Field("docker_volume_size", "int", least=1, change="frozen"),
        Field("fixed_network", ref="network", change="frozen"),
        Field("fixed_subnet", ref="subnet", change="frozen"),
        Field(
            "floating_ip_enabled",
            "bool",
            change="frozen",
            spec={"aliases": ["is_floating_ip_enabled"]},
        ),
        Field(
            "master_lb_enabled",
            "bool",
            change="frozen",
            spec={"aliases": ["is_master_lb_enabled"]},
        ),
        Field("discovery_url", change="create"),
        Field("create_timeout", "int", least=1, change="create"),
    )
    options = (
        Field("location"),
        Field("merge_labels", "bool", spec={"default": True}),
        Field("precheck", "bool", spec={"default": True}),
        Field("recreate_failed", "bool", spec={"default": False}),
        Field(_LEAVING, "list", spec={"elements": "str"}),
        inline_groups.GROUPS,
        Field(inline_groups.PURGE, "bool", spec={"default": False}),
        Field("upgrade", "bool", spec={"default": False}),
        Field("max_batch_size", "int", least=1),
    )

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        cloud, params, check_mode = self.cloud, self.params, self.references.check_mode
        self.recreate_failed = bool(params["recreate_failed"])
        self.report = {"precheck": None}
        self._location = ClusterLocation(cloud, params["location"], check_mode)
        self._template = TemplateChoice(cloud, self.references, bool(params["upgrade"]))
        self._removal = NodesToRemove(cloud, params[_LEAVING] or [])
        self._groups = InlineGroups(cloud, params, self.references)
        self._capacity = CapacityCheck(cloud, self.references, check_mode)
        in_location = bool(params["location"])
        self._rules = ClusterRules(cloud, self.references, in_location)
        images = TemplateImages(cloud, self.references)
        self._driver = ClusterDriver(cloud, params, self._template, images)
        if params[_GROUPS] is None:
            # Those that a template declares are in sight only where one is missing.
            self.implied = frozenset([_GROUPS])
        self.fields = tuple(map(self._adapted, self.fields)) + self._more_fields()

    def _adapted(self, field: Field) -> Field:
        """Return a field as the options of this run have it."""
        if field.name == "template" and self.params["upgrade"]:
            return dataclasses.replace(field, change="update")
        if field.name == "labels" and self.params["merge_labels"] is False:
            return dataclasses.replace(field, merge=False)
        return field

    def _more_fields(self) -> tuple[Field, ...]:
        """Return the properties that options of this run make comparable."""
        leaving = (Field(_LEAVING, "list"),) if self.params[_LEAVING] else ()
        return (*leaving, Field(_GROUPS, "list"))

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check what can be checked without the cloud."""
        super().validate(params)
        check_bounds(params)
        inline_groups.validate(params)
        if params["location"]:
            for name in ("fixed_network", "fixed_subnet"):
                if params[name] is not None:
                    raise InvalidInput(
                        f"{name}: follows from location; leave one of them out"
                    )

    # Look -------------------------------------------------------------------

    status = staticmethod(status_of)
    view = staticmethod(partial(cluster_view.view, fields))

    def find(self) -> Raw | None:
        """Return a cluster of this project by name, or any by id."""
        return self.cloud.magnum.find_cluster(self.name, self.cloud.project_id)

    def near_misses(self) -> t.Sequence[str]:
        """Return the names that Magnum takes for its own."""
        return self.cloud.magnum.exact.near("cluster", self.name)

    def refresh(self, raw: Raw) -> Raw | None:
        """Return the same cluster again, with its driver and the groups that it had."""
        cluster = self.cloud.magnum.cluster(raw["uuid"])
        if cluster:
            for name in _LOADED:
                if name in raw:
                    cluster[name] = raw[name]
        return cluster

    def all(self) -> list[Raw]:
        """Return all clusters that may be seen."""
        return self.cloud.magnum.clusters()

    def load(self, raw: Raw) -> Raw:
        """Read node groups, template, location, versions and the nodes to remove."""
        names = [group["name"] for group in self.params[_GROUPS] or []]
        groups = cluster_groups.load(self.cloud, raw, names)
        loaded = {**raw, **groups, **self._template.load(raw)}
        if self.params["location"]:
            loaded["location"] = self._location.name_of(raw)
        if self.params[_LEAVING]:
            loaded.update(self._removal.load(loaded))
        return loaded

    def details(self, raw: Raw) -> dict[str, t.Any]:
        """Return the view, with addresses and bounds of every node group."""
        loaded = {**raw, **cluster_groups.load(self.cloud, raw, None)}
        # Heat may be missing: not every driver of Magnum needs it.
        with contextlib.suppress(CloudError):
            loaded["location"] = self._location.name_of(raw)
        shown = self.view({**loaded, **self._template.load(raw)})
        self._template.warn_of_drift(shown)
        return shown

    def failure(self, raw: Raw) -> CloudError:
        """Return what Magnum, and Nova and Heat behind it, say about the failure."""
        faults = raw.get("faults") or {}
        # One fault mostly shows in several node groups.
        reasons = dict.fromkeys(faults[name] for name in sorted(faults) if faults[name])
        status = status_of(raw)
        return ResourceError(
            f"{self} is {status.text}: "
            + ("; ".join(reasons) or status.reason or "Magnum gives no reason"),
            details={"id": raw["uuid"], "status": status.text, "faults": faults},
        )

    def watch(self, proof: ServerProof | None = None) -> Look:
        """Return what raises where a server or stack failed and Magnum is silent.

        Args:
            proof: Knows the servers before the change that is waited for.
        """
        stack = StackBehind(self.cloud)
        servers = ServersBehind(proof or ServerProof(self.cloud))

        def look(raw: Raw) -> None:
            if self._driver.proof(raw) and status_of(raw).operation != "delete":
                servers.look(self, raw, servers.proof.size_of(raw))
            stack.look_at_groups(self, raw)

        return look

    def arriving(self, raw: Raw) -> bool:
        """Return whether servers are missing, for Cluster API."""
        proof = self._driver.proof(raw)
        if proof is None:
            return False
        return proof.arriving(raw, raw["node_count"] + raw["master_count"])

    def obstacles(self, raw: Raw) -> str:
        """Return how its Heat stack ended; what servers say, for Cluster API."""
        proof = self._driver.proof(raw)
        if proof:
            return proof.summary(raw)
        return StackBehind(self.cloud).obstacle(raw, infrastructure_id(raw))

    # Compare ----------------------------------------------------------------

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return the values that the options give, and what follows from them."""
        values = super().desired(have)
        values.pop(_LEAVING, None)
        declared = values.pop(_GROUPS, None)
        if self.params["location"]:
            values = self._location.placed(values)
        if have:
            self._template.warn_of_drift(have)
            if "template" in values:
                values["template"] = self._template.desired(values["template"], have)
        groups = have[_GROUPS] if have else []
        if declared is None:
            template = self._template.coming(values.get("template"), have)
            declared = template_groups.missing(self, template, groups)
        if declared or self.params[_GROUPS] is not None:
            values[_GROUPS] = self._groups.planned(declared, groups)
        if have is None:
            return values
        values.update(autoscaled(values, have))
        if self.params[_LEAVING]:
            size = self.params["node_count"]
            values = self._removal.desired(self, values, have, size)
        return values

    def same(self, field: Field, after: t.Any, before: t.Any) -> bool:
        """Return whether a name and an id mean the same.

        Of templates `desired` has said so: the revisions of one may share a name.
        """
        return field.name != "template" and super().same(field, after, before)

    def unfinished(self, raw: Raw) -> bool:
        """Return whether an update failed, of the cluster or of a declared group."""
        if self._unfinished_groups(raw["node_groups"]):
            return True
        return status_of(raw).phase == FAILED

    def _unfinished_groups(self, raws: list[Raw]) -> bool:
        declared = self.params[_GROUPS]
        return bool(declared) and self._groups.unfinished(raws)

    # Check ------------------------------------------------------------------

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Check the name of a new one and sizes, and resolve references."""
        if raw is None:
            self.check_name(242)
            self.cloud.require_trusts(self)
        raws = raw["node_groups"] if raw else []
        if raw is not None:
            now = {name: raw["default_workers"].get(name) for name in _SIZES}
            check_bounds({**now, **values})
        if values.get("node_count") == 0:
            self.cloud.magnum.require(ZERO_NODES, "A node group without a node")
        resolved = super().prepare(values, raw)
        spec = None
        if raw is None:
            spec = self._spec(resolved, None)
            self._rules.check(spec)
            resolved.update(self._rules.subnet(spec))
        planned = values.get(_GROUPS)
        if planned is None and raw and self._unfinished_groups(raws):
            planned = [node_group.view(group) for group in raws]
        if planned is None and resolved.keys().isdisjoint(("template", *BOUNDS)):
            return resolved
        driver = spec.driver if spec else self._driver.of(raw, values)
        if planned is not None:
            scales = driver.cluster_api and self._driver.scales(raw, values)
            marks = self._driver.labels(raw, values)
            declared = Declared(driver=driver, scales=scales, labels=marks)
            resolved[_GROUPS] = self._groups.changes(planned, raws, declared)
        if driver.cluster_api:
            self._driver.check(self, raw, resolved, driver)
        return resolved

    def _spec(self, values: dict[str, t.Any], raw: Raw | None) -> ClusterSpec:
        """Return what the cluster is made of.

        Args:
            values: What a new one is made of, with references resolved.
            raw: The cluster as `load` gave it, None for a new one.
        """
        if raw is not None:
            return ClusterSpec(raw, self._driver.of(raw, values))
        template = self._template.known(values["template"]) or {}
        driver = driver_of(template.get("driver"), None)
        merge = self.params["merge_labels"] is not False
        return ClusterSpec(values, driver, template, merge)

    def check_room(self, values: dict[str, t.Any], raw: Raw | None) -> None:
        """Look whether there is room for the nodes that are added."""
        if not self.params["precheck"]:
            return
        spec = self._spec(values, raw)
        needs = self._capacity.of(spec, values, raw)
        if _GROUPS in values:
            raws = raw["node_groups"] if raw else []
            needs += self._groups.needs(values[_GROUPS], raws, needs[-1].flavor)
        found = self._capacity.check(self, spec, needs, raw is None)
        self.report["precheck"] = found

    def planned(self, raw: Raw, values: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the id of another template."""
        return {"template_id": values["template"]} if "template" in values else {}

    # Write ------------------------------------------------------------------

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Ask for the cluster; Magnum's row for it appears a moment later."""
        later = (*BOUNDS, _LEAVING, _GROUPS)
        sent = {name: value for name, value in values.items() if name not in later}
        body = {"name": self.name, **self.body(sent)}
        if "labels" in values:
            body["merge_labels"] = self.params["merge_labels"]
        return self.cloud.magnum.create_cluster(body)

    def complete(self, raw: Raw) -> bool:
        """Return whether all nodes are there, as far as addresses or servers show."""
        addresses = raw.get("node_addresses")
        if addresses:
            return len(addresses) == raw["node_count"]
        proof = self._driver.proof(raw)
        if proof:
            proof.require_created(raw)
        return True

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Upgrade; widen the bounds, resize, narrow the bounds; then the node groups.

        After a failed update the size is asked for in any case: that repairs it.
        """
        proof = self._driver.proof(raw)
        proof = proof.since(raw) if proof else None
        steps = ClusterSteps(self, self.cloud, raw, proof, self._removal)
        writes: list[Step] = []
        target = None
        if self.params["upgrade"]:
            ident = str(values.get("template", raw["cluster_template_id"]))
            target = self._driver.target(raw, ident)
        if "template" in values:
            batch = self.params["max_batch_size"] or 1
            writes += steps.upgrade(values["template"], batch, target)
        if "template" not in values or not values.keys().isdisjoint(_SIZES):
            writes += steps.sizes(values, target)
        if _GROUPS in values:
            groups, driver = raw["node_groups"], self._driver.of(raw, values)
            writes += self._groups.steps(raw, values[_GROUPS], groups, driver)
        return [step._replace(look=self.watch(proof)) for step in writes]

    def delete(self, raw: Raw) -> None:
        """Ask for the cluster's deletion."""
        self.cloud.magnum.delete_cluster(raw["uuid"])

    def emptied(self, raw: Raw) -> bool:
        """Return whether all servers are gone too, for Cluster API."""
        proof = self._driver.proof(raw)
        return proof is None or proof.emptied(raw)

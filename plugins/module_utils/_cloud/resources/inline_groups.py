# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node groups that are declared with their cluster.

Each is the resource that the module `node_group` declares; here they are planned
together, so that all is checked before the cluster's first write.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t
from functools import partial

from ..engine.errors import InvalidInput, OutcomeUnknown, ResourceError
from ..engine.fields import (
    Field,
    argument_spec,
    differences,
    refuse_frozen,
)
from ..engine.resource import Step
from ..engine.status import FAILED, Raw, status_of
from ..engine.waiter import Proof
from ..services.drivers import Driver
from ..services.exact import folded, nearly
from ..services.session import Cloud
from .capacity import Need
from .node_group import Declared, NodeGroupResource, view
from .references import References

OPTION, PURGE = "node_groups", "purge_node_groups"
_THEIR_OWN = ("default-master", "default-worker")

GROUPS = Field(
    OPTION,
    "list",
    spec={
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "availability_zone": {"type": "str"},
            **argument_spec(NodeGroupResource.fields),
        },
    },
)

Views = t.List[t.Dict[str, t.Any]]
"""Node groups as users see them."""


def validate(params: t.Mapping[str, t.Any]) -> None:
    """Check the values that need no cloud."""
    if params[OPTION] is None:
        if params[PURGE]:
            raise InvalidInput(f"{PURGE}: needs {OPTION}, which may be empty")
        return
    check_groups(params[OPTION])


def check_groups(groups: t.Sequence[Raw]) -> None:
    """Check the values of declared node groups that need no cloud."""
    names = [group["name"] for group in groups]
    for group in groups:
        name = group["name"]
        if folded(name) in _THEIR_OWN:
            raise InvalidInput(
                f"{OPTION}: {name} comes with the cluster and has options of its own "
                "(node_count, master_count ...)"
            )
        if not name.strip() or names.count(name) > 1:
            raise InvalidInput(f"{OPTION}: the name {name!r} is empty or there twice")
        near = nearly(names, name)
        if near:
            raise InvalidInput(
                f"{OPTION}: Magnum's database may take {name!r} and {near[0]!r} for "
                "one name"
            )
        try:
            NodeGroupResource.validate(group)
        except InvalidInput as error:
            raise InvalidInput(f"{OPTION}: {name}: {error.message}") from error


class Changes(t.NamedTuple):
    """What is to be done with the node groups of a cluster.

    Attributes:
        values: By name, what to set of each group that is new or changes.
        surplus: The groups that are to be removed.
    """

    values: dict[str, Raw]
    surplus: list[Raw]


@dataclasses.dataclass
class InlineGroups:
    """The node groups of a cluster, besides those that it came with.

    Attributes:
        cloud: Where they live.
        params: The options of the cluster.
        references: Finds what they name.
    """

    cloud: Cloud
    params: t.Mapping[str, t.Any]
    references: References

    def planned(self, declared: t.Sequence[Raw], have: Views) -> Views:
        """Return the node groups as they will be.

        Args:
            declared: Options of each group that is looked after.
            have: The groups as they are.

        Raises:
            Conflict: Something differs that Magnum can't change.
            ResourceError: One failed, and is not to be replaced.
        """
        names = [group["name"] for group in declared]
        groups = {
            group["name"]: group
            for group in have
            if group["is_default"] or group["name"] in names or not self.params[PURGE]
        }
        for options in declared:
            child = self._child(options, Declared())
            old = groups.get(child.name)
            if old is None:
                self.cloud.magnum.exact.missed("node group", child.name, groups)
                child.refuse_near_miss("Magnum")
            if old is None or self._replaces(child, old):
                groups[child.name] = {
                    **view({"name": child.name}),
                    **child.desired(None),
                }
            else:
                changes = differences(child.fields, child.desired(old), old, child.same)
                refuse_frozen(str(child), changes, child.way_out)
                changed = {change.field.name: change.after for change in changes}
                groups[child.name] = {**old, **changed}
        return list(groups.values())

    def _child(self, options: Raw, declared: Declared) -> NodeGroupResource:
        """Return the resource that the module `node_group` makes of these options."""
        params = {**options, "cluster": self.params["name"]}
        check_mode = self.references.check_mode
        child = NodeGroupResource(self.cloud, params, check_mode, declared=declared)
        child.references = self.references
        return child

    def _replaces(self, child: NodeGroupResource, old: Raw) -> bool:
        """Return whether a group failed for good, and a new one takes its place.

        Raises:
            ResourceError: It must not be replaced.
        """
        status = status_of(old)
        if status.lost and not self.params["recreate_failed"]:
            raise ResourceError(
                f"{child} is {status.text}: {status.reason}. Set recreate_failed: true "
                "to replace it",
                details={"id": old["id"], "status": status.text},
            )
        return status.lost

    def unfinished(self, raws: t.Sequence[Raw]) -> bool:
        """Return whether a group that the options declare failed, and is asked again.

        Args:
            raws: The node groups as they are.
        """
        names = [group["name"] for group in self.params[OPTION] or []]
        return any(
            status_of(raw).phase == FAILED for raw in raws if raw["name"] in names
        )

    def changes(
        self, planned: Views, raws: list[Raw], driver: Driver, scales: bool
    ) -> Changes:
        """Check values and resolve references.

        Args:
            planned: What `planned` gave.
            raws: The node groups as they are.
            driver: The driver of the cluster.
            scales: Whether the cluster has an autoscaler.
        """
        there = {raw["name"]: raw for raw in raws}
        values: dict[str, Raw] = {}
        for group in planned:
            name = group["name"]
            raw, have = there.pop(name, None), view({"name": name})
            if raw is not None:
                if group == view(raw) and not self.unfinished([raw]):
                    continue
                have = have if status_of(raw).lost else view(raw)
            child = self._child({"name": name}, Declared(driver=driver, scales=scales))
            changed = {
                field.name: group[field.name]
                for field in child.fields
                if group[field.name] != have[field.name]
            }
            values[name] = child.prepare(changed, raw)
        return Changes(values, list(there.values()))

    def needs(
        self, changes: Changes, raws: list[Raw], hardware: str | None
    ) -> list[Need]:
        """Return the servers that are added.

        Args:
            changes: What `changes` gave.
            raws: The node groups as they are.
            hardware: Flavor of the cluster's workers.
        """
        there = {raw["name"]: raw for raw in raws}
        needs = []
        for name, values in changes.values.items():
            raw = there.get(name)
            had: int = raw["node_count"] if raw else 0
            size: int = values.get("node_count", had or 1)
            flavor = raw["flavor_id"] if raw else values.get("hardware", hardware)
            needs.append((flavor, size - had))
        return needs

    def steps(
        self, cluster: Raw, changes: Changes, raws: list[Raw], driver: Driver
    ) -> list[Step]:
        """Return the writes that remove what is surplus, then change and make the rest.

        Args:
            cluster: The cluster.
            changes: What `changes` gave.
            raws: The node groups as they are.
            driver: The driver of the cluster.
        """
        there = {raw["name"]: raw for raw in raws}
        cluster = {**cluster, "group_names": [*there, *changes.values]}
        declared = Declared(cluster, driver)
        steps = [self._remove(declared, raw) for raw in changes.surplus]
        for name, values in changes.values.items():
            child, raw = self._child({"name": name}, declared), there.get(name)
            if raw is not None and not status_of(raw).lost:
                steps += [
                    step._replace(reached=self._settled(child, step.reached))
                    for step in child.plain_steps(raw, values)
                ]
                continue
            if raw is not None:
                steps.append(self._remove(declared, raw))
            steps.append(self._make(child, values))
        return steps

    def _remove(self, declared: Declared, raw: Raw) -> Step:
        child = self._child({"name": raw["name"]}, declared)
        write = partial(child.delete, raw)
        return Step([write], lambda _now: child.find() is None and child.emptied(raw))

    def _make(self, child: NodeGroupResource, values: Raw) -> Step:
        def create() -> None:
            # Names are unique in a cluster: what was made is found by its name.
            with contextlib.suppress(OutcomeUnknown):
                child.create(values)

        return Step([create], self._settled(child, child.complete), child.turn())

    def _settled(
        self, child: NodeGroupResource, reached: t.Callable[[Raw], bool]
    ) -> t.Callable[[Raw], bool]:
        """Judge a group, where the engine polls its cluster."""
        proof = Proof(child.status, child.failure, reached)
        return lambda _now: proof(child.find())

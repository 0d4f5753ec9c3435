# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node groups that are declared with their cluster.

Each is the resource that the module C(node_group) declares; here they are planned
together, so that all is checked before the cluster's first write.
"""

from __future__ import annotations

import contextlib
import typing as t

from .errors import InvalidInput, OutcomeUnknown, ResourceError
from .fields import KNOWN_AFTER_APPLY, argument_spec, differences, refuse_frozen
from .magnum import status_of
from .node_group import NodeGroupResource, view
from .precheck import Need
from .reconcile import Step
from .references import References
from .session import Cloud
from .waiter import BUSY, FAILED, Raw

OPTION, PURGE = "node_groups", "purge_node_groups"
_THEIR_OWN = ("default-master", "default-worker")

OPTIONS: dict[str, dict[str, t.Any]] = {
    OPTION: {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "availability_zone": {"type": "str"},
            **argument_spec(NodeGroupResource.fields),
        },
    },
    PURGE: {"type": "bool", "default": False},
}

Views = t.List[t.Dict[str, t.Any]]
"""Node groups as users see them."""


def validate(params: t.Mapping[str, t.Any]) -> None:
    """Check the values that need no cloud."""
    if params[OPTION] is None:
        if params[PURGE]:
            raise InvalidInput(f"{PURGE}: needs {OPTION}, which may be empty")
        return
    check(params[OPTION])


def check(groups: t.Sequence[Raw]) -> None:
    """Check the values of declared node groups that need no cloud."""
    names = [group["name"] for group in groups]
    for group in groups:
        name = group["name"]
        if name in _THEIR_OWN:
            raise InvalidInput(
                f"{OPTION}: {name} comes with the cluster and has options of its own "
                "(node_count, master_count ...)"
            )
        if not name.strip() or names.count(name) > 1:
            raise InvalidInput(f"{OPTION}: the name {name!r} is empty or there twice")
        try:
            NodeGroupResource.validate(group)
        except InvalidInput as error:
            raise InvalidInput(f"{OPTION}: {name}: {error.message}") from error


class InlineGroups:
    """The node groups of a cluster, besides those that it came with.

    Args:
        cloud: Where they live.
        params: The options of the cluster.
        references: Finds what the cluster's options name.
    """

    def __init__(
        self, cloud: Cloud, params: t.Mapping[str, t.Any], references: References
    ) -> None:
        """Keep what was asked for."""
        self._magnum = cloud.magnum
        self._purge = params[PURGE]
        self._recreate_failed = params["recreate_failed"]
        self._declared: dict[str, NodeGroupResource] = {}
        for group in params[OPTION]:
            asked = {**group, "cluster": params["name"]}
            child = NodeGroupResource(cloud, asked, references.check_mode)
            child.references = references
            self._declared[child.name] = child

    def __contains__(self, name: str) -> bool:
        """Whether a group of this name is declared."""
        return name in self._declared

    def planned(self, have: Views) -> Views:
        """The node groups as they will be; the same list where nothing changes.

        Raises:
            Conflict: Something differs that Magnum can't change.
            ResourceError: One failed, and is not to be replaced.
        """
        there = {group["name"]: group for group in have}
        wanted = {
            name: group
            for name, group in there.items()
            if group["is_default"] or name in self or not self._purge
        }
        for name, child in self._declared.items():
            wanted[name] = (
                self._changed(child, there[name])
                if name in there
                else {**view({"name": name}), **child.desired(None)}
            )
        return list(wanted.values())

    def _changed(self, child: NodeGroupResource, old: Raw) -> Raw:
        """One that is there, as it will be."""
        status = status_of(old)
        if status.phase == FAILED:
            if lost(old) and not self._recreate_failed:
                raise ResourceError(
                    f"{child} is {status.text}: {status.reason}. Set recreate_failed: "
                    "true to replace it",
                    details={"id": old["id"], "status": status.text},
                )
            old = {**old, "status": KNOWN_AFTER_APPLY}  # ask again
        changes = differences(child.fields, child.desired(old), old, child.same)
        refuse_frozen(str(child), changes)
        return {**old, **{change.field.name: change.after for change in changes}}

    def resolve(self, wanted: Views, raws: list[Raw]) -> dict[str, Raw]:
        """Check values and resolve references.

        Args:
            wanted: What C(planned) gave.
            raws: The node groups as they are.

        Returns:
            What to set of each declared group that is new or changes.
        """
        there = {raw["name"]: raw for raw in raws}
        values: dict[str, Raw] = {}
        for group in wanted:
            child, raw = self._declared.get(group["name"]), there.get(group["name"])
            if child is None or (raw is not None and group == view(raw)):
                continue
            asked = child.desired(None)
            if raw is not None and not lost(raw):
                have = view(raw)
                found = differences(child.fields, asked, have, child.same)
                asked = {change.field.name: change.after for change in found}
            values[child.name] = child.prepare(asked, raw)
        return values

    def needs(
        self, values: dict[str, Raw], raws: list[Raw], hardware: str | None
    ) -> list[Need]:
        """The servers that are added.

        Args:
            values: What C(resolve) gave.
            raws: The node groups as they are.
            hardware: Flavor of the cluster's workers.
        """
        there = {raw["name"]: raw for raw in raws}
        needs = []
        for name, some in values.items():
            raw = there.get(name)
            had: int = raw["node_count"] if raw else 0
            size: int = some.get("node_count", had or 1)
            flavor = raw["flavor_id"] if raw else some.get("hardware", hardware)
            needs.append((flavor, size - had))
        return needs

    def steps(
        self, cluster: str, values: dict[str, Raw], wanted: Views, raws: list[Raw]
    ) -> list[Step]:
        """Remove what is not declared, then change and make what is."""
        kept = [group["name"] for group in wanted]
        there = {raw["name"]: raw for raw in raws}
        steps = [self._remove(cluster, raw) for raw in raws if raw["name"] not in kept]
        for name, some in values.items():
            child, raw = self._declared[name], there.get(name)
            child.stands_in(cluster)
            if raw is not None and lost(raw):
                steps += [self._remove(cluster, raw), self._make(child, cluster, some)]
            elif raw is None:
                steps.append(self._make(child, cluster, some))
            else:
                steps += [
                    Step(step.apply, self._settled(child, cluster, step.reached))
                    for step in child.steps(raw, some)
                ]
        return steps

    def _remove(self, cluster: str, raw: Raw) -> Step:
        magnum, name = self._magnum, raw["name"]
        return Step(
            lambda: magnum.delete_node_group(cluster, raw["uuid"]),
            lambda _now: magnum.find_node_group(cluster, name) is None,
        )

    def _make(self, child: NodeGroupResource, cluster: str, values: Raw) -> Step:
        def apply() -> None:
            # Names are unique in a cluster: what was made is found by its name.
            with contextlib.suppress(OutcomeUnknown):
                child.create(values)

        return Step(apply, self._settled(child, cluster, child.complete))

    def _settled(
        self,
        child: NodeGroupResource,
        cluster: str,
        reached: t.Callable[[Raw], bool],
    ) -> t.Callable[[Raw], bool]:
        def settled(_now: Raw) -> bool:
            found = self._magnum.find_node_group(cluster, child.name)
            if found is None or status_of(found).phase == BUSY:
                return False
            if status_of(found).phase == FAILED:
                raise child.failure(found)
            return reached(found)

        return settled


def lost(raw: Raw) -> bool:
    """Whether it can only be replaced."""
    status = status_of(raw)
    return status.phase == FAILED and status.operation != "update"

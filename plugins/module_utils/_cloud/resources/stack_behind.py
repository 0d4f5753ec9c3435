# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Heat stack behind a cluster or node group, which can end unnoticed by Magnum."""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine.errors import CloudError, Forgotten, Stalled
from ..engine.status import BUSY, Raw, Status, status_of
from ..services.drivers import HEAT, driver_of, infrastructure_id
from ..services.session import Cloud

_REPLACE = (
    "Remove the cause, and delete the cluster or node group (state: absent) or run "
    "again with recreate_failed: true"
)
_RESUME = "Resume it (openstack stack resume), and run again"
_DELETE = "Remove the cause, and ask for the deletion once more (state: absent)"

_SUSPENDED = "SUSPEND_COMPLETE"


class _End(t.NamedTuple):
    """How a stack has ended, where Magnum says that a change is under way.

    Attributes:
        text: The stack's status, empty for one that is gone.
        updated_at: When it was changed last.
    """

    text: str
    updated_at: str | None = None


@dataclasses.dataclass
class StackBehind:
    """Looks at a stack, in one wait, while Magnum says that a change is under way.

    Magnum's own look fails where a stack has odd outputs, such as the floating IP of a
    server that was not created, where Magnum has no name for the stack's status, and
    where the cluster's creator is gone, with whose trust it looks. Its status then
    never changes.

    Attributes:
        cloud: Where the stack is.
    """

    cloud: Cloud
    _seen: dict[str, _End | None] = dataclasses.field(default_factory=dict)

    def look_at_groups(self, what: object, cluster: Raw) -> None:
        """Look at the stacks of the node groups of a cluster that are changing.

        The default ones share that of the cluster. One that failed earlier is none of a
        change of another group.

        Args:
            what: How messages call the cluster.
            cluster: The cluster.

        Raises:
            Forgotten: The cluster's own stack is deleted, as was asked for.
            Stalled: A stack has failed, is suspended, or was deleted.
        """
        ident, status = infrastructure_id(cluster), status_of(cluster)
        if status.phase != BUSY or not ident or not _is_heat(ident):
            return
        if status.operation == "delete":
            self.look(what, cluster, ident)
            return
        own = {"project_id": cluster.get("project_id")}
        changing: dict[str, tuple[object, Raw]] = {}
        for group in self.cloud.magnum.node_groups(cluster["uuid"]):
            if status_of(group).phase == BUSY:
                if group.get("is_default"):
                    changing[ident] = what, cluster
                elif group.get("stack_id"):
                    named = f"{what}: node group {group['name']!r}"
                    changing[group["stack_id"]] = named, {**group, **own}
        for stack, (called, raw) in changing.items():
            try:
                self.look(called, raw, stack)
            except Forgotten as error:  # of a group: the cluster is to stay
                raise Stalled(error.message, details=error.details) from error

    def look(self, what: object, raw: Raw, ident: str | None) -> None:
        """Look if the stack has ended, at two looks in succession.

        Between them, Magnum had the time to notice it.

        Args:
            what: How messages call the resource.
            raw: The cluster or node group.
            ident: Id of its stack; another driver than Heat's has none.

        Raises:
            Forgotten: It is deleted, as was asked for.
            Stalled: It has failed, is suspended, or was deleted by someone.
        """
        status = status_of(raw)
        if status.phase != BUSY or not ident or not _is_heat(ident):
            return
        stack = self.cloud.heat.stack(ident)
        before, end = self._seen.get(ident), self._end(raw, stack, status)
        self._seen[ident] = end
        if end is None or end != before:
            return
        error = Stalled if stack or status.operation != "delete" else Forgotten
        raise error(
            f"{what}: {self._told(stack)}. Magnum does not report this, and its status "
            f"is {status.text}. {_way_out(end, status)}",
            details={"id": raw["uuid"], "status": status.text, "stack_id": ident},
        )

    def obstacle(self, raw: Raw, ident: str | None) -> str:
        """Return how the stack has ended, for a wait whose time is up; empty if not."""
        status = status_of(raw)
        if status.phase != BUSY or not ident or not _is_heat(ident):
            return ""
        try:
            stack = self.cloud.heat.stack(ident)
            return self._told(stack) if self._end(raw, stack, status) else ""
        except CloudError:
            return ""

    def _end(self, raw: Raw, stack: Raw | None, status: Status) -> _End | None:
        """Return how a stack has ended, None if it has not as far as can be seen."""
        if stack is None:
            # Heat does not show those of other projects.
            ours = raw.get("project_id") == self.cloud.project_id
            return _End("") if ours else None
        text = stack["stack_status"]
        if status.operation == "delete":
            ended = text == "DELETE_FAILED"  # what was before is of no interest
        else:
            ended = text.endswith("_FAILED") or text == _SUSPENDED
        return _End(text, stack["updated_at"]) if ended else None

    def _told(self, stack: Raw | None) -> str:
        """Return what messages say of a stack that has ended."""
        if stack is None:
            return "its Heat stack is gone"
        text = f"its Heat stack {stack['stack_name']} is {stack['stack_status']}"
        if stack["stack_status"] == _SUSPENDED:
            return text
        reasons = dict.fromkeys(self.cloud.heat.failures(stack).values())
        return f"{text}: {'; '.join(reasons) or stack.get('stack_status_reason')}"


def _is_heat(ident: str) -> bool:
    return driver_of(None, ident) == HEAT


def _way_out(end: _End, status: Status) -> str:
    if status.operation == "delete":
        return _DELETE
    return _RESUME if end.text == _SUSPENDED else _REPLACE

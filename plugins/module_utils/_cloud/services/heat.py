# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Heat's API: stacks."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from ..engine.clock import Clock
from ..engine.status import Raw
from .api import Api


class Heat(Api):
    """Requests to Heat."""

    needed_for = (
        "Only locations, Heat stacks and clusters of Magnum's Heat driver need Heat."
    )

    def __init__(self, connect: t.Callable[[], t.Any], clock: Clock) -> None:
        super().__init__("Heat", connect, clock)

    def stacks(self, tags: t.Sequence[str]) -> list[Raw]:
        """Return the stacks of the project that carry all these tags.

        Heat leaves out their parameters and outputs.
        """
        listed = self.list("/stacks", "stacks", {"tags": ",".join(tags)})
        return [stack for stack in listed if set(tags) <= set(stack.get("tags") or [])]

    def all_stacks(self) -> list[Raw]:
        """Return all stacks of the project, without parameters and outputs."""
        return self.list("/stacks", "stacks")

    def stack(self, ident: str) -> Raw | None:
        """Return a stack whole, by name or id; None for one that was deleted too."""
        stack = self._stack(f"/stacks/{quote(ident, safe='')}")
        if stack is None:
            return None
        matches = self.exact.pick("stack", ident, [stack], name="stack_name")
        return matches[0] if matches else None

    def reread(self, stack: Raw) -> Raw | None:
        """Return the same stack again (by its whole path, which saves a redirect)."""
        return self._stack(_path(stack))

    def _stack(self, path: str) -> Raw | None:
        answer = self.find(path)
        if not answer or answer["stack"]["stack_status"] == "DELETE_COMPLETE":
            return None
        # The engine tells by updated_at whether a write took effect.
        stack: Raw = answer["stack"]
        return {**stack, "updated_at": stack.get("updated_time")}

    def template(self, stack: Raw) -> Raw:
        """Return the template that a stack was last given."""
        return self.get(f"{_path(stack)}/template")

    def create_stack(self, body: Raw) -> Raw:
        """Ask for a stack; names are unique in a project. Returns its `id`."""
        made = self.create("/stacks", body)["stack"]
        return {**made, "stack_name": body["stack_name"]}

    def update_stack(self, stack: Raw, body: Raw) -> None:
        """Ask for an update; what `body` leaves out stays as it is."""
        self.patch(_path(stack), body)

    def preview_update(self, stack: Raw, body: Raw) -> dict[str, list[str]]:
        """Return which resources an update would touch; nothing is changed.

        Returns:
            Names of resources by `added`, `updated`, `replaced` and `deleted`.
        """
        answer = self.patch(f"{_path(stack)}/preview", body)["resource_changes"]
        return {
            what: sorted(resource["resource_name"] for resource in answer[what])
            for what in ("added", "updated", "replaced", "deleted")
        }

    def delete_stack(self, stack: Raw) -> None:
        """Ask for a stack's deletion."""
        self.delete(_path(stack))

    def servers(self, stack: Raw, names: t.Sequence[str]) -> set[str]:
        """Return Nova's ids of the servers with these resource names, nested or not."""
        filters = {"nested_depth": "5", "type": "OS::Nova::Server"}
        listed = self.list(f"{_path(stack)}/resources", "resources", filters)
        return {
            resource["physical_resource_id"]
            for resource in listed
            if resource["resource_name"] in names
        }

    def failures(self, stack: Raw) -> dict[str, str]:
        """Return the reasons of the failed resources, nested ones included, by name.

        A nested stack that failed only because of what is in it is left out.
        """
        listed = self.list(
            f"{_path(stack)}/resources", "resources", {"nested_depth": "5"}
        )
        failed = [r for r in listed if r["resource_status"].endswith("_FAILED")]
        parents = {resource.get("parent_resource") for resource in failed}
        return {
            resource["resource_name"]: resource["resource_status_reason"]
            for resource in failed
            if resource["resource_name"] not in parents
        }


def _path(stack: Raw) -> str:
    return f"/stacks/{stack['stack_name']}/{stack['id']}"

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Heat stack behind a cluster or node group, which can fail unnoticed by Magnum."""

from __future__ import annotations

import dataclasses

from ..engine.errors import Stalled
from ..engine.status import BUSY, Raw, status_of
from ..services.drivers import HEAT, driver_of
from ..services.session import Cloud


@dataclasses.dataclass
class StackBehind:
    """Looks at a stack, in one wait, while Magnum says that a change is under way.

    Magnum's own look fails where a stack has odd outputs, such as the floating IP of a
    server that was not created; its status then never changes.

    Attributes:
        cloud: Where the stack is.
    """

    cloud: Cloud
    _failed: tuple[str, str | None] | None = None

    def look(self, what: object, raw: Raw, ident: str | None) -> None:
        """Look if the stack has failed, at two looks in succession.

        Between them, Magnum had the time to notice it.

        Args:
            what: How messages call the resource.
            raw: The cluster or node group.
            ident: Id of its stack; another driver than Heat's has none.

        Raises:
            Stalled: It has.
        """
        status = status_of(raw)
        if status.phase != BUSY or status.operation == "delete":
            return
        if not ident or driver_of(None, ident) != HEAT:
            return
        stack = self.cloud.heat.stack(ident)
        before, self._failed = self._failed, None
        if not stack or not stack["stack_status"].endswith("_FAILED"):
            return
        self._failed = stack["stack_status"], stack["updated_at"]
        if self._failed != before:
            return
        reasons = dict.fromkeys(self.cloud.heat.failures(stack).values())
        raise Stalled(
            f"{what}: its Heat stack {stack['stack_name']} is {stack['stack_status']}: "
            f"{'; '.join(reasons) or stack.get('stack_status_reason')}. Magnum does "
            f"not report this, and its status is {status.text}. Remove the cause, and "
            "delete the cluster or node group (state: absent) or run again with "
            "recreate_failed: true",
            details={"id": raw["uuid"], "status": status.text, "stack_id": ident},
        )

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module fleet_info: everything is done on the controller."""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.sources import reports

ARGUMENT_SPEC = {
    "reports": {
        "type": "list",
        "elements": "str",
        "default": ["overview"],
    },
    **reports.ARGUMENT_SPEC,
}


class ActionModule(ActionBase):
    """Reports on a fleet, as the result of a task."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Compute the reports that are asked for, from one snapshot."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(ARGUMENT_SPEC)
        names = options.pop("reports")
        hostvars = (task_vars or {}).get("hostvars") or {}
        try:
            found = reports.compute(
                names, options, hostvars, constants.DEFAULT_LOCAL_TMP
            )
        except (reports.BadRequest, reports.Incomplete) as error:
            if not options["envelope"]:
                raise AnsibleActionFail(str(error)) from error
            found = [reports.refusal(error) for _name in names]
        told = dict(zip(names, found, strict=True))
        return {**result, "changed": False, **told}

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module fleet_info: everything is done on the controller."""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..plugin_utils import _reports

ARGUMENT_SPEC = {
    "reports": {
        "type": "list",
        "elements": "str",
        "default": ["overview"],
    },
    **_reports.ARGUMENT_SPEC,
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
            reports = _reports.compute(
                names, options, hostvars, constants.DEFAULT_LOCAL_TMP
            )
        except (_reports.BadRequest, _reports.Incomplete) as error:
            if not options["envelope"]:
                raise AnsibleActionFail(str(error)) from error
            reports = [_reports.refusal(error) for _name in names]
        by_name = dict(zip(names, reports, strict=True))
        return {**result, "changed": False, **by_name}

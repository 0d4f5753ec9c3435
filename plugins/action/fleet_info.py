# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module fleet_info: everything is done on the controller."""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..plugin_utils import _reports

REPORTS_SPEC = {
    "reports": {
        "type": "list",
        "elements": "str",
        "default": ["overview"],
        "choices": list(_reports.REPORTS),
    },
}
ARGUMENT_SPEC = {**REPORTS_SPEC, **_reports.ARGUMENT_SPEC}


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
        options = dict(self._task.args)
        hostvars = (task_vars or {}).get("hostvars") or {}
        # Not validate_argument_spec: what is wrong may have to be an answer.
        given = {"reports": options.pop("reports", None) or ["overview"]}
        chosen = ArgumentSpecValidator(REPORTS_SPEC).validate(given)
        names = chosen.validated_parameters["reports"]
        if not isinstance(names, list):
            names = [str(names)]  # of no type that can be, and so of no report's name
        try:
            reports = _reports.compute(
                names, options, hostvars, constants.DEFAULT_LOCAL_TMP
            )
        except _reports.BadRequest as error:
            raise AnsibleActionFail(str(error)) from error
        except _reports.Unacceptable as error:
            result |= {"failed": True, "msg": str(error)}
            reports = error.reports
        by_name = dict(zip(names, reports, strict=True))
        return {**result, "changed": False, **by_name}

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module role_variables_info: only the controller knows all variables."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ..module_utils._near import near, suggestion

ARGUMENT_SPEC: dict[str, t.Any] = {
    "prefix": {"type": "str", "required": True},
    "known": {"type": "list", "elements": "str", "required": True},
}


class ActionModule(ActionBase):
    """Warns about variables that are close to the options of a role."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Compare the names of all variables of the host with the options."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(ARGUMENT_SPEC)
        prefix, known = options["prefix"], options["known"]
        own = [name.removeprefix(prefix) for name in known]
        misspelled = {}
        for name in sorted(set(task_vars or {}) - set(known)):
            rest = name.removeprefix(prefix)
            # What all names begin with makes none of them close.
            close = near(rest, own) if name.startswith(prefix) else []
            if close and not rest.startswith("_"):
                misspelled[name] = [f"{prefix}{each}" for each in close]
        for name, close in misspelled.items():
            self._display.warning(
                f"{name}: the role has no such option, and ignores it"
                f"{suggestion(close)}"
            )
        return {**result, "changed": False, "misspelled": misspelled}

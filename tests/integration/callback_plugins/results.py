# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes each task's result as a line of JSON, for the tests to read."""

from __future__ import annotations

import json
import os

from ansible.executor.task_result import CallbackTaskResult
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: results
type: notification
short_description: Writes results as lines of JSON
version_added: 0.1.0
description:
  - Writes each task's result to the file that C(GPUFLEET_TEST_RESULTS) names.
"""


class CallbackModule(CallbackBase):
    """The callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "results"

    def _write(self, result: CallbackTaskResult, failed: bool) -> None:
        line = json.dumps({**result.result, "failed": failed}, default=str)
        with open(os.environ["GPUFLEET_TEST_RESULTS"], "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """A task succeeded."""
        self._write(result, failed=False)

    def v2_runner_on_failed(
        self, result: CallbackTaskResult, ignore_errors: bool = False
    ) -> None:
        """A task failed."""
        self._write(result, failed=True)

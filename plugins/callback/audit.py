# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: audit
type: notification
short_description: Writes what was changed, a line of JSON for each resource
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Appends a line of JSON to a file for each change that a module of this collection
    has made, and for each that failed; nothing in check mode, and nothing where nothing
    changed.
  - A line has C(time) (UTC, ISO 8601), C(trace_id) (of the run), C(user) (who runs
    Ansible, or for whom AWX does), C(controller), C(playbook), C(play), C(task),
    C(host), C(module), C(action) (C(create), C(update), C(delete), C(recreate) or
    C(new_revision); null where it failed), C(name), C(before) and C(after) (what the
    task declares, as C(--diff) shows it), C(status) (C(changed) or C(failed)), C(error)
    (as the module returns it) and C(duration_seconds). What is not known is null.
  - A task with C(no_log) has null for C(name), C(before), C(after) and C(error).
  - At the end of the run it writes metrics of it, where O(metrics_path) is set, in the
    text format that node_exporter's textfile collector reads.
  - Where a file can't be written, the run goes on with a warning.
requirements:
  - It must be enabled, by C(callbacks_enabled = gpufleet.openstack.audit) in
    C(ansible.cfg) or by E(ANSIBLE_CALLBACKS_ENABLED).
options:
  path:
    description: File that lines are appended to. Where it is made, its mode is 0600.
    type: path
    default: ~/.ansible/gpufleet-audit.jsonl
    env:
      - name: GPUFLEET_AUDIT_PATH
    ini:
      - section: gpufleet_audit
        key: path
  metrics_path:
    description:
      - File that metrics of the run are written to, its name ends with C(.prom);
        C(gpufleet_run_end_time_seconds), C(gpufleet_run_duration_seconds),
        C(gpufleet_run_changes{module, action}) and C(gpufleet_run_failures{module}).
    type: path
    env:
      - name: GPUFLEET_AUDIT_METRICS
    ini:
      - section: gpufleet_audit
        key: metrics_path
seealso:
  - module: gpufleet.openstack.gpu_cluster
"""

EXAMPLES = r"""
# In ansible.cfg:
#
# [defaults]
# callbacks_enabled = gpufleet.openstack.audit
#
# [gpufleet_audit]
# path = /var/log/gpufleet/audit.jsonl
# metrics_path = /var/lib/node_exporter/textfile/gpufleet.prom
"""

import fcntl
import getpass
import json
import os
import socket
import time
import typing as t
import uuid
from collections import Counter
from datetime import UTC, datetime

from ansible.plugins.callback import CallbackBase

from ansible_collections.gpufleet.openstack.plugins.module_utils.node import textfile

if t.TYPE_CHECKING:
    from ansible.executor.task_result import CallbackTaskResult
    from ansible.playbook import Playbook
    from ansible.playbook.play import Play
    from ansible.playbook.task import Task

OURS = "gpufleet.openstack."


class CallbackModule(CallbackBase):
    """The callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "gpufleet.openstack.audit"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Begin a run."""
        super().__init__(*args, **kwargs)
        self._trace = f"run-{uuid.uuid4().hex[:12]}"
        self._began = time.monotonic()
        self._started: dict[tuple[str, str], float] = {}
        self._playbook: str | None = None
        self._play: str | None = None
        self._awx_user: str | None = None
        self._changes: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[str] = Counter()

    # Events -----------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Remember which it is."""
        self._playbook = os.path.basename(playbook._file_name)

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Remember which it is, and who AWX runs it for."""
        self._play = play.get_name()
        extra = play.get_variable_manager().extra_vars
        self._awx_user = extra.get("awx_user_name") or extra.get("tower_user_name")

    def v2_runner_on_start(self, host: t.Any, task: Task) -> None:
        """Remember when it was."""
        self._started[host.get_name(), task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """A task has ended well; one with a loop has told of its items before."""
        if "results" not in result.result:
            self._note(result, failed=False)

    def v2_runner_on_failed(
        self, result: CallbackTaskResult, ignore_errors: bool = False
    ) -> None:
        """A task has failed."""
        if "results" not in result.result:
            self._note(result, failed=True)

    def v2_runner_item_on_ok(self, result: CallbackTaskResult) -> None:
        """A round of a loop has ended well."""
        self._note(result, failed=False)

    def v2_runner_item_on_failed(self, result: CallbackTaskResult) -> None:
        """A round of a loop has failed."""
        self._note(result, failed=True)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """The run has ended."""
        path = self.get_option("metrics_path")
        if path:
            self._guarded(path, lambda: self._write_metrics(path))

    # What is written ----------------------------------------------------------------

    def _note(self, result: CallbackTaskResult, failed: bool) -> None:
        task, told = result.task, result.result
        name = str(task.resolved_action or task.action)
        # Of a task that waits in the background the last look tells what it did.
        running = told.get("started") and not told.get("finished", 1)
        if not name.startswith(OURS) or task.check_mode or running:
            return
        if not failed and not told.get("changed"):
            return
        module = name[len(OURS) :]
        host = result.host.get_name()
        key = (host, task._uuid)
        began = self._started.get(key)
        self._started[key] = time.monotonic()  # where the next round begins
        diff = told.get("diff")
        diff = diff if isinstance(diff, dict) else {}
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "trace_id": self._trace,
            "user": self._awx_user or _user(),
            "controller": socket.gethostname(),
            "playbook": self._playbook,
            "play": self._play,
            "task": task.get_name(),
            "host": host,
            "module": module,
            "action": told.get("action"),
            "name": _name(told, diff),
            "before": diff.get("before"),
            "after": diff.get("after"),
            "status": "failed" if failed else "changed",
            "error": told.get("error"),
            "duration_seconds": began and round(time.monotonic() - began, 3),
        }
        if failed:
            self._failures[module] += 1
        else:
            self._changes[module, str(told.get("action") or "change")] += 1
        path = self.get_option("path")
        self._guarded(path, lambda: _append(path, line))

    def _write_metrics(self, path: str) -> None:
        page = textfile.Page()
        page.add("run_end_time_seconds", "When the run ended.", [({}, time.time())])
        page.add(
            "run_duration_seconds",
            "How long it took.",
            [({}, time.monotonic() - self._began)],
        )
        page.add(
            "run_changes",
            "Resources that it changed.",
            [
                ({"module": module, "action": action}, count)
                for (module, action), count in sorted(self._changes.items())
            ],
        )
        page.add(
            "run_failures",
            "Tasks that failed.",
            [
                ({"module": module}, count)
                for module, count in sorted(self._failures.items())
            ],
        )
        textfile.write(path, page.text())

    def _guarded(self, path: str, write: t.Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._display.warning(f"audit: {path} can't be written: {error}")


def _append(path: str, line: dict[str, t.Any]) -> None:
    """Append a line, whole, whoever else does at the same time."""
    text = json.dumps(line, default=str) + "\n"
    with open(
        os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab"
    ) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(text.encode())


def _name(told: dict[str, t.Any], diff: dict[str, t.Any]) -> str | None:
    """Name of the resource: of what was declared, or else of what was asked for."""
    arguments = (told.get("invocation") or {}).get("module_args") or {}
    for each in (diff.get("after"), diff.get("before"), arguments):
        if isinstance(each, dict) and each.get("name"):
            return str(each["name"])
    return None


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # of an id that has no name
        return None

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
  - Where a file can't be written, the run goes on with a warning. That includes a
    folder that another user can change, because it belongs to another user, or because
    others can write to it and it is not sticky, and a file that is a symbolic link or
    belongs to another user.
  - If there is no room for a whole line, none of it is written.
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

import contextlib
import fcntl
import getpass
import json
import math
import os
import socket
import time
import typing as t
import uuid
from collections import Counter
from datetime import UTC, datetime

from ansible.plugins.callback import CallbackBase

from ..module_utils import _files
from ..module_utils._node import textfile, trusted

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
        """A task has ended well; the items of a loop have been noted before."""
        if not _is_loop(result):
            self._note(result, failed=False)

    def v2_runner_on_failed(
        self, result: CallbackTaskResult, ignore_errors: bool = False
    ) -> None:
        """A task has failed."""
        if not _is_loop(result):
            self._note(result, failed=True)

    def v2_runner_item_on_ok(self, result: CallbackTaskResult) -> None:
        """A round of a loop has ended well."""
        self._note(result, failed=False)

    def v2_runner_item_on_failed(self, result: CallbackTaskResult) -> None:
        """A round of a loop has failed."""
        self._note(result, failed=True)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """The run has ended."""
        if self.get_option("metrics_path"):
            self._guarded("metrics_path", self._write_metrics)

    # What is written ----------------------------------------------------------------

    def _note(self, result: CallbackTaskResult, failed: bool) -> None:
        """Write a line about a task of ours that has changed something or failed."""
        task, values = _part(result, "task"), _part(result, "result")
        name = str(task.resolved_action or task.action)
        # Of a task that waits in the background, the last look shows what it did.
        running = values.get("started") and not values.get("finished", 1)
        if not name.startswith(OURS) or task.check_mode or running:
            return
        if not failed and not values.get("changed"):
            return
        module = name[len(OURS) :]
        if failed:
            self._failures[module] += 1
        else:
            self._changes[module, str(values.get("action") or "change")] += 1
        line = {
            **self._run(),
            "task": task.get_name(),
            "host": _part(result, "host").get_name(),
            "module": module,
            **_outcome(task, values),
            "status": "failed" if failed else "changed",
            "error": values.get("error"),
            "duration_seconds": self._duration(result),
        }
        self._guarded("path", lambda path: _append(path, line))

    def _run(self) -> dict[str, t.Any]:
        """What all lines of a run have in common, and the time."""
        return {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "trace_id": self._trace,
            "user": self._awx_user or _user(),
            "controller": socket.gethostname(),
            "playbook": self._playbook,
            "play": self._play,
        }

    def _duration(self, result: CallbackTaskResult) -> float | None:
        """Seconds that a task or a round of its loop took; the next begins now."""
        key = (_part(result, "host").get_name(), _part(result, "task")._uuid)
        now, began = time.monotonic(), self._started.get(key)
        self._started[key] = now
        return began and round(now - began, 3)

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

    def _guarded(self, option: str, write: t.Callable[[str], None]) -> None:
        """Write the file that an option names; the run goes on where that fails."""
        path = self.get_option(option)
        try:
            write(path)
        except OSError as error:
            self._display.warning(
                f"audit: {option}: {path} can't be written: "
                f"{_files.failure(error, option)}"
            )


def _part(result: CallbackTaskResult, name: str) -> t.Any:
    """Return the host, task or result, which were private before ansible-core 2.19."""
    return getattr(result, name if hasattr(result, name) else f"_{name}")


def _is_loop(result: CallbackTaskResult) -> bool:
    """Return whether a result is that of a loop, whose items have been noted."""
    values = _part(result, "result")
    # Before ansible-core 2.19 `no_log` hides the items as well.
    hidden = "censored" in values and _part(result, "task").loop is not None
    return "results" in values or hidden


def _append(path: str, line: dict[str, t.Any]) -> None:
    """Append a line, whole or not at all, whoever else does at the same time.

    Raises:
        OSError: It can't be written.
    """
    text = json.dumps(_plain(line), default=str, allow_nan=False) + "\n"
    folder, name = os.path.split(os.path.abspath(path))
    with trusted.folder(folder) as opened:
        handle = trusted.open_to_append(opened, name, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        before = os.fstat(handle).st_size
        try:
            _write_all(handle, text.encode())
        except OSError:
            # The next line would go on where half of this one ends.
            with contextlib.suppress(OSError):
                os.ftruncate(handle, before)
            raise
    finally:
        os.close(handle)


def _write_all(handle: int, content: bytes) -> None:
    """Write to a file; the system may take it in parts."""
    while content:
        content = content[os.write(handle, content) :]


def _plain(value: t.Any) -> t.Any:
    """Return a value for JSON, which has no NaN and no infinity: these are texts."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _outcome(task: Task, values: dict[str, t.Any]) -> dict[str, t.Any]:
    """What was done to which resource."""
    diff = values.get("diff")
    diff = diff if isinstance(diff, dict) else {}
    return {
        "action": values.get("action"),
        "name": _name(task, values, diff),
        "before": diff.get("before"),
        "after": diff.get("after"),
    }


def _name(task: Task, values: dict[str, t.Any], diff: dict[str, t.Any]) -> str | None:
    """Return the name of the resource: as declared, or else as an argument has it."""
    if "censored" in values:
        return None
    arguments = (values.get("invocation") or {}).get("module_args")
    for each in (diff.get("after"), diff.get("before"), arguments):
        if isinstance(each, dict) and each.get("name"):
            return str(each["name"])
    # From ansible-core 2.21 on, a result holds the arguments only on request. Those of
    # the task are templates where it failed before they were evaluated.
    name = task.args.get("name")
    return str(name) if name and "{{" not in str(name) else None


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # of an id that has no name
        return None

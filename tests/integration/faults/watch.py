# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules while the proxy disturbs them, and compares with what the bed says."""

from __future__ import annotations

import time
from typing import Any

from integration.cloud_site import Site
from integration.faults.figures import Figures
from integration.faults.plays import Play, State, Task
from integration.proxy import undisturbed

TRIES = 6
"""Times that a task is run under faults; then it must succeed without."""

BESIDES = 75
"""Seconds that a run may take besides its timeout: Ansible itself on a busy machine,
and one request that is not answered (api_timeout)."""

SETTLE = 5
"""Seconds after which Magnum shows that it has accepted something."""

ERRORS = {
    "LocationNotFound",
    "HardwareNotFound",
    "TemplateNotFound",
    "ClusterNotFound",
    "NodeGroupNotFound",
    "NodeNotFound",
    "NotFound",
    "AmbiguousName",
    "ResourceError",
    "Conflict",
    "InvalidInput",
    "AuthError",
    "ApiError",
    "Timeout",
}


class Watched:
    """A play under watch.

    Args:
        site: Where it runs.
        play: The play.
        figures: Takes what is found.
    """

    def __init__(self, site: Site, play: Play, figures: Figures) -> None:
        self.site = site
        self.play = play
        self.figures = figures
        self.runner = getattr(site, play.cloud)

    def state(self) -> State:
        """What the bed says is there."""
        state = self.play.state(self.site)
        if len(state) > 1:
            self.figures.duplicates += 1
            self.figures.findings.append(f"there are two: {state}")
        return state

    def reach(self, task: Task) -> None:
        """Run a task until it succeeds, at last without faults."""
        recorder = self.runner.recorder
        disturb = recorder.disturb
        under_way = False
        for attempt in range(TRIES + 1):
            recorder.disturb = disturb if attempt < TRIES else undisturbed
            if not self.run(task, under_way).get("failed"):
                break
            if recorder.accepted:
                under_way = True
                time.sleep(SETTLE)
        else:
            self.figures.findings.append(f"{task} fails without faults too")
        recorder.disturb = disturb

    def run(self, task: Task, under_way: bool = False) -> dict[str, Any]:
        """Run a task once, and look whether it tells the truth.

        Args:
            task: The module and its options.
            under_way: Its create was accepted already, and the bed may show what it
                made only later, in the midst of this run.
        """
        module, args = task
        before = self.state()
        if not module.endswith("_info"):
            args = {**args, "timeout": self.play.timeout}
        start = time.monotonic()
        result = self.runner(module, **args)
        seconds = time.monotonic() - start
        known = before if before or not under_way else None
        self._judge(task, result, known, seconds)
        return result

    def _judge(
        self, task: Task, result: dict[str, Any], before: State | None, seconds: float
    ) -> None:
        figures = self.figures
        figures.runs += 1
        found = []
        if "Traceback" in self.runner.output:
            figures.tracebacks += 1
            found.append("traceback")
        if result.get("failed"):
            kind = (result.get("error") or {}).get("type")
            if kind in ERRORS:
                figures.typed_errors += 1
            else:
                figures.untyped += 1
                found.append(f"the error has the type {kind}")
        limit = 120 if task[0].endswith("_info") else self.play.timeout
        if seconds > limit + BESIDES:
            figures.late += 1
            found.append(f"took {seconds:.0f} s")
        if not self._truthful(result, before):
            figures.wrong_changed += 1
            found.append(f"changed is {result.get('changed')}, before: {before}")
        if found:
            told = {key: result.get(key) for key in ("action", "msg", "error")}
            figures.findings.append(
                f"{task}: {'; '.join(found)}; {told}; {self.runner.recorder.answers}"
            )

    def _truthful(self, result: dict[str, Any], before: State | None) -> bool:
        """Whether `changed` is what truly was.

        A run that failed may have to leave open whether its write took effect: it
        says changed then. It must never hide a change, and never claim one without a
        write that may have been done. What was before is None where an earlier run's
        create may have come between; then this run's writes tell what it changed.
        """
        changed = bool(result.get("changed"))
        after = self.state()
        truly = (
            bool(self.runner.recorder.accepted) if before is None else before != after
        )
        if not result.get("failed"):
            return changed == truly
        if changed:
            return self._may_have_written()
        return not truly

    def _may_have_written(self) -> bool:
        """Whether a write was sent that the bed did not refuse."""
        recorder = self.runner.recorder
        return len(recorder.writes) > len(recorder.refused)

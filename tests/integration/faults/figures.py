# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of the fault suite, from the tests' processes to the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

KEY = "fault figures"
"""Under this name a test keeps its figures among its properties."""


@dataclass
class Figures:
    """What was done, and what was found.

    Attributes:
        rounds: Rounds of a play.
        kills: Plays that were killed and run again.
        runs: Runs of a module.
        typed_errors: Runs that ended with a typed error.
        duplicates: A second resource of the same name.
        tracebacks: Tracebacks in the output.
        untyped: Failures without a type.
        wrong_changed: Runs whose `changed` is not what truly was.
        late: Runs that took longer than `timeout`, and what a run takes besides.
        injected: Faults by kind.
        findings: What was wrong, in words.
    """

    rounds: int = 0
    kills: int = 0
    runs: int = 0
    typed_errors: int = 0
    duplicates: int = 0
    tracebacks: int = 0
    untyped: int = 0
    wrong_changed: int = 0
    late: int = 0
    injected: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def lines(found: Iterable[dict[str, Any]]) -> list[str]:
    """The figures of all tests in sum, a line each."""
    total: Counter[str] = Counter()
    injected: Counter[str] = Counter()
    for figures in found:
        injected.update(figures["injected"])
        total.update({k: v for k, v in figures.items() if isinstance(v, int)})
    if not total:
        return []
    counts = [key for key, value in asdict(Figures()).items() if value == 0]
    return [
        *(f"{key.replace('_', ' ')}: {total[key]}" for key in counts),
        f"faults injected: {injected.total()}",
        *(f"  {kind}: {count}" for kind, count in sorted(injected.items())),
    ]

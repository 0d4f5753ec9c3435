# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin of pytest that counts attacks and odd inputs, for `make attacks`.

Tests with the marker `attack` are attacks: stopped where they pass. What a test records
of odd inputs by `record_property` is summed up. With `-n`, the reports of all workers
reach the one process that writes the counts.

Run as a program, it prints the sum of such files as one line of JSON; the exit status is
1 where that is not what `make attacks` promises.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

RECORDED = ("odd_inputs", "crashes", "hosts_lost")
NAMES = ("attacks", "stopped", *RECORDED)
LEAST = {"attacks": 40, "odd_inputs": 100_000}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that turns this on."""
    parser.addoption("--counts", help="Write counts of attacks into this folder.")


def pytest_configure(config: pytest.Config) -> None:
    """Count in the process that gets the reports of all workers."""
    folder = config.getoption("counts")
    if folder and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Counts(Path(folder)))


class Counts:
    """Counts what the tests of a run have shown.

    Args:
        folder: Gets a file with the counts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._attacks: dict[str, bool] = {}
        self._sums = Counter(dict.fromkeys(RECORDED, 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a phase of a test: all of an attack's must pass, and none be skipped."""
        if "attack" in report.keywords:
            stopped = self._attacks.get(report.nodeid, True)
            self._attacks[report.nodeid] = stopped and report.outcome == "passed"
        if report.when == "teardown":
            known = [each for each in report.user_properties if each[0] in RECORDED]
            self._sums.update({str(name): int(str(count)) for name, count in known})

    def pytest_sessionfinish(self) -> None:
        """Write the counts, and which attacks were not stopped."""
        missed = [name for name, stopped in self._attacks.items() if not stopped]
        attacks = {
            "attacks": len(self._attacks),
            "stopped": len(self._attacks) - len(missed),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        number = len(list(self._folder.iterdir()))
        text = json.dumps({**attacks, **self._sums, "missed": missed}, indent=1)
        (self._folder / f"{number}.json").write_text(text)


def main(folder: str) -> int:
    """Print the sum of the counts in a folder; return the exit status."""
    counts = [json.loads(path.read_text()) for path in Path(folder).glob("*.json")]
    for missed in (name for count in counts for name in count["missed"]):
        print(f"not stopped, or not run: {missed}")
    sums = {name: sum(count[name] for count in counts) for name in NAMES}
    print(json.dumps(sums))
    return 0 if kept(sums) else 1


def kept(sums: dict[str, int]) -> bool:
    """Return whether counts are what `make attacks` promises."""
    enough = all(sums[name] >= least for name, least in LEAST.items())
    harmless = not sums["crashes"] + sums["hosts_lost"]
    return enough and harmless and sums["stopped"] == sums["attacks"]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bench of this tree beside that of another revision: make bench-against.

Both run in turn, each by its own Makefile, so with its own layout and environment. The
figures are those of the JSON object that a bench prints as its last line; medians.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
BENCHES = ("facts", "inventory", "page", "reports", "requests")
BED = ("requests",)
"""Benches that start the bed of their tree: there can only be one at a time."""

Figures = Mapping[str, Any]


class Compared(NamedTuple):
    """Figures of both trees; `only_old` and `only_new` are those of one of them."""

    both: dict[str, tuple[float, float, float | None]]
    only_old: dict[str, Any]
    only_new: dict[str, Any]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", help="what git knows it by")
    parser.add_argument("bench", choices=BENCHES)
    parser.add_argument("--rounds", type=int, default=5, metavar="NUMBER")
    options = parser.parse_args()
    found: dict[str, list[Figures]] = {"old": [], "new": []}
    with worktree(options.revision) as folder:
        for number in range(options.rounds):
            for side, tree in (("old", folder), ("new", ROOT)):
                begun = time.monotonic()
                found[side].append(measured(tree, options.bench))
                took = time.monotonic() - begun
                say(f"round {number + 1} of {options.rounds}, {side}: {took:.0f} s")
    compared = compare(found["old"], found["new"])
    print(table(compared, options.revision))
    figures = {
        name: {"old": old, "new": new, "ratio": ratio}
        for name, (old, new, ratio) in compared.both.items()
    }
    print(
        json.dumps(
            {
                "bench": options.bench,
                "revision": options.revision,
                "rounds": options.rounds,
                "figures": figures,
                "only_old": compared.only_old,
                "only_new": compared.only_new,
            }
        )
    )


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


# Runs -----------------------------------------------------------------------------


@contextlib.contextmanager
def worktree(revision: str) -> Iterator[Path]:
    """A folder with the files of a revision, removed afterwards."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "old"
        add = [*git, "add", "--quiet", "--detach", str(folder), revision]
        subprocess.run(add, check=True)
        try:
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def measured(tree: Path, bench: str) -> Figures:
    """Run a bench of a tree. Returns its figures."""
    make = ["make", "--no-print-directory", "-C", str(tree)]
    environment = outside(os.environ)
    try:
        done = subprocess.run(
            [*make, f"bench-{bench}"],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
    finally:
        if bench in BED:
            subprocess.run([*make, "bed-down"], check=True, env=environment)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        sys.exit("\n".join([*lines[-40:], f"bench-{bench} of {tree} has failed"]))
    figures: Figures = json.loads(lines[-1])
    return figures


def outside(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what make and this tree have put into it.

    The Python that is found first makes a tree's environment, so it must not be the one
    of ours.
    """
    ours = str(Path(sys.executable).parent)
    path = environment.get("PATH", "").split(os.pathsep)
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(("ANSIBLE_", "MAKE", "MFLAGS", "PYTHONPATH"))
    }
    return {**kept, "PATH": os.pathsep.join(part for part in path if part != ours)}


# Figures --------------------------------------------------------------------------


def compare(old: Sequence[Figures], new: Sequence[Figures]) -> Compared:
    """Pair the figures of some runs by name. A ratio is new to old, None beside 0."""
    before, now = _medians(old), _medians(new)
    both = {}
    for name in before:
        if name in now:
            ratio = round(now[name] / before[name], 3) if before[name] else None
            both[name] = (before[name], now[name], ratio)
    return Compared(
        both,
        {name: value for name, value in before.items() if name not in both},
        {name: value for name, value in now.items() if name not in both},
    )


def _medians(runs: Sequence[Figures]) -> dict[str, float]:
    """Medians of the numbers that each of the runs has."""
    names = [name for name in runs[0] if all(_is_number(run.get(name)) for run in runs)]
    return {name: statistics.median(run[name] for run in runs) for name in names}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def table(compared: Compared, revision: str) -> str:
    """The figures as a table in Markdown."""
    lines = [f"| figure | {revision} | now | ratio |", "|---|---|---|---|"]
    for name, (old, new, ratio) in compared.both.items():
        shown = "" if ratio is None else f"{ratio:.3f}"
        lines.append(f"| {name} | {old:g} | {new:g} | {shown} |")
    lines += [f"| {name} | {old:g} | - | |" for name, old in compared.only_old.items()]
    lines += [f"| {name} | - | {new:g} | |" for name, new in compared.only_new.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

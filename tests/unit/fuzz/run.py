# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Odd inputs for all parsers, for as long as one likes: `make fuzz`.

Where the package atheris is installed, what an input reaches decides how it is changed
further. Each parser has a process of its own, as atheris ends its process.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(".build/fuzz")
OURS = "ansible_collections.gpufleet.openstack"
LARGEST = 2**16


def main() -> int:
    """Run one parser, or all of them side by side; return the exit status."""
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=int, default=600)
    options.add_argument("--parser", help="One alone, in this process.")
    chosen = options.parse_args()
    if chosen.parser is None:
        return _all(chosen.seconds)
    if find_spec("atheris"):
        _guided(chosen.parser, chosen.seconds)
    else:
        _by_chance(chosen.parser, chosen.seconds)
    return 0


def _all(seconds: int) -> int:
    """Run the parsers, for so many seconds in all; return 1 where one has crashed."""
    from unit.fuzz.parsers import parsers

    names = [parser.name for parser in parsers()]
    workers = os.cpu_count() or 1
    each = max(1, seconds * workers // len(names))
    how = "guided by coverage" if find_spec("atheris") else "by chance (no atheris)"
    print(f"{len(names)} parsers, {each} s each, {workers} at a time, {how}")
    with ThreadPoolExecutor(workers) as pool:
        done = list(pool.map(lambda name: _child(name, each), names))
    return int(not all(done))


def _child(name: str, seconds: int) -> bool:
    """Run a parser in a process; return whether it has taken all inputs."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "unit.fuzz.run", "--parser", name]
    log = folder / "log"
    with log.open("w") as output:
        status = subprocess.run(
            [*command, "--seconds", str(seconds)],
            check=False,
            stdout=output,
            stderr=subprocess.STDOUT,
        ).returncode
    lines = log.read_text(errors="replace").splitlines()
    if status:
        print(f"{name} crashed; {log} ends with", *lines[-20:], sep="\n  ")
    else:
        print(f"{name}: {lines[-1] if lines else 'nothing'}")
    return status == 0


def _by_chance(name: str, seconds: int) -> None:
    from unit.fuzz.parsers import parsers

    [parser] = [each for each in parsers() if each.name == name]
    ends = time.monotonic() + seconds
    chosen = random.Random()
    inputs = 0
    while time.monotonic() < ends:
        raw = parser.random(chosen)
        try:
            parser.attempt(raw)
        except Exception:
            (FOLDER / name / "crash-by-chance").write_bytes(raw)
            raise
        inputs += 1
    print(f"Done {inputs} runs in {seconds} second(s)")


def _guided(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=[OURS]):
        from unit.fuzz.parsers import parsers
    [parser] = [each for each in parsers() if each.name == name]
    corpus = FOLDER / name / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(parser.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)

    def mutate(raw: bytes, longest: int, seed: int) -> bytes:
        chosen = random.Random(seed)
        if chosen.random() < 0.5:
            return bytes(atheris.Mutate(raw, longest))
        how, where, what = (chosen.randrange(LARGEST) for _number in range(3))
        return parser.edit(raw, (how, where, what))[:longest]

    arguments = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        "-max_len=65536",
        "-timeout=60",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={FOLDER / name}/",
        str(corpus),
    ]
    atheris.Setup(arguments, parser.attempt, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())

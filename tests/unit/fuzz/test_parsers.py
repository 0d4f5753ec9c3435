# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Odd texts and answers for each parser: no exception that is not documented."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.fuzz import edits
from unit.fuzz.edits import Edit
from unit.fuzz.parsers import Parser, parsers
from unit.fuzz.tally import LONG, Tally

PARSERS = parsers()
LARGEST = 2**16
MEMORY = 8 * 2**30
NUMBERS = st.integers(0, LARGEST)


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """A parser that takes what there is fails alone, and not the machine."""
    usual = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, usual[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, usual)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_usual_inputs(parser: Parser) -> None:
    for seed in parser.seeds:
        assert parser.parse(seed)


DIGITS = b"9" * 5_000
CRASHED = (
    ("gres", b"gpu:" + DIGITS),
    ("gres", b"gpu:1(IDX:" + b",".join([b"0-99999"] * 1_000) + b")"),
    ("xid", b"4,1,%s,-;NVRM: Xid (PCI:0000:3b:00): 79" % DIGITS[:400]),
    ("nvidia_smi", b"0000:3b:00.0, %s, 12" % DIGITS),
    ("sysfs", DIGITS[:400] + b" Gb/sec"),
    ("amdgpu_files", b"ue: " + DIGITS),
    ("amdgpu_files", b"simd_count 1\nlocation_id " + DIGITS),
    ("amdgpu_files", DIGITS[:400]),
    ("amd_smi", b'{"power_info": {"current_socket_power": %s}}' % DIGITS[:400]),
    ("prometheus_names", b'{"status": "success", "data": true}'),
    ("prometheus_names", b'{"status": "success", "data": [], "warnings": 1}'),
    ("slurm", b'{"nodes": ' + b"[" * 3_000),
    ("our_kubeconfig", b"[" * 1_000),
)
"""What some version could not take."""


@pytest.mark.parametrize(("name", "raw"), CRASHED, ids=lambda each: f"{each!s:.60}")
def test_what_once_crashed(name: str, raw: bytes) -> None:
    [parser] = [each for each in PARSERS if each.name == name]
    parser.attempt(raw)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_odd_inputs(parser: Parser, tally: Tally) -> None:
    if LONG:
        _many(parser, tally)
    else:
        _some(parser)


def _some(parser: Parser) -> None:
    @settings(max_examples=100)
    @given(NUMBERS, st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=6))
    def attempt(seed: int, changes: list[Edit]) -> None:
        parser.attempt(parser.odd(seed, changes))

    attempt()


def _many(parser: Parser, tally: Tally) -> None:
    slow = parser.slow or parser.edit is edits.of_record
    inputs = 3_500 if slow else 12_000
    chosen = random.Random(parser.name)
    for _number in range(inputs):
        raw = parser.random(chosen)
        with tally.trying(lambda raw=raw: repr(raw)):
            parser.attempt(raw)
    tally.check(least=inputs)

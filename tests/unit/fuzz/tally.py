# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What odd inputs have done: counted, so that the first does not hide the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

LONG = bool(os.environ.get("FUZZ_LONG"))
"""Whether the fuzz runs at length, as in `make attacks`."""

_SHOWN = 5


class Tally:
    """Counts odd inputs and what came of them.

    Attributes:
        odd_inputs: How many were tried.
        crashes: How many raised what nobody has documented.
        hosts_lost: Hosts beside the odd one that were missing or changed, by input.
    """

    def __init__(self) -> None:
        self.odd_inputs = 0
        self.crashes = 0
        self.hosts_lost = 0
        self._seen: list[str] = []

    @contextmanager
    def trying(self, what: Callable[[], str]) -> Iterator[None]:
        """Count an input, and what it raises.

        Args:
            what: Describes the input.
        """
        self.odd_inputs += 1
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- any is a crash
            self.crashes += 1
            self._see(f"{what()}: {type(error).__name__}: {error}")

    def compare(
        self,
        what: Callable[[], str],
        usual: Mapping[str, Any],
        found: Mapping[str, Any],
    ) -> None:
        """Count the hosts that are missing or not as they usually are.

        Args:
            what: Describes the input.
            usual: What is known of hosts without an odd one, by name.
            found: What is known of hosts with it.
        """
        lost = [name for name in usual if found.get(name) != usual[name]]
        self.hosts_lost += len(lost)
        if lost:
            self._see(f"{what()}: lost {', '.join(lost)}")

    def counts(self) -> Iterable[tuple[str, int]]:
        """Return the counts by name."""
        names = ("odd_inputs", "crashes", "hosts_lost")
        return [(name, getattr(self, name)) for name in names]

    def check(self, least: int) -> None:
        """Fail where an input has done harm, or fewer were tried than should be.

        Args:
            least: How many inputs there should be.
        """
        seen = "\n".join(self._seen)
        harm = f"{self.crashes} crashes, {self.hosts_lost} hosts lost"
        assert not self.crashes + self.hosts_lost, f"{harm}:\n{seen}"
        assert self.odd_inputs >= least

    def _see(self, text: str) -> None:
        if len(self._seen) < _SHOWN:
            self._seen.append(text[:500])

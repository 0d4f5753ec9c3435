# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A random mix of faults, the same for the same seed."""

from __future__ import annotations

import random
import threading
from collections import Counter

from integration.proxy import FAULTS, is_discovery


class Mix:
    """Decides which requests are hit, and by what.

    Args:
        seed: Two mixes of one seed decide alike.
        share: Share of the requests that are hit.

    Attributes:
        injected: How many of each fault there were.
    """

    def __init__(self, seed: int, share: float = 0.2) -> None:
        self.injected: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._share = share
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str) -> str | None:
        """The fault that befalls a request, None for none."""
        # A token can expire only where one is sent.
        tokenless = "/auth/tokens" in path or is_discovery(path)
        kinds = [kind for kind in FAULTS if not (tokenless and kind == "token expired")]
        with self._lock:
            hit = self._random.random() < self._share
            kind = self._random.choice(kinds)
            if not hit:
                return None
            self.injected[kind] += 1
            return kind

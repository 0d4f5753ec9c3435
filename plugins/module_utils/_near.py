# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that are close to one that does not exist: what messages suggest."""

from __future__ import annotations

import difflib
import typing as t

_MOST = 3
"""Names that a message suggests."""

_LONGEST, _MANY = 64, 1000
"""Characters of a name and number of names that are compared, in 0.5 s at most."""


def near(name: str, names: t.Iterable[str]) -> list[str]:
    """Return the names that are closest to another one, the closest first."""
    by_folded: dict[str, str] = {}
    for each in list(names)[:_MANY]:
        by_folded.setdefault(each[:_LONGEST].casefold(), each)
    wanted = name[:_LONGEST].casefold()
    close = difflib.get_close_matches(wanted, list(by_folded), _MOST, 0.7)
    return [by_folded[each] for each in close]


def no_such(kind: str, wrong: t.Iterable[str], allowed: t.Iterable[str]) -> str:
    """Return the message for names that are none of those that there are.

    Args:
        kind: What they should be ("option").
        wrong: The names in question.
        allowed: All names that there are.
    """
    names = sorted(allowed)
    said = ", ".join(f"{name}{did_you_mean(name, names)}" for name in sorted(wrong))
    return f"{said}: no such {kind}; there are {', '.join(names)}"


def did_you_mean(name: str, names: t.Iterable[str]) -> str:
    """Return what a message adds that says there is no such name, or nothing."""
    return suggestion(near(name, names))


def suggestion(close: t.Sequence[str]) -> str:
    """Return the same for names that are known to be close."""
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""

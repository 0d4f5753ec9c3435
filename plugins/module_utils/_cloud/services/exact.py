# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names are compared exactly, whatever a service's database does.

MariaDB, where most clouds keep their names, compares them without case, accents,
width and trailing blanks: asked for "train", a service answers with "Train".
"""

from __future__ import annotations

import typing as t
import unicodedata
from uuid import UUID

from ..._near import did_you_mean
from ..engine.status import Raw

_DOTLESS = str.maketrans("ıİ", "ii")
"""Letters that Unicode does not derive from those that databases take them for."""


class ExactNames(t.Dict[t.Tuple[str, str], t.List[str]]):
    """Picks what has exactly a name or id, and remembers what nearly has it.

    That is kept by kind and name.
    """

    def pick(
        self,
        kind: str,
        ident: str,
        raws: t.Iterable[Raw],
        name: str = "name",
        key: str = "id",
    ) -> list[Raw]:
        """Return the resources with this name or id.

        Args:
            kind: What they are ("cluster").
            ident: The name or id.
            raws: What the service found by it.
            name: Key of the name.
            key: Key of the id.
        """
        matches, others = [], []
        for raw in raws:
            if raw[name] == ident or same_id(raw[key], ident):
                matches.append(raw)
            else:
                others.append(str(raw[name]))
        self[kind, ident] = [] if matches else sorted(set(others))
        return matches

    def missed(self, kind: str, ident: str, names: t.Iterable[str]) -> None:
        """Remember which of all names are nearly one that is not among them."""
        self[kind, ident] = nearly(names, ident)

    def near(self, kind: str, ident: str) -> list[str]:
        """Return the names that were seen in the place of one that is not there."""
        return self.get((kind, ident), [])

    def hint(self, kind: str, ident: str) -> str:
        """Return what a message adds that says there is no such resource."""
        return hint(self.near(kind, ident))


def same_id(ident: t.Any, other: str) -> bool:
    """Return whether two ids are one: UUIDs have no case, and dashes or none."""
    return ident == other or (is_uuid(other) and is_uuid(ident) and _same(ident, other))


def is_uuid(text: t.Any) -> bool:
    """Return whether this is an id and no name."""
    try:
        UUID(text)
    except (ValueError, AttributeError, TypeError):
        return False
    return True


def _same(ident: str, other: str) -> bool:
    return UUID(ident) == UUID(other)


def nearly(names: t.Iterable[str], ident: str) -> list[str]:
    """Return those of these names that databases take for another one."""
    wanted = folded(ident)
    return sorted({name for name in names if name != ident and folded(name) == wanted})


def folded(name: str) -> str:
    """Return a name without what databases leave out of account."""
    text = unicodedata.normalize("NFKD", name.translate(_DOTLESS)).casefold()
    return "".join(c for c in text if not unicodedata.combining(c)).rstrip()


def not_found(names: t.Iterable[str], ident: str) -> str:
    """Return what a message adds that says there is no such name among these."""
    names = list(names)
    return hint(nearly(names, ident)) or did_you_mean(ident, names)


def hint(near: t.Sequence[str]) -> str:
    """Return what a message adds on names that are nearly the one in question."""
    if not near:
        return ""
    verb = "is" if len(near) == 1 else "are"
    names = " and ".join(repr(name) for name in near)
    return f" (there {verb} {names}: names are compared exactly)"

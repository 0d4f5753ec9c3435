# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revisions of a cluster template, told apart by its tags and never by its name."""

from __future__ import annotations

import typing as t

from .errors import AmbiguousName
from .waiter import Raw

_TEMPLATE, _REVISION = "gpufleet-template", "gpufleet-revision"

LONGEST = 200
"""Characters of a name that fit into Magnum's 255 for all tags."""


def mark(raw: Raw) -> tuple[str, int]:
    """Name of the template that this is a revision of, and which."""
    tags = dict(
        tag.split("=", 1) for tag in (raw.get("tags") or "").split(",") if "=" in tag
    )
    number = tags.get(_REVISION, "")
    if _TEMPLATE in tags and number.isdigit():
        return tags[_TEMPLATE], int(number)
    return raw["name"], 1


def following(raw: Raw, family: list[Raw]) -> Raw:
    """Name and tags of the revision that comes after all of these."""
    name = mark(raw)[0]
    number = max(mark(one)[1] for one in [raw, *family]) + 1
    tags = f"{_TEMPLATE}={name},{_REVISION}={number}"
    return {"name": f"{name}-r{number}", "tags": tags}


def of(listed: list[Raw], raw: Raw) -> list[Raw]:
    """All revisions of the template that this is one of, the oldest first."""
    name, project = mark(raw)[0], raw["project_id"]
    return _sorted(
        one for one in listed if mark(one)[0] == name and one["project_id"] == project
    )


def named(
    listed: list[Raw], ident: str, project_id: str, public: bool = False
) -> list[Raw]:
    """What an id or name means: one by id, or the revisions, the oldest first.

    Args:
        listed: All templates that may be seen.
        ident: Name of the template or of one revision, or an id.
        project_id: Whose templates count.
        public: Whether public ones of other projects count where there is none.

    Raises:
        AmbiguousName: There are several of a revision.
    """
    for raw in listed:
        if raw["uuid"] == ident:
            return [raw]
    ours = [raw for raw in listed if raw["project_id"] == project_id]
    others = [raw for raw in listed if public and raw["public"]]
    for choice in (ours, others):
        found = _sorted(raw for raw in choice if mark(raw)[0] == ident)
        found = found or [raw for raw in choice if raw["name"] == ident]
        if found:
            _refuse_twins(ident, found)
            return found
    return []


def _sorted(raws: t.Iterable[Raw]) -> list[Raw]:
    return sorted(raws, key=lambda raw: mark(raw)[1])


def _refuse_twins(ident: str, found: list[Raw]) -> None:
    numbers = [mark(raw)[1] for raw in found]
    twins = [raw for raw in found if numbers.count(mark(raw)[1]) > 1]
    if twins:
        uuids = sorted(raw["uuid"] for raw in twins)
        raise AmbiguousName(
            f"{len(twins)} cluster templates are named {ident!r}: give an id instead, "
            f"one of {', '.join(uuids)}",
            details={"ids": uuids},
        )

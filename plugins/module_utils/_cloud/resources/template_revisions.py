# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revisions of a cluster template, told apart by its tags and never by its name."""

from __future__ import annotations

import typing as t

from ..engine.errors import AmbiguousName
from ..engine.status import Raw

_TEMPLATE, _REVISION = "gpufleet-template", "gpufleet-revision"

LONGEST = 200
"""Characters of a name that fit into Magnum's 255 for all tags."""


def mark(raw: Raw) -> tuple[str, int]:
    """Return the name of the template that this is a revision of, and which."""
    tags = dict(
        tag.split("=", 1) for tag in (raw.get("tags") or "").split(",") if "=" in tag
    )
    number = tags.get(_REVISION, "")
    if _TEMPLATE in tags and number.isdigit():
        return tags[_TEMPLATE], int(number)
    return raw["name"], 1


def following(raw: Raw, family: list[Raw]) -> Raw:
    """Return name and tags of the revision that comes after all of these."""
    name = mark(raw)[0]
    number = max(mark(template)[1] for template in [raw, *family]) + 1
    tags = f"{_TEMPLATE}={name},{_REVISION}={number}"
    return {"name": f"{name}-r{number}", "tags": tags}


def family(listed: list[Raw], raw: Raw) -> list[Raw]:
    """Return all revisions of the template that this is one of, the oldest first."""
    name, project = mark(raw)[0], raw["project_id"]
    return _sorted(
        template
        for template in listed
        if mark(template)[0] == name and template["project_id"] == project
    )


def newest(listed: list[Raw], raw: Raw) -> Raw:
    """Return the newest revision of the template that this is one of."""
    return max([raw, *family(listed, raw)], key=lambda template: mark(template)[1])


def matching(
    listed: list[Raw], ident: str, project_id: str, public: bool = False
) -> list[Raw]:
    """Return what an id or name means: the one, or the revisions, the oldest first.

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
    for templates in (ours, others):
        matches = _sorted(raw for raw in templates if mark(raw)[0] == ident)
        matches = matches or [raw for raw in templates if raw["name"] == ident]
        if matches:
            _refuse_twins(ident, matches)
            return matches
    return []


def names(listed: list[Raw], project_id: str, public: bool) -> list[str]:
    """Return all names by which `matching` finds something."""
    seen = [
        raw
        for raw in listed
        if raw["project_id"] == project_id or (public and raw["public"])
    ]
    return [name for raw in seen for name in (raw["name"], mark(raw)[0])]


def _sorted(raws: t.Iterable[Raw]) -> list[Raw]:
    return sorted(raws, key=lambda raw: mark(raw)[1])


def _refuse_twins(ident: str, matches: list[Raw]) -> None:
    numbers = [mark(raw)[1] for raw in matches]
    twins = [raw for raw in matches if numbers.count(mark(raw)[1]) > 1]
    if twins:
        uuids = [raw["uuid"] for raw in twins]
        raise AmbiguousName.of("cluster templates", ident, uuids)

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a fleet that may be missing."""

from __future__ import annotations

import typing as t

from ..cloud.errors import CloudError
from ..fleet.model import Record

MANY = 8
"""Requests, and regions, that are under way at a time."""


def or_nothing(
    read: t.Callable[[], list[Record]], what: str, warn: t.Callable[[str], None]
) -> list[Record]:
    """What a service answers; where it fails, nothing and a warning."""
    try:
        return read()
    except CloudError as error:
        warn(f"{what} are not known: {error.message}")
        return []

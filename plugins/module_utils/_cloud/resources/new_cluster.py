# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that does not exist yet: its options, over its template.

Magnum puts them together in magnum/api/controllers/v1/cluster.py (`_post`).
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine.status import Raw

_KEYS = {
    "hardware": "flavor_id",
    "keypair": "keypair_id",
    "master_hardware": "master_flavor_id",
}
"""Names of properties in the API's templates, where they differ."""


@dataclasses.dataclass(frozen=True)
class NewCluster:
    """What a new cluster is made of.

    Attributes:
        values: Its options, with references resolved.
        template: Its template, empty where that is not known yet.
        merge_labels: Whether its labels are added to those of the template.
    """

    values: Raw
    template: Raw
    merge_labels: bool = True

    def get(self, name: str) -> t.Any:
        """Return the value of an option, or what the template has in its place."""
        value = self.values.get(name)
        if value is None or value == "":
            return self.template.get(_KEYS.get(name, name))
        return value

    @property
    def labels(self) -> Raw:
        """All labels."""
        own: Raw = self.values.get("labels") or {}
        if own and not self.merge_labels:
            return own
        return {**(self.template.get("labels") or {}), **own}

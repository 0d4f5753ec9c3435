# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of sources, beside what is documented of it."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.doc_fragments.reports import (
    ModuleDocFragment,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources import table

FRAGMENT = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["sources"]


def test_it_has_the_types_and_options_that_are_documented() -> None:
    documented = FRAGMENT["suboptions"]
    assert documented["type"]["choices"] == list(table.SOURCES)
    assert set(documented) == set(table.OPTIONS)
    for name, spec in table.OPTIONS.items():
        for key in ("type", "elements", "default", "required", "choices"):
            assert documented[name].get(key) == spec.get(key), name


@pytest.mark.parametrize("source", table.SOURCES.values(), ids=list(table.SOURCES))
def test_sources_declare_what_they_share_alike(source: table.Source) -> None:
    assert {name: table.OPTIONS[name] for name in source.options} == source.options


def test_secrets_of_sources_are_no_part_of_a_file_name() -> None:
    hidden = {name for name, spec in table.OPTIONS.items() if spec.get("no_log")}
    assert hidden == set(table.cache.SECRETS)

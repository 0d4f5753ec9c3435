# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.template_revisions import (
    family,
    following,
    mark,
    matching,
)
from unit.cloud.fakes import PROJECT, Raw


def template(
    uuid: str,
    revision: int = 1,
    project: str = PROJECT,
    public: bool = False,
    name: str = "a100",
) -> Raw:
    tags = f"team=x,gpufleet-template={name},gpufleet-revision={revision}"
    return {
        "uuid": uuid,
        "name": name if revision == 1 else f"{name}-r{revision}",
        "project_id": project,
        "public": public,
        "tags": None if revision == 1 else tags,
    }


ONE, TWO, TEN = template("1"), template("2", 2), template("10", 10)


def test_marks() -> None:
    assert mark(TEN) == ("a100", 10)
    assert mark(ONE) == ("a100", 1)
    # Somebody's own name, or tags that are not ours.
    for tags in ("", "gpufleet-template=x", "gpufleet-template=x,gpufleet-revision=b"):
        assert mark({"name": "a100-r2", "tags": tags}) == ("a100-r2", 1)


def test_the_next_one() -> None:
    tags = "gpufleet-template=a100,gpufleet-revision="
    assert following(ONE, []) == {"name": "a100-r2", "tags": f"{tags}2"}
    assert following(ONE, [TEN, TWO]) == {"name": "a100-r11", "tags": f"{tags}11"}


def test_a_name_means_all_revisions_and_an_id_one() -> None:
    listed = [TEN, ONE, TWO, template("x", name="other")]
    assert matching(listed, "a100", PROJECT) == [ONE, TWO, TEN]
    assert matching(listed, "a100-r2", PROJECT) == [TWO]
    assert matching(listed, "2", PROJECT) == [TWO]
    assert matching(listed, "none", PROJECT) == []
    assert family(listed, TWO) == [ONE, TWO, TEN]


def test_a_template_of_its_own_goes_before_a_revision_of_that_name() -> None:
    own = template("x", name="a100-r2")
    assert matching([ONE, TWO, own], "a100-r2", PROJECT) == [own]


def test_public_ones_of_other_projects() -> None:
    public, private = template("p", 1, "another", True), template("q", 2, "another")
    assert matching([public, private], "a100", PROJECT, public=True) == [public]
    assert matching([public, private], "a100", PROJECT) == []
    assert matching([public, ONE], "a100", PROJECT, public=True) == [ONE]
    assert family([public, ONE], ONE) == [ONE]


@pytest.mark.parametrize("public", [False, True])
def test_two_of_a_revision_are_ambiguous(public: bool) -> None:
    project = "another" if public else PROJECT
    twins = [template(uuid, 2, project, public) for uuid in ("b", "a")]
    with pytest.raises(AmbiguousName, match="2 cluster templates") as caught:
        matching(twins, "a100", PROJECT, public)
    assert caught.value.details == {"ids": ["a", "b"]}

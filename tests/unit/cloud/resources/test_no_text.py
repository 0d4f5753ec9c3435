# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are no text, where services keep text."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    InvalidInput,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.cluster_template import (
    ClusterTemplateResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.hardware import (
    HardwareResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.heat_stack import (
    HeatStackResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.node_group import (
    NodeGroupResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.resource import (
    CloudResource,
)
from unit.cloud.fakes import Raw, Reply, Site

NULL = "is null, and must have a value. Set one, or leave the key out"
TEXT = (
    "and must be a text, a number or a boolean. Where JSON is expected, use the filter "
    "to_json"
)

OPTIONS: list[tuple[type[CloudResource], str, Raw]] = [
    (ClusterTemplateResource, "labels", {}),
    (GpuClusterResource, "labels", {}),
    (NodeGroupResource, "labels", {"cluster": "c"}),
    (NodeGroupResource, "node_labels", {"cluster": "c"}),
    (HardwareResource, "extra_specs", {}),
]


def refusal(resource: type[CloudResource], site: Site, **options: t.Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        site.run(resource, name="c", **options)
    assert site.history == []
    return caught.value.message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, NULL),
        (["x"], f"is a list, {TEXT}"),
        ([], f"is a list, {TEXT}"),
        ({"k": 1}, f"is a dictionary, {TEXT}"),
    ],
)
@pytest.mark.parametrize(("resource", "option", "more"), OPTIONS)
def test_what_is_no_text_is_refused(
    site: Site,
    resource: type[CloudResource],
    option: str,
    more: Raw,
    value: t.Any,
    message: str,
) -> None:
    given = {option: {"a": "fine", "b": value}}
    assert refusal(resource, site, **given, **more) == f"{option}: b {message}"


@pytest.mark.parametrize("option", ["labels", "node_labels"])
@pytest.mark.parametrize("resource", [ClusterTemplateResource, GpuClusterResource])
def test_so_it_is_in_node_groups(
    site: Site, resource: type[CloudResource], option: str
) -> None:
    groups = [{"name": "big", option: {"b": None}}]
    assert refusal(resource, site, node_groups=groups) == (
        f"node_groups: big: {option}: b {NULL}"
    )


@pytest.mark.parametrize("value", ["", "null", 0, 1.5, True, False, "x.1"])
@pytest.mark.parametrize(("resource", "option", "more"), OPTIONS)
def test_texts_numbers_and_booleans_are_accepted(
    resource: type[CloudResource], option: str, more: Raw, value: t.Any
) -> None:
    names = [field.name for field in (*resource.fields, *resource.options)]
    params = {**dict.fromkeys(names), "name": "c", **more}
    params[option] = {"b": value}
    resource.validate(params)


TEMPLATE: Raw = {
    "heat_template_version": "2018-08-31",
    "parameters": {
        "text": {"type": "string"},
        "list": {"type": "comma_delimited_list"},
        "data": {"type": "json"},
    },
}
CFN: Raw = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Parameters": {"text": {"Type": "String"}},
}


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("template", "parameters", "message"),
    [
        (TEMPLATE, {"list": None}, f"list {NULL}"),
        (TEMPLATE, {"text": ["x"]}, f"text is a list, {TEXT}"),
        (TEMPLATE, {"text": {"secret": 1}}, f"text is a dictionary, {TEXT}"),
        (CFN, {"text": ["x"]}, f"text is a list, {TEXT}"),
    ],
)
def test_parameters_of_a_stack_that_are_no_text(
    site: Site, check_mode: bool, template: Raw, parameters: Raw, message: str
) -> None:
    site.on("GET /v1.0/stacks/c", Reply(404, {"error": {"message": "not found"}}))
    with pytest.raises(InvalidInput) as caught:
        site.run(
            HeatStackResource,
            check_mode=check_mode,
            name="c",
            template=template,
            parameters=parameters,
        )
    assert caught.value.message == f"parameters: {message}"
    assert site.writes == []


def test_parameters_of_a_stack_that_are_json(site: Site) -> None:
    site.on("GET /v1.0/stacks/c", Reply(404, {"error": {"message": "not found"}}))
    parameters = {"list": ["x"], "data": {"a": [None]}, "text": 3}
    outcome = site.run(
        HeatStackResource,
        check_mode=True,
        name="c",
        template=TEMPLATE,
        parameters=parameters,
    )
    assert outcome.after is not None
    assert outcome.after["parameters"] == parameters

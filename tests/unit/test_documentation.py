# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules take and return is what their documentation says, everywhere alike."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest
from ansible.module_utils.basic import AnsibleModule

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
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.kubeconfig import (
    KubeconfigResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.location import (
    LocationResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.node_group import (
    NodeGroupResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.resource import (
    CloudResource,
)
from unit import documented
from unit.returned import faults, optional

Docs = dict[str, Any]

MODULES = sorted(
    path.stem for path in (documented.ROOT / "plugins/modules").glob("*.py")
)
RESOURCES: list[type[CloudResource]] = [
    ClusterTemplateResource,
    GpuClusterResource,
    HardwareResource,
    HeatStackResource,
    KubeconfigResource,
    LocationResource,
    NodeGroupResource,
]
LISTS = {
    "cluster_template": "cluster_templates",
    "gpu_cluster": "gpu_clusters",
    "hardware": "hardware",
    "heat_stack": "heat_stacks",
    "kubeconfig": "kubeconfigs",
    "location": "locations",
    "node_group": "node_groups",
}
"""The key under which the query of a kind returns its list."""

ONLY_DECLARED = {
    ("cluster_template", "unused_revisions"): "only prune: true computes it",
    ("gpu_cluster", "nodes_to_remove"): "only the option of this name computes it",
}
"""Keys that a module returns and its query does not, with the reason."""

OTHER_WORDS = {
    ("gpu_cluster", "location"): "the query always looks it up",
    ("gpu_cluster", "node_groups"): "the query reads all of them whole",
    ("hardware", "accelerators"): "the query reads flavors that others made",
    ("hardware", "projects"): "the query does not read it",
    ("kubeconfig", "ca_rotation_due"): "the query has no rotate_ca_after",
    ("kubeconfig", "content"): "the query never shows the key",
    ("kubeconfig", "renewal_due"): "the query has no renew_before",
}
"""Keys whose descriptions differ between a module and its query, with the reason."""


def module(name: str) -> Docs:
    """Return the documentation of a module, with its fragments."""
    return dict(documented.documented()["module"][f"gpufleet.openstack.{name}"])


# Options ------------------------------------------------------------------------------


class Built(Exception):
    """Ends a module as soon as its options are known."""


def built(name: str) -> Docs:
    """Return the arguments with which a module makes its AnsibleModule."""
    if (documented.ROOT / f"plugins/action/{name}.py").exists():
        return action_plugin(name)
    package = "ansible_collections.gpufleet.openstack.plugins.modules"
    code = importlib.import_module(f"{package}.{name}")

    signature = inspect.signature(AnsibleModule.__init__)

    def stop(*args: Any, **kwargs: Any) -> None:
        raise Built(signature.bind(*args, **kwargs).arguments)

    with patch.object(AnsibleModule, "__init__", stop), pytest.raises(Built) as caught:
        code.main()
    return dict(caught.value.args[0])


@cache
def action_plugin(name: str) -> Docs:
    """Return the same of a module that is an action plugin.

    A process that imports one counts as Ansible's controller from then on, in which
    modules print no warnings of their own.
    """
    code = f"""if True:
        import json
        from ansible_collections.gpufleet.openstack.plugins.action import {name} as code
        print(json.dumps({{
            "argument_spec": code.ARGUMENT_SPEC,
            "supports_check_mode": code.ActionModule._supports_check_mode,
        }}))
    """
    env = {**os.environ, "PYTHONPATH": str(documented.ROOT / ".build")}
    child = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=env
    )
    return dict(json.loads(child.stdout))


def options(spec: Docs, nested: str) -> Docs:
    """Return options in one form, from an argument spec or from documentation."""
    return {
        name: {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "required": bool(option.get("required")),
            "default": option.get("default"),
            "choices": list(option.get("choices") or []),
            "aliases": sorted(option.get("aliases") or []),
            "options": options(option.get(nested) or {}, nested),
        }
        for name, option in spec.items()
    }


@pytest.mark.parametrize("name", MODULES)
def test_options_are_those_that_the_documentation_lists(name: str) -> None:
    taken = options(built(name)["argument_spec"], "options")
    assert taken == options(module(name)["doc"]["options"], "suboptions")


# What modules support -----------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_every_module_documents_what_it_supports(name: str) -> None:
    attributes = module(name)["doc"]["attributes"]
    needed = {"check_mode", "diff_mode", "idempotent", "platform"}
    assert needed <= set(attributes)
    check_mode = attributes["check_mode"]["support"] == "full"
    assert check_mode == built(name)["supports_check_mode"]
    queries = name.endswith(("_info", "_facts"))
    assert attributes["diff_mode"]["support"] == ("N/A" if queries else "full")
    assert ("facts" in attributes) == name.endswith("_facts")


# What modules return ------------------------------------------------------------------


def returned(kind: str) -> Docs:
    """Return what is documented of a resource in the result of its module."""
    return dict(module(kind)["return"][kind]["contains"])


def queried(kind: str) -> Docs:
    """Return what is documented of a resource in the result of its query."""
    listed = module(f"{kind}_info")["return"][LISTS[kind]]
    assert (listed["type"], listed["elements"]) == ("list", "dict")
    return dict(listed["contains"])


def shape(docs: Docs) -> Docs:
    """Return keys and types of documented values, all the way down."""
    return {
        key: {
            "type": value["type"],
            "elements": value.get("elements"),
            "contains": shape(value.get("contains") or {}),
        }
        for key, value in docs.items()
    }


@pytest.mark.parametrize("kind", LISTS)
def test_a_module_and_its_query_return_the_same(kind: str) -> None:
    own = {key for named, key in ONLY_DECLARED if named == kind}
    here, there = returned(kind), queried(kind)
    assert own <= set(here)
    shared = {key: value for key, value in here.items() if key not in own}
    assert shape(shared) == shape(there)
    different = {key for key in there if here[key] != there[key]}
    assert different == {key for named, key in OTHER_WORDS if named == kind}


def test_every_kind_of_resource_is_looked_at() -> None:
    queries = {name.removesuffix("_info") for name in MODULES if name.endswith("_info")}
    assert queries & set(MODULES) == set(LISTS)
    assert [resource.kind for resource in RESOURCES] == list(LISTS)


def instance(resource: type[CloudResource]) -> CloudResource:
    """Return a resource that has a name and nothing else yet, and no cloud."""
    return resource(None, {"name": "a", "path": "/a"})  # type: ignore[arg-type]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_a_view_has_the_keys_that_are_documented(resource: type[CloudResource]) -> None:
    # What the unit tests of a resource return is held against RETURN by the way.
    docs = returned(resource.kind)
    assert set(instance(resource).blank()) == set(docs) - optional(docs)


def test_a_cluster_has_whole_node_groups() -> None:
    groups = returned("gpu_cluster")["node_groups"]["contains"]
    assert shape(groups) == shape(returned("node_group"))


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_fields_are_returned_with_the_type_of_their_option(
    resource: type[CloudResource],
) -> None:
    documentation = returned(resource.kind)
    types = {name: value["type"] for name, value in documentation.items()}
    fields = {field.name: field.type for field in resource.fields}
    assert fields == {name: types.get(name) for name in fields}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_results_have_the_keys_that_are_documented(
    resource: type[CloudResource],
) -> None:
    report = instance(resource).report
    assert set(module(resource.kind)["return"]) == {
        *("action", "error", resource.kind),
        *report,
    }


def test_a_result_is_held_against_its_documentation() -> None:
    size = {"type": "int"}
    docs = {
        "size": size,
        "marks": {"type": "dict", "contains": {"number": size}},
        "parts": {"type": "list", "elements": "dict", "contains": {"number": size}},
        "due": {"type": "str", "returned": "with O(prune=true)"},
    }
    good = {"size": None, "marks": {"number": 1}, "parts": [{"number": 2}]}
    assert list(faults(good, docs, "a")) == []
    bad = {"marks": {"number": True}, "parts": [{"number": 2}, {}], "more": 1}
    assert list(faults(bad, docs, "a")) == [
        "a.more is not documented",
        "a.size is documented and not returned",
        "a.marks.number is documented as int, and is True",
        "a.parts[1].number is documented and not returned",
    ]


def test_failures_have_one_shape() -> None:
    errors = {
        name: shape({"error": module(name)["return"]["error"]})
        for name in MODULES
        if "error" in module(name)["return"]
    }
    assert set(errors) == set(runtime_group())
    assert len({repr(error) for error in errors.values()}) == 1


def runtime_group() -> list[str]:
    """Return the modules that reach a cloud."""
    return [
        name for name in MODULES if "action_group" in module(name)["doc"]["attributes"]
    ]

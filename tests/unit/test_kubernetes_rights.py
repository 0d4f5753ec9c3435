# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rights that the manifest grants, beside what the source requests."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)
from fakes.recorded.kube import Kube

MANIFEST = Path(__file__).parents[2] / "playbooks/files/kubernetes-access.yml"
ITEMS: list[dict[str, Any]] = yaml.safe_load(MANIFEST.read_text())["items"]
READERS, MAINTAINERS = "gpufleet:readers", "gpufleet:maintainers"

KINDS = {"replicationcontrollers": "ReplicationController"}
"""The kinds of the API without a group that own pods. Others are named here as needed."""

Right = tuple[str, str, str]
"""A verb, a group of the API, and a resource; of no resource the verb, "" and a URL."""


def rules(role: str) -> list[dict[str, Any]]:
    [found] = (
        item
        for item in ITEMS
        if (item["kind"], item["metadata"]["name"]) == ("ClusterRole", role)
    )
    return list(found["rules"])


def granted(role: str) -> set[Right]:
    """The rights of a role, one by one."""
    return {
        (verb, group, resource)
        for rule in rules(role)
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", [""])
        for resource in rule.get("resources", rule.get("nonResourceURLs"))
    }


def required(target: str) -> Right:
    """The right that a GET of a path takes, where it lists or discovers."""
    path = target.partition("?")[0]
    _root, kind, *rest = path.split("/")
    # /api/v1/nodes; /apis/apps/v1/jobs. What is shorter is discovery.
    group = rest.pop(0) if kind == "apis" else ""
    if len(rest) == 1:
        return ("get", "", path)
    _version, resource = rest
    return ("list", group, resource)


@pytest.fixture
def kube() -> Iterator[Kube]:
    server = Kube()
    yield server
    server.close()


def with_owners_of_all_kinds(kube: Kube) -> None:
    """Let a pod be owned by an object of each resource that readers may list."""
    pods = kube.lists["/api/v1/pods"]["items"]
    usual = next(pod for pod in pods if pod["metadata"]["name"].startswith("bare-"))
    for _verb, group, resource in sorted(granted(READERS)):
        if resource.startswith("/") or resource in ("nodes", "pods"):
            continue
        api = f"{group}/v1" if group else "v1"
        path = f"/api{'s' if group else ''}/{api}/{resource}"
        listed = kube.lists.setdefault(path, {"kind": f"{resource}List", "items": []})
        kind = listed["kind"] = KINDS.get(resource, listed["kind"].removesuffix("List"))
        pod = copy.deepcopy(usual)
        owner = {"apiVersion": api, "kind": kind, "name": "x", "uid": path}
        pod["metadata"].update(
            name=path, uid=path, ownerReferences=[{**owner, "controller": True}]
        )
        pods.append(pod)


def test_readers_may_do_what_the_source_does_and_no_more(
    kube: Kube, tmp_path: Path
) -> None:
    with_owners_of_all_kinds(kube)
    path = kube.kubeconfig(tmp_path / "kubeconfig")
    assert kubernetes.read({"kubeconfig": path}, 60).warnings == ()
    needed = {required(target) for target in kube.requests}
    assert len(needed) > 20
    rights = granted(READERS)
    used = {
        right
        for right in rights
        for need in needed
        if right[:2] == need[:2] and fnmatchcase(need[2], right[2])
    }
    unmet = {
        need
        for need in needed
        if not any(
            right[:2] == need[:2] and fnmatchcase(need[2], right[2]) for right in rights
        )
    }
    assert unmet == set()
    assert rights - used == set()


def test_readers_change_nothing_and_see_no_secret() -> None:
    rights = granted(READERS)
    assert {verb for verb, _group, _resource in rights} == {"list", "get"}
    assert not any("*" in right[2].replace("/*", "") for right in rights)
    assert not {resource for _verb, _group, resource in rights} & {
        "secrets",
        "configmaps",
        "serviceaccounts",
    }


def test_maintainers_cordon_and_evict() -> None:
    assert granted(MAINTAINERS) == {
        ("get", "", "nodes"),
        ("list", "", "nodes"),
        ("patch", "", "nodes"),
        ("get", "", "pods"),
        ("list", "", "pods"),
        ("create", "", "pods/eviction"),
    }


def test_each_role_is_bound_to_the_group_of_its_name() -> None:
    bindings = [item for item in ITEMS if item["kind"] == "ClusterRoleBinding"]
    assert len(bindings) == 2 == len(ITEMS) - len(bindings)
    for binding in bindings:
        name = binding["metadata"]["name"]
        assert rules(name)
        assert binding["roleRef"]["name"] == name
        assert binding["subjects"] == [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name}
        ]
    assert list(kubernetes.GROUPS) == [READERS]


@pytest.mark.parametrize("version", ["1.28", "1.37"])
def test_it_is_valid(version: str) -> None:
    for item in ITEMS:
        kubernetes_validate.validate(item, version, strict=True)

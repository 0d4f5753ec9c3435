# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of the rounds: what is asked for, and what the bed itself says of it.

A new module comes in with an entry in `PLAYS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from integration.cloud_site import MAGNUM, Site

Task = tuple[str, dict[str, Any]]
State = dict[str, Any]
"""What of a resource a task may change, by its id."""


class Play(NamedTuple):
    """Tasks that follow each other, and how to look past the modules.

    Attributes:
        tasks: Makes what they need, and returns them; the last one removes all.
        state: Reads what is there from the bed.
        cloud: Who runs the tasks, `member` or `admin`.
        timeout: Seconds that each of them may take.
    """

    tasks: Callable[[Site], list[Task]]
    state: Callable[[Site], State]
    cloud: str = "member"
    timeout: int = 40


# Hardware ---------------------------------------------------------------------

A100 = {"vendor": "nvidia", "model": "A100", "count": 1, "memory_gib": 80}
H100 = {"vendor": "nvidia", "model": "H100", "count": 2, "memory_gib": 94}


def _hardware(site: Site) -> list[Task]:
    name = site.name("shaken")
    size = {"name": name, "vcpus": 4, "ram_mib": 8192, "disk_gib": 40}
    made = {**size, "accelerators": [A100], "power_watts": 400}
    other = {**size, "accelerators": [H100], "description": "two H100"}
    return [
        ("hardware", made),
        ("hardware", other),
        ("hardware", other),
        ("hardware_info", {"name": name, "required": True}),
        ("hardware", {"name": name, "state": "absent"}),
    ]


def _flavors(site: Site) -> State:
    url = "/flavors/detail?is_public=None"
    nova = site.as_admin.compute
    answer = _ok(lambda: nova.get(url, microversion="2.61"))
    return {
        flavor["id"]: [flavor["description"], flavor["extra_specs"]]
        for flavor in answer["flavors"]
        if flavor["name"] == site.name("shaken")
    }


# Templates --------------------------------------------------------------------


def _template(site: Site) -> list[Task]:
    asked = site.template_options("shaken", "cpu.worker", profile="cpu_only")
    other = {**asked, "network_driver": "calico", "labels": {"etcd_tag": "v3"}}
    return [
        ("cluster_template", asked),
        ("cluster_template", other),
        ("cluster_template", other),
        ("cluster_template_info", {"name": "shaken", "required": True}),
        ("cluster_template", {"name": "shaken", "state": "absent"}),
    ]


def _templates(site: Site) -> State:
    return {
        found["uuid"]: [found["network_driver"], found["labels"]]
        for found in _magnum(site, "/clustertemplates/detail")["clustertemplates"]
        if found["name"] == "shaken"
    }


def _revision(site: Site) -> list[Task]:
    asked = site.template_options("calm", "cpu.worker")
    assert site.member("cluster_template", **asked)["changed"]
    _calm(site, "calm")
    made = {**asked, "labels": {"etcd_tag": "v1"}, "on_in_use": "new_revision"}
    other = {**made, "labels": {"etcd_tag": "v2"}}
    return [
        ("cluster_template", made),
        ("cluster_template", other),
        ("cluster_template", other),
        ("cluster_template_info", {"name": "calm", "required": True}),
        ("cluster_template", {"name": "calm-r2", "state": "absent"}),
    ]


def _revisions(site: Site) -> State:
    return {
        found["uuid"]: [found["name"], found["tags"], found["labels"]]
        for found in _magnum(site, "/clustertemplates/detail")["clustertemplates"]
        if found["name"] != "calm"
    }


# Stacks -----------------------------------------------------------------------


def _heat_stack(site: Site) -> list[Task]:
    value = {"type": "OS::Heat::Value", "properties": {"value": {"get_param": "text"}}}
    template = {
        "heat_template_version": "2018-08-31",
        "parameters": {"text": {"type": "string"}},
        "resources": {"value": value},
    }
    asked = {"name": "shaken", "template": template, "parameters": {"text": "one"}}
    other = {**asked, "parameters": {"text": "two"}}
    return [
        ("heat_stack", asked),
        ("heat_stack", other),
        ("heat_stack", other),
        ("heat_stack_info", {"name": "shaken", "required": True}),
        ("heat_stack", {"name": "shaken", "state": "absent"}),
    ]


def _location(site: Site) -> list[Task]:
    asked = {"name": "shaken", "cidr": "10.77.0.0/24", "building": "7"}
    return [
        ("location", asked),
        ("location", {**asked, "building": "8"}),
        ("location", {**asked, "building": "8"}),
        ("location_info", {"name": "shaken", "required": True}),
        ("location", {"name": "shaken", "state": "absent"}),
    ]


def _stacks(site: Site) -> State:
    heat = site.as_member.orchestration
    listed = _ok(lambda: heat.get("/stacks"))["stacks"]
    kept = [stack for stack in listed if not _leaving(stack["stack_status"])]
    state = {}
    for stack in kept:
        path = f"/stacks/{stack['stack_name']}/{stack['id']}"
        whole = _ok(lambda path=path: heat.get(path))["stack"]
        state[stack["id"]] = [whole["parameters"], sorted(whole.get("tags") or [])]
    return state


# Clusters ---------------------------------------------------------------------


def _cluster(site: Site) -> list[Task]:
    template = site.template("cpu.worker")
    group = {"name": "more", "node_count": 0}
    asked = {"name": "shaken", "template": template, "node_count": 0}
    other = {**asked, "node_count": 1, "node_groups": [{**group, "node_count": 1}]}
    return [
        ("gpu_cluster", {**asked, "node_groups": [group]}),
        ("gpu_cluster", other),
        ("gpu_cluster", other),
        ("gpu_cluster_info", {"name": "shaken", "required": True}),
        ("gpu_cluster", {"name": "shaken", "state": "absent"}),
    ]


def _clusters(site: Site) -> State:
    return {
        found["uuid"]: list(_groups(site, found["uuid"]).values())
        for found in _magnum(site, "/clusters/detail")["clusters"]
        if not _leaving(found["status"])
    }


def _groups(site: Site, cluster: str) -> State:
    url = f"/clusters/{cluster}/nodegroups"
    # The cluster may have gone since it was listed.
    listed = _magnum(site, url, missing={"nodegroups": []})["nodegroups"]
    return {
        group["uuid"]: [group["name"], group["node_count"]]
        for group in sorted(listed, key=lambda group: str(group["name"]))
        if not _leaving(group["status"])
    }


def _node_group(site: Site) -> list[Task]:
    _calm(site, site.template("cpu.worker"))
    asked = {"cluster": "calm", "name": "shaken", "node_count": 0}
    return [
        ("node_group", asked),
        ("node_group", {**asked, "node_count": 1}),
        ("node_group", {**asked, "node_count": 1}),
        ("node_group_info", {"cluster": "calm", "name": "shaken", "required": True}),
        ("node_group", {**asked, "state": "absent"}),
    ]


def _node_groups(site: Site) -> State:
    groups = _groups(site, "calm")
    return {
        ident: group
        for ident, group in groups.items()
        if not str(group[0]).startswith("default-")
    }


def _calm(site: Site, template: str) -> None:
    """Make a cluster that the play only needs."""
    made = site.member("gpu_cluster", name="calm", template=template, node_count=0)
    assert made.get("action") == "create", made


# Credentials --------------------------------------------------------------------


def _kubeconfig(site: Site) -> list[Task]:
    _calm(site, site.template("cpu.worker"))
    asked = {"name": "calm", "path": str(_file(site))}
    other = {**asked, "user": "viewer", "groups": ["gpu-viewers"]}
    return [
        ("kubeconfig", asked),
        ("kubeconfig", other),
        ("kubeconfig", other),
        ("kubeconfig_info", {"name": "calm", "path": str(_file(site))}),
        ("kubeconfig", {**asked, "state": "absent"}),
    ]


def _file(site: Site) -> Path:
    return site.member.folder / "kubeconfig"


def _files(site: Site) -> State:
    beside = _file(site).parent.glob(f"*{_file(site).name}*")
    return {file.name: file.read_text() for file in beside}


# --------------------------------------------------------------------------------


def _leaving(status: str | None) -> bool:
    return (status or "").startswith("DELETE")


def _magnum(site: Site, url: str, missing: State | None = None) -> dict[str, Any]:
    magnum = site.as_member.container_infrastructure_management
    return _ok(lambda: magnum.get(url, headers=MAGNUM), missing)


def _ok(send: Callable[[], Any], missing: State | None = None) -> dict[str, Any]:
    """The body of a good answer, or what stands for a 404.

    Magnum answers 400 for a moment now and then.
    """
    deadline = time.monotonic() + 60
    while not (answer := send()).ok:
        if missing is not None and answer.status_code == 404:
            return missing
        assert time.monotonic() < deadline, answer.text
        time.sleep(1)
    return dict(answer.json())


PLAYS = {
    "hardware": Play(_hardware, _flavors, cloud="admin"),
    "cluster_template": Play(_template, _templates),
    "location": Play(_location, _stacks, timeout=90),
    "gpu_cluster": Play(_cluster, _clusters, timeout=240),
    "heat_stack": Play(_heat_stack, _stacks, timeout=60),
    "kubeconfig": Play(_kubeconfig, _files),
    "node_group": Play(_node_group, _node_groups, timeout=120),
    "revision": Play(_revision, _revisions),
}
"""By name; the rounds take them in turn."""

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services would refuse or spoil later is refused before the first write."""

from __future__ import annotations

from integration.cloud_site import Site

SIZE = {"vcpus": 1, "ram_mib": 512, "disk_gib": 1}


def test_values_that_are_no_text(site: Site) -> None:
    name = site.name("odd")
    marks = {"labels": {"kube_tag": None}}
    template, cluster, stack = site.member.run(
        [
            ("cluster_template", {**site.template_options("odd", "none"), **marks}),
            ("gpu_cluster", {"name": "odd", "template": "none", **marks}),
            (
                "heat_stack",
                {
                    "name": "odd",
                    "template": {
                        "heat_template_version": "2018-08-31",
                        "parameters": {"size": {"type": "string"}},
                    },
                    "parameters": {"size": ["x"]},
                },
            ),
        ]
    )
    assert "labels: kube_tag is null" in template["msg"]
    assert "labels: kube_tag is null" in cluster["msg"]
    assert "parameters: size is a list" in stack["msg"]
    assert site.member.recorder.writes == []

    specs = {"trait:CUSTOM_A": ["required"]}
    hardware = site.admin("hardware", name=name, **SIZE, extra_specs=specs)
    assert "extra_specs: trait:CUSTOM_A is a list" in hardware["msg"]
    assert site.admin.recorder.writes == []


def test_addresses_that_neutron_cannot_take(site: Site) -> None:
    wanted = [
        ({"cidr": "fd00::/64"}, "one of IPv6"),
        ({"cidr": "10.77.0.0/30"}, "too small for a cluster"),
        ({"cidr": "224.0.0.0/24"}, "for multicast"),
        ({"cidr": "10.77.0.0/24", "dns_nameservers": ["fd00::53"]}, "IPv6"),
    ]
    tasks = [("location", {"name": "odd", **options}) for options, _text in wanted]
    for results in (site.member.plan(tasks), site.member.run(tasks)):
        for result, (_options, text) in zip(results, wanted, strict=True):
            assert result["error"]["type"] == "InvalidInput", result
            assert text in result["msg"]
        assert site.member.recorder.writes == []


def test_a_network_without_its_subnet(site: Site) -> None:
    neutron = site.as_member.network
    lab = neutron.create_network(name="lab")
    first = neutron.create_subnet(
        network_id=lab.id, name="a", ip_version=4, cidr="10.78.0.0/24"
    )
    made = site.member("location", name="one", network="lab")
    assert made["location"]["subnet_id"] == first.id, made

    neutron.create_subnet(
        network_id=lab.id, name="b", ip_version=4, cidr="10.78.1.0/24"
    )
    fixed = {"fixed_network": "lab"}
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    tasks = [
        ("location", {"name": "two", "network": "lab"}),
        ("cluster_template", {**site.template_options("two", "m1.master"), **fixed}),
        ("gpu_cluster", {"name": "two", "template": template, **fixed}),
    ]
    for results in (site.member.plan(tasks), site.member.run(tasks)):
        for result in results:
            assert result["error"]["type"] == "InvalidInput", result
            assert "has 2 subnets: a, b. Set" in result["msg"]
        assert site.member.recorder.writes == []


def test_quotas(site: Site) -> None:
    """A quota that is too small is seen before the write, and by preflight_info."""
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    admin, project = site.as_admin, site.project.id
    nova = {"server_group_members": 2, "force": True}
    answer = admin.compute.put(f"/os-quota-sets/{project}", json={"quota_set": nova})
    answer.raise_for_status()
    neutron = {"quota": {"floatingip": 0}}
    admin.network.put(f"/quotas/{project}", json=neutron).raise_for_status()
    options = {"name": "big", "template": template, "node_count": 3}
    big, reached, found = site.member.run(
        [
            ("gpu_cluster", options),
            ("gpu_cluster", {**options, "node_count": 1, "floating_ip_enabled": True}),
            ("preflight_info", {"nodes": [{"hardware": "m1.master", "count": 3}]}),
        ]
    )
    for refused, text in (
        (big, "server_group_members: 3 needed, 2 free"),
        (reached, "floatingip: 2 needed, 0 free"),
    ):
        assert refused["error"]["type"] == "ResourceError", refused
        assert text in refused["msg"]
    assert site.member.recorder.writes == []
    rows = {(row["check"], row["subject"]): row for row in found["checks"]}
    assert rows["quota", "server_group_members"]["status"] == "warning"
    assert rows["quota", "floatingip"]["status"] == "warning"
    assert rows["quota", "clusters"]["status"] == "ok"


def test_what_magnum_refuses(site: Site) -> None:
    """Check mode fails as the real run does, and neither sends a write."""
    hardware = site.hardware("CUSTOM_GPU_MI300X", 1)
    template = site.template(hardware)
    bare = site.name("bare")
    site.admin("hardware", name=bare, **{**SIZE, "disk_gib": 0})
    wanted: list[tuple[str, dict[str, object], str]] = [
        ("gpu_cluster", {"master_count": 2}, "master_count: 2 is even"),
        ("gpu_cluster", {"master_count": 3}, "3 masters require a load balancer"),
        ("gpu_cluster", {"master_lb_enabled": True}, "this cloud has no service"),
        ("gpu_cluster", {"hardware": bare}, "has no disk"),
        ("cluster_template", {"hardware": bare}, "has no disk"),
        (
            "cluster_template",
            {"docker_storage_driver": "devicemapper"},
            "docker_volume_size: None is below 3",
        ),
    ]
    own = {
        "gpu_cluster": {"name": "odd", "template": template},
        "cluster_template": site.template_options("odd", hardware),
    }
    tasks = [(module, {**own[module], **more}) for module, more, _text in wanted]
    for results in (site.member.plan(tasks), site.member.run(tasks)):
        for result, (_module, _more, text) in zip(results, wanted, strict=True):
            assert result["error"]["type"] == "InvalidInput", result
            assert text in result["msg"]
        assert site.member.recorder.writes == []


def test_a_keypair_of_another_user(site: Site) -> None:
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    with site.user("a-word-of-the-second-user") as auth:
        cloud = {"auth": auth, "region_name": "RegionOne"}
        options = {"name": "odd", "template": template, "cloud": cloud}
        plan = site.member.check("gpu_cluster", **options)
        real = site.member("gpu_cluster", **options)
    for result in (plan, real):
        assert result["error"]["type"] == "InvalidInput", result
        assert "keypairs belong to users" in result["msg"]
    assert site.member.recorder.writes == []


def test_a_restricted_application_credential(site: Site) -> None:
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    keystone = site.as_member.identity
    made = keystone.create_application_credential(
        user=site.as_member.current_user_id, name=site.name("restricted")
    )
    auth = {
        "auth_url": site.credentials["auth_url"],
        "application_credential_id": made.id,
        "application_credential_secret": made.secret,
    }
    cloud = {
        "auth_type": "v3applicationcredential",
        "auth": auth,
        "region_name": "RegionOne",
    }
    tasks: list[tuple[str, dict[str, object]]] = [
        ("location", {"name": "new", "cidr": "10.79.0.0/24", "cloud": cloud}),
        ("gpu_cluster", {"name": "new", "template": template, "cloud": cloud}),
    ]
    for results in (site.member.plan(tasks), site.member.run(tasks)):
        for result in results:
            assert result["error"]["type"] == "AuthError", result
            assert "--unrestricted" in result["msg"]
        assert site.member.recorder.writes == []
    [row, *_others] = site.member("preflight_info", cloud=cloud)["checks"]
    assert (row["check"], row["status"]) == ("credentials", "failed")
    assert "--unrestricted" in row["remedy"]


def test_names_of_node_groups(site: Site) -> None:
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    groups = [{"name": "two words", "node_count": 1}]
    options = {"name": "odd", "template": template, "node_groups": groups}
    for refused in (
        site.member.check("gpu_cluster", **options),
        site.member("gpu_cluster", **options),
    ):
        assert refused["error"]["type"] == "InvalidInput", refused
        assert "name: 'two words' must have 63 characters at most" in refused["msg"]
    assert site.member.recorder.writes == []

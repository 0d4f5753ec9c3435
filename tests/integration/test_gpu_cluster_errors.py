# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with clusters, and how it is told and put right."""

from __future__ import annotations

from integration.cloud_site import Site


def test_wrong_names_and_values(site: Site) -> None:
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    name, group, low, count, bounds, nothing = site.member.run(
        [
            ("gpu_cluster", {"name": "1st", "template": template}),
            ("gpu_cluster", {"name": "c", "template": "no-such-template"}),
            ("gpu_cluster", {"name": "c", "template": template, "node_count": -1}),
            ("gpu_cluster", {"name": "c", "template": template, "hardware": "none"}),
            (
                "gpu_cluster",
                {
                    "name": "c",
                    "template": template,
                    "min_node_count": 4,
                    "max_node_count": 2,
                },
            ),
            ("gpu_cluster", {"name": "c", "node_count": 2}),
        ]
    )
    assert "name: '1st' must begin with a letter" in name["msg"]
    assert group["error"]["type"] == "TemplateNotFound"
    assert low["msg"] == "node_count: -1 is below 0"
    assert count["error"]["type"] == "HardwareNotFound"
    assert bounds["msg"] == "min_node_count: 4 is above max_node_count, 2"
    assert "the option template is needed" in nothing["msg"]
    assert site.member.recorder.writes == []
    assert site.member("gpu_cluster_info")["gpu_clusters"] == []


def test_quota(site: Site) -> None:
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    site.set_cluster_quota(0)
    options = {"name": "over", "template": template}
    early = site.member("gpu_cluster", **options)
    assert early["error"]["type"] == "ResourceError", early
    assert "clusters: 1 needed, 0 free" in early["msg"]
    assert site.member.recorder.writes == []
    refused = site.member("gpu_cluster", **options, precheck=False)
    assert refused["error"]["type"] == "ResourceError"
    assert refused["error"]["status"] == 403
    assert "maximum clusters per project" in refused["msg"]


def test_nova_quota(site: Site) -> None:
    """Magnum takes the request; what Nova says of its quota is dug out."""
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    site.set_server_quota(0)
    asked = {"name": "over", "template": template, "node_count": 0}
    # Seen before anything is written, unless that is switched off.
    early = site.member("gpu_cluster", **asked)
    assert early["error"]["type"] == "ResourceError", early
    assert "does not fit" in early["msg"]
    assert "instances: 1 needed, 0 free" in early["msg"]
    assert early["error"]["details"]["needed"]["instances"] == 1
    assert not early["changed"]
    assert site.member.recorder.writes == []
    plan = site.member.check("gpu_cluster", **asked)
    assert any("does not fit" in line for line in plan["warnings"])

    failed = site.member("gpu_cluster", **asked, precheck=False)
    assert failed["error"]["type"] == "ResourceError"
    assert "CREATE_FAILED" in failed["msg"]
    assert "Quota exceeded" in failed["msg"]


def test_wrong_credentials(site: Site) -> None:
    auth = {**site.credentials, "password": "not-the-password"}
    cloud = {"auth": auth, "region_name": "RegionOne"}
    refused, unknown, region = site.member.run(
        [
            ("gpu_cluster_info", {"cloud": cloud}),
            ("gpu_cluster_info", {"cloud": "no-such-cloud"}),
            ("gpu_cluster_info", {"region_name": "Elsewhere"}),
        ]
    )
    assert refused["error"]["type"] == "AuthError"
    assert unknown["error"]["type"] == "InvalidInput"
    assert "no-such-cloud" in unknown["msg"]
    assert region["failed"]
    assert "region" in region["msg"].lower()
    assert "not-the-password" not in site.member.output

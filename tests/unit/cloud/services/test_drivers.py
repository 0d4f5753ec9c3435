# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which driver made a cluster."""

from __future__ import annotations

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services import (
    drivers,
)

STACK = "4b1c3a7e-7a86-4f0e-8f0a-0a4b2f6d9b7c"


@pytest.mark.parametrize(
    ("name", "infrastructure", "expected"),
    [
        # Magnum 23 says it.
        ("k8s_capi_helm_v1", "train-lfhd5anuthod", "capi-helm"),
        ("k8s_cluster_api_ubuntu_focal", "kube-ab12c", "cluster-api"),
        ("k8s_fedora_coreos_v1", STACK, "heat"),
        ("k8s_capi_helm_v1", None, "capi-helm"),
        ("k8s_other_v1", STACK, "k8s_other_v1"),
        # It follows from what the cluster is called below Magnum.
        (None, STACK, "heat"),
        (None, "kube-ab12c", "cluster-api"),
        (None, "train-lfhd5anuthod", "capi-helm"),
        (None, "kube-lfhd5anuthod", "capi-helm"),
        (None, "train", ""),
        (None, None, ""),
    ],
)
def test_the_driver_of_a_cluster(
    name: str | None, infrastructure: str | None, expected: str
) -> None:
    driver = drivers.driver_of(name, infrastructure)
    assert driver.name == expected
    assert driver.cluster_api == (expected in ("capi-helm", "cluster-api"))


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({"stack_id": STACK}, STACK),
        ({"cluster_id": "kube-ab12c"}, "kube-ab12c"),
        ({"stack_id": None}, None),
        ({}, None),
    ],
)
def test_the_id_below_magnum(cluster: dict[str, str], expected: str | None) -> None:
    assert drivers.infrastructure_id(cluster) == expected


PREFIXES = {
    drivers.prefix("train-lfhd5anuthod", group): group
    for group in ("default-master", "default-worker", "gpu", "GPU_big.1")
}


@pytest.mark.parametrize(
    ("server", "group"),
    [
        ("train-lfhd5anuthod-default-worker-7x2kq-9fz4c", "default-worker"),
        ("train-lfhd5anuthod-gpu-7x2kq-9fz4c", "gpu"),
        ("train-lfhd5anuthod-gpu-big-1-7x2kq-9fz4c", "GPU_big.1"),
        ("train-lfhd5anuthod-control-plane-abcde", "default-master"),
        ("train-lfhd5anuthod-aaaaa-bbbbb", "default-master"),
        ("train-lfhd5anuthoe-gpu-7x2kq-9fz4c", None),
        ("train-lfhd5anuthod", None),
    ],
)
def test_the_node_group_of_a_server(server: str, group: str | None) -> None:
    assert drivers.group_of(server, PREFIXES) == group


def test_long_prefixes_are_cut_as_names_are() -> None:
    ident = f"{'x' * 30}-lfhd5anuthod"
    prefix = drivers.prefix(ident, "default-worker")
    assert prefix == f"{ident}-default-worker"
    assert drivers.group_of(f"{prefix}9fz4c", {prefix: "w"}) == "w"

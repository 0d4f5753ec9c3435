# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that claim devices by dynamic resource allocation, and what they were given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from beds.kubernetes.nodes import DRA_DRIVER

TEMPLATE = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceClaimTemplate",
    "metadata": {"name": "one", "namespace": "default"},
    "spec": {
        "spec": {
            "devices": {
                "requests": [
                    {"name": "gpu", "exactly": {"deviceClassName": DRA_DRIVER}}
                ]
            }
        }
    },
}
"""Of a claim to one device."""


def pod(name: str) -> dict[str, Any]:
    """A pod with such a claim."""
    container = {
        "name": "main",
        "image": "none",
        "resources": {"claims": [{"name": "gpu"}]},
    }
    claim = {"name": "gpu", "resourceClaimTemplateName": TEMPLATE["metadata"]["name"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [container], "resourceClaims": [claim]},
    }


def allocated(claims: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Pool, which is named as its node, and name of each device that was given."""
    return sorted(
        (result["pool"], result["device"])
        for claim in claims
        for result in claim.get("status", {})
        .get("allocation", {})
        .get("devices", {})
        .get("results", [])
    )

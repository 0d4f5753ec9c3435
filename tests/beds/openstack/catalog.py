# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Keystone's catalogue holds, region by region."""

from __future__ import annotations

REGION = "RegionOne"
CAPI_REGION = "capi"

# Service with a port of its own: name in Keystone, type, what follows the port.
CATALOG = {
    "keystone": ("keystone", "identity", "/v3"),
    "placement": ("placement", "placement", ""),
    "glance": ("glance", "image", ""),
    "neutron": ("neutron", "network", ""),
    "nova-api": ("nova", "compute", "/v2.1"),
    "heat-api": ("heat", "orchestration", "/v1/%(project_id)s"),
    "heat-cfn": ("heat-cfn", "cloudformation", "/v1"),
    "magnum-api": ("magnum", "container-infra", "/v1"),
    "cinder-api": ("cinder", "block-storage", "/v3/%(project_id)s"),
}

# The second region shares all services but these: no Heat, and a Magnum of its own.
REGIONS = {
    REGION: CATALOG,
    CAPI_REGION: {
        **{
            port: entry
            for port, entry in CATALOG.items()
            if entry[0] not in ("heat", "heat-cfn", "magnum")
        },
        "magnum-capi-api": CATALOG["magnum-api"],
    },
}

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fills Keystone: the services' users and catalogue, domains, the demo project."""

from __future__ import annotations

from openstack.connection import Connection

from .catalog import CAPI_REGION, REGION, REGIONS
from .layout import Bed

# Heat and Magnum make users of their own, each in a domain that it administers.
DOMAINS = {"heat": "heat_domain_admin", "magnum": "magnum_domain_admin"}


def fill_keystone(bed: Bed, admin: Connection) -> None:
    """Make everything that the services expect in a new Keystone.

    Args:
        bed: The bed; Keystone runs.
        admin: A connection as admin.
    """
    keystone = admin.identity
    secrets = bed.secrets

    def make(kind: str, **body: object) -> str:
        answer = keystone.post(f"/{kind}s", json={kind: body})
        return answer.json()[kind]["id"]

    def grant(scope: str, user: str, *names: str) -> None:
        for name in names:
            keystone.put(f"/{scope}/users/{user}/roles/{roles[name]}")

    roles = {
        role["name"]: role["id"] for role in keystone.get("/roles").json()["roles"]
    }
    for name in ("heat_stack_owner", "heat_stack_user", "service"):
        roles.setdefault(name, "")
        roles[name] = roles[name] or make("role", name=name)

    service_project = make("project", name="service", domain_id="default")
    known = keystone.get("/services").json()["services"]  # Keystone's, by bootstrap
    offers = {service["name"]: service["id"] for service in known}
    for name, kind, _path in REGIONS[REGION].values():
        if name in offers:
            continue
        offers[name] = make("service", name=name, type=kind)
        if name in secrets:
            user = make("user", name=name, password=secrets[name], domain_id="default")
            grant(f"projects/{service_project}", user, "admin", "service")

    make("region", id=CAPI_REGION)
    for region, catalog in REGIONS.items():
        for port_name, (name, _kind, path) in catalog.items():
            if (region, name) == (REGION, "keystone"):
                continue  # `keystone-manage bootstrap` did it
            for interface in ("public", "internal", "admin"):
                make(
                    "endpoint",
                    service_id=offers[name],
                    interface=interface,
                    url=bed.url(port_name, path),
                    region_id=region,
                )

    for domain, name in DOMAINS.items():
        domain_id = make("domain", name=domain)
        user = make("user", name=name, password=secrets[name], domain_id=domain_id)
        grant(f"domains/{domain_id}", user, "admin")

    demo = make("project", name="demo", domain_id="default")
    user = make("user", name="demo", password=secrets["demo"], domain_id="default")
    grant(f"projects/{demo}", user, "member", "heat_stack_owner")
    admin_user = admin.current_user_id
    grant(f"projects/{demo}", admin_user, "admin")
    grant(f"projects/{admin.current_project_id}", admin_user, "heat_stack_owner")

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that the source kubernetes requests of Magnum."""

from __future__ import annotations

import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    kubernetes,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.kubeconfig import (
    Access,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.failure import (
    SourceError,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source,
)
from unit.cloud.fakes import Raw, Site
from unit.cloud.resources.test_kubeconfig import SIGN, Authority, serve

OPTIONS = {"cloud": "mycloud", "cluster": "gpu"}


@pytest.fixture
def used(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[Access]:
    """How the API server would be reached, which then forbids everything."""
    found: list[Access] = []

    def client(access: Access, timeout: float) -> t.Any:
        found.append(access)

        def get(path: str, query: Raw, accept: str) -> t.Any:
            raise kubernetes.Refused(403, "nodes is forbidden")

        return get

    monkeypatch.setattr(kubernetes, "client", client)
    monkeypatch.setattr(source, "Cloud", lambda *_arguments: site.cloud())
    return found


@pytest.mark.parametrize(
    ("options", "subject", "hint"),
    [
        ({}, "O=gpufleet:readers,CN=gpufleet:reports", "the groups gpufleet:readers"),
        (
            {"kubernetes_groups": ["system:masters"]},
            "O=system:masters,CN=gpufleet:reports",
            "the groups system:masters",
        ),
        (
            {"kubernetes_groups": ["team a", "b"]},
            "O=b,O=team a,CN=gpufleet:reports",
            "the groups team a, b",
        ),
    ],
)
def test_its_groups(
    site: Site, used: list[Access], options: Raw, subject: str, hint: str
) -> None:
    authority = serve(site, Authority())
    with pytest.raises(SourceError) as caught:
        source.read({**OPTIONS, **options}, 10)
    message = str(caught.value)
    assert "403: nodes is forbidden" in message
    assert hint in message
    assert "option kubernetes_groups" in message
    assert "the playbook gpufleet.openstack.kubernetes_access" in message
    assert "playbooks/files/kubernetes-access.yml" in message
    [access] = used
    assert access.server == "https://203.0.113.7:6443"
    assert access.ca == authority.pem
    certificate = x509.load_pem_x509_certificate(str(access.certificate).encode())
    assert certificate.subject.rfc4514_string() == subject
    key = load_pem_private_key(str(access.key).encode(), None)
    assert key.public_key() == certificate.public_key()
    [sent] = site.sent(SIGN)
    assert "PRIVATE" not in str(sent)


@pytest.mark.parametrize(
    ("groups", "cloud", "complaint"),
    [
        (["gpufleet:readers"], None, None),
        (["gpufleet:readers"], "mycloud", None),
        (["system:masters", "team a"], "mycloud", None),
        (["system:masters"], None, ".kubernetes_groups: requires cloud"),
        ([], "mycloud", ".kubernetes_groups: must name at least one group"),
        ([""], "mycloud", ".kubernetes_groups: '' must hold 1 to 64 characters"),
        (["x" * 65], "mycloud", "must hold 1 to 64 characters"),
        (["a", "b\n"], "mycloud", r".kubernetes_groups: 'b\n' must be of printable"),
        ([" a"], "mycloud", "' a' must be of printable characters"),
    ],
)
def test_groups_that_can_be(
    groups: list[str], cloud: str | None, complaint: str | None
) -> None:
    options = {"cloud": cloud, "kubeconfig": None, "cluster": "gpu"}
    found = source.SOURCE.check({**options, "kubernetes_groups": groups})
    if complaint is None:
        assert found is None
    else:
        assert complaint in str(found)

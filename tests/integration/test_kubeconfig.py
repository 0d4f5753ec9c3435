# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials that real Magnum signs. That they log in is test_heat_kubernetes."""

from __future__ import annotations

import base64
import json
import secrets
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integration.cloud_site import Site

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def test_life(site: Site, tmp_path: Path) -> None:
    member = site.member
    file = tmp_path / "config"
    asked = {"name": "example", "path": str(file)}
    lost = member("kubeconfig", **asked)
    assert lost["error"]["type"] == "ClusterNotFound", lost
    # The cluster is that of the example, which runs as it stands.
    example = PLAYBOOKS / "gpu_cluster.yml"
    results = member.playbook(example)
    [made] = [result for result in results if "gpu_cluster" in result]
    assert made["action"] == "create", made
    assert made["gpu_cluster"]["location"] == "example"
    assert not any(result["changed"] for result in member.playbook(example))

    plan = member.check("kubeconfig", **asked)
    assert plan["action"] == "create"
    assert not file.exists()

    first = member("kubeconfig", **asked)
    assert first["action"] == "create", first
    assert first["kubeconfig"]["user"] == "admin"
    assert first["kubeconfig"]["groups"] == ["system:masters"]
    assert first["kubeconfig"]["server"] == made["gpu_cluster"]["api_address"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    [ca, own, key] = _parts(file)
    _check_signature(own, ca)
    assert key not in member.output
    assert base64.b64encode(key.encode()).decode() not in member.output

    again = member("kubeconfig", **asked)
    assert not again["changed"], again
    assert len(member.recorder.counted) <= 4, member.recorder.counted
    assert member.recorder.writes == []

    # By Magnum's policy, certificates are for the user who created the cluster.
    with site.user(secrets.token_hex(8)) as auth:
        theirs = tmp_path / "theirs"
        refused = member("kubeconfig", name="example", path=str(theirs), auth=auth)
    assert refused["error"]["type"] == "AuthError", refused
    assert "only the user who created a cluster" in refused["msg"], refused
    assert made["gpu_cluster"]["user_id"] in refused["msg"], refused
    assert not theirs.exists()

    viewer = {"user": "viewer", "groups": ["gpu-viewers", "auditors"]}
    other = member("kubeconfig", **asked, **viewer)
    assert other["action"] == "update", other
    [ca, own, key] = _parts(file)
    _check_signature(own, ca)
    subject = x509.load_pem_x509_certificate(own.encode()).subject
    assert {a.value for a in subject} == {"viewer", "gpu-viewers", "auditors"}
    [shown] = member("kubeconfig_info", path=str(file))["kubeconfigs"]
    assert shown["user"] == "viewer"
    assert member("kubeconfig_info", name="x", path=str(file))["kubeconfigs"] == []

    # A fresh CA is not rotated; Magnum dates it a day back.
    kept = member("kubeconfig", **asked, **viewer, rotate_ca_after=1)
    assert not kept["changed"], kept

    # One that ends soon is renewed; the file is all that says when.
    config = yaml.safe_load(file.read_text())
    data = base64.b64encode(_dated(-300, 20).encode()).decode()
    config["users"][0]["user"]["client-certificate-data"] = data
    file.write_text(yaml.safe_dump(config))
    plan = member.check("kubeconfig", **asked, **viewer)
    assert plan["diff"]["before"]["renewal_due"], plan
    assert not member("kubeconfig", **asked, **viewer, renew_before=10)["changed"]
    renewed = member("kubeconfig", **asked, **viewer)
    assert renewed["action"] == "update", renewed
    assert _parts(file)[0] == ca
    _check_signature(_parts(file)[1], ca)

    # An old CA is rotated by Magnum, once; only its age is not real here.
    site.set_ca(made["gpu_cluster"]["id"], _dated(-400, 1400))
    rotating = {**asked, **viewer, "rotate_ca_after": 365}
    rotated = member("kubeconfig", **rotating)
    assert rotated["action"] == "update", rotated
    [write] = [line for line in member.recorder.writes if line.startswith("PATCH")]
    assert write == f"PATCH /v1/certificates/{made['gpu_cluster']['id']}"
    [new_ca, own, key] = _parts(file)
    assert new_ca != ca
    _check_signature(own, new_ca)
    assert not member("kubeconfig", **rotating)["changed"]
    [cluster] = member("gpu_cluster_info", name="example")["gpu_clusters"]
    assert cluster["status"] == "UPDATE_COMPLETE"

    # The content is a secret, and a variable has it nevertheless.
    refused = member("kubeconfig", **asked, return_content=True)
    assert "set no_log: true on the task" in refused["msg"]
    playbook = tmp_path / "content.yml"
    playbook.write_text(json.dumps(_content_play(asked, viewer, tmp_path / "copy")))
    member.playbook(playbook)
    assert (tmp_path / "copy").read_text().strip() == file.read_text().strip()
    assert key not in member.output
    assert base64.b64encode(key.encode()).decode() not in member.output

    assert member("kubeconfig", **asked, state="absent")["action"] == "delete"
    assert not file.exists()
    assert not member("kubeconfig", **asked, state="absent")["changed"]

    credentials = PLAYBOOKS / "kubeconfig.yml"
    assert member.playbook(credentials, path=str(file))[0]["action"] == "create"
    again = member.playbook(credentials, path=str(file))
    assert not any(result["changed"] for result in again)
    gone = member.playbook(credentials, path=str(file), state="absent")
    assert gone[0]["action"] == "delete"
    gone = member.playbook(example, state="absent")
    assert [r["action"] for r in gone if "action" in r] == ["delete"] * 3


def _parts(file: Path) -> list[str]:
    """CA, certificate and key of a kubeconfig file, as PEM."""
    config = yaml.safe_load(file.read_text())
    user = config["users"][0]["user"]
    texts = [
        config["clusters"][0]["cluster"]["certificate-authority-data"],
        user["client-certificate-data"],
        user["client-key-data"],
    ]
    return [base64.b64decode(text).decode() for text in texts]


def _check_signature(certificate: str, ca: str) -> None:
    own = x509.load_pem_x509_certificate(certificate.encode())
    own.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.encode()))


def _dated(begins: int, ends: int) -> str:
    """A certificate that begins and ends so many days from now, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    whose = [(NameOID.COMMON_NAME, "viewer")]
    whose += [(NameOID.ORGANIZATION_NAME, of) for of in ("gpu-viewers", "auditors")]
    name = x509.Name([x509.NameAttribute(*part) for part in whose])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key())
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(begins))
        .not_valid_after(now + timedelta(ends))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


def _content_play(asked: Any, viewer: Any, copy: Path) -> list[dict[str, Any]]:
    """A play that writes the content that it registered to a file."""
    return [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": [
                {
                    "gpufleet.openstack.kubeconfig": {
                        "cloud": "{{ cloud }}",
                        **asked,
                        **viewer,
                        "return_content": True,
                    },
                    "no_log": True,
                    "register": "found",
                },
                {
                    "ansible.builtin.copy": {
                        "content": "{{ found.kubeconfig.content }}",
                        "dest": str(copy),
                        "mode": "0600",
                    },
                    "no_log": True,
                },
            ],
        }
    ]

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfig files, signed by a CA that each test makes anew."""

from __future__ import annotations

import base64
import datetime
import os
import stat
import typing as t
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    AuthError,
    CloudError,
    ClusterNotFound,
    Conflict,
    InvalidInput,
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.kubeconfig import (
    KubeconfigResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services import (
    credentials,
)
from unit.cloud.fakes import PROJECT, Raw, Reply, Site

ID = "0562d357-8641-4759-8fed-8173f02c9633"
CLUSTER = "GET /v1/clusters/gpu"
CA = f"GET /v1/certificates/{ID}"
SIGN = "POST /v1/certificates"
DAY = datetime.timedelta(days=1)


class Authority:
    """Magnum's CA: signs as Magnum does, dated a day back."""

    def __init__(self, age: int = 0) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gpu")])
        self.pem = self._signed(self.name, self.key.public_key(), age + 1, 1825)

    def sign(self, request: str, age: int = 1, days: int = 1825) -> str:
        csr = x509.load_pem_x509_csr(request.encode())
        return self._signed(csr.subject, csr.public_key(), age, days)

    def _signed(self, subject: x509.Name, key: t.Any, age: int, days: int) -> str:
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .not_valid_before(now - age * DAY)
            .not_valid_after(now + days * DAY)
            .serial_number(x509.random_serial_number())
            .public_key(key)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


def cluster(status: str = "CREATE_COMPLETE", **more: t.Any) -> Raw:
    return {
        "uuid": ID,
        "name": "gpu",
        "project_id": PROJECT,
        "status": status,
        "status_reason": None,
        "api_address": "https://203.0.113.7:6443",
        "updated_at": None,
        **more,
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config"


@pytest.fixture
def authority(site: Site) -> Authority:
    return serve(site, Authority())


def serve(site: Site, authority: Authority, **signing: int) -> Authority:
    """Magnum with a cluster that has this CA."""
    site.on(CLUSTER, cluster())
    site.on(CA, {"pem": authority.pem})

    def sign(request: t.Any, context: t.Any) -> Raw:
        context.status_code = 201
        return {"pem": authority.sign(request.json()["csr"], **signing)}

    site.mocker.post("http://magnum.test/v1/certificates", json=sign)
    return authority


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


def test_a_new_file(site: Site, authority: Authority, file: Path) -> None:
    outcome = site.run(KubeconfigResource, name="gpu", path=str(file))
    assert outcome.action == "create"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    config = yaml.safe_load(file.read_text())
    [server] = config["clusters"]
    assert server["cluster"]["server"] == "https://203.0.113.7:6443"
    assert decoded(server["cluster"]["certificate-authority-data"]) == (
        authority.pem.encode()
    )
    [user] = config["users"]
    signed = x509.load_pem_x509_certificate(
        decoded(user["user"]["client-certificate-data"])
    )
    authority.key.public_key().verify(
        signed.signature, signed.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256())
    )
    assert signed.subject.rfc4514_string() == "O=system:masters,CN=admin"
    private = decoded(user["user"]["client-key-data"])
    key = serialization.load_pem_private_key(private, None)
    assert key.public_key() == signed.public_key()
    [sent] = site.sent(SIGN)
    assert sent["cluster_uuid"] == ID
    assert "PRIVATE" not in str(sent)
    # Neither result nor diff holds the key.
    assert user["user"]["client-key-data"] not in str(outcome)
    assert private.decode() not in str(outcome)
    assert outcome.after is not None
    assert outcome.after["content"] is None
    assert [path.name for path in file.parent.iterdir()] == ["config"]


def test_the_same_again(site: Site, authority: Authority, file: Path) -> None:
    site.run(KubeconfigResource, name="gpu", path=str(file))
    before = file.read_bytes()
    site.forget()
    assert site.run(KubeconfigResource, name="gpu", path=str(file)).action == "none"
    assert site.history == [CLUSTER, CA]
    assert file.read_bytes() == before


def test_check_mode_writes_nothing(
    site: Site, authority: Authority, file: Path
) -> None:
    outcome = site.run(KubeconfigResource, name="gpu", path=str(file), check_mode=True)
    assert outcome.action == "create"
    assert outcome.diff_after["user"] == "admin"
    assert not file.exists()
    assert site.writes == []


def test_check_mode_plans_for_a_cluster_that_is_not_there_yet(
    site: Site, authority: Authority, file: Path
) -> None:
    site.on(CLUSTER, Reply(404))
    site.on("GET /v1/clusters/detail", {"clusters": []})
    outcome = site.run(KubeconfigResource, name="gpu", path=str(file), check_mode=True)
    assert outcome.action == "create"
    assert outcome.diff_after["server"] == "known after apply"
    assert "there is no gpu cluster 'gpu' yet" in site.warnings[0]
    assert not file.exists()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"user": "viewer"}, "user"),
        ({"groups": ["b", "a"]}, "groups"),
        ({"groups": ["twice", "twice"]}, "groups"),
    ],
)
def test_other_options_make_a_new_file(
    site: Site, authority: Authority, file: Path, options: Raw, field: str
) -> None:
    site.run(KubeconfigResource, name="gpu", path=str(file))
    outcome = site.run(KubeconfigResource, name="gpu", path=str(file), **options)
    assert outcome.action == "update"
    assert outcome.diff_before[field] != outcome.diff_after[field]
    again = site.run(KubeconfigResource, name="gpu", path=str(file), **options)
    assert again.action == "none"


def test_another_ca_or_address_makes_a_new_file(
    site: Site, authority: Authority, file: Path
) -> None:
    site.run(KubeconfigResource, name="gpu", path=str(file))
    serve(site, Authority())
    outcome = site.run(KubeconfigResource, name="gpu", path=str(file))
    assert outcome.action == "update"
    site.on(CLUSTER, cluster(api_address="https://203.0.113.8:6443"))
    outcome = site.run(KubeconfigResource, name="gpu", path=str(file))
    assert outcome.diff_after["server"] == "https://203.0.113.8:6443"
    assert site.run(KubeconfigResource, name="gpu", path=str(file)).action == "none"


@pytest.mark.parametrize(
    ("age", "days", "before", "due"),
    [
        (1000, 31, 30, False),
        (1000, 29, 30, True),
        (1000, 29, 0, False),
        # Of a short life half is left: else it would be renewed by every run.
        (1, 8, 30, False),
        (6, 4, 30, True),
    ],
)
def test_it_is_renewed_in_time(
    site: Site, file: Path, age: int, days: int, before: int, due: bool
) -> None:
    authority = serve(site, Authority(), age=age, days=days)
    asked: Raw = {"name": "gpu", "path": str(file), "renew_before": before}
    site.run(KubeconfigResource, **asked)
    serve(site, authority)
    outcome = site.run(KubeconfigResource, **asked)
    assert outcome.action == ("update" if due else "none")
    assert site.run(KubeconfigResource, **asked).action == "none"


@pytest.mark.parametrize("held", ["the old CA", "another CA", "nothing"])
def test_an_old_ca_is_rotated_once(site: Site, file: Path, held: str) -> None:
    """It is Magnum's CA that counts, not that of the file."""
    old, new = Authority(age=100), Authority()
    serve(site, Authority() if held == "another CA" else old)
    asked: Raw = {"name": "gpu", "path": str(file)}
    site.run(KubeconfigResource, **asked)
    serve(site, old)
    if held == "the old CA":
        unchanged = site.run(KubeconfigResource, **asked, rotate_ca_after=101)
        assert unchanged.action == "none"
    if held == "nothing":
        file.unlink()

    rotated = cluster("UPDATE_COMPLETE", updated_at="later")

    def rotate(request: t.Any, context: t.Any) -> Raw:
        assert request.body is None
        context.status_code = 202
        serve(site, new)
        site.on(CLUSTER, rotated)
        return {"uuid": ID}

    site.mocker.patch(f"http://magnum.test/v1/certificates/{ID}", json=rotate)
    site.on(f"GET /v1/clusters/{ID}", cluster(), cluster("UPDATE_IN_PROGRESS"), rotated)
    outcome = site.run(KubeconfigResource, **asked, rotate_ca_after=99)
    assert outcome.action == ("create" if held == "nothing" else "update")
    if held == "the old CA":
        assert outcome.diff_before["ca_rotation_due"] is True
    assert outcome.after is not None
    before = outcome.diff_before.get("ca_fingerprint")
    assert before != outcome.after["ca_fingerprint"]
    rotations = [line for line in site.writes if line.startswith("PATCH")]
    assert len(rotations) == 1
    assert site.run(KubeconfigResource, **asked, rotate_ca_after=99).action == "none"


def test_permissions_are_mended_without_a_new_key(
    site: Site, authority: Authority, file: Path
) -> None:
    site.run(KubeconfigResource, name="gpu", path=str(file))
    before = file.read_bytes()
    file.chmod(0o644)
    outcome = site.run(KubeconfigResource, name="gpu", path=str(file))
    assert (outcome.diff_before["mode"], outcome.diff_after["mode"]) == ("0644", "0600")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() == before


def test_a_file_of_others_is_left_alone(
    site: Site, authority: Authority, file: Path
) -> None:
    file.write_text("apiVersion: v1\nkind: Config\nclusters: []\n")
    for state in ("present", "absent"):
        with pytest.raises(Conflict, match="is not a kubeconfig that this module"):
            site.run(KubeconfigResource, state, name="gpu", path=str(file))
    assert "clusters: []" in file.read_text()
    forced = site.run(KubeconfigResource, name="gpu", path=str(file), force=True)
    assert forced.action == "update"
    assert credentials.parse(file.read_text()) is not None


def test_it_is_removed_without_a_cloud(site: Site, file: Path) -> None:
    authority = serve(site, Authority())
    assert authority.pem
    site.run(KubeconfigResource, name="gpu", path=str(file))
    site.forget()
    gone = site.run(KubeconfigResource, "absent", name="gpu", path=str(file))
    assert gone.action == "delete"
    assert not file.exists()
    again = site.run(KubeconfigResource, "absent", name="gpu", path=str(file))
    assert again.action == "none"
    assert site.everything == []


def test_the_content_is_returned_where_asked_for(
    site: Site, authority: Authority, file: Path
) -> None:
    asked: Raw = {"name": "gpu", "path": str(file), "return_content": True}
    for action in ("create", "none"):
        outcome = site.run(KubeconfigResource, **asked)
        assert outcome.action == action
        assert outcome.after is not None
        assert outcome.after["content"] == file.read_text()
        assert "content" not in outcome.diff_after
    assert KubeconfigResource.reveals(asked) == "return_content"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (Reply(404), ClusterNotFound, "there is no gpu cluster 'gpu' .*'gpu-2'"),
        (
            cluster("CREATE_IN_PROGRESS", api_address=None),
            ResourceError,
            "is CREATE_IN_PROGRESS and has no API address yet",
        ),
        (
            cluster(api_address="http://203.0.113.7:8080"),
            ResourceError,
            "without TLS",
        ),
    ],
)
def test_clusters_without_credentials(
    site: Site, file: Path, answer: Raw, error: type[CloudError], message: str
) -> None:
    site.on(CLUSTER, answer)
    site.on("GET /v1/clusters/detail", {"clusters": [cluster(name="gpu-2")]})
    with pytest.raises(error, match=message):
        site.run(KubeconfigResource, name="gpu", path=str(file))
    assert not file.exists()


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("request_", [CA, SIGN])
def test_a_cluster_of_a_colleague(
    site: Site, authority: Authority, file: Path, request_: str, check_mode: bool
) -> None:
    """By Magnum's policy both take the cluster's creator; check mode signs nothing."""
    site.on(CLUSTER, cluster(user_id="u-1"))
    said = "Policy doesn't allow certificate:create to be performed."
    site.on(request_, Reply(403, {"errors": [{"detail": said}]}))
    asked: Raw = {"name": "gpu", "path": str(file), "check_mode": check_mode}
    if check_mode and request_ == SIGN:
        assert site.run(KubeconfigResource, **asked).action == "create"
        return
    with pytest.raises(AuthError) as caught:
        site.run(KubeconfigResource, **asked)
    message = caught.value.message
    assert message.startswith("gpu cluster 'gpu': Magnum answered 403 to ")
    assert message.endswith(
        "By Magnum's default policy, only the user who created a cluster may have "
        "certificates signed by its CA. Use the credentials of that user, whose ID is "
        "u-1, or those of an administrator"
    )
    assert (caught.value.status, caught.value.details) == (403, {"user_id": "u-1"})
    assert not file.exists()


def test_a_token_that_is_refused_is_not_blamed_on_the_creator(
    site: Site, authority: Authority, file: Path
) -> None:
    site.on(CA, Reply(401, {}))
    with pytest.raises(AuthError) as caught:
        site.run(KubeconfigResource, name="gpu", path=str(file))
    assert "created" not in caught.value.message


@pytest.mark.parametrize(
    "address",
    [
        "https://203.0.113.7",
        "https://203.0.113.7:6443/",
        "https://[2001:db8::7]:6443",
        "https://kube.example.com:6443",
        "https://Kube.Example.com:6443",
    ],
)
def test_addresses_of_an_api(site: Site, authority: Authority, address: str) -> None:
    site.on(CLUSTER, cluster(api_address=address))
    found = credentials.find_cluster(site.cloud(), "gpu")
    assert found["api_address"] == address


@pytest.mark.parametrize(
    "address",
    [
        "https://",
        "https://:6443",
        "https://user:password@203.0.113.7:6443",
        "https://203.0.113.7@elsewhere.test:6443",
        "https://203.0.113.7:6443/api",
        "https://203.0.113.7:6443/?x",
        "https://203.0.113.7:6443#x",
        "https://203.0.113.7:0x1",
        "https://203.0.113.7:99999",
        "https://203.0.113.7:6443\nusers: []",
        "https://203.0.113.7\t:6443",
        "https://203.0.113.7 :6443",
        "https://[203.0.113.7",
        "https://[none]:6443",
        "https://a..b",
        "https://" + "a" * 64,
        "https://ex\u00e4mple.com",
        "https://{{ lookup('pipe', 'id') }}",
    ],
)
def test_addresses_that_are_none(
    site: Site, authority: Authority, file: Path, address: str
) -> None:
    site.on(CLUSTER, cluster(api_address=address))
    with pytest.raises(ResourceError, match="not an address of the form https://HOST"):
        site.run(KubeconfigResource, name="gpu", path=str(file))
    assert not file.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "/nowhere/config"}, "path: there is no directory /nowhere"),
        ({"user": ""}, "user: '' must hold 1 to 64 characters"),
        ({"user": "a" * 65}, "must hold 1 to 64 characters"),
        ({"groups": ["ops", ""]}, "groups: '' must hold 1 to 64 characters"),
        ({"groups": ["a\tb"]}, r"groups: 'a\\tb' must be of printable characters"),
        ({"groups": ["a "]}, "groups: 'a ' must be of printable characters"),
        ({"renew_before": -1}, "renew_before: -1 is below 0"),
        ({"rotate_ca_after": 0}, "rotate_ca_after: 0 is below 1"),
    ],
)
def test_bad_input(site: Site, file: Path, options: Raw, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        site.run(KubeconfigResource, **{"name": "gpu", "path": str(file), **options})


def test_a_certificate_for_another_key_is_refused(
    site: Site, authority: Authority, file: Path
) -> None:
    site.on(SIGN, Reply(201, {"pem": authority.pem}))
    with pytest.raises(ApiError, match="signed another key"):
        site.run(KubeconfigResource, name="gpu", path=str(file))
    assert not file.exists()
    site.on(SIGN, Reply(201, {"pem": "none"}))
    with pytest.raises(ApiError, match="signed with something else"):
        site.run(KubeconfigResource, name="gpu", path=str(file))
    site.on(CA, {"pem": "none"})
    with pytest.raises(ApiError, match="CA is no certificate"):
        site.run(KubeconfigResource, name="gpu", path=str(file))


def test_a_damaged_file_is_not_ours(
    site: Site, authority: Authority, file: Path
) -> None:
    site.run(KubeconfigResource, name="gpu", path=str(file))
    config = yaml.safe_load(file.read_text())
    config["users"][0]["user"]["client-certificate-data"] = "bm9uZQ=="
    file.write_text(yaml.safe_dump(config))
    with pytest.raises(Conflict, match="is not a kubeconfig that this module"):
        site.run(KubeconfigResource, name="gpu", path=str(file))


def refuse(*_args: t.Any, **_options: t.Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_file_that_can_not_be_written_has_a_typed_error(
    site: Site, authority: Authority, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ResourceError, match=r"path: .* Free some space there, or give"):
        site.run(KubeconfigResource, name="gpu", path=str(file))
    # No draft with a private key either.
    assert list(file.parent.iterdir()) == []


def test_no_ca_is_rotated_for_a_file_that_can_not_be_written(
    site: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(site, Authority(age=100))
    site.run(KubeconfigResource, name="gpu", path=str(file))
    held = file.read_text()
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ResourceError, match="No space left on device"):
        site.run(KubeconfigResource, name="gpu", path=str(file), rotate_ca_after=99)
    assert "PATCH" not in [request.method for request in site.mocker.request_history]
    assert file.read_text() == held


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("days", [99, 101])
@pytest.mark.parametrize("ident", ["gpu-lfhd5anuthod", "kube-ab12c"])
def test_no_driver_for_cluster_api_rotates_a_ca(
    site: Site, file: Path, ident: str, days: int, check_mode: bool
) -> None:
    """A task that is refused when the CA is old is refused before that."""
    serve(site, Authority(age=100))
    site.on(CLUSTER, cluster(cluster_id=ident))
    asked: Raw = {"name": "gpu", "path": str(file), "check_mode": check_mode}
    match = rf"'gpu': rotate_ca_after: magnum-c.* is {days}\)"
    with pytest.raises(Conflict, match=match):
        site.run(KubeconfigResource, **asked, rotate_ca_after=days)
    assert not file.exists()
    assert site.run(KubeconfigResource, **asked).changed


def test_a_pipe_is_not_opened(site: Site, file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(InvalidInput, match="is not a regular file; give another path"):
        site.run(KubeconfigResource, name="gpu", path=str(file))

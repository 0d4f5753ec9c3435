# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs, as kubectl reads them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    kubeconfig,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.errors import (
    SchedulerError,
)

Record = dict[str, Any]
SERVER = "https://192.0.2.7:6443"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def config(user: Record | None = None, name: str = "it", **cluster: Any) -> Record:
    context = {"cluster": name, **({} if user is None else {"user": name})}
    return {
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": SERVER, **cluster}}],
        "users": [] if user is None else [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": context}],
    }


def read(folder: Path, content: Any, **options: Any) -> kubeconfig.Access:
    file = folder / "config"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return kubeconfig.read(str(file), options.get("context"), 10)


def plugin(folder: Path, status: Any, **more: Any) -> Record:
    """An `exec` that prints an ExecCredential, beside what it was given."""
    script = folder / "plugin.sh"
    answer = json.dumps({"status": status})
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$KUBERNETES_EXEC_INFO $EXTRA $*" > {folder}/given\n'
        f"cat <<'END'\n{answer}\nEND\n"
    )
    script.chmod(0o700)
    return {"exec": {"apiVersion": "v1", "command": "./plugin.sh", **more}}


# Who asks ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "authorization"),
    [
        (None, None),
        ({}, None),
        ({"token": "abc"}, "Bearer abc"),
        ({"tokenFile": "token"}, "Bearer of-file"),
        ({"token": "abc", "tokenFile": "token"}, "Bearer of-file"),
        ({"username": "u", "password": "p"}, f"Basic {encoded('u:p')}"),
        ({"username": "u", "password": "p", "token": "abc"}, "Bearer abc"),
        (
            {"auth-provider": {"name": "oidc", "config": {"id-token": "abc"}}},
            "Bearer abc",
        ),
    ],
)
def test_what_identifies_a_user(
    tmp_path: Path, user: Record | None, authorization: str | None
) -> None:
    (tmp_path / "token").write_text("of-file\n")
    access = read(tmp_path, config(user))
    assert access == kubeconfig.Access(SERVER, authorization=authorization)


def test_certificates_by_data_and_by_path(tmp_path: Path) -> None:
    for name in ("ca", "crt", "key"):
        (tmp_path / name).write_text(f"{name} of file")
    by_data = {"client-certificate-data": encoded("crt"), "client-key": "key"}
    access = read(tmp_path, config(by_data, **{"certificate-authority": "ca"}))
    assert (access.ca, access.certificate, access.key) == (
        *("ca of file", "crt"),
        "key of file",
    )
    # As for kubectl, data count where there are both.
    both = {"client-key-data": encoded("key"), "client-key": "no such file"}
    assert read(tmp_path, config(both)).key == "key"


def test_how_a_server_is_reached(tmp_path: Path) -> None:
    more = {"tls-server-name": "kube.test", "proxy-url": "socks5://192.0.2.1:1080"}
    access = read(tmp_path, config({}, **{**more, "insecure-skip-tls-verify": True}))
    assert access == kubeconfig.Access(
        SERVER,
        verify=False,
        server_name="kube.test",
        proxy="socks5://192.0.2.1:1080",
    )


# Plugins ----------------------------------------------------------------------------


def test_a_plugin_gives_a_token(tmp_path: Path) -> None:
    own = {"name": "client.authentication.k8s.io/exec", "extension": {"own": 1}}
    user = plugin(
        tmp_path,
        {"token": "of-plugin"},
        args=["a", "b"],
        env=[{"name": "EXTRA", "value": "extra"}],
        provideClusterInfo=True,
    )
    access = read(tmp_path, config(user, extensions=[own]))
    assert access.authorization == "Bearer of-plugin"
    asked, extra, *arguments = (tmp_path / "given").read_text().rsplit(maxsplit=3)
    assert [extra, *arguments] == ["extra", "a", "b"]
    assert json.loads(asked) == {
        "apiVersion": "v1",
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {"server": SERVER, "config": {"own": 1}},
        },
    }


def test_a_plugin_gives_a_certificate(tmp_path: Path) -> None:
    status = {"clientCertificateData": "crt", "clientKeyData": "key"}
    access = read(tmp_path, config(plugin(tmp_path, status)))
    assert (access.certificate, access.key) == ("crt", "key")
    assert access.authorization is None


def test_a_plugin_is_not_asked_where_there_is_a_token(tmp_path: Path) -> None:
    user = {**plugin(tmp_path, {"token": "of-plugin"}), "token": "abc"}
    assert read(tmp_path, config(user)).authorization == "Bearer abc"
    assert not (tmp_path / "given").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("no-such-plugin", "exec: no-such-plugin can't be run"),
        ("false", "exec: false failed with 1"),
        ("true", "exec: true printed no ExecCredential"),
    ],
)
def test_a_plugin_that_fails(tmp_path: Path, command: str, message: str) -> None:
    user = {"exec": {"apiVersion": "v1", "command": command}}
    with pytest.raises(SchedulerError, match=f"kubeconfig: {message}"):
        read(tmp_path, config(user))


@pytest.mark.parametrize("status", [None, [], {}, {"token": ""}, {"token": 5}])
def test_a_plugin_that_says_nothing(tmp_path: Path, status: Any) -> None:
    with pytest.raises(SchedulerError, match=r"printed neither|must be a string"):
        read(tmp_path, config(plugin(tmp_path, status)))


# Which of several -------------------------------------------------------------------


def test_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that says something counts; paths are those of its own folder."""
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "token").write_text(f"token-{number}")
        both = config({"tokenFile": "token"}, f"of-{number}")
        both["users"].append({"name": "both", "user": {"token": f"both-{number}"}})
        context = {"cluster": f"of-{number}", "user": "both"}
        both["contexts"].append({"name": f"both-{number}", "context": context})
        (folder / "config").write_text(yaml.safe_dump(both))
    names = ("none", "1/config", "2/config")
    monkeypatch.setenv("KUBECONFIG", ":".join(str(tmp_path / name) for name in names))

    def bearer(context: str | None) -> str | None:
        return kubeconfig.read(None, context, 1).authorization

    assert bearer(None) == "Bearer token-1"
    assert bearer("of-2") == "Bearer token-2"
    assert bearer("both-2") == "Bearer both-1"


def test_the_usual_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SchedulerError, match=r"there is no file /.*/\.kube/config"):
        kubeconfig.read(None, None, 1)
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text(yaml.safe_dump(config({"token": "abc"})))
    assert kubeconfig.read(None, None, 1).authorization == "Bearer abc"


# What is of no use ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no configuration"),
        ("[]", "holds no configuration"),
        ("a: [s3cret", "is not YAML: .* in line [12]$"),
        ("a: !!int s3cret", r"its shape is not understood \(ValueError\)"),
        ("users: {s3cret: 5}", "its shape is not understood"),
        ("[" * 1000, "its shape is not understood|is not YAML"),
        ({"current-context": 5}, "current-context must be a string"),
        ({}, "it has no current-context, and no context was given"),
        ({"current-context": "x"}, "there is no 'x' in contexts"),
        ({**config(), "clusters": []}, "there is no 'it' in clusters"),
        ({**config({}), "users": None}, "there is no 'it' in users"),
        (config(server=None), "server: None must be a URL"),
        (config(server="192.0.2.7:6443"), "must be a URL"),
        (config(server="ftp://x"), "must be a URL"),
        (config({"token": ["s3cret"]}), "token must be a string"),
        (config({"token": "s3cret\nX: y"}), "the token has characters"),
        (config({"token": "s3crét"}), "the token has characters"),
        (config({"client-key-data": "s3cret\u00e9"}), "client-key-data must be text"),
        (config({"client-key-data": encoded("x")[:-1]}), "client-key-data must be"),
        (config({"client-key": "/none/key"}), "/none/key can't be read: No such file"),
        (config({"exec": "s3cret"}), "its shape is not understood"),
    ],
)
def test_a_file_of_no_use(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(SchedulerError, match=f"^kubeconfig: .*{message}") as caught:
        read(tmp_path, content)
    assert "s3cr" not in str(caught.value).replace(str(tmp_path), "")


def test_nothing_secret_is_shown() -> None:
    access = kubeconfig.Access(SERVER, key="s3cret", authorization="s3cret")
    assert "s3cret" not in f"{access} {access!r}"

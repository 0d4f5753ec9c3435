# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfig files: where an API server is, and who asks it.

Keys stay in memory. The official client writes them to temporary files and removes
these by atexit, which Ansible's workers skip.
"""

from __future__ import annotations

import base64
import binascii
import os
import typing as t
from urllib.parse import urlsplit

from .._near import did_you_mean
from . import exec_plugin
from .errors import SchedulerError

Record = t.Dict[str, t.Any]

_LARGEST = 16 * 2**20
"""Bytes that are read of a file."""

_SECTIONS = ("clusters", "users", "contexts")


class Access(t.NamedTuple):
    """How an API server is reached.

    Attributes:
        server: Its address.
        ca: Certificates that its own is checked with, as PEM; None for those that the
            system trusts.
        certificate: The certificate of the client, as PEM.
        key: The private key of that.
        authorization: Value of the header of this name.
        verify: Whether the server's certificate is checked.
        server_name: Name that is checked, where it is not the host of `server`.
        proxy: Address of the proxy; None for that of the environment.
    """

    server: str
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    authorization: str | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None

    def __repr__(self) -> str:
        """Return what may be shown: no secret."""
        return f"Access({self.server!r})"


def read(path: str | None, context: str | None, timeout: float) -> Access:
    """Read what a kubeconfig says.

    Args:
        path: Its path; without it those of the environment variable `KUBECONFIG`, or
            `~/.kube/config`.
        context: Name of a context in it; without it the current one.
        timeout: Seconds that a plugin for authentication may take.

    Raises:
        SchedulerError: It is of no use, or its plugin for authentication failed.
    """
    paths = path or os.environ.get("KUBECONFIG") or os.path.join("~", ".kube", "config")
    try:
        return _access(_Merged(paths), context, timeout)
    except SchedulerError as error:
        raise SchedulerError(f"kubeconfig: {error}") from error
    except OSError as error:
        reason = f"{error.filename} can't be read: {error.strerror}"
        raise SchedulerError(f"kubeconfig: {reason}") from error
    except Exception as error:  # a file can be wrong in any way
        # Not its message, which may quote the file.
        reason = f"its shape is not understood ({type(error).__name__})"
        raise SchedulerError(f"kubeconfig: {reason}") from error


class _Part(t.NamedTuple):
    """A cluster, user or context, and the folder that its paths are relative to."""

    record: Record
    folder: str

    def text(self, name: str) -> str | None:
        """Return a text; None where it is missing or empty."""
        value = self.record.get(name)
        if value is not None and not isinstance(value, str):
            raise SchedulerError(f"{name} must be a string")
        return value or None

    def file(self, name: str) -> str | None:
        """Return the content of the file that `name` is the path of."""
        path = self.text(name)
        if path is None:
            return None
        with open(os.path.join(self.folder, path), encoding="utf-8") as file:
            return file.read(_LARGEST)

    def content(self, name: str) -> str | None:
        """Return what `NAME-data` holds, or else the file `NAME`."""
        data = self.text(f"{name}-data")
        if data is None:
            return self.file(name)
        try:
            return base64.b64decode(data).decode()
        except (binascii.Error, ValueError) as error:
            raise SchedulerError(f"{name}-data must be text in base64") from error


class _Merged:
    """Kubeconfigs, of which the first that says something counts, as for kubectl."""

    def __init__(self, paths: str) -> None:
        self.current: str | None = None
        self._parts: dict[tuple[str, str], _Part] = {}
        files = [os.path.expanduser(path) for path in paths.split(os.pathsep) if path]
        there = [file for file in files if os.path.exists(file)]
        if not there:
            raise SchedulerError(f"there is no file {' or '.join(files)}")
        for file in there:
            self._add(file)

    def _add(self, file: str) -> None:
        config, folder = _parsed(file), os.path.dirname(os.path.abspath(file))
        self.current = self.current or _Part(config, folder).text("current-context")
        for section in _SECTIONS:
            for entry in config.get(section) or ():
                part = _Part(entry.get(section[:-1]) or {}, folder)
                self._parts.setdefault((section, entry["name"]), part)

    def part(self, section: str, name: str | None) -> _Part:
        """Return a part by its name."""
        if name is None:
            raise SchedulerError(f"the context names none of its {section}")
        found = self._parts.get((section, name))
        if found is None:
            names = [each for kind, each in self._parts if kind == section]
            hint = did_you_mean(name, names)
            raise SchedulerError(f"there is no {name!r} in {section}{hint}")
        return found


def _parsed(file: str) -> Record:
    import yaml

    try:
        with open(file, encoding="utf-8") as opened:
            config = yaml.safe_load(opened.read(_LARGEST))
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SchedulerError(f"{file} is not YAML: {error.problem}{line}") from error
    if not isinstance(config, dict):
        raise SchedulerError(f"{file} holds no configuration")
    return config


def _access(config: _Merged, context: str | None, timeout: float) -> Access:
    name = context or config.current
    if not name:
        raise SchedulerError("it has no current-context, and no context was given")
    chosen = config.part("contexts", name)
    cluster = config.part("clusters", chosen.text("cluster"))
    # Without a user the request is anonymous.
    named = chosen.text("user")
    user = config.part("users", named) if named else _Part({}, "")
    access = Access(
        server=_address(cluster.text("server")),
        ca=cluster.content("certificate-authority"),
        certificate=user.content("client-certificate"),
        key=user.content("client-key"),
        verify=not cluster.record.get("insecure-skip-tls-verify"),
        server_name=cluster.text("tls-server-name"),
        proxy=cluster.text("proxy-url"),
    )
    return _authenticated(access, user, cluster, timeout)


def _address(server: str | None) -> str:
    parts = urlsplit(server or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SchedulerError(f"server: {server!r} must be a URL with https")
    return str(server).rstrip("/")


def _authenticated(
    access: Access, user: _Part, cluster: _Part, timeout: float
) -> Access:
    """Add what identifies the user, beside the certificate that the file holds."""
    token = user.file("tokenFile") or user.text("token") or _old_provider(user)
    plugin = user.record.get("exec")
    if not token and plugin:
        status = _Part(
            exec_plugin.run(plugin, user.folder, cluster.record, timeout), ""
        )
        token = status.text("token")
        access = access._replace(
            certificate=status.text("clientCertificateData") or access.certificate,
            key=status.text("clientKeyData") or access.key,
        )
    if token:
        return access._replace(authorization=f"Bearer {_header(token.strip())}")
    name, password = user.text("username"), user.text("password")
    if name and password:
        basic = base64.b64encode(f"{name}:{password}".encode()).decode()
        return access._replace(authorization=f"Basic {basic}")
    return access


def _old_provider(user: _Part) -> str | None:
    """Token of an `auth-provider`, which came before plugins. It is not renewed."""
    provider = user.record.get("auth-provider") or {}
    config = _Part(provider.get("config") or {}, "")
    return config.text("id-token") or config.text("access-token")


def _header(token: str) -> str:
    """A token that can be sent. What the HTTP library refuses, it shows."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SchedulerError("the token has characters that a header can't have")
    return token

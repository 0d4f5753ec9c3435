# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed from texts before a person reads them."""

from __future__ import annotations

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils import _secrets
from ansible_collections.gpufleet.openstack.plugins.module_utils._secrets import (
    cleaned,
    remember,
    secrets,
    without_credentials,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@cloud:5000/v3", "https://cloud:5000/v3"),
        ("https://token@cloud/v3", "https://cloud/v3"),
        ("https://me:p@ss@cloud/v3", "https://cloud/v3"),
        ("https://me:pa/ss@cloud/v3", "https://cloud/v3"),
        ("https://me:p?s#s@cloud/v3", "https://cloud/v3"),
        ("https://me:%2Fpa%40ss@[::1]:80/v3", "https://[::1]:80/v3"),
        (
            "http://a:b@c: refused (HTTPS://d:e@f/?x=1&access_token=g&y=2)",
            "http://c: refused (HTTPS://f/?x=1&access_token=...&y=2)",
        ),
        (
            "http://c/object?temp_url_sig=abc#top",
            "http://c/object?temp_url_sig=...#top",
        ),
        ("http://cloud:8080/a@b", "http://cloud:8080/a@b"),
        ("http://[::1]:80/a@b?marker=token", "http://[::1]:80/a@b?marker=token"),
        ("Mail to me@cloud: no answer", "Mail to me@cloud: no answer"),
        ("", ""),
    ],
)
def test_addresses_show_no_credentials(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"password": "a"}, ["a"]),
        ({"a": [{"admin_passwd": "b", "c": "d"}]}, ["b"]),
        ({"token": {"a": ["b", 7, True, None, ""]}}, ["b", "7"]),
        ({"secret": 'a"b\n'}, ['a"b\n', 'a\\"b\\n']),
        ({"auto_token_enabled": "true", "token": None}, []),
        ({"http_proxy": "http://me:a%20b@proxy:1"}, ["a%20b", "a b"]),
        ({"auth_url": "me:a@cloud/v3"}, ["a"]),
        ({"note": "me:a@cloud"}, []),
        ({"auth": "password=a"}, ["password=a"]),
        ({"auth": {"username": "a"}}, []),
        ("https://token@cloud", ["token"]),
        (None, []),
    ],
)
def test_secrets_in_options(options: object, found: list[str]) -> None:
    assert set(secrets(options)) == set(found)


def test_what_is_kept_is_not_cleaned() -> None:
    url = "db://me:a@host"
    cleared = cleaned({"a": [url], "outputs": {"b": url}, "n": 1}, keep="outputs")
    assert cleared == {"a": ["db://host"], "outputs": {"b": url}, "n": 1}


def test_what_was_sent_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_secrets, "_sent", ())
    remember(["secret", "secret-longer", "short", ""])
    assert without_credentials("a secret-longer, a secret, short") == (
        "a ********, a ********, short"
    )

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must never be shown: passwords in addresses, and secrets within options."""

from __future__ import annotations

import json
import re
import typing as t
from urllib.parse import unquote

_USER = re.compile(
    r"""
    (?<=://)
    (
        [^/?\#\s]*                # user:password
        | [^/?\#\s@:\[]* :         # a password that holds a slash or the like,
          (?! \d+ (?:[/?\#\s]|$) )  # but no host:port
          \S*
    )
    @
    """,
    re.VERBOSE,
)
_QUERY = re.compile(
    r"""
    (?<=[?&])
    ([^=&?\#\s]*(?:token|passw(?:or)?d|secret|signature|sig|api_?key)=)
    [^&\#\s"'<>]+
    """,
    re.VERBOSE | re.IGNORECASE,
)

# Names of the secrets of keystoneauth's plugins have one of these in them.
_OF_A_CLOUD = re.compile("pass|secret|token|key|code|assertion", re.IGNORECASE)
_OF_ALL = re.compile("passw|secret|token", re.IGNORECASE)


_SHORTEST = 6
"""Characters of a secret that a message can't hold by chance."""

_sent: tuple[str, ...] = ()


def remember(secrets: t.Iterable[str]) -> None:
    """Remember what is sent to servers, which may repeat it in an error."""
    global _sent
    known = {*_sent, *(secret for secret in secrets if len(secret) >= _SHORTEST)}
    # Of two where one begins with the other, the longer one first.
    _sent = tuple(sorted(known, key=len, reverse=True))


def without_credentials(text: str) -> str:
    """Return a text without the credentials that it holds.

    Args:
        text: An address, or a message that may mention some.

    Returns:
        The text; `user:password@` is removed from each address, the value of a query
        parameter that is named like a secret is shown as `...`, and what `remember` was
        given as `********`.
    """
    for secret in _sent:
        text = text.replace(secret, "********")
    return _QUERY.sub(r"\1...", _USER.sub("", text))


def cleaned(value: t.Any, keep: str = "") -> t.Any:
    """Return a value of plain data, without credentials in the addresses in it.

    Args:
        value: Dictionaries, lists and what is in them.
        keep: Key of a dictionary whose value stays as it is.
    """
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, dict):
        return {
            key: item if key == keep and keep else cleaned(item, keep)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [cleaned(item, keep) for item in value]
    return value


def cloud_secrets(options: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Return the secrets in what says which cloud: `auth`, or a whole configuration."""
    return _named(options, _OF_A_CLOUD)


def secrets(options: t.Any) -> t.Iterator[str]:
    """Return the secrets in options of any kind.

    These are the values that are named like a password, secret or token, and the
    credentials in addresses.
    """
    return _named(options, _OF_ALL)


def leaves(value: t.Any) -> t.Iterator[str]:
    """Return the texts and numbers in a value, each also as JSON writes it."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple, set)):
        for item in value:
            yield from leaves(item)
    elif value is not None and not isinstance(value, bool) and value != "":
        yield from sorted({str(value), json.dumps(str(value))[1:-1]})


def _named(options: t.Any, names: t.Pattern[str], called: str = "") -> t.Iterator[str]:
    if isinstance(options, dict):
        for name, value in options.items():
            # A text instead of a dictionary could not be read as one.
            unread = name == "auth" and isinstance(value, str)
            if (names.search(str(name)) or unread) and value not in ("true", "false"):
                yield from leaves(value)
            yield from _named(value, names, str(name))
    elif isinstance(options, (list, tuple)):
        for value in options:
            yield from _named(value, names)
    elif isinstance(options, str):
        # An address may have been given without its https://.
        bare = called.endswith(("url", "proxy")) and "://" not in options
        for user in _USER.findall(f"://{options}" if bare else options):
            password = user.partition(":")[2] or user
            yield from leaves([password, unquote(password)])

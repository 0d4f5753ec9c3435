# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a type of source is: its options, how it is read, and what a failure means."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._fleet.types import Listing, Record, Schedule, Telemetry
from .._fleet.values import shown

Answer = Listing | Telemetry | Schedule

HTTP: Record = {
    "headers": {"type": "dict", "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_cert": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path"},
}
"""Options of a source with a URL."""

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_OURS = ("accept", "accept-encoding", "connection", "host", "transfer-encoding")
_LONGEST = 8192
"""Characters of a header; servers take about as many."""


def tls(options: Record) -> Record:
    """Return the certificates of a source, as `_http.request` takes them."""
    return {
        "validate_certs": options.get("validate_certs", True),
        **{
            name: options.get(name) for name in ("ca_cert", "client_cert", "client_key")
        },
    }


def headers(options: Record) -> dict[str, str]:
    """Return the headers that a user sends along, such as that of a tenant."""
    return {name: str(value) for name, value in (options.get("headers") or {}).items()}


def wrong_http(options: Record) -> str | None:
    """Return what is wrong with the options of a source with a URL; None if nothing is.

    No value of a header is shown: it may be a secret.
    """
    if options.get("client_key") and not options.get("client_cert"):
        return ".client_key: requires client_cert"
    for name, value in headers(options).items():
        if not _NAME.fullmatch(name):
            return f".headers: {shown(name)} can't be the name of a header"
        lower = name.lower()
        if lower in _OURS or lower.startswith("content-"):
            return f".headers: {name} is set by the request itself; leave it out"
        if not value.isprintable() or not value.isascii() or len(value) > _LONGEST:
            return (
                f".headers: the value of {name} must be printable ASCII in one line, "
                f"{_LONGEST} characters at most"
            )
        if lower == "authorization" and (options.get("token") or options.get("user")):
            return ".headers: Authorization can't stand beside token or user"
    return None


class WrongOption(ValueError):
    """An option of a source has a value that can't be, or is not one of its own."""


def _unchanged(options: Record, _types: t.Collection[str]) -> Record:
    return options


def _nothing_wrong(_options: Record) -> str | None:
    return None


def no_listing(_options: Record, reason: str) -> Answer:
    """Return the answer of a cloud that could not be read."""
    return Listing(warnings=(reason,))


def no_schedule(options: Record, reason: str) -> Answer:
    """Return the answer of a scheduler that could not be read."""
    return Schedule(
        source=options["type"],
        failure=reason,
        cluster=options["cluster"],
    )


def no_telemetry(_options: Record, reason: str) -> Answer:
    """Return the answer of a system of measurements that could not be read."""
    return Telemetry(warnings=(reason,))


@dataclass(frozen=True, kw_only=True)
class Source:
    """A type of source.

    Attributes:
        type: Its name in the option `sources`.
        options: Argument spec of its options, beside those that all sources have.
            Sources that share an option declare it alike.
        read: Reads a source. Takes its options, and the seconds that each request may
            take; raises `SourceError`. None where the variables of the hosts are the
            source, which are read for every report.
        failed: Makes the answer of a source that could not be read: nothing, and the
            reason as a warning or failure. Takes the source's options and the reason.
        check: Returns what is wrong with the combination of options, beginning with
            `.OPTION: ` or `: `; None if nothing is.
        prepare: Completes the options by what follows from the types of all sources
            that are read.
    """

    type: str
    options: Record
    read: t.Callable[[Record, float], Answer] | None
    failed: t.Callable[[Record, str], Answer] = no_listing
    check: t.Callable[[Record], str | None] = _nothing_wrong
    prepare: t.Callable[[Record, t.Collection[str]], Record] = _unchanged

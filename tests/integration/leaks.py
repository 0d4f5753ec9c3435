# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds secrets where they must not be: in output, logs, caches and open files."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms(secret: str) -> set[str]:
    """A secret as it may be written: plain, in JSON, base64 and URL-encoded."""
    encoded = secret.encode()
    return {
        secret,
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        base64.b64encode(encoded).decode(),
        base64.urlsafe_b64encode(encoded).decode(),
    }


def in_text(text: str, secrets: dict[str, str]) -> list[str]:
    """Names of the secrets that show in a text, in whatever form."""
    return [
        name
        for name, secret in secrets.items()
        if any(form in text for form in forms(secret))
    ]


def in_files(folder: Path, secrets: dict[str, str]) -> list[str]:
    """Files below a folder that show a secret and that others than their owner read."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or stat.S_IMODE(path.stat().st_mode) == 0o600:
            continue
        text = path.read_bytes().decode(errors="replace")
        found += [f"{path.name}: {name}" for name in in_text(text, secrets)]
    return found

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubernetes accepts as keys and values of labels: pure functions.

Its own rules are in k8s.io/apimachinery/pkg/util/validation (`IsValidLabelValue`,
`IsQualifiedName`). A kubelet that is given others does not start.
"""

from __future__ import annotations

import re

from ..engine.errors import InvalidInput

_NAME = re.compile("[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
)
_RULE = (
    "must have 63 characters at most, hold letters, digits, '-', '_' and '.' only, and "
    "begin and end with a letter or a digit"
)


def check_name(option: str, value: str) -> None:
    """Check what becomes a value of a label and must not be empty.

    Args:
        option: The option, for the message.
        value: Its value.

    Raises:
        InvalidInput: Kubernetes does not accept it.
    """
    if not _NAME.fullmatch(value):
        raise InvalidInput(
            f"{option}: {value!r} {_RULE}, as it becomes a label of Kubernetes nodes"
        )


def check_value(option: str, value: str) -> None:
    """Check the value of a label, which may be empty (arguments as `check_name`)."""
    if value:
        check_name(option, value)


def check_key(option: str, key: str) -> None:
    """Check the key of a label: a name, or a domain, '/' and a name.

    Args:
        option: The option, for the message.
        key: The key.

    Raises:
        InvalidInput: Kubernetes does not accept it.
    """
    domain, slash, name = key.rpartition("/")
    if slash and not _DOMAIN.fullmatch(domain):
        raise InvalidInput(
            f"{option}: {key!r}: what is before '/' must be a domain, in lower case"
        )
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{option}: {key!r}: the name of the key {_RULE}")

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What messages say of Python libraries that are missing or too old."""

from __future__ import annotations

import platform
import sys


def missing(library: str, error: ImportError) -> str:
    """Return the message for a library that could not be imported.

    Args:
        library: Name of its package, with the versions that are of use.
        error: Why it could not be imported.
    """
    # On a controller nothing else may need this, and it takes a while.
    from ansible.module_utils.basic import missing_required_lib

    text: str = missing_required_lib(library)
    return f"{text} (Python {platform.python_version()}: {error})"


def too_old(library: str, version: str) -> str:
    """Return the message for a library that is installed, and too old.

    Args:
        library: Name of its package, with the versions that are of use.
        version: The version that is installed.
    """
    return (
        f"{library} is required, and {version} is installed for {sys.executable} "
        f"(Python {platform.python_version()}) on {platform.node()}. Upgrade it there, "
        "or set ansible_python_interpreter to a Python that has it"
    )

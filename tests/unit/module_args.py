# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's `patch_module_args`, which ansible-core has since 2.17."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

try:
    from ansible.module_utils import testing
except ImportError:
    testing = None


@contextlib.contextmanager
def patch_module_args(args: dict[str, Any]) -> Iterator[None]:
    """Give the arguments to the module that is run meanwhile."""
    if testing is None:
        text = json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()
        with mock.patch("ansible.module_utils.basic._ANSIBLE_ARGS", text):
            yield
        return
    # Where another test has imported a part of the controller, a module would hand its
    # warnings to that.
    elsewhere = mock.patch("ansible.module_utils._internal.is_controller", False)
    with testing.patch_module_args(args), elsewhere:
        yield

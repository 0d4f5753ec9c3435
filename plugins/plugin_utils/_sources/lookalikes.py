# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of resources that are devices in all likelihood."""

from __future__ import annotations

import re

_DEVICE = re.compile(
    r"gpu|gaudi|ascend|neuron|accelerator"
    # Short names, which other words contain: input, output.
    r"|(?<![a-z])[sv]?(?:npu|tpu|hpu|xpu|dcu|hcu|gcu|mlu)(?:s|num)?(?![a-z])",
    re.IGNORECASE,
)
_NO_DEVICE = re.compile(r"mem|core|monitor|percent|bandwidth", re.IGNORECASE)
"""What counts a property of a device, as HAMi and Intel's plugin have them."""


def names_devices(name: str, domain: str = "") -> bool:
    """Return whether a resource is a device, and no property of one.

    Args:
        name: Its name.
        domain: The domain before it, which may tell what it is, too.
    """
    return bool(_DEVICE.search(f"{domain}/{name}")) and not _NO_DEVICE.search(name)

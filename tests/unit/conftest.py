# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all unit tests share."""

import os

from hypothesis import HealthCheck, settings

# No test fails for the time that a busy machine takes, or now and then: `make fuzz` and
# `make attacks` are for what nobody has tried yet.
settings.register_profile(
    "same",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not os.environ.get("FUZZ_LONG"),
)
settings.load_profile("same")

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role report carries of others is what they published."""

from __future__ import annotations

import hashlib
from pathlib import Path

ECHARTS = Path(__file__).parents[3] / "roles/report/files/echarts.min.js"
# npm pack echarts@6.1.0, package/dist/echarts.min.js
SHA256 = "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"


def test_echarts_is_that_of_npm() -> None:
    content = ECHARTS.read_bytes()
    assert hashlib.sha256(content).hexdigest() == SHA256
    # It stands in a script element of the page.
    assert b"</script" not in content.lower()

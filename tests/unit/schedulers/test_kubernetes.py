# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client of Kubernetes makes of answers that no API server gives."""

from __future__ import annotations

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    kubernetes,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.errors import (
    SchedulerError,
)


def test_an_answer_that_is_no_json() -> None:
    with pytest.raises(SchedulerError, match="answer to /api is no JSON"):
        kubernetes._checked("/api", 200, b"<html>")
    with pytest.raises(kubernetes.Refused, match="502: no message"):
        kubernetes._checked("/api", 502, b"<html>")

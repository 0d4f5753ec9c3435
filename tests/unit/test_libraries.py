# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A library that is missing: which Python needs it, of which version."""

from __future__ import annotations

import platform
import sys
import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud import (
    export_text,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    InvalidInput,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services import (
    certificates,
    sdk,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    transport,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.errors import (
    SchedulerError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.kubeconfig import (
    Access,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.openstack import (
    source,
)

NEEDS: dict[str, tuple[str, t.Callable[[], object]]] = {
    "openstack": ("openstacksdk >= 4.12", sdk.load),
    "cryptography": ("cryptography", lambda: certificates.read("")),
    "yaml": ("PyYAML", lambda: export_text.yaml_text({})),
    "urllib3": ("urllib3", lambda: transport.pool(Access("https://k8s.test"))),
    "urllib3.contrib.socks": (
        "PySocks",
        lambda: transport.pool(Access("https://k8s.test", proxy="socks5://proxy")),
    ),
}


@pytest.mark.parametrize("module", NEEDS)
def test_what_is_said(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library, need = NEEDS[module]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises((InvalidInput, SchedulerError)) as caught:
        need()
    message = str(caught.value)
    assert f"required Python library ({library}) on {platform.node()}'s" in message
    assert f"Python {sys.executable}." in message
    assert f"(Python {platform.python_version()}: " in message
    assert "ansible_python_interpreter" in message


@pytest.mark.parametrize("regions", [None, ["all"], ["one", "two"]])
def test_the_inventory_has_no_traceback(
    regions: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openstack", None)
    filters = source.Filters()
    for region in source.read_regions({"cloud": "bed"}, None, regions, filters):
        assert "(openstacksdk >= 4.12)" in str(region.failure)

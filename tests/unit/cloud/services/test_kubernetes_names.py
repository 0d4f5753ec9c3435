# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and values of labels, as Kubernetes accepts them.

The samples are from k8s.io/apimachinery/pkg/util/validation/validation_test.go.
"""

from __future__ import annotations

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    InvalidInput,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.kubernetes_names import (
    check_key,
    check_name,
    check_value,
)

NAMES = [
    "simple",
    "now-with-dashes",
    "1-starts-with-num",
    "end-with-num-1",
    "1234",
    "GPU.Workers_2",
    "a",
    "a" * 63,
]
NO_NAMES = [
    "nospecialchars%^=@",
    "Tama-nui-te-rā.is.Māori.sun",
    "\\backslashes\\are\\bad",
    "-starts-with-dash",
    "ends-with-dash-",
    ".starts.with.dot",
    "ends.with.dot.",
    "_starts",
    "two words",
    "line\n",
    "a" * 64,
    "a/b",
]


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    check_name("name", name)
    check_value("value", name)
    check_key("key", name)


@pytest.mark.parametrize("name", NO_NAMES)
def test_no_names(name: str) -> None:
    with pytest.raises(InvalidInput, match="63 characters at most, hold letters"):
        check_name("name", name)
    with pytest.raises(InvalidInput, match="value: "):
        check_value("value", name)


def test_only_values_may_be_empty() -> None:
    check_value("value", "")
    for check in (check_name, check_key):
        with pytest.raises(InvalidInput):
            check("option", "")


@pytest.mark.parametrize(
    "key", ["simple/simple", "now-with-dashes/simple", "1.2.3.4/5678", "a.b/C_d.e"]
)
def test_keys(key: str) -> None:
    check_key("key", key)


@pytest.mark.parametrize(
    "key",
    ["/simple", "simple/", "Upper.example/a", "a/b/c", "a..b/c", f"{'a' * 254}/b"],
)
def test_no_keys(key: str) -> None:
    with pytest.raises(InvalidInput, match="key: "):
        check_key("key", key)

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option `flavor_accelerators`."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.accelerators.declared import (
    flavor_accelerators,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    InvalidInput,
)

KEYS = ("vendor", "model", "count", "memory_gib", "kind")


@pytest.mark.parametrize(
    ("device", "values"),
    [
        (
            {"vendor": "nvidia", "model": "A100", "count": 4, "memory_gib": 80},
            ("nvidia", "A100", 4, 80, "gpu"),
        ),
        # Completed, and by the one name of the model.
        ({"model": "a100-sxm4-40gb"}, ("nvidia", "A100", 1, 40, "gpu")),
        ({"model": "NVIDIA L40S", "count": "2"}, ("nvidia", "L40S", 2, 48, "gpu")),
        ({"model": "gaudi 3", "count": 8}, ("intel", "Gaudi3", 8, 128, "npu")),
        ({"model": "T4", "memory_gib": 4}, ("nvidia", "T4", 1, 4, "gpu")),
        # Of a model that is not known, as it is.
        ({"vendor": "Acme", "model": "X9"}, ("acme", "X9", 1, None, "gpu")),
        (
            {"vendor": "acme", "model": "T4", "kind": "npu"},
            ("acme", "T4", 1, None, "npu"),
        ),
        (
            {"vendor": "acme", "model": "my-gpu", "memory_gib": 1.5},
            ("acme", "my-gpu", 1, 1.5, "gpu"),
        ),
    ],
)
def test_what_is_declared(device: dict[str, Any], values: tuple[Any, ...]) -> None:
    declared = flavor_accelerators({"g.large": [device, device], "c.large": []})
    expected = dict(zip(KEYS, values, strict=True))
    assert declared == {"g.large": [expected, expected], "c.large": []}


def test_nothing_is_declared() -> None:
    assert flavor_accelerators(None) == flavor_accelerators({}) == {}


WHERE = "flavor_accelerators['g.large']"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            ["g.large"],
            "flavor_accelerators: must be a mapping of names of flavors to lists of "
            "accelerators",
        ),
        (
            {"g.large": {"model": "A100"}},
            f"{WHERE}: must be a list, an empty one for no accelerators. Give a list "
            "such as [{vendor: nvidia, model: A100, count: 4}]",
        ),
        (
            {"g.large": None},
            f"{WHERE}: must be a list, an empty one for no accelerators. Give a list "
            "such as [{vendor: nvidia, model: A100, count: 4}]",
        ),
        (
            {"g.large": ["A100"]},
            f"{WHERE}[0]: must be a dictionary. Give a list such as [{{vendor: nvidia, "
            "model: A100, count: 4}]",
        ),
        (
            {"g.large": [{"model": "A100"}, {"name": "A100"}]},
            f"{WHERE}[1].name: no such key; there are kind, vendor, model, count, "
            "memory_gib",
        ),
        (
            {"g.large": [{"vendor": "nvidia"}]},
            f"{WHERE}[0].model: is required, for example A100",
        ),
        (
            {"g.large": [{"model": ""}]},
            f"{WHERE}[0].model: '' must be a name of 1 to 100 letters",
        ),
        (
            {"g.large": [{"model": "X9"}]},
            f"{WHERE}[0].vendor: is required, because 'X9' is no model that is known "
            "by name",
        ),
        *(
            (
                {"g.large": [{"model": "A100", "count": count}]},
                f"{WHERE}[0].count: {count!r} must be a whole number from 1 to 1048576",
            )
            for count in (0, -1, "x", 1.5, True, None, float("nan"), 2**21)
        ),
        (
            {"g.large": [{"model": "A100", "memory_gib": "80GB"}]},
            f"{WHERE}[0].memory_gib: '80GB' must be a number from 1 to 1048576",
        ),
        (
            {"g.large": [{"model": "A100", "kind": "tpu"}]},
            f"{WHERE}[0].kind: 'tpu' must be one of gpu, npu",
        ),
    ],
)
def test_what_can_not_be(value: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        flavor_accelerators(value)
    assert caught.value.message == message

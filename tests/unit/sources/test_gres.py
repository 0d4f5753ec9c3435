# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each shape in which Slurm 21.08 to 25.05 writes generic resources."""

from __future__ import annotations

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.slurm import (
    gres,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.slurm.gres import (
    Gres,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Without a type, and where it is missing as C writes it.
        ("gpu:8", [Gres("gpu", "", 8)]),
        ("gpu:8(S:0-1)", [Gres("gpu", "", 8)]),
        ("gpu:(null):8(S:0-1)", [Gres("gpu", "", 8)]),
        ("gpu:(null):0(IDX:N/A)", [Gres("gpu", "", 0, ())]),
        ("gpu:no_consume:4", [Gres("gpu", "", 4)]),
        ("gpu(CNT:4)", [Gres("gpu", "", 4)]),
        ("gpu(IDX:0-3)", [Gres("gpu", "", 4, (0, 1, 2, 3))]),
        # With a type, which may be a number or begin as one.
        ("gpu:mi300x:8(S:0-1)", [Gres("gpu", "mi300x", 8)]),
        ("gpu:mi300x:8(IDX:0-2,5)", [Gres("gpu", "mi300x", 8, (0, 1, 2, 5))]),
        ("gpu:2080ti:8(S:0-1)", [Gres("gpu", "2080ti", 8)]),
        ("gpu:3090:8", [Gres("gpu", "3090", 8)]),
        ("gpu:3090:3(IDX:0-2)", [Gres("gpu", "3090", 3, (0, 1, 2))]),
        ("gpu:3090(CNT:2)", [Gres("gpu", "3090", 2)]),
        ("gpu:3090:2(CNT:2)", [Gres("gpu", "3090", 2)]),
        ("gpu:8:4(S:0)(IDX:0-3)", [Gres("gpu", "8", 4, (0, 1, 2, 3))]),
        ("gpu:tesla:no_consume:4", [Gres("gpu", "tesla", 4)]),
        ('"gpu:h100:8"', [Gres("gpu", "h100", 8)]),
        ('gpu:"h100":8', [Gres("gpu", "h100", 8)]),
        (" gpu:h100:8 , gpu:t4:2 ", [Gres("gpu", "h100", 8), Gres("gpu", "t4", 2)]),
        # MIG.
        ("gpu:1g.10gb:28(S:0-1)", [Gres("gpu", "1g.10gb", 28)]),
        ("gpu:1g.10gb+me:1", [Gres("gpu", "1g.10gb+me", 1)]),
        ("gpu:a100_3g.20gb:2(IDX:0,1)", [Gres("gpu", "a100_3g.20gb", 2, (0, 1))]),
        # Shares of devices.
        ("shard:16(S:0-1)", [Gres("shard", "", 16)]),
        (
            "gpu:h100:0(IDX:N/A),shard:h100:4(4/16,0/16)",
            [
                Gres("gpu", "h100", 0, ()),
                Gres("shard", "h100", 4, None, ((4, 16), (0, 16))),
            ],
        ),
        ("mps:50(50/100)", [Gres("mps", "", 50, None, ((50, 100),))]),
        # Large counts, and long lists that Slurm cuts.
        ("shard:2K", [Gres("shard", "", 2048)]),
        ("gpu:1g.5gb:40(IDX:0,2,4,6,8...)", [Gres("gpu", "1g.5gb", 40)]),
        # What jobs request.
        ("gres:gpu:1", [Gres("gpu", "", 1)]),
        ("gres:gpu", [Gres("gpu", "", 1)]),
        ("gres/gpu:h100", [Gres("gpu", "h100", 1)]),
        ("gres/gpu:2080ti:2", [Gres("gpu", "2080ti", 2)]),
        ("gres/gpu:h100=4", [Gres("gpu", "h100", 4)]),
        ("cpu=12,mem=90G,gres/gpu=3", [Gres("gpu", "", 3)]),
        # Others, and none.
        ("craynetwork:1,mygpu:4,gpumem:8,gres/gpuutil=10", []),
        ("(null)", []),
        ("N/A", []),
        ("", []),
        (None, []),
        (8, []),
    ],
)
def test_shapes(text: object, expected: list[Gres]) -> None:
    assert list(gres.parse(text)) == expected


@pytest.mark.parametrize(
    "text", ["gpu:a:b:3", "gpu:4(IDX:0", "gpu:" + "9" * 10_000, "gpu::", "gpu:h100=x"]
)
def test_what_is_no_gres(text: str) -> None:
    with pytest.raises(ValueError, match="GRES 'gpu"):
        gres.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu=4,gres/gpu=3,gres/gpu:h100=3", [("h100", 3)]),
        ("cpu=4,gres/gpu=3,gres/gpu:3090=1,gres/gpu:t4=2", [("3090", 1), ("t4", 2)]),
        ("cpu=4,gres/gpu=3,gres/gpu:h100=2", [("", 3)]),
        ("cpu=4,gres/gpu=6", [("", 6)]),
        ("gres/gpu:h100=4", [("h100", 4)]),
        ("gres/gpu=1,gres/shard=4", [("", 1), ("", 4)]),
        ("cpu=4,billing=4", []),
    ],
)
def test_tres_list_devices_twice(text: str, expected: list[tuple[str, int]]) -> None:
    assert [(each.type, each.count) for each in gres.of_tres(text)] == expected


@pytest.mark.parametrize(
    ("text", "indexes", "length", "whole"),
    [
        ("0-3,5", [0, 1, 2, 3, 5], 5, True),
        ("7", [7], 1, True),
        ("1-7:2", [1, 3, 5, 7], 4, True),
        ("[1-3]", [1, 2, 3], 3, True),
        ("N/A", [], 0, False),
        ("", None, 0, False),
        ("0-", None, 0, False),
        ("3-1", [], 0, True),
        ("1-20,22,...", None, 21, False),
        ("1-20,22,2...", None, 21, False),
        ("0-255", list(range(256)), 256, True),
        ("0-256", None, 257, True),
        ("0-999999999", None, 10**9, True),
        ("0-9999999999", None, 0, False),
        (",".join(["0-99999"] * 1000), None, 10**8, True),
    ],
)
def test_indexes(
    text: str, indexes: list[int] | None, length: int, whole: bool
) -> None:
    assert gres.indexes(text) == indexes
    assert gres.length(text) == (length, whole)

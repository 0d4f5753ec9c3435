# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No attribute is set by one method of a resource for another to read.

What is read once is a `cached_property`, or is kept where only one method sees it.
"""

from __future__ import annotations

import ast
import collections
import typing as t

import pytest

from unit.documented import ROOT

RESOURCES = ROOT / "plugins" / "module_utils" / "_cloud" / "resources"


def shared(source: str) -> set[str]:
    """Return the attributes that a method sets and another one uses."""
    wrong = set()
    for group in ast.walk(ast.parse(source)):
        if not isinstance(group, ast.ClassDef):
            continue
        stored, used = collections.defaultdict(set), collections.defaultdict(set)
        for method in group.body:
            name = getattr(method, "name", "")
            if name == "__init__" or not isinstance(method, ast.FunctionDef):
                continue
            for attribute in _own(method):
                used[attribute.attr].add(name)
                if not isinstance(attribute.ctx, ast.Load):
                    stored[attribute.attr].add(name)
        wrong |= {f"{group.name}.{key}" for key in stored if len(used[key]) > 1}
    return wrong


def _own(method: ast.FunctionDef) -> t.Iterator[ast.Attribute]:
    for node in ast.walk(method):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
            yield node


@pytest.mark.parametrize("file", sorted(RESOURCES.glob("*.py")), ids=lambda f: f.stem)
def test_none_is_shared(file: t.Any) -> None:
    assert shared(file.read_text()) == set()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("def a(self): self.x = 1\n def b(self): return self.x", {"A.x"}),
        ("def a(self): self.x += 1\n def b(self): del self.x", {"A.x"}),
        ("def a(self): self.x, y = 1, 2\n def b(self): return self.x", {"A.x"}),
        ("def a(self):\n  self.x = self.x or 1\n  return self.x", set()),
        ("def __init__(self): self.x = 1\n def b(self): return self.x", set()),
        ("def a(self): other.x = 1\n def b(self): return self.x", set()),
    ],
)
def test_what_is_found(body: str, found: set[str]) -> None:
    assert shared(f"class A:\n {body}") == found

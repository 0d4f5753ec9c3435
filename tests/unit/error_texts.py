# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of all errors, read off the code that raises them."""

from __future__ import annotations

import ast
import typing as t

from unit.documented import ROOT

OPTION_ERRORS = frozenset(
    [
        "InvalidInput",
        "BadRequest",
        "WrongOption",
        "PolicyError",
        "AnsibleActionFail",
        "AnsibleParserError",
    ]
)
"""Types of errors that say that an option has a value that can't be."""

TYPES = OPTION_ERRORS | {
    "ApiError",
    "AuthError",
    "AmbiguousName",
    "ClusterNotFound",
    "Conflict",
    "HardwareNotFound",
    "LocationNotFound",
    "NodeGroupNotFound",
    "NodeNotFound",
    "NotFound",
    "ResourceError",
    "SchedulerError",
    "SourceError",
    "Stalled",
    "TemplateNotFound",
    "Timeout",
}


class Text(t.NamedTuple):
    """The text of an error.

    Attributes:
        place: File and line of the call that makes the error.
        kind: Type of the error.
        text: What it says, with `{EXPRESSION}` for each value in it.
    """

    place: str
    kind: str
    text: str


def texts() -> tuple[list[Text], list[str]]:
    """Return all texts, and the places of errors whose text is made elsewhere."""
    read, unread = [], []
    for file in sorted((ROOT / "plugins").rglob("*.py")):
        tree = ast.parse(file.read_text())
        for function, call in _calls(tree):
            place = f"{file.relative_to(ROOT / 'plugins')}:{call.lineno}"
            said = _said(call.args[0], function, tree) if call.args else None
            if said is None:
                unread.append(f"{place} {ast.unparse(call)[:100]}")
            else:
                read.append(Text(place, _name(call.func), said))
    return read, unread


def _calls(tree: ast.Module) -> t.Iterator[tuple[ast.AST, ast.Call]]:
    """Yield the calls of errors' types, each with the function that it is in."""
    for outer in ast.walk(tree):
        if isinstance(outer, ast.FunctionDef | ast.Module):
            for node in _within(outer):
                if isinstance(node, ast.Call) and _name(node.func) in TYPES:
                    yield outer, node


def _within(outer: ast.AST) -> t.Iterator[ast.AST]:
    """Yield what is in a function or module, but not in a function of it."""
    for node in ast.iter_child_nodes(outer):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _within(node)


def _name(function: ast.expr) -> str:
    """Return the last name of what is called."""
    return ast.unparse(function).rsplit(".", maxsplit=1)[-1]


def _said(value: ast.expr, function: ast.AST, tree: ast.Module) -> str | None:
    """Return the text of an expression, None where it is not written here."""
    if isinstance(value, ast.Constant):
        return str(value.value)
    if isinstance(value, ast.JoinedStr):
        return "".join(_part(part, tree) for part in value.values)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        sides = (value.left, value.right)
        return "".join(
            _said(side, function, tree) or f"{{{ast.unparse(side)}}}" for side in sides
        )
    if isinstance(value, ast.Name):
        # A text that was given a name before.
        for scope in (function, tree):
            for node in _within(scope):
                named = isinstance(node, ast.Assign) and ast.unparse(node.targets[0])
                if named == value.id and not isinstance(node.value, ast.Name):
                    return _said(node.value, function, tree)
    return None


def _part(part: ast.expr, tree: ast.Module) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    name = ast.unparse(part.value)
    for node in tree.body:
        # A constant of the same file is text as well.
        named = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
        if named and isinstance(node.value, ast.Constant):
            return str(node.value.value)
    return f"{{{name}}}"

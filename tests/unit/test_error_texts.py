# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What errors say: the option, its value, what is allowed, and a way out."""

from __future__ import annotations

import re
import typing as t

import pytest

from unit import documented
from unit.error_texts import OPTION_ERRORS, Text, texts

READ, UNREAD = texts()

_VALUE = r"\{[^{}]*\}"
_OPTION = re.compile(rf"({_VALUE}: )?(\w|\.|\[|\]|{_VALUE})+: ")
_ELSEWHERE = re.compile(rf"({_VALUE}|[\w\[\]]+|: |, )*{_VALUE}")
"""Of an option's name and what another function says."""

_ALLOWED = re.compile(
    r"\b(must|may|only|allows?|require[sd]?|needs?|needed|is none of|there are|is "
    r"below|is above|is not within|neither|like \d|no number from|together|hold)\b"
)
_WAY_OUT = re.compile(
    r"(?:^|[.;:] |, or |, and )(to \w+, )?(add|ask|check|choose|create|declare|delete|"
    r"describe|drain|give|leave|lower|make|name|quote|rename|remove|resize|resume|run|set|take|"
    r"upgrade|use|wait) ",
    re.I,
)
_SUGGESTS = re.compile(
    r"\{(hint|fault|_files\.failure.*|.*_WAYS_OUT.*|remedy|.*way_out.*|names|.*hint_of.*)\}"
)
"""Values that hold a way out, or the names that there are."""

_INCOMPLETE = "{what} does not exist, and to create it {needed}"
"""What is needed are the options."""

_SECRET = {"auth.auth_url", "cloud"}
"""Options whose values may hold a password, and so are not shown."""


def options() -> set[str]:
    """Names of all options of modules and plugins."""
    found: set[str] = set()
    for kind in ("module", "inventory", "lookup"):
        for doc in documented.documented()[kind].values():
            for name, option in (doc["doc"].get("options") or {}).items():
                found.update([name, *(option.get("suboptions") or {})])
    return found | {"no_log"}  # of all tasks


def begins_with_its_option(text: str) -> bool:
    return bool(_OPTION.match(text))


def has_its_value(text: str, known: set[str]) -> bool:
    """Or the other option that it contradicts, or says that it is empty."""
    option = text.partition(": ")[0]
    rest = text.removeprefix(option)
    return (
        option in _SECRET
        or "must not be empty" in rest
        or bool(re.search(rf"{_VALUE}|\d", rest))
        or bool(known & set(re.findall(r"\w+", rest)))
    )


def says_what_is_allowed(text: str) -> bool:
    return bool(_ALLOWED.search(text)) or has_a_way_out(text)


def has_a_way_out(text: str) -> bool:
    return bool(_WAY_OUT.search(text) or _SUGGESTS.search(text))


def of(*kinds: str) -> list[Text]:
    """The texts of these types, but for those that another function makes."""
    found = [text for text in READ if text.kind in kinds and text.text != _INCOMPLETE]
    return [text for text in found if not _ELSEWHERE.fullmatch(text.text)]


def names(found: list[Text]) -> list[str]:
    return [f"{text.place} {text.text}" for text in found]


# The texts --------------------------------------------------------------------------


def test_most_texts_are_read() -> None:
    assert len(READ) > 150
    # What another error says, or a function that has its own tests.
    made = re.compile(
        r"\((str\(error\)|error\.message|'; '\.join\(.*|[\w.]+\(.*|[A-Z_]+)"
    )
    odd = [place for place in UNREAD if not made.search(place)]
    assert odd == []


def test_an_option_comes_first() -> None:
    wrong = [
        text for text in of(*OPTION_ERRORS) if not begins_with_its_option(text.text)
    ]
    assert names(wrong) == []


def test_its_value_follows() -> None:
    known = options()
    wrong = [text for text in of(*OPTION_ERRORS) if not has_its_value(text.text, known)]
    assert names(wrong) == []


def test_what_is_allowed_is_said() -> None:
    wrong = [text for text in of(*OPTION_ERRORS) if not says_what_is_allowed(text.text)]
    assert names(wrong) == []


@pytest.mark.parametrize("kind", ["Conflict", "AuthError", "AmbiguousName", "Stalled"])
def test_there_is_a_way_out(kind: str) -> None:
    found = of(kind)
    assert found
    assert names([text for text in found if not has_a_way_out(text.text)]) == []


def test_what_is_not_found_is_told_with_what_there_is() -> None:
    found = [text for text in READ if text.kind.endswith("NotFound")]
    assert len(found) > 5
    assert names([text for text in found if not _SUGGESTS.search(text.text)]) == []


def test_no_service_is_blamed_without_a_word() -> None:
    """`Magnum: ...` does not say what Magnum did, if it did anything."""
    bare = re.compile(r"\{(self\.)?name\}: |(Magnum|Heat|Nova|Keystone): ")
    found = [text for text in READ if text.kind not in OPTION_ERRORS]
    assert names([text for text in found if bare.match(text.text)]) == []


# The rules --------------------------------------------------------------------------

POOR = {
    "is bad": (begins_with_its_option, "{value} is bad"),
    "a sentence": (begins_with_its_option, "The value of count: {count} is bad"),
    "nothing allowed": (says_what_is_allowed, "count: {count} is bad"),
    "no way out": (has_a_way_out, "{self} can't be changed while it is used: {names_}"),
    "a reason": (has_a_way_out, "{self} can't be used to set names"),
}


@pytest.mark.parametrize(("rule", "text"), POOR.values(), ids=POOR)
def test_a_poor_text_is_found(rule: t.Callable[[str], bool], text: str) -> None:
    assert not rule(text)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("count: is bad", False),
        ("count: {count} is bad", True),
        ("count: must not be empty", True),
        ("count: contradicts size", True),
        ("cloud: looks like a dictionary", True),
    ],
)
def test_a_value_that_is_missing_is_found(text: str, good: bool) -> None:
    assert has_its_value(text, {"count", "size"}) is good

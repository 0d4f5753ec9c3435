# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows can be run: names and values of options, playbooks."""

from __future__ import annotations

import copy
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from unit import documented

ROOT = documented.ROOT
OURS = "gpufleet.openstack."
_CLUSTER = f"{OURS}gpu_cluster"
PAGES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("roles/*/README.md")),
    *sorted(ROOT.glob("docs/docsite/rst/*.rst")),
]
_KEPT = ("type", "elements", "required", "choices", "default", "aliases")
_FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(
    r"^( *)\.\. code-block:: yaml(?:\+jinja)?\n\n((?:\1 +\S.*\n|\n)+)", re.MULTILINE
)
_PLAYBOOK = re.compile(
    r"ansible-playbook (?:[^\n`]|\\\n)*?\bgpufleet\.openstack\.(\w+)"
)

Options = dict[str, Any]


@pytest.fixture(scope="module")
def docs() -> dict[str, Options]:
    """Documentation of all plugins and roles, by type and name without namespace."""
    return {
        kind: {
            name.removeprefix(OURS): doc
            for name, doc in found.items()
            if name.startswith(OURS)
        }
        for kind, found in documented.documented().items()
    }


# How examples are found -------------------------------------------------------------


def blocks(text: str) -> Iterator[Any]:
    """The YAML documents of the code blocks of a page, Markdown or reStructuredText."""
    found = _FENCE.findall(text) + [match[2] for match in _BLOCK.finditer(text)]
    assert len(found) == len(re.findall(r"```yaml|code-block:: yaml", text))
    for block in found:
        yield from yaml.safe_load_all(textwrap.dedent(block))


def mappings(node: Any) -> Iterator[Options]:
    """All dictionaries within a document, but not the defaults of modules."""
    if isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key != "module_defaults":
                yield from mappings(value)
    elif isinstance(node, list):
        for value in node:
            yield from mappings(value)


def texts(node: Any) -> Iterator[str]:
    """All texts within a document."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def lookups(text: str) -> Iterator[tuple[list[str], Options]]:
    """Terms and options of the lookups of this collection in a template."""
    tree = jinja2.Environment().parse(text)
    for call in tree.find_all(jinja2.nodes.Call):
        if getattr(call.node, "name", "") not in ("lookup", "query"):
            continue
        plugin, *terms = [argument.as_const() for argument in call.args]
        if plugin.startswith(OURS):
            options = {one.key: one.value.as_const() for one in call.kwargs}
            yield [plugin.removeprefix(OURS), *terms], options


# How they are checked ---------------------------------------------------------------


def is_template(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


def spec(options: Options, values: list[Options]) -> Options:
    """An argument spec; what is a template in one of the values may be anything."""
    found: Options = {}
    for name, doc in options.items():
        one = {key: doc[key] for key in _KEPT if key in doc}
        # ansible-core's own fragments have the longer word.
        one["type"] = one.get("type", "str").replace("boolean", "bool")
        names = (name, *doc.get("aliases", ()))
        given = [value[key] for value in values for key in names if key in value]
        listed = [v for one in given for v in (one if isinstance(one, list) else [one])]
        if any(map(is_template, listed)):
            one = {"type": "raw", "aliases": list(names[1:])}
        elif "suboptions" in doc or "options" in doc:
            inner = doc.get("suboptions") or doc.get("options") or {}
            one["options"] = spec(inner, [v for v in listed if isinstance(v, dict)])
        if one.get("required"):
            one.pop("default", None)
        found[name] = one
    return found


def wrong(options: Options, values: Options | None) -> list[str]:
    """What of the values the options do not take."""
    values = values or {}
    # The validator completes a default list in place.
    taken = copy.deepcopy(spec(options, [values]))
    checked = ArgumentSpecValidator(taken).validate(values)
    return list(checked.error_messages)


def wrong_variables(docs: dict[str, Options], values: Options) -> list[str]:
    """What of some variables the roles do not take; others' variables are let pass."""
    found = []
    for role, doc in docs["role"].items():
        options = {
            name: option
            for point in doc["entry_points"].values()
            for name, option in point["options"].items()
        }
        ours = {
            name: value
            for name, value in values.items()
            if name in options or name.startswith(f"{role}_")
        }
        loose = {name: {**one, "required": False} for name, one in options.items()}
        found += wrong(loose, ours) if ours else []
    return found


def findings(docs: dict[str, Options], document: Any) -> list[str]:
    """What can't be run of a document of YAML, each with where it is."""
    found: list[str] = []
    for mapping in mappings(document):
        for key, value in mapping.items():
            name = str(key).removeprefix(OURS)
            if not str(key).startswith(OURS):
                continue
            if name not in docs["module"]:
                found.append(f"{key}: there is no such module")
            else:
                options = docs["module"][name]["doc"]["options"]
                found += [f"{key}: {text}" for text in wrong(options, value)]
        for key, kind in (("role", "role"), ("plugin", "inventory")):
            name = str(mapping.get(key))
            if name.startswith(OURS) and name.removeprefix(OURS) not in docs[kind]:
                found.append(f"{key}: {name} is not there")
            elif name.startswith(OURS) and kind == "inventory":
                options = docs[kind][name.removeprefix(OURS)]["doc"]["options"]
                found += [f"{name}: {text}" for text in wrong(options, mapping)]
        for values in (mapping, mapping.get("vars")):
            if isinstance(values, dict):
                found += wrong_variables(docs, values)
    if isinstance(document, dict) and set(document) <= {"sources", "rules"}:
        options = docs["lookup"]["gpu_report"]["doc"]["options"]
        loose = {name: one for name, one in options.items() if name != "_terms"}
        found += wrong(loose, document)
    for text in filter(is_template, texts(document)):
        for (plugin, *terms), given in lookups(text):
            options = docs["lookup"][plugin]["doc"]["options"]
            found += [
                f"{plugin}: {one}" for one in wrong(options, {**given, "_terms": terms})
            ]
    return found


# The tests --------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_pages_can_be_run(page: Path, docs: dict[str, Options]) -> None:
    text = page.read_text()
    found = [one for block in blocks(text) for one in findings(docs, block)]
    found += [
        f"there is no playbook {name}"
        for name in _PLAYBOOK.findall(text)
        if not (ROOT / f"playbooks/{name}.yml").is_file()
    ]
    assert found == []


def test_examples_of_plugins_can_be_run(docs: dict[str, Options]) -> None:
    found = [
        f"{name}: {one}"
        for kind in ("module", "lookup", "inventory")
        for name, doc in docs[kind].items()
        for block in yaml.safe_load_all(doc["examples"])
        for one in findings(docs, block)
    ]
    assert found == []


def test_pages_have_examples() -> None:
    counts = {page.name: len(list(blocks(page.read_text()))) for page in PAGES}
    named = (
        "reports.rst",
        "faults.rst",
        "scaling.rst",
        "migration.rst",
        "getting_started.rst",
    )
    assert all(counts[name] for name in named)
    assert counts["troubleshooting.rst"] >= 14


def test_every_type_of_error_has_its_section() -> None:
    errors = (ROOT / "plugins/module_utils/_cloud/engine/errors.py").read_text()
    types = set(re.findall(r"^class (\w+)\(", errors, re.MULTILINE))
    page = (ROOT / "docs/docsite/rst/troubleshooting.rst").read_text()
    sections = set(re.findall(r"^(\w+)\n~+$", page, re.MULTILINE))
    # The engine turns OutcomeUnknown into Timeout; users see Busy as Conflict,
    # NoEndpoint as ApiError, and Forgotten and Stalled as ResourceError.
    hidden = {
        "Busy",
        "CloudError",
        "Forgotten",
        "NoEndpoint",
        "OutcomeUnknown",
        "Stalled",
    }
    assert sections == types - hidden


def test_every_rule_of_faults_has_its_row() -> None:
    source = (ROOT / "plugins/plugin_utils/_fleet/faults.py").read_text()
    rules = re.findall(r'^    "(\w+)": Rule\(', source, re.MULTILINE)
    page = (ROOT / "docs/docsite/rst/faults.rst").read_text()
    rows = re.findall(r"^   \* - ``(\w+)``$", page, re.MULTILINE)
    assert rows == rules + rules


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({_CLUSTER: {"name": "a", "nodes": 1}}, "nodes"),
        ({_CLUSTER: {"template": "a"}}, "name"),
        ({_CLUSTER: {"name": "a", "node_count": "two"}}, "node_count"),
        ({_CLUSTER: {"name": "a", "node_groups": [{"hardware": "b"}]}}, "node_groups"),
        ({_CLUSTER + "s": {"name": "a"}}, "no such module"),
        ({"plugin": OURS + "gpu_nodes", "colud": "a"}, "colud"),
        ({"fleet_clutsers": []}, "fleet_clutsers"),
        ({"fleet_clusters": [{"name": "a", "nodes": 1}]}, "nodes"),
        ({"role": OURS + "flete"}, "not there"),
        ({"sources": [{"type": "facts", "urll": "a"}]}, "urll"),
        (f"{{{{ lookup('{OURS}gpu_report', 'overveiw') }}}}", "overveiw"),
        (f"{{{{ query('{OURS}gpu_report', 'nodes', top=1) }}}}", "top"),
    ],
)
def test_mistakes_are_found(document: Any, told: str, docs: dict[str, Options]) -> None:
    found = findings(docs, document)
    assert len(found) == 1
    assert told in found[0]


def test_aliases_and_templates_are_let_pass(docs: dict[str, Options]) -> None:
    options = {"name": "{{ name }}", "flavor_id": "a", "node_count": "{{ size }}"}
    assert findings(docs, {_CLUSTER: options}) == []

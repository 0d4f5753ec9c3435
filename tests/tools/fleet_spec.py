# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes roles/fleet/meta/argument_specs.yml: python tests/tools/fleet_spec.py.

The role takes options of modules. Their documentation is the one place that describes
them; argument specs of roles can't refer to it, so it is copied.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

SPEC = Path(__file__).parents[2] / "roles/fleet/meta/argument_specs.yml"
_HEAD = """\
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
---
# The options within the lists are those of the modules, from whose documentation
# python tests/tools/fleet_spec.py writes this file.
"""
_KEPT = ("type", "elements", "required", "choices", "default")
_SIZES = {
    "node_count": "Number of nodes of its clusters, where they do not say it.",
    "master_count": "Number of masters of its clusters, where they do not say it.",
}
_COLLECTION = "gpufleet.openstack"


def spec() -> dict[str, Any]:
    """Return the argument specs of the role."""
    modules = ["location", "hardware", "cluster_template", "gpu_cluster"]
    names = [f"{_COLLECTION}.{module}" for module in modules]
    process = subprocess.run(
        ["ansible-doc", "--json", *names], check=True, capture_output=True, text=True
    )
    docs = json.loads(process.stdout)
    location, hardware, template, cluster = (
        _options(docs[name]["doc"]["options"]) for name in names
    )
    sizes = {
        name: {"description": [text], "type": "int"} for name, text in _SIZES.items()
    }
    options = {
        "fleet_cloud": {
            "description": [
                "Name of a cloud in C(clouds.yaml), or a dictionary as it would stand "
                "there. Without it C(module_defaults) of the play and C(OS_*) count."
            ],
            "type": "raw",
        },
        "fleet_admin_cloud": {
            "description": [
                "The same for hardware alone, as by default only administrators may "
                "create flavors. Without it O(fleet_cloud) counts."
            ],
            "type": "raw",
        },
        "fleet_state": {
            "description": [
                "V(absent) removes all that is declared, in the other order. An item "
                "may have a C(state) of its own.",
            ],
            "type": "str",
            "choices": ["present", "absent"],
            "default": "present",
        },
        "fleet_max_parallel": {
            "description": [
                "How many clusters are worked on at the same time. The next ones begin "
                "when all of these are done."
            ],
            "type": "int",
            "default": 4,
        },
        "fleet_timeout": {
            "description": ["Seconds that each item may take."],
            "type": "int",
            "default": 3600,
        },
        "fleet_locations": _list("location", location),
        "fleet_hardware": _list("hardware", hardware),
        "fleet_cluster_templates": _list("cluster_template", {**template, **sizes}),
        "fleet_clusters": _list("gpu_cluster", cluster),
        "cluster_templates": {
            "description": [
                "Templates in another form, V({PROFILE: {name: NAME, image: IMAGE, "
                "flavor: FLAVOR}}), with the same options. It counts where "
                "O(fleet_cluster_templates) is not given."
            ],
            "type": "dict",
        },
    }
    main = {
        "short_description": "Declare a whole site of GPU clusters",
        "version_added": "0.1.0",
        "author": ["The gpufleet.openstack authors (@gpufleet)"],
        "description": [
            "Makes, changes and removes locations, hardware, cluster templates and "
            "clusters with their node groups, in the order in which they need each "
            "other. A second run changes nothing. Check mode shows the whole plan, on "
            "an empty cloud too.",
            "What is not declared is left alone. M(gpufleet.openstack.fleet_export) "
            "writes these variables for a site that is there.",
        ],
        "options": options,
    }
    return {"argument_specs": {"main": main}}


def text() -> str:
    """Return the text of the file."""
    return _HEAD + yaml.dump(spec(), Dumper=_Dumper, sort_keys=False, width=96)


class _Dumper(yaml.SafeDumper):
    """Indents lists, as yamllint wants it, and repeats what occurs twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _list(module: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": [
            f"Options of M({_COLLECTION}.{module}) for each, in the order in which "
            "they are made."
        ],
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": options,
    }


def _options(docs: dict[str, Any]) -> dict[str, Any]:
    """Return options, and their aliases: argument specs of roles have no aliases."""
    options = {}
    for name, doc in docs.items():
        options[name] = option = _option(doc)
        for alias in doc.get("aliases", []):
            options[alias] = {
                "description": [f"Another name of C({name})."],
                **{key: option[key] for key in ("type", "choices") if key in option},
            }
    return options


def _option(doc: dict[str, Any]) -> dict[str, Any]:
    """Return a documented option as argument specs of roles have it."""
    text = doc["description"]
    lines = [text] if isinstance(text, str) else text
    # Links within a module's page lead nowhere from another one.
    option = {"description": [re.sub(r"\bO\(", "C(", line) for line in lines]}
    option.update({key: doc[key] for key in _KEPT if key in doc})
    if "suboptions" in doc:
        option["options"] = _options(doc["suboptions"])
    return option


if __name__ == "__main__":
    SPEC.write_text(text(), encoding="utf-8")

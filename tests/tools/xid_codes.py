# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes plugins/module_utils/_node/xid_codes.py: python tests/tools/xid_codes.py FILE.

NVIDIA publishes its catalogue of XIDs as a page that needs a browser. gpud reads it, and
keeps it as a file of Go, catalog_generated.go, with the time at which it was read:

    git clone --depth 1 https://github.com/leptonai/gpud
    cd gpud/components/accelerator/nvidia/xid
    python .../tests/tools/xid_codes.py catalog_generated.go
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

CODES = Path(__file__).parents[2] / "plugins/module_utils/_node/xid_codes.py"
_ENTRY = re.compile(r'\{Code: (\d+), .*?ImmediateResolution: "(\w*)"')
_READ = re.compile(r"// Generated at (\d{4}-\d{2}-\d{2})T\S* Source: (\S+)")
_HEAD = '''\
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What NVIDIA's catalogue of XIDs says to do at once.

tests/tools/xid_codes.py writes this file of catalog_generated.go of
https://github.com/leptonai/gpud (Apache-2.0), which holds the catalogue.
"""

from __future__ import annotations

'''


def render(catalog: str) -> str:
    """Return the file for a catalogue.

    Args:
        catalog: Text of catalog_generated.go.

    Raises:
        ValueError: It is none.
    """
    read = _READ.search(catalog)
    actions: dict[str, list[int]] = {}
    for code, action in _ENTRY.findall(catalog):
        if action:
            actions.setdefault(action, []).append(int(code))
    if not read or not actions:
        raise ValueError("this is no catalogue with a time, codes and resolutions")
    date, source = read.groups()
    lines = [f'SOURCE = "{source}"', f'DATE = "{date}"']
    lines.append('"""When the source was read."""\n\nCODES = {')
    for action in sorted(actions):
        codes = sorted(actions[action])
        listed = ", ".join(map(str, codes)) + ("," if len(codes) == 1 else "")
        line = f'    "{action}": ({listed}),'
        if len(line) > 88:
            wrapped = textwrap.fill(f"{listed},", 80)
            line = f'    "{action}": (\n{textwrap.indent(wrapped, " " * 8)}\n    ),'
        lines.append(line)
    lines.append(
        '}  # fmt: skip\n"""Codes by action; those without one are left out."""'
    )
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    CODES.write_text(render(Path(sys.argv[1]).read_text()))

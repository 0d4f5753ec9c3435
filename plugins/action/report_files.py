# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module report_files: everything is done on the controller."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils import _files

ARGUMENT_SPEC: dict[str, t.Any] = {
    "folder": {"type": "path", "required": True},
    "files": {"type": "dict", "required": True},
    "file_mode": {"type": "raw", "default": "0640"},
    "folder_mode": {"type": "raw", "default": "0750"},
}


class ActionModule(ActionBase):
    """Writes files into a folder."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Replace the files if one of them differs."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(ARGUMENT_SPEC)
        folder = os.path.abspath(options["folder"])
        contents = _contents(options["files"])
        file_mode, folder_mode = (
            _mode(option, options[option]) for option in ("file_mode", "folder_mode")
        )
        try:
            before = {name: _files.read(folder, name) for name in contents}
            after = {name: (text, file_mode) for name, text in contents.items()}
            changed = before != after
            if changed and not self._task.check_mode:
                _files.make_folder(folder, folder_mode)
                _files.write(folder, contents, file_mode)
        except OSError as error:
            path = error.filename if isinstance(error.filename, str) else folder
            # Ansible would add the text of the cause.
            raise AnsibleActionFail(
                f"folder: {path} can't be written, and all files there are as they "
                f"were: {_files.failure(error, 'folder')}"
            ) from None
        result = {**result, "changed": changed, "folder": folder}
        if self._task.diff:
            result["diff"] = [
                _diff(folder, name, before[name], text)
                for name, text in contents.items()
            ]
        return result


def _contents(files: dict[str, t.Any]) -> dict[str, bytes]:
    """Return the files as they are written.

    Raises:
        AnsibleActionFail: A name is none of a file, or a content can't be written.
    """
    contents = {}
    for name, content in files.items():
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise AnsibleActionFail(
                f"files: {name!r} is no name of a file; a name must have no slash"
            )
        text = content if isinstance(content, str) else _json(name, content)
        # A name on a node may hold what is no character.
        contents[str(name)] = text.encode(errors="replace")
    return contents


def _json(name: str, content: object) -> str:
    try:
        return json.dumps(content, indent=4, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AnsibleActionFail(
            f"files: the content of {name} can't be written as JSON: {error}. "
            "It must be a text, or data without NaN"
        ) from None


def _mode(option: str, value: object) -> int:
    """Return permissions.

    Raises:
        AnsibleActionFail: They are none.
    """
    # YAML reads 0640 without quotes as the number that is meant, and 640 as another.
    try:
        mode = value if isinstance(value, int) else int(str(value), 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise AnsibleActionFail(
            f"{option}: {value!r} must be an octal number in quotes, '0000' to '0777'"
        )
    return mode


def _diff(
    folder: str, name: str, before: tuple[bytes, int] | None, after: bytes
) -> dict[str, str]:
    header = os.path.join(folder, name)
    return {
        "before_header": header,
        "after_header": header,
        "before": before[0].decode(errors="replace") if before else "",
        "after": after.decode(),
    }

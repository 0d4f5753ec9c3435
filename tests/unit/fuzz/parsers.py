# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parsers of what comes from outside, each with what it usually gets."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
import struct
import subprocess
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from ansible_collections.gpufleet.openstack.plugins.module_utils import _http
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services import (
    credentials,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    amd_smi,
    amdgpu,
    files,
    gpu_metrics,
    hl_smi,
    nvidia_smi,
    pci,
    rdma,
    tool,
    xid,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    kubeconfig,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    kubernetes as kubernetes_client,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    slurm as slurm_client,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.errors import (
    SchedulerError,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    door,
    snapshot,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.failure import (
    SourceError,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.prometheus import (
    api,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.prometheus import (
    source as prometheus,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.slurm import (
    gres,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.slurm import (
    source as slurm,
)
from unit.fuzz import edits, records
from unit.fuzz.test_hostvars import variables

SAMPLES = Path(__file__).parents[1] / "node/samples"
LONGEST_ANSWER = 4 * 2**20
"""Characters of what a parser makes of a text of 200,000 bytes at most."""


class NoInput(Exception):
    """What was made is nothing that the parser would be given."""


class Parser(NamedTuple):
    """A parser.

    Attributes:
        name: Its name.
        parse: Makes something that JSON can hold of bytes.
        seeds: What it usually gets.
        edit: Makes odd inputs of these.
        refuses: What it is documented to raise.
        slow: Whether an input takes it milliseconds.
    """

    name: str
    parse: Callable[[bytes], Any]
    seeds: list[bytes]
    edit: edits.EditOf = edits.of_text
    refuses: tuple[type[Exception], ...] = ()
    slow: bool = False

    def odd(self, seed: int, changes: list[edits.Edit]) -> bytes:
        """Return an odd input.

        Args:
            seed: Which of the seeds it is made of; any number from 0 on.
            changes: What is changed.
        """
        raw = self.seeds[seed % len(self.seeds)]
        for change in changes:
            raw = self.edit(raw, change)
        return raw

    def random(self, chosen: random.Random) -> bytes:
        """Return an odd input by chance."""
        numbers = functools.partial(chosen.randrange, 2**16)
        changes = [
            (numbers(), numbers(), numbers())
            for _number in range(chosen.randrange(1, 7))
        ]
        return self.odd(numbers(), changes)

    def attempt(self, raw: bytes) -> None:
        """Parse an input.

        Raises:
            Exception: What it makes of it is no JSON or too much of it, or it raised
                what is not documented.
        """
        try:
            parsed = self.parse(raw)
        except (NoInput, *self.refuses):
            return
        text = json.dumps(parsed, allow_nan=False, default=_plain)
        assert len(text) <= LONGEST_ANSWER, f"{len(text)} characters of {len(raw)}"


def _loaded(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise NoInput from None
    if not isinstance(value, dict):
        raise NoInput
    return value


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return [getattr(value, each.name) for each in dataclasses.fields(value)]
    assert isinstance(value, (set, frozenset)), f"{type(value)} is no JSON"
    return sorted(value)


# Texts --------------------------------------------------------------------------------


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda raw: read(raw.decode("utf-8", "replace"))


def _gres(text: str) -> Any:
    listed = gres.indexes(text), gres.length(text)
    return gres.parse(text), gres.of_tres(text), *listed


def _nvidia_smi(text: str) -> Any:
    rows, lost = nvidia_smi.parse(text)
    facts = [_facts(nvidia_smi.COLUMNS, row) for row in rows.values()]
    return facts, lost, nvidia_smi.parse_processes(text)


def _hl_smi(text: str) -> Any:
    return [_facts(hl_smi.COLUMNS, row) for row in hl_smi.parse(text).values()]


def _facts(columns: tuple[tool.Column, ...], row: list[str]) -> Any:
    return tool.facts(columns, row, ("metrics", "processes"))


def _sysfs(text: str) -> Any:
    return rdma.rate(text), rdma.state(text), pci.generation(text), tool.address(text)


GRES = (
    b"gpu:mi300x:8(IDX:0-3,5)",
    b"gpu:a100:4(S:0-1),gpu:t4:2(S:1),shard:8",
    b"cpu=4,gres/gpu=6,gres/gpu:h100=6",
    b"gpu:0(IDX:N/A),gpu:(null):1(S:0)",
    b"gpu:h100_1g.10gb(CNT:2),shard:h100:4(4/16,0/16)",
    b"2-3,7,1-7:2",
)
XIDS = b"""\
6,100,1000000,-;pci 0000:3b:00.0: [10de:20b2] type 00
4,101,2500000,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=unknown, GPU has fallen off the bus.
 SUBSYSTEM=pci
4,102,9000000,-;NVRM: Xid (PCI:0000:86:00): 999, something new
"""
LOST = b"Unable to determine the device handle for GPU0000:4E:00.0: GPU is lost."
GAUDI = b"""\
0000:19:00.0, HL-225, 01P0-HL2080A0-15, AN3001, 1.19.1-abc, 98304, 768, 12, 96, 41, 0, N/A
"""
SYSFS = (b"400 Gb/sec (4X NDR)", b"4: ACTIVE", b"32.0 GT/s PCIe", b"00000000:4E:00.0")


# Records of a node --------------------------------------------------------------------


def _amd_smi(raw: bytes) -> Any:
    answers = _loaded(raw)
    reader = amd_smi.AmdSmiReader(None, ("metrics",))
    reader._handles = {"device": 0}
    reader._amdsmi = SimpleNamespace(
        **{
            f"amdsmi_get_{name}": lambda _handle, answer=answer: answer
            for name, answer in answers.items()
        }
    )
    return reader.read("device")


def _amdgpu_files(raw: bytes) -> Any:
    def data(*_path: str, **_options: Any) -> bytes:
        return raw[: 2**16]

    def names(*_path: str) -> list[str]:
        return ["umc_err_count"]

    with mock.patch.multiple(files, data=data, names=names):
        node = amdgpu._kfd_node("node")
        return node, amdgpu.ras_counts("ras"), amdgpu._sensors("hwmon")


AMDGPU_FILES = (
    b"simd_count 304\nlocation_id 1280\ndomain 0\nhive_id 15188982192727901047\n",
    b"ue: 0\nce: 12\n",
    b"52000",
)
AMD_SMI = {
    "gpu_board_info": {"product_serial": "692312000000", "product_name": "N/A"},
    "gpu_asic_info": {"market_name": "AMD Instinct MI300X"},
    "gpu_vram_usage": {"vram_total": 196592, "vram_used": 284},
    "gpu_activity": {"gfx_activity": 37, "umc_activity": 65535},
    "power_info": {"current_socket_power": "N/A", "average_socket_power": 312},
    "gpu_metrics_info": {"temperature_hotspot": 52, "temperature_mem": 44},
}


def _tables() -> list[bytes]:
    sizes = {1: 96, 2: 112, 3: 120, 4: 184, 5: 168, 6: 284, 7: 328, 8: 400}
    return [
        struct.pack("<HBB", size, 1, minor) + bytes(range(4, 200)) * 2
        for minor, size in sizes.items()
    ]


def _hostvars(raw: bytes) -> Any:
    given = _loaded(raw)
    warnings: list[str] = []
    node, facts = given.get("gpufleet_node"), given.get("gpufleet")
    ports = given.get("gpufleet_expected_rdma_ports")
    return door.host("odd", node, facts, ports, warnings.append), warnings


def _usual_hostvars() -> Any:
    usual = variables("odd")
    return {**usual, **usual.pop("ansible_facts")}


# Sources ------------------------------------------------------------------------------


def _reported(**answers: Any) -> Any:
    fleet = snapshot.assemble([], now=NOW, **answers)
    return [report(fleet, OPTIONS) for report in _reports.REPORTS.values()]


NOW = datetime.fromtimestamp(records.NOW, UTC)
OPTIONS = _reports._checked({})
METRICS = list(records.prometheus("any"))


def _prometheus(answer: Callable[[str], bytes]) -> Any:
    def request(url: str, *_arguments: Any, **_options: Any) -> Any:
        return _http.parse(answer(url))

    with mock.patch.object(api._http, "request", request):
        telemetry = prometheus.read({"url": "http://prometheus.test"}, 1)
    schedules = list(telemetry.schedules)
    return _reported(measured=[telemetry], schedules=schedules)


def _metric_names(raw: bytes) -> Any:
    return _prometheus(lambda _url: raw)


def _series(raw: bytes) -> Any:
    [names] = _json({"status": "success", "data": METRICS})
    return _prometheus(lambda url: names if "__name__" in url else raw)


def _vector(series: list[Any]) -> Any:
    data = {"resultType": "vector", "result": series}
    return {"status": "success", "data": data}


def _slurm(raw: bytes) -> Any:
    answer = _http.parse(raw)
    nodes, jobs = (slurm_client._records(answer, what) for what in ("nodes", "jobs"))
    return _reported(schedules=[slurm.schedule(nodes, jobs, "cluster")])


PODS = records.kubernetes()
ON_NODE = records.of_kubernetes_node()


def _kubernetes(raw: bytes) -> Any:
    lists = _loaded(raw)

    def get(path: str, _query: Any, _accept: str) -> Any:
        if path not in PODS:
            return records.kubernetes_resources(path, PODS)
        return {**PODS[path], "items": lists.get(path)}

    schedule = kubernetes.schedule(get, kubernetes.RESOURCES, "cluster")
    return _reported(schedules=[schedule])


def _kubernetes_answer(raw: bytes) -> Any:
    return sorted(kubernetes_client._checked("/api/v1/nodes", 200, raw))


# Kubeconfigs --------------------------------------------------------------------------


def _any_kubeconfig(raw: bytes) -> Any:
    if b"exec" in raw:
        raise NoInput  # it runs what it names
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        return kubeconfig.read(file.name, None, 1).server


@functools.cache
def _certificate() -> str:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
    made = subprocess.run(
        [*command.split(), "-nodes", "-keyout", "/dev/null", "-subj", "/O=g/CN=u"],
        check=True,
        capture_output=True,
    )
    return made.stdout.decode()


def _kubeconfig() -> bytes:
    certificate = _certificate()
    text = credentials.render(
        credentials.Credential(
            cluster="training",
            cluster_id="c",
            server="https://10.0.0.1:6443",
            user="reader",
            ca=certificate,
            certificate=certificate,
            key="none",
        )
    )
    return text.encode()


def parsers() -> list[Parser]:
    """Return all parsers."""
    csv = [path.read_bytes() for path in sorted(SAMPLES.glob("nvidia-smi-*.csv"))]
    return [
        Parser("gres", _text(_gres), list(GRES), refuses=(ValueError,)),
        Parser("xid", _text(lambda text: xid.events(text, 10.0)), [XIDS]),
        Parser("nvidia_smi", _text(_nvidia_smi), [*csv, LOST]),
        Parser("hl_smi", _text(_hl_smi), [GAUDI]),
        Parser("sysfs", _text(_sysfs), list(SYSFS)),
        Parser("gpu_metrics", gpu_metrics.read, _tables()),
        Parser("amdgpu_files", _amdgpu_files, list(AMDGPU_FILES)),
        Parser("amd_smi", _amd_smi, _json(AMD_SMI), edits.of_record),
        Parser("hostvars", _hostvars, _json(_usual_hostvars()), edits.of_record),
        Parser(
            "prometheus_names",
            _metric_names,
            _json({"status": "success", "data": METRICS}),
            edits.of_record,
            (SourceError,),
        ),
        Parser(
            "prometheus_series",
            _series,
            _json(*map(_vector, records.prometheus("any").values())),
            edits.of_record,
            (SourceError,),
        ),
        Parser(
            "slurm",
            _slurm,
            _json(records.of_slurm_node()),
            edits.of_record,
            (SchedulerError, _http.NotJson),
        ),
        Parser(
            "kubernetes",
            _kubernetes,
            _json({path: items[:2] for path, items in ON_NODE.items()}),
            edits.of_record,
            (SchedulerError,),
        ),
        Parser(
            "kubernetes_answer",
            _kubernetes_answer,
            _json(PODS["/api/v1/nodes"]),
            edits.of_record,
            (SchedulerError,),
        ),
        Parser("our_kubeconfig", _text(credentials.parse), [_kubeconfig()], slow=True),
        Parser(
            "kubeconfig",
            _any_kubeconfig,
            [_kubeconfig()],
            refuses=(SchedulerError,),
            slow=True,
        ),
    ]


def _json(*values: Any) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]

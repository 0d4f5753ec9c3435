# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant, or an endpoint, names servers and addresses that attack the controller.

Ansible runs with the names and addresses of a recorded cloud. Its `ssh` is a program
that writes down its arguments.
"""

from __future__ import annotations

import copy
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs

import pytest
import yaml

from attacks.controller import Controller
from fakes.recorded.server import Cloud
from integration.inventory import Listing
from unit.fleet import factory

pytestmark = pytest.mark.attack

SECRET = "a-password-of-the-host"

NAMES = {
    "localhost": "localhost",
    "its-address": "127.0.0.1",
    "its-ipv6-address": "::1",
    "other-case": "LocalHost",
    "short-loopback": "127.1",
    "octal-loopback": "0177.0.0.1",
    "number": "2130706433",
    "hexadecimal": "0x7f000001",
    "this-host": "0.0.0.0",
    "domain": "localhost.localdomain",
    "loopback-of-debian": "ip6-loopback",
    "subdomain": "x.localhost",
    "all": "all",
    "ungrouped": "Ungrouped",
    "our-group": "gpu_nodes",
    "group-of-states": "gpu_faulty",
    "composed-group": "expensive",
    "path": "../../../../../../../../tmp/x-node-0",
    "relative-path": "../secret",
    "option": "-oProxyCommand=touch canary",
    "range": "node[0:999]",
    "pattern": "a:!b",
    "wildcard": "*",
    "file-of-a-host": "web1.yml",
    "host-of-another-inventory": "web1",
    "its-name-in-upper-case": "WEB1",
    "group-of-another-inventory": "web",
    "host-of-a-later-inventory": "web2",
    "host-of-a-later-list": "web3",
    "group-of-a-later-inventory": "databases",
    "300-characters": "n" * 300,
    "100000-characters": "n" * 100_000,
    "newline": "node\n0",
    "escape": "node\x1b]0;x\x07",
    "template": "{{ lookup('pipe', 'touch canary') }}",
    "overriding-template": "#jinja2:variable_start_string:'['\n[lookup('pipe','touch canary')]",
    "empty": "",
    "null": None,
    "integer": 7,
    "list": ["localhost"],
    "no-ascii": "n\u00f6de",
}
"""Names of servers that no host may have."""

ADDRESSES = {
    "loopback": "127.0.0.1",
    "loopback-net": "127.8.9.10",
    "this-host": "0.0.0.0",
    "this-net": "0.1.2.3",
    "link-local": "169.254.169.254",
    "multicast": "224.0.0.1",
    "broadcast": "255.255.255.255",
    "short": "127.1",
    "number": 2130706433,
    "option": "-oProxyCommand=touch canary",
    "command": "10.0.0.1; touch canary",
    "substitution": "$(touch canary)",
    "newline": "10.0.0.1\n-oProxyCommand=x",
    "host-name": "localhost",
    "template": "{{ lookup('pipe', 'touch canary') }}",
    "null": None,
    "list": ["127.0.0.1"],
    "ipv6-in-ipv4": "::1",
}
"""Addresses that Ansible must not connect to."""

SIX = {
    "loopback": "::1",
    "unspecified": "::",
    "link-local": "fe80::1%eth0",
    "zone": "2001:db8::1%$(touch canary)",
    "mapped-loopback": "::ffff:127.0.0.1",
    "translated-loopback": "64:ff9b::7f00:1",
    "6to4-loopback": "2002:7f00:1::",
    "multicast": "ff02::1",
}


class Site:
    """A controller and a cloud: an inventory file for it, and one of other hosts.

    Args:
        folder: For the controller.
        cloud: The cloud.
    """

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.controller = Controller(folder)
        self.cloud = cloud
        self.folder = folder
        self.log = folder / "ssh.log"
        clouds = folder / "clouds.yaml"
        clouds.write_text(yaml.safe_dump({"clouds": {"recorded": cloud.config}}))
        ssh = folder / "ssh"
        ssh.write_text(
            f"#!{sys.executable}\n"
            "import json, sys\n"
            f"with open({str(self.log)!r}, 'a') as log:\n"
            "    log.write(json.dumps(sys.argv[1:]) + '\\n')\n"
            "print('ssh: Could not resolve hostname', file=sys.stderr)\n"
            "sys.exit(255)\n"
        )
        ssh.chmod(0o700)
        self.controller.environment.update(
            OS_CLIENT_CONFIG_FILE=str(clouds),
            ANSIBLE_SSH_EXECUTABLE=str(ssh),
            ANSIBLE_SSH_TRANSFER_METHOD="piped",
            ANSIBLE_FORKS="4",
            ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true",
        )

    def add(self, name: Any, ident: object, address: Any = None, **more: Any) -> str:
        """Add a server with an accelerator; return its id."""
        made = self.cloud.id("attack", ident) if isinstance(ident, str) else ident
        for version in ("servers", "servers 2.100"):
            server = copy.deepcopy(self.cloud.lists[version][1])
            [(network, [port])] = server["addresses"].items()
            if address is not None:
                server["addresses"] = {network: [{**port, **address}]}
            server |= {"id": made, "name": name, **more}
            self.cloud.lists[version].append(server)
        return str(made)

    def write(self, **options: Any) -> list[str]:
        """Write the inventory; return the options of Ansible that name it."""
        file = self.folder / "site.gpu_nodes.yml"
        given = {"plugin": "gpufleet.openstack.gpu_nodes", "cloud": "recorded"}
        given |= {"include_standalone": True, **options}
        file.write_text(yaml.safe_dump(given))
        return ["-i", str(file)]

    def listing(
        self, *arguments: str, after: tuple[str, ...] = (), **options: Any
    ) -> Listing:
        """List the hosts and groups."""
        done = self.controller.run(
            *("ansible-inventory", *arguments, *self.write(**options), *after),
            "--list",
            *("--output", str(self.folder / "list.json")),
        )
        assert done.status == 0, done.output
        assert "Traceback" not in done.output
        return Listing((self.folder / "list.json").read_text(), done.output)

    def connections(self) -> list[list[str]]:
        """Return the arguments of `ssh`, by connection."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def canaries(self) -> list[Path]:
        """Return what commands of an attacker have made."""
        return sorted(self.folder.rglob("canary*"))


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    made = Cloud(servers=4, clusters=2)
    yield made
    made.close()


# Names -------------------------------------------------------------------------------


class Attacked(NamedTuple):
    """What came of a play over servers with odd names."""

    site: Site
    ids: dict[str, str]
    found: Listing
    facts: dict[str, Any]
    output: str


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """A listing, and a play on localhost and on all hosts."""
    cloud = Cloud(servers=4, clusters=2)
    site = Site(tmp_path_factory.mktemp("names"), cloud)
    nowhere = {"addr": "not-an-address"}
    ids = {key: site.add(name, key, nowhere) for key, name in NAMES.items()}
    ids["id-is-localhost"] = site.add("127.0.0.9", None, id="localhost")
    ids["id-is-a-path"] = site.add("../odd-2", None, id="../../odd-2")
    ids["name-is-an-id"] = site.add(ids["null"], "name-is-an-id", nowhere)
    static = {
        "web": {"hosts": {"web1": {"password": SECRET}}},
        "empty": {"hosts": {}},
    }
    (site.folder / "a.yml").write_text(yaml.safe_dump({"all": {"children": static}}))
    (site.folder / "later").mkdir()
    later = site.folder / "later" / "hosts"
    later.write_text(f"[databases]\nweb2 password={SECRET}\n")
    after = ("-i", str(later.parent), "-i", "web3,")
    for name in ("host_vars", "group_vars"):
        (site.folder / name).mkdir()
    for name in ("host_vars/web1.yml", "host_vars/web3.yml", "secret.yml"):
        (site.folder / name).write_text(yaml.safe_dump({"password": SECRET}))
    others = ("-i", str(site.folder / "a.yml"))
    options = {"groups": {"expensive": "false"}, "telemetry": "facts"}
    facts = site.folder / "facts"
    site.controller.environment |= {
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(facts),
    }
    found = site.listing(*others, after=after, **options)
    whose = "groups.all | map('extract', hostvars) | selectattr('password', 'defined')"
    result = {
        "local": "{{ gpufleet_node is defined }}",
        "delegated": "{{ hostvars.localhost.gpufleet_node is defined }}",
        "secrets": f"{{{{ {whose} | map(attribute='inventory_hostname') }}}}",
        "all": "{{ groups.all | map('extract', hostvars) | map('string') | length }}",
    }
    plays = [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": [
                {
                    "ansible.builtin.copy": {
                        "dest": str(site.folder / "result.json"),
                        "content": result,
                    }
                }
            ],
        },
        {
            "hosts": "all:!localhost",
            "gather_facts": False,
            "tasks": [
                {"ansible.builtin.set_fact": {"cacheable": True, "seen": True}},
                {"ansible.builtin.raw": "id"},
            ],
        },
    ]
    playbook = site.folder / "play.yml"
    playbook.write_text(yaml.safe_dump(plays))
    done = site.controller.run(
        *("ansible-playbook", *others, *site.write(**options), *after),
        str(playbook),
    )
    told = json.loads((site.folder / "result.json").read_text())
    yield Attacked(site, ids, found, told, done.output)
    cloud.close()


@pytest.mark.parametrize("key", NAMES)
def test_a_server_has_its_id_as_name(named: Attacked, key: str) -> None:
    name = NAMES[key]
    known = {**named.found.hosts}
    assert named.ids[key] in known
    node = known[named.ids[key]]["gpufleet_node"]
    short = isinstance(name, str) and len(name) <= 256
    assert node["name"] == (name if short else None)
    mine = [
        n
        for n, v in known.items()
        if v.get("gpufleet_node", {}).get("id") == node["id"]
    ]
    assert mine == [named.ids[key]]


def test_localhost_is_the_controller(named: Attacked) -> None:
    assert named.facts["local"] is False
    assert named.facts["delegated"] is False
    assert not {"localhost", "127.0.0.1", "::1"} & set(named.found.hosts)


def test_no_server_has_the_secrets_of_a_host(named: Attacked) -> None:
    hosts = ["web1", "web2", "web3"]
    assert sorted(named.facts["secrets"]) == hosts
    for host in hosts:
        assert named.found.hosts[host]["password"] == SECRET
        assert "gpufleet_node" not in named.found.hosts[host]


def test_a_warning_says_whose_name_is_taken(named: Attacked) -> None:
    assert "that of a host of another inventory" in named.found.warnings


def test_an_odd_id_is_no_name_either(named: Attacked) -> None:
    hosts = named.found.hosts.values()
    ids = {host["gpufleet_node"]["id"] for host in hosts if "gpufleet_node" in host}
    assert not {"localhost", "../../odd-2"} & ids
    assert "'../odd-2' is left out: its id '../../odd-2'" in named.found.warnings


def test_a_name_is_never_the_id_of_another_server(named: Attacked) -> None:
    node = named.found.hosts[named.ids["null"]]["gpufleet_node"]
    assert node["name"] is None
    assert named.ids["name-is-an-id"] in named.found.hosts


def test_a_host_without_an_address_is_not_looked_up(named: Attacked) -> None:
    connections = named.site.connections()
    assert len(connections) > len(NAMES)
    for arguments in connections:
        words = " ".join(arguments)
        assert (
            " 10." in words
            or "no-private-or-ipv6-address.invalid" in words
            or "web" in words
        )
        assert "ProxyCommand" not in words
    assert (
        "no-private-or-ipv6-address.invalid" in named.output
        or "resolve" in named.output
    )


def test_each_host_has_a_file_in_the_fact_cache(named: Attacked) -> None:
    # Newer ansible-cores put a prefix before the name.
    files = [path.name for path in (named.site.folder / "facts").iterdir()]
    assert len(files) == len(named.found.hosts)
    for host in named.found.hosts:
        assert [name for name in files if name.endswith(host)], host


def test_no_name_is_evaluated(named: Attacked) -> None:
    assert int(named.facts["all"]) > len(NAMES)
    assert named.site.canaries() == []


def test_other_nodes_keep_their_names(named: Attacked) -> None:
    usual = {server["name"] for server in named.site.cloud.lists["servers"][:4]}
    assert usual <= set(named.found.hosts)


# Addresses -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def addressed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """Connections to servers with odd addresses."""
    cloud = Cloud(servers=4, clusters=2)
    site = Site(tmp_path_factory.mktemp("addresses"), cloud)
    ids = {
        key: site.add(f"odd-{key}", key, {"addr": address})
        for key, address in ADDRESSES.items()
    }
    options = {"jump_host": "x y; touch canary"}
    found = site.listing(**options)
    done = site.controller.run(
        *("ansible", *site.write(**options), "all", "-m", "raw", "-a", "id")
    )
    yield Attacked(site, ids, found, {}, done.output)
    cloud.close()


@pytest.mark.parametrize("key", ADDRESSES)
def test_an_odd_address_is_not_connected_to(addressed: Attacked, key: str) -> None:
    host = addressed.found.hosts[f"odd-{key}"]
    assert host["ansible_host"] == "no-private-or-ipv6-address.invalid"


def test_connections_go_to_servers_only(addressed: Attacked) -> None:
    connections = addressed.site.connections()
    assert len(connections) >= len(ADDRESSES)
    for arguments in connections:
        assert "ProxyJump=x y; touch canary" in arguments  # one word, whatever it is
        target = next(a for a in arguments if a.startswith(("10.", "no-")))
        assert re.fullmatch(
            r"10\.[01]\.0\.[0-9]|no-private-or-ipv6-address\.invalid", target
        )
    assert addressed.site.canaries() == []


def test_ipv6_addresses(cloud: Cloud, tmp_path: Path) -> None:
    site = Site(tmp_path, cloud)
    for key, address in SIX.items():
        site.add(f"six-{key}", f"six-{key}", {"addr": address, "version": 6})
    found = site.listing(address="ipv6").hosts
    for key in SIX:
        assert found[f"six-{key}"]["ansible_host"] == "no-ipv6-address.invalid", key


# Jump hosts ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jumping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """Clusters whose masters are not what they seem."""
    cloud = Cloud(servers=14, clusters=7)
    site = Site(tmp_path_factory.mktemp("jumps"), cloud)
    servers = {server["name"]: server for server in cloud.lists["servers"]}

    def claim(cluster: int, name: str, fixed: str, floating: object) -> None:
        """Add a master, or make it of one that is there."""
        [(network, [port])] = servers["cluster-0-stack-node-0"]["addresses"].items()
        more = {**port, "OS-EXT-IPS:type": "floating", "addr": floating}
        addresses = {network: [{**port, "addr": fixed}, more]}
        full = f"cluster-{cluster}-stack-{name}"
        if name == "genuine":
            servers[f"cluster-{cluster}-stack-master-0"]["addresses"] = addresses
        else:
            site.add(full, f"{full}-{fixed}", addresses=addresses)

    claim(0, "genuine", "10.0.0.3", "203.0.113.9")
    claim(1, "genuine", "10.1.0.3", "203.0.113.10")
    claim(1, "master-0", "10.1.9.9", "198.51.100.66")
    claim(2, "master-00", "10.2.9.9", "198.51.100.66")
    claim(3, "master-7", "10.3.0.3", "198.51.100.66")
    claim(4, "genuine", "10.4.0.3", "x; touch canary")
    claim(5, "genuine", "10.5.0.3", "127.0.0.1")
    claim(6, "genuine", "10.6.0.3", "-oProxyCommand=touch canary")
    found = site.listing(jump_host="master")
    yield Attacked(site, {}, found, {}, "")
    cloud.close()


def test_the_master_of_a_cluster_is_a_jump_host(jumping: Attacked) -> None:
    node = jumping.found.hosts["cluster-0-stack-node-0"]
    assert node["ansible_ssh_common_args"] == "-o ProxyJump=core@203.0.113.9"


@pytest.mark.parametrize(
    "cluster",
    [
        pytest.param(1, id="of-the-same-name"),
        pytest.param(2, id="of-a-smaller-name"),
        pytest.param(3, id="of-the-same-address"),
        pytest.param(4, id="command"),
        pytest.param(5, id="loopback"),
        pytest.param(6, id="option"),
    ],
)
def test_no_other_is(jumping: Attacked, cluster: int) -> None:
    node = jumping.found.hosts[f"cluster-{cluster}-stack-node-0"]
    assert "ansible_ssh_common_args" not in node
    assert node["gpufleet_node"]["cluster"]["master_address"] is None
    text = f"jump_host: cluster 'cluster-{cluster}' has no master"
    assert text in jumping.found.warnings


# Templates -----------------------------------------------------------------------------

TEMPLATES = {
    "expression": "{{ lookup('pipe', 'touch canary-NAME') }}",
    "statement": "{% set x = lookup('pipe', 'touch canary-NAME') %}",
    "override": "#jinja2:variable_start_string:'[['\n[[lookup('pipe','touch canary-NAME')]]",
}


@pytest.fixture(scope="module", params=TEMPLATES)
def templated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Attacked]:
    """All texts of a cloud are templates."""
    cloud = Cloud(servers=4, clusters=2)
    site = Site(tmp_path_factory.mktemp("templates"), cloud)
    template = TEMPLATES[request.param]

    def text(name: str) -> str:
        return template.replace("NAME", name)

    cloud.lists["clusters"][0]["name"] = text("cluster")
    for stack in cloud.lists["stacks"]:
        tags = [tag for tag in stack["tags"] or [] if not tag.startswith("name=")]
        stack["tags"] = stack["tags"] and [*tags, f"name={text('location')}"]
    for version in ("servers", "servers 2.100"):
        for server in cloud.lists[version]:
            server["flavor"] = {**server["flavor"], "original_name": text("flavor")}
            server["OS-EXT-AZ:availability_zone"] = text("zone")
            server["metadata"] = {text("key"): text("value")}
            server["status"] = text("status")
            first, *_others = server["addresses"].values()
            server["addresses"] = {text("network"): first}
    for key, body in cloud._recorded.items():
        if "/images" in key:
            for image in body["images"]:
                image["os_distro"] = text("distro")
    site.add(text("server"), "template")
    options = {
        "compose": {"composed": "gpufleet_node.availability_zone ~ 'x'"},
        "keyed_groups": [{"key": "gpufleet_node.location", "prefix": "at"}],
        "groups": {"chosen": "gpufleet_node.hardware.name"},
    }
    texts = {
        "names": "{{ [inventory_hostname, group_names] }}",
        "composed": "{{ composed }}",
        "nodes": "{{ gpufleet_node }}",
        "all": "{{ hostvars[inventory_hostname] }}",
    }
    play = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.debug": {"msg": texts}}],
    }
    playbook = site.folder / "play.yml"
    playbook.write_text(yaml.safe_dump([play]))
    done = site.controller.run(
        "ansible-playbook", *site.write(**options), str(playbook)
    )
    yield Attacked(
        site, {}, Listing('{"_meta": {"hostvars": {}}}', ""), {}, done.output
    )
    cloud.close()


@pytest.mark.parametrize(
    "part",
    [
        *("cluster", "location", "flavor", "zone", "key", "value", "status"),
        *("network", "distro", "server"),
    ],
)
def test_no_text_of_a_cloud_is_evaluated(templated: Attacked, part: str) -> None:
    assert "unreachable=0" in templated.output
    assert "failed=1" not in templated.output
    made = [path.name for path in templated.site.canaries()]
    assert f"canary-{part}" not in made


# Odd records ---------------------------------------------------------------------------


def test_odd_records_concern_themselves_only(tmp_path: Path) -> None:
    cloud = Cloud(servers=4, clusters=2)
    site = Site(tmp_path, cloud)
    odd: list[Any] = [None, 7, "x", [], {}, {"a": 1}, True, 1e300]
    for number, value in enumerate(odd):
        for key in ("flavor", "addresses", "status", "image", "created", "tenant_id"):
            site.add(f"odd-{number}-{key}", f"odd-{number}-{key}", **{key: value})
        site.add(f"odd-{number}-id", f"odd-{number}-id", id=value)
        for version in ("servers", "servers 2.100"):
            cloud.lists[version].append(value)
        for key in ("master_addresses", "node_addresses", "labels", "stack_id", "name"):
            cluster = {**cloud.lists["clusters"][0], key: value}
            cluster["uuid"] = cloud.id("odd", f"{number}-{key}")
            cloud.lists["clusters"].append(cluster)
        for key in ("tags", "stack_name", "id"):
            cloud.lists["stacks"].append({**cloud.lists["stacks"][0], key: value})
        cloud.lists["stacks"].append(value)
    cloud.page = 10_000
    found = site.listing()
    usual = {f"cluster-{c}-stack-{r}-0" for c in (0, 1) for r in ("master", "node")}
    assert usual <= set(found.hosts)
    for name in usual:
        assert found.hosts[name]["gpufleet_node"]["cluster"]["name"].startswith("clus")
    cloud.close()


# The cache -----------------------------------------------------------------------------

ENTRIES: dict[str, Callable[[str], str]] = {
    "empty": lambda _text: "",
    "truncated": lambda text: text[: len(text) // 2],
    "list": lambda _text: "[]",
    "other-keys": lambda text: text.replace("nodes", "hosts", 1),
    "no-list": lambda text: text.replace("[{", "7, [{", 1),
    "record": lambda text: text.replace("[{", "{", 1).replace("}]", "}", 1),
    "odd-node": lambda text: text.replace("[{", "[7, {", 1),
    "odd-id": lambda text: re.sub(
        r"(id[\\\\\": ]+)[0-9a-f-]{36}", r"\\1[]", text, count=1
    ),
}
"""What becomes of an entry."""


@pytest.fixture(scope="module")
def caching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Path]]:
    cloud = Cloud(servers=2, clusters=1)
    site = Site(tmp_path_factory.mktemp("cache"), cloud)
    yield site, site.folder / "entries"
    cloud.close()


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_odd_entry_of_the_cache_is_read_anew(
    caching: tuple[Site, Path], entry: str
) -> None:
    site, folder = caching
    options = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(folder),
    }
    if not folder.exists():
        site.listing(**options)
    [file] = folder.iterdir()
    sound = file.read_text()
    assert sound != ENTRIES[entry](sound)
    file.write_text(ENTRIES[entry](sound))
    found = site.listing(**options)
    assert set(found.hosts) == {"cluster-0-stack-master-0", "cluster-0-stack-node-0"}
    [file] = folder.iterdir()
    assert file.read_text() == sound


# Exporters -----------------------------------------------------------------------------


class _Prometheus(BaseHTTPRequestHandler):
    """Answers queries for the temperature and the errors of devices."""

    series: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        [query] = parse_qs(self.rfile.read(size).decode())["query"]
        now = time.time()
        value = now if query.startswith("timestamp") else 3
        rows = [{"metric": each, "value": [now, str(value)]} for each in self.series]
        self._send({"resultType": "vector", "result": rows})

    def do_GET(self) -> None:
        self._send(["DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"])

    def _send(self, data: Any) -> None:
        content = json.dumps({"status": "success", "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """Exporters of nodes with uncorrected errors, whose labels name other nodes."""
    cloud = Cloud(servers=10, clusters=5)
    site = Site(tmp_path_factory.mktemp("exporters"), cloud)
    claims = [
        ("10.0.0.4:9400", "cluster-1-stack-node-0"),  # by its own address
        ("192.0.2.1:9400", "cluster-2-stack-node-0"),  # of a pod
        ("10.2.0.4:9400", "cluster-2-stack-node-0"),  # the genuine one
        ("192.0.2.3:9400", "cluster-3-stack-node-0"),  # two pods
        ("192.0.2.4:9400", "cluster-3-stack-node-0"),
        ("10.4.0.4:9400", "dcgm-exporter-x7k2p"),  # the name of its pod
    ]
    _Prometheus.series = [
        {"instance": target, "Hostname": name, "gpu": "0", "UUID": f"GPU-{target}"}
        for target, name in claims
    ]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    found = site.listing(telemetry="prometheus", prometheus={"url": url})
    yield Attacked(site, {}, found, {}, "")
    server.shutdown()
    server.server_close()
    cloud.close()


@pytest.mark.parametrize(
    ("cluster", "devices"),
    [
        pytest.param(0, [], id="liar"),
        pytest.param(1, [], id="victim-without-an-exporter"),
        pytest.param(2, ["GPU-10.2.0.4:9400"], id="victim-with-an-exporter"),
        pytest.param(3, [], id="two-pods"),
        pytest.param(4, ["GPU-10.4.0.4:9400"], id="honest"),
    ],
)
def test_no_exporter_speaks_for_another_node(
    exporting: Attacked, cluster: int, devices: list[str]
) -> None:
    host = exporting.found.hosts[f"cluster-{cluster}-stack-node-0"]
    assert [one["uuid"] for one in host.get("gpufleet_devices", [])] == devices
    health = host["gpufleet_health"]
    assert health["health"] == ("faulty" if devices else "healthy")
    assert "what it exports is left out" in exporting.found.warnings


# Facts ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def overridden(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Reports on nodes whose facts say that they are something else."""
    controller = Controller(tmp_path_factory.mktemp("facts"))
    ways = ("gathered", "cached", "set")
    hosts = {
        name: {
            "gpufleet_node": factory.server(name, 8, id=f"id-{name}"),
            "gpufleet_expected_rdma_ports": 2,
        }
        for name in (*ways, "honest")
    }
    (controller.folder / "hosts.yml").write_text(
        yaml.safe_dump({"all": {"hosts": hosts}})
    )
    claims = {
        "gpufleet_node": factory.server("honest", 0, id="id-honest"),
        "gpufleet_expected_rdma_ports": "all of them",
        "gpufleet_health": {"health": "healthy"},
    }
    library = controller.folder / "library"
    library.mkdir()
    (library / "liar.py").write_text(
        "#!/usr/bin/python\nimport json\n"
        f"claims = json.loads({json.dumps(claims)!r})\n"
        "print(json.dumps({'changed': False, 'ansible_facts': claims}))\n"
        "# WANT_JSON\n"
    )
    local = {
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable},
    }
    set_fact = {"ansible.builtin.set_fact": claims}
    report = controller.folder / "report.json"
    expression = "lookup('gpufleet.openstack.gpu_report', 'nodes', page_size=100)"
    plays = [
        {"hosts": "gathered", **local, "tasks": [{"liar": {}}]},
        {
            "hosts": "cached",
            **local,
            "tasks": [{"ansible.builtin.set_fact": {**claims, "cacheable": True}}],
        },
        {"hosts": "set", **local, "tasks": [set_fact]},
        {
            "hosts": "localhost",
            **local,
            "tasks": [
                {
                    "gpufleet.openstack.fleet_info": {"reports": ["nodes"]},
                    "register": "info",
                },
                {
                    "ansible.builtin.copy": {
                        "dest": str(report),
                        "content": {
                            "lookup": f"{{{{ {expression} }}}}",
                            "fleet_info": "{{ info.nodes }}",
                        },
                    }
                },
            ],
        },
    ]
    playbook = controller.folder / "play.yml"
    playbook.write_text(yaml.safe_dump(plays))
    done = controller.run(
        *("ansible-playbook", "-i", "hosts.yml", str(playbook)),
        ANSIBLE_LIBRARY=str(library),
        ANSIBLE_CACHE_PLUGIN="ansible.builtin.jsonfile",
        ANSIBLE_CACHE_PLUGIN_CONNECTION=str(controller.folder / "cache"),
    )
    assert done.status == 0, done.output
    found: dict[str, Any] = json.loads(report.read_text())
    return found


@pytest.mark.parametrize("reader", ["lookup", "fleet_info"])
@pytest.mark.parametrize("way", ["gathered", "cached", "set"])
def test_no_fact_says_what_a_node_is(
    overridden: dict[str, Any], reader: str, way: str
) -> None:
    rows = {row["name"]: row for row in overridden[reader]["data"]}
    assert set(rows) == {"gathered", "cached", "set", "honest"}
    honest = {
        key: rows["honest"][key]
        for key in ("gpuTotal", "cluster")
        if key in rows["honest"]
    }
    assert honest.items() <= rows[way].items()
    assert rows[way]["id"] == f"id-{way}"
    assert not [text for text in overridden[reader]["warnings"] if "gpufleet" in text]

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes and tenants attack who opens the report page, and who makes it.

One fleet has a node for each payload, which is in every text that the node controls.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from attacks.controller import Controller
from beds.browser import chromium
from beds.browser.report import METRICS, hover, see_nothing_wrong

pytestmark = pytest.mark.attack

OWN = "window.owned=1"
PAYLOADS = {
    "image": f'<img src=x onerror="{OWN}">',
    "request": "<img src=URL/img><link rel=stylesheet href=URL/css><script src=URL/js></script>",
    "end of the element": f"</script><script>{OWN}</script>",
    "comment": f"<!--<script>{OWN}</script>",
    "drawing": f"<svg/onload={OWN}>",
    "frame": f'<iframe srcdoc="<script>parent.{OWN}</script>">',
    "address": f"javascript:{OWN}",
    "attribute": f'" onmouseover="{OWN}" style="background:url(URL/bg)" x="',
    "single quotes": f"' autofocus onfocus='{OWN}' x='",
    "base": f'<base href=URL/><meta http-equiv=refresh content="0;url=javascript:{OWN}">',
    "rich text": f"{{a|<img src=x onerror={OWN}>}} {{b}} {{c}} {{@value}} {{name}}",
    "end of a line": f"\u2028{OWN}//\u2029{OWN}//\n{OWN}\r</b>",
    "literal": f"`${{{OWN}}}` \\u003cimg src=x onerror={OWN}\\u003e &lt;img&gt;",
    "prototype": "__proto__",
    "constructor": "constructor",
    "line of a prototype": "a\n__proto__\nconstructor\nhasOwnProperty",
    "template": "{{ lookup('pipe', 'touch CANARY') }}{% raw %}",
    "delimiters": "#jinja2:variable_start_string:'[%'\n[% lookup('pipe', 'touch CANARY') }}",
}
INDEXES: list[Any] = [
    f"<img src=x onerror={OWN}>",
    [f"<img src=x onerror={OWN}>"],
    {"toString": f"<img src=x onerror={OWN}>"},
    -1,
    True,
    1.5,
    float("nan"),
    2**70,
]
"""What a node may call its devices."""


@pytest.fixture(scope="module")
def trap() -> Iterator[tuple[str, list[str]]]:
    """A server that no page has to do with: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 -- its name in the standard library

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def device(text: str, index: object, value: float) -> dict[str, Any]:
    """A device that has a text in every field that may hold one."""
    texts = ("vendor", "kind", "model", "serial", "driver", "driver_version")
    process = {"pid": 7, "name": text, "user": text, "memory_bytes": 1}
    return {
        **dict.fromkeys(texts, text),
        **{"index": index, "uuid": f"{text}{index}", "pci_bus_id": f"{text}{index}"},
        "health": "failed",
        "utilization_percent": value,
        "power_watts": value,
        "temperature_celsius": value,
        **{key: [text] for key in ("health_reasons", "throttle_reasons", "errors")},
        "processes": [process],
    }


def node(text: str, devices: list[dict[str, Any]]) -> dict[str, Any]:
    """The variables of a node that has a text wherever it may."""
    names = dict.fromkeys(("id", "name", "role", "location", "reason", "cloud"), text)
    server = {
        **names,
        "status": "ACTIVE",
        "region": text,
        "node_group": text,
        "availability_zone": text,
        "created_at": text,
        "cluster": {"id": text, "name": text, "status": text, "health_status": text},
        "hardware": {
            "name": text,
            "accelerators": [{"vendor": text, "model": text, "count": len(devices)}],
        },
        "addresses": [],
    }
    port = {"device": text, "port": "1", "state": "ACTIVE", "rate_gbps": text}
    facts = {
        "hostname": text,
        "devices": devices,
        "rdma_ports": [port],
        "xid_events": [{"code": text, "pci_bus_id": text, "action": text}],
    }
    return {"gpufleet_node": server, "gpufleet": facts}


PLUGIN = """
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.unsafe_proxy import wrap_var
import json

DOCUMENTATION = "name: evil\\nshort_description: Names and texts as a cloud has them"

class InventoryModule(BaseInventoryPlugin):
    NAME = "evil"

    def verify_file(self, path):
        return path.endswith("hosts.json")

    def parse(self, inventory, loader, path, cache=True):
        with open(path) as file:
            for host, variables in json.load(file).items():
                inventory.add_host(wrap_var(host))
                for name, value in variables.items():
                    inventory.set_variable(host, name, wrap_var(value))
"""
"""Lists hosts of any name, and marks texts, as gpu_nodes does."""


class Fleet:
    """The report on a fleet of payloads.

    Attributes:
        folder: What the role wrote.
        texts: The payloads, by name.
        canary: A file that is there once a payload has run on the controller.
        output: What Ansible printed.
    """

    def __init__(self, folder: Path, url: str) -> None:
        controller = Controller(folder)
        self.folder = folder / "out"
        self.canary = folder / "canary"
        self.texts = {
            name: text.replace("URL", url).replace("CANARY", str(self.canary))
            for name, text in PAYLOADS.items()
        }
        hosts = {
            text: node(text, [device(text, 0, 90 - number)])
            for number, text in enumerate(self.texts.values())
        }
        odd = [device("odd", index, 50 + n) for n, index in enumerate(INDEXES)]
        hosts["odd"] = node("odd", odd)
        inventory = folder / "hosts.json"
        inventory.write_text(json.dumps(hosts))
        (folder / "evil.py").write_text(PLUGIN)
        done = controller.run(
            "ansible-playbook",
            *("-i", str(inventory), "gpufleet.openstack.report"),
            *("-e", f"report_folder={self.folder}", "-e", "report_top_k=50"),
            ANSIBLE_INVENTORY_PLUGINS=str(folder),
            ANSIBLE_INVENTORY_ENABLED="evil",
        )
        assert done.status == 0, done.output
        self.output = done.output

    def report(self, name: str) -> dict[str, Any]:
        """Return a report as the page has it."""
        data: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        return dict(data["data"])


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, trap: tuple[str, list[str]]
) -> Fleet:
    return Fleet(tmp_path_factory.mktemp("fleet"), trap[0])


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(fleet: Fleet, browser: Chrome) -> Chrome:
    """The page as the role made it."""
    browser.get(f"file://{fleet.folder}/report.html")
    assert browser.execute_script("return document.documentElement.dataset.ready")
    return browser


def is_owned(browser: Chrome) -> bool:
    """Return whether a script of somebody else has run, or its markup is there."""
    return bool(
        browser.execute_script(
            "return 'owned' in window || document.title !== 'GPU fleet'"
            " || Object.keys({}.__proto__).length > 0"
            " || Object.keys(Object).length > 0 || document.forms.length > 0"
            " || document.querySelector("
            "'img, iframe, svg, base, body script[src], main script, [onerror],"
            " [onfocus], [onmouseover], [http-equiv=refresh], a') !== null"
        )
    )


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_text_of_a_node_stays_text(
    page: Chrome, fleet: Fleet, trap: tuple[str, list[str]], name: str
) -> None:
    text = fleet.texts[name]
    heatmap = fleet.report("heatmap")
    for metric in METRICS:
        matrix = [one["nodeName"] for one in heatmap[metric]["matrix"]]
        shown = hover(page, f"matrix-{metric}", [matrix.index(text), 0])
        assert len(shown) == 3
        top = [one["nodeName"] for one in heatmap[metric]["data"]]
        place = top.index(text)
        shown = hover(page, f"top-{metric}", [heatmap[metric]["yAxisMin"] + 1, place])
        assert shown[0] == text
        assert text in shown[1]
    faults = page.find_element(By.ID, "faults").get_attribute("textContent")
    consumers = page.find_element(By.ID, "consumers").get_attribute("textContent")
    assert text in str(faults)
    assert text in str(consumers)
    assert not is_owned(page)
    assert trap[1] == []


def test_an_index_of_a_device_is_a_number(page: Chrome, fleet: Fleet) -> None:
    heatmap = fleet.report("heatmap")["power"]
    indexes = [one["deviceId"] for one in heatmap["data"] if one["nodeName"] == "odd"]
    assert sorted(indexes) == list(range(len(INDEXES)))
    top = [one["nodeName"] for one in heatmap["data"]]
    hover(page, "top-power", [1, top.index("odd")])
    assert not is_owned(page)


def test_sorting_and_searching_make_no_markup(
    page: Chrome, fleet: Fleet, trap: tuple[str, list[str]]
) -> None:
    for head in page.find_elements(By.CSS_SELECTOR, "th button"):
        page.execute_script("arguments[0].click()", head)
    search = page.find_element(By.ID, "search")
    for text in (fleet.texts["image"], fleet.texts["end of the element"]):
        search.clear()
        search.send_keys(text)
        assert not is_owned(page)
    search.clear()
    assert trap[1] == []


def test_the_page_breaks_no_rule_of_its_own(page: Chrome) -> None:
    """The policy forbids nothing that the page does, with charts that were hovered."""
    for metric in METRICS:
        hover(page, f"top-{metric}", [31, 0])
    see_nothing_wrong(page)


def test_no_text_is_a_template_on_the_controller(fleet: Fleet) -> None:
    assert not fleet.canary.exists()
    assert "{{ lookup('pipe'" in (fleet.folder / "overview.json").read_text()


def replaced(value: Any, text: str) -> Any:
    """Return the data of a page with this text in place of each that it has."""
    if isinstance(value, dict):
        return {key: replaced(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, text) for item in value]
    return text if isinstance(value, str) or value is None else value


@pytest.mark.parametrize(
    "name",
    [
        *("image", "request", "end of the element", "attribute", "rich text"),
        *("end of a line", "prototype", "line of a prototype"),
    ],
)
def test_no_text_of_any_report_is_markup(
    browser: Chrome, fleet: Fleet, trap: tuple[str, list[str]], name: str
) -> None:
    """Those of Kubernetes, Slurm and the cloud too: each text is a payload."""
    html = (fleet.folder / "report.html").read_text()
    before, after = html.split('id="data">', 1)
    data, after = after.split("</script>", 1)
    known = json.loads(data)
    known["consumers"]["data"] = known["consumers"]["data"][:3]
    evil = json.dumps(replaced(known, fleet.texts[name])).replace("<", "\\u003c")
    path = fleet.folder / "evil.html"
    path.write_text(f'{before}id="data">{evil}</script>{after}')
    browser.get(f"file://{path}")
    assert browser.execute_script("return document.documentElement.dataset.ready")
    for metric in METRICS:
        hover(browser, f"matrix-{metric}", [0, 0])
        hover(browser, f"top-{metric}", [31, 0])
    for head in browser.find_elements(By.CSS_SELECTOR, "th button"):
        browser.execute_script("arguments[0].click()", head)
    assert not is_owned(browser)
    see_nothing_wrong(browser)
    assert trap[1] == []


@pytest.mark.parametrize(
    "markup",
    [
        f"<script>{OWN}</script>",
        f"<img src=data:x onerror={OWN}>",
        "<script src=URL/js></script>",
        "<img src=URL/img>",
        "<link rel=stylesheet href=URL/css><style>*{background:url(URL/bg)}</style>",
        f'<iframe src="javascript:parent.{OWN}"></iframe><iframe src=URL/frame></iframe>',
        "<form action=URL/form><button id=press></form>",
        "<base href=URL/><img src=relative>",
        "<object data=URL/object></object><embed src=URL/embed>",
        f'<a id=press href="javascript:{OWN}">x</a>',
    ],
)
def test_even_markup_runs_nothing_and_asks_nobody(
    browser: Chrome, fleet: Fleet, trap: tuple[str, list[str]], markup: str
) -> None:
    """The policy of the page is the second line: markup that got in has no effect."""
    url, asked = trap
    html = (fleet.folder / "report.html").read_text()
    path = fleet.folder / "markup.html"
    path.write_text(html.replace("<main>", f"{markup.replace('URL', url)}<main>", 1))
    browser.get(f"file://{path}")
    browser.execute_script("document.getElementById('press')?.click()")
    browser.execute_script("return document.documentElement.dataset.ready")
    assert browser.execute_script("return 'owned' in window") is False
    assert browser.find_element(By.ID, "tiles").text
    assert asked == []
    assert browser.get_log("browser"), "the browser has not refused anything"

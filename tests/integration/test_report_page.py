# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report page as a browser shows it. The nodes are generated; no cloud is asked."""

from __future__ import annotations

import fcntl
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from beds.browser import chromium
from beds.browser.report import hover, see_nothing_wrong
from unit.fleet import fleets

EVIL = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\"></script><b>"


def inventory(folder: Path, count: int) -> Path:
    """Nodes of eight devices, the first of them with names that are markup."""
    hosts: dict[str, Any] = {}
    for number in range(count):
        name = EVIL if number == 0 else f"node-{number:04}"
        made = fleets.host(name, 8, number % 9)
        for index, device in enumerate(made.facts.devices):
            device["power_watts"] = 100.5 + (number * 7 + index * 13) % 600
            device["temperature_celsius"] = 30 + (number + index) % 60
            device["model"] = IMAGE if number == 0 else "MI300X"
            if number == 0:
                device["health"] = "failed"
                device["health_reasons"] = [EVIL]
                device["utilization_percent"] = 99
            for process in device["processes"]:
                process["user"] = EVIL if number % 5 == 0 else f"user-{number:04}"
        # Nothing is known of one device.
        if number == 1:
            made.facts.devices[3]["power_watts"] = None
        hosts[name] = fleets.variables(made)
    folder.mkdir(exist_ok=True)
    listed = {"all": {"hosts": list(hosts)}, "_meta": {"hostvars": hosts}}
    (folder / "hosts.json").write_text(json.dumps(listed))
    script = folder / "hosts.sh"
    script.write_text(f"#!/bin/sh\ncat {folder}/hosts.json\n")
    script.chmod(0o755)
    return script


def report(folder: Path, count: int) -> Path:
    """The folder that the playbook has filled."""
    variables = {"report_folder": str(folder / "out"), "report_stale_after": 0}
    done = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            "-i",
            inventory(folder, count),
            "gpufleet.openstack.report",
            "--extra-vars",
            json.dumps(variables),
        ],
        env={**os.environ, "ANSIBLE_HOME": str(folder / "ansible")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Of 1,000 nodes, made once for all of pytest's workers."""
    if worker_id == "master":  # there are no others
        return report(tmp_path_factory.mktemp("fleet"), 1000)
    shared = tmp_path_factory.getbasetemp().parent / "fleet"
    with open(f"{shared}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not (shared / "made").exists():
            report(shared, 1000)
            (shared / "made").touch()
    return shared / "out"


def show(browser: Chrome, folder: Path, name: str) -> None:
    """Open the page, and keep a picture of it beside it."""
    browser.get(f"file://{folder}/report.html")
    browser.get_screenshot_as_file(str(folder / f"{name}.png"))


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Chrome]:
    """The page as most like it, light."""
    with chromium() as browser:
        show(browser, folder, "light")
        yield browser
        see_nothing_wrong(browser)


def told(folder: Path, name: str) -> dict[str, Any]:
    """What the API would answer."""
    data: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())["data"]
    return data


def rows(page: Chrome) -> list[list[str]]:
    """The consumers that are shown."""
    found: list[list[str]] = page.execute_script(
        "return [...document.querySelectorAll('#consumers tbody tr')]"
        ".filter((row) => !row.hidden)"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return found


def test_the_file_stands_alone(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    assert len(text.encode()) < 10_000_000
    # Of what the cloud tells, nothing can end the element that holds it.
    data = text.split('id="data">')[1].split("</script>")[0]
    assert "<" not in data
    assert json.loads(data)["overview"] == told(folder, "overview")
    assert EVIL.replace("<", "\\u003c") in data


def test_the_tiles_tell_the_overview(page: Chrome, folder: Path) -> None:
    overview = told(folder, "overview")
    shown = page.find_element(By.ID, "tiles").text
    assert f"{overview['healthyNodes']} of 1000 healthy" in shown
    assert f"{overview['allocatedGpus']} of 8000 in use" in shown
    made = page.find_element(By.ID, "made").text
    assert made == f"Made {overview['generatedAt']} from facts."


def drawn(page: Chrome) -> dict[str, int]:
    """How many colours each chart has; it may have several layers."""
    colours: dict[str, int] = page.execute_script(
        "const seen = {};"
        "for (const canvas of document.querySelectorAll('canvas')) {"
        "  const {data} = canvas.getContext('2d')"
        "    .getImageData(0, 0, canvas.width, canvas.height);"
        "  const chart = canvas.closest('[id]').id;"
        "  seen[chart] ??= new Set();"
        "  for (let i = 0; i < data.length; i += 4)"
        "    seen[chart].add(data.slice(i, i + 3).join());"
        "}"
        "return Object.fromEntries("
        "  Object.entries(seen).map(([name, found]) => [name, found.size]))"
    )
    return colours


def brightness(page: Chrome) -> float:
    """That of the background, 0 to 255."""
    rgb = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    return statistics.mean(map(int, re.findall(r"\d+", rgb)[:3]))


def test_every_chart_is_drawn_light_and_dark(page: Chrome, folder: Path) -> None:
    with chromium(dark=True) as dark:
        show(dark, folder, "dark")
        assert brightness(dark) < 64 < 192 < brightness(page)
        for one in (page, dark):
            colours = drawn(one)
            assert sorted(colours) == [
                f"{kind}-{metric}"
                for kind in ("matrix", "top")
                for metric in ("power", "temperature", "utilization")
            ]
            assert min(colours.values()) > 20, colours
        see_nothing_wrong(dark)


@pytest.mark.parametrize("metric", ["power", "temperature", "utilization"])
def test_the_mouse_finds_node_device_model_and_value(
    page: Chrome, folder: Path, metric: str
) -> None:
    heatmap = told(folder, "heatmap")[metric]
    node, device = 12, 5
    value = heatmap["matrix"][node]["values"][device]
    shown = hover(page, f"matrix-{metric}", [node, device])
    assert shown == [
        "node-0012",
        f"device {device}, MI300X",
        f"{value:g} {heatmap['unit']}",
    ]
    first = heatmap["data"][0]
    shown = hover(page, f"top-{metric}", [first["value"] - 1, 0])
    assert shown[0] == first["nodeName"]
    assert shown[2] == f"{first['value']:g} {heatmap['unit']}"


def test_markup_of_the_cloud_stays_text(page: Chrome) -> None:
    assert page.title == "GPU fleet"
    assert EVIL in page.find_element(By.ID, "faults").text
    assert EVIL in page.find_element(By.ID, "consumers").text
    shown = hover(page, "matrix-utilization", [0, 1])
    assert shown[:2] == [EVIL, f"device 1, {IMAGE}"]
    assert page.find_elements(By.CSS_SELECTOR, "main script, main img, main td b") == []
    assert page.title == "GPU fleet"


def test_consumers_are_sorted_and_searched(page: Chrome, folder: Path) -> None:
    consumers = told(folder, "consumers")
    assert [row[0] for row in rows(page)] == [
        f"{one['stat']['gpuEquivalent']:g}" for one in consumers["data"]
    ]
    heads = page.find_elements(By.CSS_SELECTOR, "#consumers th button")
    names = [head.text for head in heads]
    name = names.index("Namespace")
    for order in ("ascending", "descending"):
        heads[name].click()
        given = [row[name] for row in rows(page)]
        ordered = sorted(given, key=str.lower, reverse=order == "descending")
        assert given == ordered
        head = heads[name].find_element(By.XPATH, "..")
        assert head.get_attribute("aria-sort") == order
    heads[0].click()
    numbers = [float(row[0]) for row in rows(page)]
    assert numbers == sorted(numbers)

    search = page.find_element(By.ID, "search")
    search.send_keys("USER-0012")
    assert rows(page)
    assert all("user-0012" in row for row in rows(page))
    search.clear()
    search.send_keys("no such thing")
    assert rows(page) == []


def test_a_relative_folder_needs_a_place(tmp_path: Path) -> None:
    """Cron has no PWD; then it would be the playbook's folder."""
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,"),
            *("gpufleet.openstack.report", "-e", "report_folder=out"),
        ],
        env={name: value for name, value in os.environ.items() if name != "PWD"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "report_folder: out is relative" in done.stdout


def test_a_fleet_of_nothing(tmp_path: Path) -> None:
    out = report(tmp_path, 0)
    with chromium() as browser:
        browser.get(f"file://{out}/report.html")
        assert "no nodes" in browser.find_element(By.ID, "tiles").text
        # Nobody has looked at anything, so nothing is green.
        assert browser.find_elements(By.CLASS_NAME, "good") == []
        assert "not enough is measured" in browser.find_element(By.ID, "faults").text
        assert browser.get_log("browser") == []

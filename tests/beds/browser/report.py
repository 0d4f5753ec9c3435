# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report page in a browser: the mouse over its charts, and its complaints."""

from __future__ import annotations

from collections.abc import Sequence

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By

METRICS = ("power", "temperature", "utilization")


def hover(page: Chrome, place: str, point: Sequence[float]) -> list[str]:
    """Return the lines that are shown beside the mouse, over this point of a chart.

    A matrix is zoomed in, so that a device is more than a pixel.
    """
    element = page.find_element(By.ID, place)
    page.execute_script(
        "arguments[0].scrollIntoView({block: 'center'});"
        "if (arguments[0].id.startsWith('matrix'))"
        "  echarts.getInstanceByDom(arguments[0])"
        "    .dispatchAction({type: 'dataZoom', startValue: 0, endValue: 30})",
        element,
    )
    x, y = page.execute_script(
        "return echarts.getInstanceByDom(arguments[0])"
        ".convertToPixel({seriesIndex: 0}, arguments[1])",
        element,
        point,
    )
    size = element.size
    away = ActionChains(page).move_to_element_with_offset(
        element, int(x - size["width"] / 2), int(y - size["height"] / 2)
    )
    away.perform()
    lines: list[str] = page.execute_script(
        "return [...arguments[0].querySelectorAll('div:not(:has(canvas)) > div > *')]"
        ".map((line) => line.textContent)",
        element,
    )
    return lines


def see_nothing_wrong(browser: Chrome) -> None:
    """See that the browser has nothing to complain about, and has asked for nothing."""
    assert browser.get_log("browser") == []
    asked = browser.execute_script(
        "return performance.getEntriesByType('resource').map((one) => one.name)"
    )
    assert [one for one in asked if not one.startswith("data:")] == []

# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report page costs in Chromium, beside one that only loads ECharts.

make bench-page. Seconds are from the start of the navigation until all is drawn; each
page is opened in a browser of its own, in turn, and figures are medians of five.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

from beds.browser import chromium
from integration.test_report_page import report

ROUNDS = 5
SIZES = (10, 100, 1_000)
ECHARTS = Path(__file__).parents[2] / "roles/report/files/echarts.min.js"


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = folder / "bare.html"
        bare.write_text(f"<!DOCTYPE html><script>{ECHARTS.read_text()}</script>")
        pages = {size: report(folder / str(size), size) for size in SIZES}
        files = {size: out / "report.html" for size, out in pages.items()}
        times: dict[int, list[float]] = {0: [], **{size: [] for size in SIZES}}
        for _round in range(ROUNDS):
            for size, file in {0: bare, **files}.items():
                times[size].append(_open(file))
        took = {size: statistics.median(each) for size, each in times.items()}
        mega = {size: file.stat().st_size / 1e6 for size, file in files.items()}
    print(f"{'nodes':>8} {'MB':>6} {'seconds':>8}   (ECharts alone {took[0]:.2f})")
    for size in SIZES:
        print(f"{size:8} {mega[size]:6.2f} {took[size]:8.2f}")
    most = SIZES[-1]
    figures = {
        "nodes": most,
        "seconds": round(took[most], 3),
        "megabytes": round(mega[most], 2),
        "ratio_to_echarts": round(took[most] / took[0], 2),
    }
    print(json.dumps(figures))


def _open(file: Path) -> float:
    """Seconds until a page is there."""
    with chromium() as browser:
        browser.get(f"file://{file}")
        took = browser.execute_script(
            "return performance.getEntriesByType('navigation')[0].loadEventEnd"
        )
        return float(took) / 1000


if __name__ == "__main__":
    main()

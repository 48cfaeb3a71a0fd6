# SPDX-License-Identifier: MIT
"""The published page: of one run on a quiet machine, and what its figures say."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import report
from benchmarks.harness.figures import RUNS

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "benchmarks"
PARTS = report.read(FOLDER)
CHARTS = sorted(FOLDER.glob("*.svg"))

pytestmark = pytest.mark.once


def test_the_page_is_what_the_figures_say() -> None:
    # After a change: python -m benchmarks.report
    assert (DOCS / "benchmarks.md").read_text("utf-8") == report.page(PARTS)


def test_all_parts_are_there_and_of_one_run_on_a_machine_that_was_quiet() -> None:
    parts = [PARTS[name] for name in report.PARTS]
    assert len({(part["machine"], part["began"]) for part in parts}) == 1
    assert not any("forced" in part for part in parts)


def test_a_median_is_of_five_runs_at_least() -> None:
    assert {part["runs"] for part in PARTS.values() if "runs" in part} == {RUNS}
    assert RUNS >= 5
    for chunks, candidates in report.parser_cells(PARTS["parsers"]).items():
        for name, row in candidates.items():
            for corpus, cell in row.items():
                assert len(cell.runs) in (0, RUNS), (chunks, name, corpus)


def test_each_chart_is_of_the_page_and_each_of_the_page_is_there() -> None:
    text = (DOCS / "benchmarks.md").read_text("utf-8")
    assert set(re.findall(r"\(benchmarks/([\w-]+\.svg)\)", text)) == {path.name for path in CHARTS}


@pytest.mark.parametrize("path", CHARTS, ids=lambda path: str(path.stem))
def test_a_chart_fits_a_phone_and_a_dark_page(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    width = float(root.attrib["viewBox"].split()[2])
    # On a phone 360 wide a letter is then as large as 8 of the screen's pixels at least.
    assert width <= 340
    text = path.read_text("utf-8")
    assert "prefers-color-scheme: dark" in text
    assert "<text" in text
    # What has no color of its own is drawn in that of the page's text.
    assert "currentColor" in text
    assert not re.search(r"fill: (#000000|black|#ffffff|white)\b", text)

# SPDX-License-Identifier: MIT
"""What is wrong or was stopped stays visible in the tables that the benchmarks write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import report
from benchmarks.harness.tables import as_json, significant

pytestmark = pytest.mark.once


def row(candidate: str, corpus: str, seconds: float | None, fault: str = "") -> dict[str, Any]:
    return {
        "corpus": corpus,
        "chunks": "64k",
        "candidate": candidate,
        "seconds": seconds,
        "events": 1000 if seconds else 0,
        "fault": fault,
    }


PART = {
    "rows": [
        row("ssewire py", "claude", 0.001),
        row("ssewire py", "cjk", 0.002),
        row("httpx-sse", "claude", 0.003),
        row("httpx-sse", "cjk", 0.008, "data"),
        row("assel", "claude", 0.0025),
        row("assel", "cjk", None, "raises UnicodeDecodeError"),
    ]
}


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_a_wrong_figure_is_marked_and_one_that_could_not_be_measured_is_a_dash() -> None:
    header, _, *rows = cells(report.parser_tables(PART)["64k"])
    assert header == ["", "claude", "cjk"]
    assert rows == [
        ["ssewire py", "1,000", "2,000"],
        ["assel", "2,500", "-*"],
        ["httpx-sse", "3,000", "8,000*"],
        ["fastest Python peer / ssewire py", "2.5 x", "4 x"],
    ]


def test_every_fault_is_listed_with_where_it_was() -> None:
    assert cells(report.faults(PART))[2:] == [
        ["assel", "raises UnicodeDecodeError", "cjk (64 KiB)"],
        ["httpx-sse", "data", "cjk (64 KiB)"],
    ]
    right = {"rows": [row("ssewire py", "claude", 0.001)]}
    assert report.faults(right) == "None was."


def test_a_stopped_candidate_shows_why_and_its_row_ends_there() -> None:
    points: dict[str, list[Any]] = {
        "ssewire py": [[1024, 0.5, ""], [2048, 1.0, ""], [4096, 2.0, ""]],
        "assel": [[1024, 1.5, ""], [2048, None, "over 10 s"]],
    }
    header, _, *rows = cells(report.growth_table("line", points))
    assert header == ["", "1 KiB", "2 KiB", "4 KiB"]
    assert rows == [
        ["ssewire py", "500 ms", "1.00 s", "2.00 s"],
        ["assel", "1.50 s", "over 10 s", ""],
    ]


@pytest.mark.parametrize(
    ("figure", "text"),
    [(0, "0"), (0.1234, "0.123"), (9.994, "9.99"), (99.94, "99.9"), (1234.5, "1,234")],
)
def test_figures_have_three_digits_that_count(figure: float, text: str) -> None:
    assert significant(figure) == text


def test_the_json_is_what_was_measured_with_a_line_for_each_row() -> None:
    value = {"versions": {"a": "1"}, "rows": [{"n": 1}, {"n": None}], "none": [], "deep": [[[1]]]}
    text = as_json(value)
    assert json.loads(text) == value
    assert ' {"n": 1},\n' in text

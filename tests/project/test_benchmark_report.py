# SPDX-License-Identifier: MIT
"""What is wrong or was stopped stays visible in the tables that the benchmarks write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import conformance, growth, memory, report
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
    assert header == ["", "", "claude", "cjk", "±"]
    assert rows == [
        ["1", "ssewire py", "1,000", "2,000", "0 %"],
        ["2", "assel", "2,500", "-*", "0 %"],
        ["3", "httpx-sse", "3,000", "8,000*", "0 %"],
        ["", "fastest Python peer / ssewire py", "2.5 x", "4 x", ""],
    ]


def test_who_is_as_fast_as_noise_can_tell_shares_a_place_and_stands_by_name() -> None:
    rows = [
        {**row(name, "claude", 0.001), "runs": runs}
        for name, runs in {
            "ssewire py": [0.00100, 0.00101, 0.00102],
            "assel": [0.00103, 0.00104, 0.00105],
            "floor": [0.0001],
            "larzsse": [0.00100, 0.00110, 0.00200],
            "wrong": [0.00001],
        }.items()
    ]
    rows[-1]["fault"] = "data"
    _, _, *shown = cells(report.parser_tables({"rows": rows})["64k"])
    assert [each[:3] for each in shown[:5]] == [
        ["", "floor", "100"],
        ["1", "assel", "1,040"],
        ["1", "larzsse", "1,100"],
        ["1", "ssewire py", "1,010"],
        ["", "wrong", "10.0*"],
    ]
    assert shown[2][3] == "82 %"


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


def test_who_was_timed_with_wrong_events_is_marked_in_growth_and_memory(tmp_path: Path) -> None:
    kinds: dict[str, Any] = {kind: {} for kind in growth.KINDS}
    kinds["line"] = {"assel": [[1024, 0.5, "0 events for 1"], [2048, 1.0, ""]]}
    peaks = {"assel": [2 * memory.LINE, 1024, "0 events for 1"]}
    text = page(tmp_path, growth={"kinds": kinds}, memory={"peaks": peaks})
    assert "| assel | 500 ms* | 1.00 s |" in text
    assert "2.00 x*" in text
    assert text.count("- assel: 0 events for 1") == 2


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


# --- the page as a whole

MEASURED = {
    "machine": "cpython 3.13.0, some CPU, 2 cores",
    "began": "2026-01-01 12:00 UTC",
    "load": "load 0.10 on 2 cores",
    "others": 0.0123,
    "runs": 5,
    "versions": {"ssewire": "1.0", "assel": "2.0"},
    "skipped": {"larzsse": "not installed"},
}


def sheet(**cells: Any) -> dict[str, Any]:
    rows = [
        {"candidate": name, "column": "1 stream", "runs": runs, "fault": fault}
        for name, (runs, fault) in cells.items()
    ]
    return {
        "title": "Asyncio, TLS", "about": "What it is.", "unit": "µs",
        "command": "python -m benchmarks.clients", "cells": rows,
    }  # fmt: skip


def page(tmp_path: Path, **parts: dict[str, Any]) -> str:
    folder = tmp_path / "benchmarks"
    folder.mkdir(exist_ok=True)
    for name, part in parts.items():
        (folder / f"{name}.json").write_text(as_json({**MEASURED, **part}), "utf-8")
    return report.page(report.read(folder))


def test_a_page_of_one_run_names_the_machine_the_load_and_who_is_missing(tmp_path: Path) -> None:
    text = page(tmp_path, parsers=WHOLE, clients={"sheets": [sheet(ssewire=([1, 1], ""))]})
    text = " ".join(text.split())
    assert "Measured on cpython 3.13.0, some CPU, 2 cores; begun 2026-01-01 12:00 UTC." in text
    assert "load 0.10 on 2 cores at the start" in text
    assert "1.2 % (clients), 1.2 % (parsers)" in text
    assert "- larzsse: not installed" in text
    assert "The parts are not of one run" not in text


def test_a_page_of_several_runs_or_a_busy_machine_says_so(tmp_path: Path) -> None:
    other = {"sheets": [sheet(ssewire=([1], ""))], "began": "2026-01-02 12:00 UTC"}
    assert "The parts are not of one run" in page(tmp_path, parsers=WHOLE, clients=other)
    forced = {**WHOLE, "forced": "load 3.10 on 2 cores"}
    (tmp_path / "benchmarks" / "clients.json").unlink()
    assert "though it was too busy" in " ".join(page(tmp_path, parsers=forced).split())


def test_what_is_wrong_in_a_sheet_is_said_below_it(tmp_path: Path) -> None:
    cells = {"ssewire": ([1.0, 1.0], ""), "gone": ([], "its process died"), "bad": ([2, 2], "data")}
    text = page(tmp_path, clients={"sheets": [sheet(**cells)]})
    assert "- gone, 1 stream: its process died" in text
    assert "- bad, 1 stream: data" in text
    assert "2.00* ±0 %" in text
    assert "`python -m benchmarks.clients`" in text


def test_cost_stands_beside_correctness(tmp_path: Path) -> None:
    failed = {"failed": {"ssewire py": {}, "assel": {"bom__a": ["wrong", "data", True]}}}
    text = page(tmp_path, parsers=WHOLE, conformance=failed)
    total = sum(case.common for case in conformance.cases())
    table = text[text.index(f"right, of {total}") :]
    found = {row[0]: row[1:3] for row in cells(table[: table.index("\n\n")])[2:]}
    assert found["ssewire py"] == [str(total), "1,000"]
    assert found["assel"] == [str(total - 1), "2,500"]


WHOLE = {**PART, "corpora": {"claude": {"events": 1, "bytes": 120, "about": "Deltas."}}}

# SPDX-License-Identifier: MIT
"""The files of figures are what docs/benchmarks/schema.json says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
FILES = sorted(path for path in FOLDER.glob("*.json") if path.name != "schema.json")

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def validator() -> Any:
    # Python 3.9 has no release of it that is pinned here.
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((FOLDER / "schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_the_figures_are_what_the_schema_says(path: Path, validator: Any) -> None:
    errors = [error.message for error in validator.iter_errors(json.loads(path.read_text("utf-8")))]
    assert errors == []


ROW: dict[str, Any] = {
    "corpus": "claude",
    "chunks": "64k",
    "candidate": "mine",
    "seconds": 0.5,
    "events": 10,
    "fault": "",
}


def part(**more: Any) -> dict[str, Any]:
    return {
        "machine": "m",
        "versions": {"ssewire": "1"},
        "rounds": 3,
        "corpora": {},
        "rows": [{**ROW, **more}],
    }


def test_the_schema_takes_a_row_of_anybody(validator: Any) -> None:
    assert validator.is_valid(part())
    assert validator.is_valid(part(seconds=None, events=0, fault="over 20 s"))
    assert validator.is_valid(part(fault="data"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"chunks": "4k"},
        {"seconds": 0},
        {"seconds": "0.5"},
        {"events": -1},
        {"candidate": ""},
        # Not measured, and no reason given.
        {"seconds": None, "events": 0},
    ],
    ids=str,
)
def test_the_schema_refuses_a_row_that_says_nothing(wrong: dict[str, Any], validator: Any) -> None:
    assert not validator.is_valid(part(**wrong))


def test_the_schema_refuses_a_file_without_figures(validator: Any) -> None:
    assert not validator.is_valid({})
    assert not validator.is_valid({"machine": "m", "versions": {"ssewire": "1"}})
    assert not validator.is_valid([])


def sheet(**more: Any) -> dict[str, Any]:
    cell = {"candidate": "mine", "column": "1", "runs": [1.5], "fault": "", **more}
    whole = {"title": "t", "about": "a", "unit": "µs", "command": "c", "cells": [cell]}
    return {"machine": "m", "versions": {"ssewire": "1"}, "sheets": [whole]}


def test_the_schema_takes_a_sheet_and_refuses_a_cell_that_says_nothing(validator: Any) -> None:
    assert validator.is_valid(sheet())
    assert validator.is_valid(sheet(runs=[], fault="over 20 s"))
    assert not validator.is_valid(sheet(runs=[]))
    assert not validator.is_valid(sheet(candidate=""))

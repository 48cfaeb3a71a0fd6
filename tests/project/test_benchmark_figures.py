# SPDX-License-Identifier: MIT
"""Medians, spreads and places: an order is told only where another day gives it again."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from benchmarks import order
from benchmarks.harness import figures
from benchmarks.harness.figures import Cell, Sheet, in_turn, places, sheet_table
from benchmarks.harness.processes import NoAnswer

pytestmark = pytest.mark.once


def cell(*runs: float, fault: str = "") -> Cell:
    return Cell(runs, fault)


def test_the_spread_is_that_of_the_middle_half_whatever_the_slowest_run_was() -> None:
    found = cell(100, 102, 98, 900, 101)
    assert (found.median, found.low, found.high) == (101, 100, 102)
    assert found.spread == pytest.approx(0.01)
    assert Cell().spread == 0


def test_who_is_nearer_than_noise_shares_a_place() -> None:
    cells = {"b": cell(100, 101, 102), "a": cell(104, 105, 106), "c": cell(150, 151, 152)}
    assert places(cells) == {"b": 1, "a": 1, "c": 3}


def test_who_is_far_by_the_median_but_not_in_every_run_shares_a_place() -> None:
    assert places({"a": cell(100, 100, 160, 170, 180), "b": cell(150, 170, 190, 200, 210)}) == {
        "a": 1, "b": 1,
    }  # fmt: skip


def test_a_place_begins_only_with_who_is_slower_than_all_of_the_place_before() -> None:
    # The second is near the first and the third near the second.
    cells = {"a": cell(71, 71, 71), "b": cell(76, 76, 76), "c": cell(79, 79, 79), "d": cell(99, 99)}
    assert places(cells) == {"a": 1, "b": 1, "c": 1, "d": 4}


def test_who_is_wrong_or_was_not_measured_has_no_place() -> None:
    cells = {"a": cell(1, 1, 1, fault="data"), "b": Cell((), "over 5 s"), "c": cell(9, 9, 9)}
    assert places(cells) == {"c": 1}


def test_two_runs_of_the_same_candidates_are_never_in_opposite_orders() -> None:
    rng = random.Random(0)
    true = {f"c{n}": 100 * 1.07**n for n in range(12)}

    def run() -> dict[str, Cell]:
        day = rng.uniform(0.9, 1.3)
        return {
            name: cell(*(day * t * rng.uniform(1, 1.06) for _ in range(5)))
            for name, t in true.items()
        }

    for _ in range(200):
        one, other = places(run()), places(run())
        for a in true:
            for b in true:
                assert (one[a] - one[b]) * (other[a] - other[b]) >= 0


# --- in turn


def test_all_take_turns_and_each_run_is_kept() -> None:
    asked: list[str] = []

    def once(name: str) -> Mapping[str, float]:
        asked.append(name)
        return {"x": float(len(asked)), "y": 1.0}

    found = in_turn(["a", "b"], 2, once)
    assert asked == ["a", "b", "a", "b"]
    assert found == {
        "a": {"x": cell(1, 3), "y": cell(1, 1)},
        "b": {"x": cell(2, 4), "y": cell(1, 1)},
    }


def test_who_gives_no_answer_costs_its_own_row_and_is_not_asked_again() -> None:
    asked: list[str] = []

    def once(name: str) -> Mapping[str, float]:
        asked.append(name)
        if name == "hangs" and asked.count(name) == 2:
            raise NoAnswer("over 2 s")
        return {"x": 1.0}

    found = in_turn(["hangs", "fine"], 4, once)
    assert found["fine"] == {"x": cell(1, 1, 1, 1)}
    assert found["hangs"] == {"x": Cell((), "over 2 s")}
    assert asked.count("hangs") == 2


def test_figures_of_another_shape_cost_their_own_row() -> None:
    def once(name: str) -> Mapping[str, float]:
        return {"x": {"cpu": 1.0}["cpu" if name == "fine" else "figures"]}

    found = in_turn(["odd", "fine"], 1, once)
    assert found == {"odd": {"x": Cell((), "prints no figures")}, "fine": {"x": cell(1.0)}}


def test_if_nobody_answers_the_reason_is_still_told() -> None:
    def once(name: str) -> Mapping[str, float]:
        raise NoAnswer("its process died")

    found = in_turn(["a"], 3, once)
    assert [c.fault for row in found.values() for c in row.values()] == ["its process died"]


# --- as text and as JSON

SHEET = Sheet(
    "Title",
    "What it is.",
    "µs",
    "python -m benchmarks.clients",
    {
        "slow": {"1": cell(20, 20, 20), "100": cell(9, 9, 9)},
        "z, near": {"1": cell(10.0, 10.1, 10.2)},
        "a, near": {"1": cell(10.3, 10.4, 10.5), "100": Cell((), "over 5 s")},
        "wrong": {"1": cell(1, 1, 1, fault="data"), "100": cell(2, 2, 2)},
    },
)


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_a_table_has_places_medians_spreads_and_faults() -> None:
    assert rows(sheet_table(SHEET))[2:] == [
        ["1", "a, near", "10.4 ±1 %", "over 5 s"],
        ["1", "z, near", "10.1 ±1 %", ""],
        ["3", "slow", "20.0 ±0 %", "9.00 ±0 %"],
        ["", "wrong", "1.00* ±0 %", "2.00 ±0 %"],
    ]


def test_a_sheet_survives_its_file() -> None:
    assert figures.from_json(figures.to_json(SHEET)) == SHEET


# --- two runs beside each other


def parts(**medians: float) -> dict[str, object]:
    cells = {name: {"1": cell(*[m] * 5)} for name, m in medians.items()}
    return {
        "clients": {"sheets": [figures.to_json(Sheet("Asyncio", "", "µs", "", cells))]},
        "parsers": {
            "rows": [
                {
                    "corpus": "claude", "chunks": "64k", "candidate": name, "seconds": m,
                    "runs": [m] * 5, "events": 10, "fault": "",
                }
                for name, m in {**medians, "floor": 0.1}.items()
            ]
        },
    }  # fmt: skip


def test_a_second_run_in_the_same_order_is_fine_though_its_machine_is_slower() -> None:
    assert order.compare(parts(a=1, b=2, c=3), parts(a=10, b=20, c=30)) == (6, 0, [])


def test_candidates_that_changed_places_are_named_with_the_row() -> None:
    same, only_one, opposite = order.compare(parts(a=1, b=2, c=3), parts(a=2, b=1, c=3))
    assert (same, only_one) == (4, 0)
    assert opposite == ["Asyncio, 1: a and b", "parsers, 64 KiB, claude: a and b"]


def test_candidates_on_one_place_in_one_run_are_counted_apart() -> None:
    assert order.compare(parts(a=1, b=2), parts(a=1, b=1.01)) == (0, 2, [])

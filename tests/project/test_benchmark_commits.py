# SPDX-License-Identifier: MIT
"""The comparison of two commits: what it marks, and that its rows can be measured."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest

from benchmarks import commits, rows
from benchmarks.harness import judging
from benchmarks.harness.asking import Worker
from benchmarks.harness.legs import Leg
from benchmarks.harness.processes import NoAnswer, environment

ROUNDS = 21


def legs(factor: float, noise: float, seed: int = 0) -> tuple[list[float], ...]:
    """Return figures of three legs whose moments are slow by up to ten times."""
    rng = random.Random(seed)
    moments = [rng.uniform(1, 10) for _ in range(ROUNDS)]
    return tuple(
        [moment * each * rng.uniform(1, 1 + noise) for moment in moments]
        for each in (1.0, factor, 1.0)
    )


# --- judging


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, ""), (1.02, ""), (1.1, "MORE"), (3.0, "MORE"), (0.8, "less")]
)
def test_a_change_shows_though_all_legs_have_slow_moments(factor: float, verdict: str) -> None:
    row = judging.judge(*legs(factor, 0.01))
    assert row.verdict == verdict
    assert row.ratio == pytest.approx(factor, rel=0.01)
    assert row.noise < 0.01


def test_what_differs_by_less_than_the_noise_is_noisy_and_not_marked() -> None:
    row = judging.judge(*legs(1.04, 0.5))
    assert row.verdict == "noisy"
    assert row.noise > judging.ALLOWED
    assert not row.settled


def test_a_change_beyond_the_noise_is_marked_though_there_is_much() -> None:
    assert judging.judge(*legs(3.0, 0.5)).verdict == "MORE"


def test_noise_is_what_the_legs_of_one_commit_differ_by() -> None:
    same = [1.0] * ROUNDS
    assert judging.judge(same, same, [1.1] * ROUNDS).noise == pytest.approx(0.1)
    assert judging.judge(same, same, same) == (1.0, 1.0, 1.0, 0.0, 1.0)


def test_one_commit_against_itself_is_hardly_ever_marked() -> None:
    verdicts = [judging.judge(*legs(1.0, 0.2, seed)).verdict for seed in range(50)]
    assert verdicts.count("MORE") <= 1


def test_from_nothing_to_something_is_more() -> None:
    none, some = [0.0] * 7, [1.0] * 7
    assert judging.judge(none, some, none).verdict == "MORE"
    assert judging.judge(none, none, none).verdict == ""


# --- comparing


class Scripted(Leg):
    """A leg that takes a time for each row, or cannot say."""

    def __init__(self, seconds: dict[str, float | str]) -> None:
        super().__init__("python")
        self.seconds = seconds
        self.asked = 0

    def start(self, implementation: str, seed: int) -> None:
        pass

    def ask(self, function: str, arguments: tuple[Any, ...], alone: bool) -> Any:
        self.asked += 1
        figure = self.seconds[function]
        if isinstance(figure, str):
            raise NoAnswer(figure)
        return {f"{function}, ms": figure}


def comparison(before: dict[str, float | str], after: dict[str, float | str]) -> commits.Comparison:
    scripted: dict[str, Leg] = {
        "before": Scripted(before),
        "after": Scripted(after),
        "again": Scripted(before),
    }
    requests = [rows.Request("g", "python", name, (), name == "alone") for name in before]
    return commits.Comparison(scripted, requests)


def test_a_slower_row_is_marked_and_the_report_is_not_fine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    compared = comparison({"one": 1.0, "two": 1.0}, {"one": 1.0, "two": 1.05})
    compared.measure(compared.requests, 7)
    assert [request.function for request in compared.unsettled()] == ["two"]
    capsys.readouterr()
    assert not commits.report(compared)
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if "MORE" in line] == [
        line for line in shown if line.startswith("| g, python, two, ms")
    ]
    assert "1 take over 3 % more beyond noise" in shown[-1]


def test_rows_that_are_alike_are_fine() -> None:
    compared = comparison({"one": 1.0}, {"one": 1.0})
    compared.measure(compared.requests, 7)
    assert compared.unsettled() == []
    assert commits.report(compared)


def test_what_a_leg_cannot_say_is_named_and_not_fine(capsys: pytest.CaptureFixture[str]) -> None:
    compared = comparison({"one": 1.0, "two": 1.0}, {"one": 1.0, "two": "AttributeError: gone"})
    compared.measure(compared.requests, 1)
    assert not commits.report(compared)
    assert "two : after: AttributeError: gone" in capsys.readouterr().out


def test_a_row_is_asked_for_in_several_moments_unless_each_takes_a_process() -> None:
    compared = comparison({"one": 1.0, "alone": 1.0}, {"one": 1.0, "alone": 1.0})
    compared.measure(compared.requests, 2)
    figures = {title: len(found["after"]) for title, found in compared.figures.items()}
    assert figures == {"g, python, one, ms": 2 * commits.SWEEPS, "g, python, alone, ms": 2}


def test_the_number_of_its_own_modules_is_told_and_not_judged() -> None:
    assert not commits.judge_it(f"imports, python, ssewire{commits.TOLD}")
    assert commits.judge_it("imports, python, ssewire, modules of others")


# --- the rows


def test_each_row_has_a_figure_here() -> None:
    """The figures are not judged: that they come is what a change of names would break."""
    # PyPy has no tracemalloc.
    without = set() if sys.implementation.name == "cpython" else {"memory"}
    groups = [group for group in rows.GROUPS if group not in without]
    worker = Worker([sys.executable, "-m", "benchmarks.rows", "--answer"], environment("auto"))
    found: list[str] = []
    try:
        with rows.serving(groups) as urls:
            asked = rows.requests(groups, True, urls)
            # Each function once, with the first of its arguments.
            for request in {each.function: each for each in reversed(asked)}.values():
                arguments = list(request.arguments)
                if request.function in ("claude_client", "claude_stream_memory"):
                    # Few streams: all have to be open before the first delta comes.
                    arguments[-1] = 2
                figures = worker.ask(request.function, *arguments, limit=60)
                assert all(figure >= 0 for figure in figures.values())
                found += figures
    finally:
        worker.close()
    assert len(found) == len(set(found)) > len(groups)

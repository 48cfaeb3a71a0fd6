# SPDX-License-Identifier: MIT
"""The counts of instructions: what is said of a path, beside whose numbers, and that all run."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import regress
from benchmarks.harness import counting
from benchmarks.harness.paths import PATHS
from benchmarks.regress import Kept

HERE = {"python": "cpython 3.11.7", "compiled": "GCC 12.2.0", "machine": "x86_64"}
BASES = {f"{regress.NOT_OURS}, Python": 1000.0, f"{regress.NOT_OURS}, compiled": 500.0}
COUNTS = {**BASES, "one, Python": 2000.0, "one, compiled": 100.0}


def verdicts(found: dict[str, float], kept: dict[str, float], exact: bool) -> dict[str, str]:
    return {row.name: row.verdict for row in regress.compare(found, kept, exact)}


# --- with numbers of the same Python and compiler


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, ""), (1.019, ""), (1.021, "MORE"), (0.981, ""), (0.979, "LESS")]
)
def test_a_path_that_takes_over_2_percent_more_or_less_is_marked(
    factor: float, verdict: str
) -> None:
    found = {**COUNTS, "one, compiled": 100.0 * factor}
    assert verdicts(found, COUNTS, exact=True) == {"one, Python": "", "one, compiled": verdict}


def test_what_fails_names_the_path_before_after_percent_and_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {**COUNTS, "one, Python": 2100.0}
    assert regress.judged(HERE, found, [Kept(HERE, COUNTS)]) == 1
    shown = capsys.readouterr().out
    assert "one, Python: 2,000.0 before, 2,100.0 now, +5.0 %: takes more." in shown
    assert "make regress REGRESS_ARGS=--update" in shown
    assert "2 paths were checked, to 2% in both directions." in shown


@pytest.mark.parametrize(
    ("others", "status", "times"),
    [
        ([2010.0], 0, 1),
        ([2100.0, 1900.0, 2010.0], 0, 3),
        ([2100.0, 2060.0, 2050.0, 2000.0], 1, 3),
        ([1900.0, 1800.0, 1950.0, 2000.0], 1, 3),
    ],
)
def test_what_differs_is_counted_again_elsewhere_before_it_is_told(
    others: list[float],
    status: int,
    times: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[int] = []

    def counted(implementations: list[str], seed: int = 0, moved: int = 0) -> dict[str, float]:
        assert implementations == ["python"]
        asked.append(moved)
        return {**dict.fromkeys(COUNTS, 7.0), "one, Python": others[moved - 1]}

    monkeypatch.setattr(regress, "counted", counted)
    kept = [Kept(HERE, COUNTS)]
    found = {**COUNTS, "one, Python": 1900.0}
    found = regress.counted_again(HERE, found, kept, ["python", "cython"])
    assert regress.judged(HERE, found, kept) == status
    assert asked == [1, 2, 3][:times]
    # Nothing else is taken from another count.
    assert {**found, "one, Python": 0} == {**COUNTS, "one, Python": 0}


def test_nothing_is_counted_again_where_nothing_differs_or_only_what_is_coarse_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(regress, "counted", None)
    found = {**COUNTS, "one, Python": 2300.0}
    other = [Kept({**HERE, "python": "cpython 3.13.0"}, COUNTS)]
    assert regress.counted_again(HERE, dict(COUNTS), [Kept(HERE, COUNTS)], ["python"]) == COUNTS
    assert regress.counted_again(HERE, dict(found), other, ["python"]) == found
    assert regress.counted_again(HERE, dict(found), [], ["python"]) == found


def test_a_path_without_a_number_and_a_number_without_a_path_are_marked() -> None:
    more = {**COUNTS, "two, Python": 7.0}
    assert verdicts(more, COUNTS, exact=True)["two, Python"] == "NEW"
    assert verdicts(COUNTS, more, exact=True)["two, Python"] == "GONE"
    assert verdicts(COUNTS, more, exact=False)["two, Python"] == "GONE"
    assert regress.judged(HERE, more, [Kept(HERE, COUNTS)]) == 1


def test_all_alike_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    other = Kept({**HERE, "python": "cpython 3.13.0"}, dict.fromkeys(COUNTS, 1.0))
    assert regress.judged(HERE, COUNTS, [other, Kept(HERE, COUNTS)]) == 0
    assert "NOT" not in capsys.readouterr().out


# --- with others' numbers


def test_without_numbers_of_here_the_report_says_what_was_not_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = [Kept({**HERE, "python": "cpython 3.13.0"}, COUNTS)]
    # All the same factor: what differs is Python.
    found = {name: 3 * figure for name, figure in COUNTS.items()}
    assert regress.judged(HERE, found, kept) == 0
    shown = capsys.readouterr().out
    assert "one, Python: 6,000.0 instructions a unit" in shown
    assert "2 paths were checked coarsely" in shown
    assert "2% was NOT checked: here is python cpython 3.11.7 (kept: cpython 3.13.0)" in shown


def test_a_path_that_grows_much_against_work_without_ours_is_marked_with_others_numbers() -> None:
    found = {name: 3 * figure for name, figure in COUNTS.items()}
    assert verdicts({**found, "one, compiled": 370.0}, COUNTS, exact=False)["one, compiled"] == ""
    assert verdicts({**found, "one, compiled": 380.0}, COUNTS, exact=False) == {
        "one, Python": "",
        "one, compiled": "MORE",
    }
    kept = [Kept({**HERE, "machine": "aarch64"}, COUNTS)]
    assert regress.judged(HERE, {**found, "one, compiled": 380.0}, kept) == 1


def test_work_without_ours_that_takes_another_number_tells_another_python() -> None:
    base = f"{regress.NOT_OURS}, Python"
    chosen, exact, why = regress.choose(HERE, {**COUNTS, base: 1010.0}, [Kept(HERE, COUNTS)])
    assert (chosen, exact) == (Kept(HERE, COUNTS), False)
    assert "1,010.0, kept 1,000.0: this Python is another" in why
    assert regress.choose(HERE, {**COUNTS, base: 1001.0}, [Kept(HERE, COUNTS)])[1]


def test_the_numbers_of_the_most_alike_are_taken() -> None:
    near = Kept({**HERE, "python": "cpython 3.11.8"}, COUNTS)
    far = Kept(dict.fromkeys(HERE, "another"), COUNTS)
    assert regress.choose(HERE, COUNTS, [far, near, far])[0] is near


def test_no_numbers_at_all_and_paths_that_were_not_built_are_no_pass(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert regress.judged(HERE, COUNTS, []) == 1
    assert "Nothing was checked: no numbers are kept yet" in capsys.readouterr().out
    pure = {name: figure for name, figure in COUNTS.items() if "Python" in name}
    assert regress.judged(HERE, pure, [Kept(HERE, COUNTS)]) == 1
    assert "No compiled path was checked: none was built." in capsys.readouterr().out


# --- what is kept


def test_an_update_replaces_the_numbers_of_here_only(tmp_path: Path) -> None:
    other = Kept({**HERE, "python": "cpython 3.13.0"}, COUNTS)
    kept = regress.updated([Kept(HERE, BASES), other], HERE, {"one, Python": 1.26})
    assert kept == [other, Kept(HERE, {"one, Python": 1.3})]
    file = tmp_path / "regress.json"
    assert regress.read(file) == []
    file.write_text(regress.written(kept))
    assert regress.read(file) == kept


def test_each_path_has_its_numbers() -> None:
    names = [
        regress.title(name, implementation)
        for implementation in ("python", "cython")
        for name in (regress.NOT_OURS, *PATHS)
    ]
    for kept in regress.read(regress.KEPT):
        assert list(kept.counts) == names
        assert list(kept.where) == list(counting.where())


# --- counting


@pytest.mark.parametrize("name", PATHS)
def test_each_path_runs_and_counts_the_same_each_time(name: str) -> None:
    work = PATHS[name].make()
    assert work() == work() > 300


def test_a_compiler_is_told_by_what_it_wrote() -> None:
    gcc = b"\0GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0"
    assert counting.compiler_in(gcc) == "GCC: (Debian 12.2.0-14+deb12u1) 12.2.0"
    assert counting.compiler_in(b"\0clang version 17.0.6\0") == "clang version 17.0.6"
    assert counting.compiler_in(b"nothing") == "unknown"
    assert counting.compiler_of("ssewire._nowhere") == "none"


def test_a_sum_is_read_and_its_absence_told() -> None:
    assert counting.total("events: Ir\nfn=x\n1 2\nsummary: 1234\n") == 1234
    with pytest.raises(counting.CannotCount, match="no sum"):
        counting.total("events: Ir\n")


def test_without_valgrind_nothing_is_counted_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["regress"])
    assert regress.main() == 2
    assert "nothing was checked: valgrind is not installed" in capsys.readouterr().err


@pytest.mark.once
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_a_loop_that_is_3_percent_longer_is_told_from_one_that_is_not() -> None:
    """Counted in real processes (tests/kit/counted.py)."""
    found = counting.counts("tests.kit.counted", "python")
    assert found["again"] == pytest.approx(found["once"], rel=0.001)
    assert found["slowed"] == pytest.approx(found["once"] * 1.03, rel=0.002)
    kept = Kept(HERE, {**BASES, "loop, Python": found["once"]})
    for name, verdict in (("again", ""), ("slowed", "MORE")):
        rows = regress.compare({**BASES, "loop, Python": found[name]}, kept.counts, exact=True)
        assert [row.verdict for row in rows] == [verdict]

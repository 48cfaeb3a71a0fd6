# SPDX-License-Identifier: MIT
"""`ssewire bench`, run as people run it, but shorter."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import ssewire

# Long enough for a loaded machine and a slow interpreter.
PATIENCE = 120
NUMBER = r" +(\d+) +(\d+)"
ROWS = ["64 KiB chunks", "one event a chunk"]
STREAMS = ["Claude's text deltas, 120 bytes each", "small events, 12 bytes each"]
BUILT = find_spec("ssewire._parser_cy") is not None


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ssewire", "bench", *args],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, **env},
    )


@pytest.fixture
def without_extension(tmp_path: Path) -> Path:
    """A folder with this ssewire as it is where no compiler was at hand."""
    source = Path(ssewire.__file__).parent
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(source, tmp_path / "ssewire", ignore=ignored)
    return tmp_path


@pytest.mark.skipif(not BUILT, reason="there is one implementation")
def test_bench_shows_both_implementations_whichever_is_chosen() -> None:
    for choice in ("auto", "python"):
        done = run("--seconds", "0.2", SSEWIRE_PARSER=choice)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].startswith(f"ssewire {ssewire.__version__}, ")
        assert [line for line in lines if line in STREAMS] == STREAMS
        for row in ROWS:
            found = re.findall(rf"^  {row}{NUMBER}{NUMBER} +([\d.]+) x$", done.stdout, re.MULTILINE)
            assert len(found) == 2
            for python_rate, python_cost, rate, cost, _ in found:
                # Which is faster is for a machine that does nothing else to say.
                assert min(map(int, (python_cost, cost, python_rate, rate))) > 0
        assert "never built" not in done.stdout


def test_bench_measures_python_alone_and_says_so_where_the_extension_is_missing(
    without_extension: Path,
) -> None:
    done = run("--seconds", "0.2", PYTHONPATH=str(without_extension), SSEWIRE_PARSER="auto")
    assert (done.returncode, done.stderr) == (0, "")
    for row in ROWS:
        assert len(re.findall(rf"^  {row}{NUMBER}$", done.stdout, re.MULTILINE)) == 2
    assert "cython" not in done.stdout
    assert "The compiled parser was never built." in done.stdout


def test_figures_of_rate_and_cost_agree_on_the_size_of_an_event(without_extension: Path) -> None:
    done = run("--seconds", "0.2", PYTHONPATH=str(without_extension), SSEWIRE_PARSER="auto")
    size = 120
    for line in done.stdout.splitlines():
        if line in STREAMS:
            size = int(line.split()[-3])
        found = re.match(rf"^  (?:{'|'.join(ROWS)}){NUMBER}$", line)
        if found:
            rate, cost = int(found[1]), int(found[2])
            assert rate * cost / 1000 == pytest.approx(size, rel=0.1, abs=cost / 1000)


def test_bench_names_a_broken_extension_and_fails(without_extension: Path) -> None:
    (without_extension / "ssewire" / "_parser_cy.py").write_text("raise ImportError('torn')\n")
    path = str(without_extension)
    done = run("--seconds", "0.2", PYTHONPATH=path, SSEWIRE_PARSER="python")
    assert done.returncode == 2
    assert "cannot measure the cython implementation: ImportError" in done.stderr
    assert "torn" in done.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "4000", "soon"])
def test_bench_refuses_seconds_that_make_no_sense(seconds: str) -> None:
    done = run(f"--seconds={seconds}")
    assert done.returncode == 2
    assert "--seconds" in done.stderr
    assert done.stdout == ""


# --- against a file ----------------------------------------------------------------

CELLS = [("claude", "64k"), ("claude", "event"), ("small", "64k"), ("small", "event")]


def figures(*candidates: str, **more: Any) -> dict[str, Any]:
    """What `make bench` writes, of 1,000 ns per event; `more` takes the place of its fields."""
    rows: list[dict[str, Any]] = [
        {"corpus": corpus, "chunks": chunks, "candidate": name, "seconds": 2e-6, "events": 2}
        for corpus, chunks in CELLS
        for name in candidates
    ]
    rows += [{"corpus": "claude", "chunks": "64k", "candidate": "httpx-sse", "seconds": 1e-9}]
    machine = "cpython 3.1.4, Difference Engine, No. 2, 31 cores"
    return {"machine": machine, "versions": {"ssewire": "0.0.1"}, "rows": rows, **more}


def against(path: Path, content: object, **env: str) -> subprocess.CompletedProcess[str]:
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return run("--seconds", "0.1", "--against", str(path), **env)


def test_bench_against_a_file_shows_the_ratio_to_each_of_its_figures(
    without_extension: Path, tmp_path: Path
) -> None:
    path = tmp_path / "figures.json"
    done = against(path, figures("ssewire py", "ssewire cy"), PYTHONPATH=str(without_extension))
    assert (done.returncode, done.stderr) == (0, "")
    table, _, rest = done.stdout.partition(f"this machine's time over that of {path}: ")
    for row in ROWS:
        costs = re.findall(rf"^  {row}{NUMBER}$", table, re.MULTILINE)
        ratios = re.findall(rf"^  {row} +([\d.]+) x$", rest, re.MULTILINE)
        assert len(costs) == len(ratios) == 2
        for (_, cost), ratio in zip(costs, ratios):
            # Both are rounded.
            assert float(ratio) == pytest.approx(int(cost) / 1000, abs=0.006)
    assert "no ratio of cython (ssewire cy): measured there only" in rest


def test_bench_against_a_file_says_what_differs_in_the_machine(
    without_extension: Path, tmp_path: Path
) -> None:
    env = {"PYTHONPATH": str(without_extension)}
    version = ".".join(map(str, sys.version_info[:3]))
    done = against(tmp_path / "f", figures("ssewire py", load="load 0.25 on 31 cores"), **env)
    for fact, there, here in (
        ("ssewire", "0.0.1", ssewire.__version__),
        ("Python", "cpython 3.1.4", f"{sys.implementation.name} {version}"),
        ("CPU", "Difference Engine, No. 2", ""),
        ("cores", "31", str(os.cpu_count())),
        ("load", "0.25", ""),
    ):
        assert re.search(rf"^  {fact} +{re.escape(there)} +{here}", done.stdout, re.MULTILINE)
    assert "the same: " not in done.stdout


def test_bench_against_a_file_says_what_is_the_same(
    without_extension: Path, tmp_path: Path
) -> None:
    machine = f"cpython 3.1.4, Difference Engine, {os.cpu_count()} cores"
    found = figures("ssewire py", machine=machine, versions={"ssewire": ssewire.__version__})
    done = against(tmp_path / "f", found, PYTHONPATH=str(without_extension))
    same = f"the same: ssewire {ssewire.__version__}, cores {os.cpu_count()}"
    assert same in done.stdout.splitlines()


def test_bench_against_a_file_without_facts_calls_them_unknown(
    without_extension: Path, tmp_path: Path
) -> None:
    found = figures("ssewire py", machine=7, versions=[], load=None)
    done = against(tmp_path / "f", found, PYTHONPATH=str(without_extension))
    assert (done.returncode, done.stderr) == (0, "")
    unknown = re.findall(r"^  (\w+) +unknown +\S", done.stdout, re.MULTILINE)
    assert unknown == ["ssewire", "Python", "CPU", "cores", "load"]


def test_a_figure_that_is_wrong_or_missing_has_no_ratio(
    without_extension: Path, tmp_path: Path
) -> None:
    found = figures("ssewire py")
    rows = found["rows"]
    bad: list[dict[str, Any]] = [
        {"seconds": None},
        {"fault": "2 events for 3"},
        {"events": 0},
        {"seconds": float("nan")},
    ]
    for row, wrong in zip(rows, bad[:3]):
        row.update(wrong)
    done = against(tmp_path / "f", found, PYTHONPATH=str(without_extension))
    assert done.returncode == 0
    assert len(re.findall(r" -$", done.stdout, re.MULTILINE)) == 3
    assert len(re.findall(r"^  .* [\d.]+ x$", done.stdout, re.MULTILINE)) == 1
    rows[3].update(bad[3])
    done = against(tmp_path / "f", found)
    assert done.returncode == 2
    assert "nothing to compare with" in done.stderr


def test_bench_against_published_compares_with_the_figures_in_the_package() -> None:
    done = run("--seconds", "0.1", "--against", "published")
    assert (done.returncode, done.stderr) == (0, "")
    assert "this machine's time over that of published: " in done.stdout
    assert len(re.findall(r"^  .* [\d.]+ x$", done.stdout, re.MULTILINE)) >= len(CELLS)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "not JSON"),
        ("data: 1\n\n", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("\udcff".encode("utf-8", "surrogatepass").decode("latin-1"), "not JSON"),
        ([], "not a JSON object"),
        ("7", "not a JSON object"),
        ({}, "nothing to compare with"),
        ({"rows": 7}, "nothing to compare with"),
        (json.dumps(figures("ssewire py")).replace("2e-06", "1" * 400), "nothing to compare with"),
        ({"rows": [7, None, [], {}]}, "nothing to compare with"),
        ({"rows": [{"candidate": ["ssewire py"], "corpus": {}, "chunks": []}]}, "nothing to"),
        (figures("httpx-sse"), "nothing to compare with"),
        (" " * (10 * 1024 * 1024 + 1), "over 10 MiB"),
    ],
    ids=lambda value: str(value)[:20].strip() or "empty",
)
def test_a_file_that_holds_no_figures_is_one_sentence_before_anything_is_measured(
    content: object, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "figures.json"
    done = against(path, content)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ssewire: ")
    assert done.stderr.count("\n") == 1
    assert str(path) in done.stderr
    assert why in done.stderr


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        done = run("--against", str(path))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"ssewire: cannot read {path}: ")
        assert done.stderr.count("\n") == 1

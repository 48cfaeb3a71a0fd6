# SPDX-License-Identifier: MIT
"""`ssewire bench`, run as people run it, but shorter."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

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

# SPDX-License-Identifier: MIT
"""Parsers that are programs: judged, timed, and no fault of theirs ends a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import foreign
from benchmarks.conformance import cases
from benchmarks.harness import files, program, shapes
from benchmarks.harness.program import Failed, Program, events, fault

# os.wait4, and sessions of processes.
pytestmark = [pytest.mark.once, pytest.mark.skipif(os.name != "posix", reason="needs POSIX")]

# A right one, as the page asks for; what follows it makes it wrong.
RIGHT = """
import json, sys
from ssewire import Parser
file, chunk, ends, times = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
body = open(file, "rb").read()
sizes = range(chunk, len(body) + chunk, chunk) if chunk else map(int, open(ends))
ends = [0, *sizes]
for _ in range(times):
    parser = Parser()
    found = [e for a, b in zip(ends, ends[1:]) for e in parser.feed(body[a:b])]
lines = [json.dumps({"event": e.event, "data": e.data, "id": e.id}) for e in found]
"""
PRINT = "print('\\n'.join(lines))\n"
PLACES = ["{file}", "{chunk}", "{ends}", "{times}"]
CORPUS = shapes.build("ids", 30)


def written(text: str, limit: float = 20.0) -> Program:
    return Program([sys.executable, "-c", text, *PLACES], limit)


def judged(candidate: Program, folder: Path, chunk: int = 16) -> str:
    """What the runner says of the events of a small corpus."""
    files.write(folder, CORPUS)
    try:
        done = candidate.run(folder / "ids.sse", folder / "ids.ends", chunk)
        return fault(events(done.output), CORPUS.expected, True)
    except Failed as exc:
        return str(exc)


@pytest.mark.parametrize("chunk", [0, 1, 16, 65536])
def test_a_right_program_is_right_in_each_shape_of_chunks(chunk: int, tmp_path: Path) -> None:
    assert judged(written(RIGHT + PRINT), tmp_path, chunk) == ""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (RIGHT + "print('\\n'.join(lines[1:]))", "29 events for 30"),
        (RIGHT + "print('\\n'.join(lines).replace('tree', 'bush').replace(' 7', ' 8'))", "data"),
        (RIGHT + "print('\\n'.join(lines).replace('message', 'other'))", "event type"),
        (RIGHT + "print('\\n'.join(lines).replace('\"id\"', '\"ID\"'))", "id"),
        ("", "0 events for 30"),
        ("print('hello')", "line 1 of what it prints is not JSON"),
        ("print('\\n[' * 3)", "line 2 of what it prints is not JSON"),
        ("print('[1]')", "line 1 of what it prints is no JSON object"),
        ("print('{}')", "line 1 of what it prints has no `data`"),
        ("import sys; sys.exit('no\\x1b[31m\\ngood')", "ends with status 1: good"),
        ("import os; os.kill(os.getpid(), 9)", "ends with status -9"),
    ],
    ids=lambda value: str(value)[-30:],
)
def test_what_is_wrong_with_a_program_is_said(text: str, what: str, tmp_path: Path) -> None:
    assert judged(written(text), tmp_path) == what


def test_a_program_that_hangs_is_stopped_with_what_it_has_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    child = f"import time; time.sleep(1.5); open({str(mark)!r}, 'w')"
    text = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert judged(written(text, limit=0.5), tmp_path) == "over 0.5 s"
    time.sleep(1.2)
    assert not mark.exists()


def test_a_program_that_prints_for_ever_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "MOST_OUTPUT", 1 << 20)
    text = "while True: print('data' * 1000)"
    assert judged(written(text), tmp_path) == "prints over 1 MiB"


def test_a_program_that_is_not_installed_is_said_to_be(tmp_path: Path) -> None:
    found = judged(Program([str(tmp_path / "absent"), "{file}"]), tmp_path)
    assert found == "cannot be started: No such file or directory"


def test_the_time_of_a_pass_is_without_that_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "ENOUGH", 0.02)
    files.write(tmp_path, CORPUS)
    # 0.3 s of CPU to start, 0.03 s a pass.
    burn = "import sys, time\ndef burn(s):\n end = time.process_time() + s\n"
    burn += " while time.process_time() < end: pass\n"
    text = burn + "burn(0.3)\nfor _ in range(int(sys.argv[4])): burn(0.03)\n"
    seconds = program.seconds_of_pass(
        written(text), tmp_path / "ids.sse", tmp_path / "ids.ends", 16, 1
    )
    assert 0.02 < seconds < 0.15


def test_wire_cases_that_a_program_fails_are_named(tmp_path: Path) -> None:
    chosen = [case for case in cases() if case.common and case.rule in ("bom", "data")][:3]
    assert foreign.run_cases(written(RIGHT + PRINT), chosen, True) == {}
    wrong = RIGHT + "print('\\n'.join(lines[:-1]))"
    failed = foreign.run_cases(written(wrong), [case for case in chosen if case.events], True)
    assert failed
    assert all(verdict == ["wrong", verdict[1], True] for verdict in failed.values())


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.foreign", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_run_writes_rows_of_the_published_format_whatever_the_program_does(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.json"
    narrow = ["--corpus", "drip_fed", "--chunks", "64k", "--no-cases", "--output", str(path)]
    done = run("--name", "mine", *narrow, "--", str(tmp_path / "absent"), "{file}")
    assert done.returncode == 1, done.stderr
    assert "cannot be started" in done.stdout
    found = json.loads(path.read_text("utf-8"))
    rows = {row["candidate"]: row for row in found["rows"]}
    assert rows["ssewire py"]["events"] == 150
    assert rows["mine"]["seconds"] is None
    assert rows["mine"]["fault"] == "cannot be started: No such file or directory"
    jsonschema = pytest.importorskip("jsonschema")
    schema = Path(__file__).parents[2] / "docs" / "benchmarks" / "schema.json"
    jsonschema.validate(found, json.loads(schema.read_text("utf-8")))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--name", "mine", "--", "true"], "no {file}"),
        (["--name", "ssewire py", "--", "true", "{file}"], "is one of ours"),
        (["--name", "m", "--chunks", "16", "--", "true", "{file}"], "the command needs {chunk}"),
        (["--name", "", "--", "true", "{file}"], "a name, at least one round"),
        (["--name", "m", "--rounds", "0", "--", "true", "{file}"], "at least one round"),
        (["--name", "m", "--limit", "nan", "--", "true", "{file}"], "a limit of at most"),
        (["--name", "m", "--output", "/dev/null/x", "--", "true", "{file}"], "cannot write"),
    ],
)
def test_a_command_that_cannot_be_measured_is_refused(arguments: list[str], why: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert why in done.stderr


def test_the_corpora_are_written_as_files_that_hold_what_is_expected(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.corpora", str(tmp_path / "new"), "--corpus", "drip_fed"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    corpus = shapes.CORPORA["drip_fed"]()
    folder = tmp_path / "new"
    assert (folder / "drip_fed.sse").read_bytes() == corpus.document
    assert events((folder / "drip_fed.ndjson").read_bytes()) == corpus.expected
    ends = [int(line) for line in (folder / "drip_fed.ends").read_text().splitlines()]
    assert ends[-1] == len(corpus.document)
    assert len(ends) == len(corpus.wire)

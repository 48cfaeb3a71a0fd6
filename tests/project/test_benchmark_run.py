# SPDX-License-Identifier: MIT
"""A whole run: it refuses a busy machine, and no candidate's fault ends it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as run
from benchmarks import parsers
from benchmarks.harness import processes, shapes
from benchmarks.harness.asking import Worker
from benchmarks.harness.field import Field
from benchmarks.harness.processes import NoAnswer

pytestmark = pytest.mark.once


# --- a quiet machine


def test_a_busy_machine_is_refused_with_its_load_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "too_busy", lambda: "load 3.10 on 2 cores")
    monkeypatch.setattr(run, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--output", str(tmp_path / "out")])
    assert run.main() == 2
    said = capsys.readouterr().out
    assert "load 3.10 on 2 cores" in said
    assert "--force" in said
    assert not (tmp_path / "out").exists()


def test_what_just_installed_all_this_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = ["load 2.00 on 2 cores", "load 0.70 on 2 cores", ""]
    monkeypatch.setattr(processes, "too_busy", lambda: loads.pop(0))
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    assert run.wait_for_quiet(100.0) == ""
    assert len(waits) == 2


def test_busy_is_more_than_a_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "getloadavg"):
        pytest.skip("no load average here")
    monkeypatch.setattr(processes, "cores", lambda: 8)
    for load, busy in ((1.9, False), (2.1, True)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert bool(processes.too_busy()) == busy


def test_the_work_of_others_is_told_apart_from_ours() -> None:
    watch = processes.Watch()
    if watch.others() is None:
        pytest.skip("this system does not tell")
    begin = os.times()
    while os.times().user - begin.user < 0.3:
        pass
    share = watch.others()
    assert share is not None
    assert 0 <= share <= 1


# --- candidates

SMALL = len(shapes.CORPORA["small"]().expected)


class Scripted(Worker):
    """Answers as told; counts how often it was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__([], {})
        self.answers = answers
        self.asked = 0

    def ask(self, *request: Any, limit: float = 0.0) -> Any:
        self.asked += 1
        answer = self.answers[request[0]]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, str) and request[0] == "count":
            raise NoAnswer(answer)
        return answer


def measured(
    runs: int, corpora: list[str], **workers: Scripted
) -> dict[tuple[str, str], dict[str, parsers.Cell]]:
    field = Field.__new__(Field)  # one that starts nobody
    field.workers = {**workers}
    return parsers.measure(field, corpora, ["64k"], runs)


def test_every_run_is_kept_and_the_median_counts() -> None:
    peer = Scripted({"check": "", "count": [(3.0, SMALL), (1.0, SMALL), (2.0, SMALL)]})
    cells = measured(3, ["small"], peer=peer)
    assert cells["small", "64k"]["peer"] == parsers.Cell((3.0, 1.0, 2.0), SMALL, "")
    assert cells["small", "64k"]["peer"].seconds == 2.0


def test_who_is_wrong_is_timed_and_marked() -> None:
    cells = measured(2, ["small"], peer=Scripted({"check": "data", "count": (1.0, 10)}))
    assert cells["small", "64k"]["peer"] == parsers.Cell((1.0, 1.0), 10, "data")


def test_who_was_right_when_checked_and_gives_less_when_timed_is_marked() -> None:
    cells = measured(2, ["small"], peer=Scripted({"check": "", "count": (1.0, 10)}))
    assert cells["small", "64k"]["peer"].fault == f"10 events for {SMALL}"


def test_who_dies_in_a_later_run_has_no_figure_and_the_others_have_theirs() -> None:
    dies = Scripted({"check": "", "count": [(1.0, 10), "its process died"]})
    cells = measured(3, ["small"], dies=dies, fine=Scripted({"check": "", "count": (1.0, 10)}))
    assert cells["small", "64k"]["dies"] == parsers.Cell((), 0, "its process died")
    assert cells["small", "64k"]["fine"].runs == (1.0, 1.0, 1.0)
    assert dies.asked == 3


def test_who_hangs_on_everything_is_not_waited_for_at_each_corpus() -> None:
    corpora = ["small", "claude", "cjk", "crlf", "ids"]
    hangs = Scripted({"check": "", "count": "over 20 s"})
    cells = measured(2, corpora, hangs=hangs)
    assert [cells[name, "64k"]["hangs"].fault for name in corpora] == [
        *["over 20 s"] * parsers.GIVE_UP, *["not asked any more"] * 2,
    ]  # fmt: skip
    assert hangs.asked == 2 * parsers.GIVE_UP


def test_a_fault_of_ours_ends_the_run() -> None:
    with pytest.raises(SystemExit, match="ssewire py is wrong on small"):
        measured(1, ["small"], **{"ssewire py": Scripted({"check": "data", "count": (1.0, 10)})})


# --- processes

ANSWERS = """
import json, os, subprocess, sys, time
for line in sys.stdin:
    what = json.loads(line)[0]
    if what == "rubbish": print("please star us", flush=True)
    if what == "shape": print("{}", flush=True)
    if what == "bytes": sys.stdout.buffer.write(b"\\xff\\n"); sys.stdout.flush()
    if what == "hang": subprocess.Popen(["sleep", "300"]); time.sleep(300)
    if what == "die": subprocess.Popen(["sleep", "300"]); os._exit(1)
    print(json.dumps({"answer": what}), flush=True)
"""


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("rubbish", "prints something else than its answer"),
        ("shape", "prints something else than its answer"),
        ("bytes", "prints something else than its answer"),
        # Its child has the pipe as well, and is not waited for.
        ("hang", "over 1 s"),
    ],
)
def test_a_worker_that_answers_badly_is_ended_with_all_it_started_and_the_next_one_answers(
    what: str, why: str
) -> None:
    worker = Worker([sys.executable, "-c", ANSWERS], dict(os.environ))
    begin = time.monotonic()
    try:
        with pytest.raises(NoAnswer, match=why):
            worker.ask(what, limit=1.0 if what == "hang" else 60.0)
        assert worker.ask("fine", limit=60.0) == "fine"
    finally:
        worker.close()
    assert time.monotonic() - begin < 60


def test_a_worker_that_cannot_be_started_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="cannot be started"):
        Worker(["/no/such/program"], {}).ask("fine")


def test_what_a_candidate_writes_below_python_is_not_among_its_answers() -> None:
    script = (
        "import os; from benchmarks.harness.asking import answer; "
        "answer({'noisy': lambda: [os.write(1, b'rubbish'), print('hello')] and 1})"
    )
    worker = Worker([sys.executable, "-c", script], dict(os.environ))
    try:
        assert worker.ask("noisy") == 1
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("print(1); raise SystemExit(3)", "ends with status 3"),
        ("raise ValueError('no such thing')", "ends with status 1: ValueError: no such thing"),
        ("print('no figures')", "prints no JSON"),
        ("", "prints no JSON"),
        ("import subprocess as s; s.Popen(['sleep', '300']); s.run(['sleep', '300'])", "over 1 s"),
    ],
)
def test_a_measurement_that_goes_wrong_says_how(script: str, why: str) -> None:
    command = [sys.executable, "-c", script]
    with pytest.raises(NoAnswer, match=why):
        processes.answer_of(command, dict(os.environ), 1.0 if "sleep" in script else 60.0)


def test_a_measurement_is_the_last_line_whatever_was_said_before() -> None:
    script = "import subprocess as s; print('please star us'); s.Popen(['sleep', '300']); print(1)"
    assert processes.answer_of([sys.executable, "-c", script], dict(os.environ)) == 1
    with pytest.raises(NoAnswer, match="cannot be started"):
        processes.answer_of(["/no/such/program"], {})

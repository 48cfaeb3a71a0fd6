# SPDX-License-Identifier: MIT
"""Candidates in processes of their own: what is missing, crashes, hangs or is wrong costs a row."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import (
    claude_clients,
    claude_pipeline,
    footprint,
    imports,
    partial_json,
    serving,
)
from benchmarks.harness import (
    alone,
    candidates,
    importing,
    message_server,
    messages,
    processes,
    readers,
)
from benchmarks.harness.figures import Cell, Sheet
from benchmarks.harness.processes import NoAnswer

pytestmark = pytest.mark.once

ABSENT = "a-package-that-nobody-has"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


# --- candidates and their results


def test_a_wrong_result_keeps_its_figures_and_is_marked_in_its_column() -> None:
    def ask(name: str) -> dict[str, Any]:
        results = {"text": 1, "tool": 2 if name == "fine" else 3}
        return {"figures": {"text": 5.0, "tool": 6.0}, "results": results}

    cells = alone.checked(["fine", "wrong"], 2, ask, {"text": 1, "tool": 2})
    assert cells["fine"]["tool"] == Cell((6.0, 6.0))
    assert cells["wrong"]["text"] == Cell((5.0, 5.0))
    assert cells["wrong"]["tool"] == Cell((6.0, 6.0), alone.WRONG)


def test_a_result_that_is_wrong_once_in_several_runs_is_wrong() -> None:
    found = iter([1, 2, 1])

    def ask(name: str) -> dict[str, Any]:
        return {"figures": {"text": 5.0}, "results": {"text": next(found)}}

    assert alone.checked(["x"], 3, ask, {"text": 1})["x"]["text"].fault == alone.WRONG


def test_a_result_that_is_not_told_is_wrong() -> None:
    def ask(name: str) -> dict[str, Any]:
        return {"figures": {"text": 5.0}, "results": {}}

    assert alone.checked(["x"], 1, ask, {"text": 1})["x"]["text"].fault == alone.WRONG


def test_a_candidate_that_is_not_installed_costs_its_row_only() -> None:
    def ask(name: str) -> dict[str, Any]:
        alone.need(name)
        return {"figures": {"text": 5.0}, "results": {}}

    cells = alone.checked([ABSENT, "ssewire"], 2, ask, {})
    assert cells == {
        ABSENT: {"text": Cell((), "not installed")},
        "ssewire": {"text": Cell((5.0, 5.0))},
    }


def test_columns_are_chosen_and_put_beside_each_other_with_the_faults() -> None:
    cells = {"x": {"cpu": Cell((1.0,)), "memory": Cell((2.0,))}, "y": {"cpu": Cell((), "over")}}
    one = alone.only(cells, {"memory": "100 streams"})
    assert one == {"x": {"100 streams": Cell((2.0,))}, "y": {"100 streams": Cell((), "over")}}
    both = alone.beside(one, {"x": {"1 stream": Cell((3.0,))}})
    assert list(both["x"]) == ["100 streams", "1 stream"]
    assert list(both["y"]) == ["100 streams"]


OTHER_SHAPES: list[Any] = [
    *({}, [], 12, None, "text", {"figures": {}, "results": {}}, {"figures": {"text": 1.0}}),
    *({"figures": {"text": None}, "results": {}}, {"figures": [1], "results": {}}),
    *({"figures": {"text": float("nan")}, "results": {}}, {"figures": {"text": 1}, "results": 1}),
]


@pytest.mark.parametrize("told", OTHER_SHAPES, ids=repr)
def test_an_answer_of_another_shape_costs_its_row_only(told: Any) -> None:
    right = {"figures": {"text": 5.0}, "results": {"text": 1}}
    answers = {"right": right, "other": told}
    cells = alone.checked(answers, 2, answers.__getitem__, {"text": 1})
    assert cells == {
        "right": {"text": Cell((5.0, 5.0))},
        "other": {"text": Cell((), "prints no figures")},
    }
    costs = {"right": {"costs": {"text": 5.0}, "fault": ""}, "other": told}
    assert serving._checked(costs, 2, costs.__getitem__, "") == cells


def test_viewers_whose_memory_is_not_told_cost_their_row_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "measure", lambda *told, limit: {})
    with pytest.raises(NoAnswer, match="prints no figures"):
        serving.of_viewer("anyone", 10)


def test_versions_name_what_is_missing() -> None:
    assert alone.versions_of(["pytest", ABSENT]) == (
        {"pytest": metadata.version("pytest")},
        {ABSENT: "not installed"},
    )


# --- the start of a process


def test_the_first_output_of_a_process_is_its_first_line_and_the_rest_is_not_waited_for() -> None:
    code = "import time; print('one', flush=True); print('two', flush=True); time.sleep(60)"
    seconds, text = footprint.first_output(python(code), dict(os.environ), 50)
    assert text == "one"
    assert 0 < seconds < 50


@pytest.mark.parametrize(
    ("code", "limit", "why"),
    [
        ("import a_module_that_nobody_has", 50.0, "No module named 'a_module_that_nobody_has'"),
        ("", 50.0, "ends with status 0"),
        ("import time; time.sleep(60)", 0.2, "over 0.2 s"),
        ("import time; print('x', end='', flush=True); time.sleep(60)", 0.5, "over 0.5 s"),
        ("import os; os.abort()", 50.0, "ends with status -6"),
        ("import sys; sys.exit('x' * 1_000_000)", 50.0, "ends with status 1: x"),
        ("import os, time; os.close(1); time.sleep(60)", 0.5, "over 0.5 s"),
        ("import os, subprocess; subprocess.Popen(['sleep', '9']); os._exit(0)", 0.5, "over 0.5 s"),
    ],
    ids=[
        *("crashes", "silent", "hangs", "hangs within a line", "dies", "says much"),
        *("closes its output", "leaves a child with its output"),
    ],
)
def test_a_process_without_a_first_line_is_no_answer(code: str, limit: float, why: str) -> None:
    with pytest.raises(NoAnswer, match=why):
        footprint.first_output(python(code), dict(os.environ), limit)


def test_what_a_process_started_is_stopped_with_it(tmp_path: Path) -> None:
    # The pipe has no writer any more, so that its end is read, once both are gone.
    os.mkfifo(fifo := tmp_path / "held")
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    held = f"held = os.open({str(fifo)!r}, os.O_WRONLY)"
    child = "subprocess.Popen(['sleep', '60'], pass_fds=[held])"
    code = f"import os, subprocess\n{held}\n{child}\nprint('one', flush=True)\n{child}.wait()"
    try:
        assert footprint.first_output(python(code), dict(os.environ), 50)[1] == "one"
        os.set_blocking(reading, True)
        assert select.select([reading], [], [], 5)[0]
        assert os.read(reading, 1) == b""
    finally:
        os.close(reading)


def test_ry_starts_by_its_blocking_client_and_by_that_of_asyncio() -> None:
    assert "BlockingClient" in footprint._FIRST_EVENT["ry"]
    assert "asyncio" in footprint._FIRST_EVENT["ry, asyncio"]
    assert footprint.needed("ry, asyncio") == ("ry",)
    assert footprint.needed("sseclient-py + requests") == ("sseclient-py", "requests")
    assert footprint.needed("ssewire.aio") == ()


def test_a_command_that_is_not_there_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="cannot be started"):
        footprint.first_output([str(Path(sys.prefix) / "not there")], dict(os.environ))


@pytest.mark.sockets
def test_ours_start_to_a_first_text_and_event_and_peers_cost_their_rows_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    column = "start to first"
    crash = "import a_module_that_nobody_has"
    texts = {
        "ssewire py": ((), "python", footprint._OURS),
        "ssewire py, by command": ((), "python", footprint._OURS_BY_COMMAND),
        "other": ((), "auto", ["-c", "print('other text')"]),
        ABSENT: ((ABSENT,), "auto", ["-c", ""]),
    }
    ours = footprint._FIRST_EVENT["ssewire.client"]
    events = {"ssewire.client": ours, "pytest": crash, ABSENT: ""}
    monkeypatch.setattr(footprint, "FIRST_TEXT", texts)
    monkeypatch.setattr(footprint, "_FIRST_EVENT", events)
    found, plain = (sheet.cells for sheet in footprint.start_sheets(1, True))
    assert [cell[column].fault for cell in found.values()] == ["", "", alone.WRONG, "not installed"]
    assert [len(cell[column].runs) for cell in found.values()] == [1, 1, 1, 0]
    client = plain["ssewire.client"][column]
    assert (client.fault, len(client.runs)) == ("", 1)
    assert "No module named" in plain["pytest"][column].fault
    assert plain[ABSENT] == {column: Cell((), "not installed")}


# --- imports


def test_an_import_tells_what_it_loaded_and_the_memory_after_it() -> None:
    nothing = importing.once("", "python")
    assert nothing.names == []
    loaded = importing.once("json", "python")
    assert "json.decoder" in loaded.names
    assert loaded.seconds > nothing.seconds
    if Path("/proc/self/statm").exists():
        assert loaded.resident >= nothing.resident > 1024 * 1024


def test_a_module_that_cannot_be_imported_costs_its_row_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modules = {"json": "json", "ssewire py": "ssewire", "pytest": "a_module_that_nobody_has"}
    monkeypatch.setattr(imports, "MODULES", {**modules, ABSENT: "json"})
    monkeypatch.setattr(imports, "PACKAGES", ("pytest", ABSENT))
    times, _ = imports.sheets(1, True)
    assert [len(row["import"].runs) for row in times.cells.values()] == [1, 1, 0, 0]
    assert "No module named" in times.cells["pytest"]["import"].fault
    assert times.cells[ABSENT]["import"].fault == "not installed"
    assert imports.NOTHING not in times.cells


@pytest.mark.parametrize(
    "said", ["{}", "12", "[1, 2]", '["a", 1, []]', "[1, null, []]", "[1, 2, 3]"]
)
def test_a_module_that_ends_its_import_with_other_words_is_no_answer(
    tmp_path: Path, said: str
) -> None:
    code = f"import os\nprint({said!r}, flush=True)\nos._exit(0)\n"
    (tmp_path / "bench_talks.py").write_text(code)
    with pytest.raises(NoAnswer, match="prints no figures"):
        importing.once("bench_talks", "python", PYTHONPATH=on_path(tmp_path))


def test_a_banner_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print("Welcome!", end="")
    alone.tell({"cpu": 1.5})
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"cpu": 1.5}

    def last_line(command: list[str], env: dict[str, str], limit: float) -> Any:
        said = subprocess.run(command, env=env, timeout=limit, capture_output=True, check=True)
        return json.loads(said.stdout.splitlines()[-1])

    monkeypatch.setattr(importing, "answer_of", last_line)
    (tmp_path / "bench_greets.py").write_text("print('Welcome!', end='')\n")
    found = importing.once("bench_greets", "python", PYTHONPATH=on_path(tmp_path))
    assert found.names == ["bench_greets"]


def on_path(folder: Path) -> str:
    return os.pathsep.join([str(folder), processes.environment("python")["PYTHONPATH"]])


# --- disk


def install(
    folder: Path, name: str, size: int, requires: tuple[str, ...] = (), record: bool = True
) -> None:
    """Lay out a package as an installer does: a module of so many bytes, byte code, a list."""
    (folder / f"{name}.py").write_bytes(b"#" * size)
    (folder / f"{name}.pyc").write_bytes(b"c" * 1000)
    (folder / f"{name}.so").write_bytes(b"s" * 100)
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    lines = [f"Requires-Dist: {text}" for text in requires]
    header = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1", *lines])
    (info / "METADATA").write_text(header + "\n")
    if record:
        files = (f"{name}.py", f"{name}.pyc", f"{name}.so", "gone.py")
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_size_of_a_package_is_that_of_its_files_without_byte_code(installed: Path) -> None:
    install(installed, "bench_a", 50)
    found = metadata.distribution("bench_a")
    assert footprint.size(found) == 150
    assert footprint.size(found, footprint.COMPILED) == 50


def test_what_is_required_is_followed_with_the_extras_that_are_asked_for(installed: Path) -> None:
    install(installed, "bench_a", 1, ("Bench.B[fast]>=1", "bench_d; extra == 'more'"))
    none = "bench_f; python_version < '3'"
    install(installed, "bench_b", 1, ("bench_c; extra == 'fast'", "bench_e; extra == 'slow'", none))
    install(installed, "bench_c", 1, ("bench_a",))
    assert sorted(footprint.required(("bench_a",))) == ["bench-a", "bench-b", "bench-c"]


def test_what_is_not_there_to_be_counted_is_no_answer(installed: Path) -> None:
    install(installed, "bench_a", 1, (ABSENT,))
    install(installed, "bench_b", 1, record=False)
    with pytest.raises(NoAnswer, match=f"{ABSENT} is not installed"):
        footprint.required(("bench_a",))
    with pytest.raises(NoAnswer, match=r"^not installed$"):
        footprint.required((ABSENT,))
    with pytest.raises(NoAnswer, match="not installed from a wheel"):
        footprint.size(metadata.distribution("bench_b"))


def test_disk_is_counted_once_and_what_cannot_be_costs_its_row_only(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(installed, "bench_a", 1024 * 1024 - 100, ("bench_b",))
    install(installed, "bench_b", 1024 * 1024 - 100)
    others = {"bench_a": (), "bench_a + bench_b": (), "bench_b": ("bench_a",), ABSENT: ()}
    monkeypatch.setattr(footprint, "INSTALLED", others)
    disk, packages = footprint.disk_sheets()
    assert disk.cells["bench_a"]["itself"] == Cell((1.0,))
    assert disk.cells["bench_a"]["with all it requires"] == Cell((2.0,))
    assert disk.cells["bench_a + bench_b"]["itself"] == Cell((2.0,))
    assert (disk.cells["bench_b"]["with all it requires"], disk.cells["bench_b"]["itself"]) == (
        Cell((2.0,)),
        Cell((1.0,)),
    )
    assert packages.cells["bench_a"] == {"packages": Cell((2.0,))}
    assert disk.cells[ABSENT]["itself"] == Cell((), "not installed")


def test_each_parser_that_is_measured_has_its_row_of_imports_and_of_disk() -> None:
    # This one lies where nothing else finds it.
    parsers = [name for name in candidates.PEERS if name != "sseclient"]
    for name in [*map(footprint.package, ("ssewire cy", "ssewire py")), *parsers]:
        assert name in imports.MODULES
        assert name in (*footprint.INSTALLED, "ssewire", "ssewire py")


# --- Claude


@pytest.mark.parametrize("chunks", ["one event a chunk", "in bulk"])
def test_ours_reads_from_bytes_to_messages_what_is_right(chunks: str) -> None:
    found = claude_pipeline.candidate("ssewire", chunks, 30, 0.001)
    assert found["results"] == claude_pipeline.right(30)
    assert list(found["figures"]) == ["text", "events", "tool and snapshots"]


def test_the_sdks_raw_events_are_read_and_checked_too() -> None:
    pytest.importorskip("anthropic")
    found = claude_pipeline.candidate(claude_pipeline.CREATED, "in bulk", 30, 0.001)
    assert found["results"] == {"events": claude_pipeline.right(30)["events"]}
    assert list(found["figures"]) == ["events"]


def test_raw_events_are_counted_by_their_text_alone() -> None:
    delta = SimpleNamespace(type="text_delta", text="four")
    events = [
        SimpleNamespace(type="message_start"),
        SimpleNamespace(type="content_block_delta", delta=delta),
        SimpleNamespace(type="content_block_delta", delta=SimpleNamespace(type="other")),
    ]
    asked: dict[str, Any] = {}

    def create(**options: Any) -> Any:
        asked.update(options)
        return nullcontext(iter(events))

    client = SimpleNamespace(messages=SimpleNamespace(create=create))
    assert readers.sdk_created(client) == 4
    assert asked["stream"] is True


def test_the_lines_of_a_tools_input_are_counted_as_snapshots_show_them() -> None:
    events = messages.tool_events(7)
    assert messages.lines_seen(events) == readers.ours_tool_snapshots(events) > 7


def test_the_sdk_costs_its_row_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "installed", lambda name: None)
    names = ("ssewire py", "anthropic", claude_pipeline.CREATED)
    monkeypatch.setattr(claude_pipeline, "_CANDIDATES", names)
    for sheet in claude_pipeline.sheets(1, True):
        assert sheet.cells["anthropic"]["text"] == Cell((), "not installed")
        # It has events alone.
        assert sheet.cells[claude_pipeline.CREATED] == {"events": Cell((), "not installed")}
        assert [cell.fault for cell in sheet.cells["ssewire py"].values()] == ["", "", ""]


def test_ours_gives_the_value_of_partial_json() -> None:
    assert all(partial_json.candidate("ssewire", "0.001")["results"].values())


@pytest.fixture(scope="module")
def url() -> Any:
    with message_server.server() as url:
        yield url


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("kind", "streams"), [("blocking", "1"), ("asyncio", "1"), ("asyncio", "3")]
)
def test_ours_takes_the_messages_of_the_server(url: str, kind: str, streams: str) -> None:
    found = claude_clients.answer("ssewire", kind, url, streams, "5")
    assert found["figures"]["cpu"] > 0
    assert set(found["results"].values()) == {0}
    assert ("memory" in found["figures"]) == (streams == "3")


@pytest.mark.sockets
@pytest.mark.parametrize(("kind", "streams"), [("blocking", "1"), ("asyncio", "3")])
def test_a_client_with_another_message_is_wrong(
    url: str, monkeypatch: pytest.MonkeyPatch, kind: str, streams: str
) -> None:
    monkeypatch.setattr(claude_clients, "text_of", lambda deltas: "another")
    found = claude_clients.answer("ssewire", kind, url, streams, "5")
    assert set(found["results"].values()) == {int(streams)}


@pytest.mark.sockets
def test_a_client_that_cannot_open_many_streams_ends_at_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = claude_clients.client

    def refuse(**asked: Any) -> Any:
        raise ConnectionError("refused")

    def client(name: str, url: str, asynchronous: bool) -> Any:
        refusing = SimpleNamespace(messages=SimpleNamespace(stream=refuse))
        return real(name, url, asynchronous) if "/paced/" in url else refusing

    monkeypatch.setattr(claude_clients, "client", client)
    with pytest.raises(ConnectionError, match="refused"):
        claude_clients.answer("ssewire", "asyncio", url, "3", "5")


def test_one_loop_only_is_measured_beside_the_sdk() -> None:
    assert not [name for name in claude_clients.ASYNCIO if "uvloop" in name]
    assert not [name for name in alone.OURS if "uvloop" in name]


def test_what_was_asked_is_left_out_where_the_sdk_is_not_measured() -> None:
    cells = {"ssewire": {"asyncio, 100 streams": Cell((1.0,))}}
    sdk = {"anthropic": {"asyncio, 100 streams": Cell((10.0,))}}
    absent = {"anthropic": {"asyncio, 100 streams": Cell((), "not installed")}}
    both = [
        Sheet("", "", "µs", "", {**cells, **sdk}),
        Sheet("", "", "KiB", "", {**cells, **absent}),
    ]
    (target,) = claude_clients.targets(both)
    assert (target.figure, target.reached) == (0.1, True)
